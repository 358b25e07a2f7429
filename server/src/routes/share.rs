//! What guests of a link may fetch: pictures and sound for viewing, and the result of an approved version where the link grants
//! it. Every address is checked through [`Guest`]; plates, mattes, quadmasks, exact frames and whatever else is internal have no
//! address here. What is watched is sent on by the server, never fetched from a bucket: there the address holds the blob's hash
//! and opens for a while after the link is withdrawn. A file that the link grants may be fetched there.

use app::context::ClientAddress;
use app::context::guest::Guest;
use app::error::ApiError;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{Hash, ShotId, VersionId};
use tower_sessions::Session;

use super::Refused;
use super::bucket::{GUESTS, download, stored};
use super::deliveries::is_taken;
use super::media::{attachment, disposition, id, or_not_found};
use crate::state::ServerState;

type Answer = Result<Response, Refused>;

/// As for people of the project, but the tag is not the blob's hash.
async fn blob(
    state: &ServerState,
    guest: &Guest,
    hash: Hash,
    kind: &'static str,
    request: Request,
) -> Answer {
    let mut answer = stored(state, hash, &tag(guest, hash), kind, request).await?;
    closed_to_others(&mut answer);
    Ok(answer)
}

fn tag(guest: &Guest, hash: Hash) -> String {
    format!("\"{}\"", Hash::of(format!("{} {hash}", guest.link().link_id).as_bytes()))
}

/// Asked for again each time, so that a link that is withdrawn shows nothing from then on; pictures that the browser has are
/// answered by their tag.
fn closed_to_others(answer: &mut Response) {
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}

fn json(text: String) -> Response {
    let mut answer = ([(header::CONTENT_TYPE, "application/json")], text).into_response();
    closed_to_others(&mut answer);
    answer
}

/// `GET /share-media/{token}/shots/{shot}/{file}`: `poster.jpg`, `strip.jpg`, `proxy.mov`, `proxy.json`, `sound.wav` of a
/// shot with a version that the link shows.
pub async fn shot(
    State(state): State<ServerState>,
    session: Session,
    Path((token, shot, name)): Path<(String, String, String)>,
    request: Request,
) -> Answer {
    let guest = Guest::from_session(&state.app, &session, &token).await?;
    let shot_id: ShotId = id(&shot)?;
    guest.shot(shot_id).await?;
    let media = db::media::of_shot(&state.app.db, shot_id).await.map_err(ApiError::from)?;
    let (hash, kind) = match name.as_str() {
        "poster.jpg" => (media.poster, "image/jpeg"),
        "strip.jpg" => (media.strip, "image/jpeg"),
        "proxy.mov" => (media.proxy, "video/quicktime"),
        "sound.wav" => (media.sound, "audio/wav"),
        "proxy.json" => {
            let index =
                db::media::proxy_index_of_shot(&state.app.db, shot_id).await.map_err(ApiError::from)?;
            return Ok(json(or_not_found(index)?));
        }
        _ => return Err(Refused(ApiError::NotFound)),
    };
    blob(&state, &guest, or_not_found(hash)?, kind, request).await
}

/// `GET /share-media/{token}/versions/{version}/{file}`: `proxy.mov`, `proxy.json`; `result.mkv` of an approved
/// version where the link grants downloads. Asking where the pictures lie is looking at the version, and is kept; so is who took
/// the result.
pub async fn version(
    State(state): State<ServerState>,
    session: Session,
    Extension(from): Extension<ClientAddress>,
    Path((token, version, name)): Path<(String, String, String)>,
    request: Request,
) -> Answer {
    let guest = Guest::from_session(&state.app, &session, &token).await?;
    let version_id: VersionId = id(&version)?;
    let shown = guest.version(version_id).await?;
    let media = db::media::of_version(&state.app.db, version_id).await.map_err(ApiError::from)?;
    match name.as_str() {
        "proxy.mov" => blob(&state, &guest, media.proxy, "video/quicktime", request).await,
        "proxy.json" => {
            let index =
                db::media::proxy_index_of_version(&state.app.db, version_id).await.map_err(ApiError::from)?;
            guest.looked(version_id).await?;
            Ok(json(index))
        }
        "result.mkv" => {
            guest.may_take(&shown).await?;
            let method = request.method().clone();
            let name = format!("{}_v{:03}_result.mkv", media.shot_name, media.n);
            let (tag, kind) = (tag(&guest, media.result), "video/x-matroska");
            let file = disposition(&name);
            let mut answer = download(&state, media.result, &tag, kind, &file, GUESTS, request).await?;
            if answer.status() != StatusCode::TEMPORARY_REDIRECT {
                closed_to_others(&mut answer);
            }
            if is_taken(&method, &answer) {
                let about = format!("“{}” version {}: full-size result", media.shot_name, media.n);
                guest.took(version_id, about, from).await?;
            }
            Ok(attachment(answer, &name))
        }
        _ => Err(Refused(ApiError::NotFound)),
    }
}
