//! Quadmask files: a movie or a zip of PNGs into the draft, and a version out as `quadmask_0.mp4`.

use std::io::Read;

use anyhow::{Context as _, bail};
use db::draft::MadeFrame;
use domain::{Cover, Hash, Levels, QuadmaskId, ShotId, Step};
use media::QuadmaskWriter;
use pipeline::{MaskMovie, Masks, Reporter};

use super::segment::levels;
use crate::context::Context;

pub fn import(context: &Context, shot_id: ShotId, file: Hash, name: &str) -> anyhow::Result<()> {
    let shot = context.wait(db::shots::get(context.db.pool(), shot_id))?;
    let facts = shot.facts.context("The plate is not read yet: wait until its film strip is there.")?;
    let (frames, width, height) = (facts.frames, facts.width(), facts.height());
    let path = context.named(file, if name.is_empty() { "quadmask" } else { name })?;
    let mut report = context.reporter();
    report.step(Step::Probe, 0, 1)?;
    let mut magic = [0; 4];
    let is_zip = std::fs::File::open(&path)?.read_exact(&mut magic).is_ok() && &magic == b"PK\x03\x04";
    let mut source: Box<dyn Masks> = if is_zip {
        Box::new(ZipMasks::open(&path, name, frames, width, height)?)
    } else {
        Box::new(MaskMovie::open(&path, frames, width, height)?)
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
        let made = made.clone();
        Box::pin(async move { db::draft::replace_all(tx, shot_id, &made).await })
    })?;
    Ok(())
}

/// One PNG per frame, in the order of their names.
struct ZipMasks {
    archive: zip::ZipArchive<std::fs::File>,
    names: Vec<String>,
    width: u32,
    height: u32,
}

impl ZipMasks {
    fn open(
        path: &std::path::Path,
        name: &str,
        frames: u32,
        width: u32,
        height: u32,
    ) -> anyhow::Result<Self> {
        let archive = zip::ZipArchive::new(std::fs::File::open(path)?)
            .with_context(|| format!("“{name}” is not a whole zip archive: make it again"))?;
        let mut names: Vec<String> =
            archive.file_names().filter(|n| n.to_lowercase().ends_with(".png")).map(str::to_owned).collect();
        names.sort();
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

pub fn export(context: &Context, quadmask_id: QuadmaskId) -> anyhow::Result<()> {
    let mut report = context.reporter();
    movie(context, quadmask_id, &mut |done, total| Ok(report.step(Step::Encode, done, total)?))?;
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
