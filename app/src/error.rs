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
    /// A link that asks for its password first.
    #[error("This link asks for a password. Whoever sent the link has it.")]
    PasswordNeeded,
    /// What a guest may not do through this link.
    #[error("This link does not allow that. Ask whoever sent it to you if you need it.")]
    NotGranted,
    /// A link that was open once; says which way it ended.
    #[error("{0}")]
    Gone(String),
    /// Somebody was faster.
    #[error("{0}")]
    Conflict(String),
    /// What was wrong and what to do, for people.
    #[error("{0}")]
    Invalid(String),
    /// Something that the server needs does not answer; what that is and what to do, for people.
    #[error("{0}")]
    Unavailable(String),
    #[error("Too many tries. Wait {seconds} seconds and try again.")]
    Throttled { seconds: u32 },
    #[error(
        "Something broke on the server. Nothing was lost; try again, and look at the server's log if it stays."
    )]
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
            // What axum's limit on bodies says.
            ServerFnErrorErr::Deserialization(why) if why.contains("length limit exceeded") => Self::Invalid(
                "This is more than one request may carry (2 MB): send less at once, in several parts."
                    .to_owned(),
            ),
            // On the server: of the request, not of an answer.
            ServerFnErrorErr::Deserialization(why) if cfg!(feature = "ssr") => {
                Self::Invalid(format!("The request was not understood: {why}. Reload the page."))
            }
            _ => Self::Internal,
        }
    }

    /// The one place every refused server function passes on its way out: the answer gets the status that fits.
    #[cfg(feature = "ssr")]
    fn ser(&self) -> axum::body::Bytes {
        use leptos::server_fn::Encodes;
        if let Some(options) = leptos::prelude::use_context::<leptos_axum::ResponseOptions>() {
            options.set_status(self.status());
        }
        JsonEncoding::encode(self).expect("an ApiError is plain JSON")
    }
}

#[cfg(feature = "ssr")]
impl ApiError {
    /// The HTTP status of an answer that says this.
    pub fn status(&self) -> axum::http::StatusCode {
        use axum::http::StatusCode;
        match self {
            Self::SignedOut | Self::PasswordNeeded => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::NotGranted => StatusCode::FORBIDDEN,
            Self::Gone(_) => StatusCode::GONE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal | Self::Network(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Where a cause becomes what a viewer may know; the rest is logged here, once.
#[cfg(feature = "ssr")]
mod causes {
    use super::ApiError;

    const FULL: &str =
        "The server's disk is full, so this was not stored. Free some space on it and try again.";

    fn broken(error: &(dyn std::error::Error + 'static)) -> ApiError {
        tracing::error!(error, "A request failed on the server");
        ApiError::Internal
    }

    impl From<db::Error> for ApiError {
        fn from(error: db::Error) -> Self {
            match error {
                db::Error::NotFound => Self::NotFound,
                db::Error::Conflict(sentence) => Self::Conflict(sentence),
                db::Error::Invalid(sentence) => Self::Invalid(sentence),
                db::Error::Taken(_) => {
                    Self::Conflict("Somebody else did this at the same moment. Look again.".into())
                }
                db::Error::Full => Self::Invalid(FULL.into()),
                db::Error::Open { .. }
                | db::Error::Migrate(_)
                | db::Error::Corrupt(_)
                | db::Error::Sqlx(_) => broken(&error),
            }
        }
    }

    impl From<storage::Error> for ApiError {
        fn from(error: storage::Error) -> Self {
            match error {
                storage::Error::Full { .. } => Self::Invalid(FULL.into()),
                storage::Error::Bucket(_) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "The bucket failed");
                    Self::Unavailable(
                        "The place where files are kept does not answer, so this was not done. Try again in a moment; if it stays so, tell whoever runs the server."
                            .into(),
                    )
                }
                storage::Error::Missing(_)
                | storage::Error::Damaged { .. }
                | storage::Error::Io { .. }
                | storage::Error::Address(_)
                | storage::Error::Range(_) => broken(&error),
            }
        }
    }

    impl From<crate::upkeep::Failed> for ApiError {
        fn from(failed: crate::upkeep::Failed) -> Self {
            match failed {
                crate::upkeep::Failed::Db(error) => error.into(),
                crate::upkeep::Failed::Store(error) => error.into(),
                crate::upkeep::Failed::Refused(sentence) => Self::Conflict(sentence),
                crate::upkeep::Failed::Left { source, .. } => source.into(),
                crate::upkeep::Failed::Broken(error) => error.into(),
            }
        }
    }

    impl From<tower_sessions::session::Error> for ApiError {
        fn from(error: tower_sessions::session::Error) -> Self {
            broken(&error)
        }
    }

    /// A blocking piece of work panicked.
    impl From<tokio::task::JoinError> for ApiError {
        fn from(error: tokio::task::JoinError) -> Self {
            broken(&error)
        }
    }

    impl From<domain::mask::BadMask> for ApiError {
        fn from(error: domain::mask::BadMask) -> Self {
            broken(&error)
        }
    }
}
