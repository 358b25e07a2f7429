//! What else changes when the target goes, found without weights: from the plate and the target's mask on every frame,
//! by comparing what was filmed with what the same place shows at other times. Frames come from the caller. No files.
//!
//! The clip is looked at small and, when it is long, on a bounded number of frames; everything is in the coordinates of
//! the first frame of its scene, so that a moving camera does not count as movement.

mod changes;
mod footage;
mod ground;
mod judge;
mod region;
mod shade;
mod tracks;

#[cfg(test)]
mod tests;

use domain::{Proposal, Step};

pub use crate::remove::Stop;
pub use crate::segment::SourceError;

/// A shot with its target. Frames are asked for in ascending order, each once.
pub trait Footage {
    fn count(&self) -> u32;
    /// Width and height of the plate in pixels.
    fn size(&self) -> (u32, u32);
    /// The frame scaled to `width` × `height`: RGB8, row by row, `3 · width · height` bytes.
    fn rgb(&mut self, frame: u32, width: u32, height: u32) -> Result<Vec<u8>, SourceError>;
    /// How much of each pixel of a picture of `width` × `height` is the target: 0–255, row by row.
    fn target(&mut self, frame: u32, width: u32, height: u32) -> Result<Vec<u8>, SourceError>;
}

/// How closely the reasoner looks. One set serves all shots; sizes are in analysis pixels.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ReasonParams {
    /// Longer side of the pictures that are analysed.
    pub analysis_side: u32,
    /// Most frames that are looked at; longer shots are looked at in even steps.
    pub most_frames: u32,
    /// Least darkening that counts as shade, as a part of the light.
    pub faint: f32,
    /// Farthest that two things may be apart and still touch.
    pub touch: f32,
    /// Things that never cover this part of the picture are left out.
    pub smallest: f32,
    /// Proposals below this confidence are left out.
    pub least_confidence: f32,
}

impl Default for ReasonParams {
    fn default() -> Self {
        Self {
            analysis_side: 384,
            most_frames: 200,
            faint: 0.035,
            touch: 5.0,
            smallest: 0.0006,
            least_confidence: 0.2,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("The target is on no frame yet. Mark it first, then look for what else is affected.")]
    NoTarget,
    #[error("Frame {frame} could not be read as a {width}×{height} picture: {found} of {wanted} bytes came.")]
    WrongSize { frame: u32, width: u32, height: u32, found: usize, wanted: usize },
    #[error("Frame {frame} could not be read.")]
    Source { frame: u32, source: SourceError },
    #[error("The search was stopped.")]
    Stopped,
    #[error("The picture analysis failed.")]
    Vision(#[from] opencv::Error),
}

/// What the reasoner came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reasoned {
    /// The surest first.
    pub proposals: Vec<Proposal>,
    /// Sentences about what could not be looked at.
    pub notes: Vec<String>,
    /// Frames that were looked at.
    pub looked_at: Vec<u32>,
}

/// Looks for what else is affected.
///
/// Holds at most [`ReasonParams::most_frames`] small pictures in memory, whatever the length of the shot.
///
/// # Errors
/// [`Error::NoTarget`] where the mask is empty on every frame that is looked at; frames that cannot be read.
pub fn reason(
    footage: &mut dyn Footage,
    params: &ReasonParams,
    progress: &mut dyn FnMut(Step, u64, u64) -> Result<(), Stop>,
) -> Result<Reasoned, Error> {
    let (plate, count) = (footage.size(), footage.count());
    let scenes = footage::read(footage, params, progress)?;
    let looked_at: Vec<u32> = scenes.iter().flat_map(|s| s.samples.iter().map(|f| f.frame)).collect();
    if scenes.iter().all(|s| !s.has_target()) {
        return Err(Error::NoTarget);
    }
    let mut notes = Vec::new();
    let mut proposals = Vec::new();
    let with_target: Vec<_> = scenes.iter().filter(|s| s.has_target()).collect();
    for (done, scene) in with_target.iter().enumerate() {
        let mut tell = |part: u64| {
            let (done, total) = (done as u64 * 4 + part, with_target.len() as u64 * 4);
            progress(Step::Reason, done, total).map_err(|Stop| Error::Stopped)
        };
        tell(0)?;
        if scene.samples.len() < FEWEST {
            notes.push(short(scene));
            continue;
        }
        let ground = ground::Ground::new(scene)?;
        tell(1)?;
        let changes = changes::Changes::new(scene, &ground, params)?;
        tell(2)?;
        let tracks = tracks::follow(scene, &changes, params)?;
        tell(3)?;
        proposals.extend(judge::judge(scene, &changes, tracks, params, plate)?);
    }
    proposals.retain(|p| p.confidence >= params.least_confidence);
    proposals.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    if looked_at.len() < count as usize {
        notes.push(format!(
            "The shot is long: {} of its {count} frames were looked at, and cells hold from one of them to the next.",
            looked_at.len()
        ));
    }
    progress(Step::Reason, 1, 1).map_err(|Stop| Error::Stopped)?;
    Ok(Reasoned { proposals, notes, looked_at })
}

/// Fewest frames of a scene in which something can be seen to change.
const FEWEST: usize = 6;

fn short(scene: &footage::Scene) -> String {
    match scene.samples.len() {
        1 => "One frame alone does not show what changes with the target.".to_owned(),
        n => format!("{n} frames are too few to see what changes with the target."),
    }
}
