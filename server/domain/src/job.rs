//! Jobs and their named steps, as rows and as people see them. Ids only: a job carries no data of its own.

use serde::{Deserialize, Serialize};

use crate::find::Order;
use crate::outside::Reasoner;
use crate::package::{Movie, What};
use crate::run::Segmenter;
use crate::{Hash, JobId, ProjectId, QuadmaskId, RunId, ShotId, VersionId};

/// Work for a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// Read a plate: facts, proxy, strip, poster, sound.
    Ingest { shot_id: ShotId },
    /// Clicks to a primary mask on every frame.
    Segment {
        shot_id: ShotId,
        #[serde(default)]
        by: Segmenter,
    },
    /// Find things by words, on some frames.
    Find { shot_id: ShotId, order: Order },
    /// Look for what else changes when the target goes.
    Reason {
        shot_id: ShotId,
        #[serde(default)]
        by: Reasoner,
    },
    /// Run a removal and make a version.
    Remove { run_id: RunId },
    /// Put a quadmask file (`quadmask_0.mp4`, a zip of PNGs) into the draft, or marks that VOID's tools keep.
    ImportQuadmask { shot_id: ShotId, file: Hash, name: String },
    /// Make `quadmask_0.mp4` of a quadmask version, and its two masks as VOID's tools keep them where `layers` says so.
    ExportQuadmask {
        quadmask_id: QuadmaskId,
        #[serde(default)]
        layers: bool,
    },
    /// Make the movie of an approved version, and the package with it.
    Package { version_id: VersionId, movie: Movie, what: What },
    /// Render the demo shots into the demo project.
    Demo { project_id: ProjectId },
}

/// Kinds of jobs that go on beside a shot's way through its phases: they are no shot's newest job.
pub const BESIDE: [&str; 1] = ["package"];

impl Job {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ingest { .. } => "ingest",
            Self::Segment { .. } => "segment",
            Self::Find { .. } => "find",
            Self::Reason { .. } => "reason",
            Self::Remove { .. } => "remove",
            Self::ImportQuadmask { .. } => "import_quadmask",
            Self::ExportQuadmask { .. } => "export_quadmask",
            Self::Package { .. } => "package",
            Self::Demo { .. } => "demo",
        }
    }

    /// As people call it.
    pub fn title(&self) -> &'static str {
        title_of_kind(self.kind())
    }
}

/// A job kind as people call it.
pub fn title_of_kind(kind: &str) -> &'static str {
    match kind {
        "ingest" => "Read plate",
        "segment" => "Grow primary mask",
        "find" => "Find by words",
        "reason" => "Look for what is affected",
        "remove" => "Removal",
        "import_quadmask" => "Import quadmask",
        "export_quadmask" => "Export quadmask",
        "package" => "Package",
        "demo" => "Make demo shots",
        _ => "Job",
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl JobState {
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl std::str::FromStr for JobState {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|s| s.word() == word).ok_or(())
    }
}

/// A named step of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Probe,
    Proxy,
    Sound,
    Look,
    Track,
    Reason,
    Ask,
    Register,
    Background,
    Fill,
    Prepare,
    Text,
    Latents,
    Flow,
    Denoise,
    Decode,
    Composite,
    Verify,
    Encode,
    Render,
    Movie,
    Quadmask,
    Pack,
    Store,
}

impl Step {
    pub const ALL: [Self; 24] = [
        Self::Probe,
        Self::Proxy,
        Self::Sound,
        Self::Look,
        Self::Track,
        Self::Reason,
        Self::Ask,
        Self::Register,
        Self::Background,
        Self::Fill,
        Self::Prepare,
        Self::Text,
        Self::Latents,
        Self::Flow,
        Self::Denoise,
        Self::Decode,
        Self::Composite,
        Self::Verify,
        Self::Encode,
        Self::Render,
        Self::Movie,
        Self::Quadmask,
        Self::Pack,
        Self::Store,
    ];

    /// The name in rows and JSON.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Proxy => "proxy",
            Self::Sound => "sound",
            Self::Look => "look",
            Self::Track => "track",
            Self::Reason => "reason",
            Self::Ask => "ask",
            Self::Register => "register",
            Self::Background => "background",
            Self::Fill => "fill",
            Self::Prepare => "prepare",
            Self::Text => "text",
            Self::Latents => "latents",
            Self::Flow => "flow",
            Self::Denoise => "denoise",
            Self::Decode => "decode",
            Self::Composite => "composite",
            Self::Verify => "verify",
            Self::Encode => "encode",
            Self::Render => "render",
            Self::Movie => "movie",
            Self::Quadmask => "quadmask",
            Self::Pack => "pack",
            Self::Store => "store",
        }
    }

    pub fn sentence(self) -> &'static str {
        match self {
            Self::Probe => "Reading the file",
            Self::Proxy => "Making proxy and film strip",
            Self::Sound => "Reading the sound",
            Self::Look => "Looking for what the words name",
            Self::Track => "Following the target",
            Self::Reason => "Comparing what changes",
            Self::Ask => "Waiting for the model’s answer",
            Self::Register => "Aligning frames",
            Self::Background => "Gathering background",
            Self::Fill => "Filling and compositing",
            Self::Prepare => "Preparing plate and quadmask",
            Self::Text => "Reading the prompt",
            Self::Latents => "Encoding plate and quadmask",
            Self::Flow => "Following the motion of pass 1",
            Self::Denoise => "Denoising",
            Self::Decode => "Decoding what was made",
            Self::Composite => "Compositing into the plate",
            Self::Verify => "Proving kept pixels",
            Self::Encode => "Encoding",
            Self::Render => "Rendering",
            Self::Movie => "Encoding the movie",
            Self::Quadmask => "Writing the quadmask",
            Self::Pack => "Packing and checking the files",
            Self::Store => "Storing",
        }
    }
}

impl std::str::FromStr for Step {
    type Err = ();

    fn from_str(slug: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|s| s.slug() == slug).ok_or(())
    }
}

/// A job as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    pub job_id: JobId,
    pub kind: String,
    pub state: JobState,
    /// Somebody asked it to end: what runs stops at its next step.
    pub is_ending: bool,
    pub project_id: Option<ProjectId>,
    pub shot_id: Option<ShotId>,
    pub step: Option<Step>,
    /// 0–1 over the whole job.
    pub fraction: f32,
    pub seconds_left: Option<u32>,
    /// What went wrong and what to do, for the artist.
    pub error: Option<String>,
    pub attempt: u32,
    pub priority: i32,
    pub worker: Option<String>,
    /// Microseconds UTC.
    pub created_at: i64,
    pub started_at: Option<i64>,
    pub finished_at: Option<i64>,
}

impl Progress {
    /// Asked to end, and not there yet.
    pub fn is_cancelling(&self) -> bool {
        self.is_ending && !self.state.is_over()
    }

    /// How it stands, in one word.
    pub fn word(&self) -> &'static str {
        if self.is_cancelling() { "cancelling" } else { self.state.word() }
    }
}
