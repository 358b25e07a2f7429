//! Fills the demo project with shots that the product renders itself, each brought to another phase by the same rows,
//! stages and decisions as anybody's. Killed anywhere, it goes on from where each shot stands.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;

use db::decisions::Ballot;
use db::demo::Cast;
use db::draft::MadeFrame;
use db::quadmasks::{Combined, Manifest, ManifestFrame};
use domain::cause::with_cells;
use domain::{
    Cause, Consequence, Cover, Hash, Levels, PersonId, Phase, ProjectId, Rate, ShotId, Step, Verdict,
};
use media::{Ffv1Writer, Picture, PixelFormat};
use pipeline::Reporter;
use pipeline::demo::{Kind, Rgb, Scene};
use provenance::QuadmaskSubject;

use crate::context::Context;

/// Each shot with its sequence and the phase it shall show. Seeds above 0 are other takes of a scene.
const SHOTS: [(Kind, u64, &str, Phase); 9] = [
    (Kind::FallingLeaf, 0, "DEMO_020", Phase::Ready),
    (Kind::CastShadow, 0, "DEMO_020", Phase::QuadmaskReview),
    (Kind::BallPins, 0, "DEMO_010", Phase::Approved),
    (Kind::RollingCart, 0, "DEMO_010", Phase::ResultReview),
    (Kind::CarriedBox, 0, "DEMO_010", Phase::Masking),
    (Kind::Crossing, 0, "DEMO_020", Phase::ResultChanges),
    (Kind::RollingCart, 7, "DEMO_030", Phase::QuadmaskChanges),
    (Kind::BallPins, 7, "DEMO_030", Phase::QuadmaskApproved),
    (Kind::CarriedBox, 7, "DEMO_030", Phase::RunFailed),
];

/// How large and how long shots are rendered.
#[derive(Clone, Copy)]
struct Size {
    width: u32,
    height: u32,
    frames: fn(Kind) -> u32,
}

const SIZE: Size = Size { width: 640, height: 360, frames: Kind::usual_frames };

impl Size {
    fn scene(self, kind: Kind, seed: u64) -> Scene {
        let rate = Rate::new(24, 1).expect("24 is a rate");
        Scene::new(kind, seed, self.width, self.height, (self.frames)(kind), rate)
    }
}

/// Not a video: shows how a refusal reads.
const BROKEN: (&str, &[u8]) =
    ("not-a-plate.mov", b"This file was named .mov by somebody in a hurry; it holds text.\n");

/// Makes one shot, then queues itself again behind everybody's work, until nothing is left to do.
pub fn run(context: &Context, project_id: ProjectId) -> anyhow::Result<()> {
    make_next(context, project_id, SIZE)
}

fn make_next(context: &Context, project_id: ProjectId, size: Size) -> anyhow::Result<()> {
    let cast = context.wait(db::demo::cast(&context.db, project_id))?;
    let mut report = context.reporter();
    let total = SHOTS.len() as u64;
    broken_plate(context, &cast)?;
    for (at, (kind, seed, sequence, goal)) in (0u64..).zip(SHOTS) {
        report.step(Step::Render, at, total)?;
        let scene = size.scene(kind, seed);
        let (shot_id, is_new) =
            match context.wait(db::demo::shot_named(&context.db, project_id, &scene.name()))? {
                Some(shot_id) => (shot_id, false),
                None => (upload(context, &cast, &scene, sequence)?, true),
            };
        if advance(context, &cast, &scene, shot_id, goal)? || is_new {
            context.log(format!("{}: {}", scene.name(), goal.status().word));
            context.write(|tx| Box::pin(async move { db::demo::go_on(tx, project_id).await }))?;
            return Ok(());
        }
    }
    Ok(())
}

fn broken_plate(context: &Context, cast: &Cast) -> anyhow::Result<()> {
    let (name, bytes) = BROKEN;
    let plate = context.store.put_blocking(bytes)?;
    let shot_id = create(context, cast, "DEMO_030", name, plate, bytes.len() as i64)?;
    if context.wait(db::shots::get(context.db.pool(), shot_id))?.phase != Phase::Uploaded {
        return Ok(());
    }
    let Err(refusal) = super::ingest::run(context, shot_id) else { return Ok(()) };
    let sentence = format!("{refusal:#}");
    context.write(|tx| {
        let sentence = sentence.clone();
        Box::pin(async move { db::shots::ingest_failed(tx, shot_id, &sentence).await })
    })?;
    Ok(())
}

fn create(
    context: &Context,
    cast: &Cast,
    sequence: &'static str,
    file_name: &str,
    plate: Hash,
    size: i64,
) -> anyhow::Result<ShotId> {
    let Cast { project_id, artist, .. } = *cast;
    let created = context.write(|tx| {
        let file_name = file_name.to_owned();
        Box::pin(async move {
            let sequence_id = db::demo::sequence(tx, project_id, sequence).await?;
            db::shots::create(tx, project_id, Some(sequence_id), artist, &file_name, plate, size).await
        })
    })?;
    Ok(created.shot_id)
}

/// Renders the plate to a lossless file and makes its shot.
fn upload(context: &Context, cast: &Cast, scene: &Scene, sequence: &'static str) -> anyhow::Result<ShotId> {
    let name = format!("{}.mkv", scene.name());
    let path = context.scratch.path().join(&name);
    render(context, scene, &path)?;
    let (plate, size) = context.store.put_file_blocking(&path)?;
    std::fs::remove_file(&path)?;
    create(context, cast, sequence, &name, plate, i64::try_from(size)?)
}

fn render(context: &Context, scene: &Scene, path: &Path) -> anyhow::Result<()> {
    let format = PixelFormat::from_name("gbrp").expect("FFmpeg has planar RGB");
    let word = |text: &str| text.to_owned();
    let colour = domain::Colour {
        primaries: word("bt709"),
        transfer: word("bt709"),
        matrix: word("gbr"),
        range: word("pc"),
        assumed: false,
    };
    let (width, height) = (scene.width(), scene.height());
    let mut writer = Ffv1Writer::create(path, &format, width, height, scene.rate(), &colour, None)?;
    for frame in 0..scene.frames() {
        check(context)?;
        writer.write(&planar(&scene.plate(frame), format))?;
    }
    writer.finish()?;
    Ok(())
}

fn planar(rgb: &Rgb, format: PixelFormat) -> Picture {
    let mut picture = Picture::new(format, rgb.width, rgb.height);
    // FFmpeg's plane order is green, blue, red.
    for (plane, channel) in picture.planes.iter_mut().zip([1, 2, 0]) {
        for (sample, pixel) in plane.data.iter_mut().zip(rgb.samples.chunks_exact(3)) {
            *sample = pixel[channel];
        }
    }
    picture
}

fn check(context: &Context) -> Result<(), pipeline::Error> {
    match context.pulse.stop.load(std::sync::atomic::Ordering::Relaxed) {
        true => Err(pipeline::Error::Cancelled),
        false => Ok(()),
    }
}

/// Takes the steps that lead to `goal`, each only from the phase it starts in; whether there was any.
fn advance(
    context: &Context,
    cast: &Cast,
    scene: &Scene,
    shot_id: ShotId,
    goal: Phase,
) -> anyhow::Result<bool> {
    let mut moved = false;
    loop {
        check(context)?;
        let shot = context.wait(db::shots::get(context.db.pool(), shot_id))?;
        if shot.phase == goal {
            return Ok(moved);
        }
        match shot.phase {
            Phase::Uploaded => super::ingest::run(context, shot_id)?,
            Phase::Ready => annotate(context, cast.artist, scene, shot_id, goal)?,
            Phase::Masking => submit(context, cast, scene, shot_id, shot.plate)?,
            Phase::QuadmaskReview if goal == Phase::QuadmaskChanges => {
                let note = "The shadow under the cart leaves the marked cells near the end.";
                decide_quadmask(context, cast, shot_id, Verdict::Changes, note)?;
            }
            Phase::QuadmaskReview => {
                decide_quadmask(context, cast, shot_id, Verdict::Approve, "")?;
                if goal == Phase::QuadmaskApproved {
                    context.write(|tx| {
                        Box::pin(async move { db::queue::withdraw(tx, shot_id, "remove").await })
                    })?;
                }
            }
            // Its removal waits in the queue and fails there, as anybody's would. An approval alone queues nothing that the
            // plate engine refuses.
            Phase::QuadmaskApproved if goal == Phase::RunFailed => {
                if context.wait(db::runs::newest(&context.db, shot_id))?.is_some() {
                    return Ok(moved);
                }
                let (artist, recipe) =
                    (cast.artist, domain::PlateRecipe::for_plate(scene.width(), scene.height()));
                context.write(|tx| {
                    let recipe = recipe.clone();
                    Box::pin(async move { db::runs::start(tx, shot_id, recipe, artist).await })
                })?;
            }
            Phase::Running if goal == Phase::RunFailed => return Ok(moved),
            Phase::QuadmaskApproved | Phase::Running => {
                match context.wait(db::runs::newest(&context.db, shot_id))? {
                    Some(run_id) => super::remove::run(context, run_id)?,
                    None => return Ok(moved),
                }
            }
            Phase::ResultReview => {
                let (verdict, note) = match goal {
                    Phase::ResultChanges => (Verdict::Changes, "A rim shows where the two figures cross."),
                    _ => (Verdict::Approve, ""),
                };
                decide_version(context, cast, shot_id, verdict, note)?;
            }
            // Somebody worked on the shot: it is theirs.
            _ => return Ok(moved),
        }
        moved = true;
    }
}

/// Target, words, causes and the true mask as the draft, all or nothing. For a removal that is to fail, the thing that moves
/// on its own has no path: the plate engine refuses that in words.
fn annotate(
    context: &Context,
    artist: PersonId,
    scene: &Scene,
    shot_id: ShotId,
    goal: Phase,
) -> anyhow::Result<()> {
    let mut made = Vec::new();
    for frame in 0..scene.frames() {
        check(context)?;
        let levels = Levels::from_primary(scene.width(), scene.height(), &scene.primary(frame))?;
        let [primary, ..] = levels.areas();
        if primary == 0 {
            continue;
        }
        let png = levels.to_png();
        made.push(MadeFrame {
            frame,
            seen_revision: 0,
            levels: Some((context.store.put_blocking(&png)?, i64::try_from(png.len())?)),
            confidence: None,
            cover: Cover::of(&levels),
        });
    }
    let (target, words, mut causes) = (scene.target(), scene.words(), scene.causes().to_vec());
    if goal == Phase::RunFailed {
        causes.iter_mut().filter(|c| c.consequence == Consequence::React).for_each(|c| c.path.clear());
    }
    context.write(|tx| {
        let (target, words, causes, made) = (target.clone(), words.clone(), causes.clone(), made.clone());
        Box::pin(async move {
            let new = db::brief::add_target(tx, shot_id, artist, &target.name).await?;
            let target = domain::Target { target_id: new.target_id, colour: new.colour, ..target };
            db::brief::save_target(tx, shot_id, artist, &target).await?;
            db::brief::save_words(tx, shot_id, &words).await?;
            for cause in causes {
                let new = db::brief::add_cause(tx, shot_id, artist, &cause.name).await?;
                let cause = Cause { cause_id: new.cause_id, ..cause };
                db::brief::save_cause(tx, shot_id, artist, &cause).await?;
                for span in &cause.spans {
                    let range = (span.from, span.to);
                    let (id, cells) = (cause.cause_id, &span.cells);
                    db::brief::set_cells(tx, shot_id, artist, id, cells, true, range).await?;
                }
            }
            db::draft::replace_all(tx, shot_id, &made).await
        })
    })?;
    Ok(())
}

/// Makes a version of the draft: its frames with all cells.
fn submit(context: &Context, cast: &Cast, scene: &Scene, shot_id: ShotId, plate: Hash) -> anyhow::Result<()> {
    let pool = context.db.pool();
    let draft_revision = context.wait(db::draft::state(pool, shot_id))?.revision;
    let causes = context.wait(db::brief::causes(pool, shot_id))?;
    let words = context.wait(db::brief::words(pool, shot_id))?;
    let drawn: HashMap<u32, Option<Hash>> = context
        .wait(db::draft::frames(pool, shot_id))?
        .into_iter()
        .map(|row| (row.frame, row.levels))
        .collect();
    let mut frames = Vec::new();
    let mut blobs = Vec::new();
    for frame in 0..scene.frames() {
        check(context)?;
        let picture = drawn.get(&frame).copied().flatten();
        let mut levels = super::segment::levels(context, picture, scene.width(), scene.height())?;
        with_cells(&mut levels, &causes, frame);
        let [.., background] = levels.areas();
        let is_plain = background == u64::from(levels.width()) * u64::from(levels.height());
        let png = if is_plain {
            None
        } else {
            let png = levels.to_png();
            let hash = context.store.put_blocking(&png)?;
            blobs.push((hash, i64::try_from(png.len())?));
            Some(hash)
        };
        frames.push(ManifestFrame { png, levels: levels.hash() });
    }
    let hashes: Vec<Hash> = frames.iter().map(|frame| frame.levels).collect();
    let (subject_json, subject) =
        QuadmaskSubject { plate, trim: None, frames: &hashes, causes: &causes, words: &words }.seal();
    let manifest = Manifest { width: scene.width(), height: scene.height(), frames };
    let combined = Combined { manifest, subject_json, subject, draft_revision };
    let artist = cast.artist;
    context.write(|tx| {
        let (combined, blobs) = (combined.clone(), blobs.clone());
        Box::pin(async move {
            for (hash, size) in blobs {
                db::blobs::record(tx, hash, size).await?;
            }
            db::quadmasks::submit(tx, shot_id, artist, "First pass of the mask.", &combined).await
        })
    })?;
    Ok(())
}

fn ballot(cast: &Cast, seen: Hash, verdict: Verdict, note: &'static str) -> Ballot<'static> {
    Ballot { person_id: cast.supervisor, role: domain::Role::Supervisor, seen, verdict, note }
}

fn decide_quadmask(
    context: &Context,
    cast: &Cast,
    shot_id: ShotId,
    verdict: Verdict,
    note: &'static str,
) -> anyhow::Result<()> {
    let newest = context.wait(db::quadmasks::newest(context.db.pool(), shot_id))?;
    let newest = newest.ok_or_else(|| anyhow::anyhow!("the demo shot has no quadmask"))?;
    let ballot = ballot(cast, newest.subject, verdict, note);
    context.write(move |tx| {
        Box::pin(async move { db::decisions::on_quadmask(tx, newest.quadmask_id, &ballot).await })
    })?;
    Ok(())
}

fn decide_version(
    context: &Context,
    cast: &Cast,
    shot_id: ShotId,
    verdict: Verdict,
    note: &'static str,
) -> anyhow::Result<()> {
    let versions = context.wait(db::versions::list(&context.db, shot_id, false))?;
    let newest = versions.first().ok_or_else(|| anyhow::anyhow!("the demo shot has no version"))?;
    let (version_id, ballot) = (newest.version_id, ballot(cast, newest.subject, verdict, note));
    context
        .write(move |tx| Box::pin(async move { db::decisions::on_version(tx, version_id, &ballot).await }))?;
    Ok(())
}
