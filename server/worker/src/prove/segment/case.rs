//! Shots with known masks as files, and `stage segment` run on them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use media::{Ffv1Writer, GreyWriter, Picture, PixelFormat, read_mask};
use pipeline::PlateFile;
use pipeline::trial::{self, Shown};
use plate::segment::{FrameMask, SegmentParams};
use serde_json::{Value, json};

use super::super::child::{self, Ended};
use super::score::{Score, Scores, iou};
use crate::headless::Log;
use crate::points;

/// Levels 0 and 63 of a quadmask, which may be lossy, are the primary.
const PRIMARY_BELOW: u8 = 95;

/// A shot whose masks are known.
pub struct Case {
    pub name: String,
    pub plate: PathBuf,
    /// A quadmask, or a mask with 0 on the object.
    pub truth: PathBuf,
    /// As the contents of a points file.
    pub points: Value,
    pub clicks: usize,
    pub size: (u32, u32),
}

impl Case {
    /// A real shot with its own clicks.
    pub fn of_folder(name: &str, folder: &Path) -> anyhow::Result<Self> {
        let truth = ["quadmask_0.mp4", "trimask_quadmask.mp4"].map(|name| folder.join(name));
        let truth = truth.into_iter().find(|path| path.is_file());
        let facts = std::fs::read_to_string(folder.join("segmentation_info.json"))?;
        let facts: Value = serde_json::from_str(&facts)?;
        let number = |key: &str| facts[key].as_u64().and_then(|n| u32::try_from(n).ok()).context("no size");
        Ok(Self {
            name: name.into(),
            plate: folder.join("input_video.mp4"),
            truth: truth.with_context(|| format!("there is no quadmask in {}", folder.display()))?,
            size: (number("frame_width")?, number("frame_height")?),
            clicks: clicks(&facts)?.values().filter_map(Value::as_array).map(Vec::len).sum(),
            points: facts,
        })
    }

    /// Draws the first `frames` frames of a trial shot into `folder`, with up to `count` clicks on the first.
    pub fn of_trial(shot: &trial::Shot, frames: u32, count: usize, folder: &Path) -> anyhow::Result<Self> {
        let (width, height) = shot.size();
        let rate = domain::Rate::new(24, 1).expect("24 is a rate");
        let format = PixelFormat::from_name("gbrp").context("FFmpeg has planar RGB")?;
        let colour = domain::Colour {
            primaries: "bt709".into(),
            transfer: "bt709".into(),
            matrix: "gbr".into(),
            range: "pc".into(),
            assumed: false,
        };
        let (plate, truth) = (folder.join("plate.mkv"), folder.join("truth.mkv"));
        let mut pictures = Ffv1Writer::create(&plate, &format, width, height, rate, &colour, None)?;
        let mut masks = GreyWriter::create(&truth, width, height, rate)?;
        let mut chosen = vec![];
        for frame in 0..frames.min(shot.frames()) {
            let Shown { rgb, object } = shot.frame(frame);
            if frame == 0 {
                chosen = trial::clicks(&object, width, height, count);
            }
            let mut picture = Picture::new(format, width, height);
            // FFmpeg's plane order is green, blue, red.
            for (plane, channel) in picture.planes.iter_mut().zip([1, 2, 0]) {
                let samples = rgb.iter().skip(channel).step_by(3);
                plane.data.iter_mut().zip(samples).for_each(|(sample, value)| *sample = *value);
            }
            pictures.write(&picture)?;
            masks.write(&object.iter().map(|o| if *o { 0 } else { 255 }).collect::<Vec<u8>>())?;
        }
        pictures.finish()?;
        masks.finish()?;
        let (clicks, points) = (chosen.len(), json!({ "primary_points_by_frame": { "0": chosen } }));
        Ok(Self { name: shot.name(), plate, truth, points, clicks, size: (width, height) })
    }

    /// The points without all clicks but the first on the first frame that has some.
    pub fn first_click(&self) -> anyhow::Result<Value> {
        let (frame, given) = self.first_frame()?;
        Ok(json!({ "primary_points_by_frame": { frame.to_string(): [given.first()] } }))
    }

    fn first_frame(&self) -> anyhow::Result<(u32, Vec<Value>)> {
        let mut all: Vec<(u32, Vec<Value>)> = Vec::new();
        for (frame, given) in clicks(&self.points)? {
            all.push((frame.parse()?, given.as_array().cloned().unwrap_or_default()));
        }
        all.into_iter().filter(|f| !f.1.is_empty()).min_by_key(|f| f.0).context("no clicks")
    }

    /// Runs `stage segment` with `points` and compares each frame.
    pub fn segmented(&self, points: &Value, folder: &Path) -> anyhow::Result<Scores> {
        let (file, out) = (folder.join("points.json"), folder.join("out"));
        std::fs::write(&file, points.to_string())?;
        let mut stage = child::ourselves()?;
        stage.args(["stage", "segment", "--plate"]).arg(&self.plate).arg("--points").arg(&file);
        let took = child::run_well(stage.arg("--out").arg(&out))?;
        let report: Value = serde_json::from_str(&std::fs::read_to_string(out.join("report.json"))?)?;
        let mut masks = read_mask(&out.join("mask.mkv"))?;
        let mut truth = read_mask(&self.truth)?;
        ensure!(masks.frames() == truth.frames(), "{}: mask and truth differ in length", self.name);
        let mut frames = Vec::new();
        for frame in 0..masks.frames() {
            let mask = masks.read(frame)?;
            let known = truth.read(frame)?;
            ensure!(mask.len() == known.len(), "{}: mask and truth differ in size", self.name);
            frames.push(Score {
                frame,
                iou: iou(mask.iter().map(|m| *m == 0), known.iter().map(|t| *t < PRIMARY_BELOW)),
                empty: mask.iter().all(|m| *m != 0),
                confidence: report["confidence"][frame as usize].as_f64().context("no confidence")?,
            });
        }
        Ok(Scores { frames, took })
    }

    /// What each click of the first clicked frame gives on that frame alone.
    pub fn each_click_alone(&self) -> anyhow::Result<Vec<f64>> {
        let (frame, given) = self.first_frame()?;
        let known = read_mask(&self.truth)?.read(frame)?;
        let mut log = Log::default();
        let mut found = Vec::new();
        for click in given {
            let mut plate = PlateFile::open(&self.plate, &mut log)?;
            let text = json!({ "primary_points_by_frame": { frame.to_string(): [click] } }).to_string();
            let targets = points::parse(&text, plate.frames(), self.size.0, self.size.1)?;
            let mut first: Option<FrameMask> = None;
            let mut each = |mask: FrameMask| {
                first = Some(mask);
                Err(pipeline::Error::Cancelled)
            };
            let params = SegmentParams::default();
            let ended = pipeline::stages::segment::segment(
                &mut plate,
                &targets,
                &mut (),
                &params,
                &mut log,
                &mut each,
            );
            let first = first.with_context(|| format!("{}: no mask came, {ended:?}", self.name))?;
            let score = iou(first.mask.iter().map(|m| *m != 0), known.iter().map(|t| *t < PRIMARY_BELOW));
            found.push(score.unwrap_or(0.0));
        }
        Ok(found)
    }

    /// Decodes the plate with FFmpeg's command line and throws the pictures away.
    pub fn decoded(&self) -> anyhow::Result<Ended> {
        let mut ffmpeg = Command::new("ffmpeg");
        child::run_well(ffmpeg.args(["-v", "error", "-i"]).arg(&self.plate).args(["-f", "null", "-"]))
    }
}

fn clicks(points: &Value) -> anyhow::Result<&serde_json::Map<String, Value>> {
    points["primary_points_by_frame"].as_object().context("the points file has no clicks")
}
