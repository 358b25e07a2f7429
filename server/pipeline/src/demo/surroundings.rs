//! The ground and the wall behind it: where a ray meets them and what they are painted like. No light.

use super::math::{V3, smooth, v3};
use super::stage::Surroundings;
use super::texture::Texture;

/// Surroundings with their surfaces baked.
pub struct Place {
    pub around: Surroundings,
    ground: Texture,
    wall: Texture,
    /// Repeats of ground and wall per world unit.
    per_unit: (f32, f32),
    /// The ground's mean colour, for the light it throws back.
    pub bounce: V3,
}

/// A spot of the surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    pub place: V3,
    pub normal: V3,
    pub colour: V3,
    pub gloss: f32,
}

impl Place {
    /// `texels`: side of the baked surfaces, a power of two.
    pub fn new(around: Surroundings, texels: usize, seed: u64) -> Self {
        let ground = Texture::bake(&around.ground, texels, seed as u32 ^ 0x6a0);
        let wall = Texture::bake(&around.wall, texels / 2, seed as u32 ^ 0x3a11);
        let bounce = ground.at(0.5, 0.5, 1.0);
        let per_unit = (1.0 / around.ground_repeat, 1.0 / around.wall_repeat);
        Self { around, ground, wall, per_unit, bounce }
    }

    /// The place where a ray ends, its distance, and whether that is the ground.
    #[inline]
    pub fn meet(&self, eye: V3, ray: V3) -> (V3, f32, bool) {
        if ray.y < -1e-4 {
            let far = -eye.y / ray.y;
            let place = eye + ray * far;
            if place.z <= self.around.ground_end {
                return (place, far, true);
            }
        }
        let far = (self.around.wall_z - eye.z) / ray.z.max(1e-3);
        (eye + ray * far, far, false)
    }

    /// How far a ray passes above the ground's end, in pixels of width `px` at distance 1.
    #[inline]
    pub fn above_end(&self, eye: V3, ray: V3, px: f32) -> f32 {
        let end = (self.around.ground_end - eye.z).max(1e-3);
        (ray.y / ray.z.max(1e-3) + eye.y / end) / px
    }

    /// What a ray sees that meets the ground.
    #[inline]
    pub fn see_ground(&self, eye: V3, ray: V3, px: f32) -> Spot {
        let far = -eye.y / ray.y;
        self.on_ground(eye + ray * far, px * far, ray)
    }

    /// What a ray sees that meets the wall.
    #[inline]
    pub fn see_wall(&self, eye: V3, ray: V3, px: f32) -> Spot {
        let far = (self.around.wall_z - eye.z) / ray.z.max(1e-3);
        self.on_wall(eye + ray * far, px * far)
    }

    /// The last of the ground that is seen just below a ray which meets the wall.
    pub fn see_end(&self, eye: V3, ray: V3, px: f32) -> Spot {
        let far = (self.around.ground_end - eye.z) / ray.z.max(1e-3);
        let at = eye + ray * far;
        self.on_ground(v3(at.x, 0.0, self.around.ground_end), px * far, ray)
    }

    #[inline]
    fn on_ground(&self, place: V3, px: f32, ray: V3) -> Spot {
        let per_unit = self.per_unit.0;
        // Seen at a slant a pixel is longer than wide; the mean of both keeps texture without shimmer.
        let width = px * (1.0 / -ray.y.min(-0.05)).sqrt();
        let colour = self.ground.at(place.x * per_unit, place.z * per_unit, width * per_unit);
        // The lit bevel of a table's back edge.
        let bevel = if self.around.ground_end < self.around.wall_z {
            smooth(0.05, 0.02, self.around.ground_end - place.z)
        } else {
            0.0
        };
        Spot { place, normal: V3::UP, colour: colour * (1.0 + 0.35 * bevel), gloss: self.around.ground_gloss }
    }

    #[inline]
    fn on_wall(&self, place: V3, px: f32) -> Spot {
        let Self { around, .. } = self;
        let per_unit = self.per_unit.1;
        let blur = px.max(around.wall_blur);
        let mut colour = self.wall.at(place.x * per_unit, place.y * per_unit, blur * per_unit);
        if around.skirting > 0.0 {
            let soft = px.max(0.004);
            let board = smooth(soft, -soft, place.y - around.skirting);
            let lip = smooth(soft * 2.0, 0.0, (place.y - around.skirting * 0.86).abs());
            colour = colour.lerp(v3(0.62, 0.58, 0.52), board) * (1.0 - 0.35 * lip);
        }
        Spot { place, normal: v3(0.0, 0.0, -1.0), colour, gloss: 0.0 }
    }
}
