//! What every handler can reach.

use std::sync::Arc;

use app::context::AppState;
use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use tokio::sync::watch;

use crate::live::Live;
use crate::metrics::Metrics;
use crate::routes::watch::Bucket;
use crate::uploads::Writers;

#[derive(Debug, Clone)]
pub struct ServerState {
    pub app: AppState,
    pub leptos: LeptosOptions,
    pub live: Live,
    pub metrics: Metrics,
    /// Who may read the metrics from elsewhere than this machine: whoever knows this word.
    pub metrics_token: Option<String>,
    /// Requests come through a proxy, which says from where.
    pub behind_proxy: bool,
    pub writers: Arc<Writers>,
    /// How the bucket was when a probe asked last.
    pub bucket: Bucket,
    /// Becomes true when the server is asked to stop: endless answers end.
    pub stopping: watch::Receiver<bool>,
}

impl FromRef<ServerState> for LeptosOptions {
    fn from_ref(state: &ServerState) -> Self {
        state.leptos.clone()
    }
}

impl FromRef<ServerState> for AppState {
    fn from_ref(state: &ServerState) -> Self {
        state.app.clone()
    }
}
