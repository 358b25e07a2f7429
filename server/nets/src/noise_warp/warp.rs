//! One step of flow applied to noise: pixels that come together are summed and those that come apart are split, each so
//! that the result is standard normal noise again.
//!
//! The reference does this with a dozen passes over tensors and tells shares of one pixel apart by their values; here each
//! pixel knows where it came from, and fresh numbers are drawn only where something is split or appears.

use rayon::prelude::*;
use tch::{Kind, Tensor};

use crate::random::Normal;

/// Where shares and what appears get their numbers from.
pub enum Fresh<'a> {
    /// Standard normal [c, h, 2w], as the reference draws it: the left half for pixels that stay together, the right for
    /// those that are filled.
    Given(&'a Tensor),
    /// Each number by its place in a stream.
    Drawn(&'a Normal),
}

/// Noise [c, h, w] with a weight for each pixel. Depends on no number of threads.
pub struct Warper {
    channels: usize,
    height: usize,
    width: usize,
    /// Row by row, the channels of a pixel side by side.
    noise: Vec<f32>,
    weight: Vec<f32>,
}

/// No pixel: what is there is blank.
const NOWHERE: u32 = u32::MAX;

impl Warper {
    /// `noise`: [c, h, w], standard normal.
    pub fn new(noise: &Tensor) -> Self {
        let (c, h, w) = noise.size3().expect("[c, h, w]");
        let weight = vec![1.0; (h * w) as usize];
        let noise = noise.to_kind(Kind::Float).permute([1, 2, 0]).contiguous().view(-1);
        let noise = Vec::<f32>::try_from(noise).expect("f32");
        Self { channels: c as usize, height: h as usize, width: w as usize, noise, weight }
    }

    /// Noise drawn from a stream, each number by its place.
    pub fn drawn([channels, height, width]: [usize; 3], stream: &Normal) -> Self {
        let mut noise = vec![0.0; channels * height * width];
        noise.par_chunks_mut(channels * width).enumerate().for_each(|(row, all)| {
            for (column, pixel) in all.chunks_exact_mut(channels).enumerate() {
                drawn(stream, row * width + column, pixel);
            }
        });
        Self { channels, height, width, noise, weight: vec![1.0; height * width] }
    }

    /// From what [`Self::kept`] gave: noise [h, w, c] and weight [h, w].
    pub fn from_kept(noise: &Tensor, weight: &Tensor) -> Option<Self> {
        let (height, width, channels) = noise.size3().ok()?;
        if weight.size() != [height, width] {
            return None;
        }
        let values = |t: &Tensor| Vec::<f32>::try_from(t.contiguous().view(-1)).ok();
        Some(Self {
            channels: channels as usize,
            height: height as usize,
            width: width as usize,
            noise: values(noise)?,
            weight: values(weight)?,
        })
    }

    /// All that it knows: noise [h, w, c] and weight [h, w].
    pub fn kept(&self) -> [Tensor; 2] {
        let [c, h, w] = [self.channels, self.height, self.width].map(|side| side as i64);
        [Tensor::from_slice(&self.noise).view([h, w, c]), Tensor::from_slice(&self.weight).view([h, w])]
    }

    /// [c, h, w]
    pub fn noise(&self) -> Tensor {
        self.kept()[0].permute([2, 0, 1]).contiguous()
    }

    /// As the reference lays it out: offsets x and y, which are always 0 here, weight, noise: [3 + c, h, w].
    pub fn state(&self) -> Tensor {
        let [noise, weight] = self.kept();
        let weight = weight.unsqueeze(0);
        let still = weight.zeros_like();
        Tensor::cat(&[&still, &still, &weight, &noise.permute([2, 0, 1])], 0)
    }

    /// Means of squares, brought back to unit variance: f16 [h/pool, w/pool, c]. Sides must be multiples of `pool`.
    pub fn pooled(&self, pool: i64) -> Tensor {
        let (c, pool) = (self.channels, pool as usize);
        let (rows, columns) = (self.height / pool, self.width / pool);
        let mut all = vec![0.0_f32; rows * columns * c];
        all.par_chunks_mut(columns * c).enumerate().for_each(|(row, sums)| {
            for line in self.noise.chunks_exact(self.width * c).skip(row * pool).take(pool) {
                for (sum, square) in sums.chunks_exact_mut(c).zip(line.chunks_exact(pool * c)) {
                    for pixel in square.chunks_exact(c) {
                        sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
                    }
                }
            }
            // The mean of pool² numbers, times pool.
            sums.iter_mut().for_each(|sum| *sum /= pool as f32);
        });
        let shape = [rows, columns, c].map(|side| side as i64);
        Tensor::from_slice(&all).view(shape).to_kind(Kind::Half)
    }

    /// Moves the noise along `flow` [2, h', w'], x before y in its own pixels, to the next frame.
    pub fn step(&mut self, flow: &Tensor, fresh: &Fresh) {
        let (h, w, c) = (self.height, self.width, self.channels);
        let flow = enlarged(flow, [h as i64, w as i64]).contiguous().view(-1);
        let flow = Vec::<f32>::try_from(flow).expect("f32");
        let (across, down) = flow.split_at(h * w);
        let whole = |at: usize| (across[at].round_ties_even() as i64, down[at].round_ties_even() as i64);
        let place = |x: i64, y: i64| {
            let is_inside = (0..w as i64).contains(&x) && (0..h as i64).contains(&y);
            is_inside.then(|| (y * w as i64 + x) as u32)
        };
        let all = || (0..h * w).into_par_iter();
        let at = |pixel: usize| ((pixel % w) as i64, (pixel / w) as i64);

        // Where each pixel goes; one that would leave stays as a blank one.
        let goes: Vec<u32> = all()
            .map(|pixel| {
                let ((x, y), (dx, dy)) = (at(pixel), whole(pixel));
                place(x + dx, y + dy).unwrap_or(NOWHERE)
            })
            .collect();
        let target = |pixel: usize| if goes[pixel] == NOWHERE { pixel } else { goes[pixel] as usize };
        let mut is_hit = vec![false; h * w];
        (0..h * w).for_each(|pixel| is_hit[target(pixel)] = true);
        // Where pixels that nothing goes to are taken from, by that place.
        let mut taken: Vec<(u32, u32)> = all()
            .filter(|&pixel| !is_hit[pixel])
            .map(|pixel| {
                let ((x, y), (dx, dy)) = (at(pixel), whole(pixel));
                (place(x - dx, y - dy).unwrap_or(NOWHERE), pixel as u32)
            })
            .collect();
        taken.par_sort_unstable();
        let is_blank = |pixel: usize| goes[pixel] == NOWHERE;
        let source = Source::new(fresh, c, w);
        let blank = Blank::new(&source, &goes, &is_hit, &taken);
        let (split, appearing) = taken.split_at(taken.partition_point(|(from, _)| *from != NOWHERE));

        // Shares of what is split: pixels that stay, and those that are filled.
        let shares: Vec<Shares> = split
            .par_chunk_by(|a, b| a.0 == b.0)
            .fold(Shares::default, |mut all, group| {
                let from = group[0].0 as usize;
                let pixel = &self.noise[from * c..][..c];
                all.add(&source, pixel, self.weight[from], from, !is_blank(from), group);
                all
            })
            .collect();
        for Shares { stays, .. } in &shares {
            for (number, &(pixel, weight)) in stays.places.iter().enumerate() {
                self.weight[pixel as usize] = weight;
                self.noise[pixel as usize * c..][..c].copy_from_slice(&stays.noise[number * c..][..c]);
            }
        }

        // Sums of what comes together.
        let furthest = all().map(|pixel| whole(pixel).1.unsigned_abs() as usize).max().unwrap_or(0).min(h);
        let rows = h.div_ceil(rayon::current_num_threads()).max(1);
        let (mut noise, mut weight) = (vec![0.0_f32; h * w * c], vec![0.0_f32; h * w]);
        let bands = noise.par_chunks_mut(rows * w * c).zip(weight.par_chunks_mut(rows * w)).enumerate();
        bands.for_each(|(band, (noise, weight))| {
            let first = band * rows;
            let mine = first * w..first * w + weight.len();
            let mut squares = vec![0.0_f32; weight.len()];
            let mut own = vec![0.0_f32; c];
            let reach = first.saturating_sub(furthest)..(first + rows + furthest).min(h);
            for pixel in reach.start * w..reach.end * w {
                let to = target(pixel);
                if !mine.contains(&to) {
                    continue;
                }
                let share = if is_blank(pixel) {
                    blank.draw(&source, source.left(pixel), &mut own);
                    blank.weight
                } else {
                    own.copy_from_slice(&self.noise[pixel * c..][..c]);
                    self.weight[pixel]
                };
                let to = to - mine.start;
                weight[to] += share;
                squares[to] += share * share;
                let sum = &mut noise[to * c..][..c];
                sum.iter_mut().zip(&own).for_each(|(sum, value)| *sum += value * share);
            }
            for (pixel, square) in noise.chunks_exact_mut(c).zip(&squares) {
                if *square > 0.0 {
                    let root = square.sqrt();
                    pixel.iter_mut().for_each(|value| *value /= root);
                }
            }
        });

        // And what nothing went to.
        for Shares { filled, .. } in &shares {
            for (number, &(pixel, share)) in filled.places.iter().enumerate() {
                weight[pixel as usize] = share;
                noise[pixel as usize * c..][..c].copy_from_slice(&filled.noise[number * c..][..c]);
            }
        }
        for &(_, pixel) in appearing {
            let pixel = pixel as usize;
            weight[pixel] = blank.weight;
            blank.draw(&source, source.right(pixel), &mut noise[pixel * c..][..c]);
        }
        self.noise = noise;
        // Keeps weights from running away over many frames.
        let sums: Vec<f64> =
            weight.par_chunks(w).map(|row| row.iter().map(|v| f64::from(*v)).sum()).collect();
        let mean = (sums.iter().sum::<f64>() / (h * w) as f64) as f32;
        weight.par_iter_mut().for_each(|weight| *weight = (*weight / mean + 1e-5).powf(0.9999));
        self.weight = weight;
    }
}

/// Fresh numbers by place.
struct Source<'a> {
    given: Option<Vec<f32>>,
    stream: Option<&'a Normal>,
    channels: usize,
    width: usize,
}

impl<'a> Source<'a> {
    fn new(fresh: &Fresh<'a>, channels: usize, width: usize) -> Self {
        let (given, stream) = match fresh {
            Fresh::Given(tensor) => {
                let side_by_side = tensor.to_kind(Kind::Float).permute([1, 2, 0]).contiguous().view(-1);
                (Some(Vec::<f32>::try_from(side_by_side).expect("f32")), None)
            }
            Fresh::Drawn(stream) => (None, Some(*stream)),
        };
        Self { given, stream, channels, width }
    }

    /// The place of the number of a pixel that stays.
    fn left(&self, pixel: usize) -> usize {
        pixel / self.width * 2 * self.width + pixel % self.width
    }

    /// The place of the number of a pixel that is filled.
    fn right(&self, pixel: usize) -> usize {
        self.left(pixel) + self.width
    }

    fn read(&self, place: usize, into: &mut [f32]) {
        match (&self.given, self.stream) {
            (Some(given), _) => into.copy_from_slice(&given[place * self.channels..][..self.channels]),
            (None, Some(stream)) => drawn(stream, place, into),
            (None, None) => into.fill(0.0),
        }
    }
}

/// The numbers at a place of a stream.
fn drawn(stream: &Normal, place: usize, into: &mut [f32]) {
    let mut stream = stream.skipped(place as u64 * into.len().div_ceil(2) as u64);
    into.iter_mut().for_each(|value| *value = stream.draw() as f32);
}

/// What appears: all of it shares one pixel of no noise.
struct Blank {
    /// Of the numbers of all that share it.
    mean: Vec<f32>,
    weight: f32,
}

impl Blank {
    fn new(source: &Source, goes: &[u32], is_hit: &[bool], taken: &[(u32, u32)]) -> Self {
        let stays = || (0..goes.len()).filter(|pixel| goes[*pixel] == NOWHERE);
        let hit = || (0..goes.len()).filter(|pixel| is_hit[*pixel]);
        let appears = || taken.iter().filter(|(from, _)| *from == NOWHERE).map(|(_, pixel)| *pixel as usize);
        let count = stays().count() + hit().count() + appears().count();
        let mut mean = vec![0.0; source.channels];
        // Drawn numbers are as many as pixels, and the mean of so many is nothing.
        if source.given.is_some() {
            let mut sums = vec![0.0_f64; source.channels];
            let places = stays().map(|pixel| source.left(pixel));
            for place in places.chain(hit().chain(appears()).map(|pixel| source.right(pixel))) {
                source.read(place, &mut mean);
                sums.iter_mut().zip(&mean).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            mean = sums.into_iter().map(|sum| (sum / count.max(1) as f64) as f32).collect();
        }
        Self { mean, weight: 1.0 / count.max(1) as f32 }
    }

    fn draw(&self, source: &Source, place: usize, into: &mut [f32]) {
        source.read(place, into);
        into.iter_mut().zip(&self.mean).for_each(|(value, mean)| *value -= mean);
    }
}

/// Shares that were made, for pixels that stay and pixels that are filled.
#[derive(Default)]
struct Shares {
    stays: Pixels,
    filled: Pixels,
    scratch: Vec<f32>,
}

/// Pixels with their weights, and their noise one after another.
#[derive(Default)]
struct Pixels {
    places: Vec<(u32, f32)>,
    noise: Vec<f32>,
}

impl Shares {
    /// Gives pixels that carry one and the same noise, that of the pixel `from`, independent shares of it.
    fn add(
        &mut self,
        source: &Source,
        pixel: &[f32],
        weight: f32,
        from: usize,
        it_stays: bool,
        group: &[(u32, u32)],
    ) {
        let c = source.channels;
        let stays = it_stays.then(|| source.left(from));
        let places = stays.into_iter().chain(group.iter().map(|(_, to)| source.right(*to as usize)));
        let count = group.len() + usize::from(it_stays);
        self.scratch.resize(count * c, 0.0);
        for (place, numbers) in places.zip(self.scratch.chunks_exact_mut(c)) {
            source.read(place, numbers);
        }
        let (root, sharers) = ((count as f32).sqrt(), count as f32);
        for (channel, value) in pixel.iter().enumerate() {
            let numbers = || self.scratch.iter().skip(channel).step_by(c);
            let mean = numbers().sum::<f32>() / sharers;
            let share = value / root - mean;
            self.scratch.iter_mut().skip(channel).step_by(c).for_each(|number| *number += share);
        }
        let (own, others) = self.scratch.split_at(if it_stays { c } else { 0 });
        if it_stays {
            self.stays.places.push((from as u32, weight / sharers));
            self.stays.noise.extend(own);
        }
        let weight = if weight == 0.0 { 1.0 } else { weight };
        self.filled.places.extend(group.iter().map(|(_, to)| (*to, weight / sharers)));
        self.filled.noise.extend(others);
    }
}

/// Flow at the size of the noise. The reference scales x by the ratio of heights and y by that of widths; they are the
/// same wherever it is used.
fn enlarged(flow: &Tensor, [h, w]: [i64; 2]) -> Tensor {
    let (_, height, width) = flow.size3().expect("[2, h, w]");
    let ratios = [h as f64 / height as f64, w as f64 / width as f64];
    let ratios = Tensor::from_slice(&ratios).to_kind(Kind::Float).to_device(flow.device()).view([2, 1, 1]);
    let flow = flow.to_kind(Kind::Float).unsqueeze(0);
    (flow.upsample_bilinear2d([h, w], false, None, None).squeeze_dim(0) * ratios).to_device(tch::Device::Cpu)
}
