//! What was made of an approved version, to be taken away: with byte ranges, so that a download that broke off goes on. Open
//! while the version is approved; guests of a link that grants downloads have the movie, and no address for the rest.

use app::context::guest::Guest;
use app::context::{ClientAddress, Cx};
use app::error::ApiError;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use domain::package::{Movie, What};
use domain::{Action, Hash, VersionId};
use tower_sessions::Session;

use super::Refused;
use super::bucket::{GUESTS, TEAM, download};
use super::media::{attachment, disposition, id};
use crate::state::ServerState;

/// `prores_422_hq.zip`: the package; `prores_422_hq.mov`: the movie alone.
fn wanted(name: &str) -> Result<(Movie, What), Refused> {
    let (movie, what) = match name.rsplit_once('.') {
        Some((movie, "zip")) => (movie, What::Package),
        Some((movie, "mov")) => (movie, What::Movie),
        _ => return Err(Refused(ApiError::NotFound)),
    };
    Ok((id(movie)?, what))
}

/// The file under its own name, or under another. Guests: a salt for the tag, and the name.
async fn answer(
    state: &ServerState,
    version_id: VersionId,
    (movie, what): (Movie, What),
    guest: Option<(&str, &str)>,
    request: Request,
) -> Result<Response, Refused> {
    let (delivery, hash) =
        db::deliveries::open(&state.app.db, version_id, movie, what).await.map_err(ApiError::from)?;
    let tag = guest.map_or(hash, |(salt, _)| Hash::of(format!("{salt} {hash}").as_bytes()));
    let name = guest.map_or(delivery.name.as_str(), |(_, name)| name);
    let kind = match what {
        What::Movie => "video/quicktime",
        What::Package => "application/zip",
    };
    let tag = format!("\"{tag}\"");
    let open = guest.map_or(TEAM, |_| GUESTS);
    let mut answer = download(state, hash, &tag, kind, &disposition(name), open, request).await?;
    // Asked for again each time: what is not approved any more is closed.
    if answer.status() != StatusCode::TEMPORARY_REDIRECT {
        answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    Ok(attachment(answer, name))
}

/// Whether bytes of a file were asked for and are sent, whichever: neither a look at its headers nor what the browser has already.
pub(super) fn is_taken(method: &Method, answer: &Response) -> bool {
    let status = answer.status();
    method == Method::GET && (status.is_success() || status == StatusCode::TEMPORARY_REDIRECT)
}

/// `GET /media/versions/{version}/deliveries/{file}`. Who took it is kept.
pub async fn of_version(
    State(state): State<ServerState>,
    session: Session,
    Extension(from): Extension<ClientAddress>,
    Path((version, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refused> {
    let cx = Cx::from_session(&state.app, &session).await?;
    let version_id: VersionId = id(&version)?;
    let version = cx.version(version_id, Action::ViewShot).await?;
    let (movie, what) = wanted(&name)?;
    let method = request.method().clone();
    let taken = answer(&state, version_id, (movie, what), None, request).await?;
    if is_taken(&method, &taken) {
        let shot = cx.shot(version.shot_id, Action::ViewShot).await?;
        let about = format!("“{}” version {}: {} of {}", shot.name, version.n, what.word(), movie.word());
        cx.downloads(shot.project_id, about, from).await?;
    }
    Ok(taken)
}

/// `GET /share-media/{token}/versions/{version}/deliveries/{file}`: the movie only. Who took it is kept.
pub async fn of_link(
    State(state): State<ServerState>,
    session: Session,
    Extension(from): Extension<ClientAddress>,
    Path((token, version, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Refused> {
    let guest = Guest::from_session(&state.app, &session, &token).await?;
    let version_id: VersionId = id(&version)?;
    let shown = guest.version(version_id).await?;
    let (movie, what) = wanted(&name)?;
    if what != What::Movie {
        return Err(Refused(ApiError::NotFound));
    }
    guest.may_take(&shown).await?;
    let salt = guest.link().link_id.to_string();
    // Under the names that a link shows: project and sequence are the studio's.
    let media = db::media::of_version(&state.app.db, version_id).await.map_err(ApiError::from)?;
    let name = format!("{}_v{:03}_{}.mov", media.shot_name, media.n, movie.slug());
    let method = request.method().clone();
    let taken = answer(&state, version_id, (movie, what), Some((&salt, &name)), request).await?;
    if is_taken(&method, &taken) {
        let about = format!("“{}” version {}: movie of {}", media.shot_name, media.n, movie.word());
        guest.took(version_id, about, from).await?;
    }
    Ok(taken)
}
