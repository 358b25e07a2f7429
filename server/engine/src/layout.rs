//! Where the plate lies on the model's canvas, and how pictures and masks get there. Which part of the plate is of interest is
//! decided here too; nothing is decoded.

use domain::recipe::{Area, Fit, VoidRecipe};
use plate::remove::Rect;

/// A part of the plate on a part of the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Width and height of the canvas, in pixels.
    pub canvas: (u32, u32),
    /// The part of the shown plate, in its pixels.
    pub region: Rect,
    /// Where that part lies on the canvas; what is left of it mirrors the edge.
    pub place: Rect,
}

/// Pixels around what is marked that the match to the plate looks at, at most.
const RING: i32 = 96;

impl Layout {
    /// `plate`: the size it is shown at; `marked`: around everything that the quadmask marks in any frame.
    pub fn new(recipe: &VoidRecipe, plate: (u32, u32), marked: Rect) -> Self {
        let canvas = (recipe.canvas_width, recipe.canvas_height);
        let whole = Rect { x: 0, y: 0, width: plate.0 as i32, height: plate.1 as i32 };
        let region = match recipe.region {
            Area::Whole => whole,
            Area::Marked | Area::Following => around(recipe, plate, marked),
        };
        let place = match recipe.fit {
            Fit::Stretch => Rect { x: 0, y: 0, width: canvas.0 as i32, height: canvas.1 as i32 },
            Fit::Keep => kept(canvas, region),
        };
        Self { canvas, region, place }
    }

    /// Canvas pixels per plate pixel, across and down, and where the plate's pixel 0, 0 lies; centres at whole numbers.
    pub fn map(&self) -> ([f64; 2], [f64; 2]) {
        let axis = |from: i32, size: i32, to: i32, place: i32| {
            let scale = f64::from(place) / f64::from(size);
            (scale, f64::from(to) - 0.5 + (0.5 - f64::from(from)) * scale)
        };
        let (region, place) = (self.region, self.place);
        let (across, left) = axis(region.x, region.width, place.x, place.width);
        let (down, top) = axis(region.y, region.height, place.y, place.height);
        ([across, down], [left, top])
    }

    /// A plane of the shown plate, row by row, `width` wide → the canvas's. Shrinks by the mean of the pixels that each new
    /// one touches, as the reference does; enlarges `smooth`ly or by repeating pixels.
    pub fn plane(&self, samples: &[u8], channels: usize, width: usize, smooth: bool) -> Vec<f32> {
        let (region, place) = (self.region, self.place);
        let across = axis(region.width as usize, place.width as usize, smooth);
        let down = axis(region.height as usize, place.height as usize, smooth);
        let (left, top) = (region.x as usize, region.y as usize);
        let columns = place.width as usize * channels;
        // Rows are narrowed once each and used by all new rows that touch them.
        let mut rows: Vec<Option<Vec<f32>>> = vec![None; region.height as usize];
        let mut resized = vec![0.0f32; columns * place.height as usize];
        for (line, taps) in resized.chunks_mut(columns).zip(&down) {
            for row in rows.iter_mut().take(taps.first().map_or(0, |(at, _)| *at)) {
                *row = None;
            }
            for &(at, weight) in taps {
                let row = rows[at].get_or_insert_with(|| {
                    let row = &samples[((top + at) * width + left) * channels..];
                    narrowed(row, channels, &across)
                });
                line.iter_mut().zip(row.iter()).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        self.mirrored(&resized, channels)
    }

    /// The placed part with the rest of the canvas around it.
    fn mirrored(&self, placed: &[f32], channels: usize) -> Vec<f32> {
        let (width, height) = (self.canvas.0 as usize, self.canvas.1 as usize);
        let place = self.place;
        if (place.width as usize, place.height as usize) == (width, height) {
            return placed.to_vec();
        }
        let mut all = Vec::with_capacity(width * height * channels);
        for y in 0..height as i32 {
            let row = mirror(y - place.y, place.height) * place.width as usize * channels;
            for x in 0..width as i32 {
                let at = row + mirror(x - place.x, place.width) * channels;
                all.extend_from_slice(&placed[at..at + channels]);
            }
        }
        all
    }
}

/// The place inside `size` pixels that one outside mirrors, edges doubled.
fn mirror(at: i32, size: i32) -> usize {
    let at = at.rem_euclid(2 * size);
    (if at < size { at } else { 2 * size - 1 - at }) as usize
}

fn narrowed(row: &[u8], channels: usize, across: &[Vec<(usize, f32)>]) -> Vec<f32> {
    let mut out = Vec::with_capacity(across.len() * channels);
    for taps in across {
        for channel in 0..channels {
            let sum = |(at, weight): &(usize, f32)| weight * f32::from(row[at * channels + channel]);
            out.push(taps.iter().map(sum).sum());
        }
    }
    out
}

/// How much of which old pixels is in each new one.
fn axis(from: usize, to: usize, smooth: bool) -> Vec<Vec<(usize, f32)>> {
    let new = |at: usize| {
        if to <= from || !smooth {
            // The adaptive mean of torch: whole pixels, counted in full.
            let (start, end) = (at * from / to, ((at + 1) * from).div_ceil(to));
            let weight = 1.0 / (end - start) as f32;
            return (start..end).map(|old| (old, weight)).collect();
        }
        // Cubic (Keys, a = −½).
        let centre = (at as f64 + 0.5) * from as f64 / to as f64 - 0.5;
        let first = centre.floor() as i64 - 1;
        let t = (centre - centre.floor()) as f32;
        let (t2, t3) = (t * t, t * t * t);
        let weights = [
            -0.5 * t + t2 - 0.5 * t3,
            1.0 - 2.5 * t2 + 1.5 * t3,
            0.5 * t + 2.0 * t2 - 1.5 * t3,
            0.5 * (t3 - t2),
        ];
        let clamped = |step: usize| (first + step as i64).clamp(0, from as i64 - 1) as usize;
        let mut taps: Vec<(usize, f32)> = Vec::with_capacity(4);
        for (step, weight) in weights.into_iter().enumerate() {
            match taps.last_mut() {
                Some((at, sum)) if *at == clamped(step) => *sum += weight,
                _ => taps.push((clamped(step), weight)),
            }
        }
        taps
    };
    (0..to).map(new).collect()
}

/// A region of the canvas's shape around `marked`, inside the plate as far as it goes; the whole plate where that is little
/// less.
fn around(recipe: &VoidRecipe, (width, height): (u32, u32), marked: Rect) -> Rect {
    let longer = f64::from(marked.width.max(marked.height));
    let margin = (longer * recipe.region_margin) as i32 + recipe.edge_px as i32 + RING;
    let wanted = marked.grown(margin).clipped(width, height);
    let shape = f64::from(recipe.canvas_width) / f64::from(recipe.canvas_height);
    let (w, h) = (f64::from(wanted.width), f64::from(wanted.height));
    let full = |wanted: f64, most: u32| (wanted.ceil() as i32).min(most as i32);
    let (w, h) = (full(w.max(h * shape), width), full(h.max(w / shape), height));
    let moved =
        |start: i32, size: i32, new: i32, most: u32| (start - (new - size) / 2).clamp(0, most as i32 - new);
    let region = Rect {
        x: moved(wanted.x, wanted.width, w, width),
        y: moved(wanted.y, wanted.height, h, height),
        width: w,
        height: h,
    };
    if region.area() as f64 >= 0.9 * f64::from(width) * f64::from(height) {
        return Rect { x: 0, y: 0, width: width as i32, height: height as i32 };
    }
    region
}

/// The largest place in the middle of the canvas with the region's shape.
fn kept((width, height): (u32, u32), region: Rect) -> Rect {
    let (w, h) = (f64::from(region.width), f64::from(region.height));
    let scale = (f64::from(width) / w).min(f64::from(height) / h);
    let side = |size: f64, most: u32| ((size * scale).round() as i32).clamp(1, most as i32);
    let (w, h) = (side(w, width), side(h, height));
    Rect { x: (width as i32 - w) / 2, y: (height as i32 - h) / 2, width: w, height: h }
}

#[cfg(test)]
mod tests {
    use nets::prepare;
    use tch::Tensor;

    use super::*;

    fn recipe(text: &str) -> VoidRecipe {
        serde_json::from_str(text).unwrap()
    }

    fn picture(width: usize, height: usize) -> Vec<u8> {
        (0..width * height * 3).map(|at| (at * 37 % 251) as u8).collect()
    }

    #[test]
    fn shrinking_is_the_references() {
        let recipe = recipe(r#"{"canvas_width": 96, "canvas_height": 64, "fit": "stretch"}"#);
        for (width, height) in [(130, 97), (96, 64), (200, 65)] {
            let layout = Layout::new(&recipe, (width, height), Rect::EMPTY);
            let (w, h) = (width as usize, height as usize);
            let frame = picture(w, h);
            let ours = Tensor::from_slice(&layout.plane(&frame, 3, w, true)).view([64, 96, 3]) / 255.0;
            let frame = Tensor::from_slice(&frame).view([1, h as i64, w as i64, 3]);
            let theirs = prepare::video(&frame, [64, 96]).view([3, 64, 96]).permute([1, 2, 0]);
            let apart = (ours - theirs).abs().max().double_value(&[]);
            assert!(apart < 2e-6, "{width}×{height}: {apart}");
        }
    }

    #[test]
    fn aspect_is_kept_and_the_rest_mirrors() {
        let recipe = recipe(r#"{"canvas_width": 96, "canvas_height": 64}"#);
        let layout = Layout::new(&recipe, (32, 64), Rect::EMPTY);
        assert_eq!(layout.place, Rect { x: 32, y: 0, width: 32, height: 64 });
        let frame: Vec<u8> = (0..32 * 64).map(|at| (at % 32) as u8).collect();
        let plane = layout.plane(&frame, 1, 32, true);
        let row: Vec<f32> = plane[..96].to_vec();
        assert_eq!((row[32], row[63], row[31], row[64], row[0], row[95]), (0.0, 31.0, 0.0, 31.0, 31.0, 0.0));
        let ([across, down], [left, top]) = layout.map();
        assert_eq!((across, down, left, top), (1.0, 1.0, 32.0, 0.0));
    }

    #[test]
    fn the_map_leads_to_the_same_place_as_the_resize() {
        let recipe =
            recipe(r#"{"canvas_width": 128, "canvas_height": 64, "region": "marked", "region_margin": 0}"#);
        let marked = Rect { x: 600, y: 300, width: 40, height: 40 };
        let layout = Layout::new(&recipe, (1280, 720), marked);
        assert!(layout.region.width < 800 && layout.region.x <= 500, "{:?}", layout.region);
        // A ramp across: the canvas shows at every place the plate's column there.
        let row: Vec<u8> = (0..1280).map(|x| (x / 8) as u8).collect();
        let plane = layout.plane(&row.repeat(720), 1, 1280, true);
        let ([across, _], [left, _]) = layout.map();
        for x in [560.0, 620.0, 660.0] {
            let at = x * across + left;
            let (low, part) = (at.floor() as usize, (at - at.floor()) as f32);
            let value = plane[low] * (1.0 - part) + plane[low + 1] * part;
            assert!((value - x as f32 / 8.0 + 0.4).abs() < 1.0, "{x}: {value}");
        }
    }

    #[test]
    fn enlarging_is_smooth_for_pictures_and_keeps_levels_for_masks() {
        let recipe = recipe(r#"{"canvas_width": 128, "canvas_height": 64, "fit": "stretch"}"#);
        let layout = Layout::new(&recipe, (32, 16), Rect::EMPTY);
        let mask: Vec<u8> = (0..32 * 16).map(|at| if at % 32 < 16 { 0 } else { 255 }).collect();
        assert!(layout.plane(&mask, 1, 32, false).iter().all(|v| *v == 0.0 || *v == 255.0));
        let ramp: Vec<u8> = (0..32 * 16).map(|at| (at % 32 * 8) as u8).collect();
        let row = &layout.plane(&ramp, 1, 32, true)[..128];
        assert!(row.windows(2).skip(8).take(110).all(|v| (v[1] - v[0] - 2.0).abs() < 0.01), "{row:?}");
    }

    #[test]
    fn a_region_has_the_canvass_shape_and_stays_inside() {
        let recipe = recipe(r#"{"region": "marked"}"#);
        for marked in [
            Rect { x: 0, y: 0, width: 10, height: 10 },
            Rect { x: 3800, y: 2100, width: 40, height: 60 },
            Rect { x: 1000, y: 500, width: 200, height: 900 },
        ] {
            let layout = Layout::new(&recipe, (3840, 2160), marked);
            let region = layout.region;
            assert_eq!(region, region.clipped(3840, 2160));
            assert_eq!(region.union(marked), region);
            let shape = f64::from(region.width) / f64::from(region.height);
            assert!((shape - 1.75).abs() < 0.02, "{region:?}");
        }
        let all = Layout::new(&recipe, (640, 360), Rect { x: 10, y: 10, width: 500, height: 300 });
        assert_eq!((all.region.width, all.region.height), (640, 360));
    }
}
