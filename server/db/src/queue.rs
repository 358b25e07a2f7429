//! What other changes need of the job table inside their own transaction: putting work in and taking it back, and what
//! the end of a job means for its shot. Leases are `jobs`' business.

use domain::run::Need;
use domain::{EventKind, Job, JobId, JobState, ProjectId, ShotId, ShotStep};
use sqlx::AnyConnection;

use crate::row::{Cells, places};
use crate::{Error, Result, clicks, deliveries, events, from_json, new_uuid, now, runs, shots, to_json};

/// A job in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    pub job_id: JobId,
    /// False: an open job with the same dedupe key was there already, and this is it.
    pub is_new: bool,
}

/// Puts a job in the queue. Of jobs with the same `dedupe` key at most one is open. Higher `priority` runs first.
pub async fn enqueue(
    tx: &mut AnyConnection,
    job: &Job,
    project_id: Option<ProjectId>,
    shot_id: Option<ShotId>,
    dedupe: Option<&str>,
    priority: i32,
) -> Result<Enqueued> {
    let job_id = JobId(new_uuid());
    let made = sqlx::query(
        "insert into job (job_id, kind, payload, dedupe, project_id, shot_id, state, priority, run_after, created_at, held)
         values ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $8,
             (select count(*) from project p where p.project_id = $5 and (p.archived_at is not null or p.binned_at is not null)))
         on conflict do nothing",
    )
    .bind(job_id.to_string())
    .bind(job.kind())
    .bind(to_json(job))
    .bind(dedupe)
    .bind(project_id.map(|id| id.to_string()))
    .bind(shot_id.map(|id| id.to_string()))
    .bind(i64::from(priority))
    .bind(now())
    .execute(&mut *tx)
    .await?;
    if made.rows_affected() == 1 {
        tell(tx, job_id, project_id, shot_id, 0.0).await?;
        return Ok(Enqueued { job_id, is_new: true });
    }
    let open: Option<String> =
        sqlx::query_scalar("select job_id from job where dedupe = $1 and state in ('queued', 'running')")
            .bind(dedupe)
            .fetch_optional(&mut *tx)
            .await?;
    match open {
        Some(id) => Ok(Enqueued { job_id: crate::parse("job_id", &id)?, is_new: false }),
        None => Err(Error::Conflict("The same job just ended. Try again.".into())),
    }
}

/// Leaves a job that was just put in to workers that can do what it needs.
pub async fn demand(tx: &mut AnyConnection, job_id: JobId, need: Need) -> Result<()> {
    sqlx::query("update job set needs = $2 where job_id = $1")
        .bind(job_id.to_string())
        .bind(need.word())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Says that a job moved.
pub async fn tell(
    tx: &mut AnyConnection,
    job_id: JobId,
    project_id: Option<ProjectId>,
    shot_id: Option<ShotId>,
    fraction: f32,
) -> Result<()> {
    events::tell(tx, project_id, shot_id, &EventKind::Job { job_id, fraction }).await
}

/// Whether the shot has an open job of one of these kinds.
pub async fn is_open(tx: &mut AnyConnection, shot_id: ShotId, kinds: &[&str]) -> Result<bool> {
    let mut query = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "select count(*) from job where shot_id = $1 and state in ('queued', 'running') and kind in ({})",
        places(2, kinds.len())
    )))
    .bind(shot_id.to_string());
    for kind in kinds {
        query = query.bind((*kind).to_owned());
    }
    let open: i64 = query.fetch_one(&mut *tx).await?;
    Ok(open > 0)
}

/// Takes jobs of one kind back: those that wait are cancelled at once, those that run are asked to stop.
pub async fn withdraw(tx: &mut AnyConnection, shot_id: ShotId, kind: &str) -> Result<()> {
    let rows = sqlx::query(
        "update job set cancel_asked = 1, state = case when state = 'queued' then 'cancelled' else state end,
             finished_at = case when state = 'queued' then $3 else finished_at end
         where shot_id = $1 and kind = $2 and state in ('queued', 'running')
         returning job_id, project_id",
    )
    .bind(shot_id.to_string())
    .bind(kind)
    .bind(now())
    .fetch_all(&mut *tx)
    .await?;
    for row in &rows {
        tell(tx, row.word("job_id")?, row.maybe_word("project_id")?, Some(shot_id), 0.0).await?;
    }
    Ok(())
}

/// Takes jobs of a project back that wait for a worker with something, or run on one.
pub(crate) async fn withdraw_needing(
    tx: &mut AnyConnection,
    project_id: ProjectId,
    need: Need,
) -> Result<()> {
    let rows = sqlx::query(
        "update job set cancel_asked = 1, state = case when state = 'queued' then 'cancelled' else state end,
             finished_at = case when state = 'queued' then $3 else finished_at end
         where project_id = $1 and needs = $2 and state in ('queued', 'running')
         returning job_id, shot_id",
    )
    .bind(project_id.to_string())
    .bind(need.word())
    .bind(now())
    .fetch_all(&mut *tx)
    .await?;
    for row in &rows {
        tell(tx, row.word("job_id")?, Some(project_id), row.maybe_word("shot_id")?, 0.0).await?;
    }
    Ok(())
}

/// How a job ended without doing its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'a> {
    /// The sentence is for the artist.
    Failed(&'a str),
    Cancelled,
}

/// What the end of a job means for its shot. Does nothing where the shot has moved on meanwhile.
pub async fn settle(tx: &mut AnyConnection, job: &Job, end: End<'_>) -> Result<()> {
    match (job, end) {
        (Job::Ingest { shot_id }, End::Failed(sentence)) => {
            shots::ingest_failed(tx, *shot_id, sentence).await
        }
        (Job::Ingest { shot_id }, End::Cancelled) => {
            shots::ingest_failed(tx, *shot_id, "Reading the plate was cancelled. Press “Retry” to read it.")
                .await
        }
        (Job::Remove { run_id }, End::Failed(sentence)) => runs::failed(tx, *run_id, sentence).await,
        (Job::Remove { run_id }, End::Cancelled) => runs::cancelled(tx, *run_id).await,
        (
            Job::Segment { .. }
            | Job::Find { .. }
            | Job::Reason { .. }
            | Job::ImportQuadmask { .. }
            | Job::ExportQuadmask { .. }
            | Job::Package { .. }
            | Job::Demo { .. },
            End::Failed(_) | End::Cancelled,
        ) => Ok(()),
    }
}

/// Puts a failed or cancelled job back into the queue, and its shot back where the job starts.
pub async fn retry(tx: &mut AnyConnection, job_id: JobId) -> Result<()> {
    let row = sqlx::query("select payload, state, shot_id from job where job_id = $1")
        .bind(job_id.to_string())
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(Error::NotFound)?;
    let state: JobState = row.word("state")?;
    if !matches!(state, JobState::Failed | JobState::Cancelled) {
        return Err(Error::Conflict("Only a failed or cancelled job can be tried again.".into()));
    }
    match from_json::<Job>("payload", &row.text("payload")?)? {
        Job::Ingest { shot_id } => {
            let shot = shots::lock(tx, shot_id).await?;
            shots::step(tx, &shot, ShotStep::RetryIngest).await?;
        }
        Job::Remove { run_id } => runs::again(tx, run_id).await?,
        Job::Segment { shot_id, .. } => {
            shots::edit(tx, shot_id).await?;
            clicks::withdraw(tx, shot_id).await?;
        }
        Job::Find { shot_id, .. } | Job::Reason { shot_id, .. } | Job::ImportQuadmask { shot_id, .. } => {
            shots::edit(tx, shot_id).await?;
        }
        Job::Package { version_id, .. } => deliveries::check(tx, version_id).await?,
        Job::ExportQuadmask { .. } | Job::Demo { .. } => {}
    }
    let row = sqlx::query(
        "update job set state = 'queued', attempt = 0, worker = null, lease_until = null, cancel_asked = 0, step = null,
             fraction = 0, seconds_left = null, error = null, started_at = null, finished_at = null, run_after = $2
         where job_id = $1 and state in ('failed', 'cancelled') returning project_id, shot_id",
    )
    .bind(job_id.to_string())
    .bind(now())
    .fetch_optional(&mut *tx)
    .await
    .map_err(Error::from);
    let row = match row {
        Ok(row) => row,
        Err(Error::Taken(_)) => {
            return Err(Error::Conflict("The same work is in the queue already.".into()));
        }
        Err(error) => return Err(error),
    };
    let row = row.ok_or_else(|| Error::Conflict("Somebody else retried this job.".into()))?;
    tell(tx, job_id, row.maybe_word("project_id")?, row.maybe_word("shot_id")?, 0.0).await
}
