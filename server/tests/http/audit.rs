//! The audit trail, lost passwords, and the viewer's own account.

use app::api::audit::{AuditRow, ListAudit};
use app::api::deliveries::AskPackage;
use app::api::people::{ListPeople, MakeResetLink, PersonRow, SetActive, SetRole};
use app::api::session::{
    ChangeName, ChangePassword, GetReset, GetViewer, MySignIns, ResetPassword, ResetView, SignIn, Viewer,
};
use app::api::shares::{GetShares, SharesView};
use domain::package::What;
use domain::{Deed, JobId, Movie, PersonId, Role, Verdict};
use reqwest::StatusCode;

use crate::decisions::reviewed;
use crate::deliveries::{decide, deliver};
use crate::harness::{self, Actor, PASSWORD, TestApp};
use crate::share::{ALL, guest, make, new_link};

const NEW: &str = "seven slow green boats";

async fn trail(owner: &Actor) -> Vec<AuditRow> {
    owner.send(&ListAudit { deed: None, person_id: None, before: None }).await.expect("the trail")
}

async fn somebody(owner: &Actor, role: Role) -> (PersonId, String) {
    let people: Vec<PersonRow> = owner.ask(&ListPeople {}).await.expect("people");
    let person = people.into_iter().map(|row| row.person).find(|person| person.role == role).expect("one");
    (person.person_id, person.email)
}

async fn is_in(actor: &Actor) -> bool {
    actor.ask::<GetViewer, Viewer>(&GetViewer {}).await.expect("a viewer").person.is_some()
}

async fn sign_in(app: &TestApp, email: &str, password: &str) -> Result<Actor, String> {
    let actor = app.nobody();
    actor.ask::<SignIn, ()>(&SignIn { email: email.into(), password: password.into() }).await?;
    Ok(actor)
}

fn token(link: &str) -> String {
    link.rsplit('/').next().expect("a token").to_owned()
}

#[tokio::test]
async fn a_lost_password_is_replaced_through_a_link_that_works_once() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let artist = app.member(&owner, Role::Artist, None).await;
        let (person_id, email) = somebody(&owner, Role::Artist).await;
        let first: String = owner.ask(&MakeResetLink { person_id }).await.expect("a link");
        let second: String = owner.ask(&MakeResetLink { person_id }).await.expect("another");
        assert!(second.starts_with(&format!("{}/reset/", app.state.app.public_url)), "{second}");
        let nobody = app.nobody();
        let old = nobody.ask::<GetReset, ResetView>(&GetReset { token: token(&first) }).await;
        assert!(old.expect_err("replaced").contains("Ask for a new one"));
        let view: ResetView = nobody.ask(&GetReset { token: token(&second) }).await.expect("whose it is");
        assert_eq!(view.email, email);

        // Five wrong tries: the account is throttled, and the link opens it all the same.
        for _ in 0..6 {
            sign_in(&app, &email, "a wrong password").await.err().expect("wrong");
        }
        let short = ResetPassword { token: token(&second), password: "short".into() };
        assert!(nobody.ask::<ResetPassword, ()>(&short).await.is_err());
        let reset = ResetPassword { token: token(&second), password: NEW.into() };
        nobody.ask::<ResetPassword, ()>(&reset).await.expect("a new password");
        assert!(is_in(&nobody).await, "whoever reset the password is signed in");
        assert!(!is_in(&artist).await, "other sessions are over");
        assert!(nobody.ask::<ResetPassword, ()>(&reset).await.is_err(), "the link is used up");
        assert!(sign_in(&app, &email, PASSWORD).await.is_err());
        sign_in(&app, &email, NEW).await.expect("the new password");
    }
}

#[tokio::test]
async fn links_for_passwords_are_made_by_those_who_manage_people_and_for_owners_by_owners() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let producer = app.member(&owner, Role::Producer, None).await;
        let artist = app.member(&owner, Role::Artist, None).await;
        let (owner_id, _) = somebody(&owner, Role::Owner).await;
        let (artist_id, _) = somebody(&owner, Role::Artist).await;
        let link = |person_id| MakeResetLink { person_id };
        producer.ask::<_, String>(&link(artist_id)).await.expect("a producer may");
        assert!(producer.ask::<_, String>(&link(owner_id)).await.is_err(), "but not for an owner");
        assert!(artist.ask::<_, String>(&link(artist_id)).await.is_err());
        owner
            .ask::<SetActive, ()>(&SetActive { person_id: artist_id, active: false, heir: None })
            .await
            .expect("done");
        let refused = owner.ask::<_, String>(&link(artist_id)).await.expect_err("deactivated");
        assert!(refused.contains("activate"), "{refused}");

        // Whoever becomes somebody else is not reached by an old link, nor through one that they made.
        owner
            .ask::<SetActive, ()>(&SetActive { person_id: artist_id, active: true, heir: None })
            .await
            .expect("done");
        let before: String = producer.ask(&link(artist_id)).await.expect("a link");
        owner
            .ask::<SetRole, ()>(&SetRole { person_id: artist_id, role: Role::Owner })
            .await
            .expect("promoted");
        let take = |link: &str| ResetPassword { token: token(link), password: NEW.into() };
        assert!(
            app.nobody().ask::<_, ()>(&take(&before)).await.is_err(),
            "a producer must not become an owner"
        );
        owner.ask::<SetRole, ()>(&SetRole { person_id: artist_id, role: Role::Artist }).await.expect("back");
        let kept: String = producer.ask(&link(artist_id)).await.expect("a link");
        let (producer_id, _) = somebody(&owner, Role::Producer).await;
        owner
            .ask::<SetActive, ()>(&SetActive { person_id: producer_id, active: false, heir: None })
            .await
            .expect("out");
        assert!(
            app.nobody().ask::<_, ()>(&take(&kept)).await.is_err(),
            "who is out must not come back as another"
        );

        // From the command line, for anybody: whoever can read the data folder may.
        let db = &app.state.app.db;
        let made =
            server::users::reset_link(db, "https://m1.example", "OWNER@studio.test ").await.expect("a link");
        let reset = ResetPassword { token: token(&made), password: NEW.into() };
        app.nobody().ask::<ResetPassword, ()>(&reset).await.expect("the owner is back");
        assert!(!is_in(&owner).await);
        let unknown = server::users::reset_link(db, "https://m1.example", "who@studio.test").await;
        assert!(unknown.expect_err("nobody").to_string().contains("users list"));
    }
}

#[tokio::test]
async fn the_trail_tells_what_was_done_and_only_owners_read_it() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Kitchen").await;
        app.member(&owner, Role::Artist, Some(project)).await;
        let (person_id, email) = somebody(&owner, Role::Artist).await;
        owner.ask::<SetRole, ()>(&SetRole { person_id, role: Role::Supervisor }).await.expect("done");
        sign_in(&app, &email, "a wrong password").await.err().expect("wrong");
        let supervisor = sign_in(&app, &email, PASSWORD).await.expect("signed in");

        let rows = trail(&owner).await;
        let deeds: Vec<Deed> = rows.iter().map(|row| row.deed).collect();
        use Deed::*;
        assert_eq!(
            deeds,
            [SignedIn, SignInFailed, RoleChanged, Joined, Invited, ProjectMade, Joined],
            "{}",
            app.engine()
        );
        assert_eq!(rows[2].about, "artist: artist → supervisor");
        assert_eq!(rows[2].who, "Owner");
        assert_eq!(rows[4].project_name.as_deref(), Some("Kitchen"));
        assert!(rows.iter().all(|row| row.address == "127.0.0.1"), "{rows:?}");
        let secrets = [PASSWORD, "a wrong password"];
        assert!(rows.iter().all(|row| secrets.iter().all(|secret| !row.about.contains(secret))));

        let only = ListAudit { deed: Some(SignInFailed), person_id: Some(person_id), before: None };
        let failed: Vec<AuditRow> = owner.send(&only).await.expect("filtered");
        assert_eq!(failed.len(), 1);
        let older = ListAudit { deed: None, person_id: None, before: Some(rows[3].at) };
        let older: Vec<AuditRow> = owner.send(&older).await.expect("older ones");
        assert_eq!(older, rows[4..]);

        let refused = ListAudit { deed: None, person_id: None, before: None };
        assert!(supervisor.send::<_, Vec<AuditRow>>(&refused).await.is_err());
        let own: Vec<AuditRow> = supervisor.ask(&MySignIns {}).await.expect("their own");
        assert_eq!(own.iter().map(|row| row.deed).collect::<Vec<_>>(), [SignedIn, SignInFailed, Joined]);
    }
}

#[tokio::test]
async fn people_change_their_own_name_and_password() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let elsewhere = sign_in(&app, "owner@studio.test", PASSWORD).await.expect("signed in");
        owner.ask::<ChangeName, ()>(&ChangeName { name: " Studio head ".into() }).await.expect("renamed");
        let viewer: Viewer = elsewhere.ask(&GetViewer {}).await.expect("a viewer");
        assert_eq!(viewer.person.expect("signed in").name, "Studio head");
        assert!(owner.ask::<ChangeName, ()>(&ChangeName { name: " ".into() }).await.is_err());

        let change = |current: &str| ChangePassword { current: current.into(), password: NEW.into() };
        let wrong = owner.ask::<ChangePassword, ()>(&change("not this one")).await.expect_err("wrong");
        assert!(wrong.contains("type it again"), "{wrong}");
        assert!(is_in(&elsewhere).await);
        owner.ask::<ChangePassword, ()>(&change(PASSWORD)).await.expect("changed");
        assert!(is_in(&owner).await && !is_in(&elsewhere).await);
        assert!(sign_in(&app, "owner@studio.test", PASSWORD).await.is_err());
        sign_in(&app, "owner@studio.test", NEW).await.expect("the new password");
        for _ in 0..6 {
            owner.ask::<ChangePassword, ()>(&change("not this one")).await.expect_err("wrong");
        }
        let slowed = owner.ask::<ChangePassword, ()>(&change(NEW)).await.expect_err("too many tries");
        assert!(slowed.contains("Throttled"), "{slowed}");
    }
}

#[tokio::test]
async fn what_is_taken_away_and_who_is_called_otherwise_is_on_record() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let artist = app.member(&owner, Role::Artist, Some(ours)).await;
        let version_id = made.version_id;
        let ask = AskPackage { version_id, movie: Movie::H264 };
        let newest = async |many: usize| -> Vec<(Deed, String, String)> {
            let rows = trail(&owner).await.into_iter().take(many);
            rows.map(|row| (row.deed, row.who, row.about)).collect()
        };
        // Nothing is on record of what was refused.
        owner.ask::<_, Option<JobId>>(&ask).await.expect_err("not approved");
        decide(&owner, &made, Verdict::Approve, "").await;
        assert!(newest(9).await.iter().all(|(deed, ..)| *deed != Deed::PackageAsked), "{engine}");
        owner.ask::<_, Option<JobId>>(&ask).await.expect("queued");
        let package = format!("/media/versions/{version_id}/deliveries/h264.zip");
        assert_eq!(artist.get(&package).await.status(), StatusCode::NOT_FOUND);
        deliver(&app, version_id, What::Package).await;
        assert_eq!(artist.get(&package).await.status(), StatusCode::OK);
        // A look, and a download that goes on, are no second one.
        let head = artist.client.head(format!("{}{package}", app.url)).send().await.expect("an answer");
        assert_eq!(head.status(), StatusCode::OK);
        let rest = artist.client.get(format!("{}{package}", app.url)).header("range", "bytes=10-");
        assert_eq!(rest.send().await.expect("an answer").status(), StatusCode::PARTIAL_CONTENT);
        for kind in ["pdf", "json"] {
            let file = format!("/media/shots/{}/history.{kind}", made.shot_id);
            assert_eq!(artist.get(&file).await.status(), StatusCode::OK, "{engine} {kind}");
            assert_eq!(app.nobody().get(&file).await.status(), StatusCode::UNAUTHORIZED);
        }
        artist.ask::<ChangeName, ()>(&ChangeName { name: "Ada".into() }).await.expect("renamed");
        let line = |deed, who: &str, about: &str| (deed, who.to_owned(), about.to_owned());
        let wanted = [
            line(Deed::NameChanged, "artist", "“artist” → “Ada”"),
            line(Deed::HistoryExported, "artist", "“plate” as JSON"),
            line(Deed::HistoryExported, "artist", "“plate” as PDF"),
            line(Deed::PackageTaken, "artist", "“plate” version 1: package of H.264"),
            line(Deed::PackageAsked, "Owner", "“plate” version 1, H.264"),
        ];
        assert_eq!(newest(5).await, wanted, "{engine}");
        assert_eq!(trail(&owner).await[3].project_name.as_deref(), Some("Ours"), "{engine}");
        assert!(trail(&owner).await.iter().all(|row| row.address == "127.0.0.1"), "{engine}");
    }
}

#[tokio::test]
async fn a_download_is_one_line_whichever_piece_of_it_came_first() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        decide(&owner, &made, Verdict::Approve, "").await;
        deliver(&app, made.version_id, What::Movie).await;
        deliver(&app, made.version_id, What::Package).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let inside = format!("/media/versions/{}/deliveries", made.version_id);
        let behind = format!("/share-media/{token}/versions/{}", made.version_id);
        let [package, movie] = ["zip", "mov"].map(|kind| format!("{inside}/h264.{kind}"));
        let (guests_movie, result) =
            (format!("{behind}/deliveries/h264.mov"), format!("{behind}/result.mkv"));
        let artist = app.member(&owner, Role::Artist, Some(ours)).await;
        let (client, visitor) = (guest(&app, &token, "Client").await, app.nobody());
        // A program without cookies is not somebody else with every piece.
        let program = Actor { client: harness::client().build().expect("a client"), url: app.url.clone() };
        let through = |what: &str| format!("“plate” version 1: {what}, through the link “For the client”");
        let all: [(&Actor, &str, &str, String); 6] = [
            (&artist, package.as_str(), "artist", "“plate” version 1: package of H.264".to_owned()),
            (&artist, movie.as_str(), "artist", "“plate” version 1: movie of H.264".to_owned()),
            (&client, guests_movie.as_str(), "Client", through("movie of H.264")),
            (&client, result.as_str(), "Client", through("full-size result")),
            (&program, result.as_str(), "a guest", through("full-size result")),
            (&visitor, guests_movie.as_str(), "a guest", through("movie of H.264")),
        ];
        let status = async |actor: &Actor, file: &str, range: &str| {
            let request = actor.client.get(format!("{}{file}", actor.url)).header("range", range);
            request.send().await.expect("an answer").status()
        };
        for hours in 1..=2 {
            for &(actor, file, ..) in &all {
                // Nothing of it is sent.
                let head = actor.client.head(format!("{}{file}", actor.url)).send().await.expect("an answer");
                assert_eq!(head.status(), StatusCode::OK, "{engine} {file}");
                let beyond = status(actor, file, "bytes=9999-").await;
                assert_eq!(beyond, StatusCode::RANGE_NOT_SATISFIABLE, "{engine} {file}");
                for range in ["bytes=1-", "bytes=3-4", "bytes=0-2", "bytes=1-"] {
                    let part = status(actor, file, range).await;
                    assert_eq!(part, StatusCode::PARTIAL_CONTENT, "{engine} {file} {range}");
                }
                assert_eq!(actor.get(file).await.status(), StatusCode::OK, "{engine} {file}");
            }
            let rows = trail(&owner).await.into_iter().rev().filter(|row| row.deed == Deed::PackageTaken);
            let lines: Vec<(String, String)> = rows.map(|row| (row.who, row.about)).collect();
            let once = all.each_ref().map(|(.., who, about)| ((*who).to_owned(), about.clone())).to_vec();
            assert_eq!(lines, vec![once; hours].concat(), "{engine}: one for each who takes a file");
            if hours == 1 {
                let view: SharesView = owner.ask(&GetShares { project_id: ours }).await.expect("links");
                let downloads = view.links[0].openings.iter().filter(|opening| opening.is_download);
                let mut who: Vec<_> = downloads.map(|one| (one.who.as_deref(), one.times)).collect();
                who.sort_unstable();
                assert_eq!(who, [(None, 1), (None, 1), (Some("Client"), 1)], "{engine}");
            }
            // An hour later it is another download.
            let older = sqlx::query("update audit set at = at - 3600000001");
            older.execute(app.state.app.db.pool()).await.expect("older");
        }
    }
}
