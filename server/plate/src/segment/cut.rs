//! Two-label labelling of a picture by a minimum cut (Boykov and Kolmogorov, PAMI 2004: two search trees that are kept).
//! Knows capacities only; what makes a pixel object or background is decided by the callers.

use std::collections::VecDeque;

use super::raster::Raster;

/// Offsets of the eight neighbours; a direction and its opposite differ in the lowest bit.
const STEPS: [(i32, i32); 8] = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (-1, 1), (1, -1)];
const TERMINAL: u8 = 8;
const ORPHAN: u8 = 9;
const FREE: u8 = 10;
/// Fixed point: capacities are whole numbers, so augmenting ends.
const UNIT: f32 = 1024.0;

/// A unary beyond this is a hard label and is folded into its neighbours.
pub(crate) const HARD: f32 = 1e4;

/// Labels every pixel: true where object. `unary` is positive towards object (log odds), ±[`HARD`] and beyond is
/// fixed; `edge` gives the cost of separating a pixel from its neighbour (x, y, dx, dy), ≥ 0.
pub(crate) fn cut(unary: &Raster<f32>, edge: impl Fn(usize, usize, i32, i32) -> f32) -> Raster<bool> {
    let mut graph = Graph::new(unary, edge);
    graph.run();
    let mut out = unary.same(false);
    for y in 0..unary.h {
        for x in 0..unary.w {
            let u = unary.at(x, y);
            let node = &graph.nodes[graph.index(x, y)];
            out.data[y * unary.w + x] =
                if u.abs() >= HARD { u > 0.0 } else { node.parent != FREE && !node.sink };
        }
    }
    out
}

#[derive(Clone)]
struct Node {
    /// Residual to the right, left, … neighbour.
    cap: [i32; 8],
    /// Residual from the source (> 0) or to the sink (< 0).
    terminal: i32,
    stamp: u32,
    depth: u32,
    parent: u8,
    sink: bool,
    queued: bool,
}

struct Graph {
    stride: usize,
    steps: [isize; 8],
    nodes: Vec<Node>,
    active: VecDeque<usize>,
    orphans: VecDeque<usize>,
    time: u32,
}

impl Graph {
    fn new(unary: &Raster<f32>, edge: impl Fn(usize, usize, i32, i32) -> f32) -> Self {
        let stride = unary.w + 2; // a rim of nodes without capacity saves every bounds check
        let blank =
            Node { cap: [0; 8], terminal: 0, stamp: 0, depth: 0, parent: FREE, sink: false, queued: false };
        let mut graph = Self {
            stride,
            steps: STEPS.map(|(dx, dy)| dy as isize * stride as isize + dx as isize),
            nodes: vec![blank; stride * (unary.h + 2)],
            active: VecDeque::new(),
            orphans: VecDeque::new(),
            time: 0,
        };
        for y in 0..unary.h {
            for x in 0..unary.w {
                let here = graph.index(x, y);
                let u = unary.at(x, y);
                if u.abs() < HARD {
                    graph.nodes[here].terminal += (u * UNIT) as i32;
                }
                for d in [0, 2, 4, 6] {
                    let (nx, ny) = (x as i32 + STEPS[d].0, y as i32 + STEPS[d].1);
                    if nx < 0 || ny < 0 || nx >= unary.w as i32 || ny >= unary.h as i32 {
                        continue;
                    }
                    let other = unary.at(nx as usize, ny as usize);
                    let there = graph.neighbour(here, d);
                    match (u.abs() >= HARD, other.abs() >= HARD) {
                        (true, true) => {}
                        (false, false) => {
                            let capacity = (edge(x, y, STEPS[d].0, STEPS[d].1) * UNIT) as i32;
                            graph.nodes[here].cap[d] = capacity;
                            graph.nodes[there].cap[d ^ 1] = capacity;
                        }
                        (hard, _) => {
                            let capacity = (edge(x, y, STEPS[d].0, STEPS[d].1) * UNIT) as i32;
                            let (fixed, free) = if hard { (u, there) } else { (other, here) };
                            graph.nodes[free].terminal += if fixed > 0.0 { capacity } else { -capacity };
                        }
                    }
                }
            }
        }
        graph
    }

    fn index(&self, x: usize, y: usize) -> usize {
        (y + 1) * self.stride + x + 1
    }

    fn neighbour(&self, node: usize, d: usize) -> usize {
        node.wrapping_add_signed(self.steps[d])
    }

    fn activate(&mut self, node: usize) {
        if !self.nodes[node].queued {
            self.nodes[node].queued = true;
            self.active.push_back(node);
        }
    }

    fn run(&mut self) {
        for i in 0..self.nodes.len() {
            let node = &mut self.nodes[i];
            if node.terminal != 0 {
                node.sink = node.terminal < 0;
                node.parent = TERMINAL;
                node.depth = 1;
                self.activate(i);
            }
        }
        let mut current = None;
        loop {
            let node = match current.take().filter(|n: &usize| self.nodes[*n].parent != FREE) {
                Some(node) => node,
                None => match self.next_active() {
                    Some(node) => node,
                    None => return,
                },
            };
            let bridge = self.grow(node);
            self.time += 1;
            if let Some((from, d)) = bridge {
                self.augment(from, d);
                while let Some(orphan) = self.orphans.pop_front() {
                    self.adopt(orphan);
                }
                current = Some(node);
            }
        }
    }

    fn next_active(&mut self) -> Option<usize> {
        while let Some(node) = self.active.pop_front() {
            self.nodes[node].queued = false;
            if self.nodes[node].parent != FREE {
                return Some(node);
            }
        }
        None
    }

    /// Grows the tree of `node` by its neighbours; a way from the source tree into the sink tree ends it.
    fn grow(&mut self, node: usize) -> Option<(usize, usize)> {
        let Node { cap, sink, stamp, depth, .. } = self.nodes[node].clone();
        for (d, outward) in cap.into_iter().enumerate() {
            let there = self.neighbour(node, d);
            let residual = if sink { self.nodes[there].cap[d ^ 1] } else { outward };
            if residual <= 0 {
                continue;
            }
            let next = &mut self.nodes[there];
            if next.parent == FREE {
                next.sink = sink;
                next.parent = (d ^ 1) as u8;
                next.stamp = stamp;
                next.depth = depth + 1;
                self.activate(there);
            } else if next.sink != sink {
                return Some(if sink { (there, d ^ 1) } else { (node, d) });
            } else if next.stamp <= stamp && next.depth > depth && next.parent < TERMINAL {
                next.parent = (d ^ 1) as u8;
                next.stamp = stamp;
                next.depth = depth + 1;
            }
        }
        None
    }

    fn augment(&mut self, from: usize, d: usize) {
        let to = self.neighbour(from, d);
        let mut flow = self.nodes[from].cap[d];
        let mut at = from;
        while self.nodes[at].parent != TERMINAL {
            let up = self.nodes[at].parent as usize;
            at = self.neighbour(at, up);
            flow = flow.min(self.nodes[at].cap[up ^ 1]);
        }
        flow = flow.min(self.nodes[at].terminal);
        at = to;
        while self.nodes[at].parent != TERMINAL {
            let up = self.nodes[at].parent as usize;
            flow = flow.min(self.nodes[at].cap[up]);
            at = self.neighbour(at, up);
        }
        flow = flow.min(-self.nodes[at].terminal);

        self.nodes[from].cap[d] -= flow;
        self.nodes[to].cap[d ^ 1] += flow;
        at = from;
        while self.nodes[at].parent != TERMINAL {
            let up = self.nodes[at].parent as usize;
            let parent = self.neighbour(at, up);
            self.nodes[at].cap[up] += flow;
            self.nodes[parent].cap[up ^ 1] -= flow;
            if self.nodes[parent].cap[up ^ 1] == 0 {
                self.orphan_first(at);
            }
            at = parent;
        }
        self.nodes[at].terminal -= flow;
        if self.nodes[at].terminal == 0 {
            self.orphan_first(at);
        }
        at = to;
        while self.nodes[at].parent != TERMINAL {
            let up = self.nodes[at].parent as usize;
            let parent = self.neighbour(at, up);
            self.nodes[parent].cap[up ^ 1] += flow;
            self.nodes[at].cap[up] -= flow;
            if self.nodes[at].cap[up] == 0 {
                self.orphan_first(at);
            }
            at = parent;
        }
        self.nodes[at].terminal += flow;
        if self.nodes[at].terminal == 0 {
            self.orphan_first(at);
        }
    }

    fn orphan_first(&mut self, node: usize) {
        self.nodes[node].parent = ORPHAN;
        self.orphans.push_front(node);
    }

    /// Finds a new parent in the same tree that still leads to the terminal, or frees the node and orphans its children.
    fn adopt(&mut self, node: usize) {
        let sink = self.nodes[node].sink;
        let mut best: Option<(u32, usize)> = None;
        for d in 0..8 {
            let there = self.neighbour(node, d);
            let residual = if sink { self.nodes[node].cap[d] } else { self.nodes[there].cap[d ^ 1] };
            let next = &self.nodes[there];
            if residual <= 0 || next.sink != sink || next.parent == FREE {
                continue;
            }
            if let Some(depth) = self.depth_to_terminal(there)
                && best.is_none_or(|(least, _)| depth < least)
            {
                best = Some((depth, d));
            }
        }
        if let Some((depth, d)) = best {
            let time = self.time;
            let node = &mut self.nodes[node];
            node.parent = d as u8;
            node.stamp = time;
            node.depth = depth + 1;
            return;
        }
        for d in 0..8 {
            let there = self.neighbour(node, d);
            if self.nodes[there].sink != sink || self.nodes[there].parent == FREE {
                continue;
            }
            let residual = if sink { self.nodes[node].cap[d] } else { self.nodes[there].cap[d ^ 1] };
            if residual > 0 {
                self.activate(there);
            }
            if self.nodes[there].parent == (d ^ 1) as u8 {
                self.nodes[there].parent = ORPHAN;
                self.orphans.push_back(there);
            }
        }
        self.nodes[node].parent = FREE;
    }

    fn depth_to_terminal(&mut self, start: usize) -> Option<u32> {
        let mut at = start;
        let mut depth = 0;
        loop {
            let node = &self.nodes[at];
            if node.stamp == self.time && node.parent != ORPHAN {
                depth += node.depth;
                break;
            }
            match node.parent {
                ORPHAN => return None,
                TERMINAL => {
                    depth += 1;
                    let time = self.time;
                    let node = &mut self.nodes[at];
                    node.stamp = time;
                    node.depth = 1;
                    break;
                }
                up => {
                    depth += 1;
                    at = self.neighbour(at, up as usize);
                }
            }
        }
        let found = depth;
        at = start;
        while self.nodes[at].stamp != self.time {
            self.nodes[at].stamp = self.time;
            self.nodes[at].depth = depth;
            depth -= 1;
            at = self.neighbour(at, self.nodes[at].parent as usize);
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Energy of a labelling on a tiny picture, to compare with every other labelling.
    fn energy(unary: &Raster<f32>, weight: f32, labels: u32) -> f32 {
        let on = |x: usize, y: usize| labels >> (y * unary.w + x) & 1 == 1;
        let mut sum = 0.0;
        for y in 0..unary.h {
            for x in 0..unary.w {
                sum += if on(x, y) { -unary.at(x, y) } else { 0.0 };
                for d in [0, 2, 4, 6] {
                    let (nx, ny) = (x as i32 + STEPS[d].0, y as i32 + STEPS[d].1);
                    if nx >= 0 && ny >= 0 && nx < unary.w as i32 && ny < unary.h as i32 {
                        sum += if on(x, y) != on(nx as usize, ny as usize) {
                            weight * (1 + (x + y) % 3) as f32
                        } else {
                            0.0
                        };
                    }
                }
            }
        }
        sum
    }

    #[test]
    fn no_labelling_is_cheaper_than_the_cut() {
        let mut seed = 7_u32;
        for _ in 0..40 {
            let mut unary = Raster::filled(4, 4, 0.0_f32);
            for u in &mut unary.data {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *u = (seed >> 16 & 255) as f32 / 64.0 - 2.0;
            }
            let labels = cut(&unary, |x, y, _, _| 0.25 * (1 + (x + y) % 3) as f32);
            let ours = labels.data.iter().enumerate().map(|(i, on)| u32::from(*on) << i).sum();
            let least = (0..1 << 16).map(|l| energy(&unary, 0.25, l)).fold(f32::MAX, f32::min);
            assert!((energy(&unary, 0.25, ours) - least).abs() < 0.01);
        }
    }

    #[test]
    fn hard_labels_stay() {
        let mut unary = Raster::filled(9, 9, -0.2_f32);
        unary.data[40] = HARD;
        unary.data[0] = -HARD;
        let labels = cut(&unary, |_, _, _, _| 1.0);
        assert!(labels.data[40] && !labels.data[0]);
    }
}
