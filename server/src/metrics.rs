//! What Prometheus reads: requests as they are answered, and the state of queue, store and disk at the time of asking.
//! Labels are routes and words of our own, never what somebody typed: no names, no tokens.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::state::ServerState;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Work {
    kind: String,
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
    database: String,
}

/// Upper bounds of the histogram of answers, seconds.
const SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Cheap to clone: the parts are shared.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    streams: Gauge,
    jobs: Family<Work, Gauge>,
    oldest: Gauge,
    workers: Gauge,
    blobs: Gauge,
    blob_bytes: Gauge,
    free_bytes: Gauge,
    memory: Gauge,
}

impl Metrics {
    pub fn new(database: db::Engine) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let seconds = Family::new_with_constructor(histogram);
        let build = Family::<Build, Gauge>::default();
        build
            .get_or_create(&Build {
                version: env!("CARGO_PKG_VERSION"),
                database: format!("{database:?}").to_lowercase(),
            })
            .set(1);
        let started = Gauge::<i64>::default();
        started.set(db::now() / 1_000_000);
        let mut metrics = Self {
            registry: Arc::default(),
            requests: Family::default(),
            seconds,
            streams: Gauge::default(),
            jobs: Family::default(),
            oldest: Gauge::default(),
            workers: Gauge::default(),
            blobs: Gauge::default(),
            blob_bytes: Gauge::default(),
            free_bytes: Gauge::default(),
            memory: Gauge::default(),
        };
        let mut registry = Registry::with_prefix("minus_one");
        registry.register("http_requests", "Requests that were answered", metrics.requests.clone());
        registry.register(
            "http_request_seconds",
            "Seconds until an answer began, of everything but streams of events",
            metrics.seconds.clone(),
        );
        registry.register("event_streams", "Browsers that hear live events", metrics.streams.clone());
        registry.register("jobs", "Jobs by kind and state", metrics.jobs.clone());
        registry.register(
            "queue_oldest_seconds",
            "Seconds that the oldest job that may run has waited; 0 without one",
            metrics.oldest.clone(),
        );
        registry.register("workers", "Workers heard from within half a minute", metrics.workers.clone());
        registry.register("blobs", "Blobs in the store", metrics.blobs.clone());
        registry.register("blob_bytes", "Bytes of the blobs in the store", metrics.blob_bytes.clone());
        registry.register("disk_free_bytes", "Free bytes where the store lies", metrics.free_bytes.clone());
        registry.register(
            "resident_memory_bytes",
            "Memory of the server process, without workers",
            metrics.memory.clone(),
        );
        registry.register("build", "What runs: always 1", build);
        registry.register("start_time_seconds", "When the process started, Unix time", started);
        metrics.registry = Arc::new(registry);
        metrics
    }

    /// Counts a listener until it is dropped.
    pub fn listener(&self) -> Listener {
        self.streams.inc();
        Listener(self.streams.clone())
    }

    /// Reads what is true now.
    async fn look(&self, state: &ServerState) -> db::Result<()> {
        let queue = state.app.queue();
        let counts = queue.counts().await?;
        self.jobs.clear();
        for (kind, job_state, count) in counts {
            self.jobs.get_or_create(&Work { kind, state: job_state }).set(count);
        }
        self.oldest.set(queue.oldest_wait_micros().await?.map_or(0, |micros| micros / 1_000_000));
        let alive = queue.workers().await?.iter().filter(|worker| worker.is_alive).count();
        self.workers.set(i64::try_from(alive).unwrap_or(i64::MAX));
        let (blobs, bytes) = db::blobs::total(&state.app.db).await?;
        self.blobs.set(blobs);
        self.blob_bytes.set(bytes);
        if let Ok(free) = state.app.store.free_bytes() {
            self.free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
        }
        self.memory.set(resident_bytes().unwrap_or(0));
        Ok(())
    }

    /// The text that Prometheus reads.
    pub async fn text(&self, state: &ServerState) -> db::Result<String> {
        self.look(state).await?;
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("text can be appended to a string");
        Ok(text)
    }
}

/// One browser that hears live events.
#[derive(Debug)]
pub struct Listener(Gauge);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Resident memory of this process in bytes, where `/proc` tells.
fn resident_bytes() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * i64::try_from(rustix::param::page_size()).ok()?)
}

/// Counts and times answers, by route.
pub async fn count(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route(matched.as_deref());
    let method = method(request.method());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    if !route.ends_with("events") {
        let route = Route { route: route.clone() };
        state.metrics.seconds.get_or_create(&route).observe(began.elapsed().as_secs_f64());
    }
    state.metrics.requests.get_or_create(&Answered { route, method, status }).inc();
    response
}

/// The method, if it is one of those that are answered: anybody can make up others, and each label is kept for good.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The route without what the framework puts behind the names of server functions, so that series go on over releases.
fn route(matched: Option<&str>) -> String {
    let Some(path) = matched else { return "other".to_owned() };
    if path.starts_with("/api/") {
        path.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_ours_and_stay_the_same() {
        assert_eq!(route(None), "other");
        assert_eq!(route(Some("/api/list_shots1234567890")), "/api/list_shots");
        assert_eq!(route(Some("/media/shots/{shot}/{file}")), "/media/shots/{shot}/{file}");
    }

    #[test]
    fn made_up_methods_are_one() {
        let made_up = Method::from_bytes(b"MADE-UP").expect("a token");
        assert_eq!([method(&Method::GET), method(&made_up), method(&Method::PUT)], ["GET", "other", "other"]);
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
