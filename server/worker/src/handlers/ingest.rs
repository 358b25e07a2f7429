//! Ingest: a plate blob to facts, proxy, strip, poster and sound.

use std::path::Path;

use db::shots::Made;
use domain::{Hash, Phase, ShotId};
use pipeline::stages::ingest::ingest;

use crate::context::Context;

pub fn run(context: &Context, shot_id: ShotId) -> anyhow::Result<()> {
    let shot = context.wait(db::shots::get(context.db.pool(), shot_id))?;
    if shot.phase != Phase::Uploaded {
        return Ok(()); // done by an earlier attempt whose end was not written
    }
    let plate = context.named(shot.plate, &shot.file_name)?;
    let out = context.scratch.path().to_owned();
    let done = ingest(&plate, shot.trim, shot.said_colour, &out, &mut context.reporter())?;
    let put = |path: &Path| -> anyhow::Result<(Hash, i64)> {
        let (hash, size) = context.store.put_file_blocking(path)?;
        Ok((hash, i64::try_from(size)?))
    };
    let (proxy, poster, strip) = (put(&done.proxy)?, put(&done.poster)?, put(&done.strip)?);
    let sound = done.sound.as_deref().map(put).transpose()?;
    let frame_index = serde_json::to_vec(&done.index)?;
    let frame_index = (context.store.put_blocking(&frame_index)?, i64::try_from(frame_index.len())?);
    let made = Made {
        frame_index: frame_index.0,
        proxy: proxy.0,
        poster: poster.0,
        strip: strip.0,
        sound: sound.map(|(hash, _)| hash),
    };
    let index = serde_json::to_string(&done.proxy_index)?;
    context.log(format!("{} frames, {}", done.facts.frames, done.facts.codec));
    context.write(|tx| {
        let (facts, index) = (done.facts.clone(), index.clone());
        Box::pin(async move {
            for (hash, size) in [frame_index, proxy, poster, strip].into_iter().chain(sound) {
                db::blobs::record(tx, hash, size).await?;
            }
            db::shots::ingested(tx, shot_id, &facts, made, &index).await
        })
    })?;
    Ok(())
}
