//! Shadows and reflections that are likely outside the affected region.

use super::{Code, Finding, Looked, Severity};
use crate::cause::CellSweep;
use crate::proposal::Category;
use crate::{Cause, CellSet, Consequence, Grid, Proposal, ProposalId};

/// Parts of a hundred of a proposal's cells that have to be marked.
const MOST_OPEN: usize = 50;

pub(super) fn outside(looked: &Looked) -> Vec<Finding> {
    let mut all = Vec::new();
    let visual = |(_, proposal): &&(ProposalId, Proposal)| proposal.effect.category() == Category::Visual;
    for (id, proposal) in looked.proposals.into_iter().flatten().filter(visual) {
        all.extend(of_proposal(looked, *id, proposal));
    }
    all.extend(looked.causes.iter().filter_map(|cause| ends_early(looked, cause)));
    all.extend(nothing(looked));
    all
}

/// A shadow or reflection that the reasoner sees and nobody marked.
fn of_proposal(looked: &Looked, id: ProposalId, proposal: &Proposal) -> Option<Finding> {
    let grid = Grid::of(looked.size.0, looked.size.1);
    let marking = looked.causes.iter().filter(|c| c.consequence != Consequence::Keep);
    let mut marked = CellSweep::new(marking.flat_map(|cause| &cause.spans));
    let mut seen = CellSweep::new(&proposal.spans);
    let mut marks = looked.marks.iter().peekable();
    let none = CellSet::default();
    let mut frames = Vec::new();
    for frame in proposal.from..=proposal.to.min(looked.frames.saturating_sub(1)) {
        while marks.next_if(|mark| mark.frame < frame).is_some() {}
        let cover = marks.peek().filter(|mark| mark.frame == frame).map(|mark| mark.cover);
        let painted = cover.and_then(|cover| cover.shape.as_ref()).map_or(&none, |s| &s.affected_cells);
        let removed = cover.map_or(&none, |cover| &cover.primary_cells);
        let marked: Vec<(u32, u32)> = marked.at(frame).collect();
        let (mut all, mut open) = (0, 0);
        for cell in seen.at(frame) {
            all += 1;
            let is_marked = marked.contains(&cell) || painted.has(grid, cell) || removed.has(grid, cell);
            open += usize::from(!is_marked);
        }
        if all > 0 && 100 * open > MOST_OPEN * all {
            frames.push(frame);
        }
    }
    if frames.is_empty() {
        return None;
    }
    let name = proposal.name(|frame| frame + looked.first_frame);
    let text = format!("{name} is likely, and lies outside the affected region");
    let found = Finding::new(Code::Outside, Severity::Warns, text).on(frames);
    let found = Finding { subject: id.to_string(), ..found };
    Some(found.advise("accept the proposal, mark it, or reject it if it stays in the picture"))
}

/// A shadow or reflection that is marked, but not as long as the target is there.
fn ends_early(looked: &Looked, cause: &Cause) -> Option<Finding> {
    if cause.consequence != Consequence::Vanish {
        return None;
    }
    let first = cause.spans.iter().map(|span| span.from).min()?;
    let mut sweep = CellSweep::new(&cause.spans);
    let mut frames = Vec::new();
    for mark in looked.marks.iter().filter(|mark| mark.frame >= first && mark.frame < looked.frames) {
        let is_open = mark.cover.primary_area > 0 && sweep.at(mark.frame).next().is_none();
        let is_painted = mark.cover.affected_area > 0;
        if is_open && !is_painted {
            frames.push(mark.frame);
        }
    }
    if frames.is_empty() {
        return None;
    }
    let text = format!("“{}” is not marked on every frame on which the target still is", cause.name);
    let found = Finding::new(Code::Outside, Severity::Notes, text).on(frames);
    let found = Finding { subject: cause.cause_id.to_string(), ..found };
    Some(found.advise("mark its cells there, if it is still to be seen"))
}

/// Nothing is marked as affected, and nobody looked.
fn nothing(looked: &Looked) -> Option<Finding> {
    let has_target = looked.marks.iter().any(|mark| mark.cover.primary_area > 0);
    let is_painted = looked.marks.iter().any(|mark| mark.cover.affected_area > 0);
    let has_cells = looked.causes.iter().any(|cause| !cause.spans.is_empty());
    if is_painted || has_cells || looked.proposals.is_some() || !has_target {
        return None;
    }
    let text = "Nothing is marked as affected, so a shadow or reflection of the target would stay";
    let found = Finding::new(Code::Outside, Severity::Notes, text);
    Some(found.advise("look for what else is affected, or add a cause and mark its cells"))
}
