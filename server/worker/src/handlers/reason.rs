//! Reason: the plate and the draft's primary masks to proposals of what else is affected. What people decided stays.

use std::collections::HashMap;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use db::proposals::Found;
use domain::{Hash, Levels, Proposal, ShotId};
use media::{Rgb8, jpeg};
use pipeline::PlateFile;
use pipeline::stages::reason::reason;
use plate::reason::ReasonParams;

use super::segment::levels;
use crate::context::Context;

/// Size of a proposal's picture, and how far it looks beyond the thing, as a part of the thing's size.
const PICTURE: (u32, u32) = (224, 126);
const AROUND: f32 = 0.5;

pub fn run(context: &Context, shot_id: ShotId) -> anyhow::Result<()> {
    let shot = context.wait(db::shots::get(context.db.pool(), shot_id))?;
    let rows = context.wait(db::draft::frames(context.db.pool(), shot_id))?;
    let inputs = db::proposals::inputs(&shot, &rows);
    if context.wait(db::proposals::is_done(context.db.pool(), shot_id, inputs))? {
        context.log("Nothing changed since the last search");
        return Ok(());
    }
    let known: HashMap<u32, Hash> = rows.iter().filter_map(|r| r.levels.map(|l| (r.frame, l))).collect();
    let mut report = context.reporter();
    let mut plate = PlateFile::open(context.plate(&shot)?, &mut report)?;
    let (width, height) = plate.size();
    let mut masks = |frame: u32| -> pipeline::Result<Levels> {
        levels(context, known.get(&frame).copied(), width, height)
            .map_err(|error| pipeline::Error::Input(format!("{error:#}")))
    };
    let reasoned = reason(&mut plate, &mut masks, &ReasonParams::default(), &mut report)?;
    let mut found = Vec::new();
    for proposal in reasoned.proposals {
        let picture = Some(picture(&mut plate, &proposal)?);
        found.push(Found { proposal, picture });
    }
    context.log(format!("{} proposals", found.len()));
    let notes = reasoned.notes;
    context.write(|tx| {
        let (found, notes) = (found.clone(), notes.clone());
        Box::pin(async move { db::proposals::put(tx, shot_id, inputs, &found, &notes).await })
    })?;
    Ok(())
}

/// The surroundings of a thing on the frame that shows it best, as a data address.
fn picture(plate: &mut PlateFile, proposal: &Proposal) -> anyhow::Result<String> {
    let (width, height) = plate.size();
    let [left, top, right, bottom] = proposal.place;
    let (w, h) = (width as f32, height as f32);
    // Wide enough for the thing and its surroundings, in the shape of the picture that it becomes.
    let shape = PICTURE.0 as f32 / PICTURE.1 as f32;
    let wanted =
        ((right - left) * w * (1.0 + 2.0 * AROUND)).max((bottom - top) * h * (1.0 + 2.0 * AROUND) * shape);
    let wide = wanted.max(0.2 * w).min(w).min(h * shape);
    let high = wide / shape;
    let x = ((left + right) / 2.0 * w - wide / 2.0).clamp(0.0, w - wide);
    let y = ((top + bottom) / 2.0 * h - high / 2.0).clamp(0.0, h - high);
    // Scaled first: no more of a large plate is converted than is shown.
    let scale = (PICTURE.0 as f32 / wide).min(1.0);
    let (sw, sh) = ((w * scale).round().max(1.0) as u32, (h * scale).round().max(1.0) as u32);
    let (colour, rotation) = (plate.facts.colour.clone(), plate.facts.rotation);
    let whole = plate.picture(proposal.shown)?.to_rgb(sw, sh, &colour, rotation)?;
    let (cw, ch) = ((wide * scale).round().max(1.0) as u32, (high * scale).round().max(1.0) as u32);
    let part = cut(&whole, (x * scale) as u32, (y * scale) as u32, cw.min(sw), ch.min(sh));
    let bytes = jpeg(&part, 5).context("making a proposal's picture")?;
    Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(bytes)))
}

fn cut(whole: &Rgb8, x: u32, y: u32, width: u32, height: u32) -> Rgb8 {
    let (x, y) = (x.min(whole.width - width), y.min(whole.height - height));
    let row = |row: u32| {
        let start = ((y + row) * whole.width + x) as usize * 3;
        &whole.data[start..start + width as usize * 3]
    };
    Rgb8 { width, height, data: (0..height).flat_map(row).copied().collect() }
}
