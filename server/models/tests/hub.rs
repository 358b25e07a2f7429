//! Fetching from a hub that is played by this test: whole, interrupted, gated, with other bytes than it says.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path as InPath, State};
use axum::http::header::{AUTHORIZATION, CONTENT_RANGE, RANGE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::Hash;
use futures::StreamExt;
use models::{Book, Error, Part, Progress, Pull, Room, State as RoomState, find, standing, verify};
use tokio_util::sync::CancellationToken;

const FILES: [(&str, usize); 3] =
    [("void_pass1.safetensors", 300_000), ("void_pass2.safetensors", 200_000), ("README.md", 10)];

fn bytes_of(name: &str) -> Vec<u8> {
    let length = FILES.iter().find(|(known, _)| *known == name).map_or(0, |(_, length)| *length);
    (0..length).map(|at| (at * 31 + name.len() + at / 251) as u8).collect()
}

/// How the hub behaves.
#[derive(Default)]
struct Hub {
    /// The token without which it refuses.
    gate: Option<&'static str>,
    /// Answers to files that end in the middle, from now on.
    cuts: AtomicUsize,
    /// It says another sum than its bytes have.
    lies: bool,
    /// What was asked of files: name and range.
    asked: Mutex<Vec<(String, Option<String>)>>,
}

impl Hub {
    async fn start(self) -> (Arc<Self>, String) {
        let hub = Arc::new(self);
        let router = Router::new()
            .route("/api/models/{owner}/{name}/tree/main", get(tree))
            .route("/{owner}/{name}/resolve/main/{*path}", get(file))
            .with_state(Arc::clone(&hub));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at: SocketAddr = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        (hub, format!("http://{at}"))
    }

    fn is_open(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        self.gate.is_none_or(|token| given == Some(&format!("Bearer {token}")))
    }
}

async fn tree(State(hub): State<Arc<Hub>>, headers: HeaderMap) -> Response {
    if !hub.is_open(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let entry = |(name, length): &(&str, usize)| {
        let content = if hub.lies { b"others".to_vec() } else { bytes_of(name) };
        serde_json::json!({
            "type": "file", "path": name, "size": 130,
            "lfs": { "oid": Hash::of(&content).to_string(), "size": length },
        })
    };
    let mut all: Vec<_> = FILES.iter().map(entry).collect();
    all.push(serde_json::json!({ "type": "directory", "path": "void_pass1.safetensors.d", "size": 0 }));
    all.push(serde_json::json!({ "type": "file", "path": "../void_pass1.safetensors", "size": 1 }));
    serde_json::to_string(&all).expect("plain JSON").into_response()
}

async fn file(
    State(hub): State<Arc<Hub>>,
    InPath((_, _, path)): InPath<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    if !hub.is_open(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    hub.asked.lock().expect("no panic").push((path.clone(), range.clone()));
    let all = bytes_of(&path);
    let from: usize = range
        .as_deref()
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
        .unwrap_or(0);
    let rest = all[from..].to_vec();
    let is_cut =
        hub.cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    let body = if is_cut {
        let half = rest[..rest.len() / 2].to_vec();
        let broken = async {
            // After what was sent has left.
            tokio::time::sleep(Duration::from_millis(300)).await;
            Err(std::io::Error::other("the line is gone"))
        };
        Body::from_stream(futures::stream::iter([Ok(half)]).chain(futures::stream::once(broken)))
    } else {
        Body::from(rest)
    };
    if from == 0 {
        return body.into_response();
    }
    let said = format!("bytes {from}-{}/{}", all.len() - 1, all.len());
    (StatusCode::PARTIAL_CONTENT, [(CONTENT_RANGE, said)], body).into_response()
}

async fn pull(part: &Part, order: &Pull, told: impl FnMut(&Progress) + Send) -> models::Result<()> {
    models::pull(part, order, &CancellationToken::new(), told).await
}

fn order(folder: &Path, endpoint: &str, token: Option<&str>) -> Pull {
    Pull { folder: folder.to_owned(), endpoint: endpoint.to_owned(), token: token.map(str::to_owned) }
}

#[tokio::test]
async fn weights_come_whole_and_only_once() {
    let (hub, endpoint) = Hub::default().start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let part = find("void").expect("known");
    let order = order(folder.path(), &endpoint, None);
    let refused = pull(part, &order, |_| {}).await.expect_err("not accepted");
    assert!(matches!(refused, Error::NotAccepted { slug: "void", .. }), "{refused}");
    assert!(hub.asked.lock().expect("no panic").is_empty(), "nobody was asked");
    Book::accept(folder.path(), part, "Owner").expect("written");

    let mut last = None;
    pull(part, &order, |progress| last = Some(progress.clone())).await.expect("fetched");
    let last = last.expect("told");
    assert_eq!((last.done, last.total), (500_000, 500_000));
    assert!(standing(folder.path(), part).expect("looked").is_whole());
    for name in ["void_pass1.safetensors", "void_pass2.safetensors"] {
        assert_eq!(std::fs::read(folder.path().join("void").join(name)).expect("there"), bytes_of(name));
    }
    assert!(
        !folder.path().join("void/README.md").exists()
            && !folder.path().join("void_pass1.safetensors").exists()
    );
    assert!(
        verify(folder.path(), part, |_, verdict| assert_eq!(*verdict, models::Verdict::Same)).expect("read")
    );
    let before = hub.asked.lock().expect("no panic").len();
    pull(part, &order, |_| {}).await.expect("nothing to do");
    assert_eq!(hub.asked.lock().expect("no panic").len(), before);
}

#[tokio::test]
async fn an_interrupted_file_goes_on_where_it_stopped() {
    let (hub, endpoint) = Hub { cuts: AtomicUsize::new(1), ..Hub::default() }.start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let part = find("void").expect("known");
    Book::accept(folder.path(), part, "Owner").expect("written");
    // Something of an earlier start.
    std::fs::create_dir_all(folder.path().join("void/.fetching")).expect("made");
    let begun = &bytes_of("void_pass1.safetensors")[..1000];
    std::fs::write(folder.path().join("void/.fetching/void_pass1.safetensors"), begun).expect("written");
    pull(part, &order(folder.path(), &endpoint, None), |_| {}).await.expect("fetched");
    for name in ["void_pass1.safetensors", "void_pass2.safetensors"] {
        assert_eq!(std::fs::read(folder.path().join("void").join(name)).expect("there"), bytes_of(name));
    }
    let asked = hub.asked.lock().expect("no panic").clone();
    let ranges: Vec<_> = asked.iter().filter_map(|(_, range)| range.as_deref()).collect();
    assert_eq!(ranges.len(), 2, "after the cut, and from what lay there: {asked:?}");
    assert!(ranges.contains(&"bytes=1000-"), "{asked:?}");
}

#[tokio::test]
async fn a_gate_is_explained_and_opens_with_a_token() {
    let (_, endpoint) = Hub { gate: Some("secret"), ..Hub::default() }.start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let part = find("void").expect("known");
    Book::accept(folder.path(), part, "Owner").expect("written");
    for token in [None, Some("wrong")] {
        let refused = pull(part, &order(folder.path(), &endpoint, token), |_| {}).await.expect_err("gated");
        let said = refused.to_string();
        assert!(matches!(refused, Error::Gated { .. }) && said.contains("HF_TOKEN"), "{said}");
        assert!(!said.contains("wrong"), "a token is never said");
    }
    pull(part, &order(folder.path(), &endpoint, Some("secret")), |_| {}).await.expect("fetched");
}

#[tokio::test]
async fn other_bytes_than_were_promised_get_no_name() {
    let (_, endpoint) = Hub { lies: true, ..Hub::default() }.start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let part = find("void").expect("known");
    Book::accept(folder.path(), part, "Owner").expect("written");
    let refused = pull(part, &order(folder.path(), &endpoint, None), |_| {}).await.expect_err("damaged");
    assert!(matches!(refused, Error::Damaged { .. }), "{refused}");
    let standing = standing(folder.path(), part).expect("looked");
    assert_eq!((standing.there.len(), standing.begun), (0, 0));
}

#[tokio::test]
async fn nobody_there_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let part = find("void").expect("known");
    Book::accept(folder.path(), part, "Owner").expect("written");
    let refused =
        pull(part, &order(folder.path(), "http://127.0.0.1:9", None), |_| {}).await.expect_err("nobody");
    assert!(refused.to_string().starts_with("127.0.0.1:9 gave no answer"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_background_it_is_seen_stopped_and_gone_on_with() {
    let (_, endpoint) = Hub { cuts: AtomicUsize::new(3), ..Hub::default() }.start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let part = find("void").expect("known");
    let room = Room::new(folder.path().to_owned());
    room.begin(part, endpoint.clone(), None);
    let ended = |room: Room| async move {
        for _ in 0..300 {
            match room.state(part) {
                Some(RoomState::Fetching(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                state => return state,
            }
        }
        panic!("it does not end");
    };
    let Some(RoomState::Failed { why, is_gated: false }) = ended(room.clone()).await else {
        panic!("not accepted")
    };
    assert!(why.contains("not accepted"), "{why}");
    Book::accept(folder.path(), part, "Owner").expect("written");
    room.begin(part, endpoint.clone(), None);
    tokio::time::sleep(Duration::from_millis(500)).await;
    room.stop(part);
    assert_eq!(ended(room.clone()).await, None, "stopped");
    assert!(!standing(folder.path(), part).expect("looked").is_whole());
    room.begin(part, endpoint, None);
    assert_eq!(ended(room.clone()).await, None, "whole");
    assert!(standing(folder.path(), part).expect("looked").is_whole());
}
