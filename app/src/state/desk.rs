//! The desk: everything the shot workspace shares. What the server said (`view`), what the person holds (playhead,
//! tools, comparison), and the one road by which changes go to the server and come back.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::version::{Quadmask, Version};
use domain::{
    Action, PersonId, Phase, PlateFacts, QuadmaskId, Rate, ShotId, ShotStep, Timecode, VersionId, may,
};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::asking::Ask;
use super::comparing::Comparing;
use super::looking::Looking;
use super::marking::{Marking, Shown};
use super::playhead::{Clip, Playhead};
use super::reading::Reads;
use super::road::Road;
use super::seeking::Seeking;
use super::sound::Loudness;
use super::talk::Talk;
use super::viewport::{Place, Viewport};
use crate::api::draft::{DraftFrame, edit_draft};
use crate::api::shots::ShotView;
use crate::browser::clock;
use crate::components::ui::{Toasts, use_toasts};
use crate::error::ApiError;
use crate::routes::href;

/// The steps of a shot that have a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    #[default]
    Targets,
    Quadmask,
    Removal,
    Review,
}

impl Tab {
    pub const ALL: [Self; 4] = [Self::Targets, Self::Quadmask, Self::Removal, Self::Review];

    /// As in the address.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Targets => "targets",
            Self::Quadmask => "quadmask",
            Self::Removal => "removal",
            Self::Review => "review",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Targets => "Targets",
            Self::Quadmask => "Quadmask",
            Self::Removal => "Removal",
            Self::Review => "Review",
        }
    }

    pub fn of_slug(slug: &str) -> Self {
        Self::ALL.into_iter().find(|t| t.slug() == slug).unwrap_or_default()
    }
}

/// What the stage knows about the picture that should be there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Arrival {
    #[default]
    Waiting,
    Painted,
    /// Why it is not there.
    Missing(String),
}

#[derive(Clone, Copy)]
pub struct Desk {
    pub road: Road,
    pub shot_id: ShotId,
    pub tab: Memo<Tab>,
    pub view: RwSignal<ShotView>,
    pub playhead: Playhead,
    pub port: Viewport,
    pub marking: Marking,
    pub comparing: Comparing,
    pub talk: Talk,
    pub sound: Loudness,
    pub looking: Looking,
    pub seeking: Seeking,
    pub toasts: Toasts,
    /// The question that is open.
    pub ask: RwSignal<Option<Ask>>,
    /// What was answered and is on its way.
    pub sending: RwSignal<Option<Ask>>,
    /// The version of pass 1 that the next run of VOID refines; `None`: it starts from the plate.
    pub refine: RwSignal<Option<VersionId>>,
    /// The picture of the wanted frame.
    pub arrival: RwSignal<Arrival>,
    /// The frame that is on the canvas.
    pub painted: RwSignal<Option<u32>>,
    /// Frames whose pictures are here, as ranges.
    pub loaded: RwSignal<Vec<(u32, u32)>>,
    /// Which frames of a quadmask version have a picture.
    pub mask_frames: RwSignal<HashMap<QuadmaskId, Arc<Vec<bool>>>>,
    /// Changes on their way to the server; an answer to a read that began before them is not shown.
    pub(super) writes: RwSignal<Writes>,
    editing: RwSignal<bool>,
    pub(super) reads: RwSignal<Reads>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Writes {
    pub open: u32,
    /// Of the open ones, those that wait for the others.
    waiting: u32,
    /// All there ever were.
    pub count: u64,
}

impl Writes {
    /// Whether an answer is awaited, but for those that wait themselves.
    pub(super) fn are_open(self) -> bool {
        self.open > self.waiting
    }
}

impl Desk {
    pub fn new(road: Road, view: ShotView, tab: Memo<Tab>) -> Self {
        let shot_id = view.shot.shot_id;
        let view = RwSignal::new(view);
        let clip = Memo::new(move |_| view.with(clip_of));
        let toasts = use_toasts();
        Self {
            road,
            shot_id,
            tab,
            view,
            playhead: Playhead::new(clip),
            port: Viewport::new(),
            marking: Marking::new(),
            comparing: Comparing::new(),
            talk: Talk::new(road, shot_id, tab.get_untracked(), toasts),
            sound: Loudness::new(),
            looking: Looking::new(),
            seeking: Seeking::new(),
            toasts,
            ask: RwSignal::new(None),
            sending: RwSignal::new(None),
            refine: RwSignal::new(None),
            arrival: RwSignal::new(Arrival::Waiting),
            painted: RwSignal::new(None),
            loaded: RwSignal::new(Vec::new()),
            mask_frames: RwSignal::new(HashMap::new()),
            writes: RwSignal::new(Writes::default()),
            editing: RwSignal::new(false),
            reads: RwSignal::new(Reads::default()),
        }
    }

    pub fn clip(self) -> Clip {
        self.playhead.clip.get()
    }

    pub fn plate_size(self) -> (f64, f64) {
        let clip = self.clip();
        (f64::from(clip.width), f64::from(clip.height))
    }

    /// Whether the workspace shows plate and result over each other.
    pub fn is_comparing(self) -> bool {
        self.tab.get() == Tab::Review && self.version().is_some()
    }

    /// Where the plate lies on the stage; side by side it has half of it.
    pub fn place(self) -> Place {
        Place::of(self.half(), self.plate_size(), self.port.zoom.get(), self.port.centre.get())
    }

    /// The part of the stage that one picture has.
    pub fn half(self) -> (f64, f64) {
        let (width, height) = self.port.stage.get();
        let is_side = self.is_comparing() && self.comparing.mode.get() == super::comparing::Mode::Side;
        if is_side { (width / 2.0, height) } else { (width, height) }
    }

    /// The version that is looked at.
    pub fn version(self) -> Option<Version> {
        let wanted = self.comparing.version.get();
        self.view.with(|v| {
            let chosen = v.versions.iter().find(|version| Some(version.version_id) == wanted);
            chosen.or(v.versions.first()).cloned()
        })
    }

    /// Whether levels lie over the plate now.
    pub fn overlay(self) -> RwSignal<bool> {
        if self.tab.get() == Tab::Review { self.marking.overlay_in_review } else { self.marking.overlay }
    }

    /// Which levels those are: removal and review look at what was approved.
    pub fn shown(self) -> Shown {
        match self.tab.get() {
            Tab::Targets => Shown::Draft,
            Tab::Quadmask => self.marking.shown.get(),
            Tab::Removal => self
                .view
                .with(|v| v.quadmasks.first().map_or(Shown::Draft, |q| Shown::Version(q.quadmask_id))),
            Tab::Review => self.version().map_or(Shown::Draft, |v| Shown::Version(v.quadmask_id)),
        }
    }

    pub fn quadmask(self, id: QuadmaskId) -> Option<Quadmask> {
        self.view.with(|v| v.quadmasks.iter().find(|q| q.quadmask_id == id).cloned())
    }

    /// The address of the levels over `frame`: `None` while unknown, `Some(None)` where there is only background.
    pub fn levels_url(self, frame: u32) -> Option<Option<String>> {
        match self.shown() {
            Shown::Draft => {
                let revision = self.draft_frame(frame).map_or(0, |f| f.revision);
                Some((revision > 0).then(|| href::draft_frame(self.shot_id, frame, revision)))
            }
            Shown::Version(id) => self.mask_frames.with(|known| {
                let has_picture = *known.get(&id)?.get(frame as usize).unwrap_or(&false);
                Some(has_picture.then(|| href::quadmask_frame(id, frame)))
            }),
        }
    }

    pub fn phase(self) -> Phase {
        self.view.with(|v| v.shot.phase)
    }

    pub fn may(self, action: Action) -> bool {
        self.view.with(|v| v.may.contains(&action))
    }

    /// Whether the viewer's rights and the shot's phase allow `step`.
    pub fn can(self, step: ShotStep) -> bool {
        self.view.with(|v| {
            domain::phase::TABLE
                .iter()
                .find(|row| row.0 == v.shot.phase && row.1 == step)
                .is_some_and(|row| row.3.is_some_and(|action| v.may.contains(&action)))
        })
    }

    /// Whether targets, masks and causes may be changed now by this person.
    pub fn may_edit(self) -> bool {
        self.can(ShotStep::Edit) && !self.is_other_editing()
    }

    pub fn is_other_editing(self) -> bool {
        self.view
            .with(|v| v.shot.phase.is_editable() && v.draft.editor.is_some_and(|editor| editor != v.viewer))
    }

    /// Who edits the draft; nobody does while it is in review or what came of it is.
    pub fn editor(self) -> Option<String> {
        self.view.with(|v| v.draft.editor_name.clone().filter(|_| v.shot.phase.is_editable()))
    }

    /// Sends a change; says what went wrong, and reads the shot again either way.
    pub fn write<T: 'static>(self, change: impl Future<Output = Result<T, ApiError>> + 'static) {
        self.write_then(change, |_| ());
    }

    /// Like [`Desk::write`], and hands a good answer on.
    pub fn write_then<T: 'static>(
        self,
        change: impl Future<Output = Result<T, ApiError>> + 'static,
        then: impl FnOnce(T) + 'static,
    ) {
        self.write_or(change, then, || ());
    }

    /// Like [`Desk::write_then`], and tells of a refusal: what was shown as done before the answer is not.
    pub fn write_or<T: 'static>(
        self,
        change: impl Future<Output = Result<T, ApiError>> + 'static,
        then: impl FnOnce(T) + 'static,
        refused: impl FnOnce() + 'static,
    ) {
        self.begin_write();
        spawn_local(async move {
            let answer = change.await;
            self.end_write();
            match answer {
                Ok(answer) => then(answer),
                Err(error) => {
                    self.toasts.fail(&error);
                    refused();
                }
            }
            self.refresh();
        });
    }

    /// Like [`Desk::write_then`], once every change before it was answered: a stroke that is still on its way belongs to
    /// what is sent to review.
    pub fn write_last<T: 'static>(
        self,
        change: impl Future<Output = Result<T, ApiError>> + 'static,
        then: impl FnOnce(T) + 'static,
    ) {
        self.writes.update_untracked(|w| w.waiting += 1);
        let after_others = async move {
            while self.writes.try_get_untracked().is_some_and(Writes::are_open) {
                clock::sleep(40).await;
            }
            self.writes.try_update_untracked(|w| w.waiting -= 1);
            change.await
        };
        self.write_then(after_others, then);
    }

    /// Like [`Desk::write_then`], for a change of the draft: becomes its editor first.
    pub fn edit_then<T: 'static>(
        self,
        change: impl Future<Output = Result<T, ApiError>> + 'static,
        then: impl FnOnce(Result<T, ApiError>) + 'static,
    ) {
        self.begin_write();
        spawn_local(async move {
            let claimed = self.claim().await;
            let answer = match claimed {
                Ok(()) => change.await,
                Err(error) => Err(error),
            };
            self.end_write();
            if let Err(error) = &answer {
                self.toasts.fail(error);
                self.refresh();
            }
            then(answer);
        });
    }

    fn begin_write(self) {
        self.writes.update_untracked(|w| {
            w.open += 1;
            w.count += 1;
        });
    }

    fn end_write(self) {
        self.writes.try_update_untracked(|w| w.open -= 1);
    }

    /// Becomes the editor, unless this browser already is.
    async fn claim(self) -> Result<(), ApiError> {
        let is_mine = self.view.with_untracked(|v| v.draft.editor == Some(v.viewer));
        if is_mine && self.editing.get_untracked() {
            return Ok(());
        }
        edit_draft(self.shot_id, false).await?;
        self.editing.try_set(true);
        self.refresh();
        Ok(())
    }

    pub fn take_over(self) {
        self.editing.set(true);
        self.write(edit_draft(self.shot_id, true));
    }

    /// Tells the server every 20 s that this editor is still here. For an effect of the page.
    pub fn keep_claim(self) {
        let beat = move || {
            let is_mine = self.view.with_untracked(|v| v.draft.editor == Some(v.viewer));
            if is_mine && self.editing.get_untracked() {
                spawn_local(async move {
                    // An answer that fails is no news: the next stroke says so in words.
                    let _ = edit_draft(self.shot_id, false).await;
                });
            }
        };
        if let Ok(handle) = set_interval_with_handle(beat, Duration::from_secs(20)) {
            on_cleanup(move || handle.clear());
        }
    }

    /// Puts one frame of the draft, as the server answered it, in its place.
    pub fn put_frame(self, frame: DraftFrame) {
        self.view.update(|v| {
            let frames = &mut v.draft.frames;
            match frames.binary_search_by_key(&frame.frame, |f| f.frame) {
                Ok(at) => frames[at] = frame,
                Err(at) => frames.insert(at, frame),
            }
        });
    }

    pub fn draft_frame(self, frame: u32) -> Option<DraftFrame> {
        self.view.with(|v| {
            let frames = &v.draft.frames;
            frames.binary_search_by_key(&frame, |f| f.frame).ok().map(|at| frames[at].clone())
        })
    }

    /// Whether the viewer's decision on a quadmask would count; why not otherwise.
    pub fn decision_counts(self) -> Result<(), String> {
        match self.view.with(|v| v.quadmasks.first().map(|quadmask| quadmask.author)) {
            Some(author) => self.counts_for(author),
            None => Ok(()),
        }
    }

    /// Whether the viewer agreed already with the newest quadmask.
    pub fn has_approved_quadmask(self) -> bool {
        self.view.with(|v| v.quadmasks.first().is_some_and(|quadmask| v.has_approved(&quadmask.decisions)))
    }

    /// Whether the viewer agreed already with the result that is looked at.
    pub fn has_approved_result(self) -> bool {
        let Some(version) = self.version() else { return false };
        self.view.with(|v| v.has_approved(&version.decisions))
    }

    /// Whether the viewer's decision on work of `author` would count; why not otherwise.
    pub fn counts_for(self, author: PersonId) -> Result<(), String> {
        self.view.with(|v| {
            if !v.may.contains(&Action::DecideQuadmask) {
                return Err("Your role looks on here: a supervisor, producer or owner decides.".to_owned());
            }
            // The viewer may decide, so any deciding role stands for theirs.
            let role = domain::Role::ALL
                .into_iter()
                .find(|&r| may(r, Action::DecideQuadmask))
                .expect("some role decides");
            v.policy.counts(v.viewer, role, author).map_err(|why| format!("{why}."))
        })
    }
}

/// The desk of the page around a component.
pub fn use_desk() -> Desk {
    expect_context::<Desk>()
}

fn clip_of(view: &ShotView) -> Clip {
    let first_frame = view.first_frame;
    let Some(facts) = &view.shot.facts else {
        let rate = Rate::new(24, 1).expect("24 is a rate");
        let start = Timecode { frames: 0, drop: false };
        return Clip { frames: 0, width: 16, height: 9, rate, first_frame, start };
    };
    Clip {
        frames: facts.frames,
        width: facts.width(),
        height: facts.height(),
        rate: facts.rate,
        first_frame,
        start: start_of(facts),
    }
}

/// The plate's own start timecode, or midnight, drop-frame where the rate has it.
fn start_of(facts: &PlateFacts) -> Timecode {
    let own = facts.start_timecode.as_deref().and_then(|text| Timecode::parse(text, facts.rate).ok());
    own.unwrap_or(Timecode { frames: 0, drop: facts.rate.can_drop() })
}
