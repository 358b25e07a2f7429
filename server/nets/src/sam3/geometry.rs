//! The geometry encoder: boxes around wanted and unwanted things, and a token that is always there, even without
//! boxes → tokens beside the phrase's. sam3-spec.md §4, trap 1

use tch::{Device, Kind, Tensor};

use super::attention::{Attention, Perceptron};
use super::config::{Config, Stack};
use super::layout::Place;
use super::positions::{corners, sines};
use super::{EPS, Seen};
use crate::Error;
use crate::layers::{Conv2d, Embedding, LayerNorm, Linear, Window};

/// A box around one thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoxPrompt {
    /// Centre x, centre y, width, height, each a share of the frame's.
    pub shares: [f32; 4],
    /// Whether what is in it is wanted.
    pub wanted: bool,
}

impl BoxPrompt {
    /// Whether its centre lies in the frame and it is no larger than that.
    pub fn is_inside(&self) -> bool {
        self.shares.iter().all(|share| (0.0..=1.0).contains(share))
    }
}

pub struct GeometryEncoder {
    direct: Linear,
    pool: Conv2d,
    place: Linear,
    labels: Embedding,
    /// [1, dim]
    always: Embedding,
    picture_norm: LayerNorm,
    project: Linear,
    norm: LayerNorm,
    layers: Vec<Layer>,
    after: LayerNorm,
    dim: i64,
    roi: i64,
}

impl GeometryEncoder {
    /// `p`: at the detector.
    pub fn new(p: &Place, config: &Config) -> Result<Self, Error> {
        let Config { dim, geometry, roi, .. } = *config;
        let p = p.same("geometry_encoder");
        p.pass_over_official("points_"); // clicks, which do not go with words
        let both = |name: &str| p.at(name, name);
        let layer =
            |at: i64| Layer::new(&p.part(format!("layers.{at}"), format!("encode.{at}")), dim, geometry);
        Ok(Self {
            direct: Linear::new(both("boxes_direct_project"), 4, dim)?,
            pool: Conv2d::new(both("boxes_pool_project"), dim, dim, Window::square(roi, 1, 0))?,
            place: Linear::new(both("boxes_pos_enc_project"), dim + 2, dim)?,
            labels: Embedding::new(both("label_embed"), 2, dim)?,
            always: Embedding::new(both("cls_embed"), 1, dim)?,
            picture_norm: LayerNorm::new(p.at("vision_layer_norm", "img_pre_norm"), dim, EPS)?,
            project: Linear::new(both("final_proj"), dim, dim)?,
            norm: LayerNorm::new(p.at("prompt_layer_norm", "norm"), dim, EPS)?,
            layers: (0..geometry.layers).map(layer).collect::<Result<_, _>>()?,
            after: LayerNorm::new(p.at("output_layer_norm", "encode_norm"), dim, EPS)?,
            dim,
            roi,
        })
    }

    /// → [1, boxes + 1, dim], the token that is always there last.
    pub fn forward(&self, seen: &Seen, boxes: &[BoxPrompt]) -> Tensor {
        let always = self.always.weight().unsqueeze(0); // 1 1 dim
        let tokens =
            if boxes.is_empty() { always } else { Tensor::cat(&[self.boxes(seen, boxes), always], 1) };
        let x = self.norm.forward(&self.project.forward(&tokens));
        let (map, keys) = (seen.tokens(), seen.keys());
        let x = self.layers.iter().fold(x, |x, layer| layer.forward(&x, &keys, &map));
        self.after.forward(&x)
    }

    /// [1, boxes, dim]
    fn boxes(&self, seen: &Seen, boxes: &[BoxPrompt]) -> Tensor {
        let device = seen.maps[2].device();
        let shares: Vec<f32> = boxes.iter().flat_map(|b| b.shares).collect();
        let shares = Tensor::from_slice(&shares).view([-1, 4]).to_device(device); // n 4
        let wanted: Vec<i64> = boxes.iter().map(|b| i64::from(b.wanted)).collect();
        let wanted = Tensor::from_slice(&wanted).to_device(device);

        let normed = self.picture_norm.forward_channels(&seen.maps[2]).squeeze_dim(0); // dim h w
        let pooled: Vec<_> = boxes.iter().map(|b| pool(&normed, b.shares, self.roi)).collect();
        let pooled = self.pool.forward(&Tensor::stack(&pooled, 0)).flatten(1, 3); // n dim

        let sine = |axis: i64| sines(&shares.select(1, axis), self.dim / 2);
        let (h, w) = (shares.narrow(1, 3, 1), shares.narrow(1, 2, 1));
        let place = self.place.forward(&Tensor::cat(&[sine(1), sine(0), h, w], 1)); // y x h w
        let tokens = self.direct.forward(&shares) + pooled + place + self.labels.forward(&wanted);
        tokens.unsqueeze(0)
    }
}

/// The part of a map [c, h, w] under a box as [c, size, size]: the mean of samples about one cell apart, edges at whole
/// numbers (“aligned” off). The two axes are independent, so it is two products.
fn pool(map: &Tensor, shares: [f32; 4], size: i64) -> Tensor {
    let (_, h, w) = map.size3().expect("[c, h, w]");
    let corners: Vec<f32> = Vec::try_from(corners(&Tensor::from_slice(&shares))).expect("four numbers");
    let rows = averages(corners[1] * h as f32, corners[3] * h as f32, h, size);
    let columns = averages(corners[0] * w as f32, corners[2] * w as f32, w, size);
    let on = |t: Tensor| t.to_device(map.device());
    on(rows).matmul(map).matmul(&on(columns).tr())
}

/// How much each of `cells` cells has in each of `size` bins from `start` to `end`, in cells: [size, cells] in f32
fn averages(start: f32, end: f32, cells: i64, size: i64) -> Tensor {
    let length = (end - start).max(1.0);
    let bin = length / size as f32;
    let samples = bin.ceil().max(1.0);
    let last = cells - 1;
    let mut table = vec![0.0_f32; (size * cells) as usize];
    for (row, table) in table.chunks_mut(cells as usize).enumerate() {
        for sample in 0..samples as i64 {
            let at = start + row as f32 * bin + (sample as f32 + 0.5) * bin / samples;
            if at < -1.0 || at > cells as f32 {
                continue;
            }
            let at = at.max(0.0);
            let low = (at as i64).min(last);
            let share = if low == last { 0.0 } else { at - low as f32 };
            table[low as usize] += (1.0 - share) / samples;
            table[(low + 1).min(last) as usize] += share / samples;
        }
    }
    Tensor::from_slice(&table).view([size, cells]).to_kind(Kind::Float).to_device(Device::Cpu)
}

struct Layer {
    norm1: LayerNorm,
    among: Attention,
    norm2: LayerNorm,
    at_picture: Attention,
    norm3: LayerNorm,
    mlp: Perceptron,
}

impl Layer {
    fn new(p: &Place, dim: i64, stack: Stack) -> Result<Self, Error> {
        let norm = |at: i64| LayerNorm::new(p.at(format!("layer_norm{at}"), format!("norm{at}")), dim, EPS);
        Ok(Self {
            norm1: norm(1)?,
            among: Attention::of_detector(&p.same("self_attn"), dim, stack.heads)?,
            norm2: norm(2)?,
            at_picture: Attention::of_detector(&p.part("cross_attn", "cross_attn_image"), dim, stack.heads)?,
            norm3: norm(3)?,
            mlp: Perceptron::of_layer(p, dim, stack.inner)?,
        })
    }

    /// `x` [1, n, dim]; `keys`, `map` [1, cells, dim]: the picture with and without positions.
    fn forward(&self, x: &Tensor, keys: &Tensor, map: &Tensor) -> Tensor {
        let h = self.norm1.forward(x);
        let x = x + self.among.forward(&h, &h, &h, None);
        let x = &x + self.at_picture.forward(&self.norm2.forward(&x), keys, map, None);
        &x + self.mlp.forward(&self.norm3.forward(&x))
    }
}
