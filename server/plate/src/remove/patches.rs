//! Filling a hole with pieces of its surroundings, coarse to fine: repeated nearest-patch search and voting.
//!
//! The idea is Wexler, Shechtman and Irani, “Space-Time Completion of Video” (2007), with the randomised search of
//! Barnes et al., “PatchMatch” (2009). Small pictures only; [`super::guess`] carries the result to full size.

use super::ring;

/// What a pixel is.
pub(crate) const KNOWN: u8 = 0;
pub(crate) const HOLE: u8 = 1;
/// Neither known nor to be filled.
pub(crate) const VOID: u8 = 2;

/// A small picture with a hole; values 0–255 per plane.
#[derive(Clone)]
pub(crate) struct Holed {
    pub width: usize,
    pub height: usize,
    pub planes: Vec<Vec<f32>>,
    pub state: Vec<u8>,
}

/// For every pixel of the hole the known pixel that it takes after (elsewhere its own place).
pub(crate) struct Taken {
    pub from: Vec<u32>,
}

/// Half a patch's side, in pixels.
const HALF: i32 = 3;

/// Fills the hole; `None` when nothing is known that could fill it.
pub(crate) fn fill(picture: &mut Holed) -> Option<Taken> {
    if !picture.state.contains(&KNOWN) {
        return None;
    }
    let mut levels = vec![picture.clone()];
    loop {
        let last = &levels[levels.len() - 1];
        if thickness(last) <= 16 || last.width.min(last.height) < 24 {
            break;
        }
        let next = halved(last);
        if sources(&next).len() < 30 {
            break;
        }
        levels.push(next);
    }
    let coarsest = levels.len() - 1;
    smooth(&mut levels[coarsest]);
    let mut pieced = peel(&mut levels[coarsest]);
    let mut from: Vec<u32> = Vec::new();
    let mut above: Option<Holed> = None;
    while let Some(mut level) = levels.pop() {
        let first = above.is_none();
        if let Some(coarse) = &above {
            pieced = enlarged(coarse, &level, &pieced);
            from = enlarged(coarse, &level, &from);
        }
        let mut search = Search::new(&level, &from, levels.len() as u32)?;
        if !first {
            // The finer picture's own detail at the coarser one's places: an enlarged picture would draw in flat patches.
            search.cost.fill(0.0);
            search.vote(&mut level);
        }
        for _ in 0..if first { 3 } else { 2 } {
            search.sweep(&level, 3);
            search.vote(&mut level);
        }
        from = search.from;
        above = Some(level);
    }
    *picture = above?;
    // Averages of many patches draw lines well and lose a random texture; whole pieces keep it.
    if liveliness(picture, &from) < 0.75 * liveliness(picture, &pieced) {
        from = pieced;
    }
    Some(Taken { from })
}

/// How much neighbouring pixels of the hole differ, as they are taken and voted.
fn liveliness(picture: &Holed, from: &[u32]) -> f32 {
    let (mut sum, mut count) = (0.0, 1.0f32);
    let plane = &picture.planes[0];
    for at in (1..from.len()).filter(|&at| at % picture.width > 0) {
        if picture.state[at] == HOLE && picture.state[at - 1] == HOLE && from[at] == from[at - 1] + 1 {
            sum += (plane[from[at] as usize] - plane[from[at - 1] as usize]).abs();
            count += 1.0;
        }
    }
    sum / count
}

/// How many pixels deep the hole is.
fn thickness(picture: &Holed) -> usize {
    let (width, height) = (picture.width, picture.height);
    let mut state: Vec<bool> = picture.state.iter().map(|&s| s == HOLE).collect();
    let mut layers = 0;
    while state.contains(&true) {
        layers += 1;
        let before = state.clone();
        for (at, state) in state.iter_mut().enumerate() {
            let (x, y) = (at % width, at / width);
            let open = |x: usize, y: usize| picture.state[y * width + x] != VOID && !before[y * width + x];
            let edge = x > 0 && open(x - 1, y)
                || x + 1 < width && open(x + 1, y)
                || y > 0 && open(x, y - 1)
                || y + 1 < height && open(x, y + 1);
            *state &= !edge;
        }
        if before == state {
            return layers + 64; // shut off from everything known
        }
    }
    layers
}

fn halved(picture: &Holed) -> Holed {
    let (width, height) = (picture.width.div_ceil(2), picture.height.div_ceil(2));
    let mut out = Holed {
        width,
        height,
        planes: vec![vec![0.0; width * height]; picture.planes.len()],
        state: vec![VOID; width * height],
    };
    for y in 0..height {
        for x in 0..width {
            let block: Vec<usize> = [(0, 0), (1, 0), (0, 1), (1, 1)]
                .into_iter()
                .map(|(dx, dy)| (2 * x + dx, 2 * y + dy))
                .filter(|&(x, y)| x < picture.width && y < picture.height)
                .map(|(x, y)| y * picture.width + x)
                .collect();
            let at = y * width + x;
            let known: Vec<usize> = block.iter().copied().filter(|&b| picture.state[b] == KNOWN).collect();
            if block.iter().any(|&b| picture.state[b] == HOLE) && known.len() * 2 <= block.len() {
                out.state[at] = HOLE;
            } else if !known.is_empty() {
                out.state[at] = KNOWN;
            }
            if !known.is_empty() {
                for (out, plane) in out.planes.iter_mut().zip(&picture.planes) {
                    out[at] = known.iter().map(|&b| plane[b]).sum::<f32>() / known.len() as f32;
                }
            }
        }
    }
    out
}

/// A first guess: the surroundings, smoothly.
fn smooth(picture: &mut Holed) {
    let mut weights: Vec<f32> = picture.state.iter().map(|&s| if s == KNOWN { 1.0 } else { 0.0 }).collect();
    ring::spread(&mut picture.planes, &mut weights, picture.width, picture.height);
}

/// Fills the hole from its rim inward, each patch by the one that continues best what is there already. Textures and
/// lines survive this, where a smooth start would end in flatness.
/// Gives the place that each pixel was taken from.
fn peel(picture: &mut Holed) -> Vec<u32> {
    let (width, height) = (picture.width as i32, picture.height as i32);
    let sources = sources(picture);
    let mut taken: Vec<u32> = (0..picture.state.len() as u32).collect();
    if sources.is_empty() {
        return taken;
    }
    let mut open: Vec<bool> = picture.state.iter().map(|&s| s == HOLE).collect();
    let sure: Vec<bool> = picture.state.iter().map(|&s| s == KNOWN).collect();
    let mut depth = vec![0.0f32; open.len()];
    // How lively each place is. Flat patches fit anywhere a little: a lively rim is to be continued by lively ones.
    let mut lively = unrest(picture);
    loop {
        // The open pixel with most of its patch filled; lines that run into the hole go first.
        let mut best: Option<(f32, usize)> = None;
        for at in (0..open.len()).filter(|&at| open[at]) {
            let (x, y) = (at as i32 % width, at as i32 / width);
            let (mut filled, mut count) = (0.0f32, 0.0f32);
            let (mut low, mut high) = (f32::MAX, f32::MIN);
            for (u, v) in patch(x, y, width, height) {
                let near = (v * width + u) as usize;
                count += 1.0;
                if !open[near] && picture.state[near] != VOID {
                    filled += 1.0 / (1.0 + 0.1 * depth[near]);
                    low = low.min(picture.planes[0][near]);
                    high = high.max(picture.planes[0][near]);
                }
            }
            if filled < 4.0 {
                continue;
            }
            let rank = filled / count * (1.0 + 0.01 * (high - low));
            if best.is_none_or(|(b, _)| rank > b) {
                best = Some((rank, at));
            }
        }
        let Some((_, target)) = best else { return taken };
        let (tx, ty) = (target as i32 % width, target as i32 / width);
        let places: Vec<(i32, i32)> = patch(tx, ty, width, height).collect();
        let (mut sum, mut count) = (0.0f32, 0.0f32);
        for v in (ty - 2 * HALF).max(0)..=(ty + 2 * HALF).min(height - 1) {
            for u in (tx - 2 * HALF).max(0)..=(tx + 2 * HALF).min(width - 1) {
                let at = (v * width + u) as usize;
                if !open[at] && picture.state[at] != VOID {
                    sum += lively[at];
                    count += 1.0;
                }
            }
        }
        let wanted = sum / count.max(1.0);
        let mut found: Option<(f32, i32)> = None;
        for &source in &sources {
            let source = source as i32;
            let limit = found.map_or(f32::MAX, |(cost, _)| cost);
            let (sx, sy) = (source % width, source / width);
            let apart = ((tx - sx).abs() + 2 * (ty - sy).abs()) as f32 / width.max(height) as f32;
            let dull = (wanted - lively[source as usize]).max(0.0);
            let mut cost = 49.0 * (6.0 * apart + 3.0 * dull * dull);
            for &(u, v) in &places {
                let at = (v * width + u) as usize;
                if open[at] || picture.state[at] == VOID {
                    continue;
                }
                let from = ((sy + v - ty) * width + sx + u - tx) as usize;
                let weight = if sure[at] { 1.0 } else { 0.6 };
                for plane in &picture.planes {
                    cost += weight * (plane[at] - plane[from]).powi(2);
                }
                if cost >= limit {
                    break;
                }
            }
            if cost < limit {
                found = Some((cost, source));
            }
        }
        let Some((_, source)) = found else { return taken };
        let (sx, sy) = (source % width, source / width);
        let deeper = 1.0 + places.iter().map(|&(u, v)| depth[(v * width + u) as usize]).fold(0.0, f32::max);
        for &(u, v) in places.iter().filter(|(u, v)| (u - tx).abs() <= 2 && (v - ty).abs() <= 2) {
            let at = (v * width + u) as usize;
            if open[at] {
                let from = ((sy + v - ty) * width + sx + u - tx) as usize;
                picture.planes.iter_mut().for_each(|p| p[at] = p[from]);
                taken[at] = from as u32;
                lively[at] = lively[from];
                open[at] = false;
                depth[at] = deeper;
            }
        }
    }
}

/// The mean difference of neighbours over each known pixel's patch, first plane; 0 elsewhere.
fn unrest(picture: &Holed) -> Vec<f32> {
    let (width, height) = (picture.width as i32, picture.height as i32);
    let known = |x: i32, y: i32| {
        let at = (y * width + x) as usize;
        (picture.state[at] == KNOWN).then(|| picture.planes[0][at])
    };
    let mut out = vec![0.0; picture.state.len()];
    for y in 0..height {
        for x in (0..width).filter(|&x| known(x, y).is_some()) {
            let (mut sum, mut count) = (0.0f32, 0.0f32);
            for (u, v) in patch(x, y, width, height) {
                let beside = (u + 1 < width).then(|| known(u + 1, v)).flatten();
                let below = (v + 1 < height).then(|| known(u, v + 1)).flatten();
                for (a, b) in [(known(u, v), beside), (known(u, v), below)] {
                    if let (Some(a), Some(b)) = (a, b) {
                        sum += (a - b).abs();
                        count += 1.0;
                    }
                }
            }
            out[(y * width + x) as usize] = sum / count.max(1.0);
        }
    }
    out
}

/// The places of the patch around (`x`, `y`) that lie inside.
fn patch(x: i32, y: i32, width: i32, height: i32) -> impl Iterator<Item = (i32, i32)> {
    (-HALF..=HALF)
        .flat_map(move |dy| (-HALF..=HALF).map(move |dx| (x + dx, y + dy)))
        .filter(move |&(u, v)| u >= 0 && v >= 0 && u < width && v < height)
}

/// The places that `from` means on the next finer level; only known ones for pixels of the hole.
fn enlarged(coarse: &Holed, fine: &Holed, from: &[u32]) -> Vec<u32> {
    let mut places: Vec<u32> = (0..fine.state.len() as u32).collect();
    for at in (0..fine.state.len()).filter(|&at| !from.is_empty() && fine.state[at] != KNOWN) {
        let (x, y) = (at % fine.width, at / fine.width);
        let up = from[y / 2 * coarse.width + x / 2] as usize;
        let (sx, sy) = (up % coarse.width, up / coarse.width);
        let (sx, sy) = ((2 * sx + x % 2).min(fine.width - 1), (2 * sy + y % 2).min(fine.height - 1));
        places[at] = (sy * fine.width + sx) as u32;
    }
    places
}

/// Centres of patches that are known throughout.
fn sources(picture: &Holed) -> Vec<u32> {
    let (width, height) = (picture.width as i32, picture.height as i32);
    let mut found = Vec::new();
    // Sums over rectangles tell at once whether anything inside is not known.
    let mut sums = vec![0u32; ((width + 1) * (height + 1)) as usize];
    for y in 0..height {
        for x in 0..width {
            let bad = u32::from(picture.state[(y * width + x) as usize] != KNOWN);
            let at = |x: i32, y: i32| (y * (width + 1) + x) as usize;
            sums[at(x + 1, y + 1)] = bad + sums[at(x, y + 1)] + sums[at(x + 1, y)] - sums[at(x, y)];
        }
    }
    for y in HALF..height - HALF {
        for x in HALF..width - HALF {
            let at = |x: i32, y: i32| sums[(y * (width + 1) + x) as usize];
            let (x0, y0, x1, y1) = (x - HALF, y - HALF, x + HALF + 1, y + HALF + 1);
            if at(x1, y1) + at(x0, y0) == at(x0, y1) + at(x1, y0) {
                found.push((y * width + x) as u32);
            }
        }
    }
    found
}

struct Search {
    /// Patch centres around which something is to be filled.
    targets: Vec<u32>,
    is_target: Vec<bool>,
    is_source: Vec<bool>,
    sources: Vec<u32>,
    from: Vec<u32>,
    cost: Vec<f32>,
    /// How near the known a pixel is: 1 there, less inward.
    confidence: Vec<f32>,
    random: u64,
    forward: bool,
}

impl Search {
    fn new(picture: &Holed, from: &[u32], salt: u32) -> Option<Self> {
        let sources = sources(picture);
        if sources.is_empty() {
            return None;
        }
        let count = picture.state.len();
        let mut is_source = vec![false; count];
        sources.iter().for_each(|&s| is_source[s as usize] = true);
        let (width, height) = (picture.width as i32, picture.height as i32);
        let mut is_target = vec![false; count];
        for at in (0..count).filter(|&at| picture.state[at] == HOLE) {
            let (x, y) = (at as i32 % width, at as i32 / width);
            for v in (y - HALF).max(0)..=(y + HALF).min(height - 1) {
                for u in (x - HALF).max(0)..=(x + HALF).min(width - 1) {
                    is_target[(v * width + u) as usize] = true;
                }
            }
        }
        let targets: Vec<u32> = (0..count as u32).filter(|&at| is_target[at as usize]).collect();
        let mut search = Self {
            targets,
            is_target,
            is_source,
            sources,
            from: vec![0; count],
            cost: vec![f32::MAX; count],
            confidence: confidence(picture),
            random: 0x9E37_79B9_7F4A_7C15 ^ u64::from(salt),
            forward: true,
        };
        for at in 0..search.targets.len() {
            let target = search.targets[at] as usize;
            let start = from.get(target).copied().filter(|&s| search.is_source[s as usize]);
            search.from[target] = match start {
                Some(source) => source,
                None => {
                    let pick = search.next() as usize % search.sources.len();
                    search.sources[pick]
                }
            };
        }
        Some(search)
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }

    /// Looks for better sources for every target: those of the neighbours, and random ones ever nearer.
    fn sweep(&mut self, picture: &Holed, times: usize) {
        let (width, height) = (picture.width as i32, picture.height as i32);
        for at in 0..self.targets.len() {
            let target = self.targets[at] as usize;
            self.cost[target] = self.distance(picture, target, self.from[target] as usize, f32::MAX);
        }
        for _ in 0..times {
            let order: Vec<usize> = if self.forward {
                (0..self.targets.len()).collect()
            } else {
                (0..self.targets.len()).rev().collect()
            };
            let step = if self.forward { -1 } else { 1 };
            self.forward = !self.forward;
            for at in order {
                let target = self.targets[at] as usize;
                let (x, y) = (target as i32 % width, target as i32 / width);
                for (dx, dy) in [(step, 0), (0, step)] {
                    let (u, v) = (x + dx, y + dy);
                    if u < 0 || v < 0 || u >= width || v >= height {
                        continue;
                    }
                    let neighbour = (v * width + u) as usize;
                    if self.is_target[neighbour] {
                        let source = self.from[neighbour] as i32;
                        self.offer(picture, target, source % width - dx, source / width - dy);
                    }
                }
                let mut radius = width.max(height);
                while radius >= 1 {
                    let best = self.from[target] as i32;
                    let span = 2 * radius as u64 + 1;
                    let dx = (self.next() % span) as i32 - radius;
                    let dy = (self.next() % span) as i32 - radius;
                    self.offer(picture, target, best % width + dx, best / width + dy);
                    radius /= 2;
                }
            }
        }
    }

    fn offer(&mut self, picture: &Holed, target: usize, x: i32, y: i32) {
        let (width, height) = (picture.width as i32, picture.height as i32);
        if x < 0 || y < 0 || x >= width || y >= height {
            return;
        }
        let source = (y * width + x) as usize;
        if !self.is_source[source] || source as u32 == self.from[target] {
            return;
        }
        let cost = self.distance(picture, target, source, self.cost[target]);
        if cost < self.cost[target] {
            self.cost[target] = cost;
            self.from[target] = source as u32;
        }
    }

    /// Mean squared difference of two patches, surer pixels counting more; gives up above `limit`.
    fn distance(&self, picture: &Holed, target: usize, source: usize, limit: f32) -> f32 {
        let (width, height) = (picture.width as i32, picture.height as i32);
        let (tx, ty) = (target as i32 % width, target as i32 / width);
        let (sx, sy) = (source as i32 % width, source as i32 / width);
        // Near sources are a little better: light and sharpness change over a picture.
        let apart = ((tx - sx).abs() + 2 * (ty - sy).abs()) as f32 / width.max(height) as f32;
        let bias = 6.0 * apart;
        let (mut sum, mut total) = (0.0f32, 0.0f32);
        let full: f32 = 49.0;
        for dy in -HALF..=HALF {
            let y = ty + dy;
            if y < 0 || y >= height {
                continue;
            }
            for dx in -HALF..=HALF {
                let x = tx + dx;
                if x < 0 || x >= width {
                    continue;
                }
                let t = (y * width + x) as usize;
                let confidence = self.confidence[t];
                if confidence == 0.0 {
                    continue;
                }
                let s = ((sy + dy) * width + sx + dx) as usize;
                let mut square = 0.0;
                for plane in &picture.planes {
                    let off = plane[t] - plane[s];
                    square += off * off;
                }
                sum += confidence * square;
                total += confidence;
            }
            if sum > (limit - bias) * full {
                return f32::MAX;
            }
        }
        if total == 0.0 { f32::MAX } else { sum / total + bias }
    }

    /// Gives every pixel of the hole the weighted mean of what the patches over it say.
    fn vote(&self, picture: &mut Holed) {
        let (width, height) = (picture.width as i32, picture.height as i32);
        let mut costs: Vec<f32> = self.targets.iter().map(|&t| self.cost[t as usize]).collect();
        let place = costs.len() * 3 / 4;
        let scale = costs.select_nth_unstable_by(place, f32::total_cmp).1.max(1.0);
        let mut next = picture.planes.clone();
        for at in (0..picture.state.len()).filter(|&at| picture.state[at] == HOLE) {
            let (x, y) = (at as i32 % width, at as i32 / width);
            let mut total = 0.0;
            let mut sums = [0.0f32; super::picture::MAX_PLANES];
            for dy in -HALF..=HALF {
                for dx in -HALF..=HALF {
                    let (u, v) = (x + dx, y + dy);
                    if u < 0 || v < 0 || u >= width || v >= height {
                        continue;
                    }
                    let target = (v * width + u) as usize;
                    let source = self.from[target] as i32 - dy * width - dx;
                    let weight =
                        (-self.cost[target] / (0.5 * scale)).exp() * self.confidence[target].max(0.01) + 1e-6;
                    for (sum, plane) in sums.iter_mut().zip(&picture.planes) {
                        *sum += weight * plane[source as usize];
                    }
                    total += weight;
                }
            }
            for (next, sum) in next.iter_mut().zip(sums) {
                next[at] = sum / total;
            }
        }
        picture.planes = next;
    }
}

/// 1 where known, falling inward, 0 where there is nothing.
fn confidence(picture: &Holed) -> Vec<f32> {
    let (width, height) = (picture.width, picture.height);
    let mut out: Vec<f32> = picture.state.iter().map(|&s| if s == KNOWN { 1.0 } else { 0.0 }).collect();
    let mut queue: std::collections::VecDeque<usize> =
        (0..out.len()).filter(|&at| picture.state[at] == KNOWN).collect();
    while let Some(at) = queue.pop_front() {
        let (x, y) = (at % width, at / width);
        let around = [
            (x > 0).then(|| at - 1),
            (x + 1 < width).then(|| at + 1),
            (y > 0).then(|| at - width),
            (y + 1 < height).then(|| at + width),
        ];
        for next in around.into_iter().flatten() {
            if picture.state[next] == HOLE && out[next] == 0.0 {
                out[next] = (out[at] * 0.85).max(0.02);
                queue.push_back(next);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_in_stripes_is_filled_with_stripes() {
        let (width, height) = (96, 80);
        let stripe = |x: usize| if (x / 4).is_multiple_of(2) { 40.0 } else { 200.0 };
        let truth: Vec<f32> = (0..width * height).map(|at| stripe(at % width)).collect();
        let mut state = vec![KNOWN; width * height];
        let mut values = truth.clone();
        for y in 30..54 {
            for x in 36..62 {
                state[y * width + x] = HOLE;
                values[y * width + x] = 0.0;
            }
        }
        let mut picture = Holed { width, height, planes: vec![values], state };
        fill(&mut picture).expect("there is plenty to take from");
        let wrong = (0..truth.len()).filter(|&at| (truth[at] - picture.planes[0][at]).abs() > 40.0).count();
        assert!(wrong < 60, "{wrong} of {} pixels are off", 24 * 26);
    }

    #[test]
    fn nothing_known_means_nothing_filled() {
        let mut picture = Holed { width: 8, height: 8, planes: vec![vec![0.0; 64]], state: vec![HOLE; 64] };
        assert!(fill(&mut picture).is_none());
    }
}
