//! A mask at plate size, one bit a pixel: 1 MB at 3840×2160.

use nets::sam2::Shot;
use tch::{Kind, Tensor};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub fn of(pixels: impl Iterator<Item = bool>) -> Self {
        let (mut words, mut len) = (Vec::new(), 0);
        for is_in in pixels {
            if len % 64 == 0 {
                words.push(0);
            }
            if is_in {
                *words.last_mut().expect("pushed") |= 1 << (len % 64);
            }
            len += 1;
        }
        Self { words, len }
    }

    /// Where logits of any shape are above 0, row by row.
    pub fn of_logits(logits: &Tensor) -> Self {
        let above = logits.gt(0).to_kind(Kind::Uint8).contiguous().view(-1);
        let above = Vec::<u8>::try_from(&above).expect("bytes on the CPU");
        Self::of(above.into_iter().map(|pixel| pixel != 0))
    }

    pub fn get(&self, at: usize) -> bool {
        self.words[at / 64] >> (at % 64) & 1 != 0
    }

    pub fn set(&mut self, at: usize, is_in: bool) {
        let bit = 1 << (at % 64);
        if is_in { self.words[at / 64] |= bit } else { self.words[at / 64] &= !bit }
    }

    /// Sets `mask` to 255 where this is in.
    pub fn add_to(&self, mask: &mut [u8]) {
        debug_assert_eq!(mask.len(), self.len);
        for (pixels, word) in mask.chunks_mut(64).zip(&self.words).filter(|(_, word)| **word != 0) {
            for (at, pixel) in pixels.iter_mut().enumerate() {
                if word >> at & 1 != 0 {
                    *pixel = 255;
                }
            }
        }
    }

    /// u8 [height, width], 1 inside.
    pub fn tensor(&self, shot: Shot) -> Tensor {
        let pixels: Vec<u8> = (0..self.len).map(|at| u8::from(self.get(at))).collect();
        Tensor::from_data_size(&pixels, &[shot.height, shot.width], Kind::Uint8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_come_back_as_they_were() {
        let pixels: Vec<bool> = (0..130).map(|at| at % 7 == 0 || at > 100).collect();
        let mut bits = Bits::of(pixels.iter().copied());
        assert!((0..130).all(|at| bits.get(at) == pixels[at]));
        let mut mask = vec![0; 130];
        bits.add_to(&mut mask);
        assert!(mask.iter().zip(&pixels).all(|(mask, is_in)| (*mask == 255) == *is_in));
        bits.set(5, true);
        bits.set(7, false);
        assert!(bits.get(5) && !bits.get(7));
        let shot = Shot { frames: 1, height: 10, width: 13 };
        assert_eq!(Bits::of_logits(&bits.tensor(shot)), bits);
    }
}
