//! SAM 2 in the segmenter's place: the clicks, boxes and corrections of a shot to a mask on every frame, both ways.
//!
//! Each target is an object of its own; the mask of a frame is the union. What a person locked leads the track like a click
//! and comes out as it is. Reference: void-spec §2; where it only goes forwards from the first click with a box around all
//! clicks, this goes both ways and takes boxes only from people ([`Options::box_of_clicks`] has the reference's).

pub(crate) mod bits;
mod glance;
mod lend;
mod open;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::{Hash, Step};
use nets::sam2::{self, Click, Direction, Features, Found, Prompt, Rect, Session, Shot};
use pipeline::{PlateFile, Reporter};
use plate::segment::{FrameMask, Locked, Locks, Prompts};
use tch::{Kind, Tensor};

pub use glance::glance;
pub use lend::Lend;
pub use open::{Segmenter, make_test_model};

use crate::error::{Error, Result};
use bits::Bits;
use lend::lent;

/// Frames with a person's word that a frame looks back at: attention grows with each.
const MOST_GIVEN: usize = 8;

/// How the track is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// What the plate and the part of it that is the shot are told by: what is seen of marked frames then serves the next
    /// click and track of it.
    pub plate: Option<Hash>,
    /// A box around the clicks of a frame, a tenth larger, as the reference adds to them (void-spec §2.1). It keeps the mask
    /// within reach of the clicks, so clicks must then span the target.
    pub box_of_clicks: bool,
}

/// Masks the union of `targets` on every frame and hands each frame to `each` once: those that a person marked first, then
/// the track forwards and backwards from the first of them.
///
/// # Errors
/// Nothing that shows a target; marks outside the shot or against each other; a frame that cannot be read; libtorch out of
/// memory; what `lender` says; `Cancelled` when `report` or `each` says so.
pub fn segment(
    lender: &mut dyn Lend,
    plate: &mut PlateFile,
    targets: &[Prompts],
    locks: &mut dyn Locks,
    options: Options,
    report: &mut dyn Reporter,
    each: &mut dyn FnMut(FrameMask) -> pipeline::Result<()>,
) -> Result<()> {
    // tch panics on misuse and when memory runs out.
    let all = AssertUnwindSafe(|| {
        tch::no_grad(|| {
            let mut track = Track::new(lender, plate, locks, options, report, each)?;
            track.take_all(targets, options)?;
            if track.objects.is_empty() {
                track.take_from_locks()?;
            }
            track.all()
        })
    });
    catch_unwind(all).unwrap_or_else(|panic| Err(Error::panicked(&*panic)))
}

/// What is asked of SAM 2 about one frame before the track begins.
#[derive(Default)]
struct Asked {
    /// By object: clicks and box.
    marks: BTreeMap<u32, Prompt>,
    /// By object: a mask.
    masks: BTreeMap<u32, Bits>,
}

/// What is done with the objects of a frame that was reached.
type Then<'b, 'a> = &'b mut dyn FnMut(&mut Track<'a>, u32, &[Found]) -> Result<()>;

struct Track<'a> {
    lender: &'a mut dyn Lend,
    plate: &'a mut PlateFile,
    locks: &'a mut dyn Locks,
    report: &'a mut dyn Reporter,
    each: &'a mut dyn FnMut(FrameMask) -> pipeline::Result<()>,
    shot: Shot,
    /// What the plate is told by.
    seen_as: Option<Hash>,
    /// Numbers of the objects.
    objects: Vec<u32>,
    /// What can be asked at once.
    asked: BTreeMap<u32, Asked>,
    /// By frame and object: clicks on what does not belong to it, and nothing else. They correct a track.
    against: BTreeMap<u32, BTreeMap<u32, Prompt>>,
    locked: BTreeSet<u32>,
    /// Frames whose mask was handed out.
    given_out: BTreeSet<u32>,
    done: u64,
    total: u64,
}

impl<'a> Track<'a> {
    fn new(
        lender: &'a mut dyn Lend,
        plate: &'a mut PlateFile,
        locks: &'a mut dyn Locks,
        options: Options,
        report: &'a mut dyn Reporter,
        each: &'a mut dyn FnMut(FrameMask) -> pipeline::Result<()>,
    ) -> Result<Self> {
        let (width, height) = plate.size();
        let frames = plate.frames();
        let shot = Shot { frames: frames.into(), height: height.into(), width: width.into() };
        let locked = locks.frames();
        if let Some(frame) = locked.iter().copied().find(|frame| *frame >= frames) {
            return Err(outside(frame, frames));
        }
        Ok(Self {
            lender,
            plate,
            locks,
            report,
            each,
            shot,
            seen_as: options.plate,
            objects: Vec::new(),
            asked: BTreeMap::new(),
            against: BTreeMap::new(),
            locked,
            given_out: BTreeSet::new(),
            done: 0,
            total: frames.into(),
        })
    }

    fn take_all(&mut self, targets: &[Prompts], options: Options) -> Result<()> {
        (0..).zip(targets).try_for_each(|(object, prompts)| self.take(object, prompts, options))
    }

    /// The marks of a target; one that nothing shows is left out.
    fn take(&mut self, object: u32, prompts: &Prompts, options: Options) -> Result<()> {
        let mut frames: BTreeSet<u32> = prompts.positive.keys().copied().collect();
        frames.extend(prompts.negative.keys());
        frames.extend(prompts.boxes.keys());
        let (mut shown, mut against) = (Vec::new(), Vec::new());
        for frame in frames {
            let count = self.shot.frames as u32;
            if frame >= count {
                return Err(outside(frame, count));
            }
            let clicks = |of: &BTreeMap<u32, Vec<(f32, f32)>>, onto| {
                let of = of.get(&frame).into_iter().flatten();
                of.map(|&(x, y)| Click { x, y, onto }).collect::<Vec<_>>()
            };
            let onto = clicks(&prompts.positive, true);
            let boxes = prompts.boxes.get(&frame).into_iter().flatten();
            let around = boxes.map(|&[x0, y0, x1, y1]| [x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)]);
            let around =
                around.reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]);
            let mut rect = around.map(|[left, top, right, bottom]| Rect { left, top, right, bottom });
            if options.box_of_clicks && rect.is_none() {
                rect = Prompt::with_box_of_clicks(onto.clone(), self.shot).rect;
            }
            let shows = !onto.is_empty() || rect.is_some();
            let clicks: Vec<_> = [onto, clicks(&prompts.negative, false)].concat();
            if clicks.is_empty() && rect.is_none() {
                continue;
            }
            let to = if shows { &mut shown } else { &mut against };
            to.push((frame, Prompt { clicks, rect }));
        }
        if shown.is_empty() {
            return Ok(());
        }
        self.objects.push(object);
        for (frame, prompt) in shown {
            self.asked.entry(frame).or_default().marks.insert(object, prompt);
        }
        for (frame, prompt) in against {
            self.against.entry(frame).or_default().insert(object, prompt);
        }
        Ok(())
    }

    /// Nothing is clicked: what people painted shows the target.
    fn take_from_locks(&mut self) -> Result<()> {
        for frame in self.locked.clone() {
            let Locked { mask, lock } = self.lock(frame)?;
            if mask.iter().zip(&lock).any(|(mask, lock)| *mask != 0 && *lock != 0) {
                self.objects = vec![0];
                let bits = Bits::of(mask.iter().map(|m| *m != 0));
                self.asked.entry(frame).or_default().masks.insert(0, bits);
            }
        }
        if self.objects.is_empty() {
            return Err(pipeline::Error::from(plate::segment::Error::NoPrompt).into());
        }
        Ok(())
    }

    fn all(&mut self) -> Result<()> {
        let alone = self.objects.len() == 1;
        let mut later = BTreeSet::new();
        for frame in self.locked.clone() {
            if self.asked.get(&frame).is_some_and(|asked| !asked.masks.is_empty()) {
                continue;
            }
            let Locked { mask, lock } = self.lock(frame)?;
            if alone && lock.iter().all(|lock| *lock != 0) {
                let asked = self.asked.entry(frame).or_default();
                asked.marks.clear();
                asked.masks.insert(self.objects[0], Bits::of(mask.iter().map(|m| *m != 0)));
            } else {
                later.insert(frame);
            }
        }
        later.extend(self.against.keys());
        if !later.is_empty() {
            self.look_ahead(&later)?;
        }
        self.grow()
    }

    fn session(&mut self) -> Result<Session> {
        let options =
            sam2::Options { corrections_stay: true, most_given: MOST_GIVEN, ..sam2::Options::default() };
        let seen_as = self.seen_as;
        let seen: Vec<(i64, Features)> = lent(&mut *self.lender, |segmenter| segmenter.seen_of(seen_as))?;
        Ok(Session::new(self.shot, options)?.having_seen(seen))
    }

    /// What was seen of the plate serves the next click and track.
    fn keep(&mut self, session: Session) -> Result<()> {
        let (seen_as, seen) = (self.seen_as, session.into_features());
        lent(&mut *self.lender, |segmenter| segmenter.keep_seen(seen_as, seen))
    }

    /// Asks everything that can be asked at once; hands out frames that every object was asked about.
    fn ask(&mut self, session: &mut Session, hands_out: bool) -> Result<()> {
        let asked = std::mem::take(&mut self.asked);
        for (&frame, Asked { marks, masks }) in &asked {
            let mut found = Vec::new();
            for (&object, bits) in masks {
                let mask = bits.tensor(self.shot);
                found.push(
                    self.with(|net, pictures| session.give_mask(net, pictures, object, frame.into(), &mask))?,
                );
            }
            for (&object, prompt) in marks {
                if masks.contains_key(&object) {
                    continue;
                }
                found.push(self.with(|net, pictures| {
                    session.mark(net, pictures, object, frame.into(), prompt.clone())
                })?);
            }
            if hands_out && found.len() == self.objects.len() {
                self.hand_out(frame, &found)?;
            }
        }
        self.asked = asked;
        Ok(())
    }

    /// A first track over the frames whose corrections cannot be told without it: what it finds there, corrected, is asked
    /// about afterwards like a click.
    fn look_ahead(&mut self, later: &BTreeSet<u32>) -> Result<()> {
        let mut session = self.session()?;
        self.ask(&mut session, true)?;
        let start = *self.asked.keys().next().expect("something is asked about");
        let (first, last) = (*later.first().expect("not empty"), *later.last().expect("not empty"));
        let reaches = [
            (Direction::Forwards, i64::from(last) - i64::from(start)),
            (Direction::Backwards, i64::from(start) - i64::from(first)),
        ];
        self.total += reaches.iter().map(|(_, reach)| (*reach).max(0) as u64).sum::<u64>();
        let mut tracked: BTreeMap<u32, BTreeMap<u32, Bits>> = BTreeMap::new();
        for (direction, reach) in reaches {
            if reach < 0 || (reach == 0 && direction == Direction::Backwards) {
                continue;
            }
            self.propagate(&mut session, start, direction, Some(reach), &mut |track, frame, found| {
                if later.contains(&frame) {
                    tracked.insert(frame, owned(found));
                }
                track.step(frame != start)
            })?;
        }
        for (&frame, by_object) in &mut tracked {
            for (&object, prompt) in &self.against.get(&frame).cloned().unwrap_or_default() {
                let found = self.with(|net, pictures| {
                    session.mark(net, pictures, object, frame.into(), prompt.clone())
                })?;
                by_object.insert(object, Bits::of_logits(&found.logits));
            }
            if self.locked.contains(&frame) {
                let locked = self.lock(frame)?;
                correct(by_object, &locked);
            }
        }
        for (frame, masks) in tracked {
            let asked = self.asked.entry(frame).or_default();
            for (object, bits) in masks {
                asked.marks.remove(&object);
                asked.masks.insert(object, bits);
            }
        }
        self.keep(session)
    }

    /// The track that is handed out.
    fn grow(&mut self) -> Result<()> {
        let mut session = self.session()?;
        let outcome = self.grow_in(&mut session);
        // Also where somebody ended it.
        let kept = self.keep(session);
        outcome.and(kept)
    }

    fn grow_in(&mut self, session: &mut Session) -> Result<()> {
        self.ask(session, true)?;
        let start = *self.asked.keys().next().expect("something is asked about");
        for direction in [Direction::Forwards, Direction::Backwards] {
            if direction == Direction::Backwards && start == 0 {
                continue;
            }
            self.propagate(session, start, direction, None, &mut |track, frame, found| {
                track.hand_out(frame, found)
            })?;
        }
        Ok(())
    }

    /// Runs `session` one way; `then` is told of every frame and ends it with an error.
    fn propagate(
        &mut self,
        session: &mut Session,
        start: u32,
        direction: Direction,
        limit: Option<i64>,
        then: Then<'_, 'a>,
    ) -> Result<()> {
        // Frame by frame, since the plate is asked for pictures in between.
        let frames = i64::from(start);
        let end = match direction {
            Direction::Forwards => {
                limit.map_or(self.shot.frames - 1, |limit| (frames + limit).min(self.shot.frames - 1))
            }
            Direction::Backwards => limit.map_or(0, |limit| (frames - limit).max(0)),
        };
        let mut at = frames;
        loop {
            let mut found = Vec::new();
            // Backwards, the network's own loop does not begin at the first frame: it comes along with the second.
            let along = i64::from(at == 0 && direction == Direction::Backwards);
            self.with(|net, pictures| {
                session.propagate(net, pictures, Some(at + along), direction, Some(along), &mut |_, masks| {
                    found = masks;
                    ControlFlow::Continue(())
                })
            })?;
            then(self, at as u32, &found)?;
            if at == end {
                return Ok(());
            }
            at += if direction == Direction::Forwards { 1 } else { -1 };
        }
    }

    /// Calls SAM 2 with the network and the plate's pictures; what the plate refuses comes out as the plate said it.
    fn with<T>(
        &mut self,
        call: impl FnOnce(&sam2::Sam2, sam2::Pictures) -> std::result::Result<T, nets::Error>,
    ) -> Result<T> {
        let mut refused = None;
        let (plate, (width, height)) = (&mut *self.plate, (self.shot.width as u32, self.shot.height as u32));
        let mut pictures = |frame: i64| {
            rgb(plate, frame as u32, width, height).map_err(|error| {
                let said = nets::Error::input(error.to_string(), "Read the plate again.");
                refused = Some(error);
                said
            })
        };
        let outcome = lent(&mut *self.lender, |segmenter| call(segmenter.net(), &mut pictures))?;
        match refused {
            Some(error) => Err(error.into()),
            None => Ok(outcome?),
        }
    }

    fn step(&mut self, counts: bool) -> Result<()> {
        self.done += u64::from(counts);
        Ok(self.report.step(Step::Track, self.done.min(self.total), self.total)?)
    }

    /// The union of the objects under what people locked; once for each frame.
    fn hand_out(&mut self, frame: u32, found: &[Found]) -> Result<()> {
        if !self.given_out.insert(frame) {
            return Ok(());
        }
        let (mut mask, mut confidence) = self.union(found);
        if self.locked.contains(&frame) {
            let locked = self.lock(frame)?;
            if locked.lock.iter().all(|lock| *lock != 0) {
                confidence = 1.0;
            }
            for ((mask, truth), lock) in mask.iter_mut().zip(&locked.mask).zip(&locked.lock) {
                if *lock != 0 {
                    *mask = if *truth != 0 { 255 } else { 0 };
                }
            }
        }
        (self.each)(FrameMask { frame, mask, confidence: confidence as f32, whole: true })?;
        self.step(true)
    }

    /// The objects' masks together at plate size, 255 inside, and how far they are believed: as far as the one that is least.
    fn union(&self, found: &[Found]) -> (Vec<u8>, f64) {
        let mut mask = vec![0; (self.shot.width * self.shot.height) as usize];
        let mut confidence = 1.0_f64;
        for found in found {
            Bits::of_logits(&found.logits).add_to(&mut mask);
            confidence = confidence.min(believed(found));
        }
        (mask, confidence)
    }

    fn lock(&mut self, frame: u32) -> Result<Locked> {
        let error = |source| pipeline::Error::from(plate::segment::Error::Source { frame, source });
        let locked = self.locks.load(frame).map_err(error)?;
        self.check_size(frame, &locked.mask)?;
        self.check_size(frame, &locked.lock)?;
        Ok(locked)
    }

    /// Refuses a plane of another size than the plate's.
    fn check_size(&self, frame: u32, plane: &[u8]) -> Result<()> {
        let (found, wanted) = (plane.len(), (self.shot.width * self.shot.height) as usize);
        if found == wanted {
            return Ok(());
        }
        let (width, height) = (self.shot.width as u32, self.shot.height as u32);
        let wrong = plate::segment::Error::WrongSize { frame, width, height, found, wanted };
        Err(pipeline::Error::from(wrong).into())
    }
}

/// 0 to 1: that the mask is right, an empty one too.
fn believed(found: &Found) -> f64 {
    match found.score {
        Some(score) if score < 0.0 => 1.0 / (1.0 + score.exp()),
        _ => found.confidence(),
    }
}

fn owned(found: &[Found]) -> BTreeMap<u32, Bits> {
    found.iter().map(|found| (found.object, Bits::of_logits(&found.logits))).collect()
}

/// Sets what a person locked into the masks of a frame's objects: a locked pixel outside goes from all, one inside stays with
/// those that have it; a stretch that none has goes to the first that is nearest in reading order.
fn correct(by_object: &mut BTreeMap<u32, Bits>, locked: &Locked) {
    let mut nearest = by_object.keys().next().copied();
    for (at, (mask, lock)) in locked.mask.iter().zip(&locked.lock).enumerate() {
        let owner = by_object.iter().find(|(_, bits)| bits.get(at)).map(|(object, _)| *object);
        nearest = owner.or(nearest);
        match (*lock != 0, *mask != 0, owner) {
            (true, false, _) => by_object.values_mut().for_each(|bits| bits.set(at, false)),
            (true, true, None) => {
                if let Some(bits) = nearest.and_then(|object| by_object.get_mut(&object)) {
                    bits.set(at, true);
                }
            }
            _ => {}
        }
    }
}

fn outside(frame: u32, count: u32) -> Error {
    pipeline::Error::from(plate::segment::Error::OutsideShot { frame, count }).into()
}

/// An upright frame: u8 [height, width, 3].
fn rgb(plate: &mut PlateFile, frame: u32, width: u32, height: u32) -> pipeline::Result<Tensor> {
    let picture = plate.picture(frame)?;
    let (colour, rotation) = (&plate.facts.colour, plate.facts.rotation);
    let rgb = picture.to_rgb(width, height, colour, rotation)?.data;
    Ok(Tensor::from_data_size(&rgb, &[height.into(), width.into(), 3], Kind::Uint8))
}
