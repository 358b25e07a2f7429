//! Every media route as nobody, as each role, and as a member of another project.

use db::uploads;
use domain::{Hash, ProjectId, Role, ShotId};
use reqwest::StatusCode;

use crate::harness::{Actor, TestApp};

/// A shot whose plate is in the store.
pub async fn shot(app: &TestApp, owner: &Actor, project: ProjectId) -> ShotId {
    let viewer: app::api::session::Viewer =
        owner.ask(&app::api::session::GetViewer {}).await.expect("a viewer");
    let person = viewer.person.expect("signed in").person_id;
    let bytes = project.to_string().into_bytes();
    let plate = app.state.app.store.put_blocking(&bytes).expect("stored");
    assert_eq!(plate, Hash::of(&bytes));
    let db = &app.state.app.db;
    let created = db
        .write(move |tx| {
            Box::pin(async move {
                let id = uploads::create(tx, project, None, person, "plate.mov", 36, None).await?;
                let created = db::shots::create(tx, project, None, person, "plate.mov", plate, 36).await?;
                uploads::finish(tx, id, created.shot_id).await?;
                Ok(created)
            })
        })
        .await;
    created.expect("a shot").shot_id
}

#[tokio::test]
async fn media_is_for_people_of_the_project_only() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let shot = shot(&app, &owner, ours).await;
        let plate = format!("/media/shots/{shot}/plate");
        for role in Role::ALL {
            if role == Role::Owner {
                continue;
            }
            let inside = app.member(&owner, role, Some(ours)).await;
            let outside = app.member(&owner, role, Some(theirs)).await;
            let wanted = if role == Role::Client { StatusCode::FORBIDDEN } else { StatusCode::OK };
            assert_eq!(inside.get(&plate).await.status(), wanted, "{role:?} of the project");
            let wanted = if role == Role::Producer { StatusCode::OK } else { StatusCode::NOT_FOUND };
            assert_eq!(outside.get(&plate).await.status(), wanted, "{role:?} of another project");
        }
        assert_eq!(owner.get(&plate).await.status(), StatusCode::OK);
        assert_eq!(app.nobody().get(&plate).await.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(app.nobody().get("/events").await.status(), StatusCode::UNAUTHORIZED);
        // Pictures of a draft are for those who see its shot: of this shot there are none.
        let draft = format!("/media/shots/{shot}/draft/0.png");
        for (role, wanted) in [(Role::Artist, StatusCode::NOT_FOUND), (Role::Client, StatusCode::FORBIDDEN)] {
            let inside = app.member(&owner, role, Some(ours)).await;
            assert_eq!(inside.get(&draft).await.status(), wanted, "{role:?}");
        }
        assert_eq!(app.nobody().get(&draft).await.status(), StatusCode::UNAUTHORIZED);
        for missing in ["poster.jpg", "proxy.json", "draft/0.png", "../x", "nothing"] {
            let status = owner.get(&format!("/media/shots/{shot}/{missing}")).await.status();
            assert_eq!(status, StatusCode::NOT_FOUND, "{missing}");
        }
        let range = owner.client.get(format!("{}{plate}", app.url)).header("range", "bytes=4-7").send().await;
        let range = range.expect("an answer");
        assert_eq!(range.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(range.text().await.expect("bytes"), ours.to_string()[4..8]);
    }
}
