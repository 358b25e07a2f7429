//! A queue with leases in the database. A worker that dies loses its lease, and another takes the job over.
//!
//! What a job does, and what its end means for a shot, is not known here: [`db::queue::settle`] is told.

mod claim;
mod lease;
mod manage;
mod workers;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use db::{Db, Result};
use domain::{Job, JobId, ProjectId, ShotId};
use sqlx::AnyConnection;

pub use lease::{Beat, Lease, Pulse, cancelled, fail, finish, put_back};
pub use manage::{Cancelled, latest_of_shots, list, of_shot};
pub use workers::{Best, Worker, host, worker_name};

/// Attempts after which a job whose workers keep dying is given up.
pub const MOST_ATTEMPTS: i64 = 3;

/// Bytes of log a job keeps; the oldest lines go first.
pub const MOST_LOG_BYTES: usize = 64 * 1024;

/// Puts a job in the queue inside the transaction that wants it. Of jobs with the same `dedupe` key one is open at a
/// time; asked again, the answer is that one.
pub async fn enqueue(
    tx: &mut AnyConnection,
    job: &Job,
    project_id: Option<ProjectId>,
    shot_id: Option<ShotId>,
    dedupe: Option<&str>,
    priority: i32,
) -> Result<JobId> {
    Ok(db::queue::enqueue(tx, job, project_id, shot_id, dedupe, priority).await?.job_id)
}

/// The queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    db: Db,
    /// When a job was last heard of, so that live events stay below two a second.
    told: Arc<Mutex<HashMap<JobId, Instant>>>,
}

impl Queue {
    pub fn new(db: Db) -> Self {
        Self { db, told: Arc::default() }
    }

    pub fn db(&self) -> &Db {
        &self.db
    }
}
