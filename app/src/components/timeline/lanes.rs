//! What the lanes of the timeline show, as runs of frames with one look. No view here.

use std::collections::BTreeMap;

use domain::cause::CellSweep;
use domain::checks::LOW_CONFIDENCE;
use domain::cover::overlaps;
use domain::{Cause, Consequence, Grid, Target};

use crate::api::draft::DraftFrame;

/// Neighbouring frames that look the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch<T> {
    pub from: u32,
    /// Included.
    pub to: u32,
    pub look: T,
}

/// How sure the segmenter is, in steps that can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surety {
    /// Painted, imported or locked by a person.
    Human,
    High,
    Middle,
    Low,
}

impl Surety {
    pub fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::High => "high",
            Self::Middle => "middle",
            Self::Low => "low",
        }
    }

    fn of(frame: &DraftFrame) -> Self {
        match frame.confidence {
            _ if frame.locked => Self::Human,
            None => Self::Human,
            Some(c) if c < LOW_CONFIDENCE => Self::Low,
            Some(c) if c < 0.8 => Self::Middle,
            Some(_) => Self::High,
        }
    }
}

/// Joins ascending frames into stretches of the same look.
pub fn stretches<T: PartialEq>(frames: impl Iterator<Item = (u32, T)>) -> Vec<Stretch<T>> {
    let mut all: Vec<Stretch<T>> = Vec::new();
    for (frame, look) in frames {
        match all.last_mut() {
            Some(last) if last.to + 1 == frame && last.look == look => last.to = frame,
            _ => all.push(Stretch { from: frame, to: frame, look }),
        }
    }
    all
}

pub fn primary(frames: &[DraftFrame]) -> Vec<Stretch<Surety>> {
    stretches(frames.iter().filter(|f| f.primary_area > 0).map(|f| (f.frame, Surety::of(f))))
}

/// Frames on which the segmenter looked for the target and saw none.
pub fn unseen(frames: &[DraftFrame]) -> Vec<Stretch<()>> {
    let is_unseen = |f: &&DraftFrame| !f.locked && f.primary_area == 0 && f.confidence.is_some();
    stretches(frames.iter().filter(is_unseen).map(|f| (f.frame, ())))
}

/// Columns that [`curve`] has at most.
const MOST_COLUMNS: u32 = 600;

/// How sure the segmenter is, as the path of a drawing that is `total` wide and 1 high: the surer the higher. Where a column
/// stands for several frames, the least sure one counts; frames without its word leave a gap.
pub fn curve(frames: &[DraftFrame], total: u32) -> String {
    let wide = total.div_ceil(MOST_COLUMNS).max(1);
    let mut lowest: BTreeMap<u32, f32> = BTreeMap::new();
    for frame in frames.iter().filter(|f| !f.locked) {
        if let Some(confidence) = frame.confidence {
            let least = lowest.entry(frame.frame / wide).or_insert(1.0);
            *least = least.min(confidence.clamp(0.0, 1.0));
        }
    }
    let mut path = String::new();
    let mut drawn_to = None;
    for (column, confidence) in lowest {
        let (from, to) = (column * wide, (column * wide + wide).min(total));
        let down = 1.0 - confidence;
        path += &match drawn_to == Some(from) {
            true => format!("V{down:.2}H{to}"),
            false => format!("M{from} {down:.2}H{to}"),
        };
        drawn_to = Some(to);
    }
    path
}

/// What is known of a frame's primary mask; `number`: as people count it.
pub fn said(number: u32, frame: Option<&DraftFrame>) -> String {
    let Some(frame) = frame else { return format!("f{number}: no mask") };
    let percent = frame.confidence.map(|confidence| (confidence * 100.0).round());
    match percent {
        _ if frame.locked => format!("f{number}: locked by a person"),
        Some(percent) if frame.primary_area == 0 => format!("f{number}: no target seen, {percent} % sure"),
        Some(percent) => format!("f{number}: confidence {percent} %"),
        None if frame.primary_area == 0 => format!("f{number}: no mask"),
        None => format!("f{number}: made by a person"),
    }
}

pub fn locks(frames: &[DraftFrame]) -> Vec<Stretch<()>> {
    stretches(frames.iter().filter(|f| f.locked).map(|f| (f.frame, ())))
}

/// Frames with clicks or boxes, ascending, without doubles.
pub fn prompts(targets: &[Target]) -> Vec<u32> {
    let points = targets.iter().flat_map(|t| t.points.iter().map(|p| p.frame));
    let boxes = targets.iter().flat_map(|t| t.boxes.iter().map(|b| b.frame));
    let mut frames: Vec<u32> = points.chain(boxes).collect();
    frames.sort_unstable();
    frames.dedup();
    frames
}

/// Frames where something is painted as affected or has a marked cell.
pub fn affected(frames: &[DraftFrame], causes: &[Cause], total: u32) -> Vec<Stretch<()>> {
    let mut marked = vec![false; total as usize];
    for frame in frames.iter().filter(|f| f.affected_area > 0) {
        if let Some(mark) = marked.get_mut(frame.frame as usize) {
            *mark = true;
        }
    }
    for cause in causes.iter().filter(|c| c.consequence != Consequence::Keep) {
        for span in &cause.spans {
            let to = (span.to as usize + 1).min(marked.len());
            let from = (span.from as usize).min(to);
            marked[from..to].fill(true);
        }
    }
    stretches(marked.iter().enumerate().filter(|(_, on)| **on).map(|(f, _)| (f as u32, ())))
}

/// Frames (ascending) with pixels that are in both layers: painted so, or primary inside a marked cell.
pub fn overlap(frames: &[DraftFrame], causes: &[Cause], grid: Grid) -> Vec<Stretch<()>> {
    let marking = causes.iter().filter(|c| c.consequence != Consequence::Keep);
    let mut sweep = CellSweep::new(marking.flat_map(|cause| &cause.spans));
    let has_both = |f: &&DraftFrame| overlaps(f.overlap_area, &f.primary_cells, grid, sweep.at(f.frame));
    stretches(frames.iter().filter(has_both).map(|f| (f.frame, ())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(frame: u32, primary_area: i64, confidence: Option<f32>) -> DraftFrame {
        DraftFrame {
            frame,
            revision: 1,
            locked: false,
            painted: false,
            confidence,
            primary_area,
            overlap_area: 0,
            affected_area: 0,
            primary_cells: domain::CellSet::default(),
        }
    }

    #[test]
    fn frames_of_one_look_are_one_stretch() {
        let frames = [
            frame(0, 5, Some(0.9)),
            frame(1, 5, Some(0.95)),
            frame(2, 5, Some(0.2)),
            frame(3, 0, Some(0.9)),
            frame(4, 5, Some(0.9)),
        ];
        let found: Vec<_> = primary(&frames).into_iter().map(|s| (s.from, s.to, s.look)).collect();
        assert_eq!(found, [(0, 1, Surety::High), (2, 2, Surety::Low), (4, 4, Surety::High)]);
    }

    #[test]
    fn confidence_is_a_line_that_shows_its_least_and_what_is_not_seen_is_told() {
        let mut frames =
            vec![frame(0, 5, Some(1.0)), frame(1, 5, Some(0.25)), frame(3, 0, Some(0.9)), frame(4, 0, None)];
        assert_eq!(curve(&frames, 6), "M0 0.00H1V0.75H2M3 0.10H4");
        assert_eq!(unseen(&frames), [Stretch { from: 3, to: 3, look: () }]);
        let words: Vec<String> = frames.iter().map(|f| said(1001 + f.frame, Some(f))).collect();
        assert_eq!(
            words,
            [
                "f1001: confidence 100 %",
                "f1002: confidence 25 %",
                "f1004: no target seen, 90 % sure",
                "f1005: no mask"
            ]
        );
        assert_eq!(said(1003, None), "f1003: no mask");
        frames[2].locked = true;
        assert!(unseen(&frames).is_empty());
        assert_eq!(said(1004, Some(&frames[2])), "f1004: locked by a person");
        // 10,000 frames are 589 columns of 17; one doubtful frame shows in its column.
        let many: Vec<DraftFrame> =
            (0..10_000).map(|n| frame(n, 5, Some(if n == 5_000 { 0.5 } else { 1.0 }))).collect();
        let path = curve(&many, 10_000);
        assert_eq!(path.matches('H').count(), 589);
        assert!(path.contains("V0.50H5015V0.00"), "{path}");
    }

    #[test]
    fn painted_and_marked_frames_join_in_the_affected_lane() {
        let mut painted = frame(4, 0, None);
        painted.affected_area = 3;
        let mut cause = Cause {
            cause_id: domain::CauseId(
                "00000000-0000-0000-0000-000000000000".parse::<domain::CauseId>().expect("an id").0,
            ),
            name: "shadow".into(),
            reason: String::new(),
            consequence: Consequence::Vanish,
            path: vec![],
            spans: vec![],
        };
        cause.set_cell((0, 0), true, 1, 3);
        let found = affected(std::slice::from_ref(&painted), std::slice::from_ref(&cause), 6);
        assert_eq!(found, [Stretch { from: 1, to: 4, look: () }]);
        cause.consequence = Consequence::Keep;
        assert_eq!(affected(&[painted], &[cause], 6), [Stretch { from: 4, to: 4, look: () }]);
    }
    #[test]
    fn overlap_is_painted_or_primary_in_a_marked_cell() {
        let grid = Grid::of(160, 90);
        let mut levels = domain::Levels::background(160, 90);
        levels.set(0, 0, domain::Level::Primary);
        let cells = domain::Cover::of(&levels).primary_cells;
        let frames: Vec<DraftFrame> = (0..6)
            .map(|n| DraftFrame {
                primary_cells: cells.clone(),
                overlap_area: i64::from(n == 5),
                ..frame(n, 1, None)
            })
            .collect();
        let mut cause = Cause {
            cause_id: domain::CauseId(
                "00000000-0000-0000-0000-000000000000".parse::<domain::CauseId>().expect("an id").0,
            ),
            name: "shadow".into(),
            reason: String::new(),
            consequence: Consequence::Vanish,
            path: vec![],
            spans: vec![],
        };
        cause.set_cell((7, 7), true, 0, 5);
        cause.set_cell((0, 0), true, 1, 2);
        let found = overlap(&frames, std::slice::from_ref(&cause), grid);
        assert_eq!(found, [Stretch { from: 1, to: 2, look: () }, Stretch { from: 5, to: 5, look: () }]);
        cause.consequence = Consequence::Keep;
        assert_eq!(overlap(&frames, &[cause], grid), [Stretch { from: 5, to: 5, look: () }]);
    }
}
