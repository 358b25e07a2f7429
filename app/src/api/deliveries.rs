//! What is made of approved versions to be taken away: asking for it, as the team and as a guest of a link.

use domain::package::{Delivery, Movie, What};
use domain::{JobId, Progress, VersionId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// What was and is being made of a shot's versions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Deliveries {
    /// Versions that are approved, of those that are seen.
    pub approved: Vec<VersionId>,
    pub made: Vec<Delivery>,
    /// The newest job for each, the newest first; over ones too, so that a failure is read.
    pub jobs: Vec<Packing>,
}

/// A delivery on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Packing {
    pub version_id: VersionId,
    pub movie: Movie,
    pub what: What,
    pub job: Progress,
}

/// Has the package of an approved version made; `None`: it is there already (`href::delivery`).
#[server]
pub async fn ask_package(version_id: VersionId, movie: Movie) -> Result<Option<JobId>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let version = cx.version(version_id, domain::Action::Deliver).await?;
    let shot = cx.shot(version.shot_id, domain::Action::Deliver).await?;
    let about = format!("“{}” version {}, {}", shot.name, version.n, movie.word());
    let note = cx.note(domain::Deed::PackageAsked, Some(shot.project_id), about);
    let asked = cx
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                let asked = db::deliveries::ask(tx, version_id, movie, What::Package).await?;
                db::audit::add(tx, &note).await?;
                Ok(asked)
            })
        })
        .await?;
    Ok(match asked {
        db::deliveries::Asked::There(_) => None,
        db::deliveries::Asked::Making(job_id) => Some(job_id),
    })
}

/// Has the movie of an approved version made that the link shows, where it grants downloads; whether it is there already
/// (`href::share_delivery`). Nothing else of a package is for guests.
#[server]
pub async fn ask_guest_movie(token: String, version_id: VersionId, movie: Movie) -> Result<bool, ApiError> {
    let guest = crate::context::guest::Guest::here(&token).await?;
    let shown = guest.version(version_id).await?;
    guest.granted(domain::Grant::Download)?;
    guest.writes()?;
    guest.may_take(&shown).await?;
    let link_id = guest.link().link_id;
    let asked = guest
        .db()
        .write(move |tx| {
            Box::pin(async move {
                db::share::check_open(tx, link_id).await?;
                db::deliveries::ask(tx, version_id, movie, What::Movie).await
            })
        })
        .await?;
    Ok(matches!(asked, db::deliveries::Asked::There(_)))
}

#[cfg(feature = "ssr")]
impl Deliveries {
    /// Of the shot, for the team.
    pub(super) async fn of_shot(
        db: &db::Db,
        shot_id: domain::ShotId,
        versions: &[domain::version::Version],
    ) -> Result<Self, ApiError> {
        let approved =
            versions.iter().filter(|version| version.is_approved()).map(|version| version.version_id);
        let mut jobs: Vec<Packing> = Vec::new();
        for (job, progress) in jobs::of_shot(db, shot_id, "package").await? {
            let domain::Job::Package { version_id, movie, what } = job else { continue };
            let is_newest =
                !jobs.iter().any(|j| (j.version_id, j.movie, j.what) == (version_id, movie, what));
            if is_newest {
                jobs.push(Packing { version_id, movie, what, job: progress });
            }
        }
        Ok(Self { approved: approved.collect(), made: db::deliveries::of_shot(db, shot_id).await?, jobs })
    }
}
