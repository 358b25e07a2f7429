//! What is taken away of a shot: its record of decisions as JSON and PDF, and what was made of an approved version; for each
//! role, from outside, through links with and without downloads.

use app::api::deliveries::{AskGuestMovie, AskPackage};
use app::api::guests::GetSharedShot;
use app::api::shared::SharedShot;
use app::api::shares::{GetShares, SharesView};
use app::api::shots::{GetShot, ShotView};
use app::api::versions::{DecideVersion, ShowClient};
use db::deliveries::Made;
use domain::package::{Movie, What};
use domain::{Action, Grants, Hash, JobId, Role, Verdict, VersionId, may};
use reqwest::StatusCode;
use serde_json::Value;
use server::cli::check::check;

use crate::decisions::{Reviewed, reviewed};
use crate::functions::form;
use crate::harness::{Actor, TestApp};
use crate::paper::printed;
use crate::share::{ALL, WATCH, guest, make, new_link};
use crate::transact;

const PACKAGE: &[u8] = b"PK an archive of twenty-nine bytes";
pub const FILM: &[u8] = b"a movie";

pub async fn decide(actor: &Actor, made: &Reviewed, verdict: Verdict, note: &str) {
    let decide =
        DecideVersion { version_id: made.version_id, seen: made.version, verdict, note: note.into() };
    actor.ask::<_, ()>(&decide).await.expect("decided");
}

/// As a worker leaves it behind.
pub async fn deliver(app: &TestApp, version_id: VersionId, what: What) {
    let bytes = if what == What::Package { PACKAGE } else { FILM };
    let name = format!("Ours_shot_v001_h264.{}", if what == What::Package { "zip" } else { "mov" });
    let file = app.state.app.store.put_blocking(bytes).expect("stored");
    let made = Made { version_id, movie: Movie::H264, what, file, size_bytes: bytes.len() as i64, name };
    let db = &app.state.app.db;
    transact!(db, [made], |tx| async move {
        db::blobs::record(tx, made.file, made.size_bytes).await?;
        db::deliveries::keep(tx, &made).await
    })
    .expect("kept");
}

fn address(version_id: VersionId, file: &str) -> String {
    format!("/media/versions/{version_id}/deliveries/{file}")
}

#[tokio::test]
async fn the_record_of_decisions_is_for_the_team() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let made = reviewed(&app, &owner, ours).await;
        owner.ask::<_, ()>(&ShowClient { version_id: made.version_id, on: true }).await.expect("shown");
        let files = ["json", "pdf"].map(|kind| format!("/media/shots/{}/history.{kind}", made.shot_id));
        for role in Role::ALL {
            let inside =
                if role == Role::Owner { owner.clone() } else { app.member(&owner, role, Some(ours)).await };
            for file in &files {
                let wanted = if may(role, Action::ViewShot) { StatusCode::OK } else { StatusCode::FORBIDDEN };
                assert_eq!(inside.get(file).await.status(), wanted, "{engine} {role:?} {file}");
            }
            if !may(role, Action::SeeEveryProject) {
                let outside = app.member(&owner, role, Some(theirs)).await;
                for file in &files {
                    assert_eq!(
                        outside.get(file).await.status(),
                        StatusCode::NOT_FOUND,
                        "{engine} {role:?} {file}"
                    );
                }
            }
        }
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        for file in &files {
            assert_eq!(app.nobody().get(file).await.status(), StatusCode::UNAUTHORIZED, "{engine} {file}");
            let through = file.replace("/media/", &format!("/share-media/{token}/"));
            assert_eq!(
                app.nobody().get(&through).await.status(),
                StatusCode::NOT_FOUND,
                "{engine} {through}"
            );
        }
        let nowhere = format!("/media/shots/{}/history.json", db::new_uuid());
        assert_eq!(owner.get(&nowhere).await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn the_record_is_whole_until_somebody_alters_it_and_says_where() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let visitor = guest(&app, &token, "Łucja Дмитриева").await;
        let vote = app::api::guests::GuestDecide {
            token,
            version_id: made.version_id,
            seen: made.version,
            verdict: Verdict::Changes,
            note: "A rim at the right, frame 1003.".into(),
        };
        visitor.form::<_, ()>(&vote).await.expect("on record");
        decide(&owner, &made, Verdict::Approve, "").await;
        let file = |kind: &str| format!("/media/shots/{}/history.{kind}", made.shot_id);
        let answer = owner.get(&file("json")).await;
        let tag = answer.headers()["etag"].to_str().expect("ASCII").to_owned();
        let name = answer.headers()["content-disposition"].to_str().expect("ASCII").to_owned();
        assert!(
            name.starts_with("attachment; filename=\"Ours_") && name.ends_with("_history.json\""),
            "{name}"
        );
        let text = answer.text().await.expect("JSON");
        assert_eq!(tag, format!("\"{}\"", Hash::of(text.as_bytes())), "{engine}");
        let again = owner.client.get(format!("{}{}", owner.url, file("json"))).header("if-none-match", &tag);
        assert_eq!(again.send().await.expect("an answer").status(), StatusCode::NOT_MODIFIED);
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["check"]["is_whole"], true, "{engine} {}", read["check"]);
        let decisions = read["decisions"].as_array().expect("decisions");
        assert_eq!(decisions.len(), 3);
        // Computed again by the rules that the file itself gives.
        let mut prev = String::new();
        for (at, entry) in decisions.iter().enumerate() {
            assert_eq!(
                (&entry["row"]["n"], &entry["row"]["prev"]),
                (&Value::from(at + 1), &Value::from(prev.clone()))
            );
            prev = Hash::of(serde_json::to_string(&entry["row"]).expect("JSON").as_bytes()).to_string();
            assert_eq!(entry["row_hash"], prev, "{engine}");
        }
        assert_eq!(decisions[1]["guest_of"]["name"], "For the client");
        assert_eq!(decisions[1]["name"], "Łucja Дмитриева");

        let bytes = owner.get(&file("pdf")).await.bytes().await.expect("a PDF");
        let said = printed(&bytes);
        for words in [
            "History of decisions",
            "The record is whole: 3 decisions",
            "Łucja Дмитриева",
            "A rim at the right, frame 1003.",
            "Page 1 of",
            &made.version.to_string(),
        ] {
            assert!(said.contains(&words.replace(' ', "")), "{engine}: “{words}” is not in: {said}");
        }

        let db = &app.state.app.db;
        let mut lines = Vec::new();
        let found = check(db, None, &mut lines).await.expect("checked");
        assert!(found.is_whole() && found.decisions == 3, "{engine} {found:?}");
        crate::rows::unguard(db).await;
        sqlx::query("update decision set note = 'No rim at all.' where n = 2")
            .execute(db.pool())
            .await
            .expect("altered");
        let altered: Value =
            serde_json::from_str(&owner.get(&file("json")).await.text().await.expect("JSON")).expect("JSON");
        assert_eq!(
            altered["check"]["faults"],
            serde_json::json!(["Decision 2 was changed after it was made: its hash no longer fits."])
        );
        let bytes = owner.get(&file("pdf")).await.bytes().await.expect("a PDF");
        assert!(printed(&bytes).contains("Therecordisnotwhole"), "{engine}");
        let mut lines = Vec::new();
        let found = check(db, Some("Ours"), &mut lines).await.expect("checked");
        let said = String::from_utf8(lines).expect("words");
        assert!(!found.is_whole() && said.contains("Decision 2 was changed"), "{said}");
        assert!(
            said.contains("Checked 1 shot with 3 decisions: the record of 1 shot is not whole."),
            "{said}"
        );
        let nowhere = check(db, Some("Ours/nothing"), &mut Vec::new()).await.expect_err("nothing there");
        assert!(nowhere.to_string().contains("There is no project or shot"), "{nowhere}");
    }
}

#[tokio::test]
async fn a_package_is_asked_for_by_those_who_deliver_and_only_of_what_is_approved() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let made = reviewed(&app, &owner, ours).await;
        let version_id = made.version_id;
        let call = form(Action::Deliver, &AskPackage { version_id, movie: Movie::H264 });
        assert_eq!(call.status(&owner).await, StatusCode::CONFLICT, "{engine}: not approved");
        let why = owner.ask::<_, Option<JobId>>(&AskPackage { version_id, movie: Movie::H264 }).await;
        assert!(why.expect_err("refused").contains("Version 1 is not approved"));
        decide(&owner, &made, Verdict::Approve, "").await;
        for role in Role::ALL {
            let inside =
                if role == Role::Owner { owner.clone() } else { app.member(&owner, role, Some(ours)).await };
            let wanted = match (may(role, Action::Deliver), role) {
                (true, _) => StatusCode::OK,
                (false, Role::Client) => StatusCode::NOT_FOUND,
                (false, _) => StatusCode::FORBIDDEN,
            };
            assert_eq!(call.status(&inside).await, wanted, "{engine} {role:?}");
            if !may(role, Action::SeeEveryProject) {
                let outside = app.member(&owner, role, Some(theirs)).await;
                assert_eq!(call.status(&outside).await, StatusCode::NOT_FOUND, "{engine} {role:?} elsewhere");
            }
        }
        assert_eq!(call.status(&app.nobody()).await, StatusCode::UNAUTHORIZED);
        let open = sqlx::query_scalar::<_, i64>("select count(*) from job where kind = 'package'");
        assert_eq!(
            open.fetch_one(app.state.app.db.pool()).await.expect("counted"),
            1,
            "{engine}: one for all who ask"
        );

        // Seen on its way by the team, and nothing of it by a client.
        let view: ShotView = owner.ask(&GetShot { shot_id: made.shot_id }).await.expect("a shot");
        assert_eq!(view.deliveries.approved, [version_id]);
        assert_eq!((view.deliveries.made.len(), view.deliveries.jobs.len()), (0, 1));
        assert_eq!(
            view.job.map(|job| job.kind),
            Some("remove".into()),
            "the shot's own job stays its newest"
        );
        owner.ask::<_, ()>(&ShowClient { version_id, on: true }).await.expect("shown");
        let client = app.member(&owner, Role::Client, Some(ours)).await;
        let theirs: ShotView = client.ask(&GetShot { shot_id: made.shot_id }).await.expect("a shot");
        assert_eq!(theirs.deliveries, Default::default());

        // Cancelled by who may deliver, not by an artist.
        let job_id = view.deliveries.jobs[0].job.job_id;
        let cancel = form(Action::Deliver, &app::api::jobs::CancelJob { job_id });
        let artist = app.member(&owner, Role::Artist, Some(ours)).await;
        assert_eq!(cancel.status(&artist).await, StatusCode::FORBIDDEN);
        let supervisor = app.member(&owner, Role::Supervisor, Some(ours)).await;
        assert_eq!(cancel.status(&supervisor).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_download_goes_on_where_it_broke_off_and_closes_with_the_approval() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let made = reviewed(&app, &owner, ours).await;
        decide(&owner, &made, Verdict::Approve, "").await;
        let file = address(made.version_id, "h264.zip");
        assert_eq!(owner.get(&file).await.status(), StatusCode::NOT_FOUND, "{engine}: not made");
        deliver(&app, made.version_id, What::Package).await;
        for (role, wanted) in [
            (Role::Producer, StatusCode::OK),
            (Role::Supervisor, StatusCode::OK),
            (Role::Artist, StatusCode::OK),
            (Role::Reviewer, StatusCode::OK),
            (Role::Client, StatusCode::NOT_FOUND),
        ] {
            let inside = app.member(&owner, role, Some(ours)).await;
            assert_eq!(inside.get(&file).await.status(), wanted, "{engine} {role:?}");
        }
        let elsewhere = app.member(&owner, Role::Supervisor, Some(theirs)).await;
        assert_eq!(elsewhere.get(&file).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(app.nobody().get(&file).await.status(), StatusCode::UNAUTHORIZED);
        for bad in ["h264.rar", "prores_422.zip", "prores_4444.zip", "..zip", "h264.mov"] {
            assert_eq!(
                owner.get(&address(made.version_id, bad)).await.status(),
                StatusCode::NOT_FOUND,
                "{bad}"
            );
        }

        let whole = owner.get(&file).await;
        assert_eq!(whole.headers()["accept-ranges"], "bytes");
        assert_eq!(whole.headers()["content-type"], "application/zip");
        assert_eq!(
            whole.headers()["content-disposition"],
            "attachment; filename=\"Ours_shot_v001_h264.zip\""
        );
        let tag = whole.headers()["etag"].clone();
        assert_eq!(whole.bytes().await.expect("bytes"), PACKAGE);
        let part = async |range: &str| {
            let request = owner.client.get(format!("{}{file}", owner.url)).header("range", range);
            request.header("if-range", &tag).send().await.expect("an answer")
        };
        let rest = part("bytes=10-").await;
        assert_eq!((rest.status(), &rest.headers()["etag"]), (StatusCode::PARTIAL_CONTENT, &tag), "{engine}");
        let said = format!("bytes 10-{}/{}", PACKAGE.len() - 1, PACKAGE.len());
        assert_eq!(rest.headers()["content-range"], said.as_str());
        assert_eq!(rest.bytes().await.expect("bytes"), &PACKAGE[10..]);
        assert_eq!(part("bytes=0-3").await.bytes().await.expect("bytes"), &PACKAGE[..4]);
        assert_eq!(part("bytes=999999-").await.status(), StatusCode::RANGE_NOT_SATISFIABLE);

        // What is there is not made again.
        let asked = AskPackage { version_id: made.version_id, movie: Movie::H264 };
        assert_eq!(owner.ask::<_, Option<JobId>>(&asked).await.expect("there"), None);
        let supervisor = app.member(&owner, Role::Supervisor, Some(ours)).await;
        decide(&supervisor, &made, Verdict::Changes, "The edge.").await;
        let closed = owner.get(&file).await;
        assert_eq!(closed.status(), StatusCode::CONFLICT, "{engine}");
        assert!(closed.text().await.expect("words").contains("not approved any more"));
        decide(&supervisor, &made, Verdict::Approve, "").await;
        assert_eq!(owner.get(&file).await.status(), StatusCode::OK);
        let db = &app.state.app.db;
        for text in ["delete from delivery", "delete from comment", "delete from version"] {
            sqlx::query(text).execute(db.pool()).await.expect("deleted");
        }
        assert_eq!(owner.get(&file).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(form(Action::Deliver, &asked).status(&owner).await, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_link_gives_its_guests_the_movie_where_it_grants_downloads_and_nothing_else() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let theirs = owner.project("Theirs").await;
        let other = reviewed(&app, &owner, theirs).await;
        let (version_id, shot_id) = (made.version_id, made.shot_id);
        let all = make(&app, &owner, new_link(ours, &[version_id], ALL)).await;
        let watch = make(&app, &owner, new_link(ours, &[version_id], WATCH)).await;
        let talk = Grants { download: false, ..ALL };
        let talk = make(&app, &owner, new_link(ours, &[version_id], talk)).await;
        let foreign = make(&app, &owner, new_link(theirs, &[other.version_id], ALL)).await;
        let ask = |token: &str| AskGuestMovie { token: token.into(), version_id, movie: Movie::H264 };
        let file =
            |token: &str, name: &str| format!("/share-media/{token}/versions/{version_id}/deliveries/{name}");
        let visitor = guest(&app, &all, "Client").await;

        let early = visitor.form::<_, bool>(&ask(&all)).await.expect_err("not approved");
        assert_eq!(early.0, StatusCode::CONFLICT, "{engine}");
        decide(&owner, &made, Verdict::Approve, "").await;
        assert!(!visitor.form::<_, bool>(&ask(&all)).await.expect("queued"), "{engine}");
        let shown: SharedShot =
            visitor.ask(&GetSharedShot { token: all.clone(), shot_id }).await.expect("a shot");
        assert!(shown.versions[0].has_movies);
        assert_eq!(shown.versions[0].movies[0].size_bytes, None, "on its way");
        assert_eq!(visitor.get(&file(&all, "h264.mov")).await.status(), StatusCode::NOT_FOUND, "not made");
        deliver(&app, version_id, What::Movie).await;
        deliver(&app, version_id, What::Package).await;
        let taken = visitor.get(&file(&all, "h264.mov")).await;
        assert_eq!(
            (taken.status(), taken.headers()["content-type"].to_str().ok()),
            (StatusCode::OK, Some("video/quicktime"))
        );
        let named = taken.headers()["content-disposition"].to_str().expect("ASCII").to_owned();
        assert!(named.contains("_v001_h264.mov") && !named.contains("Ours"), "{named}");
        let tag = taken.headers()["etag"].to_str().expect("ASCII").to_owned();
        assert!(!tag.contains(&Hash::of(FILM).to_string()), "{engine}: a guest learns no hash");
        assert_eq!(taken.bytes().await.expect("bytes"), FILM);
        assert!(visitor.form::<_, bool>(&ask(&all)).await.expect("there"), "{engine}: made once");
        assert_eq!(visitor.get(&file(&all, "h264.zip")).await.status(), StatusCode::NOT_FOUND, "no package");
        for address in [address(version_id, "h264.zip"), address(version_id, "h264.mov")] {
            assert_eq!(visitor.get(&address).await.status(), StatusCode::UNAUTHORIZED, "{engine} {address}");
        }
        let list: SharesView = owner.ask(&GetShares { project_id: ours }).await.expect("links");
        assert!(list.links.iter().any(|l| l.openings.iter().any(|o| o.is_download)), "{engine}: on record");

        // Links without the grant, and one that shows another version.
        for token in [&watch, &talk] {
            let refused = app.nobody().form::<_, bool>(&ask(token)).await.expect_err("refused");
            assert_eq!(refused.0, StatusCode::FORBIDDEN, "{engine}");
            assert_eq!(app.nobody().get(&file(token, "h264.mov")).await.status(), StatusCode::FORBIDDEN);
            let shown: SharedShot =
                app.nobody().ask(&GetSharedShot { token: token.clone(), shot_id }).await.expect("a shot");
            assert!(!shown.versions[0].has_movies && shown.versions[0].movies.is_empty(), "{engine}");
        }
        let refused = app.nobody().form::<_, bool>(&ask(&foreign)).await.expect_err("another version");
        assert_eq!(refused.0, StatusCode::NOT_FOUND, "{engine}");
        assert_eq!(app.nobody().get(&file(&foreign, "h264.mov")).await.status(), StatusCode::NOT_FOUND);
        let link_id = list.links.iter().find(|l| l.grants == ALL && l.versions[0].version_id == version_id);
        let preview = format!("preview-{}", link_id.expect("listed").link_id);
        let looked = owner.form::<_, bool>(&ask(&preview)).await.expect_err("a preview does nothing");
        assert!(looked.1.contains("This is a preview"), "{engine} {looked:?}");

        let supervisor = app.member(&owner, Role::Supervisor, Some(ours)).await;
        decide(&supervisor, &made, Verdict::Changes, "The edge.").await;
        assert_eq!(visitor.get(&file(&all, "h264.mov")).await.status(), StatusCode::CONFLICT, "{engine}");
        let shown: SharedShot = visitor.ask(&GetSharedShot { token: all, shot_id }).await.expect("a shot");
        assert!(!shown.versions[0].has_movies && shown.versions[0].movies.is_empty(), "{engine}");
    }
}
