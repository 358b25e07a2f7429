//! The vocabulary of the product: what the words mean and which rules hold between them.
//!
//! No input or output here; it builds for `wasm32-unknown-unknown` so that browser, server and worker share one meaning.

pub mod audit;
pub mod cause;
pub mod combine;
pub mod cover;
pub mod day;
pub mod event;
pub mod facts;
pub mod hash;
pub mod id;
pub mod inbox;
pub mod job;
pub mod mask;
pub mod moment;
pub mod needs;
pub mod package;
pub mod people;
pub mod phase;
pub mod policy;
pub mod project;
pub mod proposal;
pub mod rate;
pub mod recipe;
pub mod region;
mod repair;
pub mod reply;
pub mod share;
pub mod stroke;
pub mod target;
pub mod thread;
pub mod version;
pub mod work;

pub use audit::Deed;
pub use cause::{Cause, CellSpan, Consequence, PathPoint};
pub use cover::{CellSet, Cover};
pub use day::Day;
pub use event::{Event, EventKind};
pub use facts::{Audio, BadTrim, Colour, PlateFacts, Trim};
pub use hash::Hash;
pub use id::*;
pub use job::{Job, JobState, Progress, Step};
pub use mask::{BadMask, Grid, Level, Levels};
pub use package::Movie;
pub use people::{Action, Person, Role, may};
pub use phase::{BadStep, Phase, ShotStep, Status};
pub use policy::{ApprovalPolicy, Verdict};
pub use proposal::{Effect, Proposal};
pub use rate::{Rate, Timecode};
pub use recipe::{PlateRecipe, VoidRecipe};
pub use region::Region;
pub use reply::Reply;
pub use share::{Grant, Grants, LinkState};
pub use target::{BoxPrompt, PointPrompt, Target, Words};
pub use thread::{Comment, Drawing, FrameRange, Thread};
pub use work::{AssignedTo, Assignee, Due, DueIn, WorkChange};
