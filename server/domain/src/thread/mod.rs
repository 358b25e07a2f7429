//! Comment threads: what was said about a shot, where on it, and who may see and change it. What is drawn on the picture
//! is in [`drawing`], names in a text are in [`mention`]. Roles and rights are in `people`.

pub mod drawing;
pub mod mention;

use serde::{Deserialize, Serialize};

pub use self::drawing::{BadDrawing, Drawing, Form, Ink, Shape};
use crate::{Action, CommentId, PersonId, Role, ThreadId, VersionId, may};

/// Most characters of one comment.
pub const MOST_CHARS: usize = 4_000;

/// Frames of a shot, from 0, both ends included. Shown with the project's first frame added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameRange {
    pub from: u32,
    pub to: u32,
}

/// There are no such frames in this shot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRange {
    #[error("frame {frame} is not in this shot: it has {frames} frames")]
    Outside { frame: u32, frames: u32 },
    #[error("a range ends at or after the frame where it begins")]
    Backwards,
}

impl FrameRange {
    pub fn one(frame: u32) -> Self {
        Self { from: frame, to: frame }
    }

    pub fn contains(self, frame: u32) -> bool {
        (self.from..=self.to).contains(&frame)
    }

    /// What of it lies in the `count` frames from `first` on, counted from there.
    pub fn within(self, first: u32, count: u32) -> Option<Self> {
        let from = self.from.saturating_sub(first);
        let to = self.to.checked_sub(first)?.min(count.checked_sub(1)?);
        (from <= to).then_some(Self { from, to })
    }

    pub fn check(self, frames: u32) -> Result<(), BadRange> {
        if self.to < self.from {
            return Err(BadRange::Backwards);
        }
        if self.to >= frames {
            return Err(BadRange::Outside { frame: self.to, frames });
        }
        Ok(())
    }
}

/// A version by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRef {
    pub version_id: VersionId,
    pub n: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    pub person_id: PersonId,
    pub name: String,
    /// The role now.
    pub role: Role,
    /// Has no account: gave this name through a link.
    #[serde(default)]
    pub is_guest: bool,
}

impl Author {
    /// What they are, beside their name: a name given through a link is nobody's proof.
    pub fn word(&self) -> &'static str {
        if self.is_guest { "guest" } else { self.role.word() }
    }
}

/// What a line of a thread records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommentKind {
    /// Somebody said something.
    Said,
    /// A version arrived; the worker posts it.
    Version,
    Resolved,
    Reopened,
}

impl CommentKind {
    pub const ALL: [Self; 4] = [Self::Said, Self::Version, Self::Resolved, Self::Reopened];

    pub fn word(self) -> &'static str {
        match self {
            Self::Said => "said",
            Self::Version => "version",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
        }
    }
}

impl std::str::FromStr for CommentKind {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|k| k.word() == word).ok_or(())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comment {
    pub comment_id: CommentId,
    /// 1, 2, … in its thread.
    pub n: u32,
    pub kind: CommentKind,
    /// `None`: the worker.
    pub author: Option<Author>,
    /// Plain text; empty where it was deleted.
    pub text: String,
    /// Lies over every frame of the thread.
    pub drawing: Option<Drawing>,
    pub mentions: Vec<PersonId>,
    /// The version that arrived.
    pub version: Option<VersionRef>,
    /// Microseconds UTC, as are the others.
    pub created_at: i64,
    pub edited_at: Option<i64>,
    /// Text and drawing are gone; the line stays, so that answers keep their place.
    pub deleted_at: Option<i64>,
}

impl Comment {
    pub fn is_of(&self, person: PersonId) -> bool {
        self.author.as_ref().is_some_and(|author| author.person_id == person)
    }

    /// Whether the person may edit or delete it: what one said oneself, while it is there.
    pub fn may_change(&self, person: PersonId) -> bool {
        self.kind == CommentKind::Said && self.deleted_at.is_none() && self.is_of(person)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    pub thread_id: ThreadId,
    /// The one thread of the shot as a whole, into which versions arrive. It is never resolved.
    pub is_of_shot: bool,
    /// The version that was looked at.
    pub version: Option<VersionRef>,
    /// `None`: about the whole version or shot.
    pub frames: Option<FrameRange>,
    /// It was about pictures of the plate that the shot, as it is trimmed now, does not have.
    pub is_outside: bool,
    pub client_visible: bool,
    /// Who resolved it and when; `None`: open.
    pub resolved: Option<(String, i64)>,
    pub started_by: Option<PersonId>,
    /// Oldest first.
    pub comments: Vec<Comment>,
    /// The number of the newest comment that the viewer has seen.
    pub seen: u32,
    pub changed_at: i64,
}

impl Thread {
    /// How many comments of others the viewer has not seen.
    pub fn unread(&self, viewer: PersonId) -> usize {
        let is_news = |c: &&Comment| {
            matches!(c.kind, CommentKind::Said | CommentKind::Version)
                && c.n > self.seen
                && c.deleted_at.is_none()
                && !c.is_of(viewer)
        };
        self.comments.iter().filter(is_news).count()
    }

    /// Whether the viewer began it, said something in it or is named in it.
    pub fn concerns(&self, viewer: PersonId) -> bool {
        self.started_by == Some(viewer)
            || self.comments.iter().any(|c| c.is_of(viewer) || c.mentions.contains(&viewer))
    }

    pub fn newest(&self) -> u32 {
        self.comments.last().map_or(0, |c| c.n)
    }
}

/// Whether somebody may resolve and re-open a thread: by role, or because they began it.
pub fn may_resolve(role: Role, person: PersonId, started_by: Option<PersonId>) -> bool {
    may(role, Action::ResolveThread) || (started_by == Some(person) && may(role, Action::Comment))
}

/// A comment's text as it is kept: without white space around it.
pub fn clean_text(text: &str) -> Result<String, BadText> {
    let text: String = text.trim().chars().filter(|&c| c == '\n' || c == '\t' || !c.is_control()).collect();
    match text.chars().count() {
        0 => Err(BadText::Empty),
        got if got > MOST_CHARS => Err(BadText::Long { got }),
        _ => Ok(text),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    #[error("Write what you want to say first: a comment has at least one character.")]
    Empty,
    #[error("A comment has at most 4,000 characters, this one has {got}: shorten it.")]
    Long { got: usize },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(n: u128) -> PersonId {
        PersonId(uuid::Uuid::from_u128(n))
    }

    fn comment(n: u32, kind: CommentKind, author: Option<u128>) -> Comment {
        Comment {
            comment_id: CommentId(uuid::Uuid::from_u128(n.into())),
            n,
            kind,
            author: author.map(|a| Author {
                person_id: person(a),
                name: "Somebody".into(),
                role: Role::Artist,
                is_guest: false,
            }),
            text: "words".into(),
            drawing: None,
            mentions: Vec::new(),
            version: None,
            created_at: 0,
            edited_at: None,
            deleted_at: None,
        }
    }

    #[test]
    fn news_are_what_others_said_since_one_looked() {
        let mut thread = Thread {
            thread_id: ThreadId(uuid::Uuid::nil()),
            is_of_shot: false,
            version: None,
            frames: None,
            is_outside: false,
            client_visible: false,
            resolved: None,
            started_by: Some(person(1)),
            comments: vec![
                comment(1, CommentKind::Said, Some(1)),
                comment(2, CommentKind::Said, Some(2)),
                comment(3, CommentKind::Resolved, Some(2)),
                comment(4, CommentKind::Version, None),
            ],
            seen: 0,
            changed_at: 0,
        };
        assert_eq!((thread.unread(person(1)), thread.unread(person(2)), thread.unread(person(3))), (2, 2, 3));
        thread.seen = 2;
        assert_eq!(thread.unread(person(1)), 1);
        thread.comments[3].deleted_at = Some(1);
        assert_eq!(thread.unread(person(1)), 0);
        assert!(thread.concerns(person(2)) && !thread.concerns(person(3)));
        thread.comments[0].mentions.push(person(3));
        assert!(thread.concerns(person(3)));
    }

    #[test]
    fn a_range_lies_in_the_shot_and_runs_forwards() {
        assert_eq!(FrameRange { from: 3, to: 4 }.check(5), Ok(()));
        assert_eq!(FrameRange::one(5).check(5), Err(BadRange::Outside { frame: 5, frames: 5 }));
        assert_eq!(FrameRange { from: 4, to: 3 }.check(5), Err(BadRange::Backwards));
        assert!(FrameRange { from: 0, to: u32::MAX }.check(5).is_err());
    }

    #[test]
    fn a_range_of_the_plate_is_what_of_it_the_trimmed_shot_has() {
        let range = FrameRange { from: 4, to: 8 };
        for (first, count, seen) in [
            (0, 20, Some((4, 8))),
            (6, 10, Some((0, 2))),
            (0, 6, Some((4, 5))),
            (9, 5, None),
            (0, 4, None),
            (0, 0, None),
        ] {
            let wanted = seen.map(|(from, to)| FrameRange { from, to });
            assert_eq!(range.within(first, count), wanted, "{first} {count}");
        }
    }

    #[test]
    fn who_began_a_thread_may_resolve_it_whatever_the_role() {
        for role in Role::ALL {
            assert!(may_resolve(role, person(1), Some(person(1))), "{role:?}");
            assert_eq!(may_resolve(role, person(1), Some(person(2))), may(role, Action::ResolveThread));
            assert_eq!(may_resolve(role, person(1), None), may(role, Action::ResolveThread));
        }
    }

    #[test]
    fn a_text_is_neither_empty_nor_endless() {
        assert_eq!(clean_text(" a\u{0}\nb "), Ok("a\nb".to_owned()));
        assert_eq!(clean_text(" \n\t"), Err(BadText::Empty));
        assert_eq!(clean_text(&"é".repeat(4_000)).map(|t| t.chars().count()), Ok(4_000));
        assert_eq!(clean_text(&"x".repeat(4_001)), Err(BadText::Long { got: 4_001 }));
    }
}
