//! Registration: where each frame lies relative to the first of its scene, from points tracked on what is not masked.
//! Works on one small grey picture per frame; knows nothing of layers or filling.

use opencv::core::{Point2f, Size, TermCriteria, Vector};
use opencv::prelude::*;
use opencv::{calib3d, imgproc, video};

use super::geometry::Map;
use crate::cv;

/// Most points tracked, and fewest that are trusted.
const POINTS: i32 = 500;
const FEWEST: usize = 12;
/// Greatest distance of a point from the model, in registration pixels.
const TOLERANCE: f64 = 1.0;

/// What tracking says about a frame.
pub(crate) struct Placed {
    /// From the scene's first frame to this one, in registration pixels.
    pub map: Map,
    /// Share of the key frame's points that follow one camera move; `None` where there is too little texture to tell.
    pub agreement: Option<f64>,
}

struct Key {
    grey: Vec<u8>,
    points: Vector<Point2f>,
    /// From the scene's first frame to the key frame.
    map: Map,
}

pub(crate) struct Registrar {
    width: usize,
    height: usize,
    key: Option<Key>,
    /// From the key frame to the frame placed last.
    last: Map,
}

impl Registrar {
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, key: None, last: Map::IDENTITY }
    }

    /// Places the next frame. `masked` is non-zero where nothing may be tracked.
    pub fn place(&mut self, grey: &[u8], masked: &[u8]) -> opencv::Result<Placed> {
        let Some(key) = &self.key else {
            self.start(grey, masked, Map::IDENTITY)?;
            return Ok(Placed { map: Map::IDENTITY, agreement: None });
        };
        if key.points.len() < FEWEST {
            let map = self.last.after(&key.map);
            self.start(grey, masked, map)?;
            return Ok(Placed { map, agreement: None });
        }
        let pairs = self.track(key, grey, masked)?;
        let candidates = pairs.visible.max(1);
        let inliers = inliers(&pairs.from, &pairs.to)?;
        let agreement = inliers.len() as f64 / candidates as f64;
        if inliers.len() >= FEWEST {
            let model = fit(&inliers, self.width, self.height)?;
            if model.reach(self.width as u32, self.height as u32) < 0.5 * self.width.max(self.height) as f64 {
                self.last = model;
            }
        }
        let map = self.last.after(&key.map);
        let moved = self.last.reach(self.width as u32, self.height as u32);
        let worn = inliers.len() * 2 < key.points.len();
        if worn || moved > 0.2 * self.width as f64 {
            self.start(grey, masked, map)?;
        }
        Ok(Placed { map, agreement: Some(agreement) })
    }

    /// Forgets the scene; the given frame is the first of the next.
    pub fn cut(&mut self, grey: &[u8], masked: &[u8]) -> opencv::Result<()> {
        self.start(grey, masked, Map::IDENTITY)
    }

    fn start(&mut self, grey: &[u8], masked: &[u8], map: Map) -> opencv::Result<()> {
        let free: Vec<u8> = masked.iter().map(|&m| if m == 0 { 255 } else { 0 }).collect();
        let mut points = Vector::<Point2f>::new();
        let apart = (self.width as f64 / 64.0).max(3.0);
        imgproc::good_features_to_track(
            &cv::view(grey, self.width, self.height)?,
            &mut points,
            POINTS,
            0.002,
            apart,
            &cv::view(&free, self.width, self.height)?,
            5,
            false,
            0.04,
        )?;
        self.key = Some(Key { grey: grey.to_vec(), points, map });
        self.last = Map::IDENTITY;
        Ok(())
    }

    fn track(&self, key: &Key, grey: &[u8], masked: &[u8]) -> opencv::Result<Pairs> {
        let from = cv::view(&key.grey, self.width, self.height)?;
        let to = cv::view(grey, self.width, self.height)?;
        let guess: Vector<Point2f> = key
            .points
            .iter()
            .map(|p| {
                let (x, y) = self.last.apply(f64::from(p.x), f64::from(p.y));
                Point2f::new(x as f32, y as f32)
            })
            .collect();
        let mut there = guess;
        let forward = flow(&from, &to, &key.points, &mut there)?;
        let mut back = key.points.clone();
        let backward = flow(&to, &from, &there, &mut back)?;
        let mut pairs = Pairs { from: Vec::new(), to: Vec::new(), visible: 0 };
        for at in 0..key.points.len() {
            let (p, q, r) = (key.points.get(at)?, there.get(at)?, back.get(at)?);
            let (x, y) = (q.x.round(), q.y.round());
            let inside = x >= 0.0 && y >= 0.0 && x < self.width as f32 && y < self.height as f32;
            if inside && masked[y as usize * self.width + x as usize] != 0 {
                continue;
            }
            pairs.visible += 1;
            let returned = (p.x - r.x).hypot(p.y - r.y) < 0.5;
            if inside && forward.get(at)? != 0 && backward.get(at)? != 0 && returned {
                pairs.from.push(p);
                pairs.to.push(q);
            }
        }
        Ok(pairs)
    }
}

struct Pairs {
    from: Vec<Point2f>,
    to: Vec<Point2f>,
    /// Points that are not covered by the mask in the later frame.
    visible: usize,
}

/// A point in the key frame and where it went.
type Pair = ((f64, f64), (f64, f64));

fn flow(
    from: &impl opencv::core::ToInputArray,
    to: &impl opencv::core::ToInputArray,
    points: &Vector<Point2f>,
    guess: &mut Vector<Point2f>,
) -> opencv::Result<Vector<u8>> {
    let mut found = Vector::<u8>::new();
    let mut error = Vector::<f32>::new();
    let stop = TermCriteria::new(3, 30, 0.003)?;
    let window = Size::new(21, 21);
    video::calc_optical_flow_pyr_lk(
        from,
        to,
        points,
        guess,
        &mut found,
        &mut error,
        window,
        4,
        stop,
        video::OPTFLOW_USE_INITIAL_FLOW,
        1e-4,
    )?;
    Ok(found)
}

fn inliers(from: &[Point2f], to: &[Point2f]) -> opencv::Result<Vec<Pair>> {
    if from.len() < FEWEST {
        return Ok(Vec::new());
    }
    let mut chosen = Mat::default();
    let sources: Vector<Point2f> = from.iter().copied().collect();
    let targets: Vector<Point2f> = to.iter().copied().collect();
    calib3d::find_homography_ext(&sources, &targets, calib3d::RANSAC, TOLERANCE, &mut chosen, 1000, 0.999)?;
    if chosen.empty() {
        return Ok(Vec::new());
    }
    let point = |p: &Point2f| (f64::from(p.x), f64::from(p.y));
    let chosen = chosen.data_bytes()?;
    let pairs = from.iter().zip(to).zip(chosen);
    Ok(pairs.filter(|(_, c)| **c != 0).map(|((p, q), _)| (point(p), point(q))).collect())
}

/// The simplest of rest, shift, affine and projective maps that explains the pairs as well as the projective one.
fn fit(pairs: &[Pair], width: usize, height: usize) -> opencv::Result<Map> {
    let rest = Map::IDENTITY;
    let count = pairs.len() as f64;
    let mean = pairs.iter().fold((0.0, 0.0), |(x, y), (p, q)| (x + q.0 - p.0, y + q.1 - p.1));
    let shift = Map([1.0, 0.0, mean.0 / count, 0.0, 1.0, mean.1 / count, 0.0, 0.0, 1.0]);
    let affine = affine(pairs, width, height);
    let mut best = affine;
    let from: Vector<Point2f> = pairs.iter().map(|(p, _)| Point2f::new(p.0 as f32, p.1 as f32)).collect();
    let to: Vector<Point2f> = pairs.iter().map(|(_, q)| Point2f::new(q.0 as f32, q.1 as f32)).collect();
    let found = calib3d::find_homography_ext(&from, &to, 0, TOLERANCE, &mut Mat::default(), 100, 0.99)?;
    if let Ok(values) = found.data_typed::<f64>()
        && values.len() == 9
    {
        best = Map(std::array::from_fn(|at| values[at]));
    }
    let good_enough = 1.04 * error(&best, pairs) + 0.005;
    Ok([rest, shift, affine].into_iter().find(|m| error(m, pairs) <= good_enough).unwrap_or(best))
}

fn error(map: &Map, pairs: &[Pair]) -> f64 {
    let sum: f64 = pairs
        .iter()
        .map(|(p, q)| {
            let (x, y) = map.apply(p.0, p.1);
            (x - q.0).powi(2) + (y - q.1).powi(2)
        })
        .sum();
    (sum / pairs.len() as f64).sqrt()
}

/// Least squares, about the picture's centre for good numbers.
fn affine(pairs: &[Pair], width: usize, height: usize) -> Map {
    let (cx, cy) = (width as f64 / 2.0, height as f64 / 2.0);
    let mut normal = [[0.0; 3]; 3];
    let mut right = [[0.0; 2]; 3];
    for (p, q) in pairs {
        let row = [p.0 - cx, p.1 - cy, 1.0];
        for i in 0..3 {
            for j in 0..3 {
                normal[i][j] += row[i] * row[j];
            }
            right[i][0] += row[i] * (q.0 - cx);
            right[i][1] += row[i] * (q.1 - cy);
        }
    }
    let flat: [f64; 9] = std::array::from_fn(|at| normal[at / 3][at % 3]);
    let inverse = Map(flat).inverse(); // scaled so that its last element is 1
    let back = |i: usize| (0..3).map(|k| inverse.0[i * 3 + k] * normal[k][i]).sum::<f64>();
    let solve =
        |i: usize, k: usize| (0..3).map(|j| inverse.0[i * 3 + j] * right[j][k]).sum::<f64>() / back(i);
    let (a, b, tx) = (solve(0, 0), solve(1, 0), solve(2, 0));
    let (c, d, ty) = (solve(0, 1), solve(1, 1), solve(2, 1));
    let map = Map([a, b, tx + cx - a * cx - b * cy, c, d, ty + cy - c * cx - d * cy, 0.0, 0.0, 1.0]);
    if map.0.iter().all(|v| v.is_finite()) { map } else { Map::IDENTITY }
}
