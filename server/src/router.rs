//! Every address the server answers.

use app::context::AppState;
use app::{App, shell};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Request, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any_service, get, head, options, post};
use leptos::context::provide_context;
use leptos_axum::{AxumRouteListing, LeptosRoutes, generate_route_list};
use std::sync::LazyLock;
use tower::ServiceExt;
use tower::util::MapRequest;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::services::ServeDir;

use crate::routes::{deliveries, exact, history, import, media, share, tus, void_marks, watch};
use crate::state::ServerState;
use crate::{live, metrics, middleware, sessions};

/// Every page, listed once in a process: while the framework lists them, whatever any page of the process begins to load never
/// comes (leptos-rs/leptos#4773).
pub static PAGES: LazyLock<Vec<AxumRouteListing>> = LazyLock::new(|| generate_route_list(App));

pub fn router(state: ServerState) -> Router {
    let context = {
        let app = state.app.clone();
        move || provide_context::<AppState>(app.clone())
    };
    let pages = {
        let options = state.leptos.clone();
        move || shell(options.clone())
    };
    let drawn = Router::new()
        .leptos_routes_with_context(&state, PAGES.clone(), context, pages)
        .route_layer(from_fn(middleware::drawn_again));
    // Not for streams of events, and pictures and movies are small already. The client lies compressed beside itself in a
    // release; a development build's 30 MB took six seconds of the server on every first visit.
    let compress = DefaultPredicate::new()
        .and(NotForContentType::new("text/event-stream"))
        .and(NotForContentType::new("video/"))
        .and(NotForContentType::new("audio/"))
        .and(NotForContentType::new("application/zip"))
        .and(NotForContentType::new("application/wasm"));
    Router::new()
        .route("/healthz", get(watch::health))
        .route("/readyz", get(watch::ready))
        .route("/metrics", get(watch::metrics))
        .route("/events", get(live::events))
        .route("/api/uploads", in_tus(options(tus::options).post(tus::create), &state))
        .route(
            "/api/uploads/{upload}",
            in_tus(
                head(tus::head).get(tus::made).patch(tus::patch).delete(tus::delete).options(tus::options),
                &state,
            ),
        )
        .route("/media/shots/{shot}/history.json", get(history::json))
        .route("/media/shots/{shot}/history.pdf", get(history::pdf))
        .route("/media/shots/{shot}/void.zip", get(void_marks::archive))
        .route("/media/shots/{shot}/{file}", get(media::shot))
        .route("/media/shots/{shot}/draft/{file}", get(media::draft_frame))
        .route("/media/shots/{shot}/frames/{file}", get(exact::of_shot))
        .route("/media/versions/{version}/frames/{file}", get(exact::of_version))
        .route("/media/quadmasks/{quadmask}/{file}", get(media::quadmask))
        .route("/media/versions/{version}/deliveries/{file}", get(deliveries::of_version))
        .route("/media/versions/{version}/{file}", get(media::version))
        .route("/share-media/{token}/events", get(live::guests::events))
        .route("/share-media/{token}/shots/{shot}/{file}", get(share::shot))
        .route("/share-media/{token}/versions/{version}/deliveries/{file}", get(deliveries::of_link))
        .route("/share-media/{token}/versions/{version}/{file}", get(share::version))
        .route("/api/shots/{shot}/import-quadmask", post(import::quadmask))
        .merge(drawn)
        .fallback(site_file)
        .layer(CompressionLayer::new().compress_when(compress))
        .layer(from_fn_with_state(state.behind_proxy, middleware::client_address))
        .layer(from_fn_with_state(state.clone(), middleware::same_origin))
        .layer(sessions::layer(state.app.db.clone(), &state.app.public_url))
        .layer(from_fn(middleware::headers))
        .layer(from_fn_with_state(state.clone(), metrics::count))
        .with_state(state)
}

/// As tus wants every request and answer: a request may name its method in a header, which chooses among these.
fn in_tus(methods: MethodRouter<ServerState>, state: &ServerState) -> MethodRouter<ServerState> {
    let methods: MethodRouter = methods.with_state(state.clone());
    any_service(MapRequest::new(methods, tus::overridden)).layer(map_response(tus::speak))
}

/// Files of the built client; anything else is the page that says so.
async fn site_file(State(state): State<ServerState>, request: Request<axum::body::Body>) -> Response {
    let (parts, body) = request.into_parts();
    let files = ServeDir::new(&*state.leptos.site_root).precompressed_br().precompressed_gzip();
    let attempt = Request::from_parts(parts.clone(), axum::body::Body::empty());
    let served = match files.oneshot(attempt).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if served.status().is_success() || served.status() == axum::http::StatusCode::NOT_MODIFIED {
        let mut response = served.map(axum::body::Body::new);
        // Names do not change with the content: ask each time, answer “not modified”.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        return response.into_response();
    }
    let options = state.leptos.clone();
    let app = state.app.clone();
    let render = leptos_axum::render_app_to_stream_with_context(
        move || provide_context::<AppState>(app.clone()),
        move || shell(options.clone()),
    );
    let mut page = render(Request::from_parts(parts, body)).await.into_response();
    *page.status_mut() = axum::http::StatusCode::NOT_FOUND;
    page
}
