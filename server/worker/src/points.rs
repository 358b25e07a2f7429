//! Reads `points.json`: the keys of void-spec §1.5 with negative points and boxes added, the legacy form, and the
//! reference's `segmentation_info.json` (§1.6). Frames from 0, plate pixels. Entries with the first one's `video_path` and
//! `output_dir` are further targets of one removal; those with others are other removals and left alone.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use plate::segment::Prompts;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Video {
    primary_points_by_frame: BTreeMap<String, Vec<[f32; 2]>>,
    /// `segmentation_info.json` has the same clicks under this name.
    points_by_frame: BTreeMap<String, Vec<[f32; 2]>>,
    primary_points: Vec<[f32; 2]>,
    first_appears_frame: u32,
    negative_points_by_frame: BTreeMap<String, Vec<[f32; 2]>>,
    boxes_by_frame: BTreeMap<String, Vec<[f32; 4]>>,
}

/// The prompts of each target in `text`, at least one, checked against a plate of `frames` frames and `width`×`height`
/// pixels.
pub fn parse(text: &str, frames: u32, width: u32, height: u32) -> anyhow::Result<Vec<Prompts>> {
    let value: Value = serde_json::from_str(text).context("the points file is not JSON")?;
    let videos = match value {
        Value::Array(videos) if !videos.is_empty() => videos,
        Value::Object(mut all) => match all.remove("videos") {
            Some(Value::Array(videos)) if !videos.is_empty() => videos,
            Some(_) => bail!("“videos” in the points file must be a list with at least one entry"),
            None => vec![Value::Object(all)],
        },
        _ => bail!("the points file must hold an object, or a list of them"),
    };
    let about = |video: &Value| [video["video_path"].clone(), video["output_dir"].clone()];
    let first = about(&videos[0]);
    let same = videos.into_iter().filter(|video| about(video) == first);
    same.map(|video| target(video, frames, width, height)).collect()
}

fn target(video: Value, frames: u32, width: u32, height: u32) -> anyhow::Result<Prompts> {
    let video: Video = serde_json::from_value(video).context("the points file")?;
    let Video {
        primary_points_by_frame,
        points_by_frame,
        primary_points,
        first_appears_frame,
        negative_points_by_frame,
        boxes_by_frame,
    } = video;
    let positive = if primary_points_by_frame.is_empty() { points_by_frame } else { primary_points_by_frame };
    let mut prompts = Prompts {
        positive: by_frame(positive, |[x, y]| (x, y))?,
        negative: by_frame(negative_points_by_frame, |[x, y]| (x, y))?,
        boxes: by_frame(boxes_by_frame, |b| b)?,
    };
    if prompts.positive.is_empty() && !primary_points.is_empty() {
        prompts.positive.insert(first_appears_frame, primary_points.iter().map(|&[x, y]| (x, y)).collect());
    }
    for (&frame, points) in prompts.positive.iter().chain(&prompts.negative) {
        check_frame(frame, frames)?;
        for &(x, y) in points {
            check_place(frame, x, y, width, height)?;
        }
    }
    for (&frame, boxes) in &prompts.boxes {
        check_frame(frame, frames)?;
        for &[x0, y0, x1, y1] in boxes {
            check_place(frame, x0, y0, width, height)?;
            check_place(frame, x1, y1, width, height)?;
            if x1 <= x0 || y1 <= y0 {
                bail!("the box on frame {frame} is empty: give left, top, right, bottom");
            }
        }
    }
    Ok(prompts)
}

fn by_frame<A, B>(
    from: BTreeMap<String, Vec<A>>,
    to: impl Fn(A) -> B,
) -> anyhow::Result<BTreeMap<u32, Vec<B>>> {
    from.into_iter()
        .filter(|(_, all)| !all.is_empty())
        .map(|(frame, all)| {
            let number = frame
                .parse()
                .with_context(|| format!("“{frame}” in the points file is not a frame number"))?;
            Ok((number, all.into_iter().map(&to).collect()))
        })
        .collect()
}

fn check_frame(frame: u32, frames: u32) -> anyhow::Result<()> {
    if frame >= frames {
        bail!("the points file names frame {frame}, the plate has frames 0 to {}", frames - 1);
    }
    Ok(())
}

fn check_place(frame: u32, x: f32, y: f32, width: u32, height: u32) -> anyhow::Result<()> {
    if !(0.0..=width as f32).contains(&x) || !(0.0..=height as f32).contains(&y) {
        bail!("the point {x}, {y} on frame {frame} is outside the {width}×{height} picture");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_file_is_read() {
        let forms = [
            r#"{"primary_points_by_frame": {"2": [[5, 6]]}}"#,
            r#"[{"primary_points_by_frame": {"2": [[5, 6]]}, "instruction": "x", "min_grid": 8}]"#,
            r#"{"videos": [{"primary_points": [[5, 6]], "first_appears_frame": 2}]}"#,
            r#"{"total_frames": 9, "points_by_frame": {"2": [[5, 6]]}, "primary_frames": [2]}"#,
        ];
        for form in forms {
            let targets = parse(form, 10, 64, 64).expect(form);
            assert_eq!(targets.len(), 1, "{form}");
            assert_eq!(targets[0].positive, BTreeMap::from([(2, vec![(5.0, 6.0)])]), "{form}");
        }
        let more = r#"{"negative_points_by_frame": {"0": [[1,2]]}, "boxes_by_frame": {"1": [[1,2,3,4]]}}"#;
        let targets = parse(more, 10, 64, 64).expect("read");
        assert_eq!((targets[0].negative.len(), targets[0].boxes[&1][0]), (1, [1.0, 2.0, 3.0, 4.0]));
    }

    #[test]
    fn entries_of_one_removal_are_its_targets() {
        let text = r#"{"videos": [
            {"video_path": "a.mp4", "output_dir": "one", "primary_points_by_frame": {"2": [[5, 6]]}},
            {"video_path": "a.mp4", "output_dir": "two", "primary_points_by_frame": {"0": [[1, 1]]}},
            {"video_path": "a.mp4", "output_dir": "one", "primary_points_by_frame": {"7": [[8, 9]]}},
            {"video_path": "b.mp4", "output_dir": "one", "primary_points_by_frame": {"99": [[1, 1]]}}]}"#;
        let targets = parse(text, 10, 64, 64).expect("read");
        let places: Vec<_> = targets.iter().map(|target| target.positive.clone()).collect();
        let at = |frame, place| BTreeMap::from([(frame, vec![place])]);
        assert_eq!(places, [at(2, (5.0, 6.0)), at(7, (8.0, 9.0))]);
    }

    #[test]
    fn what_points_nowhere_is_refused_in_words() {
        for (text, word) in [
            ("[]", "object"),
            ("no json", "not JSON"),
            (r#"{"points_by_frame": {"10": [[5, 6]]}}"#, "frame 10"),
            (r#"{"points_by_frame": {"x": [[5, 6]]}}"#, "frame number"),
            (r#"{"points_by_frame": {"0": [[65, 6]]}}"#, "outside"),
            (r#"{"boxes_by_frame": {"0": [[9, 9, 3, 4]]}}"#, "empty"),
        ] {
            let error = format!("{:#}", parse(text, 10, 64, 64).expect_err(text));
            assert!(error.contains(word), "{error}");
        }
    }
}
