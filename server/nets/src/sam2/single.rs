//! One picture without a video around it: masks for clicks and boxes, from features that are kept.
//!
//! Reference: sam2/sam2_image_predictor.py at facebookresearch/sam2@2b90b9f.

use tch::{Kind, Tensor};

use super::image_encoder::Features;
use super::model::Sam2;
use super::pixels;
use super::prompts::{Prompt, Shot};
use crate::Error;

const LOGIT_LIMIT: f64 = 32.0;

pub struct Single {
    features: Features,
    /// With what a frame without memory gets: [1, d_model, grid, grid].
    coarse: Tensor,
    shot: Shot,
}

/// Masks for one prompt: three where it was asked for, or one.
pub struct Picked {
    /// 0–1 each: [n]
    pub ious: Tensor,
    /// Logits within ±32, to be handed in with the next prompt: [n, mask side, mask side].
    pub low: Tensor,
    /// Above 0 is the object: [n, height, width].
    pub logits: Tensor,
}

impl Single {
    /// `picture`: 8-bit RGB [height, width, 3].
    ///
    /// # Errors
    /// When it is no such picture.
    pub fn new(net: &Sam2, picture: &Tensor) -> Result<Self, Error> {
        let features = net.look(&pixels::of_picture(picture, net.config.image_size)?);
        let shot = Shot { frames: 1, height: picture.size()[0], width: picture.size()[1] };
        Ok(Self { coarse: net.unremembering(&features), features, shot })
    }

    /// [1, d_model, grid, grid]
    pub fn embedding(&self) -> &Tensor {
        &self.coarse
    }

    /// `earlier`: one of the [`Picked::low`] of the prompt before, [mask side, mask side]. `three`: for one click, whose
    /// meaning is open.
    ///
    /// # Errors
    /// When the marks lie outside the picture or contradict each other.
    pub fn pick(
        &self,
        net: &Sam2,
        prompt: &Prompt,
        earlier: Option<&Tensor>,
        three: bool,
    ) -> Result<Picked, Error> {
        let Shot { height, width, .. } = self.shot;
        self.shot.check_prompt(0, prompt)?;
        let (at, labels) = prompt.numbers();
        let n = labels.len() as i64;
        let size = Tensor::from_slice(&[width as f32, height as f32]);
        let at = Tensor::from_slice(&at).view([1, n, 2]) / size * net.config.image_size as f64;
        let labels = Tensor::from_slice(&labels).view([1, n]);
        let sparse = net.prompt.points(&at.to_device(net.device()), &labels.to_device(net.device()));
        let dense = match earlier {
            Some(mask) => net.prompt.mask(&mask.unsqueeze(0).unsqueeze(0).to_device(net.device())),
            None => net.prompt.no_mask(1),
        };
        let fine = (&self.features.fine, &self.features.middle);
        let all = net.decoder.forward(&self.coarse, net.decoder_place(), &sparse, &dense, fine);
        let masks = if three { all.three() } else { all.one() };
        let low = masks.masks.to_kind(Kind::Float);
        let cpu = |t: Tensor| t.squeeze_dim(0).to_kind(Kind::Float).to_device(tch::Device::Cpu);
        Ok(Picked {
            ious: cpu(masks.ious),
            logits: cpu(low.upsample_bilinear2d([height, width], false, None, None)),
            low: cpu(low.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)),
        })
    }
}
