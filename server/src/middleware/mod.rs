//! What every request passes: other sites may not write, and answers say how a browser must treat them.

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::future::select;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use crate::state::ServerState;

/// Refuses requests that change something when another site made the browser send them.
pub async fn same_origin(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    // Uploads go by the method that a header names.
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && !request.headers().contains_key("x-http-method-override");
    if reads || is_same_origin(&request, &state.app.public_url) {
        return next.run(request).await;
    }
    let words = "This request came from another site and was refused. Open Minus One at its own address and try again.";
    (StatusCode::FORBIDDEN, words).into_response()
}

/// A browser always names the origin of a write; programs without a browser send neither header.
fn is_same_origin(request: &Request, public_url: &str) -> bool {
    let text = |name: HeaderName| request.headers().get(name).and_then(|v| v.to_str().ok());
    match text(HeaderName::from_static("sec-fetch-site")) {
        Some("same-origin" | "none") => return true,
        Some(_) => return false,
        None => {}
    }
    let Some(origin) = text(ORIGIN) else { return true };
    let authority = origin.split_once("://").map(|(_, rest)| rest);
    authority.is_some() && (origin == public_url || authority == text(HOST))
}

/// Headers that keep a page from being framed, sniffed or made to run foreign scripts.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        (
            "content-security-policy",
            "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; \
             script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'",
        ),
    ] {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// How long a page may be drawn before a second drawing begins.
const PATIENCE: Duration = Duration::from_secs(4);

/// Draws a page a second time where the first is not done soon, and sends whichever is done first. A page that waits for several
/// resources is now and then never told of the last (about one of 4,000 on a busy machine; leptos-rs/leptos#4578), and a browser
/// would wait for ever. Nothing changes by drawing a page.
pub async fn drawn_again(request: Request, next: Next) -> Response {
    drawn_within(PATIENCE, request, next).await
}

async fn drawn_within(patience: Duration, request: Request, next: Next) -> Response {
    if *request.method() != Method::GET || request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    let (parts, _) = request.into_parts();
    let draw = |parts| {
        let next = next.clone();
        async move { next.run(Request::from_parts(parts, Body::empty())).await }
    };
    let first = pin!(draw(parts.clone()));
    let second = pin!(async {
        tokio::time::sleep(patience).await;
        tracing::warn!("A page took {patience:?} to draw, and is drawn once more");
        draw(parts).await
    });
    select(first, second).await.factor_first().0
}

/// Tells server functions where the request came from, for throttling and the audit trail.
pub async fn client_address(State(behind_proxy): State<bool>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let address = came_from(peer, behind_proxy, request.headers());
    request.extensions_mut().insert(app::context::ClientAddress(address));
    next.run(request).await
}

/// The address of whoever asks. Behind a proxy it is the last one in `X-Forwarded-For`, which the proxy wrote; those before it
/// are what the client claims.
fn came_from(peer: Option<IpAddr>, behind_proxy: bool, headers: &HeaderMap) -> String {
    let passed_on = || {
        let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        last.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    let address = if behind_proxy { passed_on().or(peer) } else { peer };
    address.map_or_else(|| "unknown".to_owned(), |address| address.to_canonical().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt;

    /// How often a page was drawn whose first `stuck` drawings never end, when it came at last.
    async fn drawings(method: Method, stuck: u32) -> u32 {
        let count = Arc::new(AtomicU32::new(0));
        let draw = {
            let count = Arc::clone(&count);
            async move || {
                if count.fetch_add(1, Ordering::Relaxed) < stuck {
                    std::future::pending::<()>().await;
                }
                "words"
            }
        };
        let pages = Router::new().route("/jobs", get(draw.clone()).post(draw));
        let pages =
            pages.layer(from_fn(|request, next| drawn_within(Duration::from_millis(20), request, next)));
        let asked = Request::builder().method(method).uri("/jobs").body(Body::empty()).expect("a request");
        let answer = pages.oneshot(asked).await.expect("infallible");
        assert_eq!(answer.status(), StatusCode::OK);
        count.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn a_page_that_is_stuck_is_drawn_a_second_time() {
        assert_eq!(drawings(Method::GET, 0).await, 1);
        assert_eq!(drawings(Method::GET, 1).await, 2);
        let written = drawings(Method::POST, 1);
        assert!(
            tokio::time::timeout(Duration::from_millis(100), written).await.is_err(),
            "what writes is asked once"
        );
    }

    fn request(headers: &[(&str, &str)]) -> Request {
        let mut builder = Request::builder().method("POST").uri("/api/x").header("host", "studio.test:8998");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Body::empty()).expect("a request")
    }

    #[test]
    fn a_proxy_is_believed_only_where_there_is_one() {
        let peer = Some("127.0.0.1".parse().expect("an address"));
        let said = request(&[("x-forwarded-for", "203.0.113.9, 192.0.2.7")]);
        assert_eq!(came_from(peer, false, said.headers()), "127.0.0.1");
        assert_eq!(came_from(peer, true, said.headers()), "192.0.2.7");
        assert_eq!(came_from(peer, true, request(&[("x-forwarded-for", "nonsense")]).headers()), "127.0.0.1");
        assert_eq!(came_from(None, false, said.headers()), "unknown");
    }

    #[test]
    fn writes_from_other_sites_are_refused() {
        let public = "https://m1.example";
        let cases: [(&[(&str, &str)], bool); 8] = [
            (&[], true),
            (&[("origin", "http://studio.test:8998")], true),
            (&[("origin", "https://m1.example")], true),
            (&[("origin", "http://evil.test")], false),
            (&[("origin", "null")], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "http://studio.test:8998")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://studio.test:8998")], false),
            (&[("sec-fetch-site", "same-site")], false),
        ];
        for (headers, allowed) in cases {
            assert_eq!(is_same_origin(&request(headers), public), allowed, "{headers:?}");
        }
    }
}
