//! A job in a worker's hands: beat, finish, fail, put back. Every statement carries worker and attempt, so that a worker
//! which lost its lease changes nothing.

use std::time::{Duration, Instant};

use db::queue::End;
use db::{Error, Result};
use domain::{EventKind, Job, JobId, JobState, ProjectId, ShotId, Step};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::claim::micros;
use crate::{MOST_LOG_BYTES, Queue};

/// A job that this worker may do until the lease runs out; every beat renews it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub job_id: JobId,
    pub job: Job,
    pub worker: String,
    /// 1, 2, …
    pub attempt: i64,
    pub project_id: Option<ProjectId>,
    pub shot_id: Option<ShotId>,
    pub length: Duration,
}

/// How far a job is. `log`: lines to add, may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Beat<'a> {
    pub step: Option<Step>,
    /// 0–1 over the whole job.
    pub fraction: f32,
    pub seconds_left: Option<u32>,
    pub log: &'a str,
}

/// What a worker hears back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    GoOn,
    /// Stop, then call [`Queue::cancelled`].
    CancelAsked,
    /// Another worker has the job, or it is over: stop and write nothing.
    Lost,
}

pub(crate) fn read(row: &AnyRow, worker: String, length: Duration) -> Result<Lease> {
    let corrupt = |what: &str| Error::Corrupt(format!("job.{what}"));
    let id = |column: &str| row.try_get::<Option<String>, _>(column);
    let payload: String = row.try_get("payload")?;
    Ok(Lease {
        job_id: id("job_id")?.and_then(|id| id.parse().ok()).ok_or_else(|| corrupt("job_id"))?,
        job: serde_json::from_str(&payload)
            .map_err(|error| Error::Corrupt(format!("job.payload: {error}")))?,
        worker,
        attempt: row.try_get("attempt")?,
        project_id: id("project_id")?.map(|id| id.parse().map_err(|_| corrupt("project_id"))).transpose()?,
        shot_id: id("shot_id")?.map(|id| id.parse().map_err(|_| corrupt("shot_id"))).transpose()?,
        length,
    })
}

const LOST: &str = "The lease of this job was lost to another worker.";

impl Queue {
    /// Renews the lease and says how far the job is. Call it at most twice a second.
    pub async fn beat(&self, lease: &Lease, beat: Beat<'_>) -> Result<Pulse> {
        let Beat { step, fraction, seconds_left, log } = beat;
        let fraction = fraction.clamp(0.0, 1.0);
        let is_due = self.is_due(lease.job_id);
        let (lease, log) = (lease.clone(), log.to_owned());
        self.db
            .write(move |tx| {
                let (lease, log) = (lease.clone(), log.clone());
                Box::pin(async move {
                    let row = sqlx::query(
                        "update job set lease_until = $4, step = $5, fraction = $6, seconds_left = $7
                         where job_id = $1 and worker = $2 and attempt = $3 and state = 'running' returning cancel_asked, log",
                    )
                    .bind(lease.job_id.to_string())
                    .bind(lease.worker.clone())
                    .bind(lease.attempt)
                    .bind(db::now() + micros(lease.length))
                    .bind(step.map(|step| step.slug().to_owned()))
                    .bind(f64::from(fraction))
                    .bind(seconds_left.map(i64::from))
                    .fetch_optional(&mut *tx)
                    .await?;
                    let Some(row) = row else { return Ok(Pulse::Lost) };
                    if !log.is_empty() {
                        let text = with_lines(row.try_get("log")?, &log);
                        sqlx::query("update job set log = $2 where job_id = $1")
                            .bind(lease.job_id.to_string())
                            .bind(text)
                            .execute(&mut *tx)
                            .await?;
                    }
                    if is_due {
                        let kind = EventKind::Job { job_id: lease.job_id, fraction };
                        db::events::tell(tx, lease.project_id, lease.shot_id, &kind).await?;
                    }
                    Ok(if row.try_get::<i64, _>("cancel_asked")? != 0 { Pulse::CancelAsked } else { Pulse::GoOn })
                })
            })
            .await
    }

    /// Whether half a second has passed since the job's last live event.
    fn is_due(&self, job_id: JobId) -> bool {
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Instant::now();
        told.retain(|_, at| now.duration_since(*at) < Duration::from_secs(60));
        if told.get(&job_id).is_some_and(|at| now.duration_since(*at) < Duration::from_millis(500)) {
            return false;
        }
        told.insert(job_id, now);
        true
    }
}

/// The job is done; call it in the transaction that writes what it made. [`Error::Conflict`] when the lease was lost:
/// the whole transaction must fall.
pub async fn finish(tx: &mut AnyConnection, lease: &Lease) -> Result<()> {
    ended(end(tx, lease, JobState::Done, None).await?)
}

/// The job failed; its shot hears of it. `sentence`: what went wrong and what to do, for the artist.
pub async fn fail(tx: &mut AnyConnection, lease: &Lease, sentence: &str) -> Result<()> {
    ended(end(tx, lease, JobState::Failed, Some(End::Failed(sentence))).await?)
}

/// The job stopped because somebody asked; its shot hears of it.
pub async fn cancelled(tx: &mut AnyConnection, lease: &Lease) -> Result<()> {
    ended(end(tx, lease, JobState::Cancelled, Some(End::Cancelled)).await?)
}

/// The worker is asked to stop: the job waits again, as if it had not been tried.
pub async fn put_back(tx: &mut AnyConnection, lease: &Lease) -> Result<()> {
    let done = sqlx::query(
        "update job set state = 'queued', attempt = attempt - 1, worker = null, lease_until = null, step = null,
             fraction = 0, seconds_left = null
         where job_id = $1 and worker = $2 and attempt = $3 and state = 'running'",
    )
    .bind(lease.job_id.to_string())
    .bind(&lease.worker)
    .bind(lease.attempt)
    .execute(&mut *tx)
    .await?;
    db::queue::tell(tx, lease.job_id, lease.project_id, lease.shot_id, 0.0).await?;
    ended(done.rows_affected() == 1)
}

fn ended(ended: bool) -> Result<()> {
    if ended { Ok(()) } else { Err(Error::Conflict(LOST.into())) }
}

/// Ends a running job of this worker and attempt; false when it is not theirs any more.
pub(crate) async fn end(
    tx: &mut AnyConnection,
    lease: &Lease,
    state: JobState,
    end: Option<End<'_>>,
) -> Result<bool> {
    let sentence = match end {
        Some(End::Failed(sentence)) => Some(sentence),
        Some(End::Cancelled) | None => None,
    };
    let done = sqlx::query(
        "update job set state = $4, error = $5, finished_at = $6, lease_until = null, seconds_left = null,
             fraction = case when $4 = 'done' then 1 else fraction end
         where job_id = $1 and worker = $2 and attempt = $3 and state = 'running'",
    )
    .bind(lease.job_id.to_string())
    .bind(&lease.worker)
    .bind(lease.attempt)
    .bind(state.word())
    .bind(sentence)
    .bind(db::now())
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(end) = end {
        db::queue::settle(tx, &lease.job, end).await?;
    }
    db::queue::tell(tx, lease.job_id, lease.project_id, lease.shot_id, 1.0).await?;
    Ok(true)
}

/// The log with `lines` behind it; whole old lines go when it grows too long.
fn with_lines(mut log: String, lines: &str) -> String {
    log.push_str(lines);
    if !log.ends_with('\n') {
        log.push('\n');
    }
    if log.len() > MOST_LOG_BYTES {
        let mut cut = log.len() - MOST_LOG_BYTES;
        while !log.is_char_boundary(cut) {
            cut += 1;
        }
        let from = log[cut..].find('\n').map_or(cut, |at| cut + at + 1);
        log.drain(..from);
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_keeps_its_newest_whole_lines() {
        let mut log = String::new();
        for n in 0..20_000 {
            log = with_lines(log, &format!("Zeile ä {n}"));
        }
        assert!(log.len() <= MOST_LOG_BYTES);
        assert!(log.starts_with("Zeile") && log.ends_with("Zeile ä 19999\n"));
    }
}
