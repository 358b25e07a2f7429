//! The decisions of a shot as a chain: every row carries the hash of the row before it.

use domain::{DecisionId, Hash, PersonId, Role, ShotId, Verdict};
use serde::Serialize;

use crate::hash_of;

/// What the first decision of a shot carries as `prev`.
pub const FIRST_PREV: &str = "";

/// Everything of a decision row but its own hash. The row hash is the SHA-256 of its canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    pub decision_id: DecisionId,
    pub shot_id: ShotId,
    /// 1, 2, … within the shot.
    pub n: i64,
    /// `quadmask` or `version`.
    pub subject_kind: String,
    pub subject_id: String,
    pub subject: Hash,
    pub person_id: PersonId,
    /// The role the person had when deciding.
    pub role: Role,
    pub verdict: Verdict,
    pub note: String,
    /// Microseconds UTC.
    pub at: i64,
    /// Row hash of decision `n - 1`, [`FIRST_PREV`] for the first.
    pub prev: String,
}

impl Link {
    pub fn row_hash(&self) -> Hash {
        hash_of(self)
    }
}

/// Where a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    #[error("decision {n} is missing: the next one kept is {found}")]
    Missing { n: i64, found: i64 },
    #[error("decision {n} was changed after it was made: its hash no longer fits")]
    Changed { n: i64 },
    #[error("decision {n} does not follow from the one before it")]
    Unlinked { n: i64 },
}

/// Checks the decisions of one shot, in order of `n`, each with the row hash that was stored.
/// Rows cut off at the end cannot be noticed from the rows alone.
pub fn verify(rows: &[(Link, Hash)]) -> Result<(), BrokenChain> {
    let mut prev = FIRST_PREV.to_owned();
    for (at, (link, stored)) in rows.iter().enumerate() {
        let n = at as i64 + 1;
        if link.n != n {
            return Err(BrokenChain::Missing { n, found: link.n });
        }
        if link.row_hash() != *stored {
            return Err(BrokenChain::Changed { n });
        }
        if link.prev != prev {
            return Err(BrokenChain::Unlinked { n });
        }
        prev = stored.to_string();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(notes: &[&str]) -> Vec<(Link, Hash)> {
        let mut prev = FIRST_PREV.to_owned();
        let mut rows = Vec::new();
        for (at, note) in notes.iter().enumerate() {
            let link = Link {
                decision_id: DecisionId(Default::default()),
                shot_id: ShotId(Default::default()),
                n: at as i64 + 1,
                subject_kind: "quadmask".into(),
                subject_id: "q".into(),
                subject: Hash::of(b"subject"),
                person_id: PersonId(Default::default()),
                role: Role::Supervisor,
                verdict: Verdict::Approve,
                note: (*note).into(),
                at: 1,
                prev,
            };
            let hash = link.row_hash();
            prev = hash.to_string();
            rows.push((link, hash));
        }
        rows
    }

    #[test]
    fn a_whole_chain_holds() {
        assert_eq!(verify(&chain(&[])), Ok(()));
        assert_eq!(verify(&chain(&["a", "b", "c"])), Ok(()));
    }

    #[test]
    fn a_missing_row_breaks_the_chain() {
        let mut rows = chain(&["a", "b", "c"]);
        rows.remove(1);
        assert_eq!(verify(&rows), Err(BrokenChain::Missing { n: 2, found: 3 }));
    }

    #[test]
    fn a_changed_row_breaks_the_chain_even_with_a_new_hash() {
        let mut rows = chain(&["a", "b"]);
        rows[0].0.note = "z".into();
        assert_eq!(verify(&rows), Err(BrokenChain::Changed { n: 1 }));
        rows[0].1 = rows[0].0.row_hash();
        assert_eq!(verify(&rows), Err(BrokenChain::Unlinked { n: 2 }));
    }
}
