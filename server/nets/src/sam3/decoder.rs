//! The detection decoder: queries look at the prompt and at the picture around their boxes, which they correct layer by
//! layer; one more token says whether the phrase is in the picture at all. sam3-spec.md §7

use tch::{Kind, Tensor};

use super::attention::{Attention, Perceptron};
use super::config::Config;
use super::layout::Place;
use super::positions::{corners, inverse_sigmoid, sines};
use super::{EPS, Prompt};
use crate::Error;
use crate::layers::{Embedding, LayerNorm};

pub struct Decoder {
    queries: Embedding,
    boxes: Embedding,
    presence: Embedding,
    layers: Vec<Layer>,
    after: LayerNorm,
    correct: Perceptron,
    presence_after: LayerNorm,
    presence_head: Perceptron,
    place: Perceptron,
    near_across: Perceptron,
    near_down: Perceptron,
    dim: i64,
}

/// What every layer gave, in order.
#[derive(Default)]
pub struct Decoded {
    /// Presence token first, then queries, not normed: [b, 1 + queries, dim]
    pub tokens: Vec<Tensor>,
    /// Queries, normed: [b, queries, dim]
    pub hidden: Vec<Tensor>,
    /// Boxes that went into the layer: [b, queries, 4] as centre and size, shares of the picture
    pub before: Vec<Tensor>,
    /// Boxes that came out of it, likewise
    pub boxes: Vec<Tensor>,
    /// [b, 1], not clamped
    pub presence: Vec<Tensor>,
}

impl Decoded {
    /// Of the last layer: queries [b, queries, dim], boxes by their corners [b, queries, 4], presence [b, 1]
    pub fn last(&self) -> (&Tensor, Tensor, &Tensor) {
        let some = "a decoder has layers";
        let boxes = corners(self.boxes.last().expect(some));
        (self.hidden.last().expect(some), boxes, self.presence.last().expect(some))
    }
}

impl Decoder {
    /// `p`: at the detector.
    pub fn new(p: &Place, config: &Config) -> Result<Self, Error> {
        let Config { dim, queries, decoder, .. } = *config;
        let p = p.part("detr_decoder", "transformer.decoder");
        let head = |transformers: &str, official: &str, widths: &[i64]| {
            Perceptron::new(&p.part(transformers, official), widths, "layer", 1)
        };
        let layer = |at: i64| Layer::new(&p.same(format!("layers.{at}")), config);
        Ok(Self {
            queries: Embedding::new(p.at("query_embed", "query_embed"), queries, dim)?,
            boxes: Embedding::new(p.at("reference_points", "reference_points"), queries, 4)?,
            presence: Embedding::new(p.at("presence_token", "presence_token"), 1, dim)?,
            layers: (0..decoder.layers).map(layer).collect::<Result<_, _>>()?,
            after: LayerNorm::new(p.at("output_layer_norm", "norm"), dim, EPS)?,
            correct: head("box_head", "bbox_embed", &[dim, dim, dim, 4])?,
            presence_after: LayerNorm::new(p.at("presence_layer_norm", "presence_token_out_norm"), dim, EPS)?,
            presence_head: head("presence_head", "presence_token_head", &[dim, dim, dim, 1])?,
            place: head("ref_point_head", "ref_point_head", &[2 * dim, dim, dim])?,
            near_across: head("box_rpb_embed_x", "boxRPB_embed_x", &[2, dim, decoder.heads])?,
            near_down: head("box_rpb_embed_y", "boxRPB_embed_y", &[2, dim, decoder.heads])?,
            dim,
        })
    }

    /// `memory` [b, h·w, dim] from the fusion encoder, `positions` [1, h·w, dim].
    pub fn forward(&self, memory: &Tensor, positions: &Tensor, prompt: &Prompt, [h, w]: [i64; 2]) -> Decoded {
        let b = memory.size()[0];
        let each = |t: &Tensor| t.unsqueeze(0).expand([b, -1, -1], false);
        let mut x = Tensor::cat(&[each(self.presence.weight()), each(self.queries.weight())], 1);
        let mut boxes = each(&self.boxes.weight().sigmoid());
        let keys = memory + positions;
        let mut decoded = Decoded::default();
        for layer in &self.layers {
            // Neither a place nor a nearness for the presence token.
            let place = self.place(&boxes).constant_pad_nd([0, 0, 1, 0]);
            let near = self.nearness(&boxes, [h, w]).constant_pad_nd([0, 0, 1, 0]);
            x = layer.forward(&x, &place, prompt, &keys, memory, &near);
            let hidden = self.after.forward(&x.slice(1, 1, None, 1));
            let corrected = (self.correct.forward(&hidden) + inverse_sigmoid(&boxes)).sigmoid();
            decoded.presence.push(self.presence_head.forward(&self.presence_after.forward(&x.select(1, 0))));
            decoded.before.push(std::mem::replace(&mut boxes, corrected.shallow_clone()));
            decoded.tokens.push(x.shallow_clone());
            decoded.hidden.push(hidden);
            decoded.boxes.push(corrected);
        }
        decoded
    }

    /// What is added to each query for the place of its box: [b, queries, 4] → [b, queries, dim]
    pub fn place(&self, boxes: &Tensor) -> Tensor {
        let sines = [1, 0, 2, 3].map(|axis| sines(&boxes.select(-1, axis), self.dim / 2)); // y x w h
        self.place.forward(&Tensor::cat(&sines, -1))
    }

    /// How much each query should look at each cell, from how far the cell's upper left corner is from the sides of its
    /// box: [b, queries, 4] → [b, heads, queries, h·w]. Across and down are independent. Trap 5
    pub fn nearness(&self, boxes: &Tensor, [h, w]: [i64; 2]) -> Tensor {
        let corners = corners(boxes); // b q 4
        let axis = |perceptron: &Perceptron, cells: i64, low: i64| {
            let cells = Tensor::arange(cells, (Kind::Float, boxes.device())) / cells as f64;
            let sides = Tensor::stack(&[corners.select(-1, low), corners.select(-1, low + 2)], -1); // b q 2
            let apart = cells.view([1, 1, -1, 1]) - sides.unsqueeze(2); // b q cells 2
            let apart = &apart.sign() * ((&apart * 8.0).abs() + 1.0).log2() / 3.0; // log2(8) = 3
            perceptron.forward(&apart).permute([0, 3, 1, 2]) // b heads q cells
        };
        let (across, down) = (axis(&self.near_across, w, 0), axis(&self.near_down, h, 1));
        (down.unsqueeze(-1) + across.unsqueeze(-2)).flatten(-2, -1)
    }
}

/// Its parts in the order in which they work, which is not that of the official norms' numbers.
struct Layer {
    among: Attention,
    among_norm: LayerNorm,
    at_prompt: Attention,
    at_prompt_norm: LayerNorm,
    at_picture: Attention,
    at_picture_norm: LayerNorm,
    mlp: Perceptron,
    mlp_norm: LayerNorm,
}

impl Layer {
    fn new(p: &Place, config: &Config) -> Result<Self, Error> {
        let Config { dim, decoder, .. } = *config;
        let attention = |transformers: &str, official: &str| {
            Attention::of_detector(&p.part(transformers, official), dim, decoder.heads)
        };
        let norm =
            |transformers: &str, official: &str| LayerNorm::new(p.at(transformers, official), dim, EPS);
        Ok(Self {
            among: attention("self_attn", "self_attn")?,
            among_norm: norm("self_attn_layer_norm", "norm2")?,
            at_prompt: attention("text_cross_attn", "ca_text")?,
            at_prompt_norm: norm("text_cross_attn_layer_norm", "catext_norm")?,
            at_picture: attention("vision_cross_attn", "cross_attn")?,
            at_picture_norm: norm("vision_cross_attn_layer_norm", "norm1")?,
            mlp: Perceptron::of_layer(p, dim, decoder.inner)?,
            mlp_norm: norm("mlp_layer_norm", "norm3")?,
        })
    }

    /// `x`, `place` [b, 1 + queries, dim]; `keys`, `memory` [b, cells, dim]; `near` [b, heads, 1 + queries, cells]
    fn forward(
        &self,
        x: &Tensor,
        place: &Tensor,
        prompt: &Prompt,
        keys: &Tensor,
        memory: &Tensor,
        near: &Tensor,
    ) -> Tensor {
        let placed = x + place;
        let x = self.among_norm.forward(&(x + self.among.forward(&placed, &placed, x, None)));
        let placed = &x + place;
        let read = self.at_prompt.forward(&placed, &prompt.tokens, &prompt.tokens, Some(&prompt.counts()));
        let x = self.at_prompt_norm.forward(&(&x + read));
        let placed = &x + place;
        let x =
            self.at_picture_norm.forward(&(&x + self.at_picture.forward(&placed, keys, memory, Some(near))));
        self.mlp_norm.forward(&(&x + self.mlp.forward(&x)))
    }
}
