//! Where a drawn path is at a frame: through every point, never overshooting between two.

use domain::PathPoint;

/// The place on `path` at `frame`; before the first point and after the last it rests there. `path` is not empty.
pub(crate) fn at(path: &[PathPoint], frame: u32) -> (f64, f64) {
    let place = |p: &PathPoint| (f64::from(p.x), f64::from(p.y));
    let next = path.partition_point(|p| p.frame <= frame);
    if next == 0 {
        return place(&path[0]);
    }
    if next == path.len() {
        return place(&path[next - 1]);
    }
    let along = |value: fn(&PathPoint) -> f64| {
        let (a, b) = (&path[next - 1], &path[next]);
        let span = f64::from(b.frame - a.frame);
        let t = f64::from(frame - a.frame) / span;
        let (ma, mb) = (slope(path, next - 1, value) * span, slope(path, next, value) * span);
        let (t2, t3) = (t * t, t * t * t);
        (2.0 * t3 - 3.0 * t2 + 1.0) * value(a)
            + (t3 - 2.0 * t2 + t) * ma
            + (3.0 * t2 - 2.0 * t3) * value(b)
            + (t3 - t2) * mb
    };
    (along(|p| f64::from(p.x)), along(|p| f64::from(p.y)))
}

/// The place on `path` at `frame` where the path tells of it, within two frames.
pub(crate) fn near(path: &[PathPoint], frame: u32) -> Option<(f64, f64)> {
    let begins = path.first().is_some_and(|p| p.frame <= frame + 2);
    let ends = path.last().is_some_and(|p| p.frame + 2 >= frame);
    (begins && ends).then(|| at(path, frame))
}

/// The slope at a point, per frame: between its neighbours', and flat at turning points (Fritsch and Butland, 1984).
fn slope(path: &[PathPoint], at: usize, value: fn(&PathPoint) -> f64) -> f64 {
    let between = |k: usize| {
        let (a, b) = (&path[k], &path[k + 1]);
        ((value(b) - value(a)) / f64::from(b.frame - a.frame), f64::from(b.frame - a.frame))
    };
    match (at == 0, at + 1 == path.len()) {
        (true, true) => 0.0,
        (true, false) => end_slope(between(0), (path.len() > 2).then(|| between(1))),
        (false, true) => end_slope(between(at - 1), (at >= 2).then(|| between(at - 2))),
        (false, false) => {
            let ((before, span_before), (after, span_after)) = (between(at - 1), between(at));
            if before * after <= 0.0 {
                return 0.0;
            }
            let (wa, wb) = (2.0 * span_after + span_before, span_after + 2.0 * span_before);
            (wa + wb) / (wa / before + wb / after)
        }
    }
}

fn end_slope((near, near_span): (f64, f64), beyond: Option<(f64, f64)>) -> f64 {
    let Some((far, far_span)) = beyond else { return near };
    let slope = ((2.0 * near_span + far_span) * near - near_span * far) / (near_span + far_span);
    if slope * near <= 0.0 {
        0.0
    } else if near * far <= 0.0 && slope.abs() > 3.0 * near.abs() {
        3.0 * near
    } else {
        slope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_through_its_points_and_falls_smoothly() {
        let fall = |f: u32| 0.5 * f64::from(f * f);
        let path: Vec<PathPoint> = [0u32, 5, 10, 15]
            .into_iter()
            .map(|f| PathPoint { frame: f, x: 7.0, y: fall(f) as f32 })
            .collect();
        for f in 0..=15 {
            let (x, y) = at(&path, f);
            assert!(
                (x - 7.0).abs() < 1e-9 && (y - fall(f)).abs() < 1.6,
                "frame {f}: {y}, wanted {}",
                fall(f)
            );
        }
        assert_eq!(at(&path, 99).1, fall(15));
    }
}
