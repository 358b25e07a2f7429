//! Taking a job: one statement that only one worker wins.

use std::time::Duration;

use db::{Engine, Result};
use domain::JobState;
use sqlx::Row;

use crate::lease::{self, Lease};
use crate::{MOST_ATTEMPTS, Queue};

impl Queue {
    /// Takes the next job of one of these kinds: highest priority, then oldest. Jobs whose lease ran out are taken over
    /// until they were tried three times. What is held is passed over. `met`: words of the needs that this worker meets; jobs with others are left to
    /// others. `None`: nothing to do now.
    pub async fn claim(
        &self,
        worker: &str,
        kinds: &[&str],
        met: &[&str],
        lease: Duration,
    ) -> Result<Option<Lease>> {
        if kinds.is_empty() {
            return Ok(None);
        }
        self.sweep().await?;
        // An empty answer while work waits means that another worker was faster: ask again.
        for _ in 0..64 {
            if let Some(taken) = self.try_claim(worker, kinds, met, lease).await? {
                return Ok(Some(taken));
            }
            if !self.is_waiting(kinds, met).await? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    async fn try_claim(
        &self,
        worker: &str,
        kinds: &[&str],
        met: &[&str],
        lease: Duration,
    ) -> Result<Option<Lease>> {
        let wanted = wanted(5, kinds, met);
        let free =
            "(state = 'queued' or (state = 'running' and lease_until < $3)) and attempt < $4 and held = 0";
        let skip = if self.db.engine() == Engine::Postgres { db::SKIP_LOCKED } else { "" };
        let text = format!(
            "update job set state = 'running', attempt = attempt + 1, worker = $1, lease_until = $2,
                 started_at = coalesce(started_at, $3), step = null, fraction = 0, seconds_left = null
             where job_id = (select job_id from job where {wanted} and run_after <= $3 and {free}
                             order by priority desc, run_after, created_at, job_id limit 1{skip})
               and {free}
             returning job_id, payload, attempt, project_id, shot_id"
        );
        let words: Vec<String> = kinds.iter().chain(met).map(|word| (*word).to_owned()).collect();
        let worker = worker.to_owned();
        self.db
            .write(move |tx| {
                let (text, worker, words) = (text.clone(), worker.clone(), words.clone());
                Box::pin(async move {
                    let now = db::now();
                    let mut query = sqlx::query(sqlx::AssertSqlSafe(text))
                        .bind(worker.clone())
                        .bind(now + micros(lease))
                        .bind(now)
                        .bind(MOST_ATTEMPTS);
                    for word in words {
                        query = query.bind(word);
                    }
                    let Some(row) = query.fetch_optional(&mut *tx).await? else { return Ok(None) };
                    let lease = lease::read(&row, worker, lease)?;
                    db::queue::tell(tx, lease.job_id, lease.project_id, lease.shot_id, 0.0).await?;
                    Ok(Some(lease))
                })
            })
            .await
    }

    async fn is_waiting(&self, kinds: &[&str], met: &[&str]) -> Result<bool> {
        let text = format!(
            "select count(*) as jobs from job where run_after <= $1 and held = 0 and attempt < $2 and {}
             and (state = 'queued' or (state = 'running' and lease_until < $1))",
            wanted(3, kinds, met)
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(db::now()).bind(MOST_ATTEMPTS);
        for word in kinds.iter().chain(met) {
            query = query.bind((*word).to_owned());
        }
        Ok(query.fetch_one(self.db.pool()).await?.try_get::<i64, _>("jobs")? > 0)
    }

    /// Gives up jobs whose workers died too often, and ends those that were to be cancelled when their worker died.
    /// Every claim does it; without workers the web process may.
    pub async fn sweep(&self) -> Result<u64> {
        let orphans: i64 = sqlx::query_scalar(
            "select count(*) from job where state = 'running' and lease_until < $1 and (attempt >= $2 or cancel_asked = 1)",
        )
        .bind(db::now())
        .bind(MOST_ATTEMPTS)
        .fetch_one(self.db.pool())
        .await?;
        if orphans == 0 {
            return Ok(0);
        }
        self.db
            .write(|tx| {
                Box::pin(async move {
                    let rows = sqlx::query(
                        "select job_id, payload, attempt, project_id, shot_id, worker, cancel_asked from job
                         where state = 'running' and lease_until < $1 and (attempt >= $2 or cancel_asked = 1)",
                    )
                    .bind(db::now())
                    .bind(MOST_ATTEMPTS)
                    .fetch_all(&mut *tx)
                    .await?;
                    let mut over = 0;
                    for row in &rows {
                        let worker: Option<String> = row.try_get("worker")?;
                        let lease = lease::read(row, worker.unwrap_or_default(), Duration::ZERO)?;
                        let is_cancelled = row.try_get::<i64, _>("cancel_asked")? != 0;
                        let (state, end) = if is_cancelled {
                            (JobState::Cancelled, db::queue::End::Cancelled)
                        } else {
                            (JobState::Failed, db::queue::End::Failed(GIVEN_UP))
                        };
                        if lease::end(tx, &lease, state, Some(end)).await? {
                            over += 1;
                        }
                    }
                    Ok(over)
                })
            })
            .await
    }
}

/// The condition on a job's kind and need; binds the kinds, then the needs that are met, from `$first` on.
fn wanted(first: usize, kinds: &[&str], met: &[&str]) -> String {
    let places = |from: usize, count: usize| {
        (from..from + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
    };
    let kinds_at = places(first, kinds.len());
    if met.is_empty() {
        return format!("kind in ({kinds_at}) and needs is null");
    }
    let met_at = places(first + kinds.len(), met.len());
    format!("kind in ({kinds_at}) and (needs is null or needs in ({met_at}))")
}

const GIVEN_UP: &str = "The worker stopped three times while doing this, most likely for want of memory. \
     Look at the job's log, free some memory, then press “Retry”.";

pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}
