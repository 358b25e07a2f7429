//! The life of a shot: one table of phases and allowed steps. Bars and statuses are views of it.

use serde::{Deserialize, Serialize};

use crate::Action;

/// Where a shot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The plate is here and being read.
    Uploaded,
    IngestFailed,
    /// Ready to annotate.
    Ready,
    /// A quadmask is being made.
    Masking,
    QuadmaskReview,
    QuadmaskChanges,
    /// Approved; a removal is queued or may be started.
    QuadmaskApproved,
    Running,
    RunFailed,
    ResultReview,
    ResultChanges,
    Approved,
}

/// What moves a shot from one phase to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShotStep {
    Ingested,
    IngestFails,
    RetryIngest,
    /// To a part of the plate, or back to all of it.
    Trim,
    Edit,
    SubmitQuadmask,
    ApproveQuadmask,
    AskQuadmaskChanges,
    Reopen,
    StartRun,
    RunDone,
    RunFails,
    CancelRun,
    /// Pass 2 ended without a version: what it started from stands as it stood.
    KeepResult,
    KeepChanges,
    ApproveResult,
    AskResultChanges,
}

/// A step that is not allowed from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("a shot that is “{}” cannot do that ({step:?}): reload to see where it stands", from.status().word)]
pub struct BadStep {
    pub from: Phase,
    pub step: ShotStep,
}

/// One row: from, step, to, and the right it needs (`None`: the worker does it).
pub type Row = (Phase, ShotStep, Phase, Option<Action>);

/// The table. Anything not in it is refused.
pub const TABLE: &[Row] = {
    use Phase::*;
    use ShotStep::*;
    const EDIT: Option<Action> = Some(Action::EditShot);
    const DECIDE: Option<Action> = Some(Action::DecideQuadmask);
    const RUN: Option<Action> = Some(Action::Run);
    &[
        (Uploaded, Ingested, Ready, None),
        (Uploaded, IngestFails, IngestFailed, None),
        (IngestFailed, RetryIngest, Uploaded, Some(Action::Upload)),
        (Ready, Trim, Uploaded, Some(Action::Upload)),
        (Ready, Edit, Masking, EDIT),
        (Masking, Edit, Masking, EDIT),
        (Masking, SubmitQuadmask, QuadmaskReview, EDIT),
        (QuadmaskReview, ApproveQuadmask, QuadmaskApproved, DECIDE),
        (QuadmaskReview, AskQuadmaskChanges, QuadmaskChanges, DECIDE),
        (QuadmaskReview, Reopen, Masking, EDIT),
        (QuadmaskChanges, Edit, Masking, EDIT),
        (QuadmaskChanges, SubmitQuadmask, QuadmaskReview, EDIT),
        (QuadmaskApproved, StartRun, Running, RUN),
        (QuadmaskApproved, RunFails, RunFailed, None),
        (QuadmaskApproved, CancelRun, QuadmaskApproved, RUN),
        (QuadmaskApproved, Reopen, Masking, EDIT),
        (Running, RunDone, ResultReview, None),
        (Running, RunFails, RunFailed, None),
        (Running, CancelRun, QuadmaskApproved, RUN),
        (Running, KeepResult, ResultReview, None),
        (Running, KeepChanges, ResultChanges, None),
        (RunFailed, StartRun, Running, RUN),
        (RunFailed, Reopen, Masking, EDIT),
        (ResultReview, ApproveResult, Approved, DECIDE),
        (ResultReview, AskResultChanges, ResultChanges, DECIDE),
        (ResultReview, StartRun, Running, RUN),
        (ResultReview, Reopen, Masking, EDIT),
        (ResultChanges, Reopen, Masking, EDIT),
        (ResultChanges, StartRun, Running, RUN),
        (ResultChanges, ApproveResult, Approved, DECIDE),
        (Approved, AskResultChanges, ResultChanges, DECIDE),
        (Approved, Reopen, Masking, EDIT),
    ]
};

/// A status as every view shows it: never colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    pub icon: &'static str,
    pub word: &'static str,
    /// Suffix of the CSS token `--status-…`.
    pub tone: &'static str,
}

/// State of one of the five steps on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bar {
    Todo,
    Now,
    Running,
    Done,
    Failed,
}

impl Phase {
    pub const ALL: [Self; 12] = [
        Self::Uploaded,
        Self::IngestFailed,
        Self::Ready,
        Self::Masking,
        Self::QuadmaskReview,
        Self::QuadmaskChanges,
        Self::QuadmaskApproved,
        Self::Running,
        Self::RunFailed,
        Self::ResultReview,
        Self::ResultChanges,
        Self::Approved,
    ];

    /// Where `step` leads from here.
    pub fn step(self, step: ShotStep) -> Result<Self, BadStep> {
        TABLE
            .iter()
            .find(|row| row.0 == self && row.1 == step)
            .map(|row| row.2)
            .ok_or(BadStep { from: self, step })
    }

    /// Whether masks, targets and causes may be edited in this phase.
    pub fn is_editable(self) -> bool {
        self.step(ShotStep::Edit).is_ok()
    }

    /// The name in rows, URLs and JSON.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Uploaded => "uploaded",
            Self::IngestFailed => "ingest_failed",
            Self::Ready => "ready",
            Self::Masking => "masking",
            Self::QuadmaskReview => "quadmask_review",
            Self::QuadmaskChanges => "quadmask_changes",
            Self::QuadmaskApproved => "quadmask_approved",
            Self::Running => "running",
            Self::RunFailed => "run_failed",
            Self::ResultReview => "result_review",
            Self::ResultChanges => "result_changes",
            Self::Approved => "approved",
        }
    }

    pub fn status(self) -> Status {
        let status = |icon, word, tone| Status { icon, word, tone };
        match self {
            Self::Uploaded => status("◔", "Reading the plate", "running"),
            Self::IngestFailed => status("✕", "Plate refused", "failed"),
            Self::Ready => status("○", "Ready to annotate", "idle"),
            Self::Masking => status("◔", "Quadmask in work", "running"),
            Self::QuadmaskReview => status("◉", "Quadmask in review", "review"),
            Self::QuadmaskChanges => status("↺", "Quadmask: changes asked", "changes"),
            Self::QuadmaskApproved => status("✓", "Quadmask approved", "approved"),
            Self::Running => status("◔", "Removal running", "running"),
            Self::RunFailed => status("✕", "Removal failed", "failed"),
            Self::ResultReview => status("◉", "Result in review", "review"),
            Self::ResultChanges => status("↺", "Result: changes asked", "changes"),
            Self::Approved => status("✓", "Approved", "approved"),
        }
    }

    /// Targets, quadmask, removal, review, deliver.
    pub fn bars(self) -> [Bar; 5] {
        use Bar::*;
        match self {
            Self::Uploaded => [Running, Todo, Todo, Todo, Todo],
            Self::IngestFailed => [Failed, Todo, Todo, Todo, Todo],
            Self::Ready => [Now, Todo, Todo, Todo, Todo],
            Self::Masking | Self::QuadmaskReview | Self::QuadmaskChanges => [Done, Now, Todo, Todo, Todo],
            Self::QuadmaskApproved => [Done, Done, Now, Todo, Todo],
            Self::Running => [Done, Done, Running, Todo, Todo],
            Self::RunFailed => [Done, Done, Failed, Todo, Todo],
            Self::ResultReview | Self::ResultChanges => [Done, Done, Done, Now, Todo],
            Self::Approved => [Done, Done, Done, Done, Now],
        }
    }
}

impl std::str::FromStr for Phase {
    type Err = ();

    fn from_str(slug: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|p| p.slug() == slug).ok_or(())
    }
}

/// The table as Markdown, for ARCHITECTURE.md.
pub fn table_as_markdown() -> String {
    let mut text = String::from("| from | step | to | who |\n|---|---|---|---|\n");
    for (from, step, to, action) in TABLE {
        let who = match action {
            None => "the worker".to_owned(),
            Some(action) => crate::Role::ALL
                .into_iter()
                .filter(|&role| crate::may(role, *action))
                .map(crate::Role::word)
                .collect::<Vec<_>>()
                .join(", "),
        };
        text += &format!("| {} | {step:?} | {} | {who} |\n", from.slug(), to.slug());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_one_outcome_and_every_phase_can_be_reached() {
        for (at, row) in TABLE.iter().enumerate() {
            assert!(!TABLE[at + 1..].iter().any(|r| r.0 == row.0 && r.1 == row.1), "{row:?} twice");
        }
        for phase in Phase::ALL {
            let reached = phase == Phase::Uploaded || TABLE.iter().any(|r| r.2 == phase && r.0 != phase);
            assert!(reached, "{phase:?}");
            assert_eq!(phase.slug().parse(), Ok(phase));
        }
    }

    #[test]
    fn no_removal_starts_before_the_quadmask_is_approved() {
        for phase in [Phase::Ready, Phase::Masking, Phase::QuadmaskReview, Phase::QuadmaskChanges] {
            assert!(phase.step(ShotStep::StartRun).is_err(), "{phase:?}");
        }
    }

    #[test]
    fn an_approved_mask_is_read_only_until_reopened() {
        for phase in [Phase::QuadmaskReview, Phase::QuadmaskApproved, Phase::Running, Phase::Approved] {
            assert!(!phase.is_editable(), "{phase:?}");
        }
    }

    #[test]
    fn every_phase_has_its_five_bars() {
        let letter = |bar| match bar {
            Bar::Todo => '.',
            Bar::Now => 'n',
            Bar::Running => 'r',
            Bar::Done => 'd',
            Bar::Failed => 'x',
        };
        // Targets, quadmask, removal, review, deliver.
        let table = [
            (Phase::Uploaded, "r...."),
            (Phase::IngestFailed, "x...."),
            (Phase::Ready, "n...."),
            (Phase::Masking, "dn..."),
            (Phase::QuadmaskReview, "dn..."),
            (Phase::QuadmaskChanges, "dn..."),
            (Phase::QuadmaskApproved, "ddn.."),
            (Phase::Running, "ddr.."),
            (Phase::RunFailed, "ddx.."),
            (Phase::ResultReview, "dddn."),
            (Phase::ResultChanges, "dddn."),
            (Phase::Approved, "ddddn"),
        ];
        assert_eq!(table.map(|row| row.0), Phase::ALL);
        for (phase, wanted) in table {
            assert_eq!(phase.bars().map(letter).iter().collect::<String>(), wanted, "{phase:?}");
        }
    }

    #[test]
    fn the_architecture_prints_this_table() {
        let text = include_str!("../../../ARCHITECTURE.md");
        assert!(
            text.contains(&table_as_markdown()),
            "paste this into ARCHITECTURE.md:\n{}",
            table_as_markdown()
        );
    }
}
