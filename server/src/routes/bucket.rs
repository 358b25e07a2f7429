//! Blobs that are in a bucket, sent on piece by piece with byte ranges, as files are; or, where the store's address says so,
//! fetched from the bucket by the browser itself.

use std::io;
use std::time::Duration;

use app::error::ApiError;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Hash;
use storage::{InBucket, Opened, Served};

use super::Refused;
use super::media::file;
use crate::state::ServerState;

/// A blob whose content never changes under its `tag`, wherever the store keeps it.
pub(super) async fn stored(
    state: &ServerState,
    hash: Hash,
    tag: &str,
    content_type: &'static str,
    request: Request,
) -> Result<Response, Refused> {
    match state.app.store.serve(hash).await {
        Served::File(path, held) => {
            let answer = file(&path, tag, content_type, request).await;
            drop(held); // opened by now
            answer
        }
        Served::Bucket(there) => sent_on(&there, tag, content_type, &request.into_parts().0).await,
    }
}

/// How long an address in the bucket opens: for the team, and for guests, whose link may be withdrawn at any moment.
pub(super) const TEAM: Duration = Duration::from_secs(600);
pub(super) const GUESTS: Duration = Duration::from_secs(60);

/// As [`stored`], for what somebody keeps as a file; the browser may be sent to the bucket for it, at an address that opens for
/// everybody and holds the blob's hash. Check the right to the file itself first.
pub(super) async fn download(
    state: &ServerState,
    hash: Hash,
    tag: &str,
    content_type: &'static str,
    disposition: &str,
    open: Duration,
    request: Request,
) -> Result<Response, Refused> {
    if request.method() == Method::GET
        && let Some(address) =
            state.app.store.presigned(hash, disposition, content_type, open).await.map_err(ApiError::from)?
    {
        let place = HeaderValue::from_str(&address).map_err(|_| ApiError::Internal)?;
        let headers =
            [(header::LOCATION, place), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        return Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response());
    }
    stored(state, hash, tag, content_type, request).await
}

async fn sent_on(
    there: &InBucket,
    tag: &str,
    content_type: &'static str,
    request: &Parts,
) -> Result<Response, Refused> {
    let asked = &request.headers;
    if asked.get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag.to_owned())]).into_response());
    }
    let mut answer = if request.method == Method::HEAD {
        let total = there.size().await.map_err(lost)?;
        ([(header::CONTENT_LENGTH, HeaderValue::from(total))]).into_response()
    } else {
        match there.open(range(asked, tag)).await {
            Ok(opened) => body(opened),
            Err(storage::Error::Range(total)) => {
                let range = HeaderValue::from_str(&format!("bytes */{total}")).expect("digits");
                return Ok(
                    (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, range)]).into_response()
                );
            }
            Err(error) => return Err(lost(error)),
        }
    };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=600"));
    headers.insert(header::ETAG, HeaderValue::from_str(tag).expect("hexadecimal"));
    Ok(answer)
}

/// The one range that is asked for; several, or one of what was here before, are answered with everything.
fn range(asked: &HeaderMap, tag: &str) -> Option<String> {
    let range = asked.get(header::RANGE)?.to_str().ok()?;
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let is_one = is_number(from) && is_number(to) && !(from.is_empty() && to.is_empty());
    let is_this = asked.get(header::IF_RANGE).is_none_or(|v| v.as_bytes() == tag.as_bytes());
    (is_one && is_this).then(|| range.to_owned())
}

fn body(opened: Opened) -> Response {
    let Opened { total, part, body } = opened;
    let pieces = futures::stream::unfold(body, |mut body| async move {
        body.next().await.map(|piece| (piece.map_err(io::Error::other), body))
    });
    let length = part.map_or(total, |(from, to)| to - from + 1);
    let mut answer = Body::from_stream(pieces).into_response();
    answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Some((from, to)) = part {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = HeaderValue::from_str(&format!("bytes {from}-{to}/{total}")).expect("digits");
        answer.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    answer
}

fn lost(error: storage::Error) -> Refused {
    if matches!(error, storage::Error::Bucket(_)) {
        return Refused(error.into());
    }
    tracing::error!(error = &error as &dyn std::error::Error, "A blob that a row names cannot be had");
    Refused(ApiError::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_this_blob_is_passed_on() {
        let asked = |pairs: &[(header::HeaderName, &'static str)]| {
            let headers: HeaderMap =
                pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
            range(&headers, "\"a\"")
        };
        for one in ["bytes=0-99", "bytes=5-", "bytes=-7"] {
            assert_eq!(asked(&[(header::RANGE, one)]).as_deref(), Some(one));
        }
        for other in ["bytes=0-1,5-6", "bytes=-", "frames=1-2", "bytes=a-b"] {
            assert_eq!(asked(&[(header::RANGE, other)]), None, "{other}");
        }
        assert!(asked(&[(header::RANGE, "bytes=1-2"), (header::IF_RANGE, "\"a\"")]).is_some());
        assert!(asked(&[(header::RANGE, "bytes=1-2"), (header::IF_RANGE, "\"b\"")]).is_none());
    }
}
