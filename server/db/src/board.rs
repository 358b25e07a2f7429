//! Shots as the board shows them: filtered, sorted, a page at a time.

use std::collections::HashMap;

use domain::{Day, PersonId, Phase, ProjectId, Rate, SequenceId, ShotId};
use sqlx::any::AnyRow;

use crate::assignments::read_due;
use crate::row::{Cells, places};
use crate::{Db, Error, Result, parse};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Empty: all.
    pub phases: Vec<Phase>,
    pub sequence_id: Option<SequenceId>,
    /// Part of a name, any case.
    pub q: String,
    /// By name rather than newest change first.
    pub by_name: bool,
    /// Only shots with a version shown to clients, and only such versions' numbers.
    pub client: bool,
    pub assigned: Option<Assigned>,
    /// Due from the first day to the last, and not approved.
    pub due: Option<(Day, Day)>,
}

/// Whose shots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assigned {
    To(PersonId),
    ToNobody,
}

/// What a card shows of a shot.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    pub shot_id: ShotId,
    pub name: String,
    pub phase: Phase,
    pub problem: Option<String>,
    pub removal: String,
    pub has_poster: bool,
    pub frames: Option<u32>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub rate: Option<Rate>,
    /// Number of the newest version.
    pub version: Option<u32>,
    /// Number of the newest quadmask.
    pub quadmask: Option<u32>,
    pub due: Option<Day>,
    pub updated_at: i64,
}

/// The condition on `shot s` for what a viewer sees: nothing that lies in the bin.
pub(crate) fn shown(client: bool) -> &'static str {
    if client {
        "s.binned_at is null and exists (select 1 from version c where c.shot_id = s.shot_id and c.client_visible = 1)"
    } else {
        "s.binned_at is null"
    }
}

fn read(row: &AnyRow) -> Result<Card> {
    Ok(Card {
        shot_id: row.word("shot_id")?,
        name: row.text("name")?,
        phase: row.word("phase")?,
        problem: row.maybe_text("problem")?,
        removal: row.maybe_text("removal")?.unwrap_or_default(),
        has_poster: row.maybe_text("poster")?.is_some(),
        frames: row.maybe_count("frames")?,
        width: row.maybe_count("width")?,
        height: row.maybe_count("height")?,
        rate: row.maybe_text("rate")?.map(|text| read_rate(&text)).transpose()?,
        version: row.maybe_count("version")?,
        quadmask: row.maybe_count("quadmask")?,
        due: read_due(row.maybe_int("due")?)?,
        updated_at: row.int("updated_at")?,
    })
}

fn read_rate(text: &str) -> Result<Rate> {
    let corrupt = || Error::Corrupt(format!("rate = “{text}”"));
    let (num, den) = text.split_once('/').ok_or_else(corrupt)?;
    Rate::new(parse("rate", num)?, parse("rate", den)?).map_err(|_| corrupt())
}

/// How many shots match, and `limit` of them from `offset`.
pub async fn page(
    db: &Db,
    project_id: ProjectId,
    filter: &Filter,
    offset: u32,
    limit: u32,
) -> Result<(u32, Vec<Card>)> {
    let Filter { phases, sequence_id, q, by_name, client, assigned, due } = filter;
    let mut values = vec![project_id.to_string()];
    let mut conditions = format!("s.project_id = $1 and {}", shown(*client));
    if !phases.is_empty() {
        conditions += &format!(" and s.phase in ({})", places(values.len() + 1, phases.len()));
        values.extend(phases.iter().map(|phase| phase.slug().to_owned()));
    }
    if let Some(id) = sequence_id {
        values.push(id.to_string());
        conditions += &format!(" and s.sequence_id = ${}", values.len());
    }
    if !q.trim().is_empty() {
        values.push(format!(
            "%{}%",
            q.trim().to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_")
        ));
        conditions += &format!(" and lower(s.name) like ${} escape '!'", values.len());
    }
    match assigned {
        Some(Assigned::To(person_id)) => {
            values.push(person_id.to_string());
            let n = values.len();
            conditions += &format!(
                " and exists (select 1 from assignment a where a.shot_id = s.shot_id and a.person_id = ${n})"
            );
        }
        Some(Assigned::ToNobody) => {
            conditions += " and not exists (select 1 from assignment a where a.shot_id = s.shot_id)";
        }
        None => {}
    }
    if let Some((first, last)) = due {
        // Numbers of our own, not text of others.
        let (first, last) = (first.number(), last.number());
        conditions += &format!(" and s.due between {first} and {last} and s.phase <> 'approved'");
    }
    let count_text = format!("select count(*) from shot s where {conditions}");
    let mut count = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(count_text));
    let seen = if *client { "and v.client_visible = 1" } else { "" };
    let order = if *by_name { "lower(s.name), s.shot_id" } else { "s.updated_at desc, s.shot_id" };
    let page_text = format!(
        "select s.shot_id, s.name, s.phase, s.problem, w.removal, s.poster, s.frames, s.width, s.height, s.rate, s.due, s.updated_at,
             (select max(v.n) from version v where v.shot_id = s.shot_id {seen}) as version,
             (select max(m.n) from quadmask m where m.shot_id = s.shot_id) as quadmask
         from shot s left join words w on w.shot_id = s.shot_id where {conditions}
         order by {order} limit ${} offset ${}",
        values.len() + 1,
        values.len() + 2
    );
    let mut cards = sqlx::query(sqlx::AssertSqlSafe(page_text));
    for value in &values {
        count = count.bind(value.clone());
        cards = cards.bind(value.clone());
    }
    let total = count.fetch_one(&db.pool).await?;
    let rows = cards.bind(i64::from(limit)).bind(i64::from(offset)).fetch_all(&db.pool).await?;
    Ok((u32::try_from(total).unwrap_or(u32::MAX), rows.iter().map(read).collect::<Result<_>>()?))
}

/// The shots before and after one in the board's order (newest change first).
pub async fn neighbours(db: &Db, shot_id: ShotId, client: bool) -> Result<(Option<ShotId>, Option<ShotId>)> {
    let ask = |newer: bool| {
        let (than, tie, order) = if newer {
            (">", "<", "s.updated_at, s.shot_id desc")
        } else {
            ("<", ">", "s.updated_at desc, s.shot_id")
        };
        format!(
            "select s.shot_id from shot s join shot me on me.shot_id = $1 and me.project_id = s.project_id
             where (s.updated_at {than} me.updated_at or (s.updated_at = me.updated_at and s.shot_id {tie} me.shot_id))
             and {} order by {order} limit 1",
            shown(client)
        )
    };
    let mut found = [None, None];
    for (slot, newer) in found.iter_mut().zip([true, false]) {
        let id: Option<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(ask(newer)))
            .bind(shot_id.to_string())
            .fetch_optional(&db.pool)
            .await?;
        *slot = id.map(|id| parse("shot_id", &id)).transpose()?;
    }
    Ok((found[0], found[1]))
}

/// Whether a client sees the shot.
pub async fn is_shown_to_clients(db: &Db, shot_id: ShotId) -> Result<bool> {
    let text = format!("select count(*) from shot s where s.shot_id = $1 and {}", shown(true));
    let rows: i64 =
        sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(shot_id.to_string()).fetch_one(&db.pool).await?;
    Ok(rows > 0)
}

/// Names of shots with the names of their projects.
pub async fn names(db: &Db, shots: &[ShotId]) -> Result<HashMap<ShotId, (String, String)>> {
    if shots.is_empty() {
        return Ok(HashMap::new());
    }
    let mut query = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select s.shot_id, s.name, p.name as project_name from shot s join project p on p.project_id = s.project_id
         where s.shot_id in ({}) and s.binned_at is null and p.binned_at is null",
        places(1, shots.len())
    )));
    for shot in shots {
        query = query.bind(shot.to_string());
    }
    let rows = query.fetch_all(&db.pool).await?;
    rows.iter()
        .map(|row| Ok((row.word("shot_id")?, (row.text("name")?, row.text("project_name")?))))
        .collect()
}
