//! The router leaves nothing out either: every address that is no page stands in a table of rights, or here with the place where
//! it is tried; every page is named here with who sees it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use server::router::{PAGES, router};

use crate::decisions::Reviewed;
use crate::harness::TestApp;
use crate::share_rights;

/// Addresses that are in no table, with the file that tries them and what it tries.
const ELSEWHERE: [(&str, &str, &str); 10] = [
    ("/healthz", "watch.rs", "\"/healthz\""),
    ("/readyz", "watch.rs", "\"/readyz\""),
    ("/metrics", "watch.rs", "\"/metrics\""),
    ("/events", "rights.rs", "\"/events\""),
    ("/api/uploads", "uploads.rs", "{}/api/uploads\""),
    ("/api/uploads/{upload}", "uploads.rs", "upload-offset"),
    ("/api/shots/{shot}/import-quadmask", "imports.rs", "/api/shots/{shot_id}/import-quadmask"),
    ("/media/shots/{shot}/draft/{file}", "rights.rs", "/media/shots/{shot}/draft/0.png"),
    (
        "/media/versions/{version}/deliveries/{file}",
        "deliveries.rs",
        "/media/versions/{version_id}/deliveries/{file}",
    ),
    (
        "/share-media/{token}/versions/{version}/deliveries/{file}",
        "deliveries.rs",
        "/share-media/{token}/versions/{version_id}/deliveries/{name}",
    ),
];

/// What stands in the router's text: addresses with places in braces.
pub fn routes() -> Vec<String> {
    let text = include_str!("../../src/router.rs");
    let literal = |after: &str| after.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
    text.split(".route(").skip(1).map(|after| literal(after).expect("an address")).collect()
}

/// Whether an address is one of a route's.
pub fn fits(route: &str, address: &str) -> bool {
    let (route, address): (Vec<_>, Vec<_>) = (route.split('/').collect(), address.split('/').collect());
    route.len() == address.len()
        && route.iter().zip(&address).all(|(part, given)| part.starts_with('{') || part == given)
}

#[test]
fn every_route_is_in_a_table_of_rights() {
    let made = Reviewed::nothing();
    let addresses: Vec<String> = made
        .files()
        .into_iter()
        .map(|(address, _)| address)
        .chain(share_rights::files("token", &made))
        .collect();
    let all = routes();
    assert!(all.len() >= 20, "{} routes were read", all.len());
    for (route, file, tried) in ELSEWHERE {
        assert!(all.iter().any(|known| known == route), "{route} is no route any more");
        let text = std::fs::read_to_string(format!("{}/tests/http/{file}", env!("CARGO_MANIFEST_DIR")));
        let text = text.expect("a file of these tests");
        assert!(text.contains(tried), "{file} does not try {route}");
    }
    let is_known = |route: &String| {
        ELSEWHERE.iter().any(|(known, ..)| known == route) || addresses.iter().any(|at| fits(route, at))
    };
    let unknown: Vec<&String> = all.iter().filter(|route| !is_known(route)).collect();
    assert!(unknown.is_empty(), "in no table of rights: {unknown:#?}");
}

/// Pages before anybody is signed in; a link's own are closed by the link.
const OPEN: [&str; 6] = ["/setup", "/sign-in", "/invite/{}", "/reset/{}", "/share/{}", "/share/{}/{}"];
/// Pages behind the gate.
const BEHIND: [&str; 14] = [
    "/",
    "/people",
    "/profile",
    "/audit",
    "/needs-me",
    "/inbox",
    "/bin",
    "/disk",
    "/jobs",
    "/models",
    "/shots/{}/{}",
    "/projects/{}",
    "/projects/{}/settings",
    "/nowhere",
];

/// `/shots/{shot}/{tab}`, `/shots/:shot/:tab` → `/shots/{}/{}`
pub fn without_names(path: &str) -> String {
    let part = |part: &str| if part.starts_with(['{', ':']) { "{}".to_owned() } else { part.to_owned() };
    let parts: Vec<String> = path.split('/').map(part).collect();
    parts.join("/")
}

#[tokio::test]
async fn every_page_is_known_and_nobody_sees_what_is_behind_the_gate() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("A project that strangers must not read of").await;
        let listed: BTreeSet<String> = PAGES.iter().map(|page| without_names(page.path())).collect();
        let known: BTreeSet<String> = OPEN.iter().chain(&BEHIND).map(|page| (*page).to_owned()).collect();
        let unknown: Vec<&String> = listed.difference(&known).collect();
        assert!(unknown.is_empty(), "pages that nobody said of who sees them: {unknown:?}");
        let gone: Vec<&String> = known.difference(&listed).collect();
        assert_eq!(gone, ["/nowhere"], "pages that are none any more");
        for page in OPEN.into_iter().chain(BEHIND) {
            let at = page.replacen("{}", &ours.to_string(), 1).replace("{}", "review");
            // As a browser asks: others are told where to go, and not led there.
            let nobody = app.nobody();
            let asked = nobody.client.get(format!("{}{at}", nobody.url)).header("accept", "text/html");
            let answer = asked.send().await.expect("an answer");
            let (status, led_to) = (answer.status(), answer.url().path().to_owned());
            assert!(!status.is_server_error(), "{engine} {at}: {status}");
            let text = answer.text().await.expect("a page");
            assert!(!text.contains("strangers must not read of"), "{engine} {at}");
            if listed.contains(page) && BEHIND.contains(&page) {
                let body = text.split("<body").nth(1).unwrap_or(&text);
                assert_eq!((status, led_to.as_str()), (StatusCode::OK, "/sign-in"), "{engine} {at}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_comes_whole_while_another_router_is_made() {
    let apps = TestApp::each().await;
    let app = apps.first().expect("SQLite is always there");
    let (state, until) = (app.state.clone(), Instant::now() + Duration::from_secs(3));
    let routers = tokio::task::spawn_blocking(move || {
        while Instant::now() < until {
            let _ = router(state.clone());
        }
    });
    let nobody = app.nobody();
    while !routers.is_finished() {
        let page = nobody.get("/share/none").await.text();
        let page =
            tokio::time::timeout(Duration::from_secs(30), page).await.expect("it ends").expect("a page");
        assert!(page.contains("This link opens nothing") && page.contains("__INCOMPLETE_CHUNKS="), "{page}");
    }
    routers.await.expect("made");
}
