//! Who does the work: a row per worker process, kept alive by being seen.

use db::{Error, Result};
use domain::find::Sam3Ability;
use domain::outside::Outside;
use domain::run::{Sam2Ability, VoidAbility};
use domain::{Abilities, JobId};
use sqlx::Row;

use crate::Queue;

/// A worker not seen for this long is gone.
const GONE_MICROS: i64 = 30_000_000;
/// Its row is kept this long, so that people see what happened.
const FORGOTTEN_MICROS: i64 = 24 * 3600 * 1_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    pub worker: String,
    pub host: String,
    pub pid: i64,
    /// What it can do, e.g. “plate engine · 2 threads”.
    pub about: String,
    pub abilities: Abilities,
    pub started_at: i64,
    pub seen_at: i64,
    pub job_id: Option<JobId>,
    pub is_alive: bool,
}

/// The word of the worker that can do most with each network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Best {
    pub void: VoidAbility,
    /// Of the worker that says it about VOID.
    pub host: String,
    pub sam2: Sam2Ability,
    pub sam3: Sam3Ability,
    /// The model outside that may be asked; of several workers that of the one seen last.
    pub outside: Option<Outside>,
}

/// The name of this machine.
pub fn host() -> String {
    std::fs::read_to_string("/etc/hostname").map_or_else(|_| "host".into(), |name| name.trim().to_owned())
}

/// What the worker process `pid` of this machine is called. `token` is different for every process there ever was: hosts
/// may share a name, and process numbers come again.
pub fn worker_name(pid: u32, token: &str) -> String {
    format!("{}-{pid}-{token}", host())
}

impl Queue {
    /// A worker says that it is there, and what it can do; said again, the newest word counts. `worker`: a name that no other
    /// process has.
    pub async fn register(
        &self,
        worker: &str,
        host: &str,
        pid: u32,
        about: &str,
        abilities: &Abilities,
    ) -> Result<()> {
        let now = db::now();
        sqlx::query("delete from worker where seen_at < $1")
            .bind(now - FORGOTTEN_MICROS)
            .execute(self.db.pool())
            .await?;
        sqlx::query(
            "insert into worker (worker, host, pid, about, started_at, seen_at, abilities) values ($1, $2, $3, $4, $5, $5, $6)
             on conflict (worker) do update set about = excluded.about, abilities = excluded.abilities,
                 seen_at = excluded.seen_at, job_id = null",
        )
        .bind(worker)
        .bind(host)
        .bind(i64::from(pid))
        .bind(about)
        .bind(now)
        .bind(serde_json::to_string(abilities).expect("plain JSON"))
        .execute(self.db.pool())
        .await?;
        Ok(())
    }

    /// Call it every ten seconds, with the job that is being done.
    pub async fn seen(&self, worker: &str, job_id: Option<JobId>) -> Result<()> {
        sqlx::query("update worker set seen_at = $2, job_id = $3 where worker = $1")
            .bind(worker)
            .bind(db::now())
            .bind(job_id.map(|id| id.to_string()))
            .execute(self.db.pool())
            .await?;
        Ok(())
    }

    /// The worker stops on purpose.
    pub async fn gone(&self, worker: &str) -> Result<()> {
        sqlx::query("delete from worker where worker = $1").bind(worker).execute(self.db.pool()).await?;
        Ok(())
    }

    /// The worker's process is known to have ended, however that was: its leases are over now, not when they run out,
    /// and another worker may take its jobs. Only for who saw it end; `worker` is the name it registered. How many jobs
    /// it had.
    pub async fn died(&self, worker: &str) -> Result<u64> {
        let worker = worker.to_owned();
        self.db
            .write(move |tx| {
                let worker = worker.clone();
                Box::pin(async move {
                    let freed = sqlx::query(
                        "update job set lease_until = $2 where worker = $1 and state = 'running' and lease_until > $2",
                    )
                    .bind(&worker)
                    .bind(db::now() - 1)
                    .execute(&mut *tx)
                    .await?;
                    // Its row stays, so that people see what happened.
                    sqlx::query("update worker set seen_at = $2, job_id = null where worker = $1 and seen_at > $2")
                        .bind(&worker)
                        .bind(db::now() - GONE_MICROS - 1)
                        .execute(&mut *tx)
                        .await?;
                    Ok(freed.rows_affected())
                })
            })
            .await
    }

    /// Workers seen within a day, the living first.
    pub async fn workers(&self) -> Result<Vec<Worker>> {
        let now = db::now();
        let rows = sqlx::query(
            "select worker, host, pid, about, started_at, seen_at, job_id, abilities from worker where seen_at >= $1
             order by seen_at desc, worker",
        )
        .bind(now - FORGOTTEN_MICROS)
        .fetch_all(self.db.pool())
        .await?;
        rows.iter()
            .map(|row| {
                let job_id: Option<String> = row.try_get("job_id")?;
                let seen_at: i64 = row.try_get("seen_at")?;
                let abilities: String = row.try_get("abilities")?;
                Ok(Worker {
                    worker: row.try_get("worker")?,
                    host: row.try_get("host")?,
                    pid: row.try_get("pid")?,
                    about: row.try_get("about")?,
                    // What a newer worker says is not worth failing for.
                    abilities: serde_json::from_str(&abilities).unwrap_or_default(),
                    started_at: row.try_get("started_at")?,
                    seen_at,
                    job_id: job_id
                        .map(|id| id.parse().map_err(|_| Error::Corrupt("worker.job_id".into())))
                        .transpose()?,
                    is_alive: seen_at >= now - GONE_MICROS,
                })
            })
            .collect()
    }

    /// What the workers that live now can do. `None`: no worker lives.
    pub async fn best(&self) -> Result<Option<Best>> {
        let mut alive = self.workers().await?;
        alive.retain(|worker| worker.is_alive);
        let sam2 = alive.iter().map(|worker| &worker.abilities.sam2).max_by_key(|sam2| sam2.rank()).cloned();
        let sam3 = alive.iter().map(|worker| &worker.abilities.sam3).max_by_key(|sam3| sam3.rank()).cloned();
        let outside = alive.iter().find_map(|worker| worker.abilities.outside.clone());
        let void = alive.into_iter().max_by_key(|worker| worker.abilities.void.rank());
        let all = void.zip(sam2).zip(sam3);
        Ok(all.map(|((worker, sam2), sam3)| Best {
            void: worker.abilities.void,
            host: worker.host,
            sam2,
            sam3,
            outside,
        }))
    }
}
