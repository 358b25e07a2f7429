//! Marks read back from VOID's files, ours or those of its own tools. Whatever is not of this shot is refused in words.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Points, Prompt, places_of, points_of};
use crate::target::TARGET_COLOURS;
use crate::{PathPoint, PointPrompt, Target, TargetId};

/// A file that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{name}” cannot be taken: {why}.")]
pub struct BadFile {
    pub name: String,
    pub why: String,
}

/// A path that something takes on its own.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnPath {
    /// What it is called there, in small letters.
    pub noun: String,
    pub path: Vec<PathPoint>,
}

/// What files say of a shot.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Brought {
    /// Their ids mean nothing here.
    pub targets: Vec<Target>,
    pub paths: Vec<DrawnPath>,
    /// What goes, and what the scene shows afterwards; `None`: not said.
    pub removal: Option<String>,
    pub after: Option<String>,
}

impl Brought {
    pub fn is_empty(&self) -> bool {
        let Self { targets, paths, removal, after } = self;
        targets.is_empty() && paths.is_empty() && removal.is_none() && after.is_none()
    }
}

/// What a target is called that has no name there.
const CLICKED: &str = "Clicked in VOID’s tools";
/// More videos than any config has.
const MOST_VIDEOS: usize = 1_000;

#[derive(Clone, Copy)]
struct Plate {
    frames: u32,
    size: (u32, u32),
}

/// What `files` (name and text) say of a plate of `frames` frames and `size` pixels, together. Where a config has several videos,
/// the one that is called like `stem`, the plate's file without its ending, is meant.
///
/// # Errors
/// A text that is none of the known files, or that points where this plate has nothing.
pub fn read(files: &[(&str, &str)], stem: &str, frames: u32, size: (u32, u32)) -> Result<Brought, BadFile> {
    let plate = Plate { frames, size };
    let mut all = Brought::default();
    for (name, text) in files {
        let bad = |why: String| BadFile { name: (*name).to_owned(), why };
        let value: Value =
            serde_json::from_str(text).map_err(|error| bad(format!("it is not JSON ({error})")))?;
        let found = one(value, stem, plate).map_err(bad)?;
        // Clicks stand in two files, our own targets in one of them.
        let is_own = |targets: &[Target]| !targets.is_empty() && targets.iter().all(|t| t.name != CLICKED);
        if all.targets.is_empty() || (!is_own(&all.targets) && is_own(&found.targets)) {
            all.targets = found.targets;
        }
        all.paths.extend(found.paths);
        all.removal = all.removal.or(found.removal);
        all.after = all.after.or(found.after);
    }
    Ok(all)
}

fn said(text: Option<&Value>) -> Option<String> {
    text.and_then(Value::as_str).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn one(value: Value, stem: &str, plate: Plate) -> Result<Brought, String> {
    match value {
        Value::Object(fields) if fields.contains_key("videos") => match &fields["videos"] {
            Value::Array(videos) => points_config(videos, stem, plate),
            _ => Err("its “videos” is no list".to_owned()),
        },
        Value::Object(fields) if fields.contains_key("total_frames") => info(&fields, plate),
        Value::Object(fields) if fields.contains_key("bg") => {
            let prompt: Prompt = serde_json::from_value(Value::Object(fields))
                .map_err(|_| "its “bg” is no text".to_owned())?;
            Ok(Brought { after: said(Some(&Value::String(prompt.bg))), ..Brought::default() })
        }
        Value::Object(fields) if has_points(&fields) => video(&fields, plate),
        Value::Array(list) if list.iter().any(|entry| entry.get("object_noun").is_some()) => {
            trajectories(&list, stem, plate)
        }
        Value::Array(list) if list.is_empty() => Ok(Brought::default()),
        Value::Array(list) => points_config(&list, stem, plate),
        _ => Err("it is neither a points config, a list of trajectories, segmentation_info.json nor \
                  prompt.json of VOID’s tools"
            .to_owned()),
    }
}

fn has_points(fields: &Map<String, Value>) -> bool {
    ["primary_points_by_frame", "primary_points", "points_by_frame"]
        .iter()
        .any(|key| fields.contains_key(*key))
}

/// The file of a path without folder and ending.
fn stem_of(path: &str) -> &str {
    let base = path.rsplit(['/', '\\']).next().unwrap_or_default();
    base.rsplit_once('.').map_or(base, |(stem, _)| stem)
}

/// Whether an entry is of this shot: it is the only one's, or called like it.
fn is_ours(entry: &Value, stem: &str) -> bool {
    let path = entry.get("video_path").and_then(Value::as_str).unwrap_or_default();
    stem_of(path) == stem
}

fn points_config(videos: &[Value], stem: &str, plate: Plate) -> Result<Brought, String> {
    if videos.len() > MOST_VIDEOS {
        return Err(format!("it has {} videos", videos.len()));
    }
    let chosen = match videos {
        [] => return Err("it has no videos".to_owned()),
        [only] => only,
        many => {
            let mut ours = many.iter().filter(|entry| is_ours(entry, stem));
            match (ours.next(), ours.next()) {
                (Some(one), None) => one,
                (None, _) => {
                    return Err(format!("it is about {} videos, and none is called “{stem}”", many.len()));
                }
                (Some(_), Some(_)) => return Err(format!("it has more than one entry for “{stem}”")),
            }
        }
    };
    match chosen {
        Value::Object(fields) => video(fields, plate),
        _ => Err("an entry of its list is no object".to_owned()),
    }
}

fn info(fields: &Map<String, Value>, plate: Plate) -> Result<Brought, String> {
    let number = |key: &str| fields.get(key).and_then(Value::as_u64);
    let told = (number("total_frames"), number("frame_width"), number("frame_height"));
    let is_same = |told: Option<u64>, here: u32| told.is_none_or(|told| told == u64::from(here));
    let (width, height) = plate.size;
    if !is_same(told.0, plate.frames) || !is_same(told.1, width) || !is_same(told.2, height) {
        let word = |n: Option<u64>| n.map_or("?".to_owned(), |n| n.to_string());
        return Err(format!(
            "it is of {} frames of {}×{}, the plate has {} of {width}×{height}",
            word(told.0),
            word(told.1),
            word(told.2),
            plate.frames
        ));
    }
    video(fields, plate)
}

/// One video's entry.
fn video(fields: &Map<String, Value>, plate: Plate) -> Result<Brought, String> {
    let mut points = Points::new();
    let mut exact: BTreeMap<u32, Vec<(f32, f32)>> = BTreeMap::new();
    let by_frame = ["primary_points_by_frame", "points_by_frame"]
        .into_iter()
        .filter_map(|key| fields.get(key).and_then(Value::as_object))
        .find(|by_frame| !by_frame.is_empty());
    let mut take = |frame: u32, places: &Value| -> Result<(), String> {
        for (x, y) in places_on(frame, places, plate)? {
            points.entry(frame).or_default().push([x.round() as i64, y.round() as i64]);
            exact.entry(frame).or_default().push((x, y));
        }
        Ok(())
    };
    if let Some(by_frame) = by_frame {
        for (frame, places) in by_frame {
            let frame = frame.parse::<u32>().map_err(|_| format!("“{frame}” is no frame number"))?;
            take(frame, places)?;
        }
    } else if let Some(places) = fields.get("primary_points") {
        let first = fields.get("first_appears_frame").and_then(Value::as_u64).unwrap_or_default();
        take(u32::try_from(first).map_err(|_| format!("frame {first} is not in this shot"))?, places)?;
    }
    let removal = said(fields.get("instruction"));
    let targets = match own_targets(fields, plate)? {
        // Their tools may have changed the points since.
        Some(own) if points_of(&own, plate.size) == points => own,
        _ => clicked(&exact)?,
    };
    Ok(Brought { targets, removal, ..Brought::default() })
}

/// Our own targets, where they are there.
fn own_targets(fields: &Map<String, Value>, plate: Plate) -> Result<Option<Vec<Target>>, String> {
    let Some(value) = fields.get("targets") else { return Ok(None) };
    let targets: Vec<Target> =
        Deserialize::deserialize(value).map_err(|error| format!("its “targets” are not ours ({error})"))?;
    for target in &targets {
        target
            .check(plate.frames, plate.size.0, plate.size.1)
            .map_err(|bad| format!("its target “{}” does not fit this plate: {bad}", target.name))?;
    }
    Ok(Some(targets))
}

/// One target of all points, as those tools mean them.
fn clicked(points: &BTreeMap<u32, Vec<(f32, f32)>>) -> Result<Vec<Target>, String> {
    let on = |(frame, places): (&u32, &Vec<(f32, f32)>)| {
        let frame = *frame;
        let point = move |(x, y): &(f32, f32)| PointPrompt { frame, x: *x, y: *y, positive: true };
        places.iter().map(point).collect::<Vec<_>>()
    };
    let points: Vec<PointPrompt> = points.iter().flat_map(on).collect();
    if points.is_empty() {
        return Ok(Vec::new());
    }
    if points.len() > Target::MOST_PROMPTS {
        return Err(format!("it has {} points, a target has at most {}", points.len(), Target::MOST_PROMPTS));
    }
    Ok(vec![Target {
        found: None,
        target_id: TargetId(Default::default()),
        name: CLICKED.to_owned(),
        colour: TARGET_COLOURS[0].to_owned(),
        points,
        boxes: Vec::new(),
    }])
}

fn places_on(frame: u32, places: &Value, plate: Plate) -> Result<Vec<(f32, f32)>, String> {
    let Plate { frames, size: (width, height) } = plate;
    if frame >= frames {
        return Err(format!("it marks frame {frame}, the plate has {frames} frames, counted from 0"));
    }
    let all: Vec<(f32, f32)> = Deserialize::deserialize(places)
        .map_err(|_| format!("the points on frame {frame} are no list of [x, y]"))?;
    let is_inside = |at: f32, size: u32| (0.0..=size as f32).contains(&at);
    match all.iter().find(|(x, y)| !is_inside(*x, width) || !is_inside(*y, height)) {
        Some((x, y)) => {
            Err(format!("the point {x}, {y} on frame {frame} lies outside the picture of {width}×{height}"))
        }
        None => Ok(all),
    }
}

fn trajectories(list: &[Value], stem: &str, plate: Plate) -> Result<Brought, String> {
    // The list is of a whole config; where it names several videos, those called like this one are meant.
    let video = |entry: &Value| entry.get("video_path").cloned().unwrap_or_default();
    let has_many = list.windows(2).any(|pair| video(&pair[0]) != video(&pair[1]));
    let mut paths = Vec::new();
    for entry in list.iter().filter(|entry| !has_many || is_ours(entry, stem)) {
        let Some(noun) = said(entry.get("object_noun")) else { continue };
        let is_skipped = entry.get("skipped").and_then(Value::as_bool).unwrap_or_default();
        let noun = noun.to_lowercase();
        let places: Vec<(f32, f32)> = match entry.get("trajectory_points") {
            Some(places) => Deserialize::deserialize(places)
                .map_err(|_| format!("the points of “{noun}” are no list of [x, y]"))?,
            None => Vec::new(),
        };
        if is_skipped || places.is_empty() {
            continue;
        }
        let own: Option<Vec<PathPoint>> =
            entry.get("path").and_then(|own| Deserialize::deserialize(own).ok());
        let rounded: Vec<[i64; 2]> =
            places.iter().map(|(x, y)| [x.round() as i64, y.round() as i64]).collect();
        let path = match own {
            Some(own) if places_of(&own) == rounded => own,
            _ => spread(&places, plate.frames),
        };
        paths.push(DrawnPath { noun, path });
    }
    Ok(Brought { paths, ..Brought::default() })
}

/// Frames for places that have none: evenly over the clip, as the third stage takes them (void-spec §4.1 A). Of places that share
/// a frame the first counts.
fn spread(places: &[(f32, f32)], frames: u32) -> Vec<PathPoint> {
    let (last, steps) = (u64::from(frames.saturating_sub(1)), (places.len() as u64).saturating_sub(1).max(1));
    let mut path: Vec<PathPoint> = Vec::new();
    for (at, &(x, y)) in (0_u64..).zip(places) {
        // The first frame on which the stage is at this place or past it.
        let frame = (at * last).div_ceil(steps) as u32;
        if path.last().is_none_or(|before| before.frame < frame) {
            path.push(PathPoint { frame, x, y });
        }
    }
    path
}
