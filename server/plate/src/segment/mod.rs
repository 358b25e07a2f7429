//! Segmentation without weights: from clicks, boxes and locked pixels to a mask on every frame, with honest confidence.
//! Frames come from and masks go to the caller one by one. No files, no colour management, no removal.

mod background;
mod colour;
mod cut;
pub(crate) mod flow;
mod glance;
mod keyframe;
mod matching;
mod propagate;
mod propose;
pub(crate) mod raster;
mod refine;
mod several;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use background::Background;
use flow::Dis;
pub use glance::glance;
use keyframe::Marks;
use propagate::Tracker;
use raster::{Lab, Raster};
use several::Share;
pub use several::segment_targets;

/// Whatever a caller's frame or lock source failed with.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Pictures of a clip by frame index from 0. Frames are asked for mostly in order, forwards and then backwards.
pub trait Frames {
    fn count(&self) -> u32;
    /// Width and height of the plate in pixels.
    fn size(&self) -> (u32, u32);
    /// The frame scaled to `width` × `height`: RGB8, row by row, `3 · width · height` bytes.
    fn rgb(&mut self, frame: u32, width: u32, height: u32) -> Result<Vec<u8>, SourceError>;
}

/// What a person has corrected by hand and must not change.
pub trait Locks {
    /// Every frame with at least one locked pixel.
    fn frames(&self) -> BTreeSet<u32>;
    fn load(&mut self, frame: u32) -> Result<Locked, SourceError>;
}

/// Nothing is locked.
impl Locks for () {
    fn frames(&self) -> BTreeSet<u32> {
        BTreeSet::new()
    }

    fn load(&mut self, frame: u32) -> Result<Locked, SourceError> {
        Err(format!("frame {frame} has no locked pixels").into())
    }
}

impl Locks for BTreeMap<u32, Locked> {
    fn frames(&self) -> BTreeSet<u32> {
        self.keys().copied().collect()
    }

    fn load(&mut self, frame: u32) -> Result<Locked, SourceError> {
        self.get(&frame).cloned().ok_or_else(|| format!("frame {frame} has no locked pixels").into())
    }
}

/// Clicks and boxes by frame index from 0, in plate pixels. Boxes are left, top, right, bottom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompts {
    pub positive: BTreeMap<u32, Vec<(f32, f32)>>,
    pub negative: BTreeMap<u32, Vec<(f32, f32)>>,
    pub boxes: BTreeMap<u32, Vec<[f32; 4]>>,
}

/// A frame with hand-corrected pixels, both planes at plate size.
#[derive(Clone, Debug, PartialEq)]
pub struct Locked {
    /// Nonzero: object. Counts only where `lock` is nonzero.
    pub mask: Vec<u8>,
    /// Nonzero: the person's truth. All nonzero: a key frame, returned as it is.
    pub lock: Vec<u8>,
}

/// One frame's result at plate size.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameMask {
    pub frame: u32,
    /// 255 object, 0 rest.
    pub mask: Vec<u8>,
    /// 0..=1: how far the mask may be believed, an empty one too.
    pub confidence: f32,
    /// Every target is in it; without that, the same frame comes again.
    pub whole: bool,
}

/// The receiver wants no more masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// How the segmenter weighs its evidence. One set serves all shots; sizes are in analysis pixels.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct SegmentParams {
    /// Longer side of the pictures that are analysed.
    pub analysis_side: u32,
    /// Longer side of the pictures that outlines are drawn to; 0: outlines are only enlarged.
    pub refine_side: u32,
    /// Farthest that the outline may move against the flow in one frame.
    pub reach: f32,
    /// Most that the shape that came from the neighbouring frame counts, and over which distance it grows to that.
    pub shape: f32,
    pub shape_softness: f32,
    /// Weights of: likeness to the neighbouring frame, to the key frame, colours, known background, motion.
    pub previous: f32,
    pub key: f32,
    pub colour: f32,
    pub background: f32,
    pub motion: f32,
    /// Weight of the key frame's outline moved as one stiff piece, while that fits.
    pub stiff: f32,
    /// Cost of a pixel of outline where the picture is flat.
    pub smooth: f32,
    /// Frames before a later key frame that are led from there too; bounds what is held in memory.
    pub lead: u32,
    /// Pieces and holes below this many pixels go.
    pub smallest: usize,
}

impl Default for SegmentParams {
    fn default() -> Self {
        Self {
            analysis_side: 640,
            refine_side: 1920,
            reach: 16.0,
            shape: 1.5,
            shape_softness: 3.0,
            previous: 0.4,
            key: 0.4,
            colour: 0.25,
            background: 0.5,
            motion: 0.6,
            stiff: 2.0,
            smooth: 2.0,
            lead: 24,
            smallest: 24,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("Nothing shows the object yet. Click on it or draw a box around it on any frame.")]
    NoPrompt,
    #[error(
        "A click or box is on frame {frame}, but the shot has {count} frames. Remove it and click again."
    )]
    OutsideShot { frame: u32, count: u32 },
    #[error("Frame {frame} could not be read as a {width}×{height} picture: {found} of {wanted} bytes came.")]
    WrongSize { frame: u32, width: u32, height: u32, found: usize, wanted: usize },
    #[error("Frame {frame} could not be read.")]
    Source { frame: u32, source: SourceError },
    #[error("Segmentation was stopped.")]
    Stopped,
    #[error(
        "What was found so far could not be kept: {0}. Check the room in the temporary folder, then run this again."
    )]
    Scratch(#[from] std::io::Error),
    #[error("The picture analysis failed.")]
    Vision(#[from] opencv::Error),
}

/// Masks one object (the union of all prompts) on every frame of the clip; [`segment_targets`] does it for several.
///
/// Each frame is handed to `out` once, with how many of how many are done: the first key frame, then later frames
/// forwards (those just before a later key frame backwards from it), then earlier ones backwards.
pub fn segment(
    frames: &mut dyn Frames,
    prompts: &Prompts,
    locks: &mut dyn Locks,
    params: &SegmentParams,
    out: &mut dyn FnMut(FrameMask, u32, u32) -> Result<(), Stop>,
) -> Result<(), Error> {
    Run::new(frames, prompts, locks, params, out, None)?.all()
}

/// How well an object counts as followed where a person prompted it, short of locking the frame.
const PROMPTED: f32 = 0.98;

/// A frame that was reached but waits for what the next key frame says.
struct Waiting {
    frame: u32,
    lab: Raster<Lab>,
    distance: Raster<f32>,
    confidence: f32,
}

struct Run<'a> {
    frames: &'a mut dyn Frames,
    prompts: &'a Prompts,
    locks: &'a mut dyn Locks,
    params: &'a SegmentParams,
    out: &'a mut dyn FnMut(FrameMask, u32, u32) -> Result<(), Stop>,
    /// With other targets.
    share: Option<&'a mut Share>,
    locked: BTreeSet<u32>,
    /// Frames with prompts or locks.
    keys: BTreeSet<u32>,
    count: u32,
    plate: (u32, u32),
    small: (u32, u32),
    dis: Dis,
    done: u32,
}

fn fitted(plate: (u32, u32), side: u32) -> (u32, u32) {
    let long = plate.0.max(plate.1);
    if long <= side {
        return plate;
    }
    let scale =
        |v: u32| ((u64::from(v) * u64::from(side) + u64::from(long) / 2) / u64::from(long)).max(1) as u32;
    (scale(plate.0), scale(plate.1))
}

impl<'a> Run<'a> {
    fn new(
        frames: &'a mut dyn Frames,
        prompts: &'a Prompts,
        locks: &'a mut dyn Locks,
        params: &'a SegmentParams,
        out: &'a mut dyn FnMut(FrameMask, u32, u32) -> Result<(), Stop>,
        share: Option<&'a mut Share>,
    ) -> Result<Self, Error> {
        let count = frames.count();
        let plate = frames.size();
        let locked = locks.frames();
        let mut keys = locked.clone();
        keys.extend(prompts.positive.iter().filter(|(_, p)| !p.is_empty()).map(|(f, _)| *f));
        keys.extend(prompts.negative.iter().filter(|(_, p)| !p.is_empty()).map(|(f, _)| *f));
        keys.extend(prompts.boxes.iter().filter(|(_, b)| !b.is_empty()).map(|(f, _)| *f));
        if let Some(frame) = keys.iter().copied().find(|f| *f >= count) {
            return Err(Error::OutsideShot { frame, count });
        }
        let small = fitted(plate, params.analysis_side);
        Ok(Self {
            frames,
            prompts,
            locks,
            params,
            out,
            share,
            locked,
            keys,
            count,
            plate,
            small,
            dis: Dis::new()?,
            done: 0,
        })
    }

    /// The first frame whose marks show the object by themselves.
    fn first(&mut self) -> Result<Option<u32>, Error> {
        for frame in self.keys.clone() {
            let may_show = self.share.as_ref().is_none_or(|share| share.may_show(frame));
            if may_show && self.marks(frame, None)?.show_object() {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    fn all(&mut self) -> Result<(), Error> {
        let first = self.first()?.ok_or(Error::NoPrompt)?;
        let (lab, marks) = (self.lab(first)?, self.marks(first, None)?);
        let mut start = self.start(first, lab, &marks)?;
        self.deliver(first, &start.distance, start.confidence())?;
        // The shorter side first: the longer one then knows more of the background.
        let forwards_first = self.count - first <= first;
        for forwards in [forwards_first, !forwards_first] {
            if let Some(background) = self.sweep(first, start.clone(), forwards)? {
                start.background.take_over(background);
            }
        }
        Ok(())
    }

    /// What the marks of a frame show by themselves; a frame beside it tells what moves.
    fn start(&mut self, frame: u32, lab: Raster<Lab>, marks: &Marks) -> Result<Tracker, Error> {
        let neighbour = if frame + 1 < self.count { frame + 1 } else { frame.saturating_sub(1) };
        let mask = if neighbour == frame {
            keyframe::first_mask(&lab, marks, None)?
        } else {
            let next = self.lab(neighbour)?;
            let flow = self.dis.between(&lab, &next)?;
            keyframe::first_mask(&lab, marks, Some((&next, &flow)))?
        };
        Ok(Tracker::new(lab, mask, PROMPTED)?)
    }

    /// Goes from a key frame to the end of the clip on one side. Frames shortly before a later key frame wait for it: what
    /// a person said there leads them as well. Gives what it learned of the background, unless it had lost the object.
    fn sweep(
        &mut self,
        from: u32,
        mut tracker: Tracker,
        forwards: bool,
    ) -> Result<Option<Background>, Error> {
        let mut lost = false;
        let side: Vec<u32> =
            if forwards { (from + 1..self.count).collect() } else { (0..from).rev().collect() };
        let mut waiting: VecDeque<Waiting> = VecDeque::new();
        for frame in side {
            let lab = self.lab(frame)?;
            let marks = self.marks(frame, Some(&tracker.distance))?;
            if let Some(lab) = tracker.step(&mut self.dis, lab, &marks, self.params)? {
                // What was learned on the way here may be about something else, so nothing of it is kept.
                tracker = self.start(frame, lab, &marks)?;
                lost = true;
            }
            if !marks.is_empty() {
                tracker.followed = PROMPTED;
            }
            if !marks.is_empty() && tracker.mask.area() > 0 {
                tracker.remember();
                self.deliver(frame, &tracker.distance, tracker.confidence())?;
                self.lead(tracker.clone(), waiting.drain(..).collect())?;
            } else if marks.is_empty() && self.awaits_key(frame, forwards) {
                let confidence = tracker.confidence();
                let Tracker { lab, distance, .. } = &tracker;
                waiting.push_back(Waiting {
                    frame,
                    lab: lab.clone(),
                    distance: distance.clone(),
                    confidence,
                });
                // The key may turn out to be about another target.
                if waiting.len() > self.params.lead as usize
                    && let Some(oldest) = waiting.pop_front()
                {
                    self.deliver(oldest.frame, &oldest.distance, oldest.confidence)?;
                }
            } else {
                // Where somebody said that nothing is to be seen of it, it may be behind something: what it looks like and where
                // it would be stays known, and the frames before have nothing to learn from this one.
                for Waiting { frame, distance, confidence, .. } in waiting.drain(..) {
                    self.deliver(frame, &distance, confidence)?;
                }
                self.deliver(frame, &tracker.distance, tracker.confidence())?;
            }
        }
        Ok((!lost).then_some(tracker.background))
    }

    fn awaits_key(&self, frame: u32, forwards: bool) -> bool {
        let ahead = if forwards {
            self.keys.range(frame + 1..).next().map(|key| key - frame)
        } else {
            self.keys.range(..frame).next_back().map(|key| frame - key)
        };
        ahead.is_some_and(|ahead| ahead <= self.params.lead)
    }

    /// Goes back from a corrected frame over the frames that wait for it, ever more as those had it before.
    fn lead(&mut self, mut tracker: Tracker, waiting: Vec<Waiting>) -> Result<(), Error> {
        let count = waiting.len() as f32;
        for (i, Waiting { frame, lab, distance, confidence }) in waiting.into_iter().enumerate().rev() {
            tracker.step(&mut self.dis, lab, &Marks::default(), self.params)?;
            let place = (i as f32 + 1.0) / (count + 1.0);
            let share = place * place * (3.0 - 2.0 * place);
            let agree = propagate::overlap(&distance.map(|d| d > 0.0), &tracker.mask);
            let blended = if agree > 0.5 {
                let mut blended = distance;
                let both = blended.data.iter_mut().zip(&tracker.distance.data);
                both.for_each(|(d, t)| *d += (t - *d) * share);
                blended
            } else if (1.0 - share) * confidence > share * tracker.confidence() {
                distance // they show different things: the nearer one, unless it is the one that lost the object
            } else {
                tracker.distance.clone()
            };
            let confidence = (confidence + (tracker.confidence() - confidence) * share) * (0.6 + 0.4 * agree);
            self.deliver(frame, &blended, confidence)?;
        }
        Ok(())
    }

    fn picture(&mut self, frame: u32, (width, height): (u32, u32)) -> Result<Vec<u8>, Error> {
        let rgb = self.frames.rgb(frame, width, height).map_err(|source| Error::Source { frame, source })?;
        let wanted = width as usize * height as usize * 3;
        if rgb.len() != wanted {
            return Err(Error::WrongSize { frame, width, height, found: rgb.len(), wanted });
        }
        Ok(rgb)
    }

    fn lab(&mut self, frame: u32) -> Result<Raster<Lab>, Error> {
        let rgb = self.picture(frame, self.small)?;
        Ok(Raster::lab(&rgb, self.small.0 as usize, self.small.1 as usize, 0.7)?)
    }

    /// The prompts and locks of a frame in analysis pixels. `near`: where the object is on the frame beside (signed distance).
    fn marks(&mut self, frame: u32, near: Option<&Raster<f32>>) -> Result<Marks, Error> {
        let (sx, sy) = (self.small.0 as f32 / self.plate.0 as f32, self.small.1 as f32 / self.plate.1 as f32);
        let place = |(x, y): (f32, f32)| {
            let inside = |v: f32, limit: u32| v.clamp(0.0, limit as f32 - 1.0);
            (inside((x + 0.5) * sx - 0.5, self.small.0), inside((y + 0.5) * sy - 0.5, self.small.1))
        };
        let points = |all: &BTreeMap<u32, Vec<(f32, f32)>>| {
            all.get(&frame).map(|p| p.iter().map(|p| place(*p)).collect()).unwrap_or_default()
        };
        let positive = points(&self.prompts.positive);
        let negative = points(&self.prompts.negative);
        let boxes = self.prompts.boxes.get(&frame).map(|all| {
            let corners = |b: &[f32; 4]| {
                (place((b[0].min(b[2]), b[1].min(b[3]))), place((b[0].max(b[2]), b[1].max(b[3]))))
            };
            all.iter().map(corners).map(|(a, b)| [a.0, a.1, b.0, b.1]).collect()
        });
        let locked = if self.locked.contains(&frame) { Some(self.small_lock(frame)?) } else { None };
        let mut marks = Marks { positive, negative, boxes: boxes.unwrap_or_default(), locked: None };
        marks.locked = match (locked, &mut self.share) {
            (Some(locked), Some(share)) => share.own(frame, locked, &marks, near, self.params),
            (locked, _) => locked,
        };
        Ok(marks)
    }

    fn load_lock(&mut self, frame: u32) -> Result<Locked, Error> {
        let locked = self.locks.load(frame).map_err(|source| Error::Source { frame, source })?;
        let (width, height) = self.plate;
        let wanted = width as usize * height as usize;
        for plane in [&locked.mask, &locked.lock] {
            if plane.len() != wanted {
                return Err(Error::WrongSize { frame, width, height, found: plane.len(), wanted });
            }
        }
        Ok(locked)
    }

    fn small_lock(&mut self, frame: u32) -> Result<Raster<Option<bool>>, Error> {
        let locked = self.load_lock(frame)?;
        let (w, h) = (self.small.0 as usize, self.small.1 as usize);
        let mut out = Raster::filled(w, h, None);
        for y in 0..h {
            for x in 0..w {
                let px = ((2 * x + 1) * self.plate.0 as usize) / (2 * w);
                let py = ((2 * y + 1) * self.plate.1 as usize) / (2 * h);
                let at = py * self.plate.0 as usize + px;
                out.data[y * w + x] = (locked.lock[at] != 0).then_some(locked.mask[at] != 0);
            }
        }
        Ok(out)
    }

    fn deliver(&mut self, frame: u32, distance: &Raster<f32>, confidence: f32) -> Result<(), Error> {
        let large = fitted(self.plate, self.params.refine_side);
        let empty = distance.data.iter().all(|d| *d <= 0.0);
        let mut confidence = confidence;
        let guide = if large.0 > self.small.0 && !empty { Some(self.picture(frame, large)?) } else { None };
        let guide = guide.as_ref().map(|rgb| (rgb.as_slice(), large.0 as usize, large.1 as usize));
        let mut mask = refine::to_plate(distance, guide, self.plate)?;
        if let Some(share) = &mut self.share {
            share.join(frame, &mut mask, &mut confidence)?;
        }
        if self.locked.contains(&frame) {
            let locked = self.load_lock(frame)?;
            if locked.lock.iter().all(|l| *l != 0) {
                confidence = 1.0;
            }
            for ((mask, truth), lock) in mask.iter_mut().zip(&locked.mask).zip(&locked.lock) {
                if *lock != 0 {
                    *mask = if *truth != 0 { 255 } else { 0 };
                }
            }
        }
        let (targets, left) = self.share.as_ref().map_or((1, 0), |share| (share.targets, share.left));
        let done = self.share.as_mut().map_or(&mut self.done, |share| &mut share.done);
        *done += 1;
        let result = FrameMask { frame, mask, confidence, whole: left == 0 };
        (self.out)(result, *done, targets * self.count).map_err(|Stop| Error::Stopped)
    }
}
