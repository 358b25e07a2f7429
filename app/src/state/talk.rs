//! What is said about a shot, as the page holds it: the threads the server sent, which one is looked at, what is being
//! written. What is being drawn is in `pen`.

use std::future::Future;

use domain::thread::Author;
use domain::{FrameRange, PersonId, ShotId, Thread, ThreadId};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::desk::{Desk, Tab};
use super::pen::Pen;
use super::road::{NewThread, Road};
use crate::api::threads::ThreadsView;
use crate::browser::store;
use crate::components::ui::Toasts;
use crate::error::ApiError;

/// The two sides of the panel.
pub const STEP: &str = "step";
pub const COMMENTS: &str = "comments";

/// Which threads are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    All,
    Open,
    Resolved,
    Internal,
    Client,
    Mine,
}

impl Filter {
    pub const ALL: [Self; 6] =
        [Self::All, Self::Open, Self::Resolved, Self::Internal, Self::Client, Self::Mine];

    pub fn word(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Open => "Open",
            Self::Resolved => "Resolved",
            Self::Internal => "Internal",
            Self::Client => "Client",
            Self::Mine => "Mine",
        }
    }

    pub fn passes(self, thread: &Thread, viewer: PersonId) -> bool {
        match self {
            Self::All => true,
            Self::Open => thread.resolved.is_none(),
            Self::Resolved => thread.resolved.is_some(),
            Self::Internal => !thread.client_visible,
            Self::Client => thread.client_visible,
            Self::Mine => thread.concerns(viewer),
        }
    }
}

/// What a new thread is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Frame,
    /// In to out.
    Range,
    Whole,
}

/// Where what is being written goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    New,
    Reply(ThreadId),
}

#[derive(Clone, Copy)]
pub struct Talk {
    road: Road,
    shot_id: ShotId,
    toasts: Toasts,
    /// `None` until the server answered.
    pub view: RwSignal<Option<ThreadsView>>,
    /// The thread that is looked at.
    pub current: RwSignal<Option<ThreadId>>,
    pub filter: RwSignal<Filter>,
    /// By frame rather than newest change first.
    pub by_frame: RwSignal<bool>,
    /// [`STEP`] or [`COMMENTS`].
    pub side: RwSignal<&'static str>,
    pub writing: RwSignal<Option<Writing>>,
    /// Raised to put the cursor into the field for new threads.
    pub asked: RwSignal<u32>,
    pub text: RwSignal<String>,
    pub anchor: RwSignal<Anchor>,
    /// The frame that the new thread is on, once something is written; before, it follows the playhead.
    pub held: RwSignal<Option<u32>>,
    /// The new thread is for the client.
    pub for_client: RwSignal<bool>,
    pub pen: Pen,
    /// A question is on its way; something happened since it was asked.
    reads: RwSignal<(bool, bool)>,
}

impl Talk {
    pub fn new(road: Road, shot_id: ShotId, tab: Tab, toasts: Toasts) -> Self {
        Self {
            road,
            shot_id,
            toasts,
            view: RwSignal::new(None),
            current: RwSignal::new(None),
            filter: RwSignal::new(Filter::All),
            by_frame: RwSignal::new(false),
            side: RwSignal::new(side_of(tab)),
            writing: RwSignal::new(None),
            asked: RwSignal::new(0),
            text: RwSignal::new(String::new()),
            anchor: RwSignal::new(Anchor::Frame),
            held: RwSignal::new(None),
            for_client: RwSignal::new(false),
            pen: Pen::new(),
            reads: RwSignal::new((false, false)),
        }
    }

    fn draft_key(self) -> String {
        format!("comment:{}", self.shot_id)
    }

    /// Finds again what was being written when the page was left. For an effect.
    pub fn restore(self) {
        if let Some(text) = store::get(&self.draft_key()) {
            self.text.set(text);
        }
    }

    /// What is in the field for new threads now, and the frame it is about.
    pub fn put_text(self, text: String, frame: u32) {
        if text.trim().is_empty() {
            store::remove(&self.draft_key());
            if self.pen.is_empty() {
                self.held.set(None);
            }
        } else {
            store::set(&self.draft_key(), &text);
            if self.held.get_untracked().is_none() {
                self.held.set(Some(frame));
            }
        }
        self.text.set(text);
    }

    /// Reads the threads again, now: one question at a time, and once more when something happened meanwhile.
    pub fn refresh(self) {
        let begins = self.reads.try_update_untracked(|(busy, again)| {
            *again = true;
            !std::mem::replace(busy, true)
        });
        if begins != Some(true) {
            return;
        }
        spawn_local(async move {
            while self.reads.try_update_untracked(|(busy, again)| {
                *busy = std::mem::replace(again, false);
                *busy
            }) == Some(true)
            {
                let answer = self.road.threads(self.shot_id).await;
                if self.view.is_disposed() {
                    return;
                }
                match answer {
                    Ok(view) if self.view.with_untracked(|old| old.as_ref() == Some(&view)) => {}
                    Ok(view) => self.view.set(Some(view)),
                    Err(_) if self.road.is_over() => {}
                    Err(error) => self.toasts.fail(error),
                }
            }
        });
    }

    /// Sends a change; says what went wrong, and reads again either way.
    pub fn write<T: 'static>(
        self,
        change: impl Future<Output = Result<T, ApiError>> + 'static,
        then: impl FnOnce(T) + 'static,
    ) {
        spawn_local(async move {
            match change.await {
                Ok(answer) => then(answer),
                Err(error) => self.toasts.fail(error),
            }
            self.refresh();
        });
    }

    pub fn thread(self, id: ThreadId) -> Option<Thread> {
        self.view.with(|v| v.as_ref()?.threads.iter().find(|t| t.thread_id == id).cloned())
    }

    pub fn threads(self) -> Vec<Thread> {
        self.view.with(|v| v.as_ref().map(|v| v.threads.clone()).unwrap_or_default())
    }

    pub fn people(self) -> Vec<Author> {
        self.view.with(|v| v.as_ref().map(|v| v.people.clone()).unwrap_or_default())
    }

    /// Comments of others that the viewer has not read.
    pub fn unread(self, viewer: PersonId) -> usize {
        self.view.with(|v| v.as_ref().map_or(0, |v| v.threads.iter().map(|t| t.unread(viewer)).sum()))
    }

    /// Everything in the thread counts as read.
    pub fn see(self, id: ThreadId, viewer: PersonId) {
        let Some(thread) = untrack(|| self.thread(id)).filter(|t| t.unread(viewer) > 0) else { return };
        let newest = thread.newest();
        self.view.update(|v| {
            for thread in v.iter_mut().flat_map(|v| &mut v.threads).filter(|t| t.thread_id == id) {
                thread.seen = newest;
            }
        });
        self.write(self.road.see(id, newest), |()| ());
    }

    pub fn see_all(self, viewer: PersonId) {
        for thread in untrack(|| self.threads()) {
            self.see(thread.thread_id, viewer);
        }
    }

    /// Nothing is being written or drawn any more.
    pub fn put_down(self) {
        self.writing.set(None);
        self.held.set(None);
        self.anchor.set(Anchor::Frame);
        self.pen.clear();
    }
}

/// The side that a step opens with: a review is a conversation, the others are work.
pub fn side_of(tab: Tab) -> &'static str {
    if tab == Tab::Review { COMMENTS } else { STEP }
}

impl Desk {
    /// Looks at a thread: its frame, its card, and everything in it counts as read.
    pub fn look_at(self, thread: &Thread) {
        let id = thread.thread_id;
        self.talk.side.set(COMMENTS);
        self.talk.current.set(Some(id));
        if let Some(frames) = thread.frames {
            self.playhead.pause();
            if !frames.contains(self.playhead.frame.get_untracked()) {
                self.playhead.seek(frames.from);
            }
        }
        self.talk.see(id, self.view.with_untracked(|v| v.viewer));
    }

    /// Threads that are listed, in the order of their frames.
    fn listed(self) -> Vec<Thread> {
        let viewer = self.view.with_untracked(|v| v.viewer);
        let filter = self.talk.filter.get_untracked();
        let mut threads = untrack(|| self.talk.threads());
        threads.retain(|t| filter.passes(t, viewer));
        threads.sort_by_key(|t| (t.frames.map_or(u32::MAX, |f| f.from), t.thread_id));
        threads
    }

    /// The thread before or after the one that is looked at, else before or after the playhead.
    pub fn step_thread(self, on: bool, only_open: bool) {
        let current = self.talk.current.get_untracked();
        let frame = self.playhead.frame.get_untracked();
        let threads = self.listed();
        let at = threads.iter().position(|t| Some(t.thread_id) == current);
        let is_next = |(index, thread): &(usize, &Thread)| match at {
            Some(at) if on => *index > at,
            Some(at) => *index < at,
            None => thread.frames.is_some_and(|f| if on { f.from >= frame } else { f.from <= frame }),
        };
        let mut found = threads.iter().enumerate().filter(|(_, t)| !only_open || t.resolved.is_none());
        let next = if on { found.find(is_next) } else { found.rfind(is_next) };
        match next {
            Some((_, thread)) => self.look_at(thread),
            None => self.toasts.say(match (on, only_open) {
                (true, false) => "No comment after this one",
                (false, false) => "No comment before this one",
                (true, true) => "No open comment after this one",
                (false, true) => "No open comment before this one",
            }),
        }
    }

    /// Opens the field for a new thread on this frame or on in to out.
    pub fn begin_comment(self, anchor: Anchor) {
        if !untrack(|| self.may(domain::Action::Comment)) {
            self.toasts.fail("Your role looks on here and does not comment.");
            return;
        }
        self.playhead.pause();
        let talk = self.talk;
        talk.side.set(COMMENTS);
        talk.anchor.set(anchor);
        if talk.text.with_untracked(|t| t.trim().is_empty()) && talk.pen.is_empty() {
            talk.held.set(None);
        }
        talk.writing.set(Some(Writing::New));
        talk.asked.update(|n| *n += 1);
    }

    /// Opens the same without the cursor in the field: the pen comes first.
    pub fn begin_drawing(self) {
        if untrack(|| self.may(domain::Action::Comment)) {
            self.playhead.pause();
            self.talk.side.set(COMMENTS);
            self.talk.writing.set(Some(Writing::New));
        }
    }

    /// The frames that a new thread would be on now.
    pub fn new_frames(self) -> Option<FrameRange> {
        match self.talk.anchor.get() {
            Anchor::Frame => {
                let frame = self.talk.held.get().unwrap_or_else(|| self.playhead.frame.get());
                Some(FrameRange::one(frame.min(self.clip().last())))
            }
            Anchor::Range => {
                let (from, to) = self.playhead.marks();
                Some(FrameRange { from, to })
            }
            Anchor::Whole => None,
        }
    }

    /// Sends the new thread; the field is emptied once the server has it.
    pub fn send_thread(self) {
        let talk = self.talk;
        if talk.text.with_untracked(|t| t.trim().is_empty()) && talk.pen.is_empty() {
            self.toasts.fail("Write what you want to say, or draw on the picture, first.");
            return;
        }
        self.road.named(move || self.send_thread_now());
    }

    fn send_thread_now(self) {
        let talk = self.talk;
        let text = talk.text.get_untracked();
        let drawing = talk.pen.drawing();
        let (frames, version) = untrack(|| (self.new_frames(), self.version().map(|v| v.version_id)));
        let for_client = talk.for_client.get_untracked() && untrack(|| self.may(domain::Action::ShowClient));
        let new = NewThread {
            shot_id: self.shot_id,
            version_id: version,
            frames,
            for_client,
            text: text.clone(),
            drawing,
        };
        talk.write(self.road.start(new), move |id| {
            // What was typed while the answer was on its way stays.
            if talk.text.with_untracked(|now| *now == text) {
                talk.put_text(String::new(), 0);
            }
            talk.put_down();
            talk.current.set(Some(id));
        });
    }

    /// Sends an answer; `done` once the server has it.
    pub fn send_reply(self, id: ThreadId, text: String, done: impl FnOnce() + Send + Sync + 'static) {
        let talk = self.talk;
        let is_drawn = talk.writing.get_untracked() == Some(Writing::Reply(id));
        let drawing = talk.pen.drawing().filter(|_| is_drawn);
        if text.trim().is_empty() && drawing.is_none() {
            self.toasts.fail("Write your answer first.");
            return;
        }
        self.road.named(move || {
            talk.write(self.road.reply(id, text, drawing), move |_| {
                if is_drawn {
                    talk.put_down();
                }
                done();
            });
        });
    }

    /// Whether the pen may come down on the frame that is seen. What was drawn already stays on its frame: the playhead
    /// goes back to it first.
    pub fn may_draw_here(self) -> bool {
        let talk = self.talk;
        self.playhead.pause();
        if talk.writing.get_untracked().is_none() {
            talk.writing.set(Some(Writing::New));
        }
        let frame = self.playhead.frame.get_untracked();
        let is_new = talk.writing.get_untracked() == Some(Writing::New);
        if is_new && talk.pen.is_empty() && talk.anchor.get_untracked() != Anchor::Range {
            talk.anchor.set(Anchor::Frame);
            talk.held.set(Some(frame));
        }
        match untrack(|| self.written_frames()) {
            Some(frames) if frames.contains(frame) => true,
            Some(frames) => {
                self.playhead.seek(frames.from);
                self.toasts.say(
                    "This drawing is on another frame; here it is. Send it before you draw on the next.",
                );
                false
            }
            None => {
                self.toasts
                    .fail("This thread is about no frame in particular: start one on this frame to draw.");
                false
            }
        }
    }

    /// Frames that what is being written lies on; `None`: on none, or nothing is being written.
    pub fn written_frames(self) -> Option<FrameRange> {
        match self.talk.writing.get()? {
            Writing::New => self.new_frames(),
            Writing::Reply(id) => self.talk.thread(id)?.frames,
        }
    }
}
