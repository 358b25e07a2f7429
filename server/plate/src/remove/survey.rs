//! The first look at every frame: what to fill, where the camera is, where scenes end, and a thumbnail.
//! Keeps only small records per frame.

use domain::{Cause, Consequence, Grid, Step};

use super::geometry::Map;
use super::layers::{Plan, grown};
use super::picture::{MAX_PLANES, Picture16, Rect};
use super::register::Registrar;
use super::shelf::Shelf;
use super::{Error, Source, Stop};

/// Longest side of a thumbnail and of a registration picture, in pixels.
const THUMB: usize = 320;
const REGISTER: usize = 960;
/// Pictures with a shorter side than this are taken as not moving.
const SMALLEST: usize = 48;

/// What is remembered of a frame in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Note {
    /// From the scene's first frame to this one, in plate pixels.
    pub map: Map,
    /// Counts up at every cut.
    pub scene: u32,
    /// Around what is filled; empty when nothing is.
    pub bounds: Rect,
}

/// A frame's thumbnail, one byte per block and plane.
pub(crate) struct Thumb {
    pub planes: Vec<Vec<u8>>,
}

pub(crate) struct Survey {
    pub width: u32,
    pub height: u32,
    pub planes: usize,
    pub notes: Vec<Note>,
    /// Plate pixels per side of a thumbnail's block.
    pub factor: usize,
    thumbs: Shelf,
    plans: Shelf,
    standing: Vec<Standing>,
}

/// A thing in its place before it is affected: there it hides what is behind it.
struct Standing {
    /// From when on, and the first frame in which it is affected.
    since: u32,
    frame: u32,
    rect: Rect,
    mask: Vec<u8>,
}

impl Survey {
    /// Looks at every frame of `source` once, in order.
    pub fn new(
        source: &mut dyn Source,
        causes: &[Cause],
        progress: &mut dyn FnMut(Step, u64, u64) -> Result<(), Stop>,
    ) -> Result<Self, Error> {
        let (width, height) = source.size();
        let count = source.count();
        let longest = width.max(height) as usize;
        let factor = longest.div_ceil(THUMB).max(1);
        let step = longest.div_ceil(REGISTER).max(1);
        let (small_width, small_height) = ((width as usize).div_ceil(step), (height as usize).div_ceil(step));
        let still = small_width.min(small_height) < SMALLEST;
        let free_until = free_until(source, causes)?;
        let mut registrar = Registrar::new(small_width, small_height);
        let mut survey = Self {
            width,
            height,
            planes: 0,
            notes: Vec::with_capacity(count as usize),
            factor,
            thumbs: Shelf::new()?,
            plans: Shelf::new()?,
            standing: Vec::new(),
        };
        let mut scene = 0;
        let mut before: Option<Vec<u8>> = None;
        for frame in 0..count {
            progress(Step::Register, u64::from(frame), u64::from(count)).map_err(|Stop| Error::Stopped)?;
            let levels = source.quadmask(frame).map_err(|error| Error::Source { frame, source: error })?;
            if (levels.width(), levels.height()) != (width, height) {
                return Err(Error::MaskSize { frame, width: levels.width(), height: levels.height() });
            }
            let plan = Plan::new(&levels, causes, frame, &free_until);
            drop(levels);
            let small =
                source.small(frame, factor, step).map_err(|error| Error::Source { frame, source: error })?;
            let (grey, thumb) = (small.fine, small.planes);
            let blocks = (width as usize).div_ceil(factor) * (height as usize).div_ceil(factor);
            let right = (survey.planes == 0 || survey.planes == thumb.len())
                && (1..=MAX_PLANES).contains(&thumb.len())
                && thumb.iter().all(|plane| plane.len() == blocks)
                && grey.len() == small_width * small_height;
            if !right {
                return Err(Error::PictureShape { frame });
            }
            survey.planes = thumb.len();
            let masked = grown(&plan.small(step, |_| true), small_width, small_height, 3);
            let (map, agreement) = if still {
                (Map::IDENTITY, None)
            } else {
                let placed = registrar.place(&grey, &masked)?;
                (placed.map, placed.agreement)
            };
            let cut = before.as_ref().is_some_and(|before| is_cut(before, &thumb[0], agreement));
            if cut {
                scene += 1;
                if !still {
                    registrar.cut(&grey, &masked)?;
                }
            }
            let map = if cut { Map::IDENTITY } else { map.scaled(step as f64) };
            survey.notes.push(Note { map, scene, bounds: plan.bounds() });
            survey.plans.put(&plan.to_bytes())?;
            survey.thumbs.put(&thumb.concat())?;
            before = thumb.into_iter().next();
        }
        tracing::debug!(frames = count, scenes = scene + 1, "surveyed");
        Ok(survey)
    }

    pub fn plan(&self, frame: u32) -> Result<Plan, Error> {
        let mut plan = Plan::from_bytes(&self.plans.get(frame)?);
        for Standing { since, frame: moves, rect, mask } in &self.standing {
            if *since <= frame && frame < *moves && self.note(frame).scene == self.note(*moves).scene {
                let middle = (f64::from(rect.x + rect.width / 2), f64::from(rect.y + rect.height / 2));
                let there = self.between(*moves, frame).apply(middle.0, middle.1);
                let (x, y) = ((there.0 - middle.0).round() as i32, (there.1 - middle.1).round() as i32);
                plan = plan.with_moving(Rect { x: rect.x + x, y: rect.y + y, ..*rect }, mask);
            }
        }
        Ok(plan)
    }

    /// From now on nothing is taken from behind a thing that stands in `mask` (over `rect`) from `since` until `frame`.
    pub fn stands(&mut self, since: u32, frame: u32, rect: Rect, mask: Vec<u8>) {
        self.standing.push(Standing { since, frame, rect, mask });
    }

    pub fn thumb(&self, frame: u32) -> Result<Thumb, Error> {
        let bytes = self.thumbs.get(frame)?;
        let (width, height) = self.thumb_size();
        Ok(Thumb { planes: bytes.chunks(width * height).map(<[u8]>::to_vec).collect() })
    }

    pub fn thumb_size(&self) -> (usize, usize) {
        ((self.width as usize).div_ceil(self.factor), (self.height as usize).div_ceil(self.factor))
    }

    pub fn note(&self, frame: u32) -> &Note {
        &self.notes[frame as usize]
    }

    /// From `from`'s pixels to `to`'s, both of one scene.
    pub fn between(&self, from: u32, to: u32) -> Map {
        if from == to {
            return Map::IDENTITY;
        }
        self.note(to).map.after(&self.note(from).map.inverse())
    }

    /// The first and last frame of the scene that `frame` is in.
    pub fn scene(&self, frame: u32) -> (u32, u32) {
        let scene = self.note(frame).scene;
        let first = self.notes.partition_point(|n| n.scene < scene);
        let end = self.notes.partition_point(|n| n.scene <= scene);
        (first as u32, end as u32 - 1)
    }
}

/// Per cause the frame at which the target first reaches a `stay` thing that is marked from the first frame on: until then
/// it shows itself as it was, and with nothing before it that is where its picture comes from. A thing that the target
/// never reaches is taken from the first frame. 0 for every other cause.
fn free_until(source: &mut dyn Source, causes: &[Cause]) -> Result<Vec<u32>, Error> {
    let waits = |cause: &Cause| {
        cause.consequence == Consequence::Stay && cause.spans.iter().any(|span| span.from == 0 && span.to > 0)
    };
    let mut until: Vec<u32> = causes.iter().map(|cause| u32::from(waits(cause))).collect();
    let mut open: Vec<usize> = (0..causes.len()).filter(|&at| until[at] == 1).collect();
    for frame in 1..source.count() {
        if open.is_empty() {
            break;
        }
        let levels = source.quadmask(frame).map_err(|error| Error::Source { frame, source: error })?;
        let (width, height) = (levels.width(), levels.height());
        let grid = Grid::of(width, height);
        let mut reached = vec![false; (grid.rows * grid.cols) as usize];
        for (at, _) in levels.codes().iter().enumerate().filter(|&(_, &code)| code <= 1) {
            let (x, y) = (at as u32 % width, at as u32 / width);
            let (row, col) = grid.at(x, y, width, height);
            reached[(row * grid.cols + col) as usize] = true;
        }
        let is_reached = |&(row, col): &(u32, u32)| {
            row < grid.rows && col < grid.cols && reached[(row * grid.cols + col) as usize]
        };
        open.retain(|&cause| {
            let arrives = causes[cause].cells_at(frame).any(|cell| is_reached(&cell));
            if arrives {
                until[cause] = frame;
            }
            !arrives
        });
    }
    Ok(until)
}

/// Reads a piece of a picture and checks that it is what the survey expects.
pub(crate) fn look(
    source: &mut dyn Source,
    frame: u32,
    planes: usize,
    rect: Rect,
) -> Result<Picture16, Error> {
    let picture = source.piece(frame, rect).map_err(|error| Error::Source { frame, source: error })?;
    let right = (picture.width as i32, picture.height as i32) == (rect.width, rect.height)
        && planes == picture.planes.len()
        && picture.planes.iter().all(|plane| plane.len() == rect.area());
    if right { Ok(picture) } else { Err(Error::PictureShape { frame }) }
}

/// Whether a cut lies between two neighbouring thumbnails.
pub(crate) fn is_cut(before: &[u8], after: &[u8], agreement: Option<f64>) -> bool {
    let pairs = before.iter().zip(after);
    let difference: u64 = pairs.map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
    let difference = difference as f64 / before.len() as f64;
    let histogram = |thumb: &[u8]| {
        let mut bins = [0.0f64; 32];
        thumb.iter().for_each(|&v| bins[usize::from(v / 8)] += 1.0 / thumb.len() as f64);
        bins
    };
    let (a, b) = (histogram(before), histogram(after));
    let common: f64 = a.iter().zip(b).map(|(a, b)| a.min(b)).sum();
    match agreement {
        Some(share) if share >= 0.3 => false,
        Some(share) => difference > 10.0 || (share < 0.1 && common < 0.6),
        None => difference > 18.0 && common < 0.5,
    }
}
