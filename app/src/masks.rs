//! Pixels of the draft on the server: painting a frame for good, combining all frames into a version. No rows of its own.

use std::collections::HashMap;

use db::draft::Frame;
use db::edits::Change;
use db::quadmasks::{Combined, Manifest, ManifestFrame};
use domain::cause::{CellSweep, mark_cells};
use domain::run::Need;
use domain::{Cause, Consequence, Cover, Hash, Level, Levels, PlateFacts, ShotId};
use provenance::QuadmaskSubject;
use storage::Store;

use crate::api::draft::DraftFrame;
use crate::api::engines::Engines;
use crate::context::Cx;
use crate::error::ApiError;

/// A draft frame in memory.
pub(crate) struct Canvas {
    pub levels: Levels,
    /// Primary where a person painted.
    pub locks: Levels,
    pub locked: bool,
}

/// As the browser knows it. Without a picture the revision is 0: there is nothing to fetch.
pub(crate) fn view(frame: &Frame) -> DraftFrame {
    DraftFrame {
        frame: frame.frame,
        revision: if frame.levels.is_some() { frame.revision } else { 0 },
        locked: frame.locked,
        painted: frame.locks.is_some(),
        confidence: frame.confidence.map(|c| c as f32),
        primary_area: frame.cover.primary_area,
        overlap_area: frame.cover.overlap_area,
        affected_area: frame.cover.affected_area,
        primary_cells: frame.cover.primary_cells.clone(),
    }
}

pub(crate) fn facts_of(shot: &domain::project::Shot) -> Result<&PlateFacts, ApiError> {
    shot.facts.as_ref().ok_or_else(|| {
        ApiError::Conflict("The plate is not read yet: wait until its film strip is there.".into())
    })
}

/// Changes one frame as the viewer's edit. `paint` runs again, on the newer picture, when somebody changed the frame
/// meanwhile: it must depend on nothing but what it is given.
pub(crate) async fn change(
    cx: &Cx,
    shot_id: ShotId,
    frame: u32,
    paint: impl Fn(&mut Canvas) -> Result<(), ApiError> + Clone + Send + 'static,
) -> Result<DraftFrame, ApiError> {
    let shot = db::shots::get(cx.db().pool(), shot_id).await?;
    cx.may_edit_draft(&shot).await?;
    let facts = facts_of(&shot)?;
    let (width, height) = (facts.width(), facts.height());
    if frame >= facts.frames {
        return Err(ApiError::Invalid(format!(
            "Frame {frame} is not in this shot: it has {} frames.",
            facts.frames
        )));
    }
    for _ in 0..8 {
        let seen = db::draft::frame(cx.db().pool(), shot_id, frame).await?;
        let (store, old, paint) = (cx.state.store.clone(), seen.clone(), paint.clone());
        let (change, blobs) = tokio::task::spawn_blocking(move || {
            let mut canvas = Canvas {
                levels: load(&store, old.levels, width, height)?,
                locks: load(&store, old.locks, width, height)?,
                locked: old.locked,
            };
            paint(&mut canvas)?;
            keep(&store, &canvas)
        })
        .await??;
        let person_id = cx.viewer.person_id;
        let written = cx
            .db()
            .write(move |tx| {
                let (seen, change, blobs) = (seen.clone(), change.clone(), blobs.clone());
                Box::pin(async move {
                    for (hash, size_bytes) in blobs {
                        db::blobs::record(tx, hash, size_bytes).await?;
                    }
                    db::edits::apply(tx, shot_id, person_id, &seen, &change).await
                })
            })
            .await?;
        if let Some(frame) = written {
            return Ok(view(&frame));
        }
    }
    Err(ApiError::Conflict(
        "This frame is being changed all the time by others. Wait a moment and try again.".into(),
    ))
}

fn load(store: &Store, hash: Option<Hash>, width: u32, height: u32) -> Result<Levels, ApiError> {
    let Some(hash) = hash else { return Ok(Levels::background(width, height)) };
    let levels = Levels::from_png(&store.get_blocking(hash)?)?;
    if (levels.width(), levels.height()) != (width, height) {
        let (got_width, got_height) = (levels.width(), levels.height());
        return Err(domain::mask::BadMask::OtherSize { got_width, got_height, width, height }.into());
    }
    Ok(levels)
}

/// Puts a picture into the store; nothing for plain background.
fn put(store: &Store, levels: &Levels) -> Result<Option<(Hash, i64)>, ApiError> {
    let [.., background] = levels.areas();
    if background == u64::from(levels.width()) * u64::from(levels.height()) {
        return Ok(None);
    }
    let png = levels.to_png();
    Ok(Some((store.put_blocking(&png)?, i64::try_from(png.len()).unwrap_or(i64::MAX))))
}

type Blobs = Vec<(Hash, i64)>;

fn keep(store: &Store, canvas: &Canvas) -> Result<(Change, Blobs), ApiError> {
    let (levels, locks) = (put(store, &canvas.levels)?, put(store, &canvas.locks)?);
    let change = Change {
        levels: levels.map(|(hash, _)| hash),
        locks: locks.map(|(hash, _)| hash),
        locked: canvas.locked,
        cover: Cover::of(&canvas.levels),
    };
    Ok((change, levels.into_iter().chain(locks).collect()))
}

/// A frame's levels; `None`: background only.
pub(crate) async fn picture(cx: &Cx, shot_id: ShotId, frame: u32) -> Result<Option<Levels>, ApiError> {
    let Some(hash) = db::draft::frame(cx.db().pool(), shot_id, frame).await?.levels else { return Ok(None) };
    let store = cx.state.store.clone();
    let levels: Result<Levels, ApiError> =
        tokio::task::spawn_blocking(move || Ok(Levels::from_png(&store.get_blocking(hash)?)?)).await?;
    levels.map(Some)
}

/// Locks every pixel.
pub(crate) fn lock_all(locks: &mut Levels) {
    for y in 0..locks.height() {
        locks.map_span(y, 0, locks.width(), |_| Level::Primary);
    }
}

/// Puts the whole draft and all cells together, one frame in memory at a time. The frame-0 rule of VOID is not applied
/// here: it belongs to how VOID reads a mask.
pub(crate) async fn combine(cx: &Cx, shot: &domain::project::Shot) -> Result<(Combined, Blobs), ApiError> {
    let facts = facts_of(shot)?;
    let size = (facts.width(), facts.height(), facts.frames);
    let pool = cx.db().pool();
    // The revision first: whatever changes while we read makes it stale.
    let draft_revision = db::draft::state(pool, shot.shot_id).await?.revision;
    let frames = db::draft::frames(pool, shot.shot_id).await?;
    let causes = db::brief::causes(pool, shot.shot_id).await?;
    let words = db::brief::words(pool, shot.shot_id).await?;
    check(&frames)?;
    check_paths(cx, &causes).await?;
    let before = match db::quadmasks::newest(pool, shot.shot_id).await? {
        Some(row) => Some(db::quadmasks::manifest(pool, row.quadmask_id).await?),
        None => None,
    };
    let (store, plate, trim) = (cx.state.store.clone(), shot.plate, shot.trim);
    tokio::task::spawn_blocking(move || {
        let (manifest, blobs) = put_together(&store, size, &frames, &causes, before.as_ref())?;
        let levels: Vec<Hash> = manifest.frames.iter().map(|frame| frame.levels).collect();
        let subject = QuadmaskSubject { plate, trim, frames: &levels, causes: &causes, words: &words };
        let (subject_json, subject) = subject.seal();
        Ok((Combined { manifest, subject_json, subject, draft_revision }, blobs))
    })
    .await?
}

fn check(frames: &[Frame]) -> Result<(), ApiError> {
    if frames.iter().all(|frame| frame.cover.primary_area == 0) {
        return Err(ApiError::Invalid(
            "No frame marks anything to remove: click the target and grow its mask, or paint it, then send to review.".into(),
        ));
    }
    Ok(())
}

/// What moves on its own needs a drawn path, unless a worker has VOID, which invents its motion.
async fn check_paths(cx: &Cx, causes: &[Cause]) -> Result<(), ApiError> {
    let Some(cause) = causes.iter().find(|cause| cause.lacks_path()) else { return Ok(()) };
    match Engines::now(cx).await?.weights(Need::VoidPass1) {
        Ok(_) => Ok(()),
        Err(why) => Err(ApiError::Invalid(format!(
            "“{}” moves on its own but has no path, and the plate engine cannot guess one: draw its path, or choose stay. \
             VOID needs no path, but cannot run here. {why}",
            cause.name
        ))),
    }
}

/// `[row, col]`, sorted.
type Cells = Vec<(u32, u32)>;

fn put_together(
    store: &Store,
    (width, height, count): (u32, u32, u32),
    frames: &[Frame],
    causes: &[Cause],
    before: Option<&Manifest>,
) -> Result<(Manifest, Blobs), ApiError> {
    let background = Levels::background(width, height).hash();
    // A version's own pictures are kept as they are; their level hashes need not be counted again.
    let mut known: HashMap<Hash, Hash> = HashMap::new();
    for frame in before.into_iter().flat_map(|manifest| &manifest.frames) {
        known.extend(frame.png.map(|png| (png, frame.levels)));
    }
    // Neighbours often have the same picture and the same cells.
    let mut made: HashMap<(Option<Hash>, Cells), ManifestFrame> = HashMap::new();
    let levels_of: HashMap<u32, Option<Hash>> =
        frames.iter().map(|frame| (frame.frame, frame.levels)).collect();
    let mut blobs = Vec::new();
    let mut entries = Vec::with_capacity(count as usize);
    let marking = causes.iter().filter(|cause| cause.consequence != Consequence::Keep);
    let mut sweep = CellSweep::new(marking.flat_map(|cause| &cause.spans));
    for at in 0..count {
        let picture = levels_of.get(&at).copied().flatten();
        let mut cells: Cells = sweep.at(at).collect();
        cells.sort_unstable();
        cells.dedup();
        let entry = match (made.get(&(picture, cells.clone())), picture) {
            (Some(entry), _) => *entry,
            (None, None) if cells.is_empty() => ManifestFrame { png: None, levels: background },
            (None, Some(png)) if cells.is_empty() && known.contains_key(&png) => {
                ManifestFrame { png: Some(png), levels: known[&png] }
            }
            (None, _) => {
                let mut levels = load(store, picture, width, height)?;
                mark_cells(&mut levels, cells.iter().copied());
                let png = put(store, &levels)?;
                blobs.extend(png);
                ManifestFrame { png: png.map(|(hash, _)| hash), levels: levels.hash() }
            }
        };
        made.insert((picture, cells), entry);
        entries.push(entry);
    }
    Ok((Manifest { width, height, frames: entries }, blobs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::CauseId;
    use std::str::FromStr;

    fn dotted(x: u32) -> Levels {
        let mut levels = Levels::background(64, 48);
        levels.set(x, 3, Level::Primary);
        levels
    }

    #[test]
    fn a_version_holds_cells_and_no_picture_for_background() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let (png, _) = put(&store, &dotted(1)).expect("stored").expect("not background");
        let mut cause = Cause {
            cause_id: CauseId::from_str("00000000-0000-0000-0000-000000000000").expect("an id"),
            name: "shadow".into(),
            reason: String::new(),
            consequence: Consequence::Vanish,
            path: vec![],
            spans: vec![],
        };
        cause.set_cell((0, 0), true, 0, 1);
        let frames =
            [Frame { levels: Some(png), ..Frame::blank(1) }, Frame { levels: Some(png), ..Frame::blank(2) }];
        let (manifest, _) = put_together(&store, (64, 48, 4), &frames, &[cause], None).expect("combined");
        let read = |at: usize| load(&store, manifest.frames[at].png, 64, 48).expect("a picture");
        assert_eq!(read(0).get(1, 3), Level::Affected);
        assert_eq!(read(1).get(1, 3), Level::Overlap);
        assert_eq!(manifest.frames[2].png, Some(png), "an unchanged frame is the draft's own picture");
        assert_eq!(
            manifest.frames[3],
            ManifestFrame { png: None, levels: Levels::background(64, 48).hash() }
        );
        for (at, frame) in manifest.frames.iter().enumerate() {
            assert_eq!(frame.levels, read(at).hash(), "frame {at}");
        }
    }

    #[test]
    fn shots_of_one_and_of_ten_thousand_frames_are_put_together() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let (png, _) = put(&store, &dotted(1)).expect("stored").expect("not background");
        for count in [1, 10_000] {
            // A shadow that is in another cell on each frame: one span for each.
            let span = |n: u32| domain::CellSpan { from: n, to: n, cells: vec![(n % 8, n % 11)] };
            let cause = Cause {
                cause_id: CauseId::from_str("00000000-0000-0000-0000-000000000000").expect("an id"),
                name: "shadow".into(),
                reason: String::new(),
                consequence: Consequence::Vanish,
                path: vec![],
                spans: (0..count).map(span).collect(),
            };
            let frames: Vec<Frame> =
                (0..count).map(|n| Frame { levels: Some(png), ..Frame::blank(n) }).collect();
            let before = std::time::Instant::now();
            let (manifest, _) =
                put_together(&store, (64, 48, count), &frames, &[cause], None).expect("combined");
            // A look at every span for every frame would take minutes.
            assert!(before.elapsed().as_secs() < 30, "{count} frames took {:?}", before.elapsed());
            assert_eq!(manifest.frames.len(), count as usize);
            let last = load(&store, manifest.frames[count as usize - 1].png, 64, 48).expect("a picture");
            assert!(last.areas()[2] > 0, "its cell is marked");
        }
    }

    #[test]
    fn a_mask_without_target_is_refused_in_words() {
        let Err(ApiError::Invalid(sentence)) = check(&[Frame::blank(0)]) else { panic!("refused") };
        assert!(sentence.contains("remove"), "{sentence}");
    }
}
