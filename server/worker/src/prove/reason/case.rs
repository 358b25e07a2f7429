//! Shots as files, `stage reason` run on them, and the noun-only stage beside it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::{Cause, CellSpan, Consequence, Effect, Grid, Level, Levels, Region};
use media::read_mask;
use pipeline::Reporter;
use pipeline::demo::Scene;
use pipeline::stages::noun::{Each, Nouns, Thing, as_the_reference};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::child;
use super::super::plate::film::Format;
use super::super::plate::footage::Footage;
use super::score::{Cells, Scored, overlap};

/// An entry of `causes.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Proposed {
    pub name: String,
    pub consequence: Consequence,
    pub effect: Effect,
    pub confidence: f64,
    pub frames: (u32, u32),
    pub shown: u32,
    pub spans: Vec<CellSpan>,
}

impl Proposed {
    pub fn cells_at(&self, frame: u32) -> Cells {
        let spans = self.spans.iter().filter(|s| s.from <= frame && frame <= s.to);
        spans.flat_map(|s| s.cells.iter().copied()).collect()
    }
}

/// A rendered shot.
pub struct Case {
    folder: tempfile::TempDir,
    footage: Footage,
}

impl Case {
    pub fn of_scene(scene: &Scene, seed: u64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut all = Footage::of_scene(scene, &[Format::new("yuv420p")], seed, folder.path())?;
        Ok(Self { footage: all.remove(0), folder })
    }

    /// Runs the stage and compares with the truth.
    pub fn scored(&self, scene: &Scene) -> anyhow::Result<Scored> {
        let (proposals, report) = reasoned(&self.footage, self.folder.path())?;
        let nouns = noun_only(scene)?;
        Ok(Scored::new(&scene.name(), scene.frames(), scene.causes(), proposals, nouns, &report))
    }
}

fn reasoned(footage: &Footage, folder: &Path) -> anyhow::Result<(Vec<Proposed>, Value)> {
    let out = folder.join("out");
    let mut stage = child::ourselves()?;
    stage.args(["stage", "reason", "--plate"]).arg(&footage.plate).arg("--mask").arg(&footage.quadmask);
    child::run_well(stage.arg("--out").arg(&out))?;
    let read =
        |name: &str| std::fs::read_to_string(out.join(name)).with_context(|| format!("reading {name}"));
    Ok((serde_json::from_str(&read("causes.json")?)?, serde_json::from_str(&read("report.json")?)?))
}

/// The reference's third stage with the best answer that any segmenter could give for the true nouns: every pixel that truly
/// changes.
fn noun_only(scene: &Scene) -> pipeline::Result<Vec<Cells>> {
    let target = region(scene, 0, Level::is_primary);
    as_the_reference(&mut Truth(scene), &["all that changes".to_owned()], scene.frames(), &target, &mut ())
}

fn region(scene: &Scene, frame: u32, is: fn(Level) -> bool) -> Region {
    let grey = scene.close_quadmask(frame).to_grey();
    Region::of_grey(scene.width(), scene.height(), &grey, |g| is(Level::nearest(g))).expect("sizes agree")
}

/// Knows what is affected, whatever it is called.
struct Truth<'a>(&'a Scene);

impl Nouns for Truth<'_> {
    fn look(&mut self, _: &Thing, frames: &[u32], _: &mut dyn Reporter, each: Each) -> pipeline::Result<()> {
        frames.iter().try_for_each(|frame| each(*frame, vec![region(self.0, *frame, Level::is_affected)]))
    }
}

/// The cells of which more than `least` of the pixels are meant.
fn cells(region: &Region, grid: Grid, least: f64) -> Cells {
    let (width, height) = (region.width(), region.height());
    let mut counts = vec![(0_u32, 0_u32); (grid.rows * grid.cols) as usize];
    for (at, meant) in region.pixels().iter().enumerate() {
        let (r, c) = grid.at(at as u32 % width, at as u32 / width, width, height);
        let count = &mut counts[(r * grid.cols + c) as usize];
        count.0 += u32::from(*meant);
        count.1 += 1;
    }
    let meant = counts.iter().enumerate().filter(|(_, (n, of))| f64::from(*n) > least * f64::from(*of));
    meant.map(|(at, _)| (at as u32 / grid.cols, at as u32 % grid.cols)).collect()
}

/// A real shot with the quadmask that came with it.
pub struct Real {
    name: String,
    plate: PathBuf,
    quadmask: PathBuf,
}

impl Real {
    pub fn of_folder(name: &str, folder: &Path) -> anyhow::Result<Self> {
        let Footage { plate, quadmask, .. } = Footage::of_folder(folder)?;
        Ok(Self { name: name.into(), plate, quadmask })
    }

    /// What is proposed, and how the cells of each and of all agree with levels 63 and 127 there.
    pub fn figures(&self) -> anyhow::Result<Value> {
        let folder = tempfile::tempdir()?;
        let footage = Footage {
            plate: self.plate.clone(),
            quadmask: self.quadmask.clone(),
            frames: 0,
            size: (0, 0),
            format: String::new(),
        };
        let (proposals, report) = reasoned(&footage, folder.path())?;
        let mut masks = read_mask(&self.quadmask)?;
        let (width, height) = (masks.width(), masks.height());
        let grid = Grid::of(width, height);
        let mut truth: Vec<Cells> = Vec::new();
        for frame in 0..masks.frames() {
            let levels = Levels::from_grey(width, height, &masks.read(frame)?)?;
            let affected =
                Region::of_grey(width, height, &levels.to_grey(), |g| Level::nearest(g).is_affected())?;
            truth.push(cells(&affected, grid, 0.3));
        }
        let affected: Vec<&Proposed> = proposals.iter().filter(|p| p.effect.is_affected()).collect();
        let all = |frame: u32| affected.iter().flat_map(|p| p.cells_at(frame)).collect::<BTreeSet<_>>();
        let each: Vec<Value> = proposals
            .iter()
            .map(|p| {
                json!({ "name": p.name, "effect": p.effect, "consequence": p.consequence, "confidence": p.confidence,
                    "frames": p.frames, "shown": p.shown, "region_iou": overlap(&truth, |f| p.cells_at(f)) })
            })
            .collect();
        Ok(json!({
            "shot": self.name, "region_iou": overlap(&truth, all), "seconds": report["seconds"],
            "peak_rss_bytes": report["peak_rss_bytes"], "proposals": each,
        }))
    }
}

/// True cells of causes that change something, at a frame.
pub fn true_cells(causes: &[Cause], frame: u32) -> Cells {
    let changing = causes.iter().filter(|c| c.consequence != Consequence::Keep);
    changing.flat_map(|c| c.cells_at(frame)).collect()
}
