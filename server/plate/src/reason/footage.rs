//! The shot as the reasoner holds it: small pictures of one scene in the coordinates of its first frame, with the target's
//! place in each. What the pictures mean is worked out elsewhere.

use domain::Step;
use opencv::core::{Mat, Size};
use opencv::imgproc;
use opencv::prelude::*;

use super::{Error, Footage, ReasonParams, Stop};
use crate::remove::geometry::Map;
use crate::remove::register::Registrar;
use crate::remove::survey::is_cut;
use crate::segment::raster::Raster;

/// Pixels of a picture whose target share is at least this are the target's.
const IS_TARGET: u8 = 48;
/// How far around the target nothing is believed: its soft edge.
pub(crate) const RIM: f32 = 2.0;
/// Pictures with a shorter side than this are taken as not moving.
const SMALLEST: usize = 48;
/// How far the canvas may grow beyond the picture on each side, as a part of it.
const MARGIN: f64 = 0.6;

/// One frame on the scene's canvas.
pub(crate) struct Sample {
    pub frame: u32,
    pub rgb: Raster<[u8; 3]>,
    /// Inside the picture.
    pub seen: Raster<bool>,
    pub target: Raster<bool>,
    /// Seen, and clear of the target and its rim.
    pub clear: Raster<bool>,
    /// From the canvas to the analysed picture.
    pub to_picture: Map,
}

/// Frames between two cuts.
pub(crate) struct Scene {
    pub w: usize,
    pub h: usize,
    /// Width and height of the analysed picture.
    pub picture: (usize, usize),
    pub samples: Vec<Sample>,
    /// The first frame after the scene that was looked at, or the shot's length.
    pub end: u32,
}

impl Scene {
    pub fn has_target(&self) -> bool {
        self.samples.iter().any(|s| s.target.data.contains(&true))
    }
}

struct Small {
    frame: u32,
    rgb: Vec<u8>,
    target: Vec<bool>,
    map: Map,
}

/// Which frames are looked at: all, or evenly spread.
pub(crate) fn chosen(count: u32, most: u32) -> Vec<u32> {
    let step = count.div_ceil(most.max(1)).max(1);
    (0..count).step_by(step as usize).collect()
}

pub(crate) fn read(
    footage: &mut dyn Footage,
    params: &ReasonParams,
    progress: &mut dyn FnMut(Step, u64, u64) -> Result<(), Stop>,
) -> Result<Vec<Scene>, Error> {
    let plate = footage.size();
    let count = footage.count();
    let (w, h) = fitted(plate, params.analysis_side);
    let still = w.min(h) < SMALLEST;
    let mut registrar = Registrar::new(w, h);
    let mut scenes = Vec::new();
    let mut scene: Vec<Small> = Vec::new();
    let mut before: Option<Vec<u8>> = None;
    let frames = chosen(count, params.most_frames);
    for (done, &frame) in frames.iter().enumerate() {
        progress(Step::Register, done as u64, frames.len() as u64).map_err(|Stop| Error::Stopped)?;
        let (width, height) = (w as u32, h as u32);
        let rgb = footage.rgb(frame, width, height).map_err(|source| Error::Source { frame, source })?;
        let share = footage.target(frame, width, height).map_err(|source| Error::Source { frame, source })?;
        for (found, wanted) in [(rgb.len(), 3 * w * h), (share.len(), w * h)] {
            if found != wanted {
                return Err(Error::WrongSize { frame, width, height, found, wanted });
            }
        }
        let rgb = softened(&rgb, h)?;
        let target: Vec<bool> = share.iter().map(|s| *s >= IS_TARGET).collect();
        let grey: Vec<u8> = rgb.as_chunks::<3>().0.iter().map(|p| luma(*p)).collect();
        let masked: Vec<u8> =
            grown(&Raster { w, h, data: target.clone() }, 4.0)?.data.iter().map(|t| u8::from(*t)).collect();
        let (map, agreement) = if still {
            (Map::IDENTITY, None)
        } else {
            let placed = registrar.place(&grey, &masked)?;
            (placed.map, placed.agreement)
        };
        let cut = before.as_ref().is_some_and(|before| is_cut(before, &grey, agreement));
        if cut {
            scenes.push(on_canvas(std::mem::take(&mut scene), (w, h), frame)?);
            if !still {
                registrar.cut(&grey, &masked)?;
            }
        }
        let map = if cut { Map::IDENTITY } else { map };
        scene.push(Small { frame, rgb, target, map });
        before = Some(grey);
    }
    scenes.push(on_canvas(scene, (w, h), count)?);
    Ok(scenes)
}

pub(crate) fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((54 * u32::from(r) + 183 * u32::from(g) + 19 * u32::from(b)) >> 8) as u8
}

fn fitted(plate: (u32, u32), side: u32) -> (usize, usize) {
    let scale = (f64::from(side) / f64::from(plate.0.max(plate.1))).min(1.0);
    let fit = |v: u32| ((f64::from(v) * scale).round() as usize).max(1);
    (fit(plate.0), fit(plate.1))
}

/// So that grain does not decide.
fn softened(rgb: &[u8], h: usize) -> opencv::Result<Vec<u8>> {
    let source = Mat::new_rows_cols_with_data(1, rgb.len() as i32, rgb)?;
    let source = source.reshape(3, h as i32)?;
    let mut soft = Mat::default();
    imgproc::gaussian_blur(&source, &mut soft, Size::new(0, 0), 0.8, 0.8, opencv::core::BORDER_REPLICATE)?;
    Ok(soft.data_bytes()?.to_vec())
}

/// Every pixel at most `by` away from a set one.
pub(crate) fn grown(mask: &Raster<bool>, by: f32) -> opencv::Result<Raster<bool>> {
    Ok(mask.signed_distance(1e6)?.map(|d| d > -by - 0.5))
}

/// Puts the pictures of a scene into the coordinates of its first one.
fn on_canvas(smalls: Vec<Small>, (w, h): (usize, usize), end: u32) -> Result<Scene, Error> {
    let (mut x0, mut y0, mut x1, mut y1) = (0.0_f64, 0.0_f64, w as f64, h as f64);
    for small in &smalls {
        let back = small.map.inverse();
        for (x, y) in [(0.0, 0.0), (w as f64, 0.0), (0.0, h as f64), (w as f64, h as f64)] {
            let (u, v) = back.apply(x, y);
            (x0, y0, x1, y1) = (x0.min(u), y0.min(v), x1.max(u), y1.max(v));
        }
    }
    let (mx, my) = (MARGIN * w as f64, MARGIN * h as f64);
    let (x0, y0) = (x0.max(-mx).floor(), y0.max(-my).floor());
    let (cw, ch) =
        ((x1.min(w as f64 + mx).ceil() - x0) as usize, (y1.min(h as f64 + my).ceil() - y0) as usize);
    let corner = Map([1.0, 0.0, x0, 0.0, 1.0, y0, 0.0, 0.0, 1.0]);
    let mut samples = Vec::with_capacity(smalls.len());
    for Small { frame, rgb, target, map } in smalls {
        let to_picture = map.after(&corner);
        let from = rgb.as_chunks::<3>().0;
        let mut sample = Sample {
            frame,
            rgb: Raster::filled(cw, ch, [0; 3]),
            seen: Raster::filled(cw, ch, false),
            target: Raster::filled(cw, ch, false),
            clear: Raster::filled(cw, ch, false),
            to_picture,
        };
        for y in 0..ch {
            let row = to_picture.along(y as f64);
            for x in 0..cw {
                let (u, v) = row.at(x as f64);
                if u < -0.5 || v < -0.5 || u > w as f64 - 0.5 || v > h as f64 - 0.5 {
                    continue;
                }
                let at = y * cw + x;
                sample.seen.data[at] = true;
                sample.rgb.data[at] = bilinear(from, w, h, u, v);
                sample.target.data[at] =
                    target[(v.round() as usize).min(h - 1) * w + (u.round() as usize).min(w - 1)];
            }
        }
        let away = grown(&sample.target, RIM)?;
        let free = sample.seen.data.iter().zip(&away.data).map(|(s, a)| *s && !*a);
        sample.clear.data = free.collect();
        samples.push(sample);
    }
    Ok(Scene { w: cw, h: ch, picture: (w, h), samples, end })
}

fn bilinear(from: &[[u8; 3]], w: usize, h: usize, u: f64, v: f64) -> [u8; 3] {
    let (u, v) = (u.clamp(0.0, w as f64 - 1.0), v.clamp(0.0, h as f64 - 1.0));
    let (x0, y0) = (u as usize, v as usize);
    let (x1, y1) = ((x0 + 1).min(w - 1), (y0 + 1).min(h - 1));
    let (fx, fy) = ((u - x0 as f64) as f32, (v - y0 as f64) as f32);
    let corners = [from[y0 * w + x0], from[y0 * w + x1], from[y1 * w + x0], from[y1 * w + x1]];
    let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
    [0, 1, 2].map(|c| {
        let sum: f32 = corners.iter().zip(weights).map(|(p, k)| f32::from(p[c]) * k).sum();
        (sum + 0.5) as u8
    })
}
