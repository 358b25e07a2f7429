//! Starts the local worker and watches it: a crash is logged and answered with a pause that grows, never with silence.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::Instant;

/// What the worker needs to know; handed over in its environment so that no password shows in the process list.
#[derive(Debug, Clone)]
pub struct WorkerSetup {
    pub program: PathBuf,
    pub data: PathBuf,
    pub database_url: String,
}

/// Runs until `stopping`; the worker's standard input is kept open, and its closing tells the worker to stop.
pub async fn watch_worker(setup: WorkerSetup, mut stopping: watch::Receiver<bool>) {
    let mut crashes = 0u32;
    while !*stopping.borrow() {
        let started = Instant::now();
        match spawn(&setup) {
            Ok(mut child) => {
                // `wait` would close standard input, which tells the worker to stop: held here instead.
                let stdin = child.stdin.take();
                tokio::select! {
                    status = child.wait() => match status {
                        Ok(status) => tracing::warn!("The worker ended ({status}); its job will be taken up again"),
                        Err(error) => tracing::error!(%error, "The worker cannot be watched"),
                    },
                    _ = stopping.changed() => {
                        drop(stdin);
                        stop(child).await;
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

fn spawn(setup: &WorkerSetup) -> std::io::Result<Child> {
    Command::new(&setup.program)
        .arg("run")
        .arg("--stop-with-stdin")
        .arg("--data")
        .arg(&setup.data)
        .env("DATABASE_URL", &setup.database_url)
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Closing standard input asks; after eight seconds we insist. A half-done job is taken up by the next worker.
async fn stop(mut child: Child) {
    if tokio::time::timeout(Duration::from_secs(8), child.wait()).await.is_err() {
        child.kill().await.ok();
    }
}
