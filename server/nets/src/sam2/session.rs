//! One shot being segmented: what was marked on which frame, what was found, and how a track grows both ways.
//!
//! Several objects, each with a memory of its own. Reference: sam2/sam2_video_predictor.py at
//! facebookresearch/sam2@2b90b9f; void-spec §2. Nothing here knows files or people's locks: a mask that must stay as it
//! is comes in as [`Session::give_mask`].

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use tch::{Kind, Tensor};

use super::image_encoder::Features;
use super::model::{Answer, HIDDEN, PointerAt, Points, Sam2};
use super::prompts::{Prompt, Shot};
use super::{holes, pixels};
use crate::Error;

const LOGIT_LIMIT: f64 = 32.0; // an earlier mask as a prompt
const POINTERS: i64 = 16; // max_obj_ptrs_in_encoder

/// How the track is made. The default is what the reference's builder sets (void-spec §2.2).
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Holes of at most so many pixels of the small mask are closed; 0 leaves them. The reference does this only where
    /// its CUDA extension is built.
    pub fill_holes: usize,
    /// A click on a frame that was already tracked makes it a frame to be relied on, as the first click did. Without it, as
    /// in the reference, such a correction is shown and then lost when the track is made again.
    pub corrections_stay: bool,
    /// How many frames on either side of the one being tracked stay in memory; what lies further off keeps only its object
    /// pointer. One frame takes 0.8 MB per object at full size.
    pub kept_frames: i64,
    /// How many marked frames' features stay, so that the next click there is answered at once: 13 MB each at full size in f32.
    pub kept_features: usize,
    /// At most so many frames that are relied on are looked back at, the nearest: the work grows with their number. 0: all of
    /// them, as in the reference.
    pub most_given: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { fill_holes: 8, corrections_stay: false, kept_frames: 500, kept_features: 4, most_given: 0 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    Forwards,
    Backwards,
}

/// One object in one frame.
pub struct Found {
    pub object: u32,
    /// Above 0 is the object: f32 [height, width] of the plate, on the CPU.
    pub logits: Tensor,
    /// Logit of the object being there at all: below 0 it is hidden. `None` where nothing was asked about it.
    pub score: Option<f64>,
    /// How well the mask is thought to fit, 0–1.
    pub iou: f64,
}

impl Found {
    /// 0 to 1: that the object is there, and that its mask fits.
    pub fn confidence(&self) -> f64 {
        self.score.map_or(0.0, |score| self.iou / (1.0 + (-score).exp()))
    }
}

/// Where the frames come from: 8-bit RGB [height, width, 3], counted from 0.
pub type Pictures<'a> = &'a mut dyn FnMut(i64) -> Result<Tensor, Error>;

/// What is kept of one object in one frame.
pub struct Kept {
    /// Logits: [1, 1, mask side, mask side]; gone where the frame is far off.
    pub low: Option<Tensor>,
    /// [1, d_model]
    pub pointer: Tensor,
    /// [1, 1]
    pub score: Tensor,
    /// [1, mem_dim, grid, grid], bf16; made when it is first needed.
    pub memory: Option<Tensor>,
    pub iou: f64,
}

#[derive(Default)]
struct Object {
    id: u32,
    prompts: BTreeMap<i64, Prompt>,
    /// Frames that the track relies on.
    given: BTreeMap<i64, Kept>,
    /// Frames that were tracked, or corrected after they had been.
    tracked: BTreeMap<i64, Kept>,
    /// Answers since the last tracking, not yet remembered.
    new_given: BTreeMap<i64, Kept>,
    new_tracked: BTreeMap<i64, Kept>,
    /// Which way each frame was last reached.
    reached: BTreeMap<i64, Direction>,
}

/// The state of one shot. The network is handed in with every call, so that one network serves many shots.
pub struct Session {
    shot: Shot,
    options: Options,
    objects: Vec<Object>,
    /// Of marked frames, the most recently used last.
    features: Vec<(i64, Features)>,
    /// Of the frame that is being tracked.
    passing: Option<(i64, Features)>,
}

impl Session {
    /// # Errors
    /// When the shot has no frames or no picture.
    pub fn new(shot: Shot, options: Options) -> Result<Self, Error> {
        shot.check()?;
        Ok(Self { shot, options, objects: Vec::new(), features: Vec::new(), passing: None })
    }

    /// The same with what an earlier session of this shot and network has looked at: see [`Self::into_features`].
    #[must_use]
    pub fn having_seen(self, features: Vec<(i64, Features)>) -> Self {
        Self { features, ..self }
    }

    /// What was seen of the marked frames, for the next session of this shot.
    pub fn into_features(self) -> Vec<(i64, Features)> {
        self.features
    }

    /// Marks an object on a frame, in place of what was marked there before, and answers with its mask. `object` is any
    /// number; a new one is a new object.
    ///
    /// # Errors
    /// When the marks lie outside the shot or contradict each other, or the frame cannot be read.
    pub fn mark(
        &mut self,
        net: &Sam2,
        pictures: Pictures,
        object: u32,
        frame: i64,
        prompt: Prompt,
    ) -> Result<Found, Error> {
        self.shot.check_prompt(frame, &prompt)?;
        let points = self.points(net, &prompt);
        let at = self.object(object);
        let known = &self.objects[at];
        let direction = known.reached.get(&frame).copied();
        let relied_on = direction.is_none() || self.options.corrections_stay;
        let newer = if relied_on { &known.new_given } else { &known.new_tracked };
        let earlier =
            newer.get(&frame).or_else(|| known.given.get(&frame)).or_else(|| known.tracked.get(&frame));
        let earlier =
            earlier.and_then(|kept| kept.low.as_ref()).map(|low| low.clamp(-LOGIT_LIMIT, LOGIT_LIMIT));
        self.look(net, pictures, frame, true)?;
        let features = self.seen(frame);
        let coarse = match direction {
            None => net.unremembering(features),
            Some(direction) => self.with_memory(net, at, frame, direction, features),
        };
        let answer = net.answer(features, &coarse, Some(&points), earlier.as_ref());
        self.objects[at].prompts.insert(frame, prompt);
        Ok(self.answered(at, frame, relied_on, answer))
    }

    /// A person's own mask for a frame: [height, width], above 0 is the object. The track relies on it.
    ///
    /// # Errors
    /// When it has another size than the plate, or the frame does not exist or cannot be read.
    pub fn give_mask(
        &mut self,
        net: &Sam2,
        pictures: Pictures,
        object: u32,
        frame: i64,
        mask: &Tensor,
    ) -> Result<Found, Error> {
        self.shot.check_frame(frame)?;
        self.shot.check_mask(mask)?;
        let side = net.config.image_size;
        let mask = mask.gt(0).to_kind(Kind::Float).view([1, 1, self.shot.height, self.shot.width]);
        let mask = mask.internal_upsample_bilinear2d_aa([side, side], false, None, None);
        let mask = mask.ge(0.5).to_kind(Kind::Float);
        let at = self.object(object);
        let relied_on = !self.objects[at].reached.contains_key(&frame) || self.options.corrections_stay;
        self.look(net, pictures, frame, true)?;
        let answer = net.answer_with_mask(self.seen(frame), &mask);
        self.objects[at].prompts.remove(&frame);
        Ok(self.answered(at, frame, relied_on, answer))
    }

    /// Takes back everything about an object; does nothing where it is not known.
    pub fn forget_object(&mut self, object: u32) {
        self.objects.retain(|known| known.id != object);
    }

    /// What was last marked on a frame with [`Self::mark`].
    pub fn prompt(&self, object: u32, frame: i64) -> Option<&Prompt> {
        self.objects.iter().find(|known| known.id == object)?.prompts.get(&frame)
    }

    /// Objects in the order in which they were first marked.
    pub fn objects(&self) -> impl Iterator<Item = u32> {
        self.objects.iter().map(|object| object.id)
    }

    /// What is kept of a frame: relied on, or tracked.
    pub fn kept(&self, object: u32, frame: i64) -> Option<&Kept> {
        let known = self.objects.iter().find(|known| known.id == object)?;
        known.given.get(&frame).or_else(|| known.tracked.get(&frame))
    }

    /// Tracks every object from a frame (the first that is relied on when `None`) to the end of the shot, or back to its
    /// beginning, over at most `limit` further frames. `each` is shown every frame, and stops it by breaking.
    ///
    /// # Errors
    /// When nothing is marked, an object has no frame to rely on, or a frame cannot be read. What was tracked until then stays.
    pub fn propagate(
        &mut self,
        net: &Sam2,
        pictures: Pictures,
        from: Option<i64>,
        direction: Direction,
        limit: Option<i64>,
        each: &mut dyn FnMut(i64, Vec<Found>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.remember_answers(net, pictures)?;
        let first = self.objects.iter().filter_map(|object| object.given.keys().next().copied()).min();
        let start = from.or(first).ok_or_else(nothing_marked)?;
        self.shot.check_frame(start)?;
        let limit = limit.unwrap_or(self.shot.frames);
        let order: Vec<i64> = match direction {
            Direction::Forwards => (start..=start.saturating_add(limit).min(self.shot.frames - 1)).collect(),
            Direction::Backwards if start == 0 => Vec::new(),
            Direction::Backwards => (start.saturating_sub(limit).max(0)..=start).rev().collect(),
        };
        for frame in order {
            let found = self.track(net, pictures, frame, direction)?;
            if each(frame, found).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// One frame of every object.
    fn track(
        &mut self,
        net: &Sam2,
        pictures: Pictures,
        frame: i64,
        direction: Direction,
    ) -> Result<Vec<Found>, Error> {
        for at in 0..self.objects.len() {
            if !self.objects[at].given.contains_key(&frame) {
                self.look(net, pictures, frame, false)?;
                let features = self.seen(frame);
                let coarse = self.with_memory(net, at, frame, direction, features);
                let answer = net.answer(features, &coarse, None, None);
                let memory = net.remember(features, &answer.high, &answer.score, false);
                let kept = self.keep(answer, Some(memory));
                self.objects[at].tracked.insert(frame, kept);
            }
            self.objects[at].reached.insert(frame, direction);
        }
        self.let_go(frame);
        Ok((0..self.objects.len()).map(|at| self.found(&self.objects[at], frame)).collect())
    }

    /// Turns answers since the last tracking into memory.
    fn remember_answers(&mut self, net: &Sam2, pictures: Pictures) -> Result<(), Error> {
        for at in 0..self.objects.len() {
            for relied_on in [false, true] {
                let object = &mut self.objects[at];
                let new =
                    std::mem::take(if relied_on { &mut object.new_given } else { &mut object.new_tracked });
                for (frame, mut kept) in new {
                    self.look(net, pictures, frame, false)?;
                    let low = kept.low.as_ref().expect("an answer that was not let go of");
                    let high = net.enlarge(low);
                    kept.memory = Some(net.remember(self.seen(frame), &high, &kept.score, true));
                    let object = &mut self.objects[at];
                    if relied_on {
                        object.tracked.remove(&frame);
                        object.given.insert(frame, kept);
                    } else {
                        object.tracked.insert(frame, kept);
                    }
                }
            }
            let object = &self.objects[at];
            if object.given.is_empty() {
                return Err(Error::input(
                    format!("object {} is marked on no frame", object.id),
                    "Click on it, or take it out.",
                ));
            }
        }
        Ok(())
    }

    /// A frame's features as memory changes them.
    fn with_memory(
        &self,
        net: &Sam2,
        at: usize,
        frame: i64,
        direction: Direction,
        features: &Features,
    ) -> Tensor {
        let object = &self.objects[at];
        let relied_on = nearest(&object.given, frame, self.options.most_given);
        let back = match direction {
            Direction::Forwards => 1,
            Direction::Backwards => -1,
        };
        let places = net.config.num_maskmem;
        // A frame that is relied on, wherever it is; then the frames just tracked, from far to near.
        let near = (1..places).rev().filter_map(|away| {
            let memory = object.tracked.get(&(frame - back * away))?.memory.as_ref()?;
            Some((away - 1, memory))
        });
        let given = relied_on.iter().filter_map(|(_, kept)| Some((places - 1, kept.memory.as_ref()?)));
        let maps: Vec<_> = given.chain(near).collect();

        let reach = self.shot.frames.min(POINTERS);
        let signed = |away: i64| if net.signed_times() { away * back } else { away.abs() };
        let given = relied_on.iter().filter(|(at, _)| (frame - at) * back >= 0);
        let given = given.map(|(at, kept)| PointerAt { away: signed(frame - at), pointer: &kept.pointer });
        let near = (1..reach).filter_map(|away| {
            let kept = object.tracked.get(&(frame - back * away))?;
            Some(PointerAt { away, pointer: &kept.pointer })
        });
        let pointers: Vec<_> = given.chain(near).collect();
        if maps.is_empty() && pointers.is_empty() {
            return net.unremembering(features);
        }
        net.remembering(features, &net.memory_of(&maps, &pointers, reach))
    }

    fn answered(&mut self, at: usize, frame: i64, relied_on: bool, answer: Answer) -> Found {
        let kept = self.keep(answer, None);
        let object = &mut self.objects[at];
        let (new, other) = if relied_on {
            (&mut object.new_given, &mut object.new_tracked)
        } else {
            (&mut object.new_tracked, &mut object.new_given)
        };
        other.remove(&frame);
        new.insert(frame, kept);
        self.found(&self.objects[at], frame)
    }

    fn keep(&self, answer: Answer, memory: Option<Tensor>) -> Kept {
        let Answer { low, high: _, pointer, score, iou } = answer;
        let low = match self.options.fill_holes {
            0 => low,
            area => holes::fill(&low, area),
        };
        Kept { low: Some(low), pointer, score, memory, iou }
    }

    /// The newest answer about a frame, at the plate's size.
    fn found(&self, object: &Object, frame: i64) -> Found {
        let Shot { height, width, .. } = self.shot;
        let newest = [&object.new_given, &object.new_tracked, &object.given, &object.tracked];
        let kept = newest.into_iter().find_map(|frames| frames.get(&frame));
        let low = kept.and_then(|kept| kept.low.as_ref());
        let logits = match low {
            Some(low) => low.upsample_bilinear2d([height, width], false, None, None).view([height, width]),
            None => Tensor::full([height, width], HIDDEN, (Kind::Float, tch::Device::Cpu)),
        };
        Found {
            object: object.id,
            logits: logits.to_device(tch::Device::Cpu),
            score: kept.map(|kept| kept.score.double_value(&[0, 0])),
            iou: kept.map_or(0.0, |kept| kept.iou),
        }
    }

    fn points(&self, net: &Sam2, prompt: &Prompt) -> Points {
        let (at, labels) = prompt.numbers();
        let n = labels.len() as i64;
        let size = Tensor::from_slice(&[self.shot.width as f32, self.shot.height as f32]);
        let at = Tensor::from_slice(&at).view([1, n, 2]) / size * net.config.image_size as f64;
        Points {
            at: at.to_device(net.device()),
            labels: Tensor::from_slice(&labels).view([1, n]).to_device(net.device()),
        }
    }

    fn object(&mut self, id: u32) -> usize {
        if let Some(at) = self.objects.iter().position(|known| known.id == id) {
            return at;
        }
        self.objects.push(Object { id, ..Object::default() });
        self.objects.len() - 1
    }

    /// Has a frame's features at hand; those of a marked frame stay.
    fn look(&mut self, net: &Sam2, pictures: Pictures, frame: i64, is_marked: bool) -> Result<(), Error> {
        if let Some(at) = self.features.iter().position(|(known, _)| *known == frame) {
            let known = self.features.remove(at);
            self.features.push(known);
            return Ok(());
        }
        let features = match self.passing.take() {
            Some((known, features)) if known == frame => features,
            _ => {
                let picture = pictures(frame)?;
                self.shot.check_picture(frame, &picture)?;
                net.look(&pixels::of_frame(&picture, net.config.image_size)?)
            }
        };
        if is_marked {
            while self.features.len() >= self.options.kept_features.max(1) {
                self.features.remove(0);
            }
            self.features.push((frame, features));
        } else {
            self.passing = Some((frame, features));
        }
        Ok(())
    }

    fn seen(&self, frame: i64) -> &Features {
        let seen = self.features.iter().chain(&self.passing).rfind(|(known, _)| *known == frame);
        &seen.expect("looked at just before").1
    }

    /// Lets go of all but the pointers of frames far from this one.
    fn let_go(&mut self, frame: i64) {
        let reach = self.options.kept_frames;
        for object in &mut self.objects {
            let far = |at: &i64| (at - frame).abs() > reach;
            for (_, kept) in object.tracked.iter_mut().filter(|(at, _)| far(at)) {
                kept.low = None;
                kept.memory = None;
            }
        }
    }
}

/// The `most` entries nearest to a frame in their order; all of them where `most` is 0.
fn nearest(given: &BTreeMap<i64, Kept>, frame: i64, most: usize) -> Vec<(i64, &Kept)> {
    let mut near: Vec<_> = given.iter().map(|(at, kept)| (*at, kept)).collect();
    if most > 0 && near.len() > most {
        near.sort_by_key(|(at, _)| ((at - frame).abs(), *at));
        near.truncate(most);
        near.sort_by_key(|(at, _)| *at);
    }
    near
}

fn nothing_marked() -> Error {
    Error::input("nothing is marked in this shot", "Click on what is to be tracked, on any frame.")
}
