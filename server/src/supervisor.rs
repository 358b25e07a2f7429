//! Starts the local worker and watches it: a crash is logged and answered with a pause that grows, never with silence.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use jobs::Queue;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::Instant;

/// What the worker needs to know; handed over in its environment so that no password shows in the process list.
#[derive(Debug, Clone)]
pub struct WorkerSetup {
    pub program: PathBuf,
    pub data: PathBuf,
    /// Folder of the models' weights.
    pub models: PathBuf,
    pub database_url: String,
    pub storage_url: Option<String>,
}

/// Runs until `stopping`; the worker's standard input is kept open, and its closing tells the worker to stop. What
/// a worker had when it ended is free for the next one at once: each gets a name of its own, so that nothing but the
/// work of the child that was seen to end is touched.
pub async fn watch_worker(setup: WorkerSetup, queue: Queue, mut stopping: watch::Receiver<bool>) {
    let mut crashes = 0u32;
    while !*stopping.borrow() {
        let started = Instant::now();
        let token = db::new_uuid().simple().to_string();
        match spawn(&setup, &token) {
            Ok(mut child) => {
                let name = child.id().map(|pid| jobs::worker_name(pid, &token));
                // `wait` would close standard input, which tells the worker to stop: held here instead.
                let stdin = child.stdin.take();
                tokio::select! {
                    status = child.wait() => match status {
                        Ok(status) => {
                            tracing::warn!("The worker ended ({status}); its job will be taken up again");
                            free(&queue, name.as_deref()).await;
                        }
                        // It may live on: its lease says for how long.
                        Err(error) => tracing::error!(%error, "The worker cannot be watched"),
                    },
                    _ = stopping.changed() => {
                        drop(stdin);
                        if stop(child).await {
                            free(&queue, name.as_deref()).await;
                        }
                        return;
                    }
                }
            }
            Err(error) => tracing::error!(%error, "The worker {} cannot be started", setup.program.display()),
        }
        crashes = if started.elapsed() > Duration::from_secs(60) { 0 } else { crashes + 1 };
        let pause = Duration::from_millis(300 * 2u64.pow(crashes.min(7)));
        tracing::info!("Starting the worker again in {pause:?}");
        tokio::select! {
            _ = tokio::time::sleep(pause) => {}
            _ = stopping.changed() => {}
        }
    }
}

async fn free(queue: &Queue, name: Option<&str>) {
    let Some(name) = name else { return };
    match queue.died(name).await {
        Ok(0) => {}
        Ok(jobs) => tracing::info!("The worker that ended had {jobs} job(s); they can be taken up now"),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "What the ended worker had cannot be freed; its lease runs out by itself"
        ),
    }
}

fn spawn(setup: &WorkerSetup, token: &str) -> std::io::Result<Child> {
    let mut worker = Command::new(&setup.program);
    if let Some(url) = &setup.storage_url {
        worker.env("STORAGE_URL", url);
    }
    worker
        .arg("run")
        .arg("--stop-with-stdin")
        .arg("--data")
        .arg(&setup.data)
        .arg("--models")
        .arg(&setup.models)
        .env("DATABASE_URL", &setup.database_url)
        .env("WORKER_TOKEN", token)
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Closing standard input asks; after eight seconds we insist. A half-done job is taken up by the next worker. Whether the
/// worker was seen to end.
async fn stop(mut child: Child) -> bool {
    match tokio::time::timeout(Duration::from_secs(8), child.wait()).await {
        Ok(ended) => ended.is_ok(),
        Err(_) => child.kill().await.is_ok(),
    }
}
