//! The queue, its workers, history and logs.

use domain::{JobId, Progress};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    pub progress: Progress,
    pub shot_name: Option<String>,
    pub project_name: Option<String>,
    /// Whether the viewer may cancel, retry or re-order it.
    pub may_manage: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerRow {
    pub worker: String,
    pub host: String,
    /// What it can do, e.g. “plate engine · 2 threads”.
    pub about: String,
    pub is_alive: bool,
    pub job_id: Option<JobId>,
    pub seen_at: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobsView {
    /// Running first, then in the order they will run.
    pub open: Vec<JobRow>,
    /// Newest first, at most 100.
    pub over: Vec<JobRow>,
    pub workers: Vec<WorkerRow>,
    /// Said when something is wrong: “No worker is running: …”.
    pub warning: Option<String>,
}

#[server]
pub async fn list_jobs() -> Result<JobsView, ApiError> {
    use domain::Action;
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(Action::ViewJobs)?;
    let projects = cx.project_ids().await?;
    let open = jobs::list(cx.db(), true, &projects, 500).await?;
    let over = jobs::list(cx.db(), false, &projects, 100).await?;
    let shots: Vec<domain::ShotId> = open.iter().chain(&over).filter_map(|job| job.shot_id).collect();
    let shots = db::board::names(cx.db(), &shots).await?;
    let names: std::collections::HashMap<_, _> = db::projects::list(cx.db())
        .await?
        .into_iter()
        .map(|project| (project.project_id, project.name))
        .collect();
    let may_manage = domain::may(cx.viewer.role, Action::ManageJobs);
    let row = |progress: Progress| JobRow {
        shot_name: progress.shot_id.and_then(|id| shots.get(&id)).map(|(name, _)| name.clone()),
        project_name: progress.project_id.and_then(|id| names.get(&id)).cloned(),
        may_manage,
        progress,
    };
    let workers: Vec<WorkerRow> = cx.state.queue().workers().await?.into_iter().map(worker_row).collect();
    let warning = (!workers.iter().any(|worker| worker.is_alive)).then(|| {
        "No worker is running: jobs wait until one is there. The server starts one itself unless it was told not to; \
         start another with `minus-one-worker run`."
            .to_owned()
    });
    Ok(JobsView {
        open: open.into_iter().map(row).collect(),
        over: over.into_iter().map(row).collect(),
        workers,
        warning,
    })
}

#[server]
pub async fn cancel_job(job_id: JobId) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    manage(&cx, job_id).await?;
    cx.state.queue().cancel(job_id).await?;
    Ok(())
}

#[server]
pub async fn retry_job(job_id: JobId) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    manage(&cx, job_id).await?;
    Ok(cx.state.queue().retry(job_id).await?)
}

/// −100 to 100; higher runs first.
#[server]
pub async fn set_priority(job_id: JobId, priority: i32) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.job(job_id, domain::Action::ManageJobs).await?;
    Ok(cx.state.queue().set_priority(job_id, priority).await?)
}

#[server]
pub async fn job_log(job_id: JobId) -> Result<String, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.job(job_id, domain::Action::ViewJobs).await?;
    Ok(cx.state.queue().log(job_id).await?)
}

#[cfg(feature = "ssr")]
fn worker_row(worker: jobs::Worker) -> WorkerRow {
    let jobs::Worker { worker, host, pid: _, about, started_at: _, seen_at, job_id, is_alive, abilities: _ } =
        worker;
    WorkerRow { worker, host, about, is_alive, job_id, seen_at }
}

/// Whoever may start a kind of work may stop it and start it again; managers may do so with everything.
#[cfg(feature = "ssr")]
async fn manage(cx: &crate::context::Cx, job_id: JobId) -> Result<(), ApiError> {
    use domain::Action;
    let job = cx.job(job_id, Action::ViewJobs).await?;
    if let Some(project_id) = job.project_id {
        cx.not_archived(project_id, Action::ManageJobs).await?;
    }
    if domain::may(cx.viewer.role, Action::ManageJobs) {
        return Ok(());
    }
    cx.allowed(match job.kind.as_str() {
        "ingest" => Action::Upload,
        "segment" | "find" | "reason" | "import_quadmask" | "export_quadmask" => Action::EditShot,
        "remove" => Action::Run,
        "package" => Action::Deliver,
        _ => Action::ManageJobs,
    })
}
