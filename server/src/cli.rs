//! The command line: `minus-one serve`, `doctor`, `models`, `users`, `history check`, `sweep`, `backup`, `restore`.

pub mod backup;
pub mod check;
pub mod doctor;
pub mod models;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use app::context::AppState;
use clap::{Parser, Subcommand};
use leptos::config::LeptosOptions;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Config;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::state::ServerState;
use crate::supervisor::{WorkerSetup, watch_worker};
use crate::{router, telemetry, tls, upkeep, uploads, users};

/// Minus One: remove things from video together with everything they did to the scene.
#[derive(Debug, Parser)]
#[command(name = "minus-one", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server and one local worker.
    Serve(Box<Config>),
    /// Say what works here now, what is missing and the next step; takes what `serve` takes, and changes nothing.
    Doctor(Box<Config>),
    /// The weights of networks: which there are, their licences, fetching and checking them.
    Models(models::Args),
    /// Look after accounts, where nobody can sign in to do it.
    Users(users::Args),
    /// Remove from the disk what nothing needs and nobody used within a day; beside a running server or without one.
    Sweep(upkeep::Args),
    /// The record of decisions.
    History {
        #[command(subcommand)]
        what: History,
    },
    /// Save rows and blobs of one moment, beside a running server or without one.
    Backup(backup::Args),
    /// Bring a back-up into an empty database of either engine; the server must not run.
    Restore(backup::RestoreArgs),
}

#[derive(Debug, Subcommand)]
enum History {
    /// Compute every hash of the record again; ends with 1 and says where when something was altered, is missing or is there twice.
    Check(check::Args),
}

/// Bytes. A page is polled through every view it is nested in, which without optimization takes as much as threads usually have, 2 MiB;
/// and a stack that is full ends the whole server. Only what is used of it becomes memory.
const STACK: usize = 32 << 20;

/// What everything of the server runs on.
fn threads() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK).enable_all().build()
}

pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    telemetry::start();
    let runtime = threads()?;
    match cli.command {
        Command::Serve(config) => runtime.block_on(serve(*config)).map(|()| ExitCode::SUCCESS),
        Command::Doctor(config) => runtime.block_on(doctor::run(&config)),
        Command::Models(args) => runtime.block_on(models::run(args)),
        Command::Users(args) => runtime.block_on(users::run(args)).map(|()| ExitCode::SUCCESS),
        Command::Sweep(args) => runtime.block_on(upkeep::run(&args)).map(|()| ExitCode::SUCCESS),
        Command::History { what: History::Check(args) } => runtime.block_on(check::run(&args)),
        Command::Backup(args) => runtime.block_on(backup::run(args)),
        Command::Restore(args) => runtime.block_on(backup::restore(&args)),
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let data = &config.place.data;
    std::fs::create_dir_all(data)
        .with_context(|| format!("The data folder {} cannot be made", data.display()))?;
    let tls = match (&config.tls_cert, &config.tls_key) {
        (Some(cert), Some(key)) => {
            let tls = tls::read(cert, key).await?;
            tokio::spawn(tls::renew(tls.clone(), cert.clone(), key.clone()));
            Some(tls)
        }
        _ => None,
    };
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("Cannot listen on {}: is another server running there?", config.listen))?;
    let (stop, stopping) = watch::channel(false);
    let (state, router) = start(&config, listener.local_addr()?, stopping.clone()).await?;
    tokio::spawn(upkeep::keep(state.app.clone(), stopping.clone()));
    let worker = local_worker(&config, state.app.queue(), stopping.clone())?;
    tracing::info!("Minus One is open at {}", state.app.public_url);

    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let handle = axum_server::Handle::new();
    let mut ending = stopping.clone();
    let shutting = handle.clone();
    tokio::spawn(async move {
        ending.changed().await.ok();
        // A browser that never lets go must not keep the process.
        shutting.graceful_shutdown(Some(Duration::from_secs(5)));
    });
    let signals = tokio::spawn(async move {
        wait_for_signal().await;
        tracing::info!("Stopping");
        stop.send(true).ok();
    });
    let listener = listener.into_std()?;
    match tls {
        Some(tls) => patient(axum_server::from_tcp_rustls(listener, tls)?, handle).serve(service).await?,
        None => patient(axum_server::from_tcp(listener)?, handle).serve(service).await?,
    }
    if let Some(worker) = worker {
        worker.await.ok();
    }
    signals.abort();
    Ok(())
}

/// Who connects and asks nothing is let go, so that open connections cannot be used up.
fn patient<A>(
    mut server: axum_server::Server<SocketAddr, A>,
    handle: axum_server::Handle<SocketAddr>,
) -> axum_server::Server<SocketAddr, A> {
    const FIRST: Duration = Duration::from_secs(20);
    const HEADERS: Duration = Duration::from_secs(60);
    server.http_builder().http1().header_read_timeout(HEADERS);
    server.first_request_timeout(FIRST).handle(handle)
}

/// Opens database and store, and builds what answers requests. Used by `serve` and by the tests.
pub async fn start(
    config: &Config,
    address: SocketAddr,
    stopping: watch::Receiver<bool>,
) -> anyhow::Result<(ServerState, axum::Router)> {
    ::models::provide_tls();
    let public_url = config.place.public_url(config.scheme(), address.port())?;
    let db = config.place.open().await?;
    let store = config.place.store()?;
    let models = ::models::Room::new(config.models_folder());
    let listening = config.listening(address);
    let app = AppState { db: db.clone(), store, public_url, listening, models };
    uploads::settle(&app).await.context("Unfinished uploads cannot be settled")?;
    if config.demo {
        db::demo::ensure(&db).await.context("The demo project cannot be made")?;
    }
    let leptos = LeptosOptions::builder()
        .output_name("minus-one")
        .site_root(config.site_root.display().to_string())
        .site_pkg_dir("pkg")
        .site_addr(address)
        .build();
    let metrics = Metrics::new(db.engine());
    let live = Live::start(db, stopping.clone());
    let state = ServerState {
        app,
        leptos,
        live,
        metrics,
        metrics_token: config.metrics_token.clone().filter(|token| !token.is_empty()),
        behind_proxy: config.behind_proxy,
        writers: Arc::default(),
        bucket: Default::default(),
        stopping,
    };
    let router = router::router(state.clone());
    Ok((state, router))
}

fn local_worker(
    config: &Config,
    queue: jobs::Queue,
    stopping: watch::Receiver<bool>,
) -> anyhow::Result<Option<tokio::task::JoinHandle<()>>> {
    if config.no_worker {
        return Ok(None);
    }
    let database_url = config.place.database_url()?;
    match config.worker_program() {
        Ok(program) => {
            let (data, storage_url) = (config.place.data.clone(), config.place.storage_url.clone());
            let models = config.models_folder();
            let setup = WorkerSetup { program, data, models, database_url, storage_url };
            Ok(Some(tokio::spawn(watch_worker(setup, queue, stopping))))
        }
        Err(why) => {
            tracing::warn!(
                "No local worker: {why}. Shots will wait until a worker runs; build it or give --worker-bin"
            );
            Ok(None)
        }
    }
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be listened to");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes this much of the stack of whoever calls, or two or three times as much without optimization.
    #[inline(never)]
    fn deep(bytes: usize) -> usize {
        let taken = std::hint::black_box([1_u8; 1 << 16]);
        if bytes < taken.len() {
            0
        } else {
            usize::from(taken[bytes % taken.len()]) + deep(bytes - taken.len())
        }
    }

    #[test]
    fn pages_nested_deep_do_not_end_the_server() {
        let threads = threads().unwrap();
        let reached = threads.block_on(async { tokio::spawn(async { deep(4 << 20) }).await });
        assert_eq!(reached.unwrap(), 64);
    }
}
