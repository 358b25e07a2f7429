//! What every handler can reach.

use std::sync::Arc;

use app::context::AppState;
use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use tokio::sync::watch;

use crate::live::Live;
use crate::uploads::Writers;

#[derive(Debug, Clone)]
pub struct ServerState {
    pub app: AppState,
    pub leptos: LeptosOptions,
    pub live: Live,
    pub writers: Arc<Writers>,
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
