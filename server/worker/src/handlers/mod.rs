//! Jobs: rows in, one stage, rows out. Running one twice gives the same rows.

mod demo;
mod find;
mod ingest;
mod package;
mod png_sequence;
mod quadmask_files;
mod reason;
mod remove;
mod segment;
mod void_marks;

use domain::outside::Reasoner;
use domain::package::What;
use domain::{Job, Step};

use crate::context::Context;

pub use remove::sweep;
pub use segment::answer;

/// What a job does and how its time is spread, learnt from real shots.
///
/// A removal's is the plate engine's here; VOID takes its own.
pub fn plan(job: &Job) -> &'static [(Step, f32)] {
    match job {
        Job::Ingest { .. } => &[(Step::Probe, 0.05), (Step::Proxy, 0.93), (Step::Sound, 0.02)],
        Job::Segment { .. } => &[(Step::Probe, 0.02), (Step::Track, 0.98)],
        Job::Find { .. } => &[(Step::Probe, 0.05), (Step::Look, 0.75), (Step::Track, 0.2)],
        Job::Reason { by: Reasoner::BuiltIn, .. } => {
            &[(Step::Probe, 0.02), (Step::Register, 0.68), (Step::Reason, 0.3)]
        }
        Job::Reason { by: Reasoner::Outside, .. } => {
            &[(Step::Probe, 0.02), (Step::Prepare, 0.18), (Step::Ask, 0.5), (Step::Track, 0.3)]
        }
        Job::Remove { .. } => &[
            (Step::Probe, 0.02),
            (Step::Register, 0.2),
            (Step::Background, 0.18),
            (Step::Fill, 0.45), // each frame is composited and written as it is filled
            (Step::Verify, 0.13),
            (Step::Store, 0.02),
        ],
        Job::ImportQuadmask { .. } => &[(Step::Probe, 0.05), (Step::Store, 0.95)],
        Job::ExportQuadmask { .. } => &[(Step::Encode, 1.0)],
        Job::Package { what: What::Movie, .. } => &[(Step::Movie, 1.0)],
        Job::Package { what: What::Package, .. } => {
            &[(Step::Movie, 0.7), (Step::Quadmask, 0.08), (Step::Pack, 0.2), (Step::Store, 0.02)]
        }
        Job::Demo { .. } => &[(Step::Render, 1.0)],
    }
}

/// Runs one job to its end. `Cancelled` comes out as [`pipeline::Error::Cancelled`] inside the error.
pub fn run(context: &Context, job: &Job) -> anyhow::Result<()> {
    match job {
        Job::Ingest { shot_id } => ingest::run(context, *shot_id),
        Job::Segment { shot_id, by } => segment::run(context, *shot_id, *by),
        Job::Find { shot_id, order } => find::run(context, *shot_id, order),
        Job::Reason { shot_id, by } => reason::run(context, *shot_id, *by),
        Job::Remove { run_id } => remove::run(context, *run_id),
        Job::ImportQuadmask { shot_id, file, name } => quadmask_files::import(context, *shot_id, *file, name),
        Job::ExportQuadmask { quadmask_id, layers } => quadmask_files::export(context, *quadmask_id, *layers),
        Job::Package { version_id, movie, what } => package::run(context, *version_id, *movie, *what),
        Job::Demo { project_id } => demo::run(context, *project_id),
    }
}
