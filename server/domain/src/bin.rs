//! The bin: what was deleted and can still be taken out again.

use serde::{Deserialize, Serialize};

use crate::{Day, ProjectId, ShotId};

/// Days that something stays in the bin before it is deleted for good.
pub const KEPT_DAYS: i32 = 30;

/// What can be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thing {
    Project(ProjectId),
    Shot(ShotId),
}

impl Thing {
    pub fn word(self) -> &'static str {
        match self {
            Self::Project(_) => "project",
            Self::Shot(_) => "shot",
        }
    }
}

/// Something in the bin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binned {
    pub thing: Thing,
    pub name: String,
    /// Of a shot.
    pub project_name: Option<String>,
    /// Of a project: how many shots go with it.
    pub shots: u32,
    /// Who put it there.
    pub by: Option<String>,
    /// Microseconds UTC.
    pub binned_at: i64,
}

impl Binned {
    /// The day (UTC) on which it is deleted for good.
    pub fn gone_on(&self) -> Day {
        Day::of_micros(self.binned_at).plus(KEPT_DAYS)
    }
}

/// What lies in the bin longer than this moment (microseconds UTC) is over on the day of `now`.
pub fn overdue_before(now: i64) -> i64 {
    now - i64::from(KEPT_DAYS) * 86_400_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_into_the_bin_goes_thirty_days_later() {
        let binned_at = Day::of_date(2026, 11, 29).expect("a day").number() * 86_400_000_000 + 3_600_000_000;
        let thing = Thing::Shot(ShotId(Default::default()));
        let binned =
            Binned { thing, name: "pillow".into(), project_name: None, shots: 0, by: None, binned_at };
        assert_eq!(binned.gone_on().date(), (2026, 12, 29));
        let month = i64::from(KEPT_DAYS) * 86_400_000_000;
        assert!(binned_at > overdue_before(binned_at + month - 1));
        assert!(binned_at <= overdue_before(binned_at + month));
    }
}
