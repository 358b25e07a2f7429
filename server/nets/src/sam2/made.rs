//! Checkpoints of SAM 2 with the names, shapes and kinds of the released ones, and random numbers in them: for measuring what
//! a size takes where its weights are not there. What they mark is no object.

use std::path::Path;

use super::config::Config;
use super::model::Sam2;
use super::names::{Layout, transformers_name};
use crate::drawn::{Drawn, write_safetensors, write_torch};
use crate::{Error, Weights};

/// Four rows in one tensor in transformers' layout, four tensors in the published one.
const POINTS: &str = "sam_prompt_encoder.point_embeddings.";
/// Whether the object is there: raised, or no frame would have a mask.
const THERE: &str = "sam_mask_decoder.pred_obj_score_head.layers.2.bias";

/// Writes a checkpoint of this size: of the published layout as `torch.save` writes it, of transformers' as safetensors. Both
/// hold the same numbers. Gives how many tensors it has.
///
/// # Errors
/// When it cannot be written.
pub fn write_made(path: &Path, config: &Config, layout: Layout) -> Result<usize, Error> {
    let outline = Weights::outline();
    Sam2::new(&outline, config)?;
    let mut tensors: Vec<Drawn> = Vec::new();
    for (name, shape) in outline.taken() {
        let raised = if name == THERE { 5.0 } else { 0.0 };
        match layout {
            Layout::Original => {
                tensors.push(Drawn { name: name.clone(), parts: vec![(name, shape)], raised });
            }
            Layout::Transformers if name.starts_with(POINTS) => {
                // In the order of their numbers, since that is the order of their names.
                let joined = transformers_name(&format!("{POINTS}weight"));
                match tensors.iter_mut().find(|tensor| tensor.name == joined) {
                    Some(tensor) => tensor.parts.push((name, shape)),
                    None => tensors.push(Drawn { name: joined, parts: vec![(name, shape)], raised }),
                }
            }
            Layout::Transformers => {
                let stored = transformers_name(&name);
                tensors.push(Drawn { name: stored, parts: vec![(name, shape)], raised });
            }
        }
    }
    match layout {
        Layout::Original => write_torch(path, &tensors)?,
        Layout::Transformers => write_safetensors(path, &tensors)?,
    }
    Ok(tensors.len())
}
