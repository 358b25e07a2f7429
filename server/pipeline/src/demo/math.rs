//! Vectors, turns, waves and seeded chance for the demo renderer; no pictures.
//!
//! Only `+ - * /` and `sqrt` on floats, which IEEE 754 rounds alike everywhere: the same scene has the same bits on
//! every machine. Angles are counted in turns (1 = 360°).

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// A place, a direction or a linear-light colour.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct V3 {
    pub x: f32,
    pub y: f32,
    pub z: f32,
}

pub const fn v3(x: f32, y: f32, z: f32) -> V3 {
    V3 { x, y, z }
}

impl V3 {
    pub const ZERO: Self = v3(0.0, 0.0, 0.0);
    pub const UP: Self = v3(0.0, 1.0, 0.0);

    #[inline]
    pub fn dot(self, o: Self) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    pub fn cross(self, o: Self) -> Self {
        v3(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)
    }

    #[inline]
    pub fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// The same direction at length 1; zero stays zero.
    #[inline]
    pub fn unit(self) -> Self {
        let length = self.length();
        if length > 0.0 { self / length } else { self }
    }

    /// Component by component.
    #[inline]
    pub fn times(self, o: Self) -> Self {
        v3(self.x * o.x, self.y * o.y, self.z * o.z)
    }

    #[inline]
    pub fn lerp(self, o: Self, amount: f32) -> Self {
        self + (o - self) * amount
    }
}

impl Add for V3 {
    type Output = Self;
    #[inline]
    fn add(self, o: Self) -> Self {
        v3(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}

impl AddAssign for V3 {
    #[inline]
    fn add_assign(&mut self, o: Self) {
        *self = *self + o;
    }
}

impl Sub for V3 {
    type Output = Self;
    #[inline]
    fn sub(self, o: Self) -> Self {
        v3(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}

impl Mul<f32> for V3 {
    type Output = Self;
    #[inline]
    fn mul(self, k: f32) -> Self {
        v3(self.x * k, self.y * k, self.z * k)
    }
}

impl Div<f32> for V3 {
    type Output = Self;
    #[inline]
    fn div(self, k: f32) -> Self {
        self * (1.0 / k)
    }
}

impl Neg for V3 {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        v3(-self.x, -self.y, -self.z)
    }
}

/// A rotation: its three columns are the turned axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    pub x: V3,
    pub y: V3,
    pub z: V3,
}

impl Turn {
    pub const NONE: Self = Self { x: v3(1.0, 0.0, 0.0), y: V3::UP, z: v3(0.0, 0.0, 1.0) };

    /// `turns` around `axis` (a unit vector), right-handed.
    pub fn around(axis: V3, turns: f32) -> Self {
        let (s, c) = (sine(turns), cosine(turns));
        let turn = |v: V3| v * c + axis.cross(v) * s + axis * (axis.dot(v) * (1.0 - c));
        Self { x: turn(Self::NONE.x), y: turn(Self::NONE.y), z: turn(Self::NONE.z) }
    }

    /// From the turned thing's own axes to the world's.
    #[inline]
    pub fn out(&self, v: V3) -> V3 {
        self.x * v.x + self.y * v.y + self.z * v.z
    }

    /// From the world's axes to the turned thing's own.
    #[inline]
    pub fn own(&self, v: V3) -> V3 {
        v3(self.x.dot(v), self.y.dot(v), self.z.dot(v))
    }

    /// First `self`, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        Self { x: next.out(self.x), y: next.out(self.y), z: next.out(self.z) }
    }
}

/// The next whole number down, for |x| < 2³¹; quicker than the library's on plain x86-64.
#[inline]
pub fn floor(x: f32) -> f32 {
    let whole = x as i32 as f32;
    if whole > x { whole - 1.0 } else { whole }
}

/// Sine of an angle in turns, to about 1e-6.
pub fn sine(turns: f32) -> f32 {
    let mut t = turns - floor(turns + 0.5); // −0.5 … 0.5
    if t > 0.25 {
        t = 0.5 - t;
    } else if t < -0.25 {
        t = -0.5 - t;
    }
    let a = t * std::f32::consts::TAU;
    let b = a * a;
    a * (1.0 - b / 6.0 * (1.0 - b / 20.0 * (1.0 - b / 42.0 * (1.0 - b / 72.0 * (1.0 - b / 110.0)))))
}

/// Cosine of an angle in turns.
pub fn cosine(turns: f32) -> f32 {
    sine(turns + 0.25)
}

/// 0 below `from`, 1 above `to`, with level ends between.
#[inline]
pub fn smooth(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) * (1.0 / (to - from))).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

pub fn mix(a: f32, b: f32, amount: f32) -> f32 {
    a + (b - a) * amount
}

/// Scrambles a word so that neighbours have nothing in common.
#[inline]
pub fn scramble(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// Seeded chance: the same seed draws the same numbers.
#[derive(Debug, Clone)]
pub struct Chance(u32);

impl Chance {
    pub fn new(seed: u64, salt: u32) -> Self {
        Self(scramble(seed as u32 ^ scramble((seed >> 32) as u32 ^ salt.wrapping_mul(0x9e37_79b9))))
    }

    pub fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9);
        scramble(self.0)
    }

    /// 0 ≤ value < 1.
    pub fn unit(&mut self) -> f32 {
        (self.word() >> 8) as f32 / 16_777_216.0
    }

    pub fn within(&mut self, from: f32, to: f32) -> f32 {
        mix(from, to, self.unit())
    }

    /// One of `all`, which must not be empty.
    pub fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.word() as usize % all.len()].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_agree_with_the_library() {
        for k in -400..400 {
            let turns = k as f32 / 97.0;
            let angle = f64::from(turns) * std::f64::consts::TAU;
            assert!((f64::from(sine(turns)) - angle.sin()).abs() < 4e-6, "sine of {turns}");
            assert!((f64::from(cosine(turns)) - angle.cos()).abs() < 4e-6, "cosine of {turns}");
        }
    }

    #[test]
    fn a_turn_and_its_reverse_cancel() {
        let turn = Turn::around(v3(0.6, 0.8, 0.0), 0.21).then(&Turn::around(V3::UP, -0.4));
        let back = turn.own(turn.out(v3(1.0, -2.0, 0.5)));
        assert!((back - v3(1.0, -2.0, 0.5)).length() < 1e-5);
    }
}
