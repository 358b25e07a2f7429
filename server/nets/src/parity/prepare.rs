//! `data_prep/`: lengths, resizing, levels of masks.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tch::{Kind, Tensor};

use super::{Case, Golden, Report};
use crate::Error;
use crate::prepare::{self, Coding, Levels};

const VIDEO_TOLERANCE: f64 = 2e-6; // fixtures/README.md
/// The reference grows binary masks by this many pixels.
const DILATION: i64 = 11; // dilate_width

#[derive(Deserialize)]
struct Cases {
    #[serde(default)]
    cases: BTreeMap<String, Told>,
}

#[derive(Deserialize)]
struct Told {
    size: [i64; 2],
    window: i64,
    maxlen: i64,
    mode: String,
    use_trimask: bool,
    use_quadmask: bool,
}

#[derive(Deserialize)]
struct Padding {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    length: i64,
    min: i64,
    max: i64,
    out_len: i64,
    indices: Option<Vec<i64>>,
    index_checksum: i64,
}

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let folder = fixtures.join("data_prep");
    if let Some(Cases { cases }) = super::cases(&folder.join("cases.json"))? {
        for (name, told) in cases {
            let file = folder.join(format!("{name}.safetensors"));
            report.case(&name, |case| prepared(&told, &Golden::open(&file)?, case));
        }
    }
    if let Some(Padding { rows }) = super::cases(&folder.join("temporal_padding.json"))? {
        report.case("temporal_padding", |case| {
            rows.iter().for_each(|row| padded(row, case));
            Ok(())
        });
    }
    for (name, run) in
        [("binning", binning as fn(&Golden, &mut Case) -> Result<(), Error>), ("dilation", dilation)]
    {
        let file = folder.join(format!("{name}.safetensors"));
        if file.is_file() {
            report.case(name, |case| run(&Golden::open(&file)?, case));
        }
    }
    Ok(())
}

fn prepared(told: &Told, golden: &Golden, case: &mut Case) -> Result<(), Error> {
    let Told { size, window, maxlen, mode, use_trimask, use_quadmask } = told;
    let most = (maxlen - 1) / 4 * 4 + 1;
    let cut = |frames: Tensor| frames.slice(0, 0, most, 1);
    let padded = |frames: &Tensor| {
        let length = prepare::snapped_length(frames.size()[2], *window, most);
        prepare::pad_frames(frames, 2, length)
    };
    let video = prepare::video(&cut(golden.tensor("decoded_video_u8")?), *size);
    if golden.has("resized_video_before_padding") {
        let want = golden.tensor("resized_video_before_padding")?;
        case.compare("resized_video_before_padding", &video, &want, VIDEO_TOLERANCE);
    }
    case.compare("video", &padded(&video)?, &golden.tensor("video")?, VIDEO_TOLERANCE);
    let mut masks = Vec::new();
    for name in golden.names().filter(|name| name.starts_with("decoded.")) {
        masks.push(cut(golden.tensor(name)?));
    }
    let mask = match (use_quadmask, use_trimask, &masks[..]) {
        (true, _, [mask]) => prepare::mask(mask, *size, Coding::Quad),
        (false, true, [mask]) => prepare::mask(mask, *size, Coding::Tri),
        (false, false, masks) => prepare::binary_mask(masks, *size, DILATION)?,
        _ => return Err(Error::input(format!("mode “{mode}” with {} masks", masks.len()), "Leave it out.")),
    };
    case.compare("mask", &padded(&mask)?, &golden.tensor("mask")?, 0.0);
    Ok(())
}

fn padded(row: &Row, case: &mut Case) {
    let Row { length, min, max, out_len, indices, index_checksum } = row;
    let snapped = prepare::snapped_length(*length, *min, *max);
    let order = prepare::frame_order(*length, snapped);
    let checksum: i64 = order.iter().zip(1..).map(|(index, place)| place * index).sum();
    let same = snapped == *out_len && checksum == *index_checksum;
    let listed = indices.as_ref().is_none_or(|indices| *indices == order);
    case.same(&format!("{length} frames, {min} to {max}"), same && listed);
}

fn binning(golden: &Golden, case: &mut Case) -> Result<(), Error> {
    let values = golden.tensor("mask_value")?;
    for (name, coding) in [("quad", Coding::Quad), ("tri", Coding::Tri)] {
        let inverted = prepare::invert(&values, coding);
        let stored = format!("{name}_inverted");
        case.compare(&stored, &inverted, &golden.tensor(&stored)?, 0.0);
        let mask = inverted / 255.0;
        for (rule, levels) in [("use_trimask", Levels::Three), ("binary", Levels::Two)] {
            let stored = format!("pipeline_{rule}_of_{name}");
            case.compare(&stored, &prepare::quantise(&mask, levels), &golden.tensor(&stored)?, 0.0);
        }
    }
    Ok(())
}

fn dilation(golden: &Golden, case: &mut Case) -> Result<(), Error> {
    let mask = golden.tensor("mask")?.to_kind(Kind::Float);
    for name in golden.names() {
        let Some(side) = name.strip_prefix("dilate_") else { continue };
        let side = side.parse().map_err(|_| Error::input(format!("“{name}” names no side"), "Rename it."))?;
        case.compare(name, &prepare::dilate(&mask, side), &golden.tensor(name)?, 0.0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn frames_and_masks_are_prepared_like_the_reference_does() {
        crate::parity::check("data_prep");
    }
}
