//! Pictures, proxies and results by shot, quadmask or version. A hash alone opens nothing: every address is checked
//! against the project of its subject.

use app::context::Cx;
use app::error::ApiError;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use db::media::QuadmaskMedia;
use domain::{Action, Hash, QuadmaskId, ShotId, VersionId, may};
use serde::Deserialize;
use tower::ServiceExt;
use tower_http::services::ServeFile;
use tower_sessions::Session;

use super::Refused;
use super::bucket::{TEAM, download, stored};
use super::zip::Frames;
use crate::state::ServerState;

type Answer = Result<Response, Refused>;

pub(super) fn id<T: std::str::FromStr>(text: &str) -> Result<T, Refused> {
    text.parse().map_err(|_| Refused(ApiError::NotFound))
}

/// A blob with byte ranges and validation by its hash.
async fn blob(state: &ServerState, hash: Hash, content_type: &'static str, request: Request) -> Answer {
    stored(state, hash, &format!("\"{hash}\""), content_type, request).await
}

/// A blob that people keep as a file called `name`.
async fn kept(
    state: &ServerState,
    hash: Hash,
    content_type: &'static str,
    name: &str,
    request: Request,
) -> Answer {
    let tag = format!("\"{hash}\"");
    let answer = download(state, hash, &tag, content_type, &disposition(name), TEAM, request).await?;
    Ok(attachment(answer, name))
}

/// A file of the store whose content never changes under its `tag`.
pub(super) async fn file(
    path: &std::path::Path,
    tag: &str,
    content_type: &'static str,
    request: Request,
) -> Answer {
    if request.headers().get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag.to_owned())]).into_response());
    }
    let mut response = match ServeFile::new(path).oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    };
    if response.status() == StatusCode::NOT_FOUND {
        tracing::error!(file = tag, "A file that a row names is not in the store");
        return Err(Refused(ApiError::Internal));
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=600"));
    headers.insert(header::ETAG, HeaderValue::from_str(tag).expect("hexadecimal"));
    Ok(response)
}

pub(super) fn attachment(mut response: Response, name: &str) -> Response {
    let value = HeaderValue::from_str(&disposition(name)).expect("ASCII");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    response
}

/// As a file of that name, with the characters that every system takes.
pub(super) fn disposition(name: &str) -> String {
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    format!("attachment; filename=\"{safe}\"")
}

pub(super) fn or_not_found<T>(found: Option<T>) -> Result<T, Refused> {
    found.ok_or(Refused(ApiError::NotFound))
}

/// `GET /media/shots/{shot}/{file}`: `poster.jpg`, `strip.jpg`, `proxy.mov`, `proxy.json`, `sound.wav`, `plate`.
pub async fn shot(
    State(state): State<ServerState>,
    session: Session,
    Path((shot, file)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let cx = Cx::from_session(&state.app, &session).await?;
    let shot_id: ShotId = id(&shot)?;
    let media = db::media::of_shot(&state.app.db, shot_id).await.map_err(ApiError::from)?;
    // A client who is shown a version compares it with the plate: what is for viewing, never the file.
    let for_viewing =
        matches!(file.as_str(), "poster.jpg" | "strip.jpg" | "proxy.mov" | "proxy.json" | "sound.wav");
    if for_viewing && cx.is_client() {
        cx.project(media.project_id, Action::ViewClientVersions).await?;
        if !db::board::is_shown_to_clients(&state.app.db, shot_id).await.map_err(ApiError::from)? {
            return Err(Refused(ApiError::NotFound));
        }
    } else {
        cx.project(media.project_id, Action::ViewShot).await?;
    }
    match file.as_str() {
        "poster.jpg" => {
            let mut poster = blob(&state, or_not_found(media.poster)?, "image/jpeg", request).await?;
            // Its address is the same after trimming: asked for each time, and answered by hash.
            poster.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
            Ok(poster)
        }
        "strip.jpg" => blob(&state, or_not_found(media.strip)?, "image/jpeg", request).await,
        "proxy.mov" => blob(&state, or_not_found(media.proxy)?, "video/quicktime", request).await,
        "sound.wav" => blob(&state, or_not_found(media.sound)?, "audio/wav", request).await,
        "proxy.json" => {
            let index =
                db::media::proxy_index_of_shot(&state.app.db, shot_id).await.map_err(ApiError::from)?;
            Ok(json(or_not_found(index)?))
        }
        "plate" => kept(&state, media.plate, "application/octet-stream", &media.file_name, request).await,
        _ => Err(Refused(ApiError::NotFound)),
    }
}

fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "private, max-age=600")], text)
        .into_response()
}

/// `GET /media/shots/{shot}/draft/{frame}.png`
pub async fn draft_frame(
    State(state): State<ServerState>,
    session: Session,
    Path((shot, file)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let cx = Cx::from_session(&state.app, &session).await?;
    let shot_id: ShotId = id(&shot)?;
    let media = db::media::of_shot(&state.app.db, shot_id).await.map_err(ApiError::from)?;
    cx.project(media.project_id, Action::ViewShot).await?;
    let frame: u32 = id(file.strip_suffix(".png").unwrap_or(""))?;
    let hash = db::media::draft_frame(&state.app.db, shot_id, frame).await.map_err(ApiError::from)?;
    blob(&state, or_not_found(hash)?, "image/png", request).await
}

/// One frame of a quadmask's manifest: `null` where the frame is background only.
#[derive(Debug, Deserialize)]
struct ManifestFrame {
    png: Option<Hash>,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    frames: Vec<ManifestFrame>,
}

/// `GET /media/quadmasks/{quadmask}/{file}`: `{frame}.png`, `quadmask_0.mp4`, `quadmask.zip`.
pub async fn quadmask(
    State(state): State<ServerState>,
    session: Session,
    Path((quadmask, file)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let cx = Cx::from_session(&state.app, &session).await?;
    let quadmask_id: QuadmaskId = id(&quadmask)?;
    let QuadmaskMedia { project_id, shot_id, shot_name, n, manifest, movie, black: _, grey: _ } =
        db::media::of_quadmask(&state.app.db, quadmask_id).await.map_err(ApiError::from)?;
    let project = cx.project(project_id, Action::ViewShot).await?;
    if file == "quadmask_0.mp4" {
        let answer = blob(&state, or_not_found(movie)?, "video/mp4", request).await?;
        return Ok(attachment(answer, "quadmask_0.mp4"));
    }
    let manifest: Manifest = serde_json::from_str(&manifest).map_err(|error| {
        tracing::error!(%error, quadmask.id = %quadmask_id, "A manifest cannot be read");
        ApiError::Internal
    })?;
    if file == "quadmask.zip" {
        let shot = cx.shot(shot_id, Action::ViewShot).await?;
        let facts = or_not_found(shot.facts)?;
        let frames = Frames {
            pictures: manifest.frames.iter().map(|frame| frame.png).collect(),
            width: facts.width(),
            height: facts.height(),
            first_frame: project.first_frame,
        };
        let body = super::zip::stream(state.app.store.clone(), frames);
        let answer = ([(header::CONTENT_TYPE, "application/zip")], body).into_response();
        return Ok(attachment(answer, &format!("{shot_name}_quadmask_v{n:03}.zip")));
    }
    let frame: usize = id(file.strip_suffix(".png").unwrap_or(""))?;
    let hash = manifest.frames.get(frame).and_then(|f| f.png);
    blob(&state, or_not_found(hash)?, "image/png", request).await
}

/// `GET /media/versions/{version}/{file}`: `proxy.mov`, `proxy.json`, `result.mkv`, `matte.mkv`. Clients see the
/// proxy of client-visible versions only.
pub async fn version(
    State(state): State<ServerState>,
    session: Session,
    Path((version, file)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let cx = Cx::from_session(&state.app, &session).await?;
    let version_id: VersionId = id(&version)?;
    let media = db::media::of_version(&state.app.db, version_id).await.map_err(ApiError::from)?;
    cx.project(media.project_id, Action::ViewClientVersions).await?;
    let sees_all = may(cx.viewer.role, Action::ViewShot);
    let is_shown = media.client_visible && file.starts_with("proxy.");
    if !(sees_all || is_shown) {
        return Err(Refused(ApiError::NotFound));
    }
    let name = |what: &str| format!("{}_v{:03}_{what}", media.shot_name, media.n);
    match file.as_str() {
        "proxy.mov" => blob(&state, media.proxy, "video/quicktime", request).await,
        "proxy.json" => {
            let index =
                db::media::proxy_index_of_version(&state.app.db, version_id).await.map_err(ApiError::from)?;
            Ok(json(index))
        }
        "result.mkv" => kept(&state, media.result, "video/x-matroska", &name("result.mkv"), request).await,
        "matte.mkv" => kept(&state, media.matte, "video/x-matroska", &name("matte.mkv"), request).await,
        _ => Err(Refused(ApiError::NotFound)),
    }
}
