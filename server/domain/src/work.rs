//! Who works on a shot and until when. What a shot asks of whom is in `needs`.

use serde::{Deserialize, Serialize};

use crate::{Day, PersonId, Phase};

/// Most shots that one change may be about.
pub const MOST_SHOTS: usize = 100;

/// Somebody who works on a shot, or could.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignee {
    pub person_id: PersonId,
    pub name: String,
}

/// What is changed about some shots at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum WorkChange {
    /// Beside those who are assigned already.
    Assign {
        person_id: PersonId,
    },
    Unassign {
        person_id: PersonId,
    },
    Due {
        day: Day,
    },
    NotDue,
    /// Nobody, and no day.
    Clear,
}

/// How a due day stands to today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Late,
    Today,
    /// In the six days after today.
    Week,
    Later,
    /// The shot is approved: the day no longer matters.
    Done,
}

/// A due day, and how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    pub day: Day,
    pub standing: Standing,
}

/// The days of “this week”: today and the six after it.
pub const WEEK_DAYS: i32 = 6;

impl Due {
    pub fn of(day: Day, today: Day, phase: Phase) -> Self {
        let standing = match phase {
            Phase::Approved => Standing::Done,
            _ if day < today => Standing::Late,
            _ if day == today => Standing::Today,
            _ if day <= today.plus(WEEK_DAYS) => Standing::Week,
            _ => Standing::Later,
        };
        Self { day, standing }
    }

    /// Icon, words and tone: never colour alone.
    pub fn status(self) -> (&'static str, String, &'static str) {
        let day = self.day.short();
        match self.standing {
            Standing::Late => ("!", format!("Late: {day}"), "failed"),
            Standing::Today => ("◷", "Due today".to_owned(), "changes"),
            Standing::Week | Standing::Later | Standing::Done => ("◷", format!("Due {day}"), "idle"),
        }
    }
}

/// Shots whose work is with somebody, for the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssignedTo {
    Me,
    Person(PersonId),
    Nobody,
}

impl AssignedTo {
    /// As in an address: `me`, `nobody` or the person's id.
    pub fn slug(self) -> String {
        match self {
            Self::Me => "me".to_owned(),
            Self::Person(id) => id.to_string(),
            Self::Nobody => "nobody".to_owned(),
        }
    }

    pub fn of_slug(slug: &str) -> Option<Self> {
        match slug {
            "me" => Some(Self::Me),
            "nobody" => Some(Self::Nobody),
            id => id.parse().ok().map(Self::Person),
        }
    }
}

/// Shots that are due and not approved, for the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DueIn {
    Late,
    Week,
}

impl DueIn {
    pub const ALL: [Self; 2] = [Self::Late, Self::Week];

    pub fn slug(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Week => "week",
        }
    }

    pub fn of_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|due| due.slug() == slug)
    }

    /// First and last day, both included.
    pub fn days(self, today: Day) -> (Day, Day) {
        match self {
            Self::Late => (Day::of_micros(0), today.plus(-1)),
            Self::Week => (today, today.plus(WEEK_DAYS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_late_once_it_is_over_and_only_until_the_shot_is_approved() {
        let today: Day = "2026-11-29".parse().expect("a day");
        for (day, standing) in [
            (-1, Standing::Late),
            (0, Standing::Today),
            (1, Standing::Week),
            (6, Standing::Week),
            (7, Standing::Later),
        ] {
            let day = today.plus(day);
            assert_eq!(Due::of(day, today, Phase::Masking).standing, standing, "{day}");
            assert_eq!(Due::of(day, today, Phase::Approved).standing, Standing::Done, "{day}");
            let listed = DueIn::ALL.map(|due| (due.days(today).0..=due.days(today).1).contains(&day));
            let wanted = [standing == Standing::Late, matches!(standing, Standing::Today | Standing::Week)];
            assert_eq!(listed, wanted, "the board's filters say the same of {day}");
        }
    }

    #[test]
    fn filters_survive_their_addresses() {
        let person = PersonId(uuid::Uuid::from_u128(7));
        for to in [AssignedTo::Me, AssignedTo::Nobody, AssignedTo::Person(person)] {
            assert_eq!(AssignedTo::of_slug(&to.slug()), Some(to));
        }
        assert_eq!(AssignedTo::of_slug("everybody"), None);
        assert_eq!(DueIn::of_slug("late"), Some(DueIn::Late));
        assert_eq!(DueIn::of_slug(""), None);
    }
}
