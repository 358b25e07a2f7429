//! Which side a pixel looks like: its nearest likeness among the object's and among the other pixels of a remembered frame,
//! searched near where the pixel was then. Pictures and labels only; how much it counts is decided in `propagate`.

use super::raster::{Lab, Raster};

/// Fine and coarse Lab around a pixel, padded to eight bytes for the vector units.
pub(crate) type Feature = [i16; 8];

/// Costs beyond this say "like nothing there".
const FAR: f32 = 9.0;
/// Standard deviation of a channel between two sights of the same thing.
const NOISE: f32 = 7.0;

pub(crate) fn features(picture: &Raster<Lab>) -> opencv::Result<Raster<Feature>> {
    let mut coarse = Vec::with_capacity(3);
    for channel in 0..3 {
        coarse.push(picture.map(|p| f32::from(p[channel])).blurred(2.0)?);
    }
    let data = picture.data.iter().enumerate().map(|(i, p)| {
        let c = [0, 1, 2].map(|k| coarse[k].data[i] as i16);
        // Lightness changes more than hue from frame to frame, so it counts less.
        [i16::from(p[0]), 2 * i16::from(p[1]), 2 * i16::from(p[2]), 0, c[0], 2 * c[1], 2 * c[2], 0]
    });
    Ok(Raster { w: picture.w, h: picture.h, data: data.collect() })
}

/// A frame whose labels are known, and where every pixel of the current frame was in it.
#[derive(Clone)]
pub(crate) struct Memory {
    pub features: Raster<Feature>,
    pub mask: Raster<bool>,
    /// Pixels whose label may be believed (away from the outline and from guesses).
    pub sure: Raster<bool>,
    /// Place in that frame of every pixel of the current frame.
    pub place: Raster<[f32; 2]>,
}

impl Memory {
    /// Log odds towards the object at the wanted pixels (0 elsewhere), within ±[`FAR`].
    pub fn odds(&self, now: &Raster<Feature>, wanted: &Raster<bool>, radius: i32) -> Raster<f32> {
        let mut out = now.same(0.0);
        let pull = 1.5 / (radius * radius) as f32;
        for y in 0..now.h {
            for x in 0..now.w {
                let i = y * now.w + x;
                if !wanted.data[i] {
                    continue;
                }
                let [px, py] = self.place.data[i];
                if !self.mask.contains(px, py) {
                    continue;
                }
                let (cx, cy) = (px.round() as i32, py.round() as i32);
                let feature = &now.data[i];
                let (mut object, mut rest) = (FAR, FAR);
                for ny in (cy - radius).max(0)..=(cy + radius).min(now.h as i32 - 1) {
                    let row = ny as usize * now.w;
                    for nx in (cx - radius).max(0)..=(cx + radius).min(now.w as i32 - 1) {
                        let at = row + nx as usize;
                        if !self.sure.data[at] {
                            continue;
                        }
                        let apart = ((nx - cx).pow(2) + (ny - cy).pow(2)) as f32 * pull;
                        let best = if self.mask.data[at] { &mut object } else { &mut rest };
                        if apart >= *best {
                            continue;
                        }
                        let cost =
                            square(feature, &self.features.data[at]) * (1.0 / (4.0 * NOISE * NOISE)) + apart;
                        *best = best.min(cost);
                    }
                }
                out.data[i] = rest - object;
            }
        }
        out
    }
}

fn square(a: &Feature, b: &Feature) -> f32 {
    let mut sum = 0_i32;
    for i in 0..8 {
        let d = i32::from(a[i] - b[i]);
        sum += d * d;
    }
    sum as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_takes_the_side_it_looks_like() {
        let picture = Raster {
            w: 40,
            h: 20,
            data: (0..800).map(|i| if i % 40 < 20 { [60, 128, 128] } else { [200, 128, 128] }).collect(),
        };
        let mask = Raster { w: 40, h: 20, data: (0..800).map(|i| i % 40 < 20).collect() };
        let place =
            Raster { w: 40, h: 20, data: (0..800).map(|i| [(i % 40) as f32, (i / 40) as f32]).collect() };
        let features = features(&picture).unwrap();
        let memory = Memory { features: features.clone(), sure: mask.same(true), mask, place };
        let odds = memory.odds(&features, &picture.same(true), 6);
        assert!(odds.at(15, 10) > 2.0 && odds.at(24, 10) < -2.0);
    }
}
