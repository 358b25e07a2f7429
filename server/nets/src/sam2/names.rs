//! The two ways in which SAM 2's tensors are named: as published (`.pt`), and as transformers stores them.
//!
//! The networks ask for published names; here they are told how the same tensor is called in the other layout
//! (void-spec §7.5).

use crate::{Error, Weights};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// `image_encoder.trunk…`, the content of `["model"]` of the `.pt`.
    Original,
    /// `vision_encoder.backbone…`, `Sam2VideoModel`.
    Transformers,
}

impl Layout {
    /// # Errors
    /// When a file's names are those of neither.
    pub fn of(w: &Weights) -> Result<Self, Error> {
        let names = w.names();
        let has = |start: &str| names.iter().any(|name| name.starts_with(start));
        if names.is_empty() || has("image_encoder.trunk.") {
            Ok(Self::Original)
        } else if has("vision_encoder.backbone.") {
            Ok(Self::Transformers)
        } else {
            Err(Error::input(
                format!("this is no checkpoint of SAM 2: its first tensor is called “{}”", names[0]),
                "Choose a SAM 2.0 or 2.1 checkpoint, as published or in the layout of transformers.",
            ))
        }
    }

    /// The checkpoint as if it had the published names.
    pub fn original_names(self, w: &Weights) -> Weights {
        match self {
            Self::Original => w.clone(),
            Self::Transformers => w.renamed(transformers_name),
        }
    }
}

/// What transformers calls the tensor that was published as `name`.
pub fn transformers_name(name: &str) -> String {
    let renamed = |rest: &str, start: &str, parts: &[(&str, &str)]| {
        let mut rest = format!(".{rest}");
        for (from, to) in parts {
            rest = rest.replace(from, to);
        }
        format!("{start}{rest}")
    };
    if let Some(rest) = name.strip_prefix("image_encoder.trunk.") {
        renamed(
            rest,
            "vision_encoder.backbone",
            &[(".patch_embed.proj.", ".patch_embed.projection."), MLP_IN, MLP_OUT, NORM],
        )
    } else if let Some(rest) = name.strip_prefix("image_encoder.neck.") {
        renamed(rest, "vision_encoder.neck", &[(".conv.", ".")])
    } else if let Some(rest) = name.strip_prefix("sam_mask_decoder.transformer.") {
        renamed(rest, "mask_decoder.transformer", &[MLP_IN, MLP_OUT, NORM, OUT])
    } else if let Some(rest) = name.strip_prefix("sam_mask_decoder.output_upscaling.") {
        let parts = [(".0.", ".upscale_conv1."), (".1.", ".upscale_layer_norm."), (".3.", ".upscale_conv2.")];
        renamed(rest, "mask_decoder", &parts)
    } else if let Some(rest) = name.strip_prefix("sam_mask_decoder.") {
        three_layers(&format!("mask_decoder.{rest}"))
    } else if let Some(rest) = name.strip_prefix("sam_prompt_encoder.mask_downscaling.") {
        let parts = [
            (".0.", ".conv1."),
            (".1.", ".layer_norm1."),
            (".3.", ".conv2."),
            (".4.", ".layer_norm2."),
            (".6.", ".conv3."),
        ];
        renamed(rest, "prompt_encoder.mask_embed", &parts)
    } else if let Some(rest) = name.strip_prefix("sam_prompt_encoder.") {
        let parts = [
            (".pe_layer.positional_encoding_gaussian_matrix", ".shared_embedding.positional_embedding"),
            (".point_embeddings.", ".point_embed."),
        ];
        renamed(rest, "prompt_encoder", &parts)
    } else if let Some(rest) = name.strip_prefix("memory_attention.") {
        renamed(rest, "memory_attention", &[NORM, OUT])
    } else if let Some(rest) = name.strip_prefix("memory_encoder.mask_downsampler.encoder.") {
        let (index, end) = rest.split_once('.').unwrap_or((rest, ""));
        let place = match index.parse::<usize>() {
            Ok(12) => "final_conv".to_owned(),
            Ok(index) if index % 3 == 0 => format!("layers.{}.conv", index / 3),
            Ok(index) => format!("layers.{}.layer_norm", index / 3),
            Err(_) => index.to_owned(),
        };
        format!("memory_encoder.mask_downsampler.{place}.{end}")
    } else if let Some(rest) = name.strip_prefix("memory_encoder.") {
        let parts = [
            (".fuser.", ".memory_fuser."),
            (".dwconv.", ".depthwise_conv."),
            (".pwconv", ".pointwise_conv"),
            (".norm.", ".layer_norm."),
            (".gamma", ".scale"),
            (".out_proj.", ".projection."),
            (".pix_feat_proj.", ".feature_projection."),
        ];
        renamed(rest, "memory_encoder", &parts)
    } else if let Some(rest) = name.strip_prefix("obj_ptr_proj.") {
        three_layers(&format!("object_pointer_proj.{rest}"))
    } else if let Some(rest) = name.strip_prefix("obj_ptr_tpos_proj.") {
        format!("temporal_positional_encoding_projection_layer.{rest}")
    } else {
        match name {
            "maskmem_tpos_enc" => "memory_temporal_positional_encoding",
            "no_mem_embed" => "no_memory_embedding",
            "no_mem_pos_enc" => "no_memory_positional_encoding",
            "no_obj_ptr" => "no_object_pointer",
            "no_obj_embed_spatial" => "occlusion_spatial_embedding_parameter",
            name => name,
        }
        .to_owned()
    }
}

const MLP_IN: (&str, &str) = (".mlp.layers.0.", ".mlp.proj_in.");
const MLP_OUT: (&str, &str) = (".mlp.layers.1.", ".mlp.proj_out.");
const NORM: (&str, &str) = (".norm", ".layer_norm");
const OUT: (&str, &str) = (".out_proj.", ".o_proj.");

/// Small heads of three layers: the outer two have names of their own.
fn three_layers(name: &str) -> String {
    // In this order, or the middle layer would be renamed twice.
    name.replace(".layers.0.", ".proj_in.")
        .replace(".layers.1.", ".layers.0.")
        .replace(".layers.2.", ".proj_out.")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_tensor_is_found_under_both_of_its_names() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/sam2");
        if !fixtures.is_dir() {
            println!("skipped: no ../shared/fixtures beside the checkout");
            return;
        }
        for folder in ["sam2", "sam2.1"] {
            #[derive(serde::Deserialize)]
            struct Known {
                map: BTreeMap<String, String>,
            }
            let text = std::fs::read(fixtures.join(folder).join("key_map_original_to_transformers.json"));
            let Known { map } = serde_json::from_slice(&text.unwrap()).unwrap();
            assert!(map.len() > 300);
            for (original, transformers) in map {
                assert_eq!(transformers_name(&original), transformers);
            }
        }
    }
}
