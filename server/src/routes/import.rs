//! Quadmask files on their way in: streamed to a file in the store's own folder and hashed meanwhile, then adopted.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use app::context::Cx;
use app::error::ApiError;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{Action, Hash, Job, ShotId};
use futures::StreamExt;
use serde::Deserialize;
use storage::Store;
use tokio::sync::mpsc;
use tower_sessions::Session;

use super::Refused;
use super::media::id;
use super::tus::no_room;
use crate::state::ServerState;

/// Largest quadmask file that can be imported.
const MOST_BYTES: u64 = 2 << 30;
/// A browser that says nothing for so long has gone.
const SILENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize)]
pub struct ImportName {
    #[serde(default)]
    name: String,
}

/// `POST /api/shots/{shot}/import-quadmask?name=…`: the body becomes the draft, through a job.
pub async fn quadmask(
    State(state): State<ServerState>,
    session: Session,
    Path(shot): Path<String>,
    Query(ImportName { name }): Query<ImportName>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let cx = Cx::from_session(&state.app, &session).await?;
    let shot_id: ShotId = id(&shot)?;
    let shot = cx.shot(shot_id, Action::EditShot).await?;
    cx.may_edit_draft(&shot).await?;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|size: u64| size > MOST_BYTES) {
        return Ok(too_large(&name));
    }
    // Where the browser does not say how much it will be, what may come at most has to fit.
    if let Some(words) = no_room(&state, &name, announced.unwrap_or(MOST_BYTES)).await? {
        return Ok((StatusCode::INSUFFICIENT_STORAGE, words).into_response());
    }
    let (file, size) = match receive(state.app.store.clone(), body).await? {
        Came::Whole(hash, size) => (hash, size),
        Came::TooMuch => return Ok(too_large(&name)),
        Came::Empty => {
            return Err(Refused(ApiError::Invalid(format!(
                "“{name}” is empty: choose a quadmask movie or a zip of PNGs."
            ))));
        }
        Came::InPart => {
            return Err(Refused(ApiError::Invalid(format!(
                "“{name}” did not arrive whole: the connection broke. Nothing was changed; import it again."
            ))));
        }
    };
    let size = i64::try_from(size).map_err(|_| ApiError::Internal)?;
    let job_id = state
        .app
        .db
        .write(move |tx| {
            let job = Job::ImportQuadmask { shot_id, file, name: name.clone() };
            Box::pin(async move {
                db::blobs::record(tx, file, size).await?;
                jobs::enqueue(tx, &job, Some(shot.project_id), Some(shot_id), None, 5).await
            })
        })
        .await?;
    Ok(Json(serde_json::json!({ "job_id": job_id })).into_response())
}

fn too_large(name: &str) -> Response {
    let words = format!("“{name}” is larger than 2 GB: compress it, or import the part that you need.");
    (StatusCode::PAYLOAD_TOO_LARGE, words).into_response()
}

#[derive(Debug)]
enum Came {
    Whole(Hash, u64),
    Empty,
    TooMuch,
    /// The connection broke or fell silent.
    InPart,
}

/// Takes a body into the store; a few pieces of it are in memory at a time. What did not come whole leaves nothing behind.
async fn receive(store: Store, body: Body) -> Result<Came, ApiError> {
    let (to, pieces) = mpsc::channel(8);
    let writing = tokio::task::spawn_blocking(move || write(&store, Pieces { pieces, rest: Bytes::new() }));
    let mut body = body.into_data_stream();
    let (mut size, mut ended) = (0u64, false);
    while let Ok(Some(Ok(piece))) = tokio::time::timeout(SILENCE, async {
        let next = body.next().await;
        ended = next.is_none();
        next
    })
    .await
    {
        size += piece.len() as u64;
        if size > MOST_BYTES || to.send(Piece::Bytes(piece)).await.is_err() {
            break;
        }
    }
    if ended && size <= MOST_BYTES {
        to.send(Piece::End).await.ok(); // a writer that is gone says why below
    }
    drop(to);
    Ok(match writing.await? {
        Ok(Some(_)) if size == 0 => Came::Empty,
        Ok(Some((hash, size))) => Came::Whole(hash, size),
        Ok(None) if size > MOST_BYTES => Came::TooMuch,
        Ok(None) => Came::InPart,
        Err(error) => return Err(error.into()),
    })
}

enum Piece {
    Bytes(Bytes),
    /// Nothing more will come; without it the body broke off.
    End,
}

/// Hash and size of what came; `None`: it broke off.
fn write(store: &Store, mut pieces: Pieces) -> storage::Result<Option<(Hash, u64)>> {
    let scratch = store.scratch()?;
    let path = scratch.path().join("quadmask");
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            storage::Error::Full { at: path.clone() }
        }
        _ => storage::Error::Io { at: path.clone(), source },
    };
    let mut file = File::create(&path).map_err(failed)?;
    let (hash, size) = match storage::copy(&mut pieces, &mut file) {
        Ok(came) => came,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if size > 0 {
        store.adopt_blocking(&path, hash)?;
    }
    Ok(Some((hash, size)))
}

/// A body as a blocking reader.
struct Pieces {
    pieces: mpsc::Receiver<Piece>,
    rest: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.rest = bytes,
                Some(Piece::End) => return Ok(0),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = into.len().min(self.rest.len());
        into[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}
