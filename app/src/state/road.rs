//! By which way the workspace reaches the server: that of a signed-in person, or a guest's through a link. Addresses and
//! questions are the same on both; what a guest may ask for is smaller, and that is the server's business.

use domain::{CommentId, Drawing, FrameRange, Hash, ShotId, ThreadId, Verdict, VersionId};
use leptos::prelude::*;

use super::visit::Visit;
use crate::api::guests::{
    delete_guest_comment, edit_guest_comment, get_guest_threads, get_shared_shot, guest_decide, guest_reply,
    see_guest_thread, start_guest_thread,
};
use crate::api::shots::{ShotView, get_shot};
use crate::api::threads::{
    ThreadsView, delete_comment, edit_comment, get_threads, reply, see_thread, start_thread,
};
use crate::api::versions::decide_version;
use crate::error::ApiError;
use crate::routes::href;

#[derive(Clone, Copy)]
pub enum Road {
    Studio,
    Link(Visit),
}

/// A new thread as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct NewThread {
    pub shot_id: ShotId,
    pub version_id: Option<VersionId>,
    pub frames: Option<FrameRange>,
    /// Guests have no choice: what they say is for clients.
    pub for_client: bool,
    pub text: String,
    pub drawing: Option<Drawing>,
}

impl Road {
    pub fn is_link(self) -> bool {
        matches!(self, Self::Link(_))
    }

    /// Acts once it is known who acts: a guest without a name is asked for one first. In a preview nothing is done.
    pub fn named(self, act: impl FnOnce() + Send + Sync + 'static) {
        match self {
            Self::Studio => act(),
            Self::Link(visit) => visit.named(act),
        }
    }

    /// Whether the link ended while it was looked at; the page says so by itself.
    pub fn is_over(self) -> bool {
        match self {
            Self::Studio => false,
            Self::Link(visit) => visit.over.with_untracked(Option::is_some),
        }
    }

    /// The page of another shot.
    pub fn page(self, shot_id: ShotId, tab: &str) -> String {
        match self {
            Self::Studio => href::shot(shot_id, tab),
            Self::Link(visit) => href::share(&visit.token(), Some(shot_id)),
        }
    }

    pub fn poster(self, shot_id: ShotId, poster: Hash) -> String {
        match self {
            Self::Studio => href::poster(shot_id),
            Self::Link(visit) => href::share_shot(&visit.token(), shot_id, "poster.jpg", poster),
        }
    }

    pub fn strip(self, shot_id: ShotId, strip: Hash) -> String {
        match self {
            Self::Studio => href::strip(shot_id, strip),
            Self::Link(visit) => href::share_shot(&visit.token(), shot_id, "strip.jpg", strip),
        }
    }

    /// The plate's proxy and where its pictures lie.
    pub fn proxy(self, shot_id: ShotId, proxy: Hash) -> (String, String) {
        match self {
            Self::Studio => (href::proxy(shot_id, proxy), href::proxy_index(shot_id, proxy)),
            Self::Link(visit) => {
                let token = visit.token();
                let file = |name| href::share_shot(&token, shot_id, name, proxy);
                (file("proxy.mov"), file("proxy.json"))
            }
        }
    }

    pub fn sound(self, shot_id: ShotId, sound: Hash) -> String {
        match self {
            Self::Studio => href::sound(shot_id, sound),
            Self::Link(visit) => href::share_shot(&visit.token(), shot_id, "sound.wav", sound),
        }
    }

    /// The result's proxy and where its pictures lie.
    pub fn version_proxy(self, id: VersionId) -> (String, String) {
        match self {
            Self::Studio => (href::version_proxy(id), href::version_proxy_index(id)),
            Self::Link(visit) => {
                let token = visit.token();
                let file = |name| href::share_version(&token, id, name);
                (file("proxy.mov"), file("proxy.json"))
            }
        }
    }

    pub async fn shot(self, shot_id: ShotId) -> Result<ShotView, ApiError> {
        match self {
            Self::Studio => get_shot(shot_id).await,
            Self::Link(visit) => {
                visit.hear(get_shared_shot(visit.token(), shot_id).await).map(|shot| shot.into_view())
            }
        }
    }

    pub async fn threads(self, shot_id: ShotId) -> Result<ThreadsView, ApiError> {
        match self {
            Self::Studio => get_threads(shot_id).await,
            Self::Link(visit) => visit.hear(get_guest_threads(visit.token(), shot_id).await),
        }
    }

    pub async fn start(self, new: NewThread) -> Result<ThreadId, ApiError> {
        let NewThread { shot_id, version_id, frames, for_client, text, drawing } = new;
        match self {
            Self::Studio => start_thread(shot_id, version_id, frames, for_client, text, drawing).await,
            Self::Link(visit) => {
                let version_id = version_id.ok_or(ApiError::NotFound)?;
                start_guest_thread(visit.token(), version_id, frames, text, drawing).await
            }
        }
    }

    pub async fn reply(
        self,
        id: ThreadId,
        text: String,
        drawing: Option<Drawing>,
    ) -> Result<CommentId, ApiError> {
        match self {
            Self::Studio => reply(id, text, drawing).await,
            Self::Link(visit) => guest_reply(visit.token(), id, text, drawing).await,
        }
    }

    pub async fn edit(self, id: CommentId, text: String) -> Result<(), ApiError> {
        match self {
            Self::Studio => edit_comment(id, text).await,
            Self::Link(visit) => edit_guest_comment(visit.token(), id, text).await,
        }
    }

    pub async fn delete(self, id: CommentId) -> Result<(), ApiError> {
        match self {
            Self::Studio => delete_comment(id).await,
            Self::Link(visit) => delete_guest_comment(visit.token(), id).await,
        }
    }

    pub async fn see(self, id: ThreadId, n: u32) -> Result<(), ApiError> {
        match self {
            Self::Studio => see_thread(id, n).await,
            Self::Link(visit) => see_guest_thread(visit.token(), id, n).await,
        }
    }

    pub async fn decide(
        self,
        id: VersionId,
        seen: Hash,
        verdict: Verdict,
        note: String,
    ) -> Result<(), ApiError> {
        match self {
            Self::Studio => decide_version(id, seen, verdict, note).await,
            Self::Link(visit) => guest_decide(visit.token(), id, seen, verdict, note).await,
        }
    }
}
