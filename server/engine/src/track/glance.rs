//! The answer to a click: the mask of one frame alone, at once. What grows from it over the shot is the parent module's
//! matter.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nets::sam2::{Direction, Found, Prompt, Session};
use pipeline::PlateFile;
use plate::segment::{FrameMask, Prompts};

use super::bits::Bits;
use super::{Lend, Options, Track, outside};
use crate::error::{Error, Result};

/// The number under which everything that comes from the frame beside is one object.
const LED: u32 = 0;

/// The mask of `frame` as the marks on it say now, the union of `targets`; locks are the caller's.
///
/// `beside`: a frame right beside this one with the mask it has (plate size, nonzero: object). Targets that do not begin on
/// this frame come from there, corrected by their marks here; of several, one with a box here is looked for in that alone.
/// `None`: nothing shows a target on this frame.
///
/// # Errors
/// Those of [`super::segment`], but for `NoPrompt` and `Cancelled`.
pub fn glance(
    lender: &mut dyn Lend,
    plate: &mut PlateFile,
    targets: &[Prompts],
    frame: u32,
    beside: Option<(u32, &[u8])>,
    options: Options,
) -> Result<Option<FrameMask>> {
    let (mut locks, mut report) = ((), ());
    let mut each = |_: FrameMask| Ok(());
    // tch panics on misuse and when memory runs out.
    let look = AssertUnwindSafe(|| {
        tch::no_grad(|| {
            let mut track = Track::new(lender, plate, &mut locks, options, &mut report, &mut each)?;
            track.take_all(targets, options)?;
            track.glance(frame, beside)
        })
    });
    catch_unwind(look).unwrap_or_else(|panic| Err(Error::panicked(&*panic)))
}

/// What is asked of one frame.
struct Marked {
    /// By object: targets that the marks here show by themselves.
    alone: BTreeMap<u32, Prompt>,
    /// The frame beside, its mask, and the marks here that correct what comes from there.
    led: Option<(u32, Bits, Prompt)>,
}

impl Track<'_> {
    fn glance(&mut self, frame: u32, beside: Option<(u32, &[u8])>) -> Result<Option<FrameMask>> {
        let count = self.shot.frames as u32;
        if frame >= count {
            return Err(outside(frame, count));
        }
        let marked = self.marked(frame, beside)?;
        if marked.alone.is_empty() && marked.led.is_none() {
            return Ok(None);
        }
        let mut session = self.session()?;
        let found = self.answers(&mut session, frame, marked);
        // Also what was seen before it failed.
        self.keep(session)?;
        let (mask, confidence) = self.union(&found?);
        Ok(Some(FrameMask { frame, mask, confidence: confidence as f32, whole: true }))
    }

    fn marked(&mut self, frame: u32, beside: Option<(u32, &[u8])>) -> Result<Marked> {
        if let Some((at, mask)) = beside {
            self.check_size(at, mask)?;
        }
        let beside = beside.filter(|(_, mask)| mask.iter().any(|pixel| *pixel != 0));
        let is_one_of_several = self.objects.len() > 1;
        let (mut alone, mut corrections) = (BTreeMap::new(), Vec::new());
        for (object, prompt) in self.asked.remove(&frame).unwrap_or_default().marks {
            let begins = self.asked.range(..frame).all(|(_, asked)| !asked.marks.contains_key(&object));
            // A box says where its own target is: what lies outside may be another.
            let is_boxed = is_one_of_several && prompt.rect.is_some();
            if beside.is_none() || begins || is_boxed {
                alone.insert(object, prompt);
            } else {
                corrections.push(prompt);
            }
        }
        corrections.extend(self.against.remove(&frame).unwrap_or_default().into_values());
        let others_come = self.objects.is_empty() || alone.len() < self.objects.len();
        let led = beside.filter(|_| others_come);
        let bits = |mask: &[u8]| Bits::of(mask.iter().map(|pixel| *pixel != 0));
        Ok(Marked { alone, led: led.map(|(at, mask)| (at, bits(mask), joined(corrections))) })
    }

    fn answers(&mut self, session: &mut Session, frame: u32, marked: Marked) -> Result<Vec<Found>> {
        let Marked { alone, led } = marked;
        let mut found = Vec::new();
        for (&object, prompt) in &alone {
            found.push(
                self.with(|net, pictures| session.mark(net, pictures, object, frame.into(), prompt.clone()))?,
            );
        }
        let Some((beside, bits, corrections)) = led else { return Ok(found) };
        // They are no part of what comes from the frame beside.
        alone.keys().for_each(|object| session.forget_object(*object));
        let mask = bits.tensor(self.shot);
        self.with(|net, pictures| session.give_mask(net, pictures, LED, beside.into(), &mask))?;
        let direction = if frame > beside { Direction::Forwards } else { Direction::Backwards };
        let mut came = None;
        self.with(|net, pictures| {
            session.propagate(net, pictures, Some(beside.into()), direction, Some(1), &mut |at, masks| {
                if at == i64::from(frame) {
                    came = masks.into_iter().next();
                }
                ControlFlow::Continue(())
            })
        })?;
        if !corrections.clicks.is_empty() || corrections.rect.is_some() {
            came =
                Some(self.with(|net, pictures| session.mark(net, pictures, LED, frame.into(), corrections))?);
        }
        found.extend(came);
        Ok(found)
    }
}

/// The marks of several targets as those of one: where one of them is clicked, that it is not another says nothing.
fn joined(prompts: Vec<Prompt>) -> Prompt {
    let of_several = prompts.len() > 1;
    let mut all = Prompt::default();
    for Prompt { clicks, rect } in prompts {
        all.clicks.extend(clicks);
        all.rect = all.rect.or(rect);
    }
    if of_several {
        let onto: Vec<_> =
            all.clicks.iter().filter(|click| click.onto).map(|click| (click.x, click.y)).collect();
        all.clicks.retain(|click| click.onto || !onto.contains(&(click.x, click.y)));
    }
    all
}
