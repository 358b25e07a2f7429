//! Package: an approved version to the movie that is taken away, and to one archive with everything that belongs to it. Each
//! is made once and kept; a worker that is killed leaves the movie behind it, if it came so far, and nothing half.

mod archive;
mod report;
#[cfg(test)]
pub(super) mod tests;

use std::path::Path;

use anyhow::{Context as _, bail};
use db::deliveries::{self, Made};
use domain::package::{Delivery, What, stem};
use domain::project::Shot;
use domain::version::Version;
use domain::{Hash, Levels, Movie, Step, VersionId};
use pipeline::Reporter;
use pipeline::stages::deliver::{Sound, Source, deliver};
use provenance::History;
use serde_json::Value;

use self::archive::Archive;
use self::report::Report;
use crate::context::Context;

const DELETED: &str =
    "The version was deleted while its package was waited for, so there is nothing to deliver.";

/// Everything that is known when the work begins.
struct Order<'a> {
    context: &'a Context,
    version: Version,
    shot: Shot,
    history: History,
    movie: Movie,
    /// What the files are called after.
    stem: String,
}

pub fn run(context: &Context, version_id: VersionId, movie: Movie, what: What) -> anyhow::Result<()> {
    let pool = context.db.pool();
    if context.wait(deliveries::get(pool, version_id, movie, what))?.is_some() {
        return Ok(()); // made by an earlier attempt whose end was not written
    }
    let version = match context.wait(db::versions::get(pool, version_id)) {
        Err(db::Error::NotFound) => bail!(DELETED),
        version => version?,
    };
    context.write(|tx| Box::pin(async move { deliveries::check(tx, version_id).await }))?;
    let shot = context.wait(db::shots::get(pool, version.shot_id))?;
    let history = context.wait(db::history::of_shot(&context.db, version.shot_id))?;
    let stem = stem(&history.project.name, history.sequence.as_deref(), &history.shot.name, version.n);
    let order = Order { context, version, shot, history, movie, stem };
    let film = order.film()?;
    if what == What::Package {
        order.pack(&film)?;
    }
    Ok(())
}

impl Order<'_> {
    /// The movie alone, as it lies in the store.
    fn film(&self) -> anyhow::Result<(Delivery, Hash)> {
        let Self { context, version, shot, movie, .. } = self;
        if let Some(there) = self.made(What::Movie)? {
            return Ok(there);
        }
        let path = context.scratch.path().join("movie.mov");
        let wave = shot.sound.map(|sound| context.file(sound)).transpose()?;
        let result = context.named(version.result, "result.mkv")?;
        let source = Source { result: &result, plate: context.plate(shot)?, wave: wave.as_deref() };
        let sound = deliver(source, *movie, &path, &mut context.reporter())?;
        context.log(sound.sentence());
        self.keep(What::Movie, &path, format!("{}_{}.mov", self.stem, movie.slug()))?;
        self.made(What::Movie)?.context(DELETED)
    }

    fn made(&self, what: What) -> anyhow::Result<Option<(Delivery, Hash)>> {
        let pool = self.context.db.pool();
        Ok(self.context.wait(deliveries::get(pool, self.version.version_id, self.movie, what))?)
    }

    /// Stores the file, then says in one transaction that it is there.
    fn keep(&self, what: What, path: &Path, name: String) -> anyhow::Result<()> {
        let (file, size) = self.context.store.put_file_blocking(path)?;
        let (version_id, movie) = (self.version.version_id, self.movie);
        let made = Made { version_id, movie, what, file, size_bytes: i64::try_from(size)?, name };
        let kept = self.context.write(|tx| {
            let made = made.clone();
            Box::pin(async move {
                db::blobs::record(tx, made.file, made.size_bytes).await?;
                deliveries::keep(tx, &made).await
            })
        });
        match kept {
            Err(db::Error::NotFound) => bail!(DELETED),
            kept => Ok(kept?),
        }
    }

    fn pack(&self, (film, film_hash): &(Delivery, Hash)) -> anyhow::Result<()> {
        let Self { context, version, shot, history, movie: _, stem } = self;
        let (store, pool) = (&context.store, context.db.pool());
        let mut reporter = context.reporter();
        let quadmask = super::quadmask_files::movie(context, version.quadmask_id, &mut |done, total| {
            Ok(reporter.step(Step::Quadmask, done, total)?)
        })?;
        let manifest = context.wait(db::quadmasks::manifest(pool, version.quadmask_id))?;
        let subject = context.wait(db::quadmasks::subject_json(pool, version.quadmask_id))?;
        let approved: Value =
            serde_json::from_str(&subject).context("the approved quadmask cannot be read")?;
        let first_frame = context.wait(db::projects::get(pool, shot.project_id))?.first_frame;

        let blobs = [
            (film.name.clone(), *film_hash),
            (format!("{stem}_master.mkv"), version.result),
            (format!("{stem}_matte.mkv"), version.matte),
            ("quadmask_0.mp4".to_owned(), quadmask),
        ];
        let mut total = 0;
        for (_, hash) in &blobs {
            total += store.size_blocking(*hash)?;
        }
        room(store.free_bytes()?, total)?;
        let path = context.scratch.path().join("package.zip");
        let mut archive = Archive::create(&path, stem, version.created_at)?;
        let mut done = 0;
        let mut tell = |bytes: u64| -> anyhow::Result<()> {
            done += bytes;
            Ok(reporter.step(Step::Pack, done.min(total), total)?)
        };
        let mut files = Vec::new();
        for (name, hash) in &blobs {
            files.push(archive.add_file(name, &context.file(*hash)?, *hash, &mut tell)?);
        }
        let background = Levels::background(manifest.width, manifest.height).to_grey_png();
        for (frame, entry) in (first_frame..).zip(&manifest.frames) {
            let png = match entry.png {
                Some(_) => {
                    super::segment::levels(context, entry.png, manifest.width, manifest.height)?.to_grey_png()
                }
                None => background.clone(),
            };
            // Pictures are many and small: their sums are in the list, not in the report.
            archive.add_bytes(&format!("quadmask/quadmask.{frame:04}.png"), &png, &mut tell)?;
        }
        let causes = serde_json::json!({ "causes": approved["causes"], "words": approved["words"] });
        files.push(archive.add_bytes("causes.json", pretty(&causes).as_bytes(), &mut tell)?);
        files.push(archive.add_bytes("history.json", history.to_json().as_bytes(), &mut tell)?);
        let manifest = context.wait(db::versions::manifest(pool, version.version_id))?;
        let sound = Sound::of(&context.named(shot.plate, &shot.file_name)?, shot.sound.is_some())?;
        let report =
            Report { version, shot, history, manifest, movie: self.movie, sound, first_frame, files };
        archive.add_bytes("report.json", pretty(&report.to_json()).as_bytes(), &mut tell)?;
        archive.finish()?;
        context.reporter().step(Step::Store, 0, 1)?;
        self.keep(What::Package, &path, format!("{stem}_{}.zip", self.movie.slug()))
    }
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("values are JSON");
    text.push('\n');
    text
}

/// Better said before an hour of packing than after it.
fn room(free: u64, needed: u64) -> anyhow::Result<()> {
    let with_small_files = needed + (64 << 20);
    if free >= with_small_files {
        return Ok(());
    }
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    bail!(
        "The package needs {:.1} GB on the server's disk, where {:.1} GB are free. Free some space, then try again.",
        gigabytes(with_small_files),
        gigabytes(free)
    );
}
