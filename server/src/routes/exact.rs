//! Exact frames: the decoded picture at full size, made by a worker when somebody asks. For people of the project; clients
//! have the proxy.

use std::time::{Duration, Instant};

use app::context::Cx;
use app::error::ApiError;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use db::exact::Wish;
use domain::{Action, ShotId, VersionId};
use tower_sessions::Session;

use super::Refused;
use super::media::{file, id};
use crate::state::ServerState;

/// Whoever asked tries again after that.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(60);

/// `GET /media/shots/{shot}/frames/{frame}.png`: frame 0 is the shot's first.
pub async fn of_shot(
    State(state): State<ServerState>,
    session: Session,
    Path((shot, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refused> {
    let cx = Cx::from_session(&state.app, &session).await?;
    let shot_id: ShotId = id(&shot)?;
    let shot = cx.shot(shot_id, Action::ViewShot).await?;
    let frame = frame_of(&name, shot.facts.as_ref().map_or(0, |facts| facts.frames))?;
    let first = shot.trim.map_or(0, |trim| trim.first);
    answer(&state, Wish { file: shot.plate, frame: first + frame, shot_id, version_id: None }, request).await
}

/// `GET /media/versions/{version}/frames/{frame}.png`
pub async fn of_version(
    State(state): State<ServerState>,
    session: Session,
    Path((version, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refused> {
    let cx = Cx::from_session(&state.app, &session).await?;
    let version_id: VersionId = id(&version)?;
    let version = cx.version(version_id, Action::ViewShot).await?;
    let frame = frame_of(&name, version.proof.frames)?;
    let (file, shot_id) = (version.result, version.shot_id);
    answer(&state, Wish { file, frame, shot_id, version_id: Some(version_id) }, request).await
}

fn frame_of(name: &str, frames: u32) -> Result<u32, Refused> {
    let frame: u32 = id(name.strip_suffix(".png").unwrap_or(""))?;
    if frame < frames { Ok(frame) } else { Err(Refused(ApiError::NotFound)) }
}

/// The picture, as soon as it is there; otherwise a sentence.
async fn answer(state: &ServerState, wish: Wish, request: Request) -> Result<Response, Refused> {
    let name = wish.cache_name();
    let path = state.app.store.cached_path(&name);
    let db = &state.app.db;
    if path.is_file() {
        state.app.store.touch_cached_blocking(&name);
    } else {
        let workers = state.app.queue().workers().await.map_err(ApiError::from)?;
        if !workers.iter().any(|worker| worker.is_alive) {
            return Ok(later("no worker is running that could make it"));
        }
        db::exact::ask(db, &wish).await.map_err(ApiError::from)?;
        let asked = Instant::now();
        while !path.is_file() {
            if let Some(why) = db::exact::problem(db, &wish).await.map_err(ApiError::from)? {
                return Err(Refused(ApiError::Invalid(why)));
            }
            if asked.elapsed() > PATIENCE || *state.stopping.borrow() {
                return Ok(later("the worker is busy"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    file(&path, &format!("\"{name}\""), "image/png", request).await
}

/// The browser shows the proxy meanwhile and says so with these words.
fn later(why: &'static str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}
