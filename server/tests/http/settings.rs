//! A project's settings through HTTP: kept, read back by everybody who works there, and refused where they cannot be.

use app::api::life::SetSharing;
use app::api::projects::{GetProject, ListProjects, ProjectView, UpdateProject};
use app::api::shots::{GetShot, ShotView};
use domain::{ApprovalPolicy, Role};
use reqwest::StatusCode;

use crate::harness::{Actor, TestApp};
use crate::rights::shot;
use crate::threads::me;

#[tokio::test]
async fn settings_are_kept_and_shots_count_from_the_first_frame() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let project_id = owner.project("Ours").await;
        let shot_id = shot(&app, &owner, project_id).await;
        let artist = app.member(&owner, Role::Artist, Some(project_id)).await;
        let set = |name: &str, first_frame, policy: &ApprovalPolicy| UpdateProject {
            project_id,
            name: name.into(),
            first_frame,
            policy: policy.clone(),
        };
        let policy = ApprovalPolicy { needed: 1, of: Vec::new(), not_author: true };
        owner.send::<_, ()>(&set("Night Tide", 86_400, &policy)).await.expect("kept");
        let is_kept = || async {
            let view: ProjectView = artist.ask(&GetProject { project_id }).await.expect("seen");
            assert_eq!(
                (view.project.name.as_str(), view.project.first_frame),
                ("Night Tide", 86_400),
                "{engine}"
            );
            assert_eq!(view.project.policy, policy);
            let view: ShotView = artist.ask(&GetShot { shot_id }).await.expect("seen");
            assert_eq!(view.first_frame, 86_400);
        };
        is_kept().await;
        let many = ApprovalPolicy { needed: 0, ..policy.clone() };
        for bad in [set(" ", 1, &policy), set("Night Tide", 1_000_001, &policy), set("Night Tide", 1, &many)]
        {
            let (status, said) = owner.send::<_, ()>(&bad).await.expect_err("refused");
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        }
        let (status, _) = artist.send::<_, ()>(&set("Mine", 1, &policy)).await.expect_err("refused");
        assert_eq!(status, StatusCode::FORBIDDEN);
        is_kept().await;
    }
}

#[tokio::test]
async fn clients_are_not_told_who_approves_or_who_shares() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let project_id = owner.project("Ours").await;
        let supervisor = app.member(&owner, Role::Supervisor, Some(project_id)).await;
        let client = app.member(&owner, Role::Client, Some(project_id)).await;
        let named = me(&supervisor).await;
        let policy = ApprovalPolicy { needed: 2, of: vec![named, me(&owner).await], not_author: false };
        let update =
            UpdateProject { project_id, name: "Ours".into(), first_frame: 1001, policy: policy.clone() };
        owner.send::<_, ()>(&update).await.expect("kept");
        let sharing = SetSharing { project_id, sharers: vec![Role::Producer], clients_apart: true };
        owner.send::<_, ()>(&sharing).await.expect("kept");
        let told = async |actor: &Actor| {
            let project: serde_json::Value = actor.ask(&GetProject { project_id }).await.expect("seen");
            let list: serde_json::Value = actor.ask(&ListProjects {}).await.expect("seen");
            assert!(list.to_string().contains("Ours"), "{engine}");
            [project, list]
        };
        for text in told(&supervisor).await.map(|told| told.to_string()) {
            assert!(text.contains(&named.to_string()), "{engine}: the team reads it");
        }
        for told in told(&client).await {
            let text = told.to_string();
            assert!(!text.contains(&named.to_string()) && !text.contains("\"needed\":2"), "{engine}: {text}");
            assert!(!text.contains("\"clients_apart\":true"), "{engine}: {text}");
        }
    }
}
