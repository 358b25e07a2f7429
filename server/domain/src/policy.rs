//! Approval policies: how many people must agree before a step is taken.

use serde::{Deserialize, Serialize};

use crate::{Action, PersonId, Role, may};

/// One person's verdict on one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Approve,
    Changes,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Changes => "changes",
        }
    }
}

impl std::str::FromStr for Verdict {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        [Self::Approve, Self::Changes].into_iter().find(|v| v.word() == word).ok_or(())
    }
}

/// `needed` of the people in `of` must approve; with `of` empty, of everybody whose role may decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalPolicy {
    /// 1–10.
    pub needed: u32,
    pub of: Vec<PersonId>,
    /// The one who sent it may not be among them.
    pub not_author: bool,
}

impl Default for ApprovalPolicy {
    fn default() -> Self {
        Self { needed: 1, of: Vec::new(), not_author: false }
    }
}

/// A decision as the policy sees it.
#[derive(Debug, Clone, Copy)]
pub struct Cast {
    pub person: PersonId,
    pub role: Role,
    pub verdict: Verdict,
}

/// Why somebody's decision would not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum NotCounted {
    #[error("your role does not decide here")]
    Role,
    #[error("this project wants somebody other than the author to decide")]
    Author,
    #[error("this project names the people who decide, and you are not among them")]
    NotNamed,
}

impl ApprovalPolicy {
    /// Whether a decision by this person counts.
    pub fn counts(&self, person: PersonId, role: Role, author: PersonId) -> Result<(), NotCounted> {
        if !may(role, Action::DecideQuadmask) {
            return Err(NotCounted::Role);
        }
        if self.not_author && person == author {
            return Err(NotCounted::Author);
        }
        if !self.of.is_empty() && !self.of.contains(&person) {
            return Err(NotCounted::NotNamed);
        }
        Ok(())
    }

    /// Approvals that count; of several decisions by one person, all about the same hash, the last one stands.
    pub fn approvals(&self, casts: &[Cast], author: PersonId) -> u32 {
        let mut people: Vec<PersonId> = Vec::new();
        for (at, cast) in casts.iter().enumerate() {
            let is_last = !casts[at + 1..].iter().any(|later| later.person == cast.person);
            let counts = self.counts(cast.person, cast.role, author).is_ok();
            if is_last && counts && cast.verdict == Verdict::Approve {
                people.push(cast.person);
            }
        }
        people.len() as u32
    }

    pub fn is_met(&self, casts: &[Cast], author: PersonId) -> bool {
        self.approvals(casts, author) >= self.needed.max(1)
    }

    /// Whether a result is approved: the last decision that counts is an approval, and there are enough of them. Whoever asks
    /// for changes later takes the approval back until somebody approves again.
    pub fn stands(&self, casts: &[Cast], author: PersonId) -> bool {
        let counts = |cast: &&Cast| self.counts(cast.person, cast.role, author).is_ok();
        let last = casts.iter().rfind(counts);
        last.is_some_and(|last| last.verdict == Verdict::Approve) && self.is_met(casts, author)
    }

    /// As a sentence on the settings page and beside the approve button.
    pub fn sentence(&self) -> String {
        let who = match (self.needed, self.of.len()) {
            (1, 0) => "One supervisor, producer or owner approves".to_owned(),
            (n, 0) => format!("{n} supervisors, producers or owners approve"),
            (n, m) => format!("{n} of {m} named people approve"),
        };
        if self.not_author { format!("{who}, not the author") } else { who }
    }
}

/// Whether `person` agreed and nobody asked for changes afterwards, so that there is nothing for them to approve again.
/// `said` is in the order in which it was.
pub fn has_approved(said: impl IntoIterator<Item = (PersonId, Verdict)>, person: PersonId) -> bool {
    let matters = |(by, verdict): &(PersonId, Verdict)| *by == person || *verdict == Verdict::Changes;
    said.into_iter().filter(matters).last().is_some_and(|(_, verdict)| verdict == Verdict::Approve)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_is_said_again_only_after_changes() {
        let (me, other) = (PersonId(uuid::Uuid::from_u128(1)), PersonId(uuid::Uuid::from_u128(2)));
        let (yes, no) = (Verdict::Approve, Verdict::Changes);
        assert!(!has_approved([], me));
        assert!(!has_approved([(other, yes)], me));
        assert!(has_approved([(me, yes), (other, yes)], me));
        assert!(!has_approved([(me, yes), (other, no)], me));
        assert!(!has_approved([(me, yes), (me, no)], me));
        assert!(has_approved([(me, yes), (other, no), (me, yes)], me));
    }

    fn person(n: u128) -> PersonId {
        PersonId(uuid::Uuid::from_u128(n))
    }

    fn cast(n: u128, role: Role, verdict: Verdict) -> Cast {
        Cast { person: person(n), role, verdict }
    }

    #[test]
    fn one_supervisor_is_enough_by_default_even_the_author() {
        let policy = ApprovalPolicy::default();
        assert!(policy.is_met(&[cast(1, Role::Supervisor, Verdict::Approve)], person(1)));
        assert!(!policy.is_met(&[cast(1, Role::Artist, Verdict::Approve)], person(2)));
        assert!(!policy.is_met(&[cast(1, Role::Client, Verdict::Approve)], person(2)));
    }

    #[test]
    fn n_of_m_counts_each_person_once_and_the_last_word() {
        let policy =
            ApprovalPolicy { needed: 2, of: vec![person(1), person(2), person(3)], not_author: false };
        let yes = |n| cast(n, Role::Supervisor, Verdict::Approve);
        assert!(!policy.is_met(&[yes(1), yes(1)], person(9)));
        assert!(!policy.is_met(&[yes(1), yes(4)], person(9)));
        assert!(policy.is_met(&[yes(1), yes(3)], person(9)));
        assert!(!policy.is_met(&[yes(1), yes(3), cast(1, Role::Supervisor, Verdict::Changes)], person(9)));
    }

    #[test]
    fn a_result_stands_while_the_last_word_that_counts_approves_it() {
        let policy =
            ApprovalPolicy { needed: 2, of: vec![person(1), person(2), person(3)], not_author: false };
        let says = |n, verdict| cast(n, Role::Supervisor, verdict);
        let (yes, no) = (Verdict::Approve, Verdict::Changes);
        let rows: [(&[Cast], bool); 6] = [
            (&[says(1, yes)], false),
            (&[says(1, yes), says(2, yes)], true),
            (&[says(1, yes), says(2, yes), says(3, no)], false),
            (&[says(1, yes), says(2, yes), says(3, no), says(3, yes)], true),
            (&[says(1, yes), says(2, yes), says(4, no)], true),
            (&[says(1, yes), says(2, yes), cast(5, Role::Client, no)], true),
        ];
        for (casts, stands) in rows {
            assert_eq!(policy.stands(casts, person(9)), stands, "{casts:?}");
        }
    }

    #[test]
    fn the_author_does_not_count_where_the_project_says_so() {
        let policy = ApprovalPolicy { not_author: true, ..ApprovalPolicy::default() };
        let casts = [cast(1, Role::Owner, Verdict::Approve)];
        assert!(!policy.is_met(&casts, person(1)));
        assert!(policy.is_met(&casts, person(2)));
    }
}
