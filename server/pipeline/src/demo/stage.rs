//! What a camera can look at: surroundings, lights, camera and the solids of one moment. No pixels.

use super::math::{V3, cosine, sine, v3};
use super::shape::Solid;
use super::texture::Stuff;

/// What does not change during a shot.
#[derive(Debug, Clone, PartialEq)]
pub struct Surroundings {
    pub ground: Stuff,
    /// World units that one repeat of the ground covers.
    pub ground_repeat: f32,
    pub ground_gloss: f32,
    /// The ground ends here (towards the back); beyond is the wall.
    pub ground_end: f32,
    pub wall: Stuff,
    pub wall_repeat: f32,
    /// The wall is the plane z = `wall_z`.
    pub wall_z: f32,
    /// Blur of the wall in world units: it is out of focus.
    pub wall_blur: f32,
    /// Height of a painted skirting, 0 for none.
    pub skirting: f32,
    /// Where the pool of light lies and how wide it is.
    pub pool: V3,
    pub pool_width: f32,
    pub key: V3,
    pub fill: V3,
}

/// A far lamp with a size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lamp {
    pub at: V3,
    /// Tangent of its half angle: how soft shadows are.
    pub softness: f32,
}

/// A pinhole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    pub eye: V3,
    pub right: V3,
    pub up: V3,
    pub ahead: V3,
    /// Focal length in picture heights.
    pub focal: f32,
}

impl Camera {
    pub fn looking(eye: V3, at: V3, focal: f32) -> Self {
        let ahead = (at - eye).unit();
        let right = V3::UP.cross(ahead).unit();
        Self { eye, right, up: ahead.cross(right), ahead, focal }
    }

    /// The same camera on a shoulder: `amount` 1 is a few thousandths of the picture height, slow, never twice the same.
    pub fn drifting(eye: V3, at: V3, focal: f32, amount: f32, t: f32) -> Self {
        let sway = |a: f32, b: f32| sine(0.31 * t + a) * 0.6 + sine(0.83 * t + b) * 0.25;
        let moved =
            v3(0.035 * sway(0.1, 0.4) + 0.02 * t, 0.022 * sway(0.7, 0.2), 0.02 * sway(0.5, 0.9)) * amount;
        let aim = v3(0.018 * sway(0.3, 0.0), 0.016 * sway(0.9, 0.6), 0.0) * amount;
        let mut camera = Self::looking(eye + moved, at + aim, focal);
        let roll = 0.0005 * amount * sway(0.2, 0.8);
        let (s, c) = (sine(roll), cosine(roll));
        let (right, up) = (camera.right, camera.up);
        camera.right = right * c + up * s;
        camera.up = up * c - right * s;
        camera
    }

    /// Where a place is seen, in pixels of a `width`×`height` picture (pixel centres at one half).
    pub fn project(&self, p: V3, width: u32, height: u32) -> (f32, f32) {
        let q = p - self.eye;
        let scale = self.focal * height as f32 / q.dot(self.ahead);
        (width as f32 * 0.5 + q.dot(self.right) * scale, height as f32 * 0.5 - q.dot(self.up) * scale)
    }
}

/// One moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    pub camera: Camera,
    pub lamp: Lamp,
    pub solids: Vec<Solid>,
}
