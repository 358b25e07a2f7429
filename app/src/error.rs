//! What a viewer may know about a failure. The cause is logged once, on the server, where it becomes an [`ApiError`].

use leptos::prelude::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::codec::JsonEncoding;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ApiError {
    #[error("Sign in first.")]
    SignedOut,
    #[error("Your role does not allow this. Ask a producer if you need it.")]
    Forbidden,
    #[error("This is not here, or not yours to see.")]
    NotFound,
    /// Somebody was faster.
    #[error("{0}")]
    Conflict(String),
    /// What was wrong and what to do, for people.
    #[error("{0}")]
    Invalid(String),
    #[error("Too many tries. Wait {seconds} seconds and try again.")]
    Throttled { seconds: u32 },
    #[error("Something broke on the server. Nothing was lost; try again, and look at the server's log if it stays.")]
    Internal,
    /// The server could not be reached.
    #[error("No answer from the server ({0}). Check the connection; nothing was lost.")]
    Network(String),
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(why) | ServerFnErrorErr::Response(why) => Self::Network(why),
            ServerFnErrorErr::Args(why) | ServerFnErrorErr::MissingArg(why) => {
                Self::Invalid(format!("The request was not understood: {why}. Reload the page."))
            }
            _ => Self::Internal,
        }
    }
}
