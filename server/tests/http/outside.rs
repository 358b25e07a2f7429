//! A model outside: off until a producer or owner allows just what was seen; then it is asked by the button alone, and every step
//! is in the trail.

use app::api::audit::{AuditRow, ListAudit};
use app::api::life::ArchiveProject;
use app::api::outside::{GetOutside, OutsideView, SetOutside};
use app::api::proposals::LookForAffected;
use app::api::shots::{GetShot, ShotView};
use domain::outside::{Outside, Reasoner, Sends};
use domain::{Abilities, Deed, JobId, ProjectId, Role};
use reqwest::StatusCode;

use crate::decisions::reviewed;
use crate::harness::{Actor, TestApp};

fn offered(model: &str) -> Outside {
    let prices = "0.30/2.50 USD".parse().ok();
    Outside::new("https://models.example/v1", model, Sends::Pictures, prices).expect("an address")
}

/// A worker that was told of a model outside.
async fn worker(app: &TestApp, outside: Option<Outside>) {
    let abilities = Abilities { outside, ..Abilities::default() };
    app.state.app.queue().register("told", "gpu-1", 1, "about", &abilities).await.expect("there");
}

async fn known(actor: &Actor, project_id: ProjectId) -> OutsideView {
    actor.ask(&GetOutside { project_id }).await.expect("known")
}

async fn set(
    actor: &Actor,
    project_id: ProjectId,
    seen: Option<Outside>,
) -> Result<OutsideView, (StatusCode, String)> {
    actor.send(&SetOutside { project_id, seen }).await
}

async fn deeds(owner: &Actor) -> Vec<(Deed, String)> {
    let rows: Vec<AuditRow> =
        owner.send(&ListAudit { deed: None, person_id: None, before: None }).await.expect("the trail");
    let about = [Deed::OutsideAllowed, Deed::OutsideForbidden, Deed::OutsideAsked];
    rows.into_iter().filter(|row| about.contains(&row.deed)).map(|row| (row.deed, row.about)).collect()
}

#[tokio::test]
async fn nobody_outside_is_asked_before_somebody_allowed_it() {
    for app in TestApp::each_in_a_folder("no blob is read").await {
        let engine = app.engine();
        let owner = app.owner().await;
        let project_id = owner.project("Ours").await;
        let shot_id = reviewed(&app, &owner, project_id).await.shot_id;
        owner.ask::<_, ()>(&app::api::quadmasks::Reopen { shot_id }).await.expect("re-opened");
        let artist = app.member(&owner, Role::Artist, Some(project_id)).await;
        let supervisor = app.member(&owner, Role::Supervisor, Some(project_id)).await;
        let producer = app.member(&owner, Role::Producer, Some(project_id)).await;
        let look = async |actor: &Actor| {
            let call = LookForAffected { shot_id, by: Reasoner::Outside };
            actor.form::<_, Option<JobId>>(&call).await
        };
        let refused = async |says: &str| {
            let (status, words) = look(&artist).await.expect_err("refused");
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{engine}: {words}");
            assert!(words.contains(says), "{engine}: {words}");
        };
        refused("does not allow").await;
        worker(&app, Some(offered("one"))).await;
        refused("does not allow").await;
        let view: ShotView = artist.ask(&GetShot { shot_id }).await.expect("a shot");
        assert_eq!(view.engines.outside, None, "{engine}: nobody is offered what is off");

        // Artists and supervisors decide nothing about it; a producer allows what they saw, and nothing else.
        for actor in [&artist, &supervisor] {
            let (status, _) = set(actor, project_id, Some(offered("one"))).await.expect_err("refused");
            assert_eq!(status, StatusCode::FORBIDDEN, "{engine}");
        }
        let (status, _) = set(&producer, project_id, Some(offered("two"))).await.expect_err("not offered");
        assert_eq!(status, StatusCode::CONFLICT, "{engine}");
        let before = known(&producer, project_id).await;
        assert!(before.consent.is_none() && !before.is_on(), "{engine}");
        let after = set(&producer, project_id, before.offered).await.expect("allowed");
        assert!(after.is_on(), "{engine}");
        let consent = known(&producer, project_id).await.consent.expect("kept");
        assert_eq!((consent.who.as_str(), consent.model.as_str()), ("producer", "one"), "{engine}");

        // Asked by the button, once however often it is pressed.
        let view: ShotView = artist.ask(&GetShot { shot_id }).await.expect("a shot");
        assert_eq!(view.engines.outside.map(|outside| outside.model).as_deref(), Some("one"), "{engine}");
        let first = look(&artist).await.expect("queued");
        assert!(first.is_some() && first == look(&artist).await.expect("the same"), "{engine}");
        let asked = deeds(&owner).await;
        assert_eq!(asked.len(), 2, "{engine}: {asked:?}");
        assert!(asked.contains(&(Deed::OutsideAllowed, "one at https://models.example/v1, pictures".into())));

        // Another model is another decision.
        worker(&app, Some(offered("two"))).await;
        refused("another model than the one that was allowed").await;
        worker(&app, None).await;
        refused("No worker is running that was told").await;
        worker(&app, Some(offered("one"))).await;

        // Switched off, what waits is taken back.
        let off = set(&producer, project_id, None).await.expect("off");
        assert!(!off.is_on() && off.consent.is_none(), "{engine}");
        let jobs = jobs::list(&app.state.app.db, false, &[project_id], 100).await.expect("listed");
        let state = jobs.iter().find(|job| Some(job.job_id) == first).map(|job| job.state);
        assert_eq!(state, Some(domain::JobState::Cancelled), "{engine}");
        refused("does not allow").await;
        assert_eq!(deeds(&owner).await.len(), 3, "{engine}");
        set(&producer, project_id, None).await.expect("off already");
        assert_eq!(deeds(&owner).await.len(), 3, "{engine}: nothing happened");

        // An archived project is only read.
        owner.ask::<_, ()>(&ArchiveProject { project_id, on: true }).await.expect("archived");
        let (status, _) = set(&producer, project_id, Some(offered("one"))).await.expect_err("archived");
        assert_eq!(status, StatusCode::CONFLICT, "{engine}");
        known(&producer, project_id).await;
    }
}
