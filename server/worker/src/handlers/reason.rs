//! Reason: the plate and the draft's primary masks to proposals of what else is affected, by the built-in reasoner or by a model
//! outside that the project allows. What people decided stays.

mod named;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use db::draft::Frame;
use db::proposals::{Found, Told};
use domain::outside::Reasoner as By;
use domain::project::Shot;
use domain::{Hash, Levels, Proposal, ShotId};
use media::{Rgb8, jpeg};
use pipeline::PlateFile;
use pipeline::stages::affected::join;
use reasoner::{Answer, BuiltIn, Reasoner, Remote, Setting};

use super::segment::levels;
use crate::context::Context;

/// Size of a proposal's picture, and how far it looks beyond the thing, as a part of the thing's size.
const PICTURE: (u32, u32) = (224, 126);
const AROUND: f32 = 0.5;

pub fn run(context: &Context, shot_id: ShotId, by: By) -> anyhow::Result<()> {
    let shot = context.wait(db::shots::get(context.db.pool(), shot_id))?;
    let rows = context.wait(db::draft::frames(context.db.pool(), shot_id))?;
    match by {
        By::BuiltIn => {
            look(context, &shot, &rows, db::proposals::inputs(&shot, &rows), &mut BuiltIn::default())
        }
        By::Outside => {
            let setting = allowed(context, &shot)?;
            let sends = setting.outside.sends;
            let question = context.wait(db::proposals::question(&context.db, &shot, &rows, sends))?;
            let inputs = db::proposals::inputs_outside(&shot, &rows, question.key(&setting.outside));
            let mut remote = Remote { setting, question, runtime: context.runtime() };
            look(context, &shot, &rows, inputs, &mut remote)
        }
    }
}

/// The model that this worker may ask about the shot, as its project allows it now: it may have been taken back since.
fn allowed(context: &Context, shot: &Shot) -> anyhow::Result<Setting> {
    let project = context.wait(db::projects::get(context.db.pool(), shot.project_id))?;
    let setting = context.outside.clone().context(
        "This worker was told of no model outside. Use the built-in reasoner, or start it with OUTSIDE_ENDPOINT and OUTSIDE_MODEL",
    )?;
    let is_allowed = project.outside.is_some_and(|consent| consent.covers(&setting.outside));
    anyhow::ensure!(
        is_allowed,
        "The project does not allow that this model is asked, so nothing was sent. A producer or owner can allow it in the project's \
         settings; the built-in reasoner asks nobody"
    );
    Ok(setting)
}

/// Has a reasoner look, unless the last search looked at just this, and keeps what it found.
fn look(
    context: &Context,
    shot: &Shot,
    rows: &[Frame],
    inputs: Hash,
    reasoner: &mut dyn Reasoner,
) -> anyhow::Result<()> {
    let shot_id = shot.shot_id;
    if context.wait(db::proposals::is_done(context.db.pool(), shot_id, inputs))? {
        context.log("Nothing changed since the last search");
        return Ok(());
    }
    let known: HashMap<u32, Hash> = rows.iter().filter_map(|r| r.levels.map(|l| (r.frame, l))).collect();
    let mut report = context.reporter();
    let mut plate = PlateFile::open(context.plate(shot)?, &mut report)?;
    let (width, height) = plate.size();
    let mut masks = |frame: u32| -> pipeline::Result<Levels> {
        levels(context, known.get(&frame).copied(), width, height)
            .map_err(|error| pipeline::Error::Input(format!("{error:#}")))
    };
    let answer = reasoner.reason(&mut plate, &mut masks, &mut report).map_err(|error| match error {
        // As the worker's loop knows it: that somebody stopped the job is no failure.
        reasoner::Error::Pipeline(error) => anyhow::Error::from(error),
        error => error.into(),
    })?;
    let Answer { mut proposals, mut notes, scene, asked } = answer;
    if let Some(asked) = &asked {
        context.log(format!("{} was asked: {}", asked.who(), asked.bill()));
        let frames = plate.frames();
        let mut nouns = named::of(context, shot, &mut plate);
        let size = (width, height);
        notes.extend(join(frames, size, &mut masks, &mut proposals, &mut *nouns, &mut report)?);
    }
    let mut found = Vec::new();
    for proposal in proposals {
        // What was said without a place has nothing to show.
        let picture = if proposal.spans.is_empty() { None } else { Some(picture(&mut plate, &proposal)?) };
        found.push(Found { proposal, picture });
    }
    context.log(format!("{} proposals", found.len()));
    let told = asked.map(|asked| Told { asked, scene });
    context.write(|tx| {
        let (found, notes, told) = (found.clone(), notes.clone(), told.clone());
        Box::pin(
            async move { db::proposals::put_told(tx, shot_id, inputs, &found, &notes, told.as_ref()).await },
        )
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
