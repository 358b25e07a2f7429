//! Targets: what is removed, as an artist points at it, and the words around the removal.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::{FoundBy, TargetId};

/// A click: on the target when `positive`, beside it when not. Plate pixels, frame from 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PointPrompt {
    pub frame: u32,
    pub x: f32,
    pub y: f32,
    pub positive: bool,
}

/// A box around the target, in plate pixels, `x0 < x1` and `y0 < y1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoxPrompt {
    pub frame: u32,
    pub x0: f32,
    pub y0: f32,
    pub x1: f32,
    pub y1: f32,
}

/// One thing to remove.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub target_id: TargetId,
    pub name: String,
    /// `#rrggbb`
    pub colour: String,
    pub points: Vec<PointPrompt>,
    pub boxes: Vec<BoxPrompt>,
    /// The words that it was found by; `None`: somebody pointed at it. Said once, when the target is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<FoundBy>,
}

/// Colours handed to new targets in turn.
pub const TARGET_COLOURS: [&str; 6] = ["#FF6B1A", "#FFD166", "#EF6F9F", "#9BD14B", "#6FA8FF", "#C9A0FF"];

/// A prompt lies outside the plate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadPrompt {
    #[error("frame {frame} is not in this shot: it has {frames} frames")]
    Frame { frame: u32, frames: u32 },
    #[error("the point {x:.0}, {y:.0} is outside the {width}×{height} picture")]
    Outside { x: f32, y: f32, width: u32, height: u32 },
    #[error("the box is empty: drag it over the target")]
    EmptyBox,
    #[error(
        "at {x:.0}, {y:.0} it is marked both as going and as staying on the same frame: take one of the two points back"
    )]
    Contradiction { frame: u32, x: f32, y: f32 },
    #[error("a target needs a name of 1 to 80 characters")]
    Name,
    #[error("“{0}” is not a colour: write #rrggbb")]
    Colour(String),
    #[error("at most {limit} points and boxes per target")]
    TooMany { limit: usize },
}

impl Target {
    /// Most points and boxes together that one target may have.
    pub const MOST_PROMPTS: usize = 500;

    /// Checks every prompt against a plate of `frames` frames and `width`×`height` pixels.
    pub fn check(&self, frames: u32, width: u32, height: u32) -> Result<(), BadPrompt> {
        let Self { target_id: _, name, colour, points, boxes, found: _ } = self;
        if name.trim().is_empty() || name.chars().count() > 80 {
            return Err(BadPrompt::Name);
        }
        let is_colour = colour.len() == 7
            && colour.starts_with('#')
            && colour[1..].bytes().all(|b| b.is_ascii_hexdigit());
        if !is_colour {
            return Err(BadPrompt::Colour(colour.clone()));
        }
        if points.len() + boxes.len() > Self::MOST_PROMPTS {
            return Err(BadPrompt::TooMany { limit: Self::MOST_PROMPTS });
        }
        let frame_ok = |frame| if frame < frames { Ok(()) } else { Err(BadPrompt::Frame { frame, frames }) };
        let inside = |x: f32, y: f32| {
            let ok = (0.0..=width as f32).contains(&x) && (0.0..=height as f32).contains(&y);
            if ok { Ok(()) } else { Err(BadPrompt::Outside { x, y, width, height }) }
        };
        for p in points {
            frame_ok(p.frame)?;
            inside(p.x, p.y)?;
        }
        self.check_sides()?;
        for b in boxes {
            frame_ok(b.frame)?;
            inside(b.x0, b.y0)?;
            inside(b.x1, b.y1)?;
            if b.x1 - b.x0 < 1.0 || b.y1 - b.y0 < 1.0 {
                return Err(BadPrompt::EmptyBox);
            }
        }
        Ok(())
    }

    /// Refuses two points in one pixel of a frame that say the opposite of each other.
    fn check_sides(&self) -> Result<(), BadPrompt> {
        let mut sides = HashMap::new();
        for &PointPrompt { frame, x, y, positive } in &self.points {
            let pixel = (frame, x.floor() as u32, y.floor() as u32);
            if *sides.entry(pixel).or_insert(positive) != positive {
                return Err(BadPrompt::Contradiction { frame, x, y });
            }
        }
        Ok(())
    }

    /// Whether anything is marked on `frame`.
    pub fn is_marked_on(&self, frame: u32) -> bool {
        self.points.iter().any(|p| p.frame == frame) || self.boxes.iter().any(|b| b.frame == frame)
    }

    /// Whether anything points at it yet.
    pub fn is_marked(&self) -> bool {
        self.points.iter().any(|p| p.positive) || !self.boxes.is_empty()
    }
}

/// Frames on which a target is marked otherwise than it was; `None`: it is not there.
pub fn marked_anew(was: Option<&Target>, is: Option<&Target>) -> BTreeSet<u32> {
    let points = |target: Option<&Target>| target.map_or(Vec::new(), |target| target.points.clone());
    let boxes = |target: Option<&Target>| target.map_or(Vec::new(), |target| target.boxes.clone());
    let (points, boxes) = ([points(was), points(is)], [boxes(was), boxes(is)]);
    let mut frames = BTreeSet::new();
    for (one, other) in [(0, 1), (1, 0)] {
        let [of, against] = [&points[one], &points[other]];
        frames.extend(of.iter().filter(|point| !against.contains(point)).map(|point| point.frame));
        let [of, against] = [&boxes[one], &boxes[other]];
        frames.extend(of.iter().filter(|b| !against.contains(b)).map(|b| b.frame));
    }
    frames
}

/// The words of the removal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Words {
    /// What goes: “remove the kettlebell”.
    pub removal: String,
    /// What the scene shows afterwards (void-spec §1.1, key `bg`).
    pub after: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_outside_the_shot_and_against_each_other_are_refused() {
        let said = |points: Vec<PointPrompt>, boxes: Vec<BoxPrompt>| {
            let target = Target {
                found: None,
                target_id: TargetId(uuid::Uuid::from_u128(1)),
                name: "Vase".into(),
                colour: "#FF6B1A".into(),
                points,
                boxes,
            };
            target.check(10, 64, 48).err().map(|bad| bad.to_string()).unwrap_or_default()
        };
        let point = |frame, x, y, positive| PointPrompt { frame, x, y, positive };
        assert_eq!(said(vec![point(9, 64.0, 0.0, true), point(0, 3.0, 3.0, false)], vec![]), "");
        assert!(said(vec![point(10, 1.0, 1.0, true)], vec![]).contains("frame 10 is not in this shot"));
        for (x, y) in [(-1.0, 4.0), (65.0, 4.0), (4.0, 49.0), (f32::NAN, 4.0), (4.0, f32::INFINITY)] {
            assert!(
                said(vec![point(0, x, y, true)], vec![]).contains("outside the 64×48 picture"),
                "{x}, {y}"
            );
        }
        let both = vec![point(3, 5.2, 6.9, true), point(3, 5.8, 6.1, false)];
        assert!(said(both, vec![]).contains("both as going and as staying"));
        let apart = vec![point(3, 5.2, 6.9, true), point(4, 5.2, 6.9, false), point(3, 6.2, 6.9, false)];
        assert_eq!(said(apart, vec![]), "");
        let flat = BoxPrompt { frame: 0, x0: 4.0, y0: 4.0, x1: 4.5, y1: 9.0 };
        assert!(said(vec![], vec![flat]).contains("the box is empty"));
    }

    #[test]
    fn frames_are_marked_anew_where_a_mark_came_went_or_moved() {
        let point = |frame, x| PointPrompt { frame, x, y: 4.0, positive: true };
        let target = |points: Vec<PointPrompt>, boxes: Vec<BoxPrompt>| Target {
            target_id: TargetId(uuid::Uuid::from_u128(1)),
            name: "Vase".into(),
            colour: "#FF6B1A".into(),
            points,
            boxes,
            found: None,
        };
        let around = BoxPrompt { frame: 9, x0: 1.0, y0: 1.0, x1: 5.0, y1: 5.0 };
        let was = target(vec![point(2, 3.0), point(5, 3.0)], vec![around]);
        let frames = |is: Option<&Target>| marked_anew(Some(&was), is).into_iter().collect::<Vec<_>>();
        assert!(frames(Some(&was)).is_empty());
        let renamed = Target { name: "Jug".into(), ..was.clone() };
        assert!(frames(Some(&renamed)).is_empty());
        let moved = target(vec![point(2, 3.0), point(5, 8.0), point(7, 1.0)], Vec::new());
        assert_eq!(frames(Some(&moved)), [5, 7, 9]);
        assert_eq!(frames(None), [2, 5, 9]);
        assert_eq!(marked_anew(None, Some(&was)).len(), 3);
    }
}
