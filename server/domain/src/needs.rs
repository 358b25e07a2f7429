//! What waits for whom: the one rule behind “Needs me”.

use serde::{Deserialize, Serialize};

use crate::{Action, ApprovalPolicy, PersonId, Phase, Role, may};

/// What somebody is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    MarkTargets,
    MakeQuadmask,
    ChangeQuadmask,
    ChangeResult,
    RunAgain,
    /// The quadmask is approved and no removal waits or runs.
    StartRemoval,
    /// The plate was refused.
    FixPlate,
    DecideQuadmask,
    DecideResult,
    /// An approved version that no client has seen.
    ShowClient,
    /// Somebody named them in a thread.
    Answer,
    /// Somebody answered in a thread that they began.
    ReadReply,
}

/// How a shot stands towards one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    pub phase: Phase,
    pub is_assigned: bool,
    /// As [`is_decider`] says.
    pub decides: bool,
    /// They approved what is in review already; it waits for others.
    pub has_approved: bool,
    /// The newest version is shown to clients or behind a link.
    pub is_shown: bool,
    /// A removal waits or runs.
    pub has_removal: bool,
}

/// What a shot asks of somebody, if anything.
pub fn of_shot(role: Role, stand: Stand) -> Option<Asked> {
    let Stand { phase, is_assigned, decides, has_approved, is_shown, has_removal } = stand;
    let works = is_assigned && may(role, Action::EditShot);
    let produces = may(role, Action::ManageProject);
    let asked = match phase {
        Phase::Uploaded | Phase::Running => return None,
        Phase::IngestFailed => (Asked::FixPlate, works || produces),
        Phase::Ready => (Asked::MarkTargets, works),
        Phase::Masking => (Asked::MakeQuadmask, works),
        Phase::QuadmaskReview => (Asked::DecideQuadmask, decides && !has_approved),
        Phase::QuadmaskChanges => (Asked::ChangeQuadmask, works),
        Phase::QuadmaskApproved => (Asked::StartRemoval, works && !has_removal),
        Phase::RunFailed => (Asked::RunAgain, works),
        Phase::ResultReview => (Asked::DecideResult, decides && !has_approved),
        Phase::ResultChanges => (Asked::ChangeResult, works),
        Phase::Approved => (Asked::ShowClient, produces && !is_shown),
    };
    asked.1.then_some(asked.0)
}

/// Whether a shot in this phase could ask anything of the role: what a search for needs has to look at.
pub fn could_ask(role: Role, phase: Phase, is_assigned: bool) -> bool {
    let decides = may(role, Action::DecideQuadmask);
    let stand =
        Stand { phase, is_assigned, decides, has_approved: false, is_shown: false, has_removal: false };
    of_shot(role, stand).is_some()
}

/// Whether decisions are asked of somebody: of supervisors and of those whom the project names, where they would count.
/// `author`: of the quadmask in review, or of the one that the result is of.
pub fn is_decider(policy: &ApprovalPolicy, person: PersonId, role: Role, author: PersonId) -> bool {
    let is_asked = role == Role::Supervisor || policy.of.contains(&person);
    is_asked && policy.counts(person, role, author).is_ok()
}

impl Asked {
    /// The step of the shot where it is done, as in the address.
    pub fn tab(self) -> &'static str {
        match self {
            Self::MarkTargets | Self::FixPlate => "targets",
            Self::MakeQuadmask | Self::ChangeQuadmask | Self::DecideQuadmask => "quadmask",
            Self::RunAgain | Self::StartRemoval => "removal",
            Self::ChangeResult | Self::DecideResult | Self::ShowClient | Self::Answer | Self::ReadReply => {
                "review"
            }
        }
    }

    /// What is asked. `n`: of the quadmask or version that it is about; `by`: who said something last.
    pub fn sentence(self, n: Option<u32>, by: Option<&str>) -> String {
        let v = n.map(|n| format!(" v{n}")).unwrap_or_default();
        let by = by.unwrap_or("Somebody");
        match self {
            Self::MarkTargets => "Mark what goes.".to_owned(),
            Self::MakeQuadmask => "Finish the quadmask and send it to review.".to_owned(),
            Self::ChangeQuadmask => {
                format!("Change quadmask{v} as the note asks and send it to review again.")
            }
            Self::ChangeResult => format!("See what should change in result{v} and run the removal again."),
            Self::RunAgain => "The removal failed: see why and run it again.".to_owned(),
            Self::StartRemoval => {
                "The quadmask is approved and nothing removes yet: run the removal.".to_owned()
            }
            Self::FixPlate => "The plate was refused: see why and read it again.".to_owned(),
            Self::DecideQuadmask => format!("Approve quadmask{v} or ask for changes."),
            Self::DecideResult => format!("Approve result{v} or ask for changes."),
            Self::ShowClient => format!("Result{v} is approved and no client has seen it: show or share it."),
            Self::Answer => format!("{by} named you in a comment: answer it or resolve the thread."),
            Self::ReadReply => format!("{by} answered in a thread that you began."),
        }
    }

    /// Icon and tone of the row.
    pub fn mark(self) -> (&'static str, &'static str) {
        match self {
            Self::MarkTargets | Self::MakeQuadmask | Self::StartRemoval => ("○", "idle"),
            Self::ChangeQuadmask | Self::ChangeResult => ("↺", "changes"),
            Self::RunAgain | Self::FixPlate => ("✕", "failed"),
            Self::DecideQuadmask | Self::DecideResult => ("◉", "review"),
            Self::ShowClient => ("✓", "approved"),
            Self::Answer | Self::ReadReply => ("@", "running"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(n: u128) -> PersonId {
        PersonId(uuid::Uuid::from_u128(n))
    }

    /// Role × phase × assigned, written out under the default policy: owner, producer, supervisor, artist, reviewer, client,
    /// first as somebody who is not assigned, then as somebody who is.
    #[test]
    fn the_table_of_needs_is_this() {
        let rows = [
            (Phase::Uploaded, "------", "------", None),
            (Phase::IngestFailed, "OP----", "OPSA--", Some(Asked::FixPlate)),
            (Phase::Ready, "------", "OPSA--", Some(Asked::MarkTargets)),
            (Phase::Masking, "------", "OPSA--", Some(Asked::MakeQuadmask)),
            (Phase::QuadmaskReview, "--S---", "--S---", Some(Asked::DecideQuadmask)),
            (Phase::QuadmaskChanges, "------", "OPSA--", Some(Asked::ChangeQuadmask)),
            (Phase::QuadmaskApproved, "------", "OPSA--", Some(Asked::StartRemoval)),
            (Phase::Running, "------", "------", None),
            (Phase::RunFailed, "------", "OPSA--", Some(Asked::RunAgain)),
            (Phase::ResultReview, "--S---", "--S---", Some(Asked::DecideResult)),
            (Phase::ResultChanges, "------", "OPSA--", Some(Asked::ChangeResult)),
            (Phase::Approved, "OP----", "OP----", Some(Asked::ShowClient)),
        ];
        let policy = ApprovalPolicy::default();
        for (phase, free, assigned, asked) in rows {
            for (letters, is_assigned) in [(free, false), (assigned, true)] {
                for (role, letter) in Role::ALL.into_iter().zip(letters.chars()) {
                    let decides = is_decider(&policy, person(1), role, person(9));
                    let (has_approved, is_shown, has_removal) = (false, false, false);
                    let stand = Stand { phase, is_assigned, decides, has_approved, is_shown, has_removal };
                    let wanted = asked.filter(|_| letter != '-');
                    assert_eq!(of_shot(role, stand), wanted, "{role:?} {phase:?} assigned: {is_assigned}");
                    assert!(wanted.is_none() || could_ask(role, phase, is_assigned), "{role:?} {phase:?}");
                    let done = Stand { has_approved: true, is_shown: true, has_removal: true, ..stand };
                    let is_over = matches!(
                        phase,
                        Phase::QuadmaskReview
                            | Phase::QuadmaskApproved
                            | Phase::ResultReview
                            | Phase::Approved
                    );
                    assert_eq!(of_shot(role, done), wanted.filter(|_| !is_over), "{role:?} {phase:?} done");
                }
            }
        }
        assert_eq!(rows.map(|row| row.0), Phase::ALL);
    }

    #[test]
    fn decisions_are_asked_of_those_whom_the_project_names() {
        let named = ApprovalPolicy { of: vec![person(1)], ..ApprovalPolicy::default() };
        assert!(is_decider(&named, person(1), Role::Producer, person(9)));
        assert!(!is_decider(&named, person(2), Role::Supervisor, person(9)), "it would not count");
        assert!(!is_decider(&named, person(1), Role::Artist, person(9)), "no longer a supervisor");
        let open = ApprovalPolicy { not_author: true, ..ApprovalPolicy::default() };
        assert!(!is_decider(&open, person(1), Role::Supervisor, person(1)), "their own quadmask");
        assert!(is_decider(&open, person(2), Role::Supervisor, person(1)));
        assert!(!is_decider(&open, person(2), Role::Owner, person(1)), "may, but is not asked");
    }

    #[test]
    fn every_step_it_leads_to_is_there() {
        for asked in
            [Asked::MarkTargets, Asked::DecideQuadmask, Asked::StartRemoval, Asked::RunAgain, Asked::Answer]
        {
            assert!(["targets", "quadmask", "removal", "review"].contains(&asked.tab()));
        }
        assert_eq!(Asked::DecideResult.sentence(Some(2), None), "Approve result v2 or ask for changes.");
        assert_eq!(Asked::ReadReply.sentence(None, Some("Ana")), "Ana answered in a thread that you began.");
    }
}
