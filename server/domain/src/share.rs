//! Links for people without an account: what a link allows and how it stands; who can reach it is in `reach`. Who a guest is and
//! what a link shows are rows; the rights of people with an account are in `people`.

use serde::{Deserialize, Serialize};

/// Most versions behind one link.
pub const MOST_VERSIONS: usize = 200;

/// Characters of a link's password. Guessing is slowed down, so it may be shorter than that of an account.
pub const SHORTEST_PASSWORD: usize = 6;

/// Most days that a link stays open when it has an end.
pub const MOST_DAYS: u32 = 365;

/// What a link may allow beyond watching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Start threads and answer in those for clients, with drawings.
    Comment,
    /// Approve a version or ask for changes, on record.
    Approve,
    /// Take the full-size result away.
    Download,
}

/// What a link allows; each on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grants {
    pub comment: bool,
    pub approve: bool,
    pub download: bool,
}

impl Grants {
    pub fn has(self, grant: Grant) -> bool {
        match grant {
            Grant::Comment => self.comment,
            Grant::Approve => self.approve,
            Grant::Download => self.download,
        }
    }

    /// `watch, comment and approve`
    pub fn words(self) -> String {
        let all = [(true, "watch"), (self.comment, "comment"), (self.approve, "approve")];
        let all = all.into_iter().chain([(self.download, "download")]);
        let words: Vec<&str> = all.filter_map(|(on, word)| on.then_some(word)).collect();
        match words.split_last() {
            Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
            _ => "watch".to_owned(),
        }
    }
}

/// Whether a link can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    Open,
    /// Its time is over.
    Expired,
    /// Somebody took it back; that is for good.
    Revoked,
    /// Its project is archived: open again when the project is woken.
    Archived,
    /// Its project, or everything that it showed, is in the bin.
    Gone,
}

impl LinkState {
    /// All in microseconds UTC. A link is over at the moment that was said, not after it; a revoked link stays revoked
    /// when its time is over too.
    /// What its project says is asked by [`Self::in_project`].
    pub fn at(now: i64, expires_at: Option<i64>, revoked_at: Option<i64>) -> Self {
        match (revoked_at, expires_at) {
            (Some(_), _) => Self::Revoked,
            (None, Some(end)) if end <= now => Self::Expired,
            _ => Self::Open,
        }
    }

    /// A link that is open by itself is closed where its project is.
    pub fn in_project(self, is_archived: bool, is_gone: bool) -> Self {
        match self {
            Self::Open if is_gone => Self::Gone,
            Self::Open if is_archived => Self::Archived,
            state => state,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Archived => "project archived",
            Self::Gone => "nothing to show",
        }
    }

    /// What whoever opens the link reads; nothing while it is open. It says nothing about what was behind it.
    pub fn closed(self) -> Option<&'static str> {
        match self {
            Self::Open => None,
            Self::Expired => Some("This link has expired. Ask whoever sent it to you for a new one."),
            Self::Revoked => Some("This link was withdrawn. Ask whoever sent it to you for a new one."),
            Self::Archived => Some(
                "This project is finished and archived, so its links are closed. Ask whoever sent it to you if you need it.",
            ),
            Self::Gone => Some("What this link showed is not here any more. Ask whoever sent it to you."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_what_it_allows() {
        let grants = |comment, approve, download| Grants { comment, approve, download };
        for (grants, words) in [
            (grants(false, false, false), "watch"),
            (grants(true, false, false), "watch and comment"),
            (grants(true, true, false), "watch, comment and approve"),
            (grants(false, false, true), "watch and download"),
            (grants(true, true, true), "watch, comment, approve and download"),
        ] {
            assert_eq!(grants.words(), words);
        }
        assert!(!Grants::default().has(Grant::Comment) && !Grants::default().has(Grant::Download));
        assert!(grants(false, true, false).has(Grant::Approve));
    }

    #[test]
    fn a_link_is_over_when_its_time_is_and_revoked_for_good() {
        for (now, expires_at, revoked_at, state) in [
            (5, None, None, LinkState::Open),
            (5, Some(6), None, LinkState::Open),
            (5, Some(5), None, LinkState::Expired),
            (5, Some(6), Some(1), LinkState::Revoked),
            (9, Some(6), Some(7), LinkState::Revoked),
        ] {
            assert_eq!(
                LinkState::at(now, expires_at, revoked_at),
                state,
                "{now} {expires_at:?} {revoked_at:?}"
            );
            assert_eq!(state.closed().is_none(), state == LinkState::Open);
        }
        let open = LinkState::Open;
        assert_eq!(open.in_project(false, false), open);
        assert_eq!(open.in_project(true, false), LinkState::Archived);
        assert_eq!(open.in_project(true, true), LinkState::Gone);
        assert_eq!(LinkState::Revoked.in_project(true, true), LinkState::Revoked);
        assert!(LinkState::Archived.closed().is_some() && LinkState::Gone.closed().is_some());
    }
}
