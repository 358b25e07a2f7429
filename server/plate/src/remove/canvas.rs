//! A canvas: one clean full-size picture of a region, gathered from the frames in which it is seen.
//! Which frames to look at is decided on thumbnails; what is never seen stays empty here.

use rayon::prelude::*;

use super::geometry::Map;
use super::layers::{CLEAN, Plan, grown, is_target, may_show};
use super::picture::{MAX_PLANES, Picture16, Pixel, Rect, Samples, whole};
use super::survey::Survey;
use super::views::{CLEAR, NEAR, NOTHING, SHADED, Views};
use super::{Error, Source, survey};

/// Where a canvas pixel comes from.
pub(crate) const EMPTY: u8 = 0;
pub(crate) const SEEN: u8 = 1;
pub(crate) const GUESSED: u8 = 2;

/// Frames compared on thumbnails, and frames read at full size.
const CANDIDATES: usize = 40;
const READ: usize = 12;
/// Listed frames that count as the first.
const FIRST: usize = 8;
/// Looks per pixel that are enough.
const LOOKS: f32 = 4.0;

/// A picture of `rect`, in the pixels of frame `reference`.
pub(crate) struct Canvas {
    pub reference: u32,
    pub rect: Rect,
    pub planes: Vec<Vec<u16>>,
    /// [`EMPTY`], [`SEEN`] or [`GUESSED`] per pixel.
    pub origin: Vec<u8>,
    /// How many looks were averaged, in sixteenths.
    pub looks: Vec<u8>,
}

impl Canvas {
    pub fn samples(&self) -> Samples<'_> {
        Samples { width: self.rect.width as usize, height: self.rect.height as usize, planes: &self.planes }
    }

    /// Row-major place of a canvas pixel, the nearest one for places outside.
    pub fn at(&self, x: f64, y: f64) -> usize {
        let col = (whole(x + 0.5) - i64::from(self.rect.x)).clamp(0, i64::from(self.rect.width) - 1);
        let row = (whole(y + 0.5) - i64::from(self.rect.y)).clamp(0, i64::from(self.rect.height) - 1);
        row as usize * self.rect.width as usize + col as usize
    }

    /// Whether there is a picture at (`x`, `y`) of the reference frame.
    pub fn holds(&self, x: f64, y: f64) -> bool {
        let inside = self.samples().holds(x - f64::from(self.rect.x), y - f64::from(self.rect.y));
        inside && self.origin[self.at(x, y)] != EMPTY
    }

    /// The picture at (`x`, `y`) of the reference frame.
    pub fn look(&self, x: f64, y: f64) -> Pixel {
        self.samples().cubic(x - f64::from(self.rect.x), y - f64::from(self.rect.y))
    }
}

/// In which order frames are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Whatever shows most of the region best, near the reference first.
    Spread,
    /// Strictly in the order of the list.
    Listed,
}

/// What is taken: first what is clear, then what is affected but may be background all the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Clear,
    Shaded,
}

impl Pass {
    fn mark(self, mark: u8) -> u8 {
        match (self, mark) {
            (Self::Clear, SHADED) => NEAR,
            (Self::Clear, mark) => mark,
            (Self::Shaded, SHADED | CLEAR) => CLEAR,
            (Self::Shaded, _) => NOTHING,
        }
    }
}

/// One frame seen through the canvas, in blocks.
struct Look {
    frame: u32,
    map: Map,
    /// Values per plane, 0–255, already matched in exposure.
    planes: Vec<Vec<f32>>,
    /// Marks as in [`Views`], and as this pass takes them.
    all: Vec<u8>,
    marks: Vec<u8>,
    /// Per plane: gain and offset (of 65535) that match the frame to the reference.
    exposure: [(f32, f32); MAX_PLANES],
}

/// Gathers the wanted `blocks` (non-zero; over the views' rectangle) of the canvas of the layer `code`.
pub(crate) fn gather(
    survey: &Survey,
    source: &mut dyn Source,
    views: &Views,
    code: u8,
    blocks: &[u8],
    order: Order,
) -> Result<Canvas, Error> {
    let Views { reference, rect, .. } = *views;
    let own = Views::new(survey, code, reference, rect, &[reference])?;
    let base = look(survey, &own, 0, blocks)?;
    let mut looks = Vec::new();
    for at in sampled(views, blocks, order) {
        let mut look = look(survey, views, at, blocks)?;
        match_exposure(&mut look, &base, blocks);
        looks.push(look);
    }
    // What nothing shows clear is taken from where it is only affected: the brighter half of a sweeping shadow.
    let hidden: Vec<u8> = (0..blocks.len())
        .map(|b| u8::from(blocks[b] != 0 && views.marks.iter().all(|marks| marks[b] != CLEAR)))
        .collect();
    let mut turns = Vec::new();
    for (pass, blocks) in [(Pass::Clear, blocks), (Pass::Shaded, &hidden[..])] {
        if pass == Pass::Shaded && blocks.iter().all(|&b| b == 0) {
            continue;
        }
        for look in &mut looks {
            look.marks = look.all.iter().map(|&mark| pass.mark(mark)).collect();
        }
        let middle = match order {
            Order::Spread => middles(&looks, blocks, survey.planes, pass),
            Order::Listed if pass == Pass::Clear => firsts(&looks, blocks, survey.planes),
            Order::Listed => middles(&looks[..looks.len().min(FIRST)], blocks, survey.planes, pass),
        };
        let mut trust: Vec<Vec<f32>> =
            looks.par_iter().map(|look| trust(look, &middle, blocks, views.columns)).collect();
        let chosen = choose(&looks, &trust, blocks, order);
        only_enough(&mut trust, &chosen, blocks.len());
        let region = Region {
            rect,
            blocks,
            columns: views.columns,
            factor: survey.factor,
            layer: (pass == Pass::Shaded).then_some(code),
        };
        turns.push(Turn { region, trust, chosen, sums: Sums::new(rect.area(), survey.planes) });
    }
    // Each frame is read once for both turns, in order.
    let mut wanted: Vec<usize> = turns.iter().flat_map(|turn| turn.chosen.iter().copied()).collect();
    wanted.sort_unstable_by_key(|&at| (looks[at].frame, at));
    wanted.dedup();
    for at in wanted {
        let around = |turn: &Turn| match turn.chosen.contains(&at) {
            true => turn.region.around(&turn.trust[at]),
            false => Rect::EMPTY,
        };
        let around = turns.iter().map(around).fold(Rect::EMPTY, Rect::union);
        if around.is_empty() {
            continue; // others show all of it better
        }
        let there = looks[at].map.bounds(around).grown(4).clipped(survey.width, survey.height);
        if there.is_empty() {
            continue;
        }
        let picture = survey::look(source, looks[at].frame, survey.planes, there)?;
        let plan = survey.plan(looks[at].frame)?;
        for Turn { region, trust, sums, .. } in turns.iter_mut().filter(|turn| turn.chosen.contains(&at)) {
            add(sums, &looks[at], &trust[at], (&picture, there), &plan, region);
        }
    }
    let mut turns = turns.into_iter().map(|turn| turn.sums);
    let mut sums = turns.next().expect("the clear turn is always taken");
    for shaded in turns {
        let missing: Vec<bool> = sums.weights.iter().map(|&w| w == 0.0).collect();
        let fill = |into: &mut [f32], from: &[f32]| {
            let pairs = into.iter_mut().zip(from).zip(&missing);
            pairs.filter(|(_, missing)| **missing).for_each(|((into, from), _)| *into = *from);
        };
        sums.planes.iter_mut().zip(&shaded.planes).for_each(|(into, from)| fill(into, from));
        fill(&mut sums.weights, &shaded.weights);
    }
    let Sums { planes, weights } = sums;
    let looks = weights.iter().map(|&w| (w * 16.0).min(255.0) as u8).collect();
    let origin = weights.iter().map(|&w| if w > 1e-4 { SEEN } else { EMPTY }).collect();
    let planes = planes
        .into_iter()
        .map(|sum| {
            let values = sum.par_iter().zip(&weights);
            values
                .map(|(&s, &w)| if w > 1e-4 { (s / w + 0.5).clamp(0.0, 65535.0) as u16 } else { 0 })
                .collect()
        })
        .collect();
    Ok(Canvas { reference, rect, planes, origin, looks })
}

/// What one pass takes, and from which looks.
struct Turn<'a> {
    region: Region<'a>,
    /// Per look and block.
    trust: Vec<Vec<f32>>,
    /// Places in the looks, best first.
    chosen: Vec<usize>,
    sums: Sums,
}

/// Weighted samples of every plane, added up, and their weights.
struct Sums {
    planes: Vec<Vec<f32>>,
    weights: Vec<f32>,
}

impl Sums {
    fn new(area: usize, planes: usize) -> Self {
        Self { planes: (0..planes).map(|_| vec![0.0; area]).collect(), weights: vec![0.0; area] }
    }
}

/// The candidates, as places in the views: an even choice, then whatever else shows blocks that those do not.
fn sampled(views: &Views, blocks: &[u8], order: Order) -> Vec<usize> {
    let count = views.frames.len();
    if count <= CANDIDATES || order == Order::Listed {
        return (0..count).collect();
    }
    let mut chosen: Vec<usize> = (0..CANDIDATES).map(|k| k * (count - 1) / (CANDIDATES - 1)).collect();
    let mut unseen: Vec<bool> = blocks.iter().map(|&b| b != 0).collect();
    let see = |unseen: &mut [bool], at: usize| {
        unseen.iter_mut().zip(&views.marks[at]).for_each(|(u, &m)| *u &= m != CLEAR);
    };
    chosen.iter().for_each(|&at| see(&mut unseen, at));
    let mut rest: Vec<usize> = (0..count).filter(|at| !chosen.contains(at)).collect();
    rest.sort_by_key(|&at| views.frames[at].abs_diff(views.reference));
    for at in rest {
        let left = unseen.iter().filter(|&&u| u).count();
        if left == 0 || chosen.len() >= CANDIDATES + READ {
            break;
        }
        let shows = unseen.iter().zip(&views.marks[at]).filter(|&(&u, &m)| u && m == CLEAR).count();
        if shows * 50 > left {
            see(&mut unseen, at);
            chosen.push(at);
        }
    }
    chosen
}

fn look(survey: &Survey, views: &Views, at: usize, blocks: &[u8]) -> Result<Look, Error> {
    let factor = survey.factor as f64;
    let frame = views.frames[at];
    let map = survey.between(views.reference, frame);
    let marks: Vec<u8> =
        views.marks[at].iter().zip(blocks).map(|(&mark, &b)| if b == 0 { NOTHING } else { mark }).collect();
    let thumb = survey.thumb(frame)?;
    let (width, height) = survey.thumb_size();
    let mut planes = vec![vec![0.0; marks.len()]; survey.planes];
    for block in (0..marks.len()).filter(|&b| marks[b] != NOTHING) {
        let (x, y) = views.centre(survey.factor, block);
        let (x, y) = map.apply(x, y);
        let (u, v) = ((x + 0.5) / factor - 0.5, (y + 0.5) / factor - 0.5);
        for (plane, small) in planes.iter_mut().zip(&thumb.planes) {
            plane[block] = bilinear(small, width, height, u, v);
        }
    }
    Ok(Look { frame, map, planes, all: marks.clone(), marks, exposure: [(1.0, 0.0); MAX_PLANES] })
}

fn bilinear<T: Copy + Into<f32>>(values: &[T], width: usize, height: usize, x: f64, y: f64) -> f32 {
    let x = x.clamp(0.0, width as f64 - 1.0);
    let y = y.clamp(0.0, height as f64 - 1.0);
    let (x0, y0) = (x as usize, y as usize);
    let (x1, y1) = ((x0 + 1).min(width - 1), (y0 + 1).min(height - 1));
    let (tx, ty) = ((x - x0 as f64) as f32, (y - y0 as f64) as f32);
    let at = |x: usize, y: usize| values[y * width + x].into();
    let above = at(x0, y0) * (1.0 - tx) + at(x1, y0) * tx;
    let below = at(x0, y1) * (1.0 - tx) + at(x1, y1) * tx;
    above * (1.0 - ty) + below * ty
}

/// Matches the look's exposure to the reference's over blocks that are clean in both.
fn match_exposure(look: &mut Look, base: &Look, blocks: &[u8]) {
    let common: Vec<usize> =
        (0..blocks.len()).filter(|&b| look.marks[b] == CLEAR && base.marks[b] == CLEAR).collect();
    if look.frame == base.frame || common.len() < 40 {
        return;
    }
    for (plane, (values, wanted)) in look.planes.iter_mut().zip(&base.planes).enumerate() {
        let pairs: Vec<(f32, f32)> = common.iter().map(|&b| (values[b], wanted[b])).collect();
        let (gain, offset) = super::ring::line(&pairs, 2.0);
        let middle = pairs.iter().map(|p| p.0).sum::<f32>() / pairs.len() as f32;
        if ((gain - 1.0) * middle + offset).abs() < 0.12 && (gain - 1.0).abs() < 0.004 {
            continue;
        }
        values.iter_mut().for_each(|v| *v = *v * gain + offset);
        look.exposure[plane] = (gain, offset * 257.0);
    }
}

/// What most looks say, per block: the median; of shaded looks a bright one, all planes from one look.
fn middles(looks: &[Look], blocks: &[u8], planes: usize, pass: Pass) -> Vec<Vec<f32>> {
    let mut middle = vec![vec![0.0; blocks.len()]; planes];
    let mut seen: Vec<(f32, usize)> = Vec::new();
    for block in (0..blocks.len()).filter(|&b| blocks[b] != 0) {
        let best = looks.iter().map(|l| l.marks[block]).max().unwrap_or(NOTHING);
        if best == NOTHING {
            continue;
        }
        let among = || looks.iter().enumerate().filter(|(_, l)| l.marks[block] == best);
        match pass {
            Pass::Clear => {
                for (plane, out) in middle.iter_mut().enumerate() {
                    seen.clear();
                    seen.extend(among().map(|(at, l)| (l.planes[plane][block], at)));
                    let half = seen.len() / 2;
                    out[block] = seen.select_nth_unstable_by(half, |a, b| a.0.total_cmp(&b.0)).1.0;
                }
            }
            Pass::Shaded => {
                seen.clear();
                seen.extend(among().map(|(at, l)| (l.planes[0][block], at)));
                let place = seen.len() * 4 / 5;
                let at = seen.select_nth_unstable_by(place, |a, b| a.0.total_cmp(&b.0)).1.1;
                middle.iter_mut().zip(&looks[at].planes).for_each(|(out, plane)| out[block] = plane[block]);
            }
        }
    }
    middle
}

fn firsts(looks: &[Look], blocks: &[u8], planes: usize) -> Vec<Vec<f32>> {
    let mut middle = vec![vec![0.0; blocks.len()]; planes];
    for block in (0..blocks.len()).filter(|&b| blocks[b] != 0) {
        let best = looks.iter().map(|l| l.marks[block]).max().unwrap_or(NOTHING);
        let first = looks.iter().find(|l| l.marks[block] == best && best != NOTHING);
        let Some(first) = first else { continue };
        for (plane, out) in middle.iter_mut().enumerate() {
            out[block] = first.planes[plane][block];
        }
    }
    middle
}

/// How far a look agrees with what most say, 0–1 per block.
fn trust(look: &Look, middle: &[Vec<f32>], blocks: &[u8], columns: usize) -> Vec<f32> {
    let rows = blocks.len() / columns;
    (0..blocks.len())
        .map(|block| {
            if look.marks[block] == NOTHING {
                return 0.0;
            }
            let (x, y) = (block % columns, block / columns);
            let mut difference = 0.0f32;
            for (seen, middle) in look.planes.iter().zip(middle) {
                // Where the picture is busy, a fraction of a block's shift makes a difference too.
                let around = [
                    y * columns + x.saturating_sub(1),
                    y * columns + (x + 1).min(columns - 1),
                    y.saturating_sub(1) * columns + x,
                    (y + 1).min(rows - 1) * columns + x,
                ];
                let busy = around
                    .iter()
                    .filter(|&&b| look.marks[b] != NOTHING)
                    .map(|&b| (middle[b] - middle[block]).abs())
                    .fold(0.0, f32::max);
                difference = difference.max((seen[block] - middle[block]).abs() / (3.0 + 0.35 * busy));
            }
            // A clean look is never worth nothing: it may be the only one that is read.
            let (most, least) = if look.marks[block] == CLEAR { (1.0, 0.003) } else { (0.02, 0.0) };
            (most * (-(difference * difference)).exp()).max(least)
        })
        .collect()
}

fn choose(looks: &[Look], trust: &[Vec<f32>], blocks: &[u8], order: Order) -> Vec<usize> {
    let wanted: Vec<usize> = (0..blocks.len()).filter(|&b| blocks[b] != 0).collect();
    let mut had = vec![0.0f32; blocks.len()];
    let mut chosen: Vec<usize> = Vec::new();
    let worth = |had: &[f32], at: usize| -> f32 {
        let value = |&b: &usize| {
            let more = trust[at][b].min((LOOKS - had[b]).max(0.0));
            if had[b] < 0.5 { 4.0 * more } else { more }
        };
        wanted.iter().map(value).sum()
    };
    let enough = 0.01 * wanted.len() as f32;
    match order {
        Order::Listed => {
            for (at, trust) in trust.iter().enumerate() {
                if chosen.len() < READ && worth(&had, at) > enough {
                    chosen.push(at);
                    wanted.iter().for_each(|&b| had[b] += trust[b]);
                }
            }
        }
        Order::Spread => {
            while chosen.len() < READ {
                let far = |at: usize| looks[at].frame.abs_diff(looks[looks.len() / 2].frame) as f32;
                let best = (0..looks.len())
                    .filter(|at| !chosen.contains(at))
                    .map(|at| (at, worth(&had, at) * (1.0 - 0.0005 * far(at)).max(0.5)))
                    .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
                let Some((at, value)) = best else { break };
                if value <= enough && !(value > 0.0 && chosen.is_empty()) {
                    break;
                }
                chosen.push(at);
                wanted.iter().for_each(|&b| had[b] += trust[at][b]);
            }
        }
    }
    chosen
}

/// Takes trust away from the looks of a block that has enough of better ones, `chosen` in that order.
fn only_enough(trust: &mut [Vec<f32>], chosen: &[usize], blocks: usize) {
    let mut had = vec![0.0f32; blocks];
    for &at in chosen {
        for (trust, had) in trust[at].iter_mut().zip(&mut had) {
            if *had >= LOOKS {
                *trust = 0.0;
            }
            *had += *trust;
        }
    }
}

/// The canvas' rectangle and which of its blocks are wanted.
struct Region<'a> {
    rect: Rect,
    blocks: &'a [u8],
    columns: usize,
    factor: usize,
    /// The layer that pixels which are only affected may show; `None`: they are not taken.
    layer: Option<u8>,
}

impl Region<'_> {
    /// The smallest rectangle around the wanted blocks that a look with this trust adds to.
    fn around(&self, trust: &[f32]) -> Rect {
        let factor = self.factor as i32;
        let near = grown_where(trust, self.columns);
        let blocks = (0..self.blocks.len()).filter(|&block| self.blocks[block] != 0 && near[block] != 0);
        blocks.fold(Rect::EMPTY, |around, block| {
            let (x, y) = ((block % self.columns) as i32, (block / self.columns) as i32);
            let (x, y) = (self.rect.x + x * factor, self.rect.y + y * factor);
            around.union(Rect { x, y, width: factor, height: factor })
        })
    }
}

/// Blocks with trust and those beside them, into which it fades.
fn grown_where(trust: &[f32], columns: usize) -> Vec<u8> {
    let trusted: Vec<u8> = trust.iter().map(|&t| u8::from(t > 0.0)).collect();
    grown(&trusted, columns, trust.len() / columns, 1)
}

/// One line of every plane's sums, and of the weights.
struct Line<'a> {
    sums: Vec<&'a mut [f32]>,
    weights: &'a mut [f32],
}

/// Adds one frame's clean pixels to the sums.
fn add(
    Sums { planes, weights }: &mut Sums,
    look: &Look,
    trust: &[f32],
    (picture, there): (&Picture16, Rect),
    plan: &Plan,
    region: &Region,
) {
    let Region { rect, blocks, columns, factor, layer } = *region;
    let rows = blocks.len() / columns;
    let samples = Samples::of(picture);
    let dirty = dirty(plan, there, layer);
    let near = grown_where(trust, columns);
    let width = rect.width as usize;
    // Where each pixel of a block lies between the middles of two blocks.
    let between: Vec<(isize, f32)> = (0..factor)
        .map(|k| {
            let place = (k as f32 + 0.5) / factor as f32 - 0.5;
            (place.floor() as isize, place - place.floor())
        })
        .collect();
    let mut planes: Vec<_> = planes.iter_mut().map(|s| s.chunks_mut(width)).collect();
    let lines: Vec<Line> = weights
        .chunks_mut(width)
        .map(|weights| {
            let sums = planes.iter_mut().map(|l| l.next().expect("as many lines as weights")).collect();
            Line { sums, weights }
        })
        .collect();
    lines.into_par_iter().enumerate().for_each(|(y, line)| {
        let Line { mut sums, weights } = line;
        let row = y / factor * columns..(y / factor + 1) * columns;
        if near[row.clone()].iter().all(|&n| n == 0) {
            return;
        }
        let down = (y as f64 + 0.5) / factor as f64 - 0.5;
        let trusts: Vec<f32> =
            (0..columns).map(|col| bilinear(trust, columns, rows, col as f64, down)).collect();
        let map = look.map.along(f64::from(rect.y) + y as f64);
        let wanted = blocks[row.clone()].iter().zip(&near[row]);
        for (block, _) in wanted.enumerate().filter(|(_, (wanted, near))| **wanted != 0 && **near != 0) {
            for (x, &(side, share)) in (block * factor..width).zip(&between) {
                let left = block.saturating_add_signed(side);
                let right = block.saturating_add_signed(side + 1).min(columns - 1);
                let w = trusts[left] + (trusts[right] - trusts[left]) * share;
                if w < 2e-4 {
                    continue;
                }
                let (u, v) = map.at(f64::from(rect.x) + x as f64);
                let (u, v) = (u - f64::from(there.x), v - f64::from(there.y));
                if !samples.holds(u, v) {
                    continue;
                }
                let (col, line) = (whole(u + 0.5) as i32, whole(v + 0.5) as i32);
                if col < 0 || line < 0 || col >= there.width || line >= there.height {
                    continue;
                }
                if dirty[line as usize * there.width as usize + col as usize] != 0 {
                    continue;
                }
                let seen = samples.cubic(u, v);
                for ((sum, &(gain, offset)), value) in sums.iter_mut().zip(&look.exposure).zip(seen) {
                    sum[x] += w * (value * gain + offset);
                }
                weights[x] += w;
            }
        }
    });
}

/// What must not be taken from `there`: a little around everything marked, more around the target, whose soft edge,
/// motion blur and contact shadow reach beyond its mask. With a layer, what may show it is not in the way.
fn dirty(plan: &Plan, there: Rect, layer: Option<u8>) -> Vec<u8> {
    let (width, height) = (there.width as usize, there.height as usize);
    let codes = plan.codes(there);
    let all: Vec<u8> = codes
        .iter()
        .map(|&c| u8::from(c != CLEAN && !layer.is_some_and(|wanted| may_show(c, wanted))))
        .collect();
    let target: Vec<u8> = codes.iter().map(|&c| u8::from(is_target(c))).collect();
    let soft = (plan.width.max(plan.height) as usize / 256).max(2);
    let mut dirty = grown(&all, width, height, 2);
    dirty.iter_mut().zip(grown(&target, width, height, soft)).for_each(|(d, t)| *d |= t);
    dirty
}
