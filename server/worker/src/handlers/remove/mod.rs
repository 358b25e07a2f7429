//! Remove: an approved quadmask and a recipe to a version.

#[cfg(all(test, feature = "void"))]
mod tests;
mod void;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use db::quadmasks::Manifest;
use db::runs::Run;
use db::versions::Finished;
use domain::project::Shot;
use domain::version::{MadeBy, Proof};
use domain::{Cause, Hash, Levels, Recipe, RunId, Step, VoidOrder, Words};
use pipeline::stages::remove::remove;
use pipeline::{Plate, Reporter};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::context::Context;

pub use void::sweep;

/// The part of the approved subject that a removal needs.
#[derive(Debug, Deserialize)]
struct Approved {
    causes: Vec<Cause>,
    #[serde(default)]
    words: Words,
}

/// Everything that a run is made of.
struct Removal<'a> {
    context: &'a Context,
    run: Run,
    shot: Shot,
    /// Hash of what was approved.
    subject: Hash,
    approved: Approved,
    manifest: Manifest,
}

/// What an engine left.
struct Made {
    result: PathBuf,
    matte: PathBuf,
    proxy: PathBuf,
    proxy_index: Vec<(u64, u32)>,
    proof: Proof,
    notes: Vec<String>,
    networks: Option<Networks>,
}

/// What is there more where networks made it.
struct Networks {
    /// What the model made, on its canvas.
    output: PathBuf,
    made_by: MadeBy,
    /// For the manifest.
    used: Value,
    /// Pass 2, where it is to follow.
    follow: Option<VoidOrder>,
}

pub fn run(context: &Context, run_id: RunId) -> anyhow::Result<()> {
    if context.wait(db::versions::of_run(context.db.pool(), run_id))?.is_some() {
        context.store.clear_workplace(&run_id.to_string());
        return Ok(()); // made by an earlier attempt whose end was not written
    }
    let run = context.write(|tx| Box::pin(async move { db::runs::started(tx, run_id).await }))?;
    let pool = context.db.pool();
    let shot = context.wait(db::shots::get(pool, run.shot_id))?;
    let quadmask = context.wait(db::quadmasks::get(pool, run.quadmask_id))?;
    let manifest = context.wait(db::quadmasks::manifest(pool, run.quadmask_id))?;
    let subject = context.wait(db::quadmasks::subject_json(pool, run.quadmask_id))?;
    // What was approved runs, not what the tables say now.
    let approved: Approved =
        serde_json::from_str(&subject).context("the approved quadmask cannot be read")?;
    let removal = Removal { context, run, shot, subject: quadmask.subject, approved, manifest };
    match removal.run.recipe.clone() {
        Recipe::Plate(recipe) => {
            let plate = removal.plate()?;
            let (causes, scratch) = (&removal.approved.causes, context.scratch.path());
            let mut report = context.reporter();
            let done =
                remove(plate, &mut |frame| removal.levels(frame), causes, &recipe, scratch, &mut report)?;
            report.step(Step::Store, 0, 1)?;
            removal.store(&Made {
                result: done.result,
                matte: done.matte,
                proxy: done.proxy,
                proxy_index: done.proxy_index,
                proof: done.proof,
                notes: done.notes,
                networks: None,
            })
        }
        Recipe::Void(order) => void::run(&removal, &order),
    }
}

impl Removal<'_> {
    fn plate(&self) -> anyhow::Result<Plate> {
        self.context.plate(&self.shot)
    }

    /// What was approved on a frame.
    fn levels(&self, frame: u32) -> pipeline::Result<Levels> {
        let wrong = |what: String| pipeline::Error::Input(what);
        let Manifest { width, height, frames } = &self.manifest;
        let entry = frames.get(frame as usize);
        let entry = entry.ok_or_else(|| wrong(format!("The approved quadmask has no frame {frame}.")))?;
        let levels = super::segment::levels(self.context, entry.png, *width, *height)
            .map_err(|e| wrong(format!("{e:#}")))?;
        if levels.hash() != entry.levels {
            return Err(wrong(format!("Frame {frame} of the approved quadmask was damaged in the store.")));
        }
        Ok(levels)
    }

    /// Puts what was made into the store and makes the version.
    fn store(&self, made: &Made) -> anyhow::Result<()> {
        let Self { context, run, shot, subject, approved: _, manifest: _ } = self;
        let Made { result, matte, proxy, proxy_index, proof, notes, networks } = made;
        for note in notes {
            context.log(note);
        }
        let put = |path: &Path| -> anyhow::Result<(Hash, i64)> {
            let (hash, size) = context.store.put_file_blocking(path)?;
            Ok((hash, i64::try_from(size)?))
        };
        let mut blobs = vec![put(result)?, put(matte)?, put(proxy)?];
        let (result, matte, proxy) = (blobs[0].0, blobs[1].0, blobs[2].0);
        let mut manifest = json!({
            "plate": shot.plate,
            "trim": shot.trim,
            "quadmask": subject,
            "engine": run.recipe.engine(),
            "build": env!("CARGO_PKG_VERSION"),
            "recipe": run.recipe.knobs(),
            "proof": proof,
            "result": result,
            "matte": matte,
            "notes": notes,
        });
        let mut model_output = None;
        if let Some(networks) = networks {
            let output = put(&networks.output)?;
            blobs.push(output);
            model_output = Some(output.0);
            manifest["model_output"] = json!(output.0);
            manifest["networks"] = networks.used.clone();
        }
        let finished = Finished {
            manifest,
            proof: proof.clone(),
            result,
            matte,
            proxy,
            proxy_index: serde_json::to_string(proxy_index)?,
            made_by: networks.as_ref().map(|networks| networks.made_by.clone()),
            model_output,
            follow: networks.as_ref().and_then(|networks| networks.follow.clone()),
        };
        let run_id = run.run_id;
        context.write(|tx| {
            let (finished, blobs) = (finished.clone(), blobs.clone());
            Box::pin(async move {
                for (hash, size) in blobs {
                    db::blobs::record(tx, hash, size).await?;
                }
                db::versions::create(tx, run_id, &finished).await
            })
        })?;
        Ok(())
    }
}
