//! A shot's record of decisions as files: for people of the project who see its masks and internal versions; clients and
//! guests have no address here.

use app::context::{ClientAddress, Cx};
use app::error::ApiError;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::package::stem_of_shot;
use domain::project::Shot;
use domain::{Action, Deed, Hash, ShotId};
use provenance::History;
use tower_sessions::Session;

use super::Refused;
use super::media::{attachment, id};
use crate::state::ServerState;

async fn read(state: &ServerState, session: &Session, shot: &str) -> Result<(Cx, Shot, History), Refused> {
    let cx = Cx::from_session(&state.app, session).await?;
    let shot_id: ShotId = id(shot)?;
    let shot = cx.shot(shot_id, Action::ViewShot).await?;
    let history = db::history::of_shot(&state.app.db, shot_id).await.map_err(ApiError::from)?;
    Ok((cx, shot, history))
}

/// Keeps who exported it; a look at its headers exports nothing.
async fn exported(
    (cx, shot): (&Cx, &Shot),
    kind: &str,
    method: &Method,
    from: ClientAddress,
) -> Result<(), Refused> {
    if method == Method::GET {
        let about = format!("“{}” as {kind}", shot.name);
        cx.takes(Deed::HistoryExported, shot.project_id, about, from).await?;
    }
    Ok(())
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
    Extension(from): Extension<ClientAddress>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let (cx, shot, history) = read(&state, &session, &shot).await?;
    let text = history.to_json();
    let tag = format!("\"{}\"", Hash::of(text.as_bytes()));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    exported((&cx, &shot), "JSON", &method, from).await?;
    let mut answer = named(&history, "application/json", text.into_bytes(), "json");
    answer.headers_mut().insert(header::ETAG, HeaderValue::from_str(&tag).expect("hexadecimal"));
    Ok(answer)
}

/// `GET /media/shots/{shot}/history.pdf`
pub async fn pdf(
    State(state): State<ServerState>,
    session: Session,
    Path(shot): Path<String>,
    Extension(from): Extension<ClientAddress>,
    method: Method,
) -> Result<Response, Refused> {
    let (cx, shot, history) = read(&state, &session, &shot).await?;
    let paper = tokio::task::spawn_blocking(move || {
        let bytes = crate::paper::history(&history, db::now());
        bytes.map(|bytes| (history, bytes))
    });
    let (history, bytes) = paper.await.map_err(ApiError::from)?.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "A history could not be printed");
        ApiError::Internal
    })?;
    exported((&cx, &shot), "PDF", &method, from).await?;
    Ok(named(&history, "application/pdf", bytes, "pdf"))
}
