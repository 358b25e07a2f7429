//! The files in which VOID's own tools keep a shot's marks, written for them and read back: the points config (void-spec §1.5),
//! `segmentation_info.json` (§1.6), trajectories (§1.7) and `prompt.json` (§1.1). Masks are movies beside them (§1.8).
//!
//! Those tools know positive points of one object, in whole pixels, and paths without frames. What is more than that stands beside
//! under keys of our own, which they leave alone, and counts again only where their keys still say the same.

mod read;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Cause, Consequence, Grid, PathPoint, Target, Words};

pub use read::{BadFile, Brought, DrawnPath, read};

/// Names in the archive. VOID's tools find the points and the trajectories by the stem of the config.
pub const POINTS: &str = "shot_points.json";
pub const TRAJECTORIES: &str = "shot_trajectories.json";
pub const INFO: &str = "segmentation_info.json";
pub const PROMPT: &str = "prompt.json";
pub const QUADMASK: &str = "quadmask_0.mp4";
pub const BLACK: &str = "black_mask.mp4";
pub const GREY: &str = "grey_mask.mp4";

/// Where those tools look for the plate, beside the config.
const VIDEO: &str = "input_video.mp4";

/// What is written of a shot.
#[derive(Debug, Clone, Copy)]
pub struct Marked<'a> {
    /// Of the plate, width and height as shown.
    pub frames: u32,
    pub size: (u32, u32),
    /// Frames a second.
    pub rate: f64,
    pub targets: &'a [Target],
    pub causes: &'a [Cause],
    pub words: &'a Words,
}

/// Places in whole pixels, by frame.
type Points = BTreeMap<u32, Vec<[i64; 2]>>;

#[derive(Serialize)]
struct Config<'a> {
    videos: [Video<'a>; 1],
}

#[derive(Serialize)]
struct Video<'a> {
    video_path: &'a str,
    output_dir: &'a str,
    instruction: &'a str,
    primary_points_by_frame: &'a Points,
    primary_frames: Vec<u32>,
    min_grid: u32,
    multi_frame_grids: bool,
    max_video_size_for_multiframe: u32,
    /// Ours: every target exactly.
    targets: &'a [Target],
}

#[derive(Serialize)]
struct Info<'a> {
    total_frames: u32,
    frame_width: u32,
    frame_height: u32,
    fps: f64,
    num_points: usize,
    points_by_frame: &'a Points,
    video_path: &'a str,
    instruction: &'a str,
    primary_points_by_frame: &'a Points,
    primary_frames: Vec<u32>,
    first_appears_frame: u32,
}

#[derive(Serialize)]
struct Trajectory<'a> {
    video_path: &'a str,
    object_noun: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_appears_frame: Option<u32>,
    trajectory_points: Vec<[i64; 2]>,
    trajectory_grid_cells: Vec<[u32; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grid_rows: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grid_cols: Option<u32>,
    skipped: bool,
    /// Ours: the path with its frames.
    path: &'a [PathPoint],
}

/// Only the key that is read.
#[derive(Serialize, Deserialize)]
struct Prompt {
    bg: String,
}

/// The files' names and texts; nothing is left out, so that a shot without paths has an empty list of them.
pub fn files(marked: &Marked) -> Vec<(&'static str, String)> {
    let Marked { frames, size, rate, targets, causes, words } = *marked;
    let points = points_of(targets, size);
    let clicked: Vec<u32> = points.keys().copied().collect();
    let video = Video {
        video_path: VIDEO,
        output_dir: ".",
        instruction: &words.removal,
        primary_points_by_frame: &points,
        primary_frames: clicked.clone(),
        min_grid: 8,
        multi_frame_grids: true,
        max_video_size_for_multiframe: 25,
        targets,
    };
    let info = Info {
        total_frames: frames,
        frame_width: size.0,
        frame_height: size.1,
        fps: rate,
        num_points: points.values().map(Vec::len).sum(),
        points_by_frame: &points,
        video_path: VIDEO,
        instruction: &words.removal,
        primary_points_by_frame: &points,
        first_appears_frame: clicked.first().copied().unwrap_or_default(),
        primary_frames: clicked,
    };
    let moving = causes.iter().filter(|cause| cause.consequence == Consequence::React);
    let trajectories: Vec<Trajectory> = moving.map(|cause| trajectory(cause, size)).collect();
    vec![
        (POINTS, text(&Config { videos: [video] })),
        (INFO, text(&info)),
        (TRAJECTORIES, text(&trajectories)),
        (PROMPT, text(&Prompt { bg: words.after.clone() })),
    ]
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("our types have string keys and finite shapes")
}

/// A place in whole pixels of the picture.
fn whole(x: f32, y: f32, (width, height): (u32, u32)) -> [i64; 2] {
    let within = |at: f32, size: u32| (at.round() as i64).clamp(0, i64::from(size.saturating_sub(1)));
    [within(x, width), within(y, height)]
}

/// All that goes, as points: those tools know no boxes, so one stands for its middle where nothing else shows its target.
fn points_of(targets: &[Target], size: (u32, u32)) -> Points {
    let mut points = Points::new();
    for target in targets {
        let positive: Vec<_> = target.points.iter().filter(|point| point.positive).collect();
        for point in &positive {
            points.entry(point.frame).or_default().push(whole(point.x, point.y, size));
        }
        let shown: BTreeSet<u32> = positive.iter().map(|point| point.frame).collect();
        for b in target.boxes.iter().filter(|b| !shown.contains(&b.frame)) {
            let middle = whole((b.x0 + b.x1) / 2.0, (b.y0 + b.y1) / 2.0, size);
            points.entry(b.frame).or_default().push(middle);
        }
    }
    points
}

/// A path's places in whole pixels; they may lie outside the picture.
fn places_of(path: &[PathPoint]) -> Vec<[i64; 2]> {
    path.iter().map(|stop| [stop.x.round() as i64, stop.y.round() as i64]).collect()
}

fn trajectory(cause: &Cause, (width, height): (u32, u32)) -> Trajectory<'_> {
    let (object_noun, video_path) = (cause.name.trim().to_lowercase(), VIDEO);
    if cause.lacks_path() {
        return Trajectory {
            video_path,
            object_noun,
            first_appears_frame: None,
            trajectory_points: Vec::new(),
            trajectory_grid_cells: Vec::new(),
            grid_rows: None,
            grid_cols: None,
            skipped: true,
            path: &cause.path,
        };
    }
    let grid = Grid::of(width, height);
    let inside = |at: i64, size: u32| u32::try_from(at).ok().filter(|at| *at < size);
    let places = places_of(&cause.path);
    let cells: BTreeSet<(u32, u32)> = places
        .iter()
        .filter_map(|[x, y]| Some(grid.at(inside(*x, width)?, inside(*y, height)?, width, height)))
        .collect();
    Trajectory {
        video_path,
        object_noun,
        first_appears_frame: cause.path.first().map(|stop| stop.frame),
        trajectory_points: places,
        trajectory_grid_cells: cells.into_iter().map(|(row, col)| [row, col]).collect(),
        grid_rows: Some(grid.rows),
        grid_cols: Some(grid.cols),
        skipped: false,
        path: &cause.path,
    }
}
