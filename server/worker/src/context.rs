//! What a handler has: rows, blobs, a scratch folder, and the way to say where it is.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::Context as _;
use db::{Db, Work};
use domain::project::Shot;
use domain::{Hash, Step};
use pipeline::{Cancelled, Plate, Reporter};
use reasoner::Setting;
use sqlx::AnyConnection;
use storage::{Local, Scratch, Store};
use tokio::runtime::Handle;

use crate::models::Models;
use crate::places;

/// Where a job is; read by the task that beats its lease.
#[derive(Debug, Default)]
pub struct Pulse {
    pub place: Mutex<Place>,
    /// Set when somebody asked to cancel, the lease was lost or the worker stops.
    pub stop: AtomicBool,
}

#[derive(Debug, Default, Clone)]
pub struct Place {
    pub step: Option<Step>,
    /// Of the whole job, 0–1.
    pub fraction: f32,
    /// Where this attempt began, and when, if an earlier one had come that far: time left is told from there.
    pub origin: Option<(Instant, f32)>,
    /// Lines for the job's log since the last beat.
    pub log: Vec<String>,
}

/// One job's surroundings. Handlers run on a blocking thread.
pub struct Context {
    pub db: Db,
    pub store: Store,
    pub scratch: Scratch,
    pub pulse: Arc<Pulse>,
    /// Blobs whose files the job reads.
    held: Mutex<Vec<Local>>,
    pub models: Arc<Models>,
    /// The model outside that may be asked where a project allows it.
    pub outside: Option<Setting>,
    handle: Handle,
    /// Steps of this kind of job with their part of its time; parts sum to 1.
    plan: &'static [(Step, f32)],
}

impl Context {
    pub fn new(
        db: Db,
        store: Store,
        pulse: Arc<Pulse>,
        models: Arc<Models>,
        plan: &'static [(Step, f32)],
    ) -> anyhow::Result<Self> {
        let scratch = store.scratch()?;
        let (held, handle) = (Mutex::default(), Handle::current());
        Ok(Self { db, store, scratch, pulse, held, models, outside: None, handle, plan })
    }

    /// For who waits on the network by itself.
    pub fn runtime(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits for a read.
    pub fn wait<T>(&self, read: impl Future<Output = T>) -> T {
        self.handle.block_on(read)
    }

    /// One writing transaction.
    pub fn write<T, F>(&self, work: F) -> db::Result<T>
    where
        T: Send,
        F: for<'c> FnMut(&'c mut AnyConnection) -> Work<'c, T> + Send,
    {
        storage::linger_blocking("worker");
        self.handle.block_on(self.db.write(work))
    }

    /// A line for the job's log, which is read on pages.
    pub fn log(&self, line: impl AsRef<str>) {
        let line = self.plain(line.as_ref());
        self.pulse.place.lock().expect("no panic while held").log.push(line);
    }

    /// Words without the folders of this machine: for what people see.
    pub fn plain(&self, text: &str) -> String {
        places::plain(text, &[self.store.root(), self.models.root()])
    }

    /// A blob's file, which stays until the job is over.
    pub fn file(&self, hash: Hash) -> anyhow::Result<PathBuf> {
        let local = self.store.local_blocking(hash)?;
        let path = local.path().to_owned();
        self.held.lock().expect("no panic while held").push(local);
        Ok(path)
    }

    /// A blob under a name that people know, so that messages about it read well.
    pub fn named(&self, hash: Hash, file_name: &str) -> anyhow::Result<PathBuf> {
        let base = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
        let safe: String = base.chars().filter(|c| !c.is_control()).take(120).collect();
        let safe = if safe.is_empty() || safe.starts_with('.') { format!("plate{safe}") } else { safe };
        let folder = self.scratch.path().join("named");
        std::fs::create_dir_all(&folder)?;
        let link = folder.join(safe);
        if !link.exists() {
            std::os::unix::fs::symlink(self.file(hash)?, &link).context("naming a blob")?;
        }
        Ok(link)
    }

    /// A shot's plate, its part of it, and what reading it found out.
    pub fn plate(&self, shot: &Shot) -> anyhow::Result<Plate> {
        let known = match (&shot.facts, shot.frame_index) {
            (Some(facts), Some(index)) => {
                let index = self.store.get_blocking(index)?;
                Some((facts.clone(), serde_json::from_slice(&index).context("reading the frame index")?))
            }
            _ => None,
        };
        Ok(Plate { path: self.named(shot.plate, &shot.file_name)?, trim: shot.trim, known })
    }

    pub fn reporter(&self) -> Report<'_> {
        self.reporter_with(self.plan)
    }

    /// For a job whose steps are only known once its rows were read.
    pub fn reporter_with(&self, plan: &'static [(Step, f32)]) -> Report<'_> {
        Report { context: self, plan, last: None }
    }
}

/// Turns a stage's steps into the fraction of the whole job.
pub struct Report<'a> {
    context: &'a Context,
    plan: &'static [(Step, f32)],
    last: Option<Step>,
}

impl Reporter for Report<'_> {
    fn step(&mut self, step: Step, done: u64, total: u64) -> Result<(), Cancelled> {
        if self.context.pulse.stop.load(Ordering::Relaxed) {
            return Err(Cancelled);
        }
        let within = done as f32 / total.max(1) as f32;
        let mut before = 0.0;
        let mut part = 0.0;
        for &(planned, share) in self.plan {
            if planned == step {
                part = share;
                break;
            }
            before += share;
        }
        let is_new = self.last != Some(step);
        let mut place = self.context.pulse.place.lock().expect("no panic while held");
        // Steps may come interleaved: the bar only goes forward.
        place.fraction = place.fraction.max((before + part * within).min(1.0));
        if is_new {
            self.last = Some(step);
            // A step that begins in its middle was begun by an earlier attempt.
            if done > 0 && done < total {
                place.origin = Some((Instant::now(), place.fraction));
            }
            place.log.push(step.sentence().to_owned());
        }
        place.step = Some(step);
        drop(place); // the lease is beaten meanwhile
        if is_new {
            storage::linger_blocking(step.slug());
        }
        Ok(())
    }
}
