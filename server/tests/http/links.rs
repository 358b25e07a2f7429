//! Links that there are: taken back while their project is archived, and given another password or none.

use app::api::guests::{GetShare, JoinShare, UnlockShare};
use app::api::life::ArchiveProject;
use app::api::shared::ShareView;
use app::api::shares::{ChangeLink, CreateLink, GetShares, RenewLink, RevokeLink, SharesView};
use domain::project::ARCHIVED;
use domain::{Action, LinkId, LinkState, PersonId, ProjectId, Role, ThreadId, may};
use reqwest::StatusCode;

use crate::decisions::reviewed;
use crate::harness::{Actor, TestApp};
use crate::share::{ALL, about, make, new_link};

const FIRST: &str = "seven grey stones";
const SECOND: &str = "eight white stones";

async fn only_link(owner: &Actor, project_id: ProjectId) -> (LinkId, LinkState, bool) {
    let view: SharesView = owner.ask(&GetShares { project_id }).await.expect("links");
    let link = &view.links[0];
    (link.link_id, link.state, link.has_password)
}

#[tokio::test]
async fn links_of_an_archived_project_can_be_withdrawn_and_nothing_else() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let roles = [Role::Producer, Role::Supervisor, Role::Artist, Role::Reviewer, Role::Client];
        let mut people = Vec::new();
        for role in roles {
            people.push((role, app.member(&owner, role, Some(ours)).await));
        }
        owner.form::<_, ()>(&ArchiveProject { project_id: ours, on: true }).await.expect("archived");
        let (link_id, state, _) = only_link(&owner, ours).await;
        assert_eq!(state, LinkState::Archived, "{engine}");
        let page = app.nobody().get(&format!("/share/{token}")).await;
        assert_eq!(page.status(), StatusCode::GONE);
        let refused = owner.form::<_, String>(&RenewLink { link_id }).await.expect_err("archived");
        assert_eq!((refused.0, refused.1.contains(ARCHIVED)), (StatusCode::CONFLICT, true), "{engine}");
        let change = ChangeLink { link_id, grants: ALL, days: None, password: None };
        assert_eq!(owner.send::<_, ()>(&change).await.expect_err("archived").0, StatusCode::CONFLICT);
        for (role, actor) in &people {
            if may(*role, Action::Withdraw) {
                continue;
            }
            let refused = actor.form::<_, ()>(&RevokeLink { link_id }).await.expect_err("not theirs");
            assert_eq!(refused.0, StatusCode::FORBIDDEN, "{engine} {role:?}");
        }
        let supervisor = &people[1].1;
        supervisor.form::<_, ()>(&RevokeLink { link_id }).await.expect("withdrawn");
        let twice = supervisor.form::<_, ()>(&RevokeLink { link_id }).await.expect_err("once");
        assert_eq!(twice.0, StatusCode::CONFLICT, "{engine}");
        // It stays withdrawn when the project wakes.
        owner.form::<_, ()>(&ArchiveProject { project_id: ours, on: false }).await.expect("woken");
        assert_eq!(only_link(&owner, ours).await.1, LinkState::Revoked, "{engine}");
        let page = app.nobody().get(&format!("/share/{token}")).await;
        assert_eq!(page.status(), StatusCode::GONE);
        assert!(page.text().await.expect("a page").contains("withdrawn"), "{engine}");
    }
}

#[tokio::test]
async fn a_links_password_is_changed_and_whoever_had_the_one_before_is_outside() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let locked = CreateLink { password: Some(FIRST.into()), ..new_link(ours, &[made.version_id], ALL) };
        let token = make(&app, &owner, locked).await;
        let (link_id, ..) = only_link(&owner, ours).await;
        let inside = app.nobody();
        let unlock = |password: &str| UnlockShare { token: token.clone(), password: password.into() };
        inside.form::<_, ()>(&unlock(FIRST)).await.expect("unlocked");
        inside
            .form::<_, PersonId>(&JoinShare { token: token.clone(), name: "Client".into() })
            .await
            .expect("joined");
        let proxy = format!("/share-media/{token}/versions/{}/proxy.mov", made.version_id);
        let mut stream = inside.get(&format!("/share-media/{token}/events")).await;
        assert_eq!(stream.status(), StatusCode::OK);
        let change = |password: Option<&str>| ChangeLink {
            link_id,
            grants: ALL,
            days: None,
            password: password.map(str::to_owned),
        };
        let is_inside = async |actor: &Actor| {
            let share = GetShare { token: token.clone(), shot_id: None };
            let seen = actor.form::<_, ShareView>(&share).await.map(|_| ()).map_err(|refused| refused.0);
            let file = actor.get(&proxy).await.status();
            assert_eq!(seen.is_ok(), file == StatusCode::OK, "{engine} {seen:?} {file}");
            seen.is_ok()
        };

        // Another right leaves the password as it is.
        owner.send::<_, ()>(&change(None)).await.expect("changed");
        assert!(is_inside(&inside).await, "{engine}");
        for (bad, actor) in [("short", &owner), (SECOND, &app.member(&owner, Role::Artist, Some(ours)).await)]
        {
            actor.send::<_, ()>(&change(Some(bad))).await.expect_err("refused");
            assert!(is_inside(&inside).await, "{engine}");
        }
        // Somebody else slipped five times with the one before.
        for _ in 0..6 {
            app.nobody().form::<_, ()>(&unlock("a wrong one")).await.expect_err("wrong");
        }
        owner.send::<_, ()>(&change(Some(SECOND))).await.expect("another");
        assert!(!is_inside(&inside).await, "{engine}: the password before opens nothing");
        let said = inside.send::<_, ThreadId>(&about(&token, made.version_id, "x")).await;
        assert_eq!(said.expect_err("outside").0, StatusCode::UNAUTHORIZED, "{engine}");
        let ended = tokio::time::timeout(std::time::Duration::from_secs(5), async {
            while let Ok(Some(_)) = stream.chunk().await {}
        });
        ended.await.expect("its stream of events ends");
        let wrong = inside.form::<_, ()>(&unlock(FIRST)).await.expect_err("the one before");
        assert_eq!(wrong.0, StatusCode::UNPROCESSABLE_ENTITY, "{engine}: {}", wrong.1);
        inside.form::<_, ()>(&unlock(SECOND)).await.expect("unlocked, slips with the one before forgotten");
        assert!(is_inside(&inside).await, "{engine}");
        inside
            .send::<_, ThreadId>(&about(&token, made.version_id, "x"))
            .await
            .expect("with the name of before");

        // None any more; then one again.
        owner.send::<_, ()>(&change(Some(""))).await.expect("none");
        assert!(!only_link(&owner, ours).await.2, "{engine}");
        let visitor = app.nobody();
        assert!(is_inside(&visitor).await && is_inside(&inside).await, "{engine}");
        owner.send::<_, ()>(&change(Some(FIRST))).await.expect("one again");
        assert!(only_link(&owner, ours).await.2, "{engine}");
        assert!(!is_inside(&visitor).await && !is_inside(&inside).await, "{engine}");
        let trail = db::audit::page(&app.state.app.db, &Default::default(), 2).await.expect("the trail");
        assert!(trail[0].about.ends_with(", with another password"), "{:?}", trail[0]);
        assert!(trail[1].about.ends_with(", without a password"), "{:?}", trail[1]);
        assert!(trail.iter().all(|row| !row.about.contains("stones")), "no password in the trail");
    }
}
