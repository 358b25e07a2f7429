//! The worker's loop: claim, run one stage on a blocking thread, beat the lease meanwhile, say how it ended.

use std::io::Read;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use domain::{Abilities, Job};
use jobs::{Beat, Lease, Queue};
use reasoner::Setting;
use storage::Store;
use tokio::sync::watch;

use crate::context::{Context, Place, Pulse};
use crate::models::{self, Models};
use crate::{handlers, lost, places};

/// Kinds of jobs that workers do.
pub const KINDS: [&str; 9] = [
    "ingest",
    "segment",
    "find",
    "reason",
    "remove",
    "import_quadmask",
    "export_quadmask",
    "package",
    "demo",
];
const LEASE: Duration = Duration::from_secs(15);
const SEEN: Duration = Duration::from_secs(5);
const BEAT: Duration = Duration::from_millis(500);
const IDLE: Duration = Duration::from_millis(250);

/// Takes jobs until it is asked to stop.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server's data folder.
    #[arg(long, default_value = "data", env = "DATA_DIR")]
    data: PathBuf,
    /// Folder of the models' weights, VOID's in its `void`; default: `models` in the data folder.
    #[arg(long, env = "MODELS_DIR")]
    models: Option<PathBuf>,
    /// Gigabytes of networks that stay loaded between jobs, on the device that computes. A job that needs the room gets it, and what
    /// was used longest ago goes first. 0 keeps none; default: half of the device's memory.
    #[arg(long, env = "KEEP_LOADED_GB", value_name = "GB", value_parser = gigabytes)]
    keep_loaded_gb: Option<f64>,
    /// The server's database; default: the SQLite file in the data folder.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The server's bucket, where its blobs are in one (see `minus-one serve --help`); default: the data folder.
    #[arg(long, env = "STORAGE_URL")]
    storage_url: Option<String>,
    /// The end of the name that this worker registers, which no other process may have; default: by chance.
    #[arg(long, env = "WORKER_TOKEN", value_parser = token)]
    token: Option<String>,
    #[command(flatten)]
    outside: crate::outside::Args,
    /// Stop when standard input closes: the server that started this worker is gone.
    #[arg(long)]
    stop_with_stdin: bool,
}

fn token(text: &str) -> Result<String, String> {
    let is_plain = (8..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_plain { Ok(text.to_owned()) } else { Err("8 to 64 letters and digits are needed".into()) }
}

fn gigabytes(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|number| (0.0..=100_000.0).contains(number));
    number.ok_or_else(|| "a number of gigabytes from 0 to 100000 is needed".into())
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(work(args))
}

async fn work(args: &Args) -> anyhow::Result<()> {
    // A model outside that cannot be asked keeps nobody from their work.
    let outside = args.outside.setting().unwrap_or_else(|error| {
        tracing::error!("No model outside can be asked: {error:#}");
        None
    });
    let (stop, stopping) = watch::channel(false);
    listen_for_the_end(stop, args.stop_with_stdin);
    let url = match &args.database_url {
        Some(url) => url.clone(),
        None => format!("sqlite://{}", args.data.join("minus-one.db").display()),
    };
    let db = backup::open(&url, &args.data).await.context("The database cannot be opened")?;
    let store =
        Store::open_at(&args.data, args.storage_url.as_deref()).context("The store cannot be opened")?;
    let sweeping = store.clone();
    match tokio::task::spawn_blocking(move || sweeping.sweep_blocking()).await? {
        Ok(0) => {}
        Ok(swept) => tracing::info!("Removed {swept} left-overs of killed processes"),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "Left-overs could not be swept")
        }
    }
    let queue = Queue::new(db);
    let (host, pid) = (jobs::host(), std::process::id());
    let token = args.token.clone().unwrap_or_else(|| db::new_uuid().simple().to_string());
    let name = jobs::worker_name(pid, &token);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let folder = args.models.clone().unwrap_or_else(|| args.data.join("models"));
    let models = Arc::new(Models::keeping(&folder, args.keep_loaded_gb));
    let told = outside.as_ref().map(|setting| setting.outside.clone());
    let mut abilities = Abilities { outside: told, ..news(&models).await.unwrap_or_default() };
    queue.register(&name, &host, pid, &models::about(&abilities, threads), &abilities).await?;
    sweep_workplaces(&queue, &store).await;
    let exact = tokio::spawn(crate::exact::serve(queue.db().clone(), store.clone(), stopping.clone()));
    let clicks = tokio::spawn(crate::clicks::serve(
        queue.db().clone(),
        store.clone(),
        Arc::clone(&models),
        stopping.clone(),
    ));
    tracing::info!("Worker {name} is ready");
    let mut seen = Instant::now();
    while !*stopping.borrow() {
        match queue.claim(&name, &KINDS, &abilities.needs(), LEASE).await {
            Ok(Some(lease)) => {
                let is_removal = matches!(lease.job, Job::Remove { .. });
                queue.seen(&name, Some(lease.job_id)).await.ok();
                run_job(&name, &queue, &store, (&models, &outside), lease, stopping.clone()).await;
                queue.seen(&name, None).await.ok();
                if lost::has_happened() {
                    queue.gone(&name).await.ok();
                    anyhow::bail!(
                        "The GPU stopped answering, so this worker ends: another one can use it again"
                    );
                }
                if is_removal {
                    sweep_workplaces(&queue, &store).await;
                }
            }
            Ok(None) => {
                if seen.elapsed() > SEEN {
                    seen = Instant::now();
                    queue.seen(&name, None).await.ok();
                    // Weights that come, change or go are noticed between jobs.
                    if let Some(found) = news(&models).await {
                        abilities = Abilities { outside: abilities.outside, ..found };
                        let about = models::about(&abilities, threads);
                        tracing::info!("This worker can now do: {about}");
                        queue.register(&name, &host, pid, &about, &abilities).await.ok();
                    }
                }
                let mut ending = stopping.clone();
                tokio::select! {
                    _ = tokio::time::sleep(IDLE) => {}
                    _ = ending.changed() => {}
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "The queue does not answer");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    exact.await.ok();
    clicks.await.ok();
    queue.gone(&name).await.ok();
    Ok(())
}

/// What the worker can do, if that changed.
async fn news(models: &Arc<Models>) -> Option<Abilities> {
    let models = Arc::clone(models);
    tokio::task::spawn_blocking(move || models.news()).await.ok().flatten()
}

/// Removes what runs that are over have kept to go on from.
async fn sweep_workplaces(queue: &Queue, store: &Store) {
    match handlers::sweep(queue.db(), store).await {
        Ok(0) => {}
        Ok(swept) => tracing::info!("Removed what {swept} run(s) that are over had kept"),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "What runs kept could not be swept")
        }
    }
}

/// SIGTERM, Ctrl-C and, for a supervised worker, the closing of standard input.
fn listen_for_the_end(stop: watch::Sender<bool>, with_stdin: bool) {
    let stop = Arc::new(stop);
    let by_signal = Arc::clone(&stop);
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).expect("signals can be listened to");
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        by_signal.send(true).ok();
    });
    if with_stdin {
        std::thread::spawn(move || {
            let mut byte = [0];
            while std::io::stdin().read(&mut byte).is_ok_and(|read| read > 0) {}
            stop.send(true).ok();
            // Whatever hangs then must not outlive the server.
            std::thread::sleep(Duration::from_secs(6));
            std::process::exit(1);
        });
    }
}

/// How a stage ended.
enum End {
    Done,
    Stopped,
    Failed(String),
}

async fn run_job(
    name: &str,
    queue: &Queue,
    store: &Store,
    (models, outside): (&Arc<Models>, &Option<Setting>),
    lease: Lease,
    mut stopping: watch::Receiver<bool>,
) {
    let roots = [store.root().to_owned(), models.root().to_owned()];
    let (models, outside) = (Arc::clone(models), outside.clone());
    let pulse = Arc::new(Pulse::default());
    let started = Instant::now();
    let (job, db, store, shared) = (lease.job.clone(), queue.db().clone(), store.clone(), Arc::clone(&pulse));
    let mut stage = tokio::task::spawn_blocking(move || {
        // OpenCV and FFmpeg bindings panic on misuse; one job must not take the worker with it.
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let mut context = Context::new(db, store, shared, models, handlers::plan(&job))?;
            context.outside = outside;
            handlers::run(&context, &job)
        }));
        match outcome {
            Ok(Ok(())) => End::Done,
            Ok(Err(error)) => ending(&error),
            Err(_) => End::Failed(
                "The stage broke off because of a fault in it. Press “Retry”; if it happens again, report it with the job's log."
                    .into(),
            ),
        }
    });
    let mut lost = false;
    let mut asked_to_cancel = false;
    let mut seen = Instant::now();
    let mut end = loop {
        tokio::select! {
            end = &mut stage => break end.unwrap_or_else(|error| End::Failed(error.to_string())),
            _ = tokio::time::sleep(BEAT) => {}
            _ = stopping.changed() => pulse.stop.store(true, Ordering::Relaxed),
        }
        // A worker that is busy for long is no worker that is gone.
        if seen.elapsed() > SEEN {
            seen = Instant::now();
            queue.seen(name, Some(lease.job_id)).await.ok();
        }
        let heard = beat(queue, &lease, &pulse, started).await;
        match heard {
            Ok(jobs::Pulse::GoOn) => {}
            Ok(jobs::Pulse::CancelAsked) => {
                asked_to_cancel = true;
                pulse.stop.store(true, Ordering::Relaxed);
            }
            Ok(jobs::Pulse::Lost) => {
                lost = true;
                pulse.stop.store(true, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "A beat was missed"),
        }
    };
    if lost {
        tracing::warn!(job.id = %lease.job_id, "The lease was lost; another worker has the job");
        return;
    }
    beat(queue, &lease, &pulse, started).await.ok(); // the last lines of the log
    if let End::Failed(sentence) = &mut end {
        tracing::error!(job.id = %lease.job_id, "{} failed: {sentence}", lease.job.title());
        *sentence = places::plain(sentence, &roots.each_ref().map(|root| root.as_path()));
    }
    conclude(queue, &lease, end, asked_to_cancel).await;
}

/// A stage's error for people; being stopped is none.
fn ending(error: &anyhow::Error) -> End {
    let stopped = error.chain().any(|cause| {
        matches!(cause.downcast_ref::<pipeline::Error>(), Some(pipeline::Error::Cancelled))
            || cause.downcast_ref::<pipeline::Cancelled>().is_some()
            || matches!(cause.downcast_ref::<media::Error>(), Some(media::Error::Cancelled))
    });
    if stopped {
        return End::Stopped;
    }
    End::Failed(lost::told(error).unwrap_or_else(|| format!("{error:#}")))
}

async fn beat(queue: &Queue, lease: &Lease, pulse: &Pulse, started: Instant) -> db::Result<jobs::Pulse> {
    let Place { step, fraction, origin, log } = {
        let mut place = pulse.place.lock().expect("no panic while held");
        let log = std::mem::take(&mut place.log);
        Place { log, ..place.clone() }
    };
    let (began, from) = origin.unwrap_or((started, 0.0));
    let seconds_left = seconds_left(began.elapsed().as_secs_f32(), from, fraction);
    queue.beat(lease, Beat { step, fraction, seconds_left, log: &log.join("\n") }).await
}

/// Seconds that the rest of a job takes if it goes on as it went from `from` to `fraction` in `spent` seconds; `None` while
/// that is too little to tell.
fn seconds_left(spent: f32, from: f32, fraction: f32) -> Option<u32> {
    let done = fraction - from;
    (done > 0.03 && spent > 1.5).then(|| (spent / done * (1.0 - fraction)).ceil() as u32)
}

async fn conclude(queue: &Queue, lease: &Lease, end: End, asked_to_cancel: bool) {
    let db = queue.db();
    let outcome = match end {
        End::Done => {
            let lease = lease.clone();
            db.write(move |tx| {
                let lease = lease.clone();
                Box::pin(async move { jobs::finish(tx, &lease).await })
            })
            .await
        }
        End::Stopped if asked_to_cancel => {
            let lease = lease.clone();
            db.write(move |tx| {
                let lease = lease.clone();
                Box::pin(async move { jobs::cancelled(tx, &lease).await })
            })
            .await
        }
        End::Stopped => {
            let lease = lease.clone();
            db.write(move |tx| {
                let lease = lease.clone();
                Box::pin(async move { jobs::put_back(tx, &lease).await })
            })
            .await
        }
        End::Failed(sentence) => {
            let lease = lease.clone();
            db.write(move |tx| {
                let (lease, sentence) = (lease.clone(), sentence.clone());
                Box::pin(async move { jobs::fail(tx, &lease, &sentence).await })
            })
            .await
        }
    };
    if let Err(error) = outcome {
        tracing::error!(error = &error as &dyn std::error::Error, job.id = %lease.job_id, "A job's end could not be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_loaded_is_a_number_of_gigabytes() {
        assert_eq!((gigabytes("0"), gigabytes(" 12.5 ")), (Ok(0.0), Ok(12.5)));
        for wrong in ["", "-1", "NaN", "inf", "8 GB", "1e9"] {
            assert!(gigabytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn time_left_is_not_told_before_there_is_something_to_tell_it_from() {
        assert_eq!(seconds_left(0.0, 0.0, 0.0), None);
        assert_eq!(seconds_left(600.0, 0.0, 0.0), None, "nothing is done");
        assert_eq!(seconds_left(600.0, 0.0, 0.02), None, "next to nothing is done");
        assert_eq!(seconds_left(1.0, 0.0, 0.5), None, "it only began");
        assert_eq!(seconds_left(600.0, 0.6, 0.6), None, "this attempt did nothing yet");
    }

    #[test]
    fn time_left_falls_to_nothing_at_the_end() {
        assert_eq!(seconds_left(10.0, 0.0, 0.25), Some(30));
        // The first half was another attempt's: only the pace of this one counts.
        assert_eq!(seconds_left(10.0, 0.5, 0.75), Some(10));
        // A job that keeps its pace: 100 s in all, told every second.
        let told: Vec<u32> = (4..=100)
            .map(|second| seconds_left(second as f32, 0.0, second as f32 / 100.0).expect("there is a pace"))
            .collect();
        assert!(told.windows(2).all(|pair| pair[0] >= pair[1]), "{told:?}");
        assert!((95..=97).contains(&told[0]), "{told:?}");
        // The same work in more time leaves more.
        assert!(seconds_left(20.0, 0.0, 0.5) > seconds_left(10.0, 0.0, 0.5));
        assert_eq!(seconds_left(100.0, 0.0, 1.0), Some(0));
        assert_eq!(seconds_left(100.0, 0.9, 1.0), Some(0));
    }
}
