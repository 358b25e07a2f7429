//! The proof that kept samples are the plate's own: what was written is decoded again and compared, frame by frame, with
//! what the plate was decoded to when it was written. How one frame comes about is in `composite`.

use std::path::Path;

use domain::Step;
use media::{Picture, read_mask};
use sha2::{Digest, Sha256};

use super::composite::max_delta_outside;
use crate::plate_file::PlateFile;
use crate::{Error, Reporter, Result};

/// SHA-256 over all samples of a frame, plane by plane, with 0 for those whose matte is above 0.
pub type Kept = [u8; 32];

/// What is kept of `picture` where `matte` (at luma size, snapped to whole chroma samples) is 0.
pub fn kept(picture: &Picture, matte: &[u8]) -> Kept {
    let mut digest = Sha256::new();
    let mut free = Vec::new();
    let (width, height) = (picture.width as usize, picture.height as usize);
    for plane in &picture.planes {
        let (across, down) = (width.div_ceil(plane.width as usize), height.div_ceil(plane.height as usize));
        for y in 0..plane.height {
            let (row, line) = (plane.row(y), &matte[y as usize * down * width..][..width]);
            if line.iter().fold(0, |any, &m| any | m) == 0 {
                digest.update(row);
                continue;
            }
            let mask = |m: &u8| if *m == 0 { 0xFF } else { 0 };
            free.clear();
            match plane.bytes_per_sample {
                1 if across == 1 => free.extend(row.iter().zip(line).map(|(&s, m)| s & mask(m))),
                1 => free.extend(row.iter().zip(line.iter().step_by(across)).map(|(&s, m)| s & mask(m))),
                _ => {
                    let words = row.chunks_exact(2).zip(line.iter().step_by(across));
                    free.extend(words.flat_map(|(word, m)| [word[0] & mask(m), word[1] & mask(m)]));
                }
            }
            digest.update(&free);
        }
    }
    digest.finalize().into()
}

/// Decodes `result` and `matte` and holds them against `plates`, what was kept of each frame of the plate, and gives
/// 0; a frame that differs is an error that says by how much.
///
/// # Errors
/// `KeptPixels`, files of another length, files that cannot be decoded.
pub fn prove(
    plate: &mut PlateFile,
    plates: &[Kept],
    result: &Path,
    matte: &Path,
    report: &mut dyn Reporter,
) -> Result<u32> {
    let mut result = PlateFile::open(result, &mut ())?;
    let mut matte = read_mask(matte)?;
    let frames = plate.frames();
    if result.frames() != frames || matte.frames() != frames || plates.len() != frames as usize {
        return Err(Error::Input(format!(
            "The result has {} frames and its matte {}, the plate has {frames}.",
            result.frames(),
            matte.frames()
        )));
    }
    for (frame, wanted) in (0..frames).zip(plates) {
        report.step(Step::Verify, u64::from(frame), u64::from(frames))?;
        let (written, matte) = (result.picture(frame)?, matte.read(frame)?);
        if kept(&written, &matte) == *wanted {
            continue;
        }
        let ours = plate.picture(frame)?;
        let wide = (ours.format != written.format).then(|| ours.widened(written.format)).flatten();
        let max_delta = max_delta_outside(wide.as_ref().unwrap_or(&ours), &written, &matte);
        return Err(Error::KeptPixels { max_delta, frame });
    }
    report.step(Step::Verify, u64::from(frames), u64::from(frames))?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use media::PixelFormat;

    use super::*;

    #[test]
    fn only_samples_outside_the_matte_count() {
        for format in ["yuv420p", "yuv422p10le", "yuva444p10le", "gbrp"] {
            let format = PixelFormat::from_name(format).expect("known");
            let picture = Picture::new(format, 8, 6);
            let mut matte = vec![0; 48];
            for at in [18, 19, 26, 27] {
                matte[at] = 9; // one chroma sample of 4:2:0 at (2, 2)
            }
            let before = kept(&picture, &matte);
            for (number, plane) in picture.planes.iter().enumerate() {
                let (across, down) = (8 / plane.width, 6 / plane.height);
                for (x, y) in [(0, 0), (2, 2), (3, 3), (7, 5)] {
                    let mut other = picture.clone();
                    other.planes[number].set(x / across, y / down, 1);
                    let inside = matte[(y * 8 + x) as usize] > 0;
                    assert_eq!(kept(&other, &matte) == before, inside, "{format} {number} {x} {y}");
                }
            }
        }
    }
}
