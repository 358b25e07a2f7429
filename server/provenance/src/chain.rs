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
    #[error("{}", missing(*n, *found))]
    Missing { n: i64, found: i64 },
    #[error("decision {n} is there twice: the record forks there")]
    Doubled { n: i64 },
    #[error("decision {n} was changed after it was made: its hash no longer fits")]
    Changed { n: i64 },
    #[error("decision {n} does not follow from the one before it")]
    Unlinked { n: i64 },
    #[error("decision {n} belongs to another shot")]
    Foreign { n: i64 },
}

fn missing(n: i64, found: i64) -> String {
    match found - 1 {
        last if last > n => format!("decisions {n} to {last} are missing: the next one kept is {found}"),
        _ => format!("decision {n} is missing: the next one kept is {found}"),
    }
}

/// Checks the decisions of one shot, each with the row hash that was stored: the first place where they do not hold.
///
/// # Errors
/// As [`faults`], which has all of them.
pub fn verify(rows: &[(Link, Hash)]) -> Result<(), BrokenChain> {
    faults(rows).into_iter().next().map_or(Ok(()), Err)
}

/// Every place where the decisions of one shot do not hold, in order of their numbers; the rows may come in any order.
/// Rows cut off at the end cannot be noticed from the rows alone.
pub fn faults(rows: &[(Link, Hash)]) -> Vec<BrokenChain> {
    let mut rows: Vec<&(Link, Hash)> = rows.iter().collect();
    rows.sort_by_key(|(link, _)| link.n);
    let mut faults = Vec::new();
    // What the next row may carry as `prev`; empty after a gap, where nothing can be said about it.
    let mut before = vec![FIRST_PREV.to_owned()];
    let mut here: Vec<String> = Vec::new();
    let mut next = 1;
    for (link, stored) in &rows {
        let n = link.n;
        let is_doubled = n + 1 == next && !here.is_empty();
        if is_doubled {
            faults.push(BrokenChain::Doubled { n });
        } else {
            if !here.is_empty() {
                before = std::mem::take(&mut here);
            }
            if n > next {
                faults.push(BrokenChain::Missing { n: next, found: n });
                before.clear();
            }
            next = n + 1;
        }
        if link.row_hash() != *stored {
            faults.push(BrokenChain::Changed { n });
        }
        if link.shot_id != rows[0].0.shot_id {
            faults.push(BrokenChain::Foreign { n });
        }
        if !before.is_empty() && !before.contains(&link.prev) {
            faults.push(BrokenChain::Unlinked { n });
        }
        here.push(stored.to_string());
    }
    faults
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn chain(notes: &[&str]) -> Vec<(Link, Hash)> {
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

    #[test]
    fn every_fault_is_named_and_not_only_the_first() {
        let mut rows = chain(&["a", "b", "c", "d", "e", "f"]);
        rows[5].0.note = "z".into();
        rows.drain(1..3);
        let said: Vec<String> = faults(&rows).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "decisions 2 to 3 are missing: the next one kept is 4",
                "decision 6 was changed after it was made: its hash no longer fits",
            ]
        );
    }

    #[test]
    fn a_doubled_row_is_a_fork() {
        let mut rows = chain(&["a", "b", "c"]);
        let mut twin = rows[1].clone();
        twin.0.note = "another verdict".into();
        twin.1 = twin.0.row_hash();
        rows.push(twin);
        assert_eq!(faults(&rows), [BrokenChain::Doubled { n: 2 }], "in whatever order they come");
        rows[2].0.prev = rows[3].1.to_string();
        rows[2].1 = rows[2].0.row_hash();
        assert_eq!(faults(&rows), [BrokenChain::Doubled { n: 2 }], "the next row may follow either");
        rows[3].1 = Hash::of(b"made up");
        assert_eq!(
            faults(&rows),
            [BrokenChain::Doubled { n: 2 }, BrokenChain::Changed { n: 2 }, BrokenChain::Unlinked { n: 3 }]
        );
    }

    #[test]
    fn the_first_row_cannot_be_taken_away_and_no_row_borrowed() {
        let mut rows = chain(&["a", "b"]);
        rows.remove(0);
        assert_eq!(faults(&rows), [BrokenChain::Missing { n: 1, found: 2 }]);
        rows[0].0.n = 1;
        rows[0].1 = rows[0].0.row_hash();
        assert_eq!(faults(&rows), [BrokenChain::Unlinked { n: 1 }]);
        let mut rows = chain(&["a", "b"]);
        rows[1].0.shot_id = uuid(7);
        rows[1].1 = rows[1].0.row_hash();
        assert_eq!(faults(&rows), [BrokenChain::Foreign { n: 2 }]);
    }

    fn uuid<T: std::str::FromStr>(last: u8) -> T {
        format!("00000000-0000-0000-0000-0000000000{last:02x}").parse().unwrap_or_else(|_| panic!("an id"))
    }
}
