//! Turning planes between coded and shown orientation.

/// A row-major plane turned clockwise by `rotation` (0, 90, 180, 270) degrees; `width`×`height` is its size before.
pub fn turned<T: Copy>(plane: &[T], width: usize, height: usize, rotation: u16) -> Vec<T> {
    debug_assert_eq!(plane.len(), width * height);
    match rotation {
        90 => (0..width).flat_map(|x| (0..height).rev().map(move |y| plane[y * width + x])).collect(),
        180 => plane.iter().rev().copied().collect(),
        270 => (0..width).rev().flat_map(|x| (0..height).map(move |y| plane[y * width + x])).collect(),
        _ => plane.to_vec(),
    }
}

/// What undoes a turn.
pub fn back(rotation: u16) -> u16 {
    (360 - rotation) % 360
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_is_clockwise_and_comes_back() {
        let plane = [1, 2, 3, 4, 5, 6]; // 1 2 3 / 4 5 6
        assert_eq!(turned(&plane, 3, 2, 90), [4, 1, 5, 2, 6, 3]);
        for rotation in [0, 90, 180, 270] {
            let there = turned(&plane, 3, 2, rotation);
            let (w, h) = if rotation % 180 == 90 { (2, 3) } else { (3, 2) };
            assert_eq!(turned(&there, w, h, back(rotation)), plane, "{rotation}");
        }
    }
}
