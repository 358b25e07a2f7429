//! Remove: an approved quadmask and a recipe to a version.

use std::path::Path;

use anyhow::Context as _;
use db::versions::Finished;
use domain::{Cause, Hash, Levels, RunId, Step};
use pipeline::Reporter;
use pipeline::stages::remove::remove;
use serde::Deserialize;

use crate::context::Context;

/// The part of the approved subject that a removal needs.
#[derive(Debug, Deserialize)]
struct Approved {
    causes: Vec<Cause>,
}

pub fn run(context: &Context, run_id: RunId) -> anyhow::Result<()> {
    if context.wait(db::versions::of_run(context.db.pool(), run_id))?.is_some() {
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
    let plate = context.plate(&shot)?;
    let (width, height) = (manifest.width, manifest.height);
    let mut masks = |frame: u32| -> pipeline::Result<Levels> {
        let wrong = |what: String| pipeline::Error::Input(what);
        let entry = manifest.frames.get(frame as usize);
        let entry = entry.ok_or_else(|| wrong(format!("The approved quadmask has no frame {frame}.")))?;
        let levels =
            super::segment::levels(context, entry.png, width, height).map_err(|e| wrong(format!("{e:#}")))?;
        if levels.hash() != entry.levels {
            return Err(wrong(format!("Frame {frame} of the approved quadmask was damaged in the store.")));
        }
        Ok(levels)
    };
    let mut report = context.reporter();
    let done = remove(plate, &mut masks, &approved.causes, &run.recipe, context.scratch.path(), &mut report)?;
    report.step(Step::Store, 0, 1)?;
    for note in &done.notes {
        context.log(note.clone());
    }
    let put = |path: &Path| -> anyhow::Result<(Hash, i64)> {
        let (hash, size) = context.store.put_file_blocking(path)?;
        Ok((hash, i64::try_from(size)?))
    };
    let blobs = [put(&done.result)?, put(&done.matte)?, put(&done.proxy)?];
    let [(result, _), (matte, _), (proxy, _)] = blobs;
    let manifest = serde_json::json!({
        "plate": shot.plate,
        "trim": shot.trim,
        "quadmask": quadmask.subject,
        "engine": run.engine,
        "build": env!("CARGO_PKG_VERSION"),
        "recipe": run.recipe,
        "proof": done.proof,
        "result": result,
        "matte": matte,
        "notes": done.notes,
    });
    let finished = Finished {
        manifest,
        proof: done.proof,
        result,
        matte,
        proxy,
        proxy_index: serde_json::to_string(&done.proxy_index)?,
    };
    context.write(|tx| {
        let finished = finished.clone();
        Box::pin(async move {
            for (hash, size) in blobs {
                db::blobs::record(tx, hash, size).await?;
            }
            db::versions::create(tx, run_id, &finished).await
        })
    })?;
    Ok(())
}
