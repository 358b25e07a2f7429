//! What people do with the queue: look, cancel, retry, re-order.

use std::collections::HashMap;

use db::queue::End;
use db::{Db, Error, Result};
use domain::{Job, JobId, JobState, Progress, ProjectId, ShotId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::Queue;

const COLUMNS: &str =
    "job_id, kind, state, project_id, shot_id, step, fraction, seconds_left, error, attempt, priority,
     worker, created_at, started_at, finished_at, cancel_asked";

fn read(row: &AnyRow) -> Result<Progress> {
    let corrupt = |what: &str| Error::Corrupt(format!("job.{what}"));
    let text = |column: &str| row.try_get::<Option<String>, _>(column);
    let needed = |column: &str| -> Result<String> { text(column)?.ok_or_else(|| corrupt(column)) };
    Ok(Progress {
        job_id: needed("job_id")?.parse().map_err(|_| corrupt("job_id"))?,
        kind: needed("kind")?,
        state: needed("state")?.parse().map_err(|()| corrupt("state"))?,
        is_ending: row.try_get::<i64, _>("cancel_asked")? != 0,
        project_id: text("project_id")?
            .map(|id| id.parse().map_err(|_| corrupt("project_id")))
            .transpose()?,
        shot_id: text("shot_id")?.map(|id| id.parse().map_err(|_| corrupt("shot_id"))).transpose()?,
        // A step of a newer worker is not worth failing for.
        step: text("step")?.and_then(|slug| slug.parse().ok()),
        fraction: row.try_get::<f64, _>("fraction")? as f32,
        seconds_left: row.try_get::<Option<i64>, _>("seconds_left")?.and_then(|s| u32::try_from(s).ok()),
        error: text("error")?,
        attempt: u32::try_from(row.try_get::<i64, _>("attempt")?).unwrap_or_default(),
        priority: i32::try_from(row.try_get::<i64, _>("priority")?).unwrap_or_default(),
        worker: text("worker")?,
        created_at: row.try_get("created_at")?,
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
    })
}

/// Open jobs (running first, then as they will run) or ended ones (newest first), of these projects only; none that are held.
pub async fn list(db: &Db, open: bool, projects: &[ProjectId], limit: u32) -> Result<Vec<Progress>> {
    if projects.is_empty() {
        return Ok(Vec::new());
    }
    let (states, order) = if open {
        (
            "'queued', 'running'",
            "case when state = 'running' then 0 else 1 end, priority desc, run_after, created_at, job_id",
        )
    } else {
        ("'done', 'failed', 'cancelled'", "finished_at desc, job_id desc")
    };
    let places: Vec<String> = (2..2 + projects.len()).map(|n| format!("${n}")).collect();
    let mut query = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from job where state in ({states}) and held = 0 and project_id in ({}) order by {order} limit $1",
        places.join(", ")
    )))
    .bind(i64::from(limit));
    for project in projects {
        query = query.bind(project.to_string());
    }
    query.fetch_all(db.pool()).await?.iter().map(read).collect()
}

/// The shot's jobs of one kind with what they do, newest first, at most 100.
pub async fn of_shot(db: &Db, shot_id: ShotId, kind: &str) -> Result<Vec<(Job, Progress)>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS}, payload from job where shot_id = $1 and kind = $2 order by created_at desc, job_id desc limit 100"
    )))
    .bind(shot_id.to_string())
    .bind(kind)
    .fetch_all(db.pool())
    .await?;
    rows.iter()
        .map(|row| {
            let payload: String = row.try_get("payload")?;
            let job = serde_json::from_str(&payload);
            Ok((job.map_err(|error| Error::Corrupt(format!("job.payload: {error}")))?, read(row)?))
        })
        .collect()
}

/// The newest job of each shot, open or over, but for those beside its way; `only_open`: those that are not over.
pub async fn latest_of_shots(
    db: &Db,
    shots: &[ShotId],
    only_open: bool,
) -> Result<HashMap<ShotId, Progress>> {
    if shots.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = (1..1 + shots.len()).map(|n| format!("${n}")).collect();
    let states = if only_open { "and state in ('queued', 'running')" } else { "" };
    let beside = domain::job::BESIDE.map(|kind| format!("'{kind}'")).join(", ");
    let mut query = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from job j where shot_id in ({}) {states} and kind not in ({beside})
         and not exists (select 1 from job k where k.shot_id = j.shot_id {} and k.kind not in ({beside})
                         and (k.created_at > j.created_at or (k.created_at = j.created_at and k.job_id > j.job_id)))",
        places.join(", "),
        if only_open { "and k.state in ('queued', 'running')" } else { "" }
    )));
    for shot in shots {
        query = query.bind(shot.to_string());
    }
    let rows = query.fetch_all(db.pool()).await?;
    rows.iter()
        .map(read)
        .filter_map(|progress| match progress {
            Ok(progress) => progress.shot_id.map(|shot_id| Ok((shot_id, progress))),
            Err(error) => Some(Err(error)),
        })
        .collect()
}

/// What asking to cancel did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It waited; now it is over and its shot knows.
    AtOnce,
    /// It runs; its worker will stop at the next beat.
    Asked,
}

impl Queue {
    /// How many jobs there are of each kind in each state.
    pub async fn counts(&self) -> Result<Vec<(String, String, i64)>> {
        let rows = sqlx::query("select kind, state, count(*) as jobs from job group by kind, state")
            .fetch_all(self.db.pool())
            .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("kind")?, row.try_get("state")?, row.try_get("jobs")?)))
            .collect()
    }

    /// How long the oldest job that may run has waited, microseconds.
    pub async fn oldest_wait_micros(&self) -> Result<Option<i64>> {
        let now = db::now();
        let since: Option<i64> = sqlx::query_scalar(
            "select min(run_after) from job where state = 'queued' and held = 0 and run_after <= $1",
        )
        .bind(now)
        .fetch_one(self.db.pool())
        .await?;
        Ok(since.map(|since| now - since))
    }

    pub async fn get(&self, job_id: JobId) -> Result<Progress> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("select {COLUMNS} from job where job_id = $1")))
            .bind(job_id.to_string())
            .fetch_optional(self.db.pool())
            .await?;
        read(&row.ok_or(Error::NotFound)?)
    }

    pub async fn log(&self, job_id: JobId) -> Result<String> {
        let row = sqlx::query("select log from job where job_id = $1")
            .bind(job_id.to_string())
            .fetch_optional(self.db.pool())
            .await?;
        Ok(row.ok_or(Error::NotFound)?.try_get("log")?)
    }

    /// Stops a job: one that waits at once, one that runs at its next beat.
    pub async fn cancel(&self, job_id: JobId) -> Result<Cancelled> {
        self.db.write(move |tx| Box::pin(cancel(tx, job_id))).await
    }

    /// Puts a failed or cancelled job back in the queue, if its shot allows it.
    pub async fn retry(&self, job_id: JobId) -> Result<()> {
        self.db.write(move |tx| Box::pin(db::queue::retry(tx, job_id))).await
    }

    /// −100 to 100; higher runs first.
    pub async fn set_priority(&self, job_id: JobId, priority: i32) -> Result<()> {
        let priority = priority.clamp(-100, 100);
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let row = sqlx::query(
                        "update job set priority = $2 where job_id = $1 and state = 'queued' returning project_id, shot_id",
                    )
                    .bind(job_id.to_string())
                    .bind(i64::from(priority))
                    .fetch_optional(&mut *tx)
                    .await?
                    .ok_or_else(|| Error::Conflict("Only a job that waits can change its place.".into()))?;
                    let id = |column: &str| row.try_get::<Option<String>, _>(column);
                    let (project, shot) = (id("project_id")?, id("shot_id")?);
                    let (project, shot) = (project.and_then(|id| id.parse().ok()), shot.and_then(|id| id.parse().ok()));
                    db::queue::tell(tx, job_id, project, shot, 0.0).await
                })
            })
            .await
    }
}

async fn cancel(tx: &mut AnyConnection, job_id: JobId) -> Result<Cancelled> {
    let row = sqlx::query(
        "update job set cancel_asked = 1, state = case when state = 'queued' then 'cancelled' else state end,
             finished_at = case when state = 'queued' then $2 else finished_at end
         where job_id = $1 and state in ('queued', 'running') returning state, payload, project_id, shot_id",
    )
    .bind(job_id.to_string())
    .bind(db::now())
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Error::Conflict("This job is over already.".into()))?;
    let state: String = row.try_get("state")?;
    let id = |column: &str| row.try_get::<Option<String>, _>(column);
    let (project, shot) = (id("project_id")?, id("shot_id")?);
    let was_waiting = state == JobState::Cancelled.word();
    if was_waiting {
        let payload: String = row.try_get("payload")?;
        let job: Job = serde_json::from_str(&payload)
            .map_err(|error| Error::Corrupt(format!("job.payload: {error}")))?;
        db::queue::settle(tx, &job, End::Cancelled).await?;
    }
    let (project, shot) = (project.and_then(|id| id.parse().ok()), shot.and_then(|id| id.parse().ok()));
    db::queue::tell(tx, job_id, project, shot, 0.0).await?;
    Ok(if was_waiting { Cancelled::AtOnce } else { Cancelled::Asked })
}
