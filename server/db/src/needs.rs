//! What waits for somebody, over all projects in work that they see: shots by the rule of `domain::needs`, and threads that want an answer.

use std::collections::HashSet;

use domain::needs::{Asked, Stand, could_ask, is_decider, of_shot};
use domain::{ApprovalPolicy, Day, PersonId, Phase, ProjectId, ShotId, ThreadId, Verdict};
use sqlx::any::AnyRow;

use crate::assignments::read_due;
use crate::inbox::Reader;
use crate::row::{Cells, places};
use crate::threads::Eyes;
use crate::{Db, Result, board};

/// Most rows that are looked at for each kind.
const MOST: u32 = 500;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    pub asked: Asked,
    pub shot_id: ShotId,
    pub shot_name: String,
    pub project_id: ProjectId,
    pub project_name: String,
    pub phase: Phase,
    pub has_poster: bool,
    pub due: Option<Day>,
    /// When it began to wait.
    pub since: i64,
    /// Number of the quadmask or version that it is about.
    pub n: Option<u32>,
    pub thread_id: Option<ThreadId>,
    /// Who said something last.
    pub by: Option<String>,
}

/// By due day, then what has waited longest.
pub async fn list(db: &Db, reader: Reader<'_>) -> Result<Vec<Need>> {
    if reader.projects.is_empty() {
        return Ok(Vec::new());
    }
    let mut needs = shots(db, reader).await?;
    needs.extend(threads(db, reader).await?);
    needs.sort_by_key(|need| (need.due.is_none(), need.due, need.since, need.shot_id));
    Ok(needs)
}

const OF_SHOT: &str =
    "s.shot_id, s.name as shot_name, r.project_id, r.name as project_name, s.phase, s.poster, s.due";

async fn shots(db: &Db, reader: Reader<'_>) -> Result<Vec<Need>> {
    let phases = |is_assigned: bool| {
        let asks = Phase::ALL.into_iter().filter(|phase| could_ask(reader.role, *phase, is_assigned));
        asks.map(|phase| format!("'{}'", phase.slug())).collect::<Vec<_>>().join(", ")
    };
    let (any, assigned) = (phases(false), phases(true));
    if assigned.is_empty() {
        return Ok(Vec::new());
    }
    let any = if any.is_empty() { String::new() } else { format!("s.phase in ({any}) or ") };
    let text = format!(
        "select {OF_SHOT}, r.policy, s.updated_at, q.n as quadmask_n, q.author, w.author as maker, v.n as version_n, v.client_visible,
             (select count(*) from assignment a where a.shot_id = s.shot_id and a.person_id = $1) as assigned,
             (select count(*) from share_version x where x.version_id = v.version_id) as shared,
             (select count(*) from job j where j.shot_id = s.shot_id and j.kind = 'remove' and j.state in ('queued', 'running')) as removals,
             (select d.verdict from decision d where d.shot_id = s.shot_id and d.person_id = $1 and d.subject_kind = 'quadmask'
                 and d.subject_id = q.quadmask_id and d.subject = q.subject order by d.n desc limit 1) as quadmask_verdict,
             (select d.verdict from decision d where d.shot_id = s.shot_id and d.person_id = $1 and d.subject_kind = 'version'
                 and d.subject_id = v.version_id order by d.n desc limit 1) as version_verdict
         from shot s join project r on r.project_id = s.project_id
         left join quadmask q on q.shot_id = s.shot_id and q.n = (select max(n) from quadmask m where m.shot_id = s.shot_id)
         left join version v on v.shot_id = s.shot_id and v.n = (select max(n) from version m where m.shot_id = s.shot_id)
         left join quadmask w on w.quadmask_id = v.quadmask_id
         where s.project_id in ({}) and s.binned_at is null and r.archived_at is null and ({any}s.phase in ({assigned})
             and exists (select 1 from assignment a where a.shot_id = s.shot_id and a.person_id = $1))
             and (s.phase <> 'approved' or (v.client_visible = 0
                 and not exists (select 1 from share_version x where x.version_id = v.version_id)))
         order by coalesce(s.due, 9999999), s.updated_at limit {MOST}",
        places(2, reader.projects.len())
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(reader.person_id.to_string());
    for project in reader.projects {
        query = query.bind(project.to_string());
    }
    let rows = query.fetch_all(&db.pool).await?;
    let mut needs = Vec::new();
    for row in &rows {
        needs.extend(read_shot(row, reader)?);
    }
    Ok(needs)
}

fn read_shot(row: &AnyRow, reader: Reader<'_>) -> Result<Option<Need>> {
    let phase: Phase = row.word("phase")?;
    let policy: ApprovalPolicy = row.json("policy")?;
    let author: Option<PersonId> =
        row.maybe_word(if phase == Phase::QuadmaskReview { "author" } else { "maker" })?;
    let verdict = match phase {
        Phase::QuadmaskReview => row.maybe_word("quadmask_verdict")?,
        _ => row.maybe_word("version_verdict")?,
    };
    let is_visible = row.maybe_int("client_visible")? == Some(1);
    let stand = Stand {
        phase,
        is_assigned: row.int("assigned")? > 0,
        decides: author.is_some_and(|author| is_decider(&policy, reader.person_id, reader.role, author)),
        has_approved: verdict == Some(Verdict::Approve),
        is_shown: is_visible || row.int("shared")? > 0,
        has_removal: row.int("removals")? > 0,
    };
    let Some(asked) = of_shot(reader.role, stand) else { return Ok(None) };
    let n = match asked {
        Asked::ChangeQuadmask | Asked::DecideQuadmask => row.maybe_count("quadmask_n")?,
        Asked::ChangeResult | Asked::DecideResult | Asked::ShowClient => row.maybe_count("version_n")?,
        _ => None,
    };
    Ok(Some(Need { n, since: row.int("updated_at")?, ..read(row, asked)? }))
}

fn read(row: &AnyRow, asked: Asked) -> Result<Need> {
    Ok(Need {
        asked,
        shot_id: row.word("shot_id")?,
        shot_name: row.text("shot_name")?,
        project_id: row.word("project_id")?,
        project_name: row.text("project_name")?,
        phase: row.word("phase")?,
        has_poster: row.maybe_text("poster")?.is_some(),
        due: read_due(row.maybe_int("due")?)?,
        since: 0,
        n: None,
        thread_id: None,
        by: None,
    })
}

/// Open threads in which somebody named them after they last spoke, and threads of their own with answers they have not read.
/// One row for each thread.
async fn threads(db: &Db, reader: Reader<'_>) -> Result<Vec<Need>> {
    let eyes = reader.eyes();
    let named = "join mention m on m.comment_id = c.comment_id and m.person_id = $1
         where not exists (select 1 from comment o where o.thread_id = t.thread_id and o.author = $1 and o.kind = 'said'
             and o.deleted_at is null and o.n > c.n)";
    let answered = "left join thread_seen e on e.thread_id = t.thread_id and e.person_id = $1
         where t.started_by = $1 and c.n > coalesce(e.n, 0)";
    let mut needs = Vec::new();
    let mut known = HashSet::new();
    for (asked, wanted) in [(Asked::Answer, named), (Asked::ReadReply, answered)] {
        let text = format!(
            "select {OF_SHOT}, t.thread_id, c.created_at, b.name as by_name
             from comment c join thread t on t.thread_id = c.thread_id join shot s on s.shot_id = t.shot_id
             join project r on r.project_id = s.project_id join person b on b.person_id = c.author
             left join version v on v.version_id = t.version_id {wanted}
             and c.author <> $1 and c.kind = 'said' and c.deleted_at is null and t.state = 'open'
             and s.project_id in ({}) and r.archived_at is null and {} and ({}) and {} order by c.created_at desc limit {MOST}",
            places(2, reader.projects.len()),
            board::shown(eyes != Eyes::Team),
            eyes.sees_thread(),
            eyes.sees_comment()
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(reader.person_id.to_string());
        for project in reader.projects {
            query = query.bind(project.to_string());
        }
        for row in &query.fetch_all(&db.pool).await? {
            let thread_id: ThreadId = row.word("thread_id")?;
            if known.insert(thread_id) {
                let (since, by) = (row.int("created_at")?, Some(row.text("by_name")?));
                needs.push(Need { since, by, thread_id: Some(thread_id), ..read(row, asked)? });
            }
        }
    }
    Ok(needs)
}
