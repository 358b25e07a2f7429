//! Handlers that are not pages: uploads, media, health and metrics.

mod bucket;
pub mod deliveries;
pub mod exact;
pub mod history;
pub mod import;
pub mod media;
pub mod share;
pub mod tus;
pub mod void_marks;
pub mod watch;
mod zip;

use app::error::ApiError;
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
