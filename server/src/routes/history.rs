//! A shot's record of decisions as files: for people of the project who see its masks and internal versions; clients and
//! guests have no address here.

use app::context::Cx;
use app::error::ApiError;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::package::stem_of_shot;
use domain::{Action, Hash, ShotId};
use provenance::History;
use tower_sessions::Session;

use super::Refused;
use super::media::{attachment, id};
use crate::state::ServerState;

async fn read(state: &ServerState, session: &Session, shot: &str) -> Result<History, Refused> {
    let cx = Cx::from_session(&state.app, session).await?;
    let shot_id: ShotId = id(shot)?;
    cx.shot(shot_id, Action::ViewShot).await?;
    Ok(db::history::of_shot(&state.app.db, shot_id).await.map_err(ApiError::from)?)
}

fn named(history: &History, kind: &'static str, bytes: Vec<u8>, extension: &str) -> Response {
    let place = stem_of_shot(&history.project.name, history.sequence.as_deref(), &history.shot.name);
    let name = if place.is_empty() { "history".to_owned() } else { format!("{place}_history") };
    let mut answer = ([(header::CONTENT_TYPE, kind)], bytes).into_response();
    // The next decision makes it another file.
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    attachment(answer, &format!("{name}.{extension}"))
}

/// `GET /media/shots/{shot}/history.json`: canonical, so that equal records are equal bytes.
pub async fn json(
    State(state): State<ServerState>,
    session: Session,
    Path(shot): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let history = read(&state, &session, &shot).await?;
    let text = history.to_json();
    let tag = format!("\"{}\"", Hash::of(text.as_bytes()));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let mut answer = named(&history, "application/json", text.into_bytes(), "json");
    answer.headers_mut().insert(header::ETAG, HeaderValue::from_str(&tag).expect("hexadecimal"));
    Ok(answer)
}

/// `GET /media/shots/{shot}/history.pdf`
pub async fn pdf(
    State(state): State<ServerState>,
    session: Session,
    Path(shot): Path<String>,
) -> Result<Response, Refused> {
    let history = read(&state, &session, &shot).await?;
    let paper = tokio::task::spawn_blocking(move || {
        let bytes = crate::paper::history(&history, db::now());
        bytes.map(|bytes| (history, bytes))
    });
    let (history, bytes) = paper.await.map_err(ApiError::from)?.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "A history could not be printed");
        ApiError::Internal
    })?;
    Ok(named(&history, "application/pdf", bytes, "pdf"))
}
