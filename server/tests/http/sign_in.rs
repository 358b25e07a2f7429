//! The owner of the first start, sign-in, sign-out everywhere, and writes from other sites.

use app::api::people::Invite;
use app::api::session::{
    AcceptInvitation, CreateOwner, GetInvitation, GetViewer, InvitationView, SignIn, SignOut,
    SignOutEverywhere, Viewer,
};
use domain::Role;
use leptos::server_fn::ServerFn;
use reqwest::StatusCode;

use crate::harness::{Actor, PASSWORD, TestApp};

#[tokio::test]
async fn there_is_one_first_owner() {
    for app in TestApp::each().await {
        let nobody: Viewer = app.nobody().ask(&GetViewer {}).await.expect("a viewer");
        assert!(!nobody.has_owner && nobody.person.is_none());
        let owner = app.owner().await;
        let viewer: Viewer = owner.ask(&GetViewer {}).await.expect("a viewer");
        assert_eq!(viewer.person.expect("signed in").role, domain::Role::Owner);
        let second =
            CreateOwner { name: "Me too".into(), email: "me@x.test".into(), password: PASSWORD.into() };
        assert!(app.nobody().ask::<CreateOwner, ()>(&second).await.is_err());
    }
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_browser() {
    for app in TestApp::each().await {
        let here = app.owner().await;
        let there = app.nobody();
        let sign_in = SignIn { email: "owner@studio.test".into(), password: PASSWORD.into() };
        there.ask::<SignIn, ()>(&sign_in).await.expect("signed in");
        here.ask::<SignOutEverywhere, ()>(&SignOutEverywhere {}).await.expect("done");
        for actor in [here, there] {
            let viewer: Viewer = actor.ask(&GetViewer {}).await.expect("a viewer");
            assert!(viewer.person.is_none());
        }
    }
}

#[tokio::test]
async fn guessing_a_password_is_slowed_down() {
    for app in TestApp::each().await {
        app.owner().await;
        let guess = SignIn { email: "owner@studio.test".into(), password: "a wrong password".into() };
        let mut last = String::new();
        for _ in 0..7 {
            last = app.nobody().ask::<SignIn, ()>(&guess).await.expect_err("wrong");
        }
        assert!(last.contains("Throttled"), "{last}");
    }
}

#[tokio::test]
async fn another_site_cannot_make_a_browser_write() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let address = format!("{}{}", app.url, SignOutEverywhere::PATH);
        let foreign = owner.client.post(&address).header("origin", "http://evil.test").send().await;
        assert_eq!(foreign.expect("an answer").status(), StatusCode::FORBIDDEN);
        let viewer: Viewer = owner.ask(&GetViewer {}).await.expect("a viewer");
        assert!(viewer.person.is_some(), "still signed in");
    }
}

/// Whoever comes back within two weeks stays signed in, however long ago the password was given.
#[tokio::test]
async fn a_visit_keeps_a_session_and_two_weeks_without_one_end_it() {
    const DAY: i64 = 86_400_000_000;
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let is_in = || async {
            owner.ask::<GetViewer, Viewer>(&GetViewer {}).await.expect("a viewer").person.is_some()
        };
        let until = || async {
            let text = "select max(expires_at) from session";
            sqlx::query_scalar::<_, i64>(text).fetch_one(app.state.app.db.pool()).await.expect("a row")
        };
        let set = |at: i64| {
            let pool = app.state.app.db.pool();
            async move {
                sqlx::query("update session set expires_at = $1").bind(at).execute(pool).await.expect("set")
            }
        };
        set(db::now() + 2 * DAY).await;
        assert!(is_in().await);
        let left = until().await - db::now();
        assert!(left > 13 * DAY && left <= 14 * DAY, "{}: {left}", app.engine());
        set(db::now() - 1).await;
        assert!(!is_in().await, "{}", app.engine());
    }
}

#[tokio::test]
async fn fifty_guesses_at_once_are_not_more_than_five() {
    for app in TestApp::each().await {
        app.owner().await;
        let guesses = (0..50).map(|n| {
            let nobody = app.nobody();
            tokio::spawn(async move {
                let guess =
                    SignIn { email: "owner@studio.test".into(), password: format!("a wrong password {n}") };
                nobody.ask::<SignIn, ()>(&guess).await.expect_err("wrong")
            })
        });
        let mut looked_at = 0;
        for guess in guesses.collect::<Vec<_>>() {
            looked_at += usize::from(!guess.await.expect("ran").contains("Throttled"));
        }
        assert_eq!(looked_at, 5, "{}", app.engine());
    }
}

#[tokio::test]
async fn signing_out_ends_this_browser_and_no_other() {
    for app in TestApp::each().await {
        let here = app.owner().await;
        let there = app.nobody();
        let sign_in = SignIn { email: "owner@studio.test".into(), password: PASSWORD.into() };
        there.ask::<SignIn, ()>(&sign_in).await.expect("signed in");
        here.ask::<SignOut, ()>(&SignOut {}).await.expect("out");
        let is_in = async |actor: &Actor| {
            actor.ask::<_, Viewer>(&GetViewer {}).await.expect("a viewer").person.is_some()
        };
        assert_eq!((is_in(&here).await, is_in(&there).await), (false, true), "{}", app.engine());
    }
}

#[tokio::test]
async fn an_invitation_says_what_it_is_for_until_it_is_used() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Night Tide").await;
        let link: String =
            owner.ask(&Invite { role: Role::Artist, project_id: Some(project) }).await.expect("a link");
        let token = link.rsplit('/').next().expect("a token").to_owned();
        let ask = GetInvitation { token: token.clone() };
        let told: InvitationView = app.nobody().ask(&ask).await.expect("told");
        assert_eq!((told.role, told.project_name.as_deref()), (Role::Artist, Some("Night Tide")));
        let accept = AcceptInvitation {
            token,
            name: "Artist".into(),
            email: "a@studio.test".into(),
            password: PASSWORD.into(),
        };
        app.nobody().ask::<_, ()>(&accept).await.expect("joined");
        let said = app.nobody().ask::<_, InvitationView>(&ask).await.expect_err("used up");
        assert!(said.contains("was used"), "{said}");
    }
}
