//! The sizes of a SAM 3 image model, from its `config.json`. What the parts do with them is told in each part.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Error, read_json};

/// Every size that a checkpoint can vary; what is left out in a file has the value of the released model. Source:
/// sam3-spec.md §0, §2.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub vit: Vit,
    pub text: Text,
    /// Width of everything behind the two backbones.
    pub dim: i64,
    pub geometry: Stack,
    pub fusion: Stack,
    pub decoder: Stack,
    pub queries: i64,
    /// Heads of the mask head's look at the prompt.
    pub mask_heads: i64,
    /// Side of the grid that a box is pooled to.
    pub roi: i64,
}

/// The vision backbone.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Vit {
    #[serde(rename = "hidden_size")]
    pub width: i64,
    #[serde(rename = "intermediate_size")]
    pub inner: i64,
    #[serde(rename = "num_hidden_layers")]
    pub blocks: i64,
    #[serde(rename = "num_attention_heads")]
    pub heads: i64,
    /// Side of the square picture it sees, in pixels.
    #[serde(rename = "image_size")]
    pub picture: i64,
    #[serde(rename = "patch_size")]
    pub patch: i64,
    /// Side of the picture whose position table is tiled, in pixels.
    #[serde(rename = "pretrain_image_size")]
    pub table_picture: i64,
    #[serde(rename = "window_size")]
    pub window: i64,
    /// Blocks that look at the whole picture.
    #[serde(rename = "global_attn_indexes")]
    pub whole: Vec<i64>,
    /// 1e-5 in the official code, 1e-6 in transformers' configuration (§2): whatever the file says.
    #[serde(rename = "layer_norm_eps")]
    pub eps: f64,
    #[serde(rename = "rope_parameters")]
    pub turns: Turning,
}

/// How queries and keys are turned by their place.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Turning {
    /// The slowest turn takes about this many places.
    #[serde(rename = "rope_theta")]
    pub base: f64,
}

impl Default for Turning {
    fn default() -> Self {
        Self { base: 10_000.0 }
    }
}

impl Default for Vit {
    fn default() -> Self {
        Self {
            width: 1024,
            inner: 4736,
            blocks: 32,
            heads: 16,
            picture: 1008,
            patch: 14,
            table_picture: 336,
            window: 24,
            whole: vec![7, 15, 23, 31],
            eps: 1e-6,
            turns: Turning::default(),
        }
    }
}

impl Vit {
    /// Patches along one side.
    pub fn grid(&self) -> i64 {
        self.picture / self.patch
    }

    /// Patches along one side of the position table.
    pub fn table(&self) -> i64 {
        self.table_picture / self.patch
    }
}

/// The text encoder.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Text {
    #[serde(rename = "vocab_size")]
    pub vocabulary: i64,
    #[serde(rename = "hidden_size")]
    pub width: i64,
    #[serde(rename = "intermediate_size")]
    pub inner: i64,
    #[serde(rename = "num_hidden_layers")]
    pub blocks: i64,
    #[serde(rename = "num_attention_heads")]
    pub heads: i64,
    /// Tokens of a phrase, with its start and end.
    #[serde(rename = "max_position_embeddings")]
    pub context: i64,
    /// Width of a projection that is in the file and not used.
    #[serde(rename = "projection_dim")]
    pub projection: i64,
    #[serde(rename = "layer_norm_eps")]
    pub eps: f64,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            vocabulary: 49_408,
            width: 1024,
            inner: 4096,
            blocks: 24,
            heads: 16,
            context: 32,
            projection: 512,
            eps: 1e-5,
        }
    }
}

/// A stack of attention layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stack {
    pub layers: i64,
    pub heads: i64,
    pub inner: i64,
}

/// `config.json` as transformers writes it; the video model has the same one level down.
#[derive(Deserialize)]
struct File {
    model_type: Option<String>,
    detector_config: Option<Detector>,
    #[serde(flatten)]
    detector: Detector,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Detector {
    vision_config: Vision,
    text_config: Text,
    geometry_encoder_config: Part,
    detr_encoder_config: Part,
    detr_decoder_config: Part,
    mask_decoder_config: Part,
}

#[derive(Deserialize)]
#[serde(default)]
struct Vision {
    backbone_config: Vit,
    fpn_hidden_size: i64,
}

impl Default for Vision {
    fn default() -> Self {
        Self { backbone_config: Vit::default(), fpn_hidden_size: 256 }
    }
}

#[derive(Deserialize, Default)]
struct Part {
    num_layers: Option<i64>,
    num_attention_heads: Option<i64>,
    intermediate_size: Option<i64>,
    num_queries: Option<i64>,
    roi_size: Option<i64>,
}

impl Part {
    fn stack(&self, layers: i64) -> Stack {
        Stack {
            layers: self.num_layers.unwrap_or(layers),
            heads: self.num_attention_heads.unwrap_or(8),
            inner: self.intermediate_size.unwrap_or(2048),
        }
    }
}

impl Config {
    /// The released model, as its official code runs it: sam3-spec.md §0 and trap 12.
    pub fn released() -> Self {
        let mut config = Self::of(&Detector::default());
        config.vit.eps = 1e-5;
        config
    }

    /// A model of a few thousand weights with everything a large one has, padded windows too.
    pub fn tiny() -> Self {
        Self {
            vit: Vit {
                width: 16,
                inner: 24,
                blocks: 2,
                heads: 2,
                picture: 70,
                patch: 14,
                table_picture: 28,
                window: 2,
                whole: vec![1],
                eps: 1e-5,
                turns: Turning::default(),
            },
            text: Text {
                vocabulary: 516,
                width: 16,
                inner: 32,
                blocks: 1,
                heads: 2,
                projection: 8,
                ..Text::default()
            },
            dim: 16,
            geometry: Stack { layers: 1, heads: 2, inner: 32 },
            fusion: Stack { layers: 1, heads: 2, inner: 32 },
            decoder: Stack { layers: 2, heads: 2, inner: 32 },
            queries: 6,
            mask_heads: 2,
            roi: 7,
        }
    }

    /// Reads a model's `config.json`.
    ///
    /// # Errors
    /// When it cannot be read, is of another model, or names sizes that no model can have.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let bad = |reason: String| Error::BadFile { path: path.to_owned(), reason };
        let file: File = read_json(path)?;
        match file.model_type.as_deref() {
            Some(kind) if kind.contains("tracker") => {
                return Err(Error::input(
                    format!(
                        "{} is of SAM 3's tracker (“{kind}”), which follows masks and reads no words",
                        path.display()
                    ),
                    "Give the folder of the detector, facebook/sam3, whose config.json says “sam3” or “sam3_video”.",
                ));
            }
            Some("sam3" | "sam3_video") | None => {}
            Some(kind) => return Err(bad(format!("it is of a model of the type “{kind}”, not “sam3”"))),
        }
        let config = Self::of(&file.detector_config.unwrap_or(file.detector));
        config.check().map_err(bad)?;
        Ok(config)
    }

    /// As `config.json` says it, so that [`Self::open`] reads the same.
    pub fn to_json(&self) -> Value {
        let Self { vit, text, dim, geometry, fusion, decoder, queries, mask_heads, roi } = self;
        let stack = |Stack { layers, heads, inner }: &Stack| json!({ "num_layers": layers, "num_attention_heads": heads, "intermediate_size": inner });
        let (mut geometry, mut decoder) = (stack(geometry), stack(decoder));
        geometry["roi_size"] = json!(roi);
        decoder["num_queries"] = json!(queries);
        json!({
            "model_type": "sam3",
            "vision_config": { "backbone_config": vit, "fpn_hidden_size": dim },
            "text_config": text,
            "geometry_encoder_config": geometry,
            "detr_encoder_config": stack(fusion),
            "detr_decoder_config": decoder,
            "mask_decoder_config": { "num_attention_heads": mask_heads },
        })
    }

    fn of(file: &Detector) -> Self {
        let Detector {
            vision_config: Vision { backbone_config, fpn_hidden_size },
            text_config,
            geometry_encoder_config: geometry,
            detr_encoder_config: fusion,
            detr_decoder_config: decoder,
            mask_decoder_config: masks,
        } = file;
        Self {
            vit: backbone_config.clone(),
            text: text_config.clone(),
            dim: *fpn_hidden_size,
            geometry: geometry.stack(3),
            fusion: fusion.stack(6),
            decoder: decoder.stack(6),
            queries: decoder.num_queries.unwrap_or(200),
            mask_heads: masks.num_attention_heads.unwrap_or(8),
            roi: geometry.roi_size.unwrap_or(7),
        }
    }

    fn check(&self) -> Result<(), String> {
        let Self { vit, text, dim, geometry, fusion, decoder, queries, mask_heads, roi } = self;
        let sizes = [
            ("hidden_size", vit.width.min(text.width)),
            ("intermediate_size", vit.inner.min(text.inner)),
            ("num_hidden_layers", vit.blocks.min(text.blocks)),
            ("patch_size", vit.patch),
            ("window_size", vit.window),
            ("vocab_size", text.vocabulary - 514), // 512 symbols for bytes, a start and an end
            ("max_position_embeddings", text.context - 1),
            ("projection_dim", text.projection),
            ("fpn_hidden_size", *dim),
            ("num_layers", geometry.layers.min(fusion.layers).min(decoder.layers)),
            ("intermediate_size", geometry.inner.min(fusion.inner).min(decoder.inner)),
            ("num_queries", *queries),
            ("roi_size", *roi),
        ];
        if !(vit.eps > 0.0 && text.eps > 0.0 && vit.turns.base > 1.0) {
            return Err("its layer_norm_eps or rope_theta is no positive number".to_owned());
        }
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size < 1) {
            return Err(format!("its {name} is too small"));
        }
        let heads = [
            ("hidden_size of the vision backbone", vit.width, vit.heads * 4),
            ("hidden_size of the text encoder", text.width, text.heads),
            ("fpn_hidden_size", *dim, geometry.heads),
            ("fpn_hidden_size", *dim, fusion.heads),
            ("fpn_hidden_size", *dim, decoder.heads),
            ("fpn_hidden_size", *dim, *mask_heads),
            ("fpn_hidden_size", *dim, 8), // groups of the pixel decoder's norms
            ("image_size", vit.picture, vit.patch),
            ("pretrain_image_size", vit.table_picture, vit.patch),
        ];
        match heads.iter().find(|(_, size, parts)| *parts < 1 || *size < *parts || size % parts != 0) {
            Some((name, size, parts)) => Err(format!("its {name}, {size}, cannot be divided by {parts}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, Error> {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        Config::open(&path)
    }

    #[test]
    fn what_a_file_leaves_out_is_as_in_the_released_model() {
        let read = read(
            r#"{"model_type": "sam3_video", "detector_config": {"vision_config": {"backbone_config": {"layer_norm_eps": 1e-5}}}}"#,
        );
        assert_eq!(read.unwrap(), Config::released());
    }

    #[test]
    fn what_is_written_is_read_again() {
        for config in [Config::released(), Config::tiny()] {
            assert_eq!(read(&config.to_json().to_string()).unwrap(), config);
        }
    }

    #[test]
    fn another_models_file_and_impossible_sizes_are_refused() {
        for (text, says) in [
            (r#"{"model_type": "sam3_tracker_video"}"#, "reads no words"),
            (r#"{"model_type": "sam2_video"}"#, "not “sam3”"),
            (
                r#"{"detr_decoder_config": {"num_attention_heads": 7}}"#,
                "its fpn_hidden_size, 256, cannot be divided by 7",
            ),
            (r#"{"detr_decoder_config": {"num_queries": 0}}"#, "its num_queries is too small"),
            (
                r#"{"text_config": {"layer_norm_eps": 0}}"#,
                "its layer_norm_eps or rope_theta is no positive number",
            ),
            (r#"{"vision_config": 3}"#, "config.json is not what this program expects"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
