//! Resumable uploads: the tus 1.0 core protocol with creation and termination, so that any tus client works.

use std::time::Duration;

use app::context::Cx;
use app::error::ApiError;
use axum::body::{Body, BodyDataStream, HttpBody};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use db::uploads::Upload;
use domain::{Action, ProjectId, SequenceId, UploadId};
use futures::StreamExt;
use tower_sessions::Session;

use super::Refused;
use crate::state::ServerState;
use crate::uploads::{Hashed, finish, open_part};

/// What this server speaks.
const VERSION: &str = "1.0.0";
/// Largest plate: 1 TB.
const MOST_BYTES: i64 = 1 << 40;
/// Longest `Upload-Metadata`, which is kept as it came: names of files are 255 bytes at most.
const MOST_METADATA_BYTES: usize = 8 << 10;
/// What must stay free for proxies, masks and results.
const RESERVE_BYTES: u64 = 512 << 20;
/// Uploads that nobody has sent anything of for so long keep no room from others: a closed laptop must not fill the disk.
const PROMISE_MICROS: i64 = 60 * 60 * 1_000_000;
/// A browser that says nothing for so long has gone; what came is kept.
const SILENCE: Duration = Duration::from_secs(30);

const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");

fn tus(status: StatusCode) -> axum::http::response::Builder {
    Response::builder().status(status)
}

/// The request with the method that `X-HTTP-Method-Override` names: some clients cannot send every one.
pub fn overridden(mut request: Request) -> Request {
    let named = request.headers().get("x-http-method-override");
    if let Some(Ok(method)) = named.map(|name| Method::from_bytes(name.as_bytes())) {
        *request.method_mut() = method;
    }
    request
}

/// What every answer of this protocol bears, refusals too.
pub async fn speak(mut answer: Response) -> Response {
    let is_empty = answer.body().size_hint().exact() == Some(0);
    let headers = answer.headers_mut();
    if is_empty {
        // What answers a HEAD has the length of what it leaves out, and whoever sent that as a POST would wait for it.
        headers.remove(header::CONTENT_LENGTH);
    }
    headers.insert("tus-resumable", HeaderValue::from_static(VERSION));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn say(status: StatusCode, words: impl Into<String>) -> Response {
    tus(status)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Body::from(words.into()))
        .expect("plain headers")
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// Refuses clients of another protocol version.
fn other_version(headers: &HeaderMap) -> Option<Response> {
    if headers.get("tus-resumable").is_some_and(|version| version == VERSION) {
        return None;
    }
    let mut refusal = say(
        StatusCode::PRECONDITION_FAILED,
        "This server speaks tus 1.0.0: send the header Tus-Resumable: 1.0.0.",
    );
    refusal.headers_mut().insert(TUS_VERSION, HeaderValue::from_static(VERSION));
    Some(refusal)
}

/// `OPTIONS /api/uploads`
pub async fn options() -> Response {
    tus(StatusCode::NO_CONTENT)
        .header(TUS_VERSION, VERSION)
        .header("tus-extension", "creation,termination")
        .header("tus-max-size", MOST_BYTES)
        .body(Body::empty())
        .expect("plain headers")
}

/// The value of one key of `Upload-Metadata`.
fn metadata(headers: &HeaderMap, key: &str) -> Option<String> {
    let text = headers.get(UPLOAD_METADATA)?.to_str().ok()?;
    let value = text.split(',').find_map(|pair| {
        let (name, value) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
        (name == key).then_some(value.trim())
    })?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(value).ok()?;
    String::from_utf8(bytes).ok()
}

pub fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

/// What a browser says a file is called, as names of files can be: no line of its own, and no longer than on any disk.
fn named(said: &str) -> String {
    let name: String = said.chars().filter(|c| !c.is_control()).take(255).collect();
    if name.trim().is_empty() { "plate".to_owned() } else { name }
}

/// `POST /api/uploads`: room is checked before the first byte travels.
pub async fn create(
    State(state): State<ServerState>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    if let Some(answer) = other_version(&headers) {
        return Ok(answer);
    }
    let cx = Cx::from_session(&state.app, &session).await?;
    let invalid = |words: &str| Refused(ApiError::Invalid(words.to_owned()));
    let said = headers.get(UPLOAD_METADATA).and_then(|text| text.to_str().ok()).map(str::to_owned);
    if said.as_ref().is_some_and(|text| text.len() > MOST_METADATA_BYTES) {
        return Ok(say(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "Upload-Metadata is longer than 8 KB: give the file a shorter name, or say less of it.",
        ));
    }
    let project_id: ProjectId =
        metadata(&headers, "project").and_then(|id| id.parse().ok()).ok_or_else(|| {
            invalid("The upload does not say which project it is for: drop the file on a project's page.")
        })?;
    cx.project(project_id, Action::Upload).await?;
    let sequence_id: Option<SequenceId> = match metadata(&headers, "sequence").filter(|s| !s.is_empty()) {
        Some(text) => {
            let id = text.parse().map_err(|_| Refused(ApiError::NotFound))?;
            cx.sequence(project_id, id).await?;
            Some(id)
        }
        None => None,
    };
    let file_name = named(metadata(&headers, "filename").as_deref().unwrap_or_default());
    let size = number(&headers, &UPLOAD_LENGTH)
        .ok_or_else(|| invalid("The upload does not say how long the file is (Upload-Length)."))?;
    if size <= 0 {
        return Ok(say(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("“{file_name}” is empty (0 bytes): export it again."),
        ));
    }
    if size > MOST_BYTES {
        return Ok(say(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("“{file_name}” is larger than 1 TB: trim it first."),
        ));
    }
    if let Some(words) = no_room(&state, &file_name, size as u64).await? {
        return Ok(say(StatusCode::INSUFFICIENT_STORAGE, words));
    }
    let person = cx.viewer.person_id;
    let upload_id = state
        .app
        .db
        .write(move |tx| {
            let (file_name, said) = (file_name.clone(), said.clone());
            Box::pin(async move {
                let said = said.as_deref();
                db::uploads::create(tx, project_id, sequence_id, person, &file_name, size, said).await
            })
        })
        .await
        .map_err(ApiError::from)?;
    Ok(tus(StatusCode::CREATED)
        .header(header::LOCATION, format!("/api/uploads/{upload_id}"))
        .body(Body::empty())
        .expect("plain headers"))
}

/// Why `size` more bytes do not fit beside what other uploads were promised, for people; `None`: they do.
pub(super) async fn no_room(state: &ServerState, name: &str, size: u64) -> Result<Option<String>, ApiError> {
    let free = state.app.store.free_bytes()?;
    let left = free.saturating_sub(promised_but_missing(state).await? + RESERVE_BYTES);
    Ok(lack(name, size, left))
}

fn lack(name: &str, size: u64, left: u64) -> Option<String> {
    (size > left).then(|| {
        format!(
            "There is no room for “{name}”: it needs {}, the server has {} left. Ask whoever runs the server to free some.",
            gigabytes(size),
            gigabytes(left)
        )
    })
}

/// Bytes that are still to come of the uploads under way.
async fn promised_but_missing(state: &ServerState) -> Result<u64, ApiError> {
    let open = db::uploads::open(&state.app.db).await?;
    let since = db::now() - PROMISE_MICROS;
    let missing = |upload: &Upload| (upload.size_bytes as u64).saturating_sub(received(state, upload));
    Ok(open.iter().filter(|upload| upload.updated_at > since).map(missing).sum())
}

/// Bytes of an upload that are on the disk.
pub fn received(state: &ServerState, upload: &Upload) -> u64 {
    if upload.is_done {
        return upload.size_bytes as u64;
    }
    std::fs::metadata(state.app.store.part_path(&upload.upload_id.to_string())).map_or(0, |m| m.len())
}

/// Whose upload somebody may look at or end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    /// Anybody's, for those who run the project: who left must not keep the room of others.
    OwnOrManaged,
}

/// The upload, if it is the viewer's own and the project still theirs.
async fn upload_of(
    state: &ServerState,
    session: &Session,
    id: &str,
    whose: Whose,
) -> Result<Upload, Refused> {
    let cx = Cx::from_session(&state.app, session).await?;
    let upload_id: UploadId = id.parse().map_err(|_| Refused(ApiError::NotFound))?;
    let upload = db::uploads::get(&state.app.db, upload_id).await.map_err(ApiError::from)?;
    cx.project(upload.project_id, Action::Upload).await?;
    if upload.person_id != cx.viewer.person_id {
        if whose == Whose::Own {
            return Err(Refused(ApiError::NotFound));
        }
        cx.project(upload.project_id, Action::ManageProject).await?;
    }
    Ok(upload)
}

/// `HEAD /api/uploads/{id}`: how far it came, and what was said of it.
pub async fn head(
    State(state): State<ServerState>,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    if let Some(answer) = other_version(&headers) {
        return Ok(answer);
    }
    let upload = upload_of(&state, &session, &id, Whose::Own).await?;
    let offset = received(&state, &upload);
    if offset == upload.size_bytes as u64 && !upload.is_done {
        // The last byte came, the answer did not: do now what was left.
        let slot = state.writers.slot(upload.upload_id);
        let mut hashed = slot.hashed.lock().await;
        match conclude(&state, &upload, &mut hashed).await {
            Ok(()) => {}
            Err(NotMade::Full) => return Ok(disk_full()),
            Err(NotMade::Bucket) => return Ok(bucket_failed()),
            Err(NotMade::Broken) => return Err(Refused(ApiError::Internal)),
        }
    }
    let mut answer =
        tus(StatusCode::OK).header(UPLOAD_OFFSET, offset).header(UPLOAD_LENGTH, upload.size_bytes);
    if let Some(said) = upload.metadata.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
        answer = answer.header(UPLOAD_METADATA, said);
    }
    Ok(answer.body(Body::empty()).expect("plain headers"))
}

/// `GET /api/uploads/{id}`: what became of a finished one, as [`db::uploads::Made`] in JSON; tus leaves no room for that in its answers.
pub async fn made(
    State(state): State<ServerState>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let upload = upload_of(&state, &session, &id, Whose::Own).await?;
    match db::uploads::made(&state.app.db, &upload).await.map_err(ApiError::from)? {
        Some(made) => Ok(axum::Json(made).into_response()),
        None => Ok(say(
            StatusCode::CONFLICT,
            format!("{} of {} bytes are here.", received(&state, &upload), upload.size_bytes),
        )),
    }
}

/// `PATCH /api/uploads/{id}`: appends. After the last piece `GET` says which shot it became.
pub async fn patch(
    State(state): State<ServerState>,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    if let Some(answer) = other_version(&headers) {
        return Ok(answer);
    }
    if headers.get(header::CONTENT_TYPE).is_none_or(|t| t != "application/offset+octet-stream") {
        return Ok(say(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send Content-Type: application/offset+octet-stream.",
        ));
    }
    let upload = upload_of(&state, &session, &id, Whose::Own).await?;
    if upload.is_done {
        return Ok(say(StatusCode::CONFLICT, "This upload is already finished."));
    }
    let Some(offset) = number(&headers, &UPLOAD_OFFSET) else {
        return Ok(say(StatusCode::BAD_REQUEST, "Send the header Upload-Offset."));
    };
    let slot = state.writers.slot(upload.upload_id);
    slot.newest.send_modify(|n| *n += 1); // whoever still writes lets go
    let mut gone = slot.newest.subscribe();
    let mut hashed = slot.hashed.lock().await;
    let part = state.app.store.part_path(&upload.upload_id.to_string());
    let outcome = append(
        &part,
        &mut hashed,
        offset as u64,
        upload.size_bytes as u64,
        body.into_data_stream(),
        &mut gone,
    )
    .await;
    // On a full disk this fails too, and what is said below must still be said.
    if let Err(error) = db::uploads::touch(&state.app.db, upload.upload_id).await {
        tracing::warn!(%error, upload.id = %upload.upload_id, "An upload under way could not be noted");
    }
    match outcome {
        Ok(Written::All) => match conclude(&state, &upload, &mut hashed).await {
            Ok(()) => {
                state.writers.forget(upload.upload_id);
                Ok(tus(StatusCode::NO_CONTENT)
                    .header(UPLOAD_OFFSET, upload.size_bytes)
                    .body(Body::empty())
                    .expect("plain headers"))
            }
            Err(NotMade::Full) => Ok(disk_full()),
            Err(NotMade::Bucket) => Ok(bucket_failed()),
            Err(NotMade::Broken) => Err(Refused(ApiError::Internal)),
        },
        Ok(Written::Some(at)) => Ok(tus(StatusCode::NO_CONTENT)
            .header(UPLOAD_OFFSET, at)
            .body(Body::empty())
            .expect("plain headers")),
        Ok(Written::OtherOffset(at)) => Ok(tus(StatusCode::CONFLICT)
            .header(UPLOAD_OFFSET, at)
            .body(Body::from(format!("{at} bytes are here; go on from there.")))
            .expect("plain headers")),
        Ok(Written::TooMuch) => Ok(say(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The file grew while it was uploaded. Cancel this upload and drop the file again.",
        )),
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
            ) =>
        {
            Ok(disk_full())
        }
        Err(error) => {
            tracing::error!(%error, upload.id = %upload.upload_id, "An upload could not be written");
            Err(Refused(ApiError::Internal))
        }
    }
}

fn disk_full() -> Response {
    say(
        StatusCode::INSUFFICIENT_STORAGE,
        "The server's disk is full. What came so far is kept: free some space there, then resume.",
    )
}

fn bucket_failed() -> Response {
    say(
        StatusCode::SERVICE_UNAVAILABLE,
        "The whole file is here, but the place where files are kept does not take it, so it is no shot yet. Resume in a moment; \
         if it stays so, tell whoever runs the server.",
    )
}

enum Written {
    All,
    /// So many bytes are here; the connection ended early or another one took over.
    Some(u64),
    OtherOffset(u64),
    TooMuch,
}

async fn append(
    part: &std::path::Path,
    hashed: &mut Hashed,
    offset: u64,
    size: u64,
    mut body: BodyDataStream,
    gone: &mut tokio::sync::watch::Receiver<u64>,
) -> std::io::Result<Written> {
    let mut state = std::mem::take(hashed);
    let opened = part.to_owned();
    let (mut file, length, mut caught_up) = blocking(move || {
        let (file, length) = open_part(&opened)?;
        if length == offset {
            state.catch_up(&opened, length)?;
        }
        Ok((file, length, state))
    })
    .await?;
    if length != offset {
        return Ok(Written::OtherOffset(length));
    }
    let mut buffer: Vec<u8> = Vec::with_capacity(2 << 20);
    let mut ended = false;
    while !ended {
        let next = tokio::select! {
            next = tokio::time::timeout(SILENCE, body.next()) => next.ok().flatten(),
            _ = gone.changed() => None,
        };
        match next {
            Some(Ok(bytes)) => buffer.extend_from_slice(&bytes),
            Some(Err(_)) | None => ended = true,
        }
        if caught_up.offset() + buffer.len() as u64 > size {
            return Ok(Written::TooMuch);
        }
        if buffer.len() >= 1 << 20 || (ended && !buffer.is_empty()) {
            let bytes = std::mem::take(&mut buffer);
            (file, caught_up, buffer) = blocking(move || {
                caught_up.append(&mut file, &bytes)?;
                let mut empty = bytes;
                empty.clear();
                Ok((file, caught_up, empty))
            })
            .await?;
        }
    }
    let at = caught_up.offset();
    *hashed = caught_up;
    Ok(if at == size { Written::All } else { Written::Some(at) })
}

/// Why a whole upload did not become a shot yet; it is tried again.
#[derive(Debug, PartialEq, Eq)]
enum NotMade {
    /// The disk of the files, or of the database.
    Full,
    Bucket,
    Broken,
}

impl NotMade {
    fn of(error: &anyhow::Error) -> Self {
        match (error.downcast_ref::<storage::Error>(), error.downcast_ref::<db::Error>()) {
            (Some(storage::Error::Full { .. }), _) | (_, Some(db::Error::Full)) => Self::Full,
            (Some(storage::Error::Bucket(_)), _) => Self::Bucket,
            _ => Self::Broken,
        }
    }
}

async fn conclude(state: &ServerState, upload: &Upload, hashed: &mut Hashed) -> Result<(), NotMade> {
    let part = state.app.store.part_path(&upload.upload_id.to_string());
    let mut known = std::mem::take(hashed);
    let size = upload.size_bytes as u64;
    let hash =
        blocking(move || known.catch_up(&part, size).map(|()| known.hash())).await.map_err(|error| {
            tracing::error!(%error, "A finished upload could not be read again");
            NotMade::Broken
        })?;
    finish(&state.app, upload, hash).await.map_err(|error| {
        tracing::error!("A finished upload did not become a shot: {error:#}");
        NotMade::of(&error)
    })
}

/// `DELETE /api/uploads/{id}`
pub async fn delete(
    State(state): State<ServerState>,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    if let Some(answer) = other_version(&headers) {
        return Ok(answer);
    }
    let upload = upload_of(&state, &session, &id, Whose::OwnOrManaged).await?;
    if upload.is_done {
        return Ok(say(StatusCode::CONFLICT, "This upload is finished: its shot is in the project."));
    }
    let slot = state.writers.slot(upload.upload_id);
    slot.newest.send_modify(|n| *n += 1);
    let _writing = slot.hashed.lock().await;
    db::uploads::delete(&state.app.db, upload.upload_id).await.map_err(ApiError::from)?;
    tokio::fs::remove_file(state.app.store.part_path(&upload.upload_id.to_string())).await.ok();
    state.writers.forget(upload.upload_id);
    Ok(tus(StatusCode::NO_CONTENT).body(Body::empty()).expect("plain headers").into_response())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_by_one_line_of_some_length() {
        for (said, name) in [
            ("lime.mov", "lime.mov"),
            ("a\r\nSet-Cookie: b=1\0.mov", "aSet-Cookie: b=1.mov"),
            ("", "plate"),
            (" \t", "plate"),
        ] {
            assert_eq!(named(said), name);
        }
        assert_eq!(named(&"x".repeat(100_000)).len(), 255);
    }

    #[test]
    fn a_full_disk_is_the_disk_of_the_files_or_of_the_database() {
        let store = storage::Error::Full { at: "/data".into() };
        assert_eq!(NotMade::of(&store.into()), NotMade::Full);
        assert_eq!(NotMade::of(&db::Error::Full.into()), NotMade::Full);
        assert_eq!(NotMade::of(&storage::Error::Bucket("It is away.".into()).into()), NotMade::Bucket);
        assert_eq!(NotMade::of(&db::Error::NotFound.into()), NotMade::Broken);
        let words = ApiError::from(db::Error::Full).to_string();
        assert!(words.contains("disk is full") && words.contains("Free some space"), "{words}");
    }

    #[test]
    fn room_is_refused_with_what_is_needed_and_what_is_left() {
        assert_eq!(lack("masks.zip", 1_000, 1_000), None);
        let words = lack("masks.zip", 1_900_000_000, 1_200_000_000).expect("no room");
        assert!(words.contains("“masks.zip”: it needs 1.9 GB, the server has 1.2 GB left"), "{words}");
    }
}
