//! Verify: an independent look at a finished removal. Shares no code with the composite; compares by frame index.

use std::path::Path;

use media::{MaskReader, Picture, Plane, Reader, probe, read_mask};

/// What was compared and what was found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Verdict {
    pub frames: u32,
    /// Largest difference of a sample whose matte is 0, in the result's steps.
    pub max_delta_outside: u32,
    /// The first such sample, as a sentence.
    pub first_difference: Option<String>,
    /// Pixels of matte beyond quadmask plus edge.
    pub matte_beyond: u64,
    /// The first such pixel, as a sentence.
    pub first_beyond: Option<String>,
}

impl Verdict {
    pub fn is_good(&self) -> bool {
        self.max_delta_outside == 0 && self.matte_beyond == 0
    }
}

/// The files cannot be compared; the sentence says why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CannotCompare(String);

impl From<media::Error> for CannotCompare {
    fn from(error: media::Error) -> Self {
        Self(error.to_string())
    }
}

/// Compares `result` with `plate` outside `matte`, and `matte` with `quadmask` grown by `edge` pixels (straight-line
/// distance between pixel centres, then outward to whole chroma samples).
pub fn verify(
    plate: &Path,
    quadmask: &Path,
    edge: u32,
    result: &Path,
    matte: &Path,
) -> Result<Verdict, CannotCompare> {
    verify_part(plate, (0, None), quadmask, edge, result, matte)
}

/// [`verify`] where the other files are about a part of the plate: so many frames from frame `first` on, or all to its end.
pub fn verify_part(
    plate: &Path,
    (first, count): (u32, Option<u32>),
    quadmask: &Path,
    edge: u32,
    result: &Path,
    matte: &Path,
) -> Result<Verdict, CannotCompare> {
    let open = |path: &Path| -> Result<(domain::PlateFacts, Reader), CannotCompare> {
        let (facts, index) = probe(path, &mut |_| Ok(()))?;
        let reader = Reader::open(path, &index)?;
        Ok((facts, reader))
    };
    let (plate_facts, mut plate_reader) = open(plate)?;
    let (result_facts, mut result_reader) = open(result)?;
    let (mut quad, mut matte) = (read_mask(quadmask)?, read_mask(matte)?);
    let all = plate_facts.frames;
    let frames = count.unwrap_or(all.saturating_sub(first));
    if frames == 0 || first.checked_add(frames).is_none_or(|end| end > all) {
        let last = all.saturating_sub(1);
        return Err(CannotCompare(format!(
            "The plate has frames 0 to {last}: {frames} frames from frame {first} on are not in it."
        )));
    }
    let of = if frames == all { "the plate" } else { "that part of the plate" };
    for (what, got) in
        [("result", result_facts.frames), ("quadmask", quad.frames()), ("matte", matte.frames())]
    {
        if got != frames {
            return Err(CannotCompare(format!("The {what} has {got} frames, {of} has {frames}.")));
        }
    }
    let coded = (plate_facts.coded_width, plate_facts.coded_height);
    let shown = (plate_facts.width(), plate_facts.height());
    let sizes = [
        ("result", (result_facts.coded_width, result_facts.coded_height), coded),
        ("matte", (matte.width(), matte.height()), coded),
        ("quadmask", (quad.width(), quad.height()), shown),
    ];
    for (what, got, wanted) in sizes {
        if got != wanted {
            let ((w, h), (gw, gh)) = (wanted, got);
            return Err(CannotCompare(format!(
                "The {what} is {gw}×{gh}, it must be {w}×{h} for this plate."
            )));
        }
    }
    let mut verdict =
        Verdict { frames, max_delta_outside: 0, first_difference: None, matte_beyond: 0, first_beyond: None };
    for frame in 0..frames {
        let (ours, theirs) = (plate_reader.read(first + frame)?, result_reader.read(frame)?);
        let matte = matte.read(frame)?;
        compare(&mut verdict, frame, &ours, &theirs, &matte)?;
        let allowed = allowed(&mut quad, frame, edge, plate_facts.rotation, ours.format.chroma())?;
        for (at, _) in matte.iter().enumerate().filter(|(at, m)| **m > 0 && !allowed[*at]) {
            verdict.matte_beyond += 1;
            verdict.first_beyond.get_or_insert_with(|| {
                let (x, y) = (at % coded.0 as usize, at / coded.0 as usize);
                format!("frame {frame}, pixel {x}, {y}: the matte is {} there", matte[at])
            });
        }
    }
    Ok(verdict)
}

fn compare(
    verdict: &mut Verdict,
    frame: u32,
    plate: &Picture,
    result: &Picture,
    matte: &[u8],
) -> Result<(), CannotCompare> {
    if !plate.format.fits_in(result.format) {
        let (p, r) = (plate.format, result.format);
        return Err(CannotCompare(format!("The result is {r}, which cannot hold the plate's {p}.")));
    }
    let shift = result.format.depth() - plate.format.depth();
    for (number, theirs) in result.planes.iter().enumerate() {
        let Some(ours) = plate.planes.get(number) else { continue };
        for y in 0..theirs.height {
            for x in 0..theirs.width {
                let (ox, oy) = (scaled(x, theirs.width, ours.width), scaled(y, theirs.height, ours.height));
                let delta = (ours.get(ox, oy) << shift).abs_diff(theirs.get(x, y));
                if delta == 0 || covered(matte, plate, theirs, x, y) {
                    continue;
                }
                verdict.max_delta_outside = verdict.max_delta_outside.max(u32::from(delta));
                verdict.first_difference.get_or_insert_with(|| {
                    format!("frame {frame}, plane {number}, sample {x}, {y}: differs by {delta}")
                });
            }
        }
    }
    Ok(())
}

fn scaled(at: u32, from: u32, to: u32) -> u32 {
    if from == to { at } else { (at * to / from).min(to - 1) }
}

/// Whether every pixel under a sample has matte.
fn covered(matte: &[u8], plate: &Picture, plane: &Plane, x: u32, y: u32) -> bool {
    let (bx, by) = (plate.width.div_ceil(plane.width), plate.height.div_ceil(plane.height));
    let (x1, y1) = (((x + 1) * bx).min(plate.width), ((y + 1) * by).min(plate.height));
    (y * by..y1).all(|py| (x * bx..x1).all(|px| matte[(py * plate.width + px) as usize] > 0))
}

/// Where the matte may be, in coded orientation.
fn allowed(
    quad: &mut MaskReader,
    frame: u32,
    edge: u32,
    rotation: u16,
    chroma: (u8, u8),
) -> Result<Vec<bool>, CannotCompare> {
    let (w, h) = (quad.width() as usize, quad.height() as usize);
    let marked: Vec<bool> = quad.read(frame)?.iter().map(|&grey| grey < 192).collect();
    let grown = grow(&marked, w, h, edge as usize);
    let coded_w = if rotation % 180 == 90 { h } else { w };
    let coded_h = if rotation % 180 == 90 { w } else { h };
    let source = |x: usize, y: usize| match rotation {
        90 => (coded_h - 1 - y, x),
        180 => (w - 1 - x, h - 1 - y),
        270 => (y, coded_w - 1 - x),
        _ => (x, y),
    };
    let mut coded = vec![false; w * h];
    for y in 0..coded_h {
        for x in 0..coded_w {
            let (sx, sy) = source(x, y);
            coded[y * coded_w + x] = grown[sy * w + sx];
        }
    }
    let (bx, by) = (1usize << chroma.0, 1usize << chroma.1);
    let mut snapped = vec![false; w * h];
    for y in 0..coded_h {
        for x in 0..coded_w {
            if coded[y * coded_w + x] {
                let (x0, y0) = (x / bx * bx, y / by * by);
                for yy in y0..(y0 + by).min(coded_h) {
                    snapped[yy * coded_w + x0..yy * coded_w + (x0 + bx).min(coded_w)].fill(true);
                }
            }
        }
    }
    Ok(snapped)
}

/// All pixels within `edge` of a marked one.
fn grow(marked: &[bool], w: usize, h: usize, edge: usize) -> Vec<bool> {
    // Distance to the nearest marked pixel of each row, then a search over rows within reach.
    const FAR: usize = usize::MAX / 4;
    let mut across = vec![FAR; w * h];
    for (distances, row) in across.chunks_exact_mut(w).zip(marked.chunks_exact(w)) {
        let mut since = FAR;
        for x in 0..w {
            since = if row[x] { 0 } else { since.saturating_add(1) };
            distances[x] = since;
        }
        since = FAR;
        for x in (0..w).rev() {
            since = if row[x] { 0 } else { since.saturating_add(1) };
            distances[x] = distances[x].min(since);
        }
    }
    let mut grown = vec![false; w * h];
    for y in 0..h {
        for dy in 0..=edge {
            let reach = (0..=edge).rev().find(|r| r * r + dy * dy <= edge * edge).unwrap_or(0);
            for yy in [y.checked_sub(dy), Some(y + dy).filter(|&v| v < h)].into_iter().flatten() {
                let row = &across[yy * w..(yy + 1) * w];
                if row[0] >= FAR && row[w - 1] >= FAR {
                    continue;
                }
                for (out, &distance) in grown[y * w..(y + 1) * w].iter_mut().zip(row) {
                    *out |= distance <= reach;
                }
            }
        }
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_a_disc() {
        let (w, h) = (31, 29);
        let mut marked = vec![false; w * h];
        marked[14 * w + 15] = true;
        let grown = grow(&marked, w, h, 6);
        for y in 0..h {
            for x in 0..w {
                let (dx, dy) = (x.abs_diff(15), y.abs_diff(14));
                assert_eq!(grown[y * w + x], dx * dx + dy * dy <= 36, "{x},{y}");
            }
        }
    }
}
