//! Which question is open before a step that cannot be taken back, and its words.

use domain::{Action, ShotStep, Verdict};
use leptos::prelude::*;

use super::desk::{Desk, Tab};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Submit,
    ApproveQuadmask,
    QuadmaskChanges,
    Reopen,
    ApproveResult,
    ResultChanges,
}

impl Ask {
    pub fn needs_note(self) -> bool {
        matches!(self, Self::QuadmaskChanges | Self::ResultChanges)
    }

    pub fn verdict(self) -> Verdict {
        if self.needs_note() { Verdict::Changes } else { Verdict::Approve }
    }

    pub fn title(self, desk: Desk) -> String {
        let n = desk.view.with(|v| v.quadmasks.first().map_or(0, |q| q.n));
        let result = desk.version().map_or(0, |v| v.n);
        match self {
            Self::Submit => format!("Send quadmask v{} to review", n + 1),
            Self::ApproveQuadmask => format!("Approve quadmask v{n}"),
            Self::QuadmaskChanges => format!("Ask for changes to quadmask v{n}"),
            Self::Reopen => "Re-open the quadmask".to_owned(),
            Self::ApproveResult => format!("Approve result v{result}"),
            Self::ResultChanges => format!("Ask for changes to result v{result}"),
        }
    }

    /// What taking the step means.
    pub fn text(self, desk: Desk) -> String {
        let policy = desk.view.with(|v| v.policy.sentence());
        match self {
            Self::Submit => {
                let alone = desk.pathless().map(|name| {
                    format!(" “{name}” moves on its own and has no path: the plate engine refuses that, only VOID can run it.")
                });
                "Targets, masks, causes and words become an unchangeable version; the draft is read-only until \
                 somebody decides or re-opens it."
                    .to_owned()
                    + &alone.unwrap_or_default()
            }
            Self::ApproveQuadmask => {
                let then = match desk.pathless() {
                    Some(name) => format!("then VOID can be started on the removal step, since “{name}” has no path"),
                    None => "then the removal starts".to_owned(),
                };
                format!("Your approval is kept with the hash of exactly this quadmask. {policy}; {then}.")
            }
            Self::QuadmaskChanges => "The quadmask goes back to the artist with your note.".to_owned(),
            Self::Reopen => {
                "Editing goes on. What was approved stays on record and becomes stale with the next change.".to_owned()
            }
            Self::ApproveResult if desk.may(Action::ViewShot) => {
                format!("Your approval is kept with the hash of exactly this result. {policy}.")
            }
            Self::ApproveResult => "Your approval is kept with the hash of exactly this result.".to_owned(),
            Self::ResultChanges if !desk.may(Action::ViewShot) => {
                "Your wish is kept with the hash of exactly this result, and the team reads your note at once.".to_owned()
            }
            Self::ResultChanges => "The shot goes back with your note; this version stays as it is.".to_owned(),
        }
    }

    pub fn button(self, desk: Desk) -> String {
        match self {
            Self::Submit => "Send to review".to_owned(),
            Self::Reopen => "Re-open".to_owned(),
            Self::QuadmaskChanges | Self::ResultChanges => "Ask for changes".to_owned(),
            Self::ApproveQuadmask | Self::ApproveResult => self.title(desk),
        }
    }
}

impl Desk {
    /// Whether the viewer may say something about the result that is looked at.
    pub fn may_decide_result(self) -> bool {
        let is_client = !self.may(Action::ViewShot);
        let moves = self.can(ShotStep::ApproveResult) || self.can(ShotStep::AskResultChanges);
        self.may(Action::DecideVersion)
            && self.version().is_some()
            && (moves || is_client)
            && self.result_is_closed().is_none()
    }

    /// Previews are only looked at, and nobody approves twice.
    pub fn may_approve_result(self) -> bool {
        self.may_decide_result()
            && !self.has_approved_result()
            && !self.version().is_some_and(|version| version.is_preview())
    }

    /// Why somebody who decides about results does not decide about the one that is looked at.
    pub fn result_is_closed(self) -> Option<String> {
        let version = self.version()?;
        if !self.may(Action::DecideVersion) {
            return None;
        }
        let newest = self.view.with(|v| v.versions.first().map_or(0, |newest| newest.n));
        if version.n != newest {
            return Some(format!("v{} is an older version; decisions go to v{newest}.", version.n));
        }
        if !self.may(Action::ViewShot) {
            return None;
        }
        self.counts_for(version.author).err().map(|why| format!("You do not decide about this result: {why}"))
    }

    /// Opens the question that approves what the page is about, or asks for changes to it.
    pub fn ask_decision(self, verdict: Verdict) {
        let ask = untrack(|| {
            let of_result = self.tab.get() == Tab::Review;
            match verdict {
                Verdict::Approve if of_result => self.may_approve_result().then_some(Ask::ApproveResult),
                Verdict::Changes if of_result => self.may_decide_result().then_some(Ask::ResultChanges),
                Verdict::Approve => self.can(ShotStep::ApproveQuadmask).then_some(Ask::ApproveQuadmask),
                Verdict::Changes => self.can(ShotStep::AskQuadmaskChanges).then_some(Ask::QuadmaskChanges),
            }
        });
        match ask {
            Some(ask) => self.ask.set(Some(ask)),
            None => self.toasts.fail("There is nothing for you to decide here now."),
        }
    }
}
