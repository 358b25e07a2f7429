//! A moment becomes a picture: tiles, rays, edges. Nothing here knows what a shot is about.
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

/// What all frames of a scene are rendered with.
#[derive(Clone, Copy)]
pub struct Studio<'a> {
    pub place: &'a Place,
    pub film: &'a Film,
    pub width: u32,
    pub height: u32,
}

/// The whole picture of `moment`; `frame` chooses the film grain.
pub fn render(studio: Studio, moment: &Moment, frame: u32) -> Canvas {
    paint(studio, moment, frame, |_| true)
}

/// Only the tiles in which the target may show; all else is left black and empty.
pub fn render_target(studio: Studio, moment: &Moment, frame: u32) -> Canvas {
    let shows =
        |tile: &Tile| tile.visible.iter().any(|(index, _, _)| moment.solids[*index].role == Role::Target);
    paint(studio, moment, frame, shows)
}

/// Moments that differ in their solids alone, each rendered only where a pixel of one may differ from another's;
/// all else is left black and empty in all of them.
pub fn render_changes<const N: usize>(studio: Studio, moments: [&Moment; N], frame: u32) -> [Canvas; N] {
    let (w, h) = (studio.width as usize, studio.height as usize);
    let lights = moments.map(|moment| Light::new(moment, studio.place));
    let across = w.div_ceil(TILE);
    let changed: Vec<bool> = (0..across * h.div_ceil(TILE))
        .into_par_iter()
        .map(|at| {
            let corner = (at % across * TILE, at / across * TILE);
            let first = Tile::new(moments[0], &lights[0], corner, (w, h));
            (1..N).any(|k| !first.same_as(&Tile::new(moments[k], &lights[k], corner, (w, h))))
        })
        .collect();
    moments.map(|moment| {
        paint(studio, moment, frame, |tile| changed[tile.corner.1 / TILE * across + tile.corner.0 / TILE])
    })
}

fn paint(studio: Studio, moment: &Moment, frame: u32, wanted: impl Fn(&Tile) -> bool + Sync) -> Canvas {
    let Studio { place, film, width, height } = studio;
    let (w, h) = (width as usize, height as usize);
    let mut canvas =
        Canvas { width, height, samples: vec![0; w * h * 3], target: vec![0; w * h], kept: vec![0; w * h] };
    let light = Light::new(moment, place);
    let shift = film.shift(frame);
    let bands = canvas
        .samples
        .par_chunks_mut(w * 3 * TILE)
        .zip(canvas.target.par_chunks_mut(w * TILE))
        .zip(canvas.kept.par_chunks_mut(w * TILE));
    bands.enumerate().for_each(|(band, ((samples, target), kept))| {
        let top = band * TILE;
        let mut exposing = [0.0_f32; TILE * 3];
        for left in (0..w).step_by(TILE) {
            let tile = Tile::new(moment, &light, (left, top), (w, h));
            if !wanted(&tile) {
                continue;
            }
            for y in 0..target.len() / w {
                let right = (left + TILE).min(w);
                for x in left..right {
                    let seen = tile.pixel(x, top + y);
                    let lens = tile.lens(x, top + y);
                    let at = (x - left) * 3;
                    exposing[at] = seen.colour.x * lens;
                    exposing[at + 1] = seen.colour.y * lens;
                    exposing[at + 2] = seen.colour.z * lens;
                    target[y * w + x] = if seen.target > 0.0 { 255 } else { 0 };
                    kept[y * w + x] = if seen.kept > 0.0 { 255 } else { 0 };
                }
                let out = &mut samples[(y * w + left) * 3..(y * w + right) * 3];
                film.expose(&exposing[..out.len()], (left, top + y), shift, out);
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

/// What a tile shows of the surroundings.
enum Behind {
    Ground,
    Wall,
    Both,
}

/// A square of pixels and the solids that can matter in it.
struct Tile<'a> {
    moment: &'a Moment,
    light: &'a Light<'a>,
    corner: (usize, usize),
    /// The whole picture's.
    size: (usize, usize),
    inverse: (f32, f32),
    /// With the distance before which it is not met.
    visible: Vec<(usize, f32, Few)>,
    shading: Vec<(usize, Few)>,
    behind: Behind,
    /// A pixel's width at distance 1.
    px: f32,
}

impl<'a> Tile<'a> {
    fn new(moment: &'a Moment, light: &'a Light<'a>, corner: (usize, usize), size: (usize, usize)) -> Self {
        let (left, top) = corner;
        let (wide, high) = (TILE.min(size.0 - left), TILE.min(size.1 - top));
        let px = 1.0 / (size.1 as f32 * moment.camera.focal);
        let inverse = (1.0 / size.0 as f32, 1.0 / size.1 as f32);
        let (visible, shading, behind) = (vec![], vec![], Behind::Both);
        let mut tile = Self { moment, light, corner, size, inverse, visible, shading, behind, px };
        let eye = moment.camera.eye;
        let middle = tile.ray(left as f32 + wide as f32 * 0.5, top as f32 + high as f32 * 0.5);
        let corners = [(left, top), (left + wide, top), (left, top + high), (left + wide, top + high)]
            .map(|(x, y)| tile.ray(x as f32, y as f32));
        let above = corners.map(|c| light.place.above_end(eye, c, px));
        if above.iter().all(|a| *a > 1.0) {
            tile.behind = Behind::Wall;
        } else if above.iter().all(|a| *a < -1.0) {
            tile.behind = Behind::Ground;
        }
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

    /// Whether the same solids matter here and there, so that every pixel is the same.
    fn same_as(&self, other: &Self) -> bool {
        let matters = |tile: &Self| {
            let on_solids = tile.visible.iter().flat_map(|(index, _, _)| {
                std::iter::once(*index).chain(tile.light.shades[*index].iter().copied())
            });
            let mut all: Vec<usize> = on_solids.chain(tile.shading.iter().map(|(index, _)| *index)).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        let (here, there) = (matters(self), matters(other));
        here.len() == there.len()
            && here.iter().zip(&there).all(|(a, b)| self.moment.solids[*a] == other.moment.solids[*b])
    }

    /// The direction through a place in the picture.
    #[inline]
    fn ray(&self, x: f32, y: f32) -> V3 {
        let camera = &self.moment.camera;
        let (w, h) = (self.size.0 as f32, self.size.1 as f32);
        let (right, down) = ((x - w * 0.5) * self.px, (y - h * 0.5) * self.px);
        (camera.ahead + camera.right * right - camera.up * down).unit()
    }

    /// How much light the lens lets through to a pixel: its corners are darker.
    #[inline]
    fn lens(&self, x: usize, y: usize) -> f32 {
        let dx = (x as f32 + 0.5) * self.inverse.0 - 0.5;
        let dy = (y as f32 + 0.5) * self.inverse.1 - 0.5;
        1.0 - 0.62 * (dx * dx + dy * dy)
    }

    fn pixel(&self, x: usize, y: usize) -> Seen {
        let ray = self.ray(x as f32 + 0.5, y as f32 + 0.5);
        let px = self.px;
        let mut seen = Seen { colour: V3::ZERO, target: 0.0, kept: 0.0 };
        let mut left = 1.0;
        if !self.visible.is_empty() {
            left = self.solids_along(ray, px, &mut seen);
        }
        if left > 0.0 {
            seen.colour += self.surroundings_along(ray, px) * left;
        }
        seen
    }

    /// What a ray that meets no solid sees.
    #[inline]
    fn surroundings_along(&self, ray: V3, px: f32) -> V3 {
        let (place, eye) = (self.light.place, self.moment.camera.eye);
        let on_ground = || self.light.on_spot(&place.see_ground(eye, ray, px), ray, &self.shading);
        let on_wall = || self.light.on_spot(&place.see_wall(eye, ray, px), ray, &self.shading);
        match self.behind {
            Behind::Ground => on_ground(),
            Behind::Wall => on_wall(),
            Behind::Both => {
                let above = place.above_end(eye, ray, px);
                if above <= -0.5 {
                    on_ground()
                } else if above >= 0.5 {
                    on_wall()
                } else {
                    let end = self.light.on_spot(&place.see_end(eye, ray, px), ray, &self.shading);
                    end.lerp(on_wall(), above + 0.5)
                }
            }
        }
    }

    /// Adds what solids show along a ray and returns the share that passes them all.
    fn solids_along(&self, ray: V3, px: f32, seen: &mut Seen) -> f32 {
        let eye = self.moment.camera.eye;
        let mut layers = Layers { all: [Layer::NONE; LAYERS], count: 0 };
        for &(index, from, few) in &self.visible {
            let beam = Beam { eye, ray, from, half: px * 0.5, few };
            trace(&self.moment.solids[index], index, &beam, &mut layers);
        }
        let mut left = 1.0;
        for layer in layers.in_order() {
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
                break;
            }
        }
        left
    }
}

fn surface(solid: &Solid, place: V3, px: f32, layer: &Layer) -> Surface {
    let own = solid.own(place);
    let normal = solid.turn.out(solid.normal(own, px.max(0.0015), layer.few));
    let (colour, gloss) = solid.ink(own, px, layer.few);
    Surface { place, normal, colour, gloss, solid: layer.solid }
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

struct Layers {
    all: [Layer; LAYERS],
    count: usize,
}

impl Layers {
    fn add(&mut self, layer: Layer) {
        if self.count < LAYERS && layer.cover > 0.0 {
            self.all[self.count] = layer;
            self.count += 1;
        }
    }

    /// Nearest first. They are few: insertion, which keeps equals in the solids' order.
    fn in_order(&mut self) -> &[Layer] {
        for i in 1..self.count {
            let mut j = i;
            while j > 0 && self.all[j - 1].far > self.all[j].far {
                self.all.swap(j - 1, j);
                j -= 1;
            }
        }
        &self.all[..self.count]
    }
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
fn trace(solid: &Solid, index: usize, beam: &Beam, layers: &mut Layers) {
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
    let (start, step) = (solid.own(eye), solid.turn.own(ray));
    // The closest approach of the rim that is being passed, in half pixels: −1 covers all, +1 nothing.
    let (mut near, mut near_t) = (1.0_f32, t);
    let layer =
        |far: f32, near: f32| Layer { far, cover: (0.5 - 0.5 * near).clamp(0.0, 1.0), solid: index, few };
    for _ in 0..96 {
        let d = solid.distance(start + step * t, few);
        let wide = half * t;
        let depth = d / wide;
        if depth <= -1.0 {
            // Entered: a rim that led straight in is this same surface.
            layers.add(layer(t, -1.0));
            return;
        }
        if depth < near {
            (near, near_t) = (depth, t);
        } else if near < 1.0 && (depth >= 1.0 || depth > near + 0.4) {
            layers.add(layer(near_t, near));
            if depth < 1.0 {
                // Leaving the rim: do not count its far side again.
                t += wide * 2.0;
            }
            near = depth.min(1.0);
        }
        t += d.max(wide * 0.6);
        if t > end {
            break;
        }
    }
    if near < 1.0 {
        layers.add(layer(near_t, near));
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
                let mut layers = Layers { all: [Layer::NONE; LAYERS], count: 0 };
                let ray = v3((x as f32 - 19.5) * 2.0 * half, (y as f32 - 19.5) * 2.0 * half, 1.0).unit();
                let beam = Beam { eye: V3::ZERO, ray, from: 0.0, half, few: solid.all() };
                trace(&solid, 0, &beam, &mut layers);
                let clear = layers.in_order().iter().fold(1.0, |left, l| left * (1.0 - l.cover));
                area += 1.0 - clear;
            }
        }
        // A ball of radius 1 at distance 10 is a disc of tangent 0.1005: 10.05 pixels.
        let disc = std::f32::consts::PI * 10.05 * 10.05;
        assert!((area - disc).abs() < disc * 0.02, "{area} of {disc}");
    }
}
