//! Results that were meddled with: `verify` must find one changed sample and one pixel of matte too many, and must
//! refuse what it cannot compare.

use std::path::Path;

use domain::Rate;
use media::{Ffv1Writer, GreyWriter, Picture, PixelFormat, Reader, probe, read_mask};
use serde_json::{Value, json};

use super::film::mixed;
use super::footage::Footage;
use super::removal::{self, Removed};

/// Meddles with `removed` in each way; gives what `verify` ended with, and where that is wrong.
pub fn tamper(
    footage: &Footage,
    removed: &Removed,
    seed: u64,
    scratch: &Path,
    what: &str,
) -> anyhow::Result<(Value, Vec<String>)> {
    let mut lot = Lot(mixed(seed));
    let changed = scratch.join("changed.mkv");
    let mut tries = Vec::new();

    let mut verify = |name: &'static str, wanted: i32, result: &Path, matte: &Path| -> anyhow::Result<()> {
        let ended = removal::verify(footage, removed.edge, result, matte)?;
        tries.push((name, wanted, ended.code));
        Ok(())
    };
    change_one_sample(removed, &mut lot, &changed)?;
    verify("one_sample_changed", 1, &changed, &removed.matte)?;
    widen_matte(footage, removed, &mut lot, &changed)?;
    verify("matte_beyond_edge", 1, &removed.result, &changed)?;
    copy(&removed.result, &changed, |frame, _| Ok(frame + 1 < footage.frames))?;
    verify("result_one_frame_short", 2, &changed, &removed.matte)?;
    verify("matte_is_no_video", 2, &removed.result, &scratch.join("causes.json"))?;

    let wrong = tries.iter().filter(|(_, wanted, got)| *got != Some(*wanted));
    let broken = wrong.map(|(name, wanted, got)| {
        format!("{what}: verify ends with {got:?} where it must end with {wanted}: {name}")
    });
    let broken = broken.collect();
    let exits: serde_json::Map<String, Value> =
        tries.iter().map(|(name, _, got)| ((*name).to_owned(), json!(got))).collect();
    Ok((Value::Object(exits), broken))
}

/// Draws lots that a seed decides.
struct Lot(u64);

impl Lot {
    /// A number below `count`, which is above 0.
    fn below(&mut self, count: u32) -> u32 {
        self.0 = mixed(self.0);
        (self.0 % u64::from(count)) as u32
    }
}

/// Lots that are drawn for a place before none is taken to exist.
const TRIES: u32 = 100_000;

/// Copies the result with one sample outside the matte one step off.
fn change_one_sample(removed: &Removed, lot: &mut Lot, to: &Path) -> anyhow::Result<()> {
    let mut matte = read_mask(&removed.matte)?;
    let chosen = lot.below(matte.frames());
    let seen = matte.read(chosen)?;
    let (width, height) = (matte.width(), matte.height());
    let mut missed = false;
    copy(&removed.result, to, |frame, picture| {
        if frame == chosen {
            missed = !change(picture, lot, |x, y| seen[(y * width + x) as usize] == 0, (width, height));
        }
        Ok(true)
    })?;
    anyhow::ensure!(!missed, "the matte covers all of frame {chosen}");
    Ok(())
}

/// Changes a sample all of whose pixels are `free`; false when none was found.
fn change(
    picture: &mut Picture,
    lot: &mut Lot,
    free: impl Fn(u32, u32) -> bool,
    (width, height): (u32, u32),
) -> bool {
    let planes = picture.planes.len() as u32;
    for _ in 0..TRIES {
        let plane = &mut picture.planes[lot.below(planes) as usize];
        let (x, y) = (lot.below(plane.width), lot.below(plane.height));
        let (across, down) = (width.div_ceil(plane.width), height.div_ceil(plane.height));
        let mut under = (y * down..((y + 1) * down).min(height))
            .flat_map(|v| (x * across..((x + 1) * across).min(width)).map(move |u| (u, v)));
        if under.all(|(u, v)| free(u, v)) {
            plane.set(x, y, plane.get(x, y) ^ 1);
            return true;
        }
    }
    false
}

/// Copies the matte with one pixel more, beyond the quadmask and its edge and a whole chroma sample.
fn widen_matte(footage: &Footage, removed: &Removed, lot: &mut Lot, to: &Path) -> anyhow::Result<()> {
    let (mut quadmask, mut matte) = (read_mask(&footage.quadmask)?, read_mask(&removed.matte)?);
    let (width, height) = (matte.width(), matte.height());
    let chosen = lot.below(matte.frames());
    let marked = quadmask.read(chosen)?;
    let far = removed.edge + 4;
    let is_far = |x: u32, y: u32| {
        let rows = y.saturating_sub(far)..(y + far + 1).min(height);
        let columns = x.saturating_sub(far) as usize..(x + far + 1).min(width) as usize;
        rows.into_iter().all(|row| {
            let row = &marked[(row * width) as usize..((row + 1) * width) as usize];
            row[columns.clone()].iter().all(|&grey| grey >= 192)
        })
    };
    let places = std::iter::repeat_with(|| (lot.below(width), lot.below(height)));
    let place = places.take(TRIES as usize).find(|&(x, y)| is_far(x, y));
    let Some((x, y)) = place else { anyhow::bail!("the quadmask covers all of frame {chosen}") };
    let mut writer = GreyWriter::create(to, width, height, matte.facts().rate)?;
    for frame in 0..matte.frames() {
        let mut grey = matte.read(frame)?;
        if frame == chosen {
            grey[(y * width + x) as usize] = 1;
        }
        writer.write(&grey)?;
    }
    Ok(writer.finish()?)
}

/// Copies a lossless movie; `each` may change a picture, and leaves it out with `false`.
fn copy(
    from: &Path,
    to: &Path,
    mut each: impl FnMut(u32, &mut Picture) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let (facts, index) = probe(from, &mut |_| Ok(()))?;
    let mut reader = Reader::open(from, &index)?;
    let format = PixelFormat::from_name(&facts.pixel_format);
    let format = format.ok_or_else(|| anyhow::anyhow!("{} is not planar", facts.pixel_format))?;
    let (width, height, rate): (u32, u32, Rate) = (facts.coded_width, facts.coded_height, facts.rate);
    let mut writer = Ffv1Writer::create(to, &format, width, height, rate, &facts.colour, None)?;
    for frame in 0..facts.frames {
        let mut picture = reader.read(frame)?;
        if each(frame, &mut picture)? {
            writer.write(&picture)?;
        }
    }
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_free_sample_changes_by_one() {
        let format = PixelFormat::from_name("yuv420p").unwrap();
        for seed in 0..20 {
            let mut picture = Picture::new(format, 9, 7);
            assert!(change(&mut picture, &mut Lot(seed), |x, _| x >= 4, (9, 7)));
            let off: Vec<_> =
                picture.planes.iter().map(|p| p.data.iter().filter(|&&v| v != 0).count()).collect();
            assert_eq!(off.iter().sum::<usize>(), 1, "{off:?}");
            assert!(picture.planes[0].data.chunks(9).all(|row| row[..4].iter().all(|&v| v == 0)));
        }
        assert!(!change(&mut Picture::new(format, 9, 7), &mut Lot(1), |_, _| false, (9, 7)));
    }
}
