//! What words found, put into a draft: masks of kept things into the frames on which they were found, cells of a cause over all
//! frames. Rows are [`db::finding`]'s.

use std::collections::BTreeMap;

use domain::find::affected::{Cells, LeftOut, Meant, spans};
use domain::find::{Finding, SeenBy};
use domain::project::Shot;
use domain::proposal::ProposalState;
use domain::{CellSpan, Grid, Hash, Level, Levels, ShotId};

use crate::context::Cx;
use crate::error::ApiError;

/// Puts the masks of things into their frames, as an edit of the viewer's: the pixels are theirs from then on, and lead what grows.
/// What somebody locked stays. How many frames, and how many pixels were locked as something else.
pub(crate) async fn paint(
    cx: &Cx,
    shot_id: ShotId,
    finding: &Finding,
    masks: &[Hash],
    things: &[u32],
    threshold: f32,
) -> Result<(u32, u64), ApiError> {
    let mut of_frame: BTreeMap<u32, Vec<Hash>> = BTreeMap::new();
    for (sight, mask) in finding.sights.iter().zip(masks) {
        if sight.by == SeenBy::Words && sight.score > threshold && things.contains(&sight.thing) {
            of_frame.entry(sight.frame).or_default().push(*mask);
        }
    }
    let (mut frames, mut locked) = (0, 0);
    for (frame, hashes) in of_frame {
        let store = cx.state.store.clone();
        let union = tokio::task::spawn_blocking(move || union(&store, &hashes)).await??;
        let before = db::draft::frame(cx.db().pool(), shot_id, frame).await?;
        if before.locked {
            locked += union.iter().filter(|pixel| **pixel != 0).count() as u64;
            continue;
        }
        locked += locked_as_other(cx, before.locks, before.levels, &union).await?;
        let painted = std::sync::Arc::new(union);
        crate::masks::change(cx, shot_id, frame, move |canvas| {
            let lock = canvas.locks.primary();
            canvas.levels = canvas.levels.with_primary(&added(&canvas.levels, &painted), &lock)?;
            for (at, _) in painted.iter().enumerate().filter(|(_, pixel)| **pixel != 0) {
                let (x, y) = (at as u32 % canvas.locks.width(), at as u32 / canvas.locks.width());
                canvas.locks.set(x, y, Level::Primary);
            }
            Ok(())
        })
        .await?;
        frames += 1;
    }
    Ok((frames, locked))
}

/// The primary layer with what was found: 255 inside.
fn added(levels: &Levels, found: &[u8]) -> Vec<u8> {
    levels.primary().iter().zip(found).map(|(old, new)| *old.max(new)).collect()
}

/// 255 where any of these masks is inside.
fn union(store: &storage::Store, hashes: &[Hash]) -> Result<Vec<u8>, ApiError> {
    let mut all: Vec<u8> = Vec::new();
    for hash in hashes {
        let mask = Levels::from_png(&store.get_blocking(*hash)?)?.primary();
        if all.is_empty() {
            all = mask;
        } else {
            all.iter_mut().zip(mask).for_each(|(pixel, more)| *pixel = (*pixel).max(more));
        }
    }
    Ok(all)
}

/// Pixels of what was found that somebody locked as background.
async fn locked_as_other(
    cx: &Cx,
    locks: Option<Hash>,
    levels: Option<Hash>,
    found: &[u8],
) -> Result<u64, ApiError> {
    let Some(locks) = locks else { return Ok(0) };
    let (store, found) = (cx.state.store.clone(), found.to_vec());
    let counted = tokio::task::spawn_blocking(move || -> Result<u64, ApiError> {
        let locks = Levels::from_png(&store.get_blocking(locks)?)?.primary();
        let primary = match levels {
            Some(levels) => Levels::from_png(&store.get_blocking(levels)?)?.primary(),
            None => vec![0; locks.len()],
        };
        let all = found.iter().zip(&locks).zip(&primary);
        Ok(all.filter(|((found, lock), is)| **found != 0 && **lock != 0 && **is == 0).count() as u64)
    });
    counted.await?
}

/// The cells of things over all frames, and how many sights were left out: far from the target's way, and unchanged by what the
/// reasoner saw.
pub(crate) async fn cells(
    cx: &Cx,
    shot: &Shot,
    finding: &Finding,
    things: &[u32],
    threshold: f32,
    near: bool,
) -> Result<(Vec<CellSpan>, u32, u32), ApiError> {
    let facts = crate::masks::facts_of(shot)?;
    let grid = Grid::of(facts.width(), facts.height());
    let meant = if near { Some(meant(cx, shot, grid).await?) } else { None };
    let (mut of_frame, mut far, mut unchanged): (BTreeMap<u32, Cells>, u32, u32) = Default::default();
    let mut chosen = 0;
    for sight in &finding.sights {
        let counts = sight.by == SeenBy::Words && sight.score > threshold && things.contains(&sight.thing);
        if !counts {
            continue;
        }
        chosen += 1;
        let here: Cells = sight.shape.cells(grid).into_iter().collect();
        let kept = meant.as_ref().map_or(Ok(here.clone()), |meant| meant.of(sight.frame, &here));
        match kept {
            Ok(cells) => of_frame.entry(sight.frame).or_default().extend(cells),
            Err(LeftOut::Far) => far += 1,
            Err(LeftOut::Unchanged) => unchanged += 1,
        }
    }
    if chosen == 0 {
        let why = finding.nothing(threshold);
        return Err(ApiError::Invalid(why.unwrap_or_else(|| {
            "Nothing is kept: choose at least one of the things that were found.".to_owned()
        })));
    }
    // What is left out must not leave an empty mask behind without a word.
    if of_frame.is_empty() {
        return Err(ApiError::Invalid(format!(
            "None of the {chosen} that you kept is marked: {far} lie far from the target's way, and at {unchanged} nothing was seen to \
             change. If they change all the same, untick “Only near the target” and mark them again."
        )));
    }
    let keys: Vec<u32> = finding.about.looked.iter().map(|looked| looked.frame).collect();
    let at = |frame: u32| of_frame.get(&frame).cloned().unwrap_or_default();
    Ok((spans(&keys, facts.frames, at), far, unchanged))
}

/// Where the target goes, and what the reasoner saw change that nobody rejected.
async fn meant(cx: &Cx, shot: &Shot, grid: Grid) -> Result<Meant, ApiError> {
    let frames = db::draft::frames(cx.db().pool(), shot.shot_id).await?;
    let all = (0..grid.rows).flat_map(|row| (0..grid.cols).map(move |col| (row, col)));
    let way: Cells =
        all.filter(|cell| frames.iter().any(|frame| frame.cover.primary_cells.has(grid, *cell))).collect();
    if way.is_empty() {
        return Err(ApiError::Invalid(
            "The target is on no frame yet, so nothing can be near it: grow its mask on the targets step first, or untick “Only near \
             the target”."
                .into(),
        ));
    }
    let reasoning = db::proposals::of_shot(cx.db(), shot.shot_id).await?;
    let judged = reasoning.map(|reasoning| reasoning.all).unwrap_or_default();
    let changes = judged
        .into_iter()
        .filter(|judged| judged.state != ProposalState::Rejected)
        .map(|judged| judged.proposal)
        .collect();
    Ok(Meant { way, changes })
}
