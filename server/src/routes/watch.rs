//! What machines ask: is it alive, can it serve, how is it doing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::state::ServerState;

/// Longest that readiness waits for the database, and for the bucket.
const PATIENCE: Duration = Duration::from_secs(3);
/// What the bucket said is told so long to whoever asks: probes come often and from several sides.
const SHARED: Duration = Duration::from_secs(5);
/// Less free disk than this is not enough to take an upload or make a version.
const LEAST_FREE_BYTES: u64 = 1 << 30;

/// `GET /healthz`: the process answers and the database too.
pub async fn health(State(state): State<ServerState>) -> Response {
    match database(&state).await {
        Ok(()) => (StatusCode::OK, "ok").into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why).into_response(),
    }
}

async fn database(state: &ServerState) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, db::uploads::promised_bytes(&state.app.db)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "The database does not answer");
            Err("The database does not answer".to_owned())
        }
        Err(_) => Err(format!("The database did not answer within {} s", PATIENCE.as_secs())),
    }
}

type Said = Option<(Instant, Result<(), String>)>;

/// When the bucket was asked last, and what was wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Bucket(Arc<Mutex<Said>>);

/// One question for all who come within some seconds; also for those after a probe that gave up before the bucket answered.
async fn bucket(state: &ServerState) -> Result<(), String> {
    let (store, shared) = (state.app.store.clone(), state.bucket.clone());
    // A task of its own: an answer that nobody waits for any more is dropped where it stands, and what it was to keep with it.
    let asking = tokio::spawn(async move {
        let mut last = shared.0.lock().await;
        if let Some((at, said)) = &*last
            && at.elapsed() < SHARED
        {
            return said.clone();
        }
        let said = store.ask_bucket(PATIENCE).await.map_err(|(ailment, error)| {
            tracing::error!(error = &error as &dyn std::error::Error, "The bucket cannot be used");
            format!("{ailment}: the server's log says more")
        });
        *last = Some((Instant::now(), said.clone()));
        said
    });
    asking.await.unwrap_or_else(|_| Err("The bucket could not be asked".to_owned()))
}

/// One thing that must be right, and in words what is wrong with it.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl Check {
    fn new(name: &'static str, outcome: Result<(), String>) -> Self {
        Self { name, ok: outcome.is_ok(), problem: outcome.err() }
    }
}

#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    version: &'static str,
    checks: Vec<Check>,
    /// What is not as it should be but does not keep people from working.
    warnings: Vec<String>,
}

/// `GET /readyz`: whether people can work here: 200 or 503, with every check as JSON. Says nothing of what is stored.
pub async fn ready(State(state): State<ServerState>) -> Response {
    let store = state.app.store.clone();
    let written = tokio::task::spawn_blocking(move || {
        // What is wrong where is for the log: anybody may ask this.
        let refused = |error: storage::Error| {
            tracing::error!(error = &error as &dyn std::error::Error, "The store cannot be used");
            "The store cannot be written: the server's log says why".to_owned()
        };
        drop(store.scratch().map_err(refused)?);
        let free = store.free_bytes().map_err(refused)?;
        if free < LEAST_FREE_BYTES {
            return Err(format!("Only {} MB are free where the store lies", free >> 20));
        }
        Ok(())
    });
    let stored = written.await.unwrap_or_else(|_| Err("The store could not be looked at".to_owned()));
    let stopping = if *state.stopping.borrow() { Err("The server is stopping".to_owned()) } else { Ok(()) };
    let mut checks = vec![
        Check::new("database", database(&state).await),
        Check::new("store", stored),
        Check::new("server", stopping),
    ];
    if state.app.store.has_bucket() {
        checks.push(Check::new("bucket", bucket(&state).await));
    }
    let mut warnings = Vec::new();
    let workers = state.app.queue().workers().await.unwrap_or_default();
    if !workers.iter().any(|worker| worker.is_alive) {
        warnings.push("No worker is running: jobs wait".to_owned());
    }
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready, version: env!("CARGO_PKG_VERSION"), checks, warnings })).into_response()
}

/// `GET /metrics`, in the text that Prometheus reads: for programs on this machine, and for whoever brings the token of
/// `--metrics-token` (`Authorization: Bearer …`).
pub async fn metrics(
    State(state): State<ServerState>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    if !may_read(state.metrics_token.as_deref(), state.behind_proxy, from, &headers) {
        let words = "Metrics are for programs on this machine, or with the token of --metrics-token.";
        return (StatusCode::FORBIDDEN, words).into_response();
    }
    match state.metrics.text(&state).await {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "The metrics could not be read");
            (StatusCode::SERVICE_UNAVAILABLE, "The database does not answer").into_response()
        }
    }
}

/// Behind a proxy everybody comes from this machine: then only the token opens, and what was passed on counts as from elsewhere
/// even where nobody said that there is one.
fn may_read(token: Option<&str>, behind_proxy: bool, from: SocketAddr, headers: &HeaderMap) -> bool {
    if let Some(token) = token {
        let said = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let said = said.and_then(|value| value.strip_prefix("Bearer "));
        // Hashes are compared, so that time tells nothing about the token.
        return said.is_some_and(|said| Sha256::digest(said) == Sha256::digest(token));
    }
    let passed_on =
        ["x-forwarded-for", "forwarded", "x-real-ip"].iter().any(|name| headers.contains_key(*name));
    from.ip().to_canonical().is_loopback() && !passed_on && !behind_proxy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        of.iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .collect()
    }

    #[test]
    fn metrics_stay_on_the_machine_unless_somebody_has_the_token() {
        let here: SocketAddr = "127.0.0.1:5000".parse().expect("an address");
        let there: SocketAddr = "192.0.2.7:5000".parse().expect("an address");
        assert!(may_read(None, false, here, &headers(&[])));
        assert!(may_read(None, false, "[::ffff:127.0.0.1]:1".parse().expect("an address"), &headers(&[])));
        assert!(!may_read(None, true, here, &headers(&[])));
        assert!(!may_read(None, false, there, &headers(&[])));
        assert!(!may_read(None, false, here, &headers(&[("x-forwarded-for", "192.0.2.7")])));
        assert!(may_read(Some("word"), false, there, &headers(&[("authorization", "Bearer word")])));
        assert!(!may_read(Some("word"), false, here, &headers(&[])));
        assert!(!may_read(Some("word"), false, here, &headers(&[("authorization", "Bearer wors")])));
    }
}
