//! Who works on a shot, and its due day.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use domain::inbox::EntryKind;
use domain::work::MOST_SHOTS;
use domain::{Action, Assignee, Day, EventKind, PersonId, ProjectId, Role, ShotId, WorkChange, may};
use sqlx::AnyConnection;
use sqlx::any::AnyExecutor;

use crate::row::{Cells, places};
use crate::{Db, Error, Result, events, inbox, now, shots, threads};

/// Who can be assigned in a project: active people who see it, clients not.
pub async fn people<'e>(executor: impl AnyExecutor<'e>, project_id: ProjectId) -> Result<Vec<Assignee>> {
    let readers = threads::readers(executor, project_id, false).await?;
    Ok(readers
        .into_iter()
        .map(|reader| Assignee { person_id: reader.person_id, name: reader.name })
        .collect())
}

/// Changes the work on 1 to 100 shots, all of them or none. Who becomes assigned finds it in their inbox.
pub async fn change(
    tx: &mut AnyConnection,
    shots: &[ShotId],
    change: WorkChange,
    by: PersonId,
) -> Result<()> {
    let mut shots = shots.to_vec();
    // Always in the same order, so that two who change many at once wait for each other instead of both failing.
    shots.sort_unstable();
    shots.dedup();
    if shots.is_empty() || shots.len() > MOST_SHOTS {
        return Err(Error::Invalid(format!("Choose 1 to {MOST_SHOTS} shots, and the others after these.")));
    }
    let mut allowed: HashMap<ProjectId, Vec<Assignee>> = HashMap::new();
    for shot_id in shots {
        let shot = shots::lock(tx, shot_id).await?;
        if let WorkChange::Assign { person_id } = change {
            let here = match allowed.entry(shot.project_id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(people(&mut *tx, shot.project_id).await?),
            };
            if !here.iter().any(|one| one.person_id == person_id) {
                return Err(Error::Invalid(
                    "Only people of this project can be assigned, and never its clients.".into(),
                ));
            }
        }
        if apply(tx, shot_id, change, by).await? {
            events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Shot).await?;
        }
    }
    Ok(())
}

/// Whether anything became another.
async fn apply(tx: &mut AnyConnection, shot_id: ShotId, change: WorkChange, by: PersonId) -> Result<bool> {
    match change {
        WorkChange::Assign { person_id } => assign(tx, shot_id, person_id, by).await,
        WorkChange::Unassign { person_id } => unassign(tx, shot_id, Some(person_id)).await,
        WorkChange::Due { day } => set_due(tx, shot_id, Some(day)).await,
        WorkChange::NotDue => set_due(tx, shot_id, None).await,
        WorkChange::Clear => {
            let was_assigned = unassign(tx, shot_id, None).await?;
            Ok(set_due(tx, shot_id, None).await? || was_assigned)
        }
    }
}

async fn assign(tx: &mut AnyConnection, shot_id: ShotId, person_id: PersonId, by: PersonId) -> Result<bool> {
    if !put(tx, shot_id, person_id, by).await? {
        return Ok(false);
    }
    inbox::put(
        tx,
        &[person_id],
        &inbox::New { by: Some(by), ..inbox::New::about(shot_id, EntryKind::Assigned) },
    )
    .await?;
    Ok(true)
}

/// Without a word; whether they were not assigned before.
async fn put(tx: &mut AnyConnection, shot_id: ShotId, person_id: PersonId, by: PersonId) -> Result<bool> {
    let made = sqlx::query(
        "insert into assignment (shot_id, person_id, assigned_by, assigned_at) values ($1, $2, $3, $4)
         on conflict (shot_id, person_id) do nothing",
    )
    .bind(shot_id.to_string())
    .bind(person_id.to_string())
    .bind(by.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    Ok(made.rows_affected() > 0)
}

/// `None`: everybody.
async fn unassign(tx: &mut AnyConnection, shot_id: ShotId, person_id: Option<PersonId>) -> Result<bool> {
    let only = if person_id.is_some() { "and person_id = $2" } else { "" };
    let text = format!("delete from assignment where shot_id = $1 {only}");
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(shot_id.to_string());
    if let Some(person_id) = person_id {
        query = query.bind(person_id.to_string());
    }
    Ok(query.execute(&mut *tx).await?.rows_affected() > 0)
}

async fn set_due(tx: &mut AnyConnection, shot_id: ShotId, day: Option<Day>) -> Result<bool> {
    let done =
        sqlx::query("update shot set due = $2 where shot_id = $1 and coalesce(due, -1) <> coalesce($2, -1)")
            .bind(shot_id.to_string())
            .bind(day.map(Day::number))
            .execute(&mut *tx)
            .await?;
    Ok(done.rows_affected() > 0)
}

async fn tell(tx: &mut AnyConnection, shot_id: ShotId) -> Result<()> {
    let row = sqlx::query("select project_id from shot where shot_id = $1")
        .bind(shot_id.to_string())
        .fetch_one(&mut *tx)
        .await?;
    events::tell(tx, Some(row.word("project_id")?), Some(shot_id), &EventKind::Shot).await
}

/// Gives everything that somebody is assigned to somebody else, who finds it in their inbox, or to nobody; how many shots.
/// What is archived or in the bin changes hands too, without a word.
///
/// # Errors
/// [`Error::Invalid`] where the other one cannot be assigned in one of the projects; nothing is changed then.
pub async fn hand_over(
    tx: &mut AnyConnection,
    from: PersonId,
    to: Option<PersonId>,
    by: PersonId,
) -> Result<u32> {
    if to == Some(from) {
        return Err(Error::Invalid("Choose somebody else to take over the shots, or nobody.".into()));
    }
    let rows = sqlx::query(
        "select a.shot_id, s.project_id, p.name as project_name,
             case when s.binned_at is null and p.binned_at is null and p.archived_at is null then 1 else 0 end as open
         from assignment a join shot s on s.shot_id = a.shot_id join project p on p.project_id = s.project_id
         where a.person_id = $1 order by a.shot_id",
    )
    .bind(from.to_string())
    .fetch_all(&mut *tx)
    .await?;
    let mut checked: Vec<ProjectId> = Vec::new();
    for row in &rows {
        let (shot_id, project_id): (ShotId, ProjectId) = (row.word("shot_id")?, row.word("project_id")?);
        let Some(to) = to else { continue };
        if !checked.contains(&project_id) {
            if !people(&mut *tx, project_id).await?.iter().any(|one| one.person_id == to) {
                return Err(Error::Invalid(format!(
                    "Whoever you chose cannot be assigned in “{}”: add them to that project first, or choose somebody else.",
                    row.text("project_name")?
                )));
            }
            checked.push(project_id);
        }
        if row.flag("open")? {
            assign(tx, shot_id, to, by).await?;
        } else {
            put(tx, shot_id, to, by).await?;
        }
    }
    sqlx::query("delete from assignment where person_id = $1")
        .bind(from.to_string())
        .execute(&mut *tx)
        .await?;
    for row in &rows {
        tell(tx, row.word("shot_id")?).await?;
    }
    Ok(rows.len() as u32)
}

/// Who has shots to do, and how many; what is in the bin does not count.
pub async fn counts(db: &Db) -> Result<HashMap<PersonId, u32>> {
    let rows = sqlx::query(
        "select a.person_id, count(*) as shots from assignment a join shot s on s.shot_id = a.shot_id
         join project p on p.project_id = s.project_id where s.binned_at is null and p.binned_at is null
         group by a.person_id",
    )
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(|row| Ok((row.word("person_id")?, row.count("shots")?))).collect()
}

/// Takes somebody off shots that they no longer see, after their role or a membership changed.
pub(crate) async fn drop_unseen(tx: &mut AnyConnection, person_id: PersonId) -> Result<()> {
    let row = sqlx::query("select role from person where person_id = $1")
        .bind(person_id.to_string())
        .fetch_optional(&mut *tx)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let role: Role = row.word("role")?;
    let unseen = if !may(role, Action::ViewShot) {
        ""
    } else if !may(role, Action::SeeEveryProject) {
        "and shot_id in (select s.shot_id from shot s where not exists (
             select 1 from project_member m where m.project_id = s.project_id and m.person_id = $1))"
    } else {
        return Ok(());
    };
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "delete from assignment where person_id = $1 {unseen} returning shot_id"
    )))
    .bind(person_id.to_string())
    .fetch_all(&mut *tx)
    .await?;
    for row in &rows {
        let shot_id = row.word("shot_id")?;
        tell(tx, shot_id).await?;
    }
    Ok(())
}

/// Who is assigned to each of some shots, in the order of their names.
pub async fn of_shots(db: &Db, shots: &[ShotId]) -> Result<HashMap<ShotId, Vec<Assignee>>> {
    if shots.is_empty() {
        return Ok(HashMap::new());
    }
    let mut query = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select a.shot_id, p.person_id, p.name from assignment a join person p on p.person_id = a.person_id
         where a.shot_id in ({}) order by lower(p.name), p.person_id",
        places(1, shots.len())
    )));
    for shot in shots {
        query = query.bind(shot.to_string());
    }
    let mut found: HashMap<ShotId, Vec<Assignee>> = HashMap::new();
    for row in &query.fetch_all(&db.pool).await? {
        let assignee = Assignee { person_id: row.word("person_id")?, name: row.text("name")? };
        found.entry(row.word("shot_id")?).or_default().push(assignee);
    }
    Ok(found)
}

pub async fn due_of<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Option<Day>> {
    let row = sqlx::query("select due from shot where shot_id = $1")
        .bind(shot_id.to_string())
        .fetch_optional(executor)
        .await?;
    read_due(row.ok_or(Error::NotFound)?.maybe_int("due")?)
}

pub(crate) fn read_due(number: Option<i64>) -> Result<Option<Day>> {
    number.map(|n| Day::from_number(n).ok_or_else(|| Error::Corrupt(format!("due = {n}")))).transpose()
}
