//! Colours of solids and the patterns drawn on them; no shapes, no light.

use super::math::{V3, floor, smooth, v3};

/// A drawing on a surface, in the solid's own axes. Borders are one pixel soft.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pattern {
    None,
    /// `colour` where `axis · p` lies in `from..to`.
    Band {
        axis: V3,
        from: f32,
        to: f32,
        colour: V3,
    },
    /// Stripes of `width` across `axis`.
    Stripes {
        axis: V3,
        width: f32,
        colour: V3,
    },
    /// A hub and a rim around the z axis through `centre`.
    Wheel {
        centre: V3,
        radius: f32,
        colour: V3,
    },
    /// A rib down the middle of a leaf.
    Vein {
        colour: V3,
    },
}

/// How a part looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ink {
    /// Linear light, 0–1.
    pub colour: V3,
    /// 0 cloth … 1 lacquer.
    pub gloss: f32,
    pub pattern: Pattern,
}

impl Ink {
    pub const fn plain(colour: V3, gloss: f32) -> Self {
        Self { colour, gloss, pattern: Pattern::None }
    }

    pub const fn with(colour: V3, gloss: f32, pattern: Pattern) -> Self {
        Self { colour, gloss, pattern }
    }

    /// Colour and gloss at `p`; `px` is a pixel's size there.
    pub fn at(&self, p: V3, px: f32) -> (V3, f32) {
        let soft = |inside: f32| smooth(-px, px, inside);
        let colour = match self.pattern {
            Pattern::None => self.colour,
            Pattern::Band { axis, from, to, colour } => {
                let s = axis.dot(p);
                self.colour.lerp(colour, soft(s - from).min(soft(to - s)))
            }
            Pattern::Stripes { axis, width, colour } => {
                let s = axis.dot(p) / (2.0 * width);
                let phase = (s - floor(s) - 0.5).abs() * 2.0 * width; // 0 … width
                self.colour.lerp(colour, soft(phase - width * 0.5))
            }
            Pattern::Wheel { centre, radius, colour } => {
                let q = p - centre;
                let r = (q.x * q.x + q.y * q.y).sqrt();
                let spoke = (q.x.abs().min(q.y.abs()) - radius * 0.1).max(r - radius * 0.78);
                self.colour.lerp(colour, soft(-spoke).max(soft(radius * 0.26 - r)))
            }
            Pattern::Vein { colour } => {
                let side = p.z.abs() - p.x * 0.35;
                let comb = side * 14.0;
                let comb = (comb - floor(comb) - 0.5).abs() / 14.0;
                let rib = soft(0.008 - p.z.abs()).max(0.45 * soft(0.004 - comb));
                self.colour.lerp(colour, rib)
            }
        };
        (colour, self.gloss)
    }
}

/// A colour as on a screen, `0xrrggbb`, in linear light.
pub fn rgb(hex: u32) -> V3 {
    let linear = |byte: u32| {
        let s = (byte & 255) as f32 / 255.0;
        s * (s * (s * 0.305_306 + 0.682_171_1) + 0.012_522_878) // sRGB within 1/500
    };
    v3(linear(hex >> 16), linear(hex >> 8), linear(hex))
}
