//! SAM 3 over a plate: which frames are looked at, what words name there, which of it is one thing over time, and SAM 2 between.
//! What becomes of it, in rows and in masks, is not known here.
//!
//! Source: sam3-spec.md; whatever the reference swallows (void-spec §4.1: any error is an empty mask) comes out as an error.

mod carry;
mod keys;
mod open;
#[cfg(test)]
mod tests;
mod things;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::find::{FLOOR, Looked, MOST_SIGHTS, Order, SeenBy, THRESHOLD};
use domain::{Hash, Outline, Region, Sight, Step};
use nets::sam3::{Instance, Manner, Phrase};
use pipeline::stages::noun::{Each, Nouns, Thing};
use pipeline::{PlateFile, Reporter};
use tch::{Kind, Tensor};

pub use keys::MOST_KEYS;
pub use open::{Finder, make_test_model};
pub use things::{Carried, Linked, Look, Seen, link};

use crate::error::{Error, Result};
use crate::track::Segmenter;
use crate::track::bits::Bits;
use carry::{Arrived, carry};

/// The best so many things of a frame are carried to the next, where they score above the usual threshold.
const MOST_CARRIED: usize = 8;

/// What is looked for, and where.
pub struct Search<'a> {
    pub order: &'a Order,
    /// What the plate and the part of it that is the shot are told by: what is seen of it serves the next words.
    pub seen_as: Hash,
    /// Frames between two that are looked at, within a scene.
    pub every: u32,
}

/// What a search came to. Masks were handed out, by the number of their sight.
#[derive(Debug)]
pub struct Came {
    pub sights: Vec<Sight>,
    pub looked: Vec<Looked>,
    pub conflicts: Vec<domain::find::Conflict>,
    /// Sentences for whoever typed the words.
    pub notes: Vec<String>,
    /// Frames that had been seen before, for other words.
    pub known_frames: u32,
    pub was_carried: bool,
}

/// Who gets masks: the number of a sight and its mask at plate size, 255 inside.
pub type Masks<'a> = &'a mut dyn FnMut(u32, &[u8]) -> pipeline::Result<()>;

/// Looks for words on a plate's key frames and on those that are asked for, and follows what is found from one to the next with
/// `carrier`, where there is one. `each` is handed every mask; none of them is empty.
///
/// # Errors
/// Words that cannot be read; no frame to look at; a frame that cannot be read; libtorch out of memory; `Cancelled`.
pub fn find(
    finder: &mut Finder,
    carrier: Option<&Segmenter>,
    plate: &mut PlateFile,
    search: &Search,
    report: &mut dyn Reporter,
    each: Masks,
) -> Result<Came> {
    // tch panics on misuse and when memory runs out.
    let all = AssertUnwindSafe(|| {
        tch::no_grad(|| Finding { finder, plate, search, report, each, count: 0 }.all(carrier))
    });
    catch_unwind(all).unwrap_or_else(|panic| Err(Error::panicked(&*panic)))
}

/// Where something arrived, by the look and the sight that it was carried from.
type Arrivals = BTreeMap<(usize, usize), Arrived>;

struct Finding<'a> {
    finder: &'a mut Finder,
    plate: &'a mut PlateFile,
    search: &'a Search<'a>,
    report: &'a mut dyn Reporter,
    each: Masks<'a>,
    /// Masks handed out.
    count: u32,
}

/// A thing on a frame before it is known which thing it is.
struct Found {
    n: u32,
    score: f32,
    corners: [f32; 4],
    share: f32,
    shape: Outline,
    /// Kept where it may be carried on.
    bits: Option<Bits>,
}

impl Finding<'_> {
    fn all(mut self, carrier: Option<&Segmenter>) -> Result<Came> {
        let Search { order, seen_as, every } = *self.search;
        let phrase = self.finder.phrase(&order.words)?;
        let frames = self.plate.frames();
        let cuts = if order.keys && frames > 1 { keys::cuts(self.plate, self.report)? } else { Vec::new() };
        let chosen = keys::chosen(frames, &cuts, order, every);
        if chosen.is_empty() {
            let why = "No frame was chosen to look on: choose the shot's key frames, or go to a frame.";
            return Err(pipeline::Error::Input(why.into()).into());
        }
        let mut notes: Vec<String> = phrase.notes.iter().map(ToString::to_string).collect();
        let known_frames =
            chosen.iter().filter(|frame| self.finder.has_seen(seen_as, **frame)).count() as u32;
        let (mut looked, mut found, mut blank) = (Vec::new(), Vec::new(), 0);
        for (at, frame) in chosen.iter().enumerate() {
            self.report.step(Step::Look, at as u64, chosen.len() as u64)?;
            let (told, here, empty) = self.look(*frame, &phrase, carrier.is_some())?;
            looked.push(told);
            found.push(here);
            blank += empty;
        }
        self.report.step(Step::Look, chosen.len() as u64, chosen.len() as u64)?;
        if blank > 0 {
            notes.push(format!(
                "{blank} of what scored has no pixel in its mask and is left out, since it would mark nothing."
            ));
        }
        let scene = |frame: u32| cuts.iter().filter(|cut| **cut <= frame).count();
        let (ways, mut arrived) = match carrier {
            Some(segmenter) => self.carried(segmenter, &chosen, &found, scene)?,
            None => (Vec::new(), BTreeMap::new()),
        };
        let seen = |found: &Found| Seen { score: found.score, shape: found.shape.clone() };
        let looks: Vec<Look> = chosen
            .iter()
            .zip(&found)
            .map(|(frame, here)| Look {
                frame: *frame,
                scene: scene(*frame),
                seen: here.iter().map(seen).collect(),
            })
            .collect();
        let Linked { things, conflicts, only_tracked } = link(&looks, &ways);
        let mut sights = Vec::new();
        for ((frame, here), numbers) in chosen.iter().zip(found).zip(&things) {
            for (Found { n, score, corners, share, shape, bits: _ }, thing) in here.into_iter().zip(numbers) {
                let (frame, thing, by) = (*frame, *thing, SeenBy::Words);
                sights.push(Sight { n, thing, frame, score, corners, share, shape, by });
            }
        }
        for (look, sight) in only_tracked {
            if let Some(arrived) = arrived.remove(&(look - 1, sight)) {
                let thing = things[look - 1][sight];
                sights.push(self.tracked(chosen[look], thing, arrived)?);
            }
        }
        let was_carried = !ways.is_empty();
        Ok(Came { sights, looked, conflicts, notes, known_frames, was_carried })
    }

    /// Seeks the words on one frame; the last number counts things without a pixel.
    fn look(&mut self, frame: u32, phrase: &Phrase, keeps_bits: bool) -> Result<(Looked, Vec<Found>, u32)> {
        let floor = f64::from(FLOOR);
        let seeking = self.finder.seek(self.plate, self.search.seen_as, frame, phrase, floor)?;
        let mut rows = seeking.rows(floor);
        let is_full = rows.len() == seeking.queries();
        let all = rows.len();
        rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        rows.truncate(MOST_SIGHTS);
        let size = self.plate.size();
        let (mut found, mut blank, mut carried) = (Vec::new(), 0, 0);
        for (row, score) in &rows {
            let instance = seeking.instance(*row, *score, Manner::Official);
            let shape = small(&instance.mask, size);
            if shape.is_empty() {
                blank += 1;
                continue;
            }
            let Instance { query: _, score, corners, mask } = instance;
            let pixels = bytes(&mask);
            let n = self.hand_out(&pixels)?;
            let is_carried = keeps_bits && carried < MOST_CARRIED && score > f64::from(THRESHOLD);
            carried += usize::from(is_carried);
            let inside = pixels.iter().filter(|pixel| **pixel != 0).count();
            found.push(Found {
                n,
                score: score as f32,
                corners: within(corners.map(|side| side as f32), size),
                share: inside as f32 / pixels.len().max(1) as f32,
                shape,
                bits: is_carried.then(|| Bits::of(pixels.iter().map(|pixel| *pixel != 0))),
            });
        }
        let looked = Looked {
            frame,
            best: seeking.best() as f32,
            found: all as u32,
            left_out: (all - rows.len()) as u32,
            is_full,
        };
        Ok((looked, found, blank))
    }

    fn hand_out(&mut self, pixels: &[u8]) -> Result<u32> {
        let n = self.count;
        (self.each)(n, pixels)?;
        self.count += 1;
        Ok(n)
    }

    /// Carries what is kept of each frame to the next and back, within scenes. With it, where each arrived, by look and sight.
    fn carried(
        &mut self,
        segmenter: &Segmenter,
        chosen: &[u32],
        found: &[Vec<Found>],
        scene: impl Fn(u32) -> usize,
    ) -> Result<(Vec<Carried>, Arrivals)> {
        let in_scene = chosen.windows(2).filter(|pair| scene(pair[0]) == scene(pair[1]));
        let total: u64 = in_scene.map(|pair| 2 * u64::from(pair[1] - pair[0] + 1)).sum();
        let (mut ways, mut all, mut done) = (Vec::new(), BTreeMap::new(), 0);
        for (look, pair) in chosen.windows(2).enumerate() {
            let mut way = Carried::default();
            if scene(pair[0]) == scene(pair[1]) {
                for (here, to_next) in [(look, true), (look + 1, false)] {
                    let kept: Vec<(usize, &Bits)> = found[here]
                        .iter()
                        .enumerate()
                        .filter_map(|(sight, found)| Some((sight, found.bits.as_ref()?)))
                        .collect();
                    let masks: Vec<&Bits> = kept.iter().map(|(_, bits)| *bits).collect();
                    let road = if to_next { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
                    let came = carry(segmenter, self.plate, road, &masks, &mut done, total, self.report)?;
                    for ((sight, _), arrived) in kept.into_iter().zip(came) {
                        let Some(arrived) = arrived else { continue };
                        if to_next {
                            way.onwards.insert(sight, arrived.shape.clone());
                            all.insert((look, sight), arrived);
                        } else {
                            way.back.insert(sight, arrived.shape);
                        }
                    }
                }
            }
            ways.push(way);
        }
        Ok((ways, all))
    }

    /// A thing on a frame on which only the track sees it.
    fn tracked(&mut self, frame: u32, thing: u32, Arrived { bits, shape, score }: Arrived) -> Result<Sight> {
        let (width, height) = self.plate.size();
        let mut pixels = vec![0; width as usize * height as usize];
        bits.add_to(&mut pixels);
        let n = self.hand_out(&pixels)?;
        let inside = pixels.iter().filter(|pixel| **pixel != 0).count();
        let (w, h) = shape.size();
        let [x0, y0, x1, y1] = shape.bounds().unwrap_or([0, 0, w, h]);
        let across = |x: u32| x as f32 / w as f32 * width as f32;
        let down = |y: u32| y as f32 / h as f32 * height as f32;
        Ok(Sight {
            n,
            thing,
            frame,
            score: score as f32,
            corners: [across(x0), down(y0), across(x1), down(y1)],
            share: inside as f32 / pixels.len().max(1) as f32,
            shape,
            by: SeenBy::Track,
        })
    }
}

/// A phrase over a plate, for whoever asks for a noun frame by frame.
pub struct ByWords<'a> {
    pub finder: &'a mut Finder,
    pub plate: &'a mut PlateFile,
    pub seen_as: Hash,
    pub threshold: f64,
}

impl Nouns for ByWords<'_> {
    fn look(
        &mut self,
        thing: &Thing,
        frames: &[u32],
        report: &mut dyn Reporter,
        each: Each,
    ) -> pipeline::Result<()> {
        for (at, frame) in (0..).zip(frames.iter().copied()) {
            report.step(Step::Look, at, frames.len() as u64)?;
            each(frame, self.on(frame, &thing.noun)?)?;
        }
        Ok(())
    }
}

impl ByWords<'_> {
    /// Everything that has this name on a frame.
    fn on(&mut self, frame: u32, noun: &str) -> pipeline::Result<Vec<Region>> {
        let (width, height) = self.plate.size();
        let all = AssertUnwindSafe(|| {
            tch::no_grad(|| -> Result<Vec<Region>> {
                let phrase = self.finder.phrase(noun)?;
                let seeking = self.finder.seek(self.plate, self.seen_as, frame, &phrase, self.threshold)?;
                let mut regions = Vec::new();
                for (row, score) in seeking.rows(self.threshold) {
                    let mask = bytes(&seeking.instance(row, score, Manner::Official).mask);
                    let region = Region::of_grey(width, height, &mask, |pixel| pixel != 0);
                    regions.push(region.map_err(pipeline::Error::from)?);
                }
                Ok(regions)
            })
        });
        let outcome = catch_unwind(all).unwrap_or_else(|panic| Err(Error::panicked(&*panic)));
        outcome.map_err(|error| match error {
            Error::Pipeline(error) => error,
            error => pipeline::Error::Input(error.to_string()),
        })
    }
}

/// A mask of plate size [height, width] made small: a pixel is inside where any of those that it stands for is.
fn small(mask: &Tensor, (width, height): (u32, u32)) -> Outline {
    let (w, h) = Outline::size_for(width, height);
    let mask = mask.to_kind(Kind::Float).view([1, 1, i64::from(height), i64::from(width)]);
    let (pooled, _) = mask.adaptive_max_pool2d([i64::from(h), i64::from(w)]);
    Outline::of_pixels(w, h, bytes(&pooled.gt(0.5)).into_iter().map(|pixel| pixel != 0))
}

/// Booleans of any shape, row by row: 255 where true.
fn bytes(mask: &Tensor) -> Vec<u8> {
    let plain = mask.to_kind(Kind::Uint8).contiguous().view(-1);
    let mut pixels = Vec::<u8>::try_from(&plain).expect("a row of bytes");
    for pixel in &mut pixels {
        *pixel = if *pixel == 0 { 0 } else { 255 };
    }
    pixels
}

/// Corners in pixels, kept within the picture.
fn within([x0, y0, x1, y1]: [f32; 4], (width, height): (u32, u32)) -> [f32; 4] {
    let (w, h) = (width as f32, height as f32);
    [x0.clamp(0.0, w), y0.clamp(0.0, h), x1.clamp(0.0, w), y1.clamp(0.0, h)]
}

/// An upright frame: u8 [height, width, 3].
fn rgb(plate: &mut PlateFile, frame: u32) -> pipeline::Result<Tensor> {
    let (width, height) = plate.size();
    let picture = plate.picture(frame)?;
    let (colour, rotation) = (&plate.facts.colour, plate.facts.rotation);
    let rgb = picture.to_rgb(width, height, colour, rotation)?.data;
    Ok(Tensor::from_data_size(&rgb, &[height.into(), width.into(), 3], Kind::Uint8))
}
