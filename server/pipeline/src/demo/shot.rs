//! What every demo shot answers. The shots themselves are in `shots`; masks and causes are worked out in `truth`.

use domain::{Consequence, Words};

use super::math::V3;
use super::shape::Solid;
use super::stage::{Camera, Lamp, Surroundings};

/// How long the action lasts, in its own seconds; a scene spreads it over its frames.
pub const ACTION: f32 = 2.5;

/// Which world is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// As filmed.
    Plate,
    /// The target is not there, all else moves as filmed.
    Gone,
    /// The target was never there.
    Truth,
}

/// What tells a cause's region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What changes when the target alone is taken away: its shade.
    Shade,
    /// What changes when physics then runs without it.
    Rewritten,
    /// Where the kept things are near the target.
    Kept,
}

/// A cause before its cells are known.
pub struct Reason {
    pub name: &'static str,
    pub reason: &'static str,
    pub consequence: Consequence,
    pub extent: Extent,
}

/// One demo shot. `t` runs from 0 to [`ACTION`].
pub trait Shot: Send + Sync {
    fn words(&self) -> Words;
    /// What an artist calls the target.
    fn target(&self) -> &'static str;
    fn reasons(&self) -> Vec<Reason>;
    fn surroundings(&self) -> Surroundings;
    fn camera(&self, t: f32) -> Camera;
    fn lamp(&self, t: f32) -> Lamp;
    fn solids(&self, t: f32, world: World) -> Vec<Solid>;
    /// Centre of the thing that reacts, where it truly goes.
    fn path(&self, _t: f32) -> Option<V3> {
        None
    }
}

pub fn words(removal: &str, after: &str) -> Words {
    Words { removal: removal.into(), after: after.into() }
}
