//! `stage segment`: writes `mask.mkv` and `report.json`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use media::{GreyWriter, read_mask};
use pipeline::PlateFile;
use pipeline::stages::segment::segment;
use plate::segment::{FrameMask, SegmentParams};

use super::{Log, Part, make_out, write_report};
use crate::points;

/// Grows a primary mask from clicks and boxes over all frames, both ways: without weights, or with SAM 2.
///
/// Writes into DIR: mask.mkv (FFV1 grey, 0 object, 255 rest, one frame per plate frame) and report.json with
/// `engine`, `model` (of SAM 2), `first`, `frames`, `width`, `height`, `confidence` (0–1 per frame), `open_seconds` (of SAM 2's
/// weights), `first_mask_seconds` (from then on, the plate's being read included), `seconds`, `peak_rss_bytes`.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The plate: MOV, MP4, MKV, MXF, …
    #[arg(long)]
    plate: PathBuf,
    #[command(flatten)]
    part: Part,
    /// points.json: primary_points_by_frame, negative_points_by_frame, boxes_by_frame; frames from 0, plate pixels.
    /// A list of such entries, or {"videos": [...]}, with the first one's video_path and output_dir: one for each target.
    /// The reference's segmentation_info.json is read too.
    #[arg(long)]
    points: PathBuf,
    /// What segments: `plate` needs no weights, `sam2` needs --weights.
    #[arg(long, default_value = "plate", value_parser = ["plate", "sam2"])]
    engine: String,
    #[command(flatten)]
    net: super::sam2::Net,
    /// Folder for the results.
    #[arg(long)]
    out: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut net = match args.engine.as_str() {
        "sam2" => Some(super::sam2::open(&args.net)?), // before anything is made
        _ => None,
    };
    let opened = Instant::now();
    make_out(&args.out)?;
    let mut log = Log::default();
    let mut plate = PlateFile::open(args.part.of(&args.plate, &mut log)?, &mut log)?;
    let frames = plate.frames();
    let (width, height) = plate.size();
    let text = std::fs::read_to_string(&args.points)
        .with_context(|| format!("{} cannot be read", args.points.display()))?;
    let targets = points::parse(&text, frames, width, height)?;

    // Masks come forwards and then backwards, the file wants them in order: kept as FFV1 pictures in arrival order.
    let scratch = tempfile::tempdir_in(&args.out)?;
    let arrived = scratch.path().join("arrived.mkv");
    let rate = plate.facts.rate;
    let mut writer = GreyWriter::create(&arrived, width, height, rate)?;
    let mut place = vec![None; frames as usize];
    let mut confidence = vec![0.0; frames as usize];
    let mut count = 0u32;
    let mut first_mask = None;
    let mut each = |mask: FrameMask| -> pipeline::Result<()> {
        if !mask.whole {
            return Ok(());
        }
        first_mask.get_or_insert_with(|| opened.elapsed().as_secs_f64());
        let inverted: Vec<u8> = mask.mask.iter().map(|&m| if m == 0 { 255 } else { 0 }).collect();
        writer.write(&inverted)?;
        place[mask.frame as usize] = Some(count);
        confidence[mask.frame as usize] = mask.confidence;
        count += 1;
        Ok(())
    };
    match &mut net {
        Some(net) => super::sam2::segment(net, &args.net, &mut plate, &targets, &mut log, &mut each)?,
        None => segment(&mut plate, &targets, &mut (), &SegmentParams::default(), &mut log, &mut each)?,
    }
    writer.finish()?;
    let mut reader = read_mask(&arrived)?;
    let mut ordered = GreyWriter::create(&args.out.join("mask.mkv"), width, height, rate)?;
    for at in place {
        ordered.write(&reader.read(at.context("the segmenter left a frame out")?)?)?;
    }
    ordered.finish()?;
    write_report(
        &args.out,
        &serde_json::json!({
            "engine": args.engine, "model": net.as_ref().map(super::sam2::named),
            "first": args.part.first, "frames": frames, "width": width, "height": height, "confidence": confidence,
            "open_seconds": net.is_some().then(|| (opened - started).as_secs_f64()), "first_mask_seconds": first_mask,
            "seconds": started.elapsed().as_secs_f64(), "peak_rss_bytes": crate::memory::peak_rss_bytes(),
        }),
    )
}
