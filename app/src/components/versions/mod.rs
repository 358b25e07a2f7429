//! Versions: of the quadmask and of the result, the decisions about them, and the proof of a result.

mod ask;
mod decisions;
mod package;
mod pills;
mod proof;
mod quadmasks;
mod transfer;

pub use ask::{AskButton, AskDialog, QuadmaskSteps};
pub use decisions::{Approvals, DecisionList, Stale};
pub use package::{HistoryFiles, MovieTake, PackagePanel};
pub use pills::{VersionPills, step_version};
pub use proof::{ProofPanel, TestModel};
pub use quadmasks::QuadmaskList;
pub use transfer::Transfer;
