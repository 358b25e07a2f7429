//! The draft of a quadmask: one per shot, on the server, one editor at a time.

use domain::stroke::Stroke;
use domain::{JobId, PersonId, ShotId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// One frame of the draft. Its picture is `href::draft_frame(shot, frame, revision)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftFrame {
    pub frame: u32,
    /// Raised by every change of this frame; 0: background only, there is no picture to fetch.
    pub revision: i64,
    /// A person declared the whole frame right.
    pub locked: bool,
    /// Some pixels were painted by a person.
    pub painted: bool,
    /// 0–1, from the segmenter; `None` where it did not run.
    pub confidence: Option<f32>,
    /// Pixels in the primary layer.
    pub primary_area: i64,
    /// Pixels in the painted affected layer; cells not counted.
    pub affected_area: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftView {
    /// Who edits now; others see it read-only until they take over.
    pub editor: Option<PersonId>,
    pub editor_name: Option<String>,
    pub revision: i64,
    /// Frames that are not plain background, ascending.
    pub frames: Vec<DraftFrame>,
    pub can_undo: bool,
    pub can_redo: bool,
}

#[server]
pub async fn get_draft(shot_id: ShotId) -> Result<DraftView, ApiError> {
    Err(ApiError::Internal)
}

/// Becomes the editor of the draft. Also called every 20 s while editing; an editor not heard of for 60 s is gone.
/// `take_over` replaces another editor who is still here.
#[server]
pub async fn edit_draft(shot_id: ShotId, take_over: bool) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

/// Paints for good; touched pixels are locked against propagation. `seen` is the frame's revision the stroke was drawn on:
/// when another change came in between, the stroke is painted on top of that one.
#[server(input = server_fn::codec::Json)]
pub async fn draw_stroke(shot_id: ShotId, stroke: Stroke) -> Result<DraftFrame, ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn lock_frame(shot_id: ShotId, frame: u32, locked: bool) -> Result<DraftFrame, ApiError> {
    Err(ApiError::Internal)
}

/// Copies the levels of another frame onto this one and locks its pixels.
#[server]
pub async fn copy_frame(shot_id: ShotId, from: u32, to: u32) -> Result<DraftFrame, ApiError> {
    Err(ApiError::Internal)
}

/// Takes back the newest edit of the viewer; the frame it was on.
#[server]
pub async fn undo(shot_id: ShotId) -> Result<Option<DraftFrame>, ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn redo(shot_id: ShotId) -> Result<Option<DraftFrame>, ApiError> {
    Err(ApiError::Internal)
}

/// Grows the primary mask from the clicks over all frames, both ways. Needs a marked target.
#[server]
pub async fn start_segment(shot_id: ShotId) -> Result<JobId, ApiError> {
    Err(ApiError::Internal)
}
