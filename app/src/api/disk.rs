//! What takes the disk's room, and the sweep of what nothing needs.

use domain::ProjectId;
use domain::disk::{ProjectUse, Swept, Unused};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// The store's disk. All in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiskView {
    /// Those in the bin too; the largest first.
    pub projects: Vec<ProjectUse>,
    pub blobs: u32,
    pub bytes: i64,
    /// Recorded blobs that no project has.
    pub unused: Unused,
    /// What a sweep would take now.
    pub sweep: Swept,
    /// What can be made again.
    pub cache_bytes: i64,
    /// Uploads on their way.
    pub upload_bytes: i64,
    pub free_bytes: i64,
    /// When the store was swept last (microseconds UTC), and what that came to.
    pub swept: Option<(i64, String)>,
}

#[server]
pub async fn get_disk() -> Result<DiskView, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManageDisk)?;
    let young_after = db::now() - crate::upkeep::GRACE.as_micros() as i64;
    let db::disk::Usage { projects, unused, blobs, bytes } = db::disk::usage(cx.db(), young_after).await?;
    let sweep = crate::upkeep::look(&cx.state).await?;
    let store = cx.state.store.clone();
    let files = tokio::task::spawn_blocking(move || -> storage::Result<(u64, u64, u64)> {
        let parts = store.parts_blocking()?.iter().map(|(_, bytes, _)| bytes).sum();
        Ok((store.cache_bytes_blocking()?, parts, store.free_bytes()?))
    });
    let (cache, parts, free) = files.await??;
    let int = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    Ok(DiskView {
        projects,
        blobs,
        bytes,
        unused,
        sweep,
        cache_bytes: int(cache),
        upload_bytes: int(parts),
        free_bytes: int(free),
        // One that was given back says no time.
        swept: db::upkeep::last(cx.db(), db::upkeep::SWEEP)
            .await?
            .filter(|(at, said)| *at > 0 && !said.is_empty()),
    })
}

/// What one project takes, for those who manage it.
#[server]
pub async fn get_project_use(project_id: ProjectId) -> Result<ProjectUse, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.project_at_rest(project_id, domain::Action::ManageProject).await?;
    let usage = db::disk::usage(cx.db(), 0).await?;
    usage.projects.into_iter().find(|project| project.project_id == project_id).ok_or(ApiError::NotFound)
}

/// Removes what nothing needs and nobody put or named within a day.
#[server]
pub async fn sweep_now() -> Result<Swept, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManageDisk)?;
    let note = cx.note(domain::Deed::Swept, None, String::new());
    Ok(crate::upkeep::sweep(&cx.state, &note).await?)
}
