//! Numbers by lot from a seed, and smooth noise. The same on every machine.

/// Draws one number after the other.
pub struct Lot(u64);

impl Lot {
    pub fn new(seed: u64) -> Self {
        Self(mixed(seed ^ 0x5EED_0F7A_1A15_0001))
    }

    /// Evenly in `from..to`.
    pub fn between(&mut self, from: f32, to: f32) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        from + (to - from) * unit(mixed(self.0))
    }

    /// One of `0..count`.
    pub fn one_of(&mut self, count: u32) -> u32 {
        (self.between(0.0, count as f32) as u32).min(count - 1)
    }

    /// −1 or 1.
    pub fn sign(&mut self) -> f32 {
        if self.one_of(2) == 0 { -1.0 } else { 1.0 }
    }
}

fn mixed(number: u64) -> u64 {
    let mut h = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    h ^ (h >> 31)
}

fn unit(bits: u64) -> f32 {
    (bits >> 40) as f32 / (1u64 << 24) as f32
}

/// Three numbers about 0 with a spread of about 1.
pub fn bell(place: u64) -> [f32; 3] {
    let bits = mixed(place.wrapping_add(0x9E37_79B9_7F4A_7C15));
    // Sums of three bytes are near enough to a bell.
    [0, 21, 42].map(|shift| {
        let part = bits >> shift;
        let sum = (part & 127) + (part >> 7 & 127) + (part >> 14 & 127);
        (sum as f32 - 190.5) / 64.0
    })
}

/// Smooth noise with four octaves, 0–1, features about 1 wide.
pub fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (mut sum, mut weight, mut scale) = (0.0, 0.5, 1.0);
    for octave in 0..4 {
        sum += weight * lattice(x * scale, y * scale, seed.wrapping_add(octave * 7919));
        weight *= 0.5;
        scale *= 2.03;
    }
    sum / 0.9375
}

fn lattice(x: f32, y: f32, seed: u32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let corner = |dx: i32, dy: i32| {
        let (cx, cy) = ((fx as i32 + dx) as u32, (fy as i32 + dy) as u32);
        let mut h =
            cx.wrapping_mul(0x8DA6_B343) ^ cy.wrapping_mul(0xD816_3841) ^ seed.wrapping_mul(0xCB1A_B31F);
        h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
        h = (h ^ (h >> 13)).wrapping_mul(0x297A_2D39);
        ((h ^ (h >> 16)) >> 8) as f32 / (1u32 << 24) as f32
    };
    let (u, v) = (smooth(x - fx), smooth(y - fy));
    let top = corner(0, 0) * (1.0 - u) + corner(1, 0) * u;
    let bottom = corner(0, 1) * (1.0 - u) + corner(1, 1) * u;
    top * (1.0 - v) + bottom * v
}

/// From 0 to 1 without a corner; flat outside.
pub fn smooth(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
