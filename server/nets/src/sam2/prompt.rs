//! What a person marked, as tokens and as a map: points, corners of a box, an earlier mask.
//!
//! Reference: sam2/modeling/sam/prompt_encoder.py at facebookresearch/sam2@2b90b9f; void-spec §2.3.

use tch::{Kind, Tensor};

use super::config::Config;
use super::names::Layout;
use super::position;
use crate::layers::{Conv2d, LayerNorm, Window};
use crate::{Error, Weights};

/// Channels of a mask on its way down. // sam2_base.py
const MASK_CHANNELS: i64 = 16;

pub struct PromptEncoder {
    /// Random directions for points: [2, d_model / 2].
    table: Tensor,
    /// Away, onto, first corner, second corner: [4, d_model].
    kinds: Tensor,
    not_a_point: Tensor,
    no_mask: Tensor,
    mask: MaskDown,
    image_size: i64,
    grid: i64,
}

impl PromptEncoder {
    /// `layout` tells how the four kinds of points and the table are stored.
    pub fn new(w: Weights, layout: Layout, config: &Config) -> Result<Self, Error> {
        let d = config.d_model;
        let kinds = match layout {
            Layout::Original => {
                let kind = |i: i64| (&w / "point_embeddings" / i).tensor("weight", &[1, d]);
                Tensor::cat(&(0..4).map(kind).collect::<Result<Vec<_>, _>>()?, 0)
            }
            Layout::Transformers => (&w / "point_embeddings").tensor("weight", &[4, d])?,
        };
        Ok(Self {
            table: table(&w, layout, d)?,
            kinds,
            not_a_point: w.tensor("not_a_point_embed.weight", &[1, d])?,
            no_mask: w.tensor("no_mask_embed.weight", &[1, d])?,
            mask: MaskDown::new(&w / "mask_downscaling", d)?,
            image_size: config.image_size,
            grid: config.grid(),
        })
    }

    /// `points`: [b, n, 2] (across, down) in pixels of the network's square; `labels`: [b, n], 1 onto, 0 away, 2 and 3
    /// corners, −1 none → [b, n + 1, d_model]: the last one says that there is no box beside them.
    pub fn points(&self, points: &Tensor, labels: &Tensor) -> Tensor {
        let (b, n, _) = points.size3().expect("[b, n, 2]");
        let nowhere = Tensor::zeros([b, 1, 2], (points.kind(), points.device()));
        let none = Tensor::full([b, 1], -1, (labels.kind(), labels.device()));
        let points = (Tensor::cat(&[points + 0.5, nowhere], 1)) / self.image_size as f64;
        let labels = Tensor::cat(&[labels.shallow_clone(), none], 1).unsqueeze(2); // b n+1 1
        let place = position::random_waves(&points, &self.table);
        let kind = self.kinds.index_select(0, &labels.clamp(0, 3).view(-1).to_kind(Kind::Int64));
        let known = place + kind.view([b, n + 1, -1]);
        known.where_self(&labels.ge(0), &self.not_a_point.unsqueeze(0))
    }

    /// No earlier mask: [b, d_model, grid, grid].
    pub fn no_mask(&self, b: i64) -> Tensor {
        self.no_mask.view([1, -1, 1, 1]).expand([b, -1, self.grid, self.grid], false)
    }

    /// An earlier mask's logits [b, 1, 4 · grid, 4 · grid] → [b, d_model, grid, grid].
    pub fn mask(&self, logits: &Tensor) -> Tensor {
        let side = 4 * self.grid;
        let kind = self.no_mask.kind();
        if logits.size()[2..] == [side, side] {
            return self.mask.forward(&logits.to_kind(kind));
        }
        let fitted =
            logits.to_kind(Kind::Float).internal_upsample_bilinear2d_aa([side, side], false, None, None);
        self.mask.forward(&fitted.to_kind(kind))
    }

    /// Where each place of the feature map is: [1, d_model, grid, grid].
    pub fn grid_position(&self) -> Tensor {
        let options = (Kind::Float, self.table.device());
        let steps = (Tensor::arange(self.grid, options) + 0.5) / self.grid as f64;
        let across = steps.unsqueeze(0).expand([self.grid, self.grid], false);
        let down = steps.unsqueeze(1).expand([self.grid, self.grid], false);
        let waves = position::random_waves(&Tensor::stack(&[across, down], 2), &self.table); // h w c
        waves.permute([2, 0, 1]).unsqueeze(0)
    }
}

fn table(w: &Weights, layout: Layout, d: i64) -> Result<Tensor, Error> {
    let name = "pe_layer.positional_encoding_gaussian_matrix";
    // transformers ties two copies of it, and may have stored either or both.
    if layout == Layout::Transformers && w.shape(name).is_none() {
        return w.at_root().tensor("shared_image_embedding.positional_embedding", &[2, d / 2]);
    }
    w.at_root().pass_over("shared_image_embedding.");
    w.tensor(name, &[2, d / 2])
}

struct MaskDown {
    convs: [Conv2d; 3],
    norms: [LayerNorm; 2],
}

impl MaskDown {
    fn new(w: Weights, d: i64) -> Result<Self, Error> {
        let (quarter, whole) = (MASK_CHANNELS / 4, MASK_CHANNELS);
        Ok(Self {
            convs: [
                Conv2d::new(&w / 0, 1, quarter, Window::square(2, 2, 0))?,
                Conv2d::new(&w / 3, quarter, whole, Window::square(2, 2, 0))?,
                Conv2d::new(&w / 6, whole, d, Window::square(1, 1, 0))?,
            ],
            norms: [LayerNorm::new(&w / 1, quarter, 1e-6)?, LayerNorm::new(&w / 4, whole, 1e-6)?],
        })
    }

    fn forward(&self, mask: &Tensor) -> Tensor {
        let mut x = mask.shallow_clone();
        for (conv, norm) in self.convs.iter().zip(&self.norms) {
            x = norm.forward_channels(&conv.forward(&x)).gelu("none");
        }
        self.convs[2].forward(&x)
    }
}
