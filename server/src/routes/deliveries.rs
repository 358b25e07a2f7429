//! What was made of an approved version, to be taken away: with byte ranges, so that a download that broke off goes on. Open
//! while the version is approved; guests of a link that grants downloads have the movie, and no address for the rest.

use app::context::Cx;
use app::context::guest::Guest;
use app::error::ApiError;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use db::share::guests::Look;
use domain::package::{Movie, What};
use domain::{Action, Grant, Hash, VersionId};
use tower_sessions::Session;

use super::Refused;
use super::bucket::download;
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

/// The file under its own name, or under another. Guests: a salt that keeps hashes from them, and the name.
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
    let mut answer = download(state, hash, &tag, kind, &disposition(name), request).await?;
    // Asked for again each time: what is not approved any more is closed.
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(attachment(answer, name))
}

/// `GET /media/versions/{version}/deliveries/{file}`
pub async fn of_version(
    State(state): State<ServerState>,
    session: Session,
    Path((version, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refused> {
    let cx = Cx::from_session(&state.app, &session).await?;
    let version_id: VersionId = id(&version)?;
    cx.version(version_id, Action::ViewShot).await?;
    answer(&state, version_id, wanted(&name)?, None, request).await
}

/// `GET /share-media/{token}/versions/{version}/deliveries/{file}`: the movie only.
pub async fn of_link(
    State(state): State<ServerState>,
    session: Session,
    Path((token, version, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Refused> {
    let guest = Guest::from_session(&state.app, &session, &token).await?;
    let version_id: VersionId = id(&version)?;
    guest.version(version_id).await?;
    let (movie, what) = wanted(&name)?;
    if what != What::Movie {
        return Err(Refused(ApiError::NotFound));
    }
    guest.granted(Grant::Download)?;
    let salt = guest.link().link_id.to_string();
    // Under the names that a link shows: project and sequence are the studio's.
    let media = db::media::of_version(&state.app.db, version_id).await.map_err(ApiError::from)?;
    let name = format!("{}_v{:03}_{}.mov", media.shot_name, media.n, movie.slug());
    let taken = answer(&state, version_id, (movie, what), Some((&salt, &name)), request).await?;
    guest.looked(version_id, Look::Downloaded).await?;
    Ok(taken)
}
