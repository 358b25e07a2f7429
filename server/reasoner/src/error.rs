//! Why a model outside gave no answer, and what to do. The shot stays workable by hand whatever happens here.

use domain::reply::BadReply;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Pipeline(#[from] pipeline::Error),
    #[error(
        "{host} cannot be reached ({reason}). Check the network and OUTSIDE_ENDPOINT, then press “Try again”; until then the \
         built-in reasoner looks by itself, and causes can be added by hand."
    )]
    Unreachable { host: String, reason: String },
    #[error(
        "{host} did not answer within {seconds} s. Press “Try again” later, or give it more time with OUTSIDE_TIMEOUT_S; until \
         then use the built-in reasoner or add causes by hand."
    )]
    Slow { host: String, seconds: u64 },
    #[error(
        "{host} is busy and asks to wait{wait}. Press “Try again” then; until then use the built-in reasoner or add causes by \
         hand."
    )]
    Busy { host: String, wait: String },
    #[error(
        "{host} does not know the key ({status}{said}). Whoever runs the worker has to set OUTSIDE_KEY; until then use the \
         built-in reasoner or add causes by hand."
    )]
    Denied { host: String, status: u16, said: String },
    #[error(
        "{host} has no model “{model}” at this address ({status}{said}). Whoever runs the worker has to check OUTSIDE_ENDPOINT \
         and OUTSIDE_MODEL; until then use the built-in reasoner or add causes by hand."
    )]
    NoModel { host: String, model: String, status: u16, said: String },
    #[error(
        "{host} refused the question ({status}{said}). Use the built-in reasoner or add causes by hand; whoever runs the worker \
         finds out whether the model takes pictures."
    )]
    Refused { host: String, status: u16, said: String },
    #[error(
        "{host} broke down over the question ({status}{said}). Press “Try again” later; until then use the built-in reasoner or \
         add causes by hand."
    )]
    Broken { host: String, status: u16, said: String },
    #[error(
        "The pictures of this shot are too large for {host}. Use the built-in reasoner or add causes by hand; whoever runs the \
         worker can have less sent with OUTSIDE_SENDS=pictures."
    )]
    TooLarge { host: String },
    #[error(
        "{host} answered with something that is no answer of a model: {reason}. Check that OUTSIDE_ENDPOINT is the address of an \
         interface like OpenAI's; until then use the built-in reasoner or add causes by hand."
    )]
    NoAnswer { host: String, reason: String },
    #[error("Of {host}: {bad}{bill}")]
    Reply { host: String, bill: String, bad: BadReply },
    #[error("the pictures for the model cannot be made")]
    Media(#[from] media::Error),
    #[error("the movie for the model cannot be made")]
    Io(#[from] std::io::Error),
}

impl From<pipeline::Cancelled> for Error {
    fn from(stopped: pipeline::Cancelled) -> Self {
        Self::Pipeline(stopped.into())
    }
}
