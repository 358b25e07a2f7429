//! Quadmask files: a movie, a zip of PNGs or what VOID's tools keep into the draft, and a version out as `quadmask_0.mp4`.

use std::io::Read;

use anyhow::{Context as _, bail};
use db::draft::MadeFrame;
use domain::void_files::{BLACK, Brought, GREY};
use domain::{Cover, Hash, Levels, QuadmaskId, ShotId, Step};
use media::QuadmaskWriter;
use pipeline::{MaskMovie, Masks, Reporter};

use super::png_sequence::in_order;
use super::segment::levels;
use super::void_marks::{self, Found, Of};
use crate::context::Context;

pub fn import(context: &Context, shot_id: ShotId, file: Hash, name: &str) -> anyhow::Result<()> {
    let shot = context.wait(db::shots::get(context.db.pool(), shot_id))?;
    let facts = shot.facts.context("The plate is not read yet: wait until its film strip is there.")?;
    let (frames, width, height) = (facts.frames, facts.width(), facts.height());
    let path = context.named(file, if name.is_empty() { "quadmask" } else { name })?;
    let mut report = context.reporter();
    report.step(Step::Probe, 0, 1)?;
    let of = Of { path: &path, name, plate: (frames, width, height), plate_name: &shot.file_name };
    let (brought, mut source): (Brought, Box<dyn Masks>) =
        match void_marks::open(&of, context.scratch.path())? {
            Some(Found { brought, masks: Some(masks) }) => (brought, masks),
            Some(Found { brought, masks: None }) => {
                if brought.is_empty() {
                    bail!("“{name}” marks nothing: there is no click, no path and no word in it.");
                }
                context.write(|tx| {
                    let brought = brought.clone();
                    Box::pin(async move { db::brief::bring(tx, shot_id, &brought).await })
                })?;
                return Ok(());
            }
            None if of.is_zip()? => {
                (Brought::default(), Box::new(ZipMasks::open(&path, name, frames, width, height)?))
            }
            None => (Brought::default(), Box::new(MaskMovie::open(&path, frames, width, height)?)),
        };
    let mut made = Vec::new();
    for frame in 0..frames {
        report.step(Step::Store, u64::from(frame), u64::from(frames))?;
        let levels = source.levels(frame)?;
        let [primary, overlap, affected, _] = levels.areas();
        if primary + overlap + affected == 0 {
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
    if made.is_empty() {
        bail!(
            "“{name}” marks nothing: every pixel is background (255). Check that it is a quadmask: 0, 63, 127, 255."
        );
    }
    context.write(|tx| {
        let (made, brought) = (made.clone(), brought.clone());
        Box::pin(async move {
            if !brought.is_empty() {
                db::brief::bring(tx, shot_id, &brought).await?;
            }
            db::draft::replace_all(tx, shot_id, &made).await
        })
    })?;
    Ok(())
}

/// One PNG per frame, in the order of the numbers in their names.
pub struct ZipMasks {
    archive: zip::ZipArchive<std::fs::File>,
    names: Vec<String>,
    width: u32,
    height: u32,
}

impl ZipMasks {
    pub fn open(
        path: &std::path::Path,
        name: &str,
        frames: u32,
        width: u32,
        height: u32,
    ) -> anyhow::Result<Self> {
        let archive = zip::ZipArchive::new(std::fs::File::open(path)?)
            .with_context(|| format!("“{name}” is not a whole zip archive: make it again"))?;
        let names = in_order(archive.file_names()).map_err(pipeline::Error::Input)?;
        let got = names.len() as u32;
        if got != frames {
            return Err(pipeline::Error::MaskLength { got, frames }.into());
        }
        Ok(Self { archive, names, width, height })
    }
}

impl Masks for ZipMasks {
    fn levels(&mut self, frame: u32) -> pipeline::Result<Levels> {
        let name = self.names[frame as usize].clone();
        let wrong =
            |what: String| pipeline::Error::Input(format!("“{name}” in the archive cannot be read: {what}."));
        let entry = self.archive.by_name(&name).map_err(|e| wrong(e.to_string()))?;
        let mut bytes = Vec::new();
        entry.take(64 << 20).read_to_end(&mut bytes).map_err(|e| wrong(e.to_string()))?;
        let levels = Levels::from_png(&bytes).map_err(|e| wrong(e.to_string()))?;
        let (got_width, got_height) = (levels.width(), levels.height());
        if (got_width, got_height) != (self.width, self.height) {
            let (width, height) = (self.width, self.height);
            return Err(pipeline::Error::MaskSize { got_width, got_height, width, height });
        }
        Ok(levels)
    }
}

/// `layers`: the version's two masks too, as VOID's tools keep them.
pub fn export(context: &Context, quadmask_id: QuadmaskId, layers: bool) -> anyhow::Result<()> {
    let mut report = context.reporter();
    let parts = if layers { 2 } else { 1 };
    movie(context, quadmask_id, &mut |done, total| Ok(report.step(Step::Encode, done, parts * total)?))?;
    if layers {
        two_masks(context, quadmask_id, &mut |done, total| {
            Ok(report.step(Step::Encode, total + done, parts * total)?)
        })?;
    }
    Ok(())
}

/// `black_mask.mp4` and `grey_mask.mp4` in the store (void-spec §2.1, §4.1): 0 the target, 127 what is affected, 255 the rest.
fn two_masks(
    context: &Context,
    quadmask_id: QuadmaskId,
    tell: &mut dyn FnMut(u64, u64) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let pool = context.db.pool();
    let there = context.wait(db::media::of_quadmask(&context.db, quadmask_id))?;
    if there.black.is_some() && there.grey.is_some() {
        return Ok(());
    }
    let manifest = context.wait(db::quadmasks::manifest(pool, quadmask_id))?;
    let shot = context.wait(db::shots::get(pool, there.shot_id))?;
    let rate = shot.facts.context("The plate is not read yet.")?.rate;
    let (width, height) = (manifest.width, manifest.height);
    let paths = [BLACK, GREY].map(|name| context.scratch.path().join(name));
    let [mut black, mut grey] = [
        QuadmaskWriter::create(&paths[0], width, height, rate)?,
        QuadmaskWriter::create(&paths[1], width, height, rate)?,
    ];
    let total = manifest.frames.len() as u64;
    for (at, frame) in (0u64..).zip(&manifest.frames) {
        tell(at, total)?;
        let levels = levels(context, frame.png, width, height)?;
        // Codes: 0 primary, 1 both, 2 affected, 3 neither.
        let of = |is_in: fn(u8) -> bool, value: u8| -> Vec<u8> {
            levels.codes().iter().map(|code| if is_in(*code) { value } else { 255 }).collect()
        };
        black.write(&of(|code| code <= 1, 0))?;
        grey.write(&of(|code| code == 1 || code == 2, 127))?;
    }
    black.finish()?;
    grey.finish()?;
    let stored = [context.store.put_file_blocking(&paths[0])?, context.store.put_file_blocking(&paths[1])?];
    let [(black, black_size), (grey, grey_size)] = stored;
    let sizes = [i64::try_from(black_size)?, i64::try_from(grey_size)?];
    context.write(|tx| {
        Box::pin(async move {
            db::blobs::record(tx, black, sizes[0]).await?;
            db::blobs::record(tx, grey, sizes[1]).await?;
            db::quadmasks::set_layers(tx, quadmask_id, (black, grey)).await
        })
    })?;
    Ok(())
}

/// `quadmask_0.mp4` in the store: the one that is there, else made and kept. `tell`: frames done of all.
pub fn movie(
    context: &Context,
    quadmask_id: QuadmaskId,
    tell: &mut dyn FnMut(u64, u64) -> anyhow::Result<()>,
) -> anyhow::Result<Hash> {
    let pool = context.db.pool();
    if let Some(there) = context.wait(db::media::of_quadmask(&context.db, quadmask_id))?.movie {
        return Ok(there);
    }
    let quadmask = context.wait(db::quadmasks::get(pool, quadmask_id))?;
    let manifest = context.wait(db::quadmasks::manifest(pool, quadmask_id))?;
    let shot = context.wait(db::shots::get(pool, quadmask.shot_id))?;
    let rate = shot.facts.context("The plate is not read yet.")?.rate;
    let path = context.scratch.path().join("quadmask_0.mp4");
    let mut writer = QuadmaskWriter::create(&path, manifest.width, manifest.height, rate)?;
    let total = manifest.frames.len() as u64;
    for (at, frame) in (0u64..).zip(&manifest.frames) {
        tell(at, total)?;
        writer.write(&levels(context, frame.png, manifest.width, manifest.height)?.to_grey())?;
    }
    writer.finish()?;
    let (movie, size) = context.store.put_file_blocking(&path)?;
    let size = i64::try_from(size)?;
    context.write(|tx| {
        Box::pin(async move {
            db::blobs::record(tx, movie, size).await?;
            db::quadmasks::set_movie(tx, quadmask_id, movie).await
        })
    })?;
    Ok(movie)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use db::quadmasks::{Combined, Manifest, ManifestFrame};
    use domain::{Job, Level};
    use storage::Store;
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;
    use crate::handlers::package::tests::{rows, work};
    use crate::transact;

    /// All four levels, another picture on each frame.
    fn truth(frame: u32) -> Levels {
        let mut levels = Levels::background(rows::WIDTH, rows::HEIGHT);
        for (y, level) in [(3, Level::Primary), (9, Level::Overlap), (15, Level::Affected)] {
            levels.map_span(y + frame, 2 * frame, 20 + 3 * frame, |_| level);
        }
        levels
    }

    /// An archive with the frames under these names, written in the order of the text as some programs do.
    fn archive(names: &[String], of: fn(u32) -> Levels) -> Vec<u8> {
        let mut entries: Vec<(&str, Vec<u8>)> =
            (0u32..).zip(names).map(|(frame, name)| (name.as_str(), of(frame).to_grey_png())).collect();
        entries.push(("__MACOSX/._quadmask.9998.png", b"no picture".to_vec()));
        entries.push((".DS_Store", Vec::new()));
        entries.sort();
        let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            archive.start_file(name, SimpleFileOptions::default()).expect("begun");
            archive.write_all(&bytes).expect("written");
        }
        archive.finish().expect("whole").into_inner()
    }

    /// Names of pictures that are numbered from `first` on.
    fn names(first: u32, count: u32) -> Vec<String> {
        (first..first + count).map(|n| format!("quadmask.{n:04}.png")).collect()
    }

    fn movie_of(frames: u32, of: fn(u32) -> Levels) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("quadmask.mp4");
        let (width, height) = (of(0).width(), of(0).height());
        let rate = domain::Rate::new(24, 1).expect("a rate");
        let mut writer = QuadmaskWriter::create(&path, width, height, rate).expect("begun");
        (0..frames).for_each(|frame| writer.write(&of(frame).to_grey()).expect("written"));
        writer.finish().expect("whole");
        std::fs::read(path).expect("read")
    }

    async fn bring(
        db: &db::Db,
        store: &Store,
        shot_id: ShotId,
        bytes: &[u8],
        name: &str,
    ) -> anyhow::Result<()> {
        let file = store.put_blocking(bytes).expect("stored");
        work(db, store, Job::ImportQuadmask { shot_id, file, name: name.to_owned() }, false).await
    }

    async fn draft(db: &db::Db, store: &Store, shot_id: ShotId) -> Vec<Levels> {
        let mut read = Vec::new();
        for frame in 0..rows::FRAMES {
            let png = db::draft::frame(db.pool(), shot_id, frame).await.expect("read").levels;
            read.push(
                Levels::from_png(&store.get_blocking(png.expect("marked")).expect("there")).expect("ours"),
            );
        }
        read
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn archive_and_movie_come_back_exact_to_the_level_and_on_their_frames() {
        let fresh = rows::sqlite().await;
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let (db, studio) = (fresh.db.clone(), rows::Studio::new(&fresh.db).await);
        let wanted: Vec<Levels> = (0..rows::FRAMES).map(truth).collect();

        // As the server writes an archive whose first frame is 9998.
        let names = names(9998, rows::FRAMES);
        let first = studio.shot("first").await;
        bring(&db, &store, first, &archive(&names, truth), "quadmask.zip").await.expect("imported");
        assert_eq!(draft(&db, &store, first).await, wanted);

        let mut lost = names.clone();
        lost[2] = "quadmask.10007.png".into();
        let refused =
            bring(&db, &store, first, &archive(&lost, truth), "lost.zip").await.expect_err("refused");
        assert!(format!("{refused:#}").contains("10000"), "{refused:#}");
        assert_eq!(draft(&db, &store, first).await, wanted, "nothing was changed");

        // Out as a movie, and in again on another shot.
        let (shot_id, author) = (first, studio.artist);
        let draft_revision = db::draft::state(db.pool(), shot_id).await.expect("read").revision;
        let mut frames = Vec::new();
        for row in db::draft::frames(db.pool(), shot_id).await.expect("read") {
            frames.push(ManifestFrame { png: row.levels, levels: truth(row.frame).hash() });
        }
        let manifest = Manifest { width: rows::WIDTH, height: rows::HEIGHT, frames };
        let subject = Hash::of(b"subject");
        let combined = Combined { manifest, subject_json: "subject".into(), subject, draft_revision };
        let quadmask_id =
            transact!(db, [combined], |tx| db::quadmasks::submit(tx, shot_id, author, "", &combined))
                .expect("sent to review");
        work(&db, &store, Job::ExportQuadmask { quadmask_id, layers: false }, false).await.expect("exported");
        let movie = db::media::of_quadmask(&db, quadmask_id).await.expect("there").movie.expect("made");
        let second = studio.shot("second").await;
        let bytes = store.get_blocking(movie).expect("stored");
        bring(&db, &store, second, &bytes, "quadmask_0.mp4").await.expect("imported");
        assert_eq!(draft(&db, &store, second).await, wanted);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_mask_of_another_size_or_length_is_refused_and_the_draft_stays() {
        const FRAMES: u32 = rows::FRAMES;
        fn small(_: u32) -> Levels {
            Levels::from_primary(32, 24, &[1; 32 * 24]).expect("sizes agree")
        }
        // All but the last picture could be taken.
        fn mixed(frame: u32) -> Levels {
            if frame + 1 < FRAMES { truth(frame) } else { small(frame) }
        }
        let fresh = rows::sqlite().await;
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let (db, studio) = (fresh.db.clone(), rows::Studio::new(&fresh.db).await);
        let shot_id = studio.shot("first").await;
        bring(&db, &store, shot_id, &archive(&names(1, FRAMES), truth), "good.zip").await.expect("imported");
        let before = draft(&db, &store, shot_id).await;
        let revision = db::draft::state(db.pool(), shot_id).await.expect("read").revision;

        let size = "The quadmask is 32×24, the plate is 64×48. Export it at the plate's size.";
        let short = "The quadmask has 4 frames, the plate has 5. Export one mask frame per plate frame.";
        let long = "The quadmask has 6 frames, the plate has 5. Export one mask frame per plate frame.";
        for (name, bytes, sentence) in [
            ("small.mp4", movie_of(FRAMES, small), size),
            ("short.mp4", movie_of(FRAMES - 1, truth), short),
            ("long.mp4", movie_of(FRAMES + 1, truth), long),
            ("small.zip", archive(&names(1, FRAMES), mixed), size),
            ("short.zip", archive(&names(1, FRAMES - 1), truth), short),
            ("long.zip", archive(&names(1, FRAMES + 1), truth), long),
        ] {
            let refused = bring(&db, &store, shot_id, &bytes, name).await.expect_err(name);
            assert_eq!(refused.to_string(), sentence, "{name}");
            assert_eq!(draft(&db, &store, shot_id).await, before, "{name}");
            let now = db::draft::state(db.pool(), shot_id).await.expect("read").revision;
            assert_eq!(now, revision, "{name}");
        }
    }
}
