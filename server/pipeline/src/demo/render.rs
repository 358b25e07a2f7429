//! A moment becomes a picture: tiles, rays, edges, light, shadow, film. Nothing here knows what a shot is about.
//!
//! Edges are exact coverage along the ray's cone, not samples. A solid only touches the tiles it or its shadow
//! reaches, and every pixel is a function of the moment alone, so threads and tiles cannot change a bit.

use rayon::prelude::*;

use super::film::Film;
use super::light::{Light, Surface};
use super::math::V3;
use super::shape::{Few, Role, Solid};
use super::stage::Moment;
use super::surroundings::Place;

const TILE: usize = 16;
/// Layers of solids that one pixel may mix.
const LAYERS: usize = 8;

/// A rendered frame, row by row.
pub struct Canvas {
    pub width: u32,
    pub height: u32,
    /// RGB, 0–65535, display-coded.
    pub samples: Vec<u16>,
    /// 255 where any of the target shows, else 0.
    pub target: Vec<u8>,
    /// 255 where any of the kept things shows, else 0.
    pub kept: Vec<u8>,
}

/// Where a ray meets a solid.
#[derive(Clone, Copy)]
struct Layer {
    far: f32,
    cover: f32,
    solid: usize,
    few: Few,
}

impl Layer {
    const NONE: Self = Self { far: 0.0, cover: 0.0, solid: 0, few: Few::NONE };
}

/// The picture of `moment` at `width`×`height`; `frame` chooses the film grain.
pub fn render(moment: &Moment, place: &Place, film: &Film, width: u32, height: u32, frame: u32) -> Canvas {
    let (w, h) = (width as usize, height as usize);
    let mut canvas =
        Canvas { width, height, samples: vec![0; w * h * 3], target: vec![0; w * h], kept: vec![0; w * h] };
    let light = Light { lamp: moment.lamp, solids: &moment.solids, place };
    let shift = film.shift(frame);
    let bands = canvas
        .samples
        .par_chunks_mut(w * 3 * TILE)
        .zip(canvas.target.par_chunks_mut(w * TILE))
        .zip(canvas.kept.par_chunks_mut(w * TILE));
    bands.enumerate().for_each(|(band, ((samples, target), kept))| {
        let top = band * TILE;
        let rows = target.len() / w;
        for left in (0..w).step_by(TILE) {
            let tile = Tile::new(moment, &light, (left, top), (TILE.min(w - left), rows), (w, h));
            for y in 0..rows {
                for x in left..(left + TILE).min(w) {
                    let seen = tile.pixel(x, top + y);
                    let at = y * w + x;
                    let rgb = film.expose(seen.colour, (x, top + y), (w, h), shift);
                    samples[at * 3..at * 3 + 3].copy_from_slice(&rgb);
                    target[at] = if seen.target > 0.0 { 255 } else { 0 };
                    kept[at] = if seen.kept > 0.0 { 255 } else { 0 };
                }
            }
        }
    });
    canvas
}

struct Seen {
    colour: V3,
    target: f32,
    kept: f32,
}

/// A square of pixels and the solids that can matter in it.
struct Tile<'a> {
    moment: &'a Moment,
    light: &'a Light<'a>,
    size: (usize, usize),
    /// With the distance before which it is not met.
    visible: Vec<(usize, f32, Few)>,
    shading: Vec<(usize, Few)>,
}

impl<'a> Tile<'a> {
    fn new(
        moment: &'a Moment,
        light: &'a Light<'a>,
        (left, top): (usize, usize),
        (wide, high): (usize, usize),
        size: (usize, usize),
    ) -> Self {
        let mut tile = Self { moment, light, size, visible: vec![], shading: vec![] };
        let eye = moment.camera.eye;
        let middle = tile.ray(left as f32 + wide as f32 * 0.5, top as f32 + high as f32 * 0.5);
        let corners = [(left, top), (left + wide, top), (left, top + high), (left + wide, top + high)]
            .map(|(x, y)| tile.ray(x as f32, y as f32));
        let px = tile.px();
        let spread = corners.iter().fold(0.0_f32, |s, c| s.max((*c - middle).length()));
        // The ground (or wall) under the tile, as a ball.
        let spots = corners.map(|c| light.place.meet(eye, c).0);
        let centre = (spots[0] + spots[1] + spots[2] + spots[3]) * 0.25;
        let radius = spots.iter().fold(0.0_f32, |r, s| r.max((*s - centre).length())) * 1.05;
        for (index, solid) in moment.solids.iter().enumerate() {
            // A ray beside the middle one is a little longer for the same depth; hence the hundredth.
            if let Some((from, few)) = solid.met_by(eye, middle, 0.002, spread * 1.01 + px) {
                tile.visible.push((index, from * 0.999, few));
            }
            if let Some(few) = light.may_shade(solid, centre, radius) {
                tile.shading.push((index, few));
            }
        }
        tile
    }

    /// The direction through a place in the picture.
    fn ray(&self, x: f32, y: f32) -> V3 {
        let camera = &self.moment.camera;
        let (w, h) = (self.size.0 as f32, self.size.1 as f32);
        let scale = 1.0 / (h * camera.focal);
        (camera.ahead + camera.right * ((x - w * 0.5) * scale) - camera.up * ((y - h * 0.5) * scale)).unit()
    }

    /// A pixel's width at distance 1.
    fn px(&self) -> f32 {
        1.0 / (self.size.1 as f32 * self.moment.camera.focal)
    }

    fn pixel(&self, x: usize, y: usize) -> Seen {
        let ray = self.ray(x as f32 + 0.5, y as f32 + 0.5);
        let eye = self.moment.camera.eye;
        let px = self.px();
        let mut layers = [Layer::NONE; LAYERS];
        let mut count = 0;
        for &(index, from, few) in &self.visible {
            let beam = Beam { eye, ray, from, half: px * 0.5, few };
            trace(&self.moment.solids[index], index, &beam, &mut layers, &mut count);
        }
        let mut seen = Seen { colour: V3::ZERO, target: 0.0, kept: 0.0 };
        let mut left = 1.0;
        // Few layers: insertion keeps equal distances in the solids' order.
        for i in 1..count {
            let mut j = i;
            while j > 0 && layers[j - 1].far > layers[j].far {
                layers.swap(j - 1, j);
                j -= 1;
            }
        }
        for layer in &layers[..count] {
            let solid = &self.moment.solids[layer.solid];
            let amount = left * layer.cover;
            let surface = surface(solid, eye + ray * layer.far, px * layer.far, layer);
            seen.colour += self.light.on_solid(&surface, ray) * amount;
            match solid.role {
                Role::Target => seen.target += amount,
                Role::Kept => seen.kept += amount,
                Role::Extra => {}
            }
            left *= 1.0 - layer.cover;
            if left <= 0.0 {
                return seen;
            }
        }
        seen.colour += self.light.on_surroundings(eye, ray, px, &self.shading) * left;
        seen
    }
}

fn surface(solid: &Solid, place: V3, px: f32, layer: &Layer) -> Surface {
    let own = solid.own(place);
    let normal = solid.turn.out(solid.normal(own, px.max(0.0015), layer.few));
    let (colour, gloss) = solid.ink(own, px, layer.few);
    Surface { place, normal, colour, gloss, solid: layer.solid }
}

/// A pixel's ray.
struct Beam {
    eye: V3,
    ray: V3,
    /// Nothing is met before this distance.
    from: f32,
    /// Half a pixel's width at distance 1.
    half: f32,
    /// The only parts that can be met.
    few: Few,
}

/// Follows a ray against one solid and notes what covers the pixel: soft rims it passes, then what it hits.
fn trace(solid: &Solid, index: usize, beam: &Beam, layers: &mut [Layer; LAYERS], count: &mut usize) {
    let Beam { eye, ray, from, half, few } = *beam;
    let to = solid.centre - eye;
    let along = to.dot(ray);
    let aside2 = to.dot(to) - along * along;
    let reach = solid.reach + half * along.abs();
    if along <= 0.0 || aside2 >= reach * reach {
        return;
    }
    let chord = (reach * reach - aside2).sqrt();
    let (mut t, end) = ((along - chord).max(from).max(0.05), along + chord);
    let (start, step) = (solid.own(eye), solid.turn.into_own(ray));
    // The closest approach of the rim that is being passed, in half pixels: −1 covers all, +1 nothing.
    let (mut near, mut near_t) = (1.0_f32, t);
    let mut note = |far: f32, near: f32| {
        let cover = (0.5 - 0.5 * near).clamp(0.0, 1.0);
        if *count < LAYERS && cover > 0.0 {
            layers[*count] = Layer { far, cover, solid: index, few };
            *count += 1;
        }
    };
    for _ in 0..96 {
        let d = solid.distance(start + step * t, few);
        let wide = half * t;
        let depth = d / wide;
        if depth <= -1.0 {
            // Entered: a rim that led straight in is this same surface.
            note(t, -1.0);
            return;
        }
        if depth < near {
            (near, near_t) = (depth, t);
        } else if near < 1.0 && (depth >= 1.0 || depth > near + 0.4) {
            note(near_t, near);
            if depth < 1.0 {
                // Leaving the rim: do not count its far side again.
                t += wide * 2.0;
            }
            near = if depth < 1.0 { depth } else { 1.0 };
        }
        t += d.max(wide * 0.6);
        if t > end {
            break;
        }
    }
    if near < 1.0 {
        note(near_t, near);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::ink::Ink;
    use crate::demo::math::{Turn, v3};
    use crate::demo::shape::{Part, Shape};

    #[test]
    fn edges_cover_as_much_as_the_ball_does() {
        let ball = Part::new(Shape::Ball { centre: V3::ZERO, radius: 1.0 }, Ink::plain(V3::ZERO, 0.0));
        let solid = Solid::new(Role::Extra, v3(0.0, 0.0, 10.0), Turn::NONE, 0.0, vec![ball]);
        let half = 0.005;
        let mut area = 0.0;
        for y in 0..40 {
            for x in 0..40 {
                let mut layers = [Layer::NONE; LAYERS];
                let mut count = 0;
                let ray = v3((x as f32 - 19.5) * 2.0 * half, (y as f32 - 19.5) * 2.0 * half, 1.0).unit();
                trace(
                    &solid,
                    0,
                    &Beam { eye: V3::ZERO, ray, from: 0.0, half, few: solid.all() },
                    &mut layers,
                    &mut count,
                );
                let clear = layers[..count].iter().fold(1.0, |left, l| left * (1.0 - l.cover));
                area += 1.0 - clear;
            }
        }
        // A ball of radius 1 at distance 10 is a disc of tangent 0.1005: 10.05 pixels.
        let disc = std::f32::consts::PI * 10.05 * 10.05;
        assert!((area - disc).abs() < disc * 0.02, "{area} of {disc}");
    }
}
