//! Handlers that are not pages: uploads, media, health.

pub mod deliveries;
pub mod exact;
pub mod history;
pub mod media;
pub mod share;
pub mod tus;
mod zip;

use app::error::ApiError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// An [`ApiError`] as a plain answer: the sentence is the body.
#[derive(Debug)]
pub struct Refused(pub ApiError);

impl<E: Into<ApiError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0.status(), self.0.to_string()).into_response()
    }
}

/// `GET /healthz`: the process answers and the database too.
pub async fn health(
    axum::extract::State(state): axum::extract::State<crate::state::ServerState>,
) -> Response {
    match db::uploads::promised_bytes(&state.app.db).await {
        Ok(_) => (StatusCode::OK, "ok").into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "The database does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "The database does not answer").into_response()
        }
    }
}
