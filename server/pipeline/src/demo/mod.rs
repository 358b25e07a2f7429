//! Demo shots that the product renders itself, each with and without its target, so that the truth is known.
//!
//! A small studio: rounded solids on a table or a floor, one soft lamp, film grain, sometimes a camera on a shoulder.
//! A scene is a pure function of its kind, seed, size and frame: every machine and every number of threads gives the
//! same bits. Encoding the frames to files is not done here.

mod figure;
mod film;
mod ink;
mod light;
mod looks;
mod math;
mod props;
mod render;
mod shape;
mod shot;
mod shots;
mod stage;
mod surroundings;
mod texture;
mod truth;

#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use domain::{Cause, Levels, Rate, Target, Words};

use film::Film;
use render::{Canvas, Studio, render};
use shot::{ACTION, Shot, World};
use stage::Moment;
use surroundings::Place;

/// Which shot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    BallPins,
    CarriedBox,
    Crossing,
    CastShadow,
    RollingCart,
    FallingLeaf,
}

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::BallPins,
        Self::CarriedBox,
        Self::Crossing,
        Self::CastShadow,
        Self::RollingCart,
        Self::FallingLeaf,
    ];

    /// As a shot is named on the board.
    pub fn title(self) -> &'static str {
        match self {
            Self::BallPins => "ball-and-pins",
            Self::CarriedBox => "carried-box",
            Self::Crossing => "crossing",
            Self::CastShadow => "cast-shadow",
            Self::RollingCart => "rolling-cart",
            Self::FallingLeaf => "falling-leaf",
        }
    }

    /// Frames of the showcase version at 24 frames a second.
    pub fn usual_frames(self) -> u32 {
        match self {
            Self::BallPins | Self::CastShadow | Self::FallingLeaf => 60,
            Self::CarriedBox | Self::RollingCart => 66,
            Self::Crossing => 64,
        }
    }

    fn shot(self, seed: u64) -> Box<dyn Shot> {
        match self {
            Self::BallPins => Box::new(shots::ball_pins::BallPins::new(seed)),
            Self::CarriedBox => Box::new(shots::carried_box::CarriedBox::new(seed)),
            Self::Crossing => Box::new(shots::crossing::Crossing::new(seed)),
            Self::CastShadow => Box::new(shots::cast_shadow::CastShadow::new(seed)),
            Self::RollingCart => Box::new(shots::rolling_cart::RollingCart::new(seed)),
            Self::FallingLeaf => Box::new(shots::falling_leaf::FallingLeaf::new(seed)),
        }
    }
}

/// A picture: 8-bit RGB, display-coded full range, row by row from the top left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    pub width: u32,
    pub height: u32,
    /// `[height × width × 3]`
    pub samples: Vec<u8>,
}

/// The same with 16 bits a sample, 0–65535. Equal 16-bit samples are equal at every smaller depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb16 {
    pub width: u32,
    pub height: u32,
    /// `[height × width × 3]`
    pub samples: Vec<u16>,
}

impl Rgb16 {
    /// Rounded to 8 bits.
    pub fn to_8_bit(&self) -> Rgb {
        let samples = self.samples.iter().map(|&s| ((u32::from(s) + 128) / 257) as u8).collect();
        Rgb { width: self.width, height: self.height, samples }
    }

    /// As fractions 0–1, still display-coded.
    pub fn to_fractions(&self) -> Vec<f32> {
        self.samples.iter().map(|&s| f32::from(s) / 65535.0).collect()
    }
}

/// One demo shot at a size, length and rate.
pub struct Scene {
    kind: Kind,
    seed: u64,
    width: u32,
    height: u32,
    frames: u32,
    rate: Rate,
    shot: Box<dyn Shot>,
    place: Place,
    film: Film,
    causes: OnceLock<Vec<Cause>>,
}

/// The six showcase shots at 960×540 and 24 frames a second.
pub fn scenes() -> Vec<Scene> {
    let rate = Rate::new(24, 1).expect("24 is a rate");
    Kind::ALL.into_iter().map(|kind| Scene::new(kind, 0, 960, 540, kind.usual_frames(), rate)).collect()
}

/// Six further shots (other colours, sizes, speeds, surfaces) on which nothing was tuned.
pub fn unseen_scenes(width: u32, height: u32, frames: u32, rate: Rate) -> Vec<Scene> {
    Kind::ALL
        .into_iter()
        .zip(1001..)
        .map(|(kind, seed)| Scene::new(kind, seed, width, height, frames, rate))
        .collect()
}

impl Scene {
    /// Seed 0 is the showcase; every other seed changes colours, sizes, speeds and surfaces. The whole action is
    /// spread over `frames` (at least 1). Sizes from 16×16 up; wide pictures are framed best.
    pub fn new(kind: Kind, seed: u64, width: u32, height: u32, frames: u32, rate: Rate) -> Self {
        let shot = kind.shot(seed);
        let texels = (width.max(height) as usize).next_power_of_two().clamp(256, 2048);
        let own_seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind as u64;
        let place = Place::new(shot.surroundings(), texels, own_seed);
        let film = Film::new(own_seed, 0.0125);
        Self {
            kind,
            seed,
            width,
            height,
            frames: frames.max(1),
            rate,
            shot,
            place,
            film,
            causes: OnceLock::new(),
        }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// For files: `ball-and-pins`, and `ball-and-pins-7` for another seed.
    pub fn name(&self) -> String {
        if self.seed == 0 { self.title().into() } else { format!("{}-{}", self.title(), self.seed) }
    }

    /// The shot's name on the board.
    pub fn title(&self) -> &'static str {
        self.kind.title()
    }

    pub fn width(&self) -> u32 {
        self.width
    }

    pub fn height(&self) -> u32 {
        self.height
    }

    pub fn frames(&self) -> u32 {
        self.frames
    }

    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// What is removed, and what the scene shows afterwards.
    pub fn words(&self) -> Words {
        self.shot.words()
    }

    /// Frame `frame` (from 0) as filmed.
    pub fn plate(&self, frame: u32) -> Rgb {
        self.plate_16(frame).to_8_bit()
    }

    /// The same with 16 bits a sample.
    pub fn plate_16(&self, frame: u32) -> Rgb16 {
        picture(self.canvas(frame, World::Plate))
    }

    /// Frame `frame` as it would have been filmed had the target never been there.
    pub fn truth(&self, frame: u32) -> Rgb {
        self.truth_16(frame).to_8_bit()
    }

    /// The same with 16 bits a sample.
    pub fn truth_16(&self, frame: u32) -> Rgb16 {
        picture(self.canvas(frame, World::Truth))
    }

    /// The target's pixels, grown by two: `[height × width]`, 255 inside, 0 elsewhere.
    pub fn primary(&self, frame: u32) -> Vec<u8> {
        truth::primary(&truth::target_canvas(self, frame))
    }

    /// Frame `frame` of the true quadmask: the target's pixels grown by two, and the cells of [`Self::causes`].
    /// Every 16-bit sample that differs between plate and truth lies inside it.
    pub fn quadmask(&self, frame: u32) -> Levels {
        let mut levels = truth::levels(self, &self.primary(frame));
        domain::cause::with_cells(&mut levels, self.causes(), frame);
        levels
    }

    /// The quadmask to the pixel: affected is what differs between plate and truth, grown by two.
    /// For pictures and for engines that use more than cells.
    pub fn close_quadmask(&self, frame: u32) -> Levels {
        truth::close_levels(self, frame)
    }

    /// What else changes when the target goes. The cells of all causes together hold every sample that differs
    /// outside the target. Worked out from all frames on the first call, which takes about as long as rendering them.
    pub fn causes(&self) -> &[Cause] {
        self.causes.get_or_init(|| truth::causes(self))
    }

    /// The target with the clicks that an artist would make: on it, and beside it.
    pub fn target(&self) -> Target {
        truth::target(self)
    }

    fn moment(&self, frame: u32, world: World) -> Moment {
        let t = ACTION * frame as f32 / (self.frames - 1).max(1) as f32;
        Moment { camera: self.shot.camera(t), lamp: self.shot.lamp(t), solids: self.shot.solids(t, world) }
    }

    fn canvas(&self, frame: u32, world: World) -> Canvas {
        render(self.studio(), &self.moment(frame, world), frame)
    }

    fn studio(&self) -> Studio<'_> {
        Studio { place: &self.place, film: &self.film, width: self.width, height: self.height }
    }
}

fn picture(canvas: Canvas) -> Rgb16 {
    Rgb16 { width: canvas.width, height: canvas.height, samples: canvas.samples }
}
