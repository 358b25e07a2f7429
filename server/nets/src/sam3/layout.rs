//! The two layouts under which SAM 3's weights are published, and which one a checkpoint has. The names of the parts
//! are told where each part is built: sam3-spec.md §13, appendices A and B.

use std::fmt::Display;

use crate::{Error, Weights};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `model.safetensors`: queries, keys and values apart.
    Transformers,
    /// `sam3.pt`: queries, keys and values in one tensor, in this order.
    Official,
}

/// Beginnings of the names of SAM 3's tracker, alone or beside a detector.
const TRACKER: &[&str] = &[
    "tracker_model.",
    "tracker_neck.",
    "tracker.",
    "prompt_encoder.",
    "sam_prompt_encoder.",
    "sam_mask_decoder.",
    "memory_attention.",
    "memory_encoder.",
    "maskmem_",
];

/// A place in a checkpoint whose layout is known.
#[derive(Clone)]
pub struct Place {
    pub weights: Weights,
    pub layout: Layout,
}

impl Place {
    /// Finds the detector in a checkpoint, alone or inside the video model, and passes over the rest.
    ///
    /// # Errors
    /// When there is none, or only the tracker.
    pub fn find(weights: &Weights, from: &str) -> Result<Self, Error> {
        let (prefix, layout) = Self::told(&weights.names(), from)?;
        Ok(Self::at_detector(weights, prefix, layout))
    }

    /// Where the detector is in a checkpoint with these names, and in which layout.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn told(names: &[String], from: &str) -> Result<(&'static str, Layout), Error> {
        let any = |beginning: &str| names.iter().any(|name| name.starts_with(beginning));
        if any("detector_model.") {
            Ok(("detector_model", Layout::Transformers))
        } else if any("detector.") {
            Ok(("detector", Layout::Official))
        } else if any("detr_decoder.") || any("text_encoder.") {
            Ok(("", Layout::Transformers))
        } else if any("transformer.decoder.") || any("backbone.language_backbone.") {
            Ok(("", Layout::Official))
        } else if let Some(name) =
            names.iter().find(|name| TRACKER.iter().any(|start| name.starts_with(start)))
        {
            Err(Error::input(
                format!(
                    "{from} is SAM 3's tracker, which follows masks and reads no words: it has “{name}” and no detector"
                ),
                "Give the detector: model.safetensors of facebook/sam3 holds both.",
            ))
        } else {
            Err(Error::input(
                format!(
                    "{from} is no checkpoint of SAM 3: its first tensor is “{}”, and none begins with “detector_model.” or “detector.”",
                    names.first().map_or("", String::as_str)
                ),
                "Give model.safetensors of facebook/sam3.",
            ))
        }
    }

    /// The detector under its beginning; what belongs to the tracker beside it is passed over.
    pub fn at_detector(weights: &Weights, prefix: &str, layout: Layout) -> Self {
        if prefix.is_empty() {
            return Self { weights: weights.clone(), layout };
        }
        for beginning in ["tracker_model.", "tracker_neck.", "tracker."] {
            weights.pass_over(beginning);
        }
        Self { weights: weights / prefix, layout }
    }

    /// A part whose name differs between the layouts.
    pub fn part(&self, transformers: impl Display, official: impl Display) -> Self {
        let weights = match self.layout {
            Layout::Transformers => &self.weights / transformers,
            Layout::Official => &self.weights / official,
        };
        Self { weights, layout: self.layout }
    }

    /// A part of one name in both layouts.
    pub fn same(&self, name: impl Display) -> Self {
        self.part(&name, &name)
    }

    /// As [`Self::part`], for a layer that the layouts store alike.
    pub fn at(&self, transformers: impl Display, official: impl Display) -> Weights {
        self.part(transformers, official).weights
    }

    /// Says that a beginning of names in the official file is known and not wanted.
    pub fn pass_over_official(&self, beginning: &str) {
        if self.layout == Layout::Official {
            self.weights.pass_over(beginning);
        }
    }
}
