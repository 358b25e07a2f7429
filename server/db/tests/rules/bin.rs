//! Projects that rest, the bin, and what is deleted for good.

use db::bin::{Because, archive, list, overdue, purge, put, restore};
use db::comments::{Place, Said, reply, start};
use db::decisions::{Ballot, on_quadmask};
use db::inbox::Reader;
use db::share::guests::{Look, join, opened};
use domain::project::{ARCHIVED, Sharing};
use domain::share::{Grants, LinkState};
use domain::{LinkId, PersonId, Role, ShotId, Thing, ThreadId, Verdict, VersionId, WorkChange};

use crate::harness::{Studio, finished};
use crate::{rules, transact};

/// A shot with one of everything that hangs on it.
struct Full {
    shot_id: ShotId,
    version_id: VersionId,
    link_id: LinkId,
    thread_id: ThreadId,
    guest: PersonId,
    token_hash: String,
}

fn said(text: &str) -> Said {
    Said { text: text.into(), drawing: None }
}

async fn full(studio: &Studio, name: &str) -> Full {
    let (db, project_id) = (&studio.db, studio.project_id);
    let (artist, supervisor) = (studio.artist, studio.supervisor);
    let shot_id = studio.shot(name).await;
    let (quadmask_id, seen) = studio.submitted(shot_id).await;
    let ballot =
        Ballot { person_id: supervisor, role: Role::Supervisor, seen, verdict: Verdict::Approve, note: "" };
    let run_id = transact!(db, [ballot], |tx| on_quadmask(tx, quadmask_id, &ballot))
        .expect("approved")
        .run
        .expect("queued")
        .0;
    let made = finished(name);
    let version_id = transact!(db, [made], |tx| async move {
        db::runs::started(tx, run_id).await?;
        db::versions::create(tx, run_id, &made).await
    })
    .expect("a version");
    let place = Place { shot_id, version_id: Some(version_id), frames: None, client_visible: true };
    let (text, answer) = (said("Look, @Ana"), said("Which one, @Sam?"));
    let thread_id =
        transact!(db, [text], |tx| start(tx, place, supervisor, (supervisor, Role::Supervisor), &text))
            .expect("said");
    transact!(db, [answer], |tx| reply(tx, thread_id, artist, (artist, Role::Artist), &answer))
        .expect("answered");
    transact!(db, [], |tx| db::threads::seen(tx, thread_id, supervisor, 1)).expect("seen");
    let change = WorkChange::Assign { person_id: artist };
    transact!(db, [], |tx| db::assignments::change(tx, &[shot_id], change, supervisor)).expect("assigned");
    let token_hash = domain::Hash::of(name.as_bytes()).to_string();
    let link = db::share::New {
        project_id,
        name: "For the client".into(),
        token_hash: token_hash.clone(),
        grants: Grants { comment: true, approve: true, download: false },
        password_hash: None,
        expires_at: None,
        versions: vec![version_id],
    };
    let link_id = transact!(db, [link], |tx| db::share::create(tx, &link, supervisor)).expect("a link");
    let guest = PersonId(db::new_uuid());
    transact!(db, [], |tx| async move {
        join(tx, link_id, guest, "Gus").await?;
        opened(tx, link_id, guest, version_id, Look::Seen).await
    })
    .expect("a guest");
    let text = said("More to the left");
    let eyes = db::threads::Eyes::Guest(link_id);
    transact!(db, [text], |tx| reply(tx, thread_id, guest, eyes, &text)).expect("a guest's answer");
    let wish =
        db::exact::Wish { file: domain::Hash::of(name.as_bytes()), frame: 0, shot_id, version_id: None };
    db::exact::ask(db, &wish).await.expect("asked");
    let invitation = format!("invited to {name}");
    transact!(db, [invitation], |tx| async move {
        db::uploads::create(tx, project_id, None, artist, "next.mov", 10, None).await?;
        let of_shot = db::uploads::create(tx, project_id, None, artist, "this.mov", 10, None).await?;
        db::uploads::finish(tx, of_shot, shot_id).await?;
        db::projects::create_sequence(tx, project_id, "NL_204").await?;
        db::people::invite(tx, &invitation, Role::Artist, Some(project_id), supervisor, db::now() + 1_000_000)
            .await
    })
    .expect("uploads, a sequence and an invitation");
    Full { shot_id, version_id, link_id, thread_id, guest, token_hash }
}

/// Every text of every table but the trail, and sessions and live events, which end by themselves.
async fn everything(db: &db::Db) -> Vec<(String, String)> {
    use sqlx::Row;
    let columns = match db.engine() {
        db::Engine::Sqlite => {
            "select m.name as of_table, c.name as of_column from sqlite_master m join pragma_table_info(m.name) c
             where m.type = 'table' and lower(c.type) = 'text' and m.name not like 'sqlite%'"
        }
        db::Engine::Postgres => {
            "select cast(table_name as text) as of_table, cast(column_name as text) as of_column
             from information_schema.columns where table_schema = current_schema() and data_type = 'text'"
        }
    };
    let mut all = Vec::new();
    for row in sqlx::query(columns).fetch_all(db.pool()).await.expect("the schema") {
        let (table, column): (String, String) = (row.get("of_table"), row.get("of_column"));
        if ["audit", "session", "event"].contains(&table.as_str()) || table.starts_with("_sqlx") {
            continue;
        }
        let text = format!("select {column} as found from {table} where {column} is not null");
        for row in sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(db.pool()).await.expect("rows") {
            all.push((format!("{table}.{column}"), row.get("found")));
        }
    }
    all
}

fn naming(all: &[(String, String)], id: &str) -> Vec<String> {
    all.iter().filter(|(_, text)| text.contains(id)).map(|(place, _)| place.clone()).collect()
}

async fn shots_on_board(studio: &Studio) -> u32 {
    db::board::page(&studio.db, studio.project_id, &Default::default(), 0, 50).await.expect("a board").0
}

async fn job_states(db: &db::Db) -> Vec<(String, i64)> {
    use sqlx::Row;
    let rows = sqlx::query("select state, held from job order by created_at")
        .fetch_all(db.pool())
        .await
        .expect("jobs");
    rows.iter().map(|row| (row.get("state"), row.get("held"))).collect()
}

rules! {
    async fn an_archived_project_is_read_and_nothing_else(db) {
        let studio = Studio::new(&db).await;
        let full = full(&studio, "pillow").await;
        let project_id = studio.project_id;
        transact!(db, [], |tx| archive(tx, project_id, true)).expect("archived");
        assert!(transact!(db, [], |tx| archive(tx, project_id, true)).is_err(), "twice");
        let (shot_id, artist) = (full.shot_id, studio.artist);
        let plate = domain::Hash::of(b"new");
        for refused in [
            transact!(db, [], |tx| async move { db::shots::lock(tx, shot_id).await.map(drop) }),
            transact!(db, [], |tx| db::shots::rename(tx, shot_id, "other")),
            transact!(db, [], |tx| async move { db::shots::create(tx, project_id, None, artist, "n.mov", plate, 1).await.map(drop) }),
            transact!(db, [], |tx| async move { db::projects::create_sequence(tx, project_id, "NL").await.map(drop) }),
            transact!(db, [], |tx| db::projects::set_member(tx, project_id, artist, false)),
            transact!(db, [], |tx| db::projects::set_sharing(tx, project_id, &Sharing::default())),
            transact!(db, [], |tx| put(tx, Thing::Shot(shot_id), artist)),
        ] {
            assert!(matches!(&refused, Err(db::Error::Conflict(why)) if why == ARCHIVED), "{refused:?}");
        }
        assert_eq!(shots_on_board(&studio).await, 1, "it can be looked at");
        assert_eq!(db::share::get(db.pool(), full.link_id).await.expect("there").state(), LinkState::Archived);
        let reader = Reader { person_id: studio.supervisor, role: Role::Supervisor, projects: &[project_id] };
        assert!(db::needs::list(&db, reader).await.expect("needs").is_empty());
        assert!(job_states(&db).await.iter().all(|(_, held)| *held == 1));
        transact!(db, [], |tx| archive(tx, project_id, false)).expect("woken");
        assert!(!db::needs::list(&db, reader).await.expect("needs").is_empty());
        assert!(job_states(&db).await.iter().all(|(_, held)| *held == 0));
        assert_eq!(db::share::get(db.pool(), full.link_id).await.expect("there").state(), LinkState::Open);
        transact!(db, [], |tx| db::shots::rename(tx, shot_id, "other")).expect("in work again");
    }

    async fn what_lies_in_the_bin_is_nowhere_else(db) {
        let studio = Studio::new(&db).await;
        let full = full(&studio, "pillow").await;
        let (shot_id, project_id, supervisor) = (full.shot_id, studio.project_id, studio.supervisor);
        let all = async || {
            let projects = [project_id];
            let reader = Reader { person_id: studio.artist, role: Role::Artist, projects: &projects };
            let boss = Reader { person_id: supervisor, role: Role::Supervisor, projects: &projects };
            [
                db::shots::get(db.pool(), shot_id).await.is_ok(),
                shots_on_board(&studio).await > 0,
                !db::board::names(&db, &[shot_id]).await.expect("names").is_empty(),
                !db::search::shots(&db, reader, "pillow").await.expect("shots").is_empty(),
                !db::search::comments(&db, reader, "left").await.expect("comments").is_empty(),
                !db::inbox::list(&db, reader).await.expect("entries").is_empty(),
                db::inbox::unread(&db, reader).await.expect("entries") > 0,
                !db::needs::list(&db, boss).await.expect("needs").is_empty(),
                db::media::of_shot(&db, shot_id).await.is_ok(),
                db::media::of_version(&db, full.version_id).await.is_ok(),
                db::share::shows(db.pool(), full.link_id, full.version_id).await.expect("asked"),
                !db::share::shown(&db, full.link_id).await.expect("shown").is_empty(),
                !db::share::versions_of(&db, project_id).await.expect("versions").is_empty(),
                db::share::by_token(&db, &full.token_hash).await.expect("there").state() == LinkState::Open,
                db::projects::counts(&db, false).await.expect("counts").iter().any(|(id, ..)| *id == project_id),
                job_states(&db).await.iter().all(|(_, held)| *held == 0),
                !db::assignments::counts(&db).await.expect("counts").is_empty(),
            ]
        };
        assert_eq!(all().await, [true; 17], "at first");
        transact!(db, [], |tx| put(tx, Thing::Shot(shot_id), supervisor)).expect("in the bin");
        assert_eq!(all().await, [false; 17]);
        assert!(transact!(db, [], |tx| put(tx, Thing::Shot(shot_id), supervisor)).is_err(), "twice");
        let binned = list(&db).await.expect("the bin");
        assert_eq!(binned.len(), 1);
        assert_eq!((binned[0].name.as_str(), binned[0].by.as_deref()), ("pillow", Some("Sam")));
        // Its name stays taken, and its plate makes a new shot.
        let again = studio.shot("pillow").await;
        assert_eq!(db::shots::get(db.pool(), again).await.expect("there").name, "pillow 2");
        transact!(db, [], |tx| async move { put(tx, Thing::Shot(again), supervisor).await?; purge(tx, Thing::Shot(again), Because::Typed("pillow 2")).await }).expect("gone");
        transact!(db, [], |tx| restore(tx, Thing::Shot(shot_id))).expect("restored");
        assert_eq!(all().await, [true; 17], "as it was");
        // With its project.
        transact!(db, [], |tx| put(tx, Thing::Project(project_id), supervisor)).expect("in the bin");
        assert!(db::projects::get(db.pool(), project_id).await.is_err());
        assert!(db::shots::get(db.pool(), shot_id).await.is_err(), "a shot of a project in the bin");
        assert!(db::projects::list(&db).await.expect("projects").is_empty());
        assert!(db::projects::all_ids(&db).await.expect("ids").is_empty());
        assert!(db::projects::ids_of(&db, studio.artist).await.expect("ids").is_empty());
        assert_eq!(db::share::by_token(&db, &full.token_hash).await.expect("there").state(), LinkState::Gone);
        assert!(transact!(db, [], |tx| async move { db::shots::lock(tx, shot_id).await.map(drop) }).is_err());
        assert!(transact!(db, [], |tx| restore(tx, Thing::Shot(shot_id))).is_err(), "the shot is not in the bin itself");
        transact!(db, [], |tx| restore(tx, Thing::Project(project_id))).expect("restored");
        assert_eq!(all().await, [true; 17], "as it was");
    }

    async fn what_runs_stops_when_its_shot_goes_into_the_bin_and_waits_for_it(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (quadmask_id, seen) = studio.submitted(shot_id).await;
        let (supervisor, project_id) = (studio.supervisor, studio.project_id);
        let ballot = Ballot { person_id: supervisor, role: Role::Supervisor, seen, verdict: Verdict::Approve, note: "" };
        let outcome = transact!(db, [ballot], |tx| on_quadmask(tx, quadmask_id, &ballot)).expect("approved");
        let (run_id, job_id) = outcome.run.expect("queued");
        sqlx::query("update job set state = 'running', worker = 'w', attempt = 1, lease_until = 9000000000000000 where job_id = $1")
            .bind(job_id.to_string())
            .execute(db.pool())
            .await
            .expect("running");
        transact!(db, [], |tx| db::runs::started(tx, run_id)).expect("started");
        transact!(db, [], |tx| put(tx, Thing::Shot(shot_id), supervisor)).expect("in the bin");
        let of_run = async || job_states(&db).await.pop().expect("a job");
        assert_eq!(of_run().await, ("queued".to_owned(), 1));
        // What its worker made meanwhile is not kept.
        let made = finished("late");
        assert!(transact!(db, [made], |tx| db::versions::create(tx, run_id, &made)).is_err());
        transact!(db, [], |tx| archive(tx, project_id, true)).expect("archived");
        assert!(transact!(db, [], |tx| restore(tx, Thing::Shot(shot_id))).is_err(), "archived is read-only");
        transact!(db, [], |tx| archive(tx, project_id, false)).expect("woken");
        assert_eq!(of_run().await, ("queued".to_owned(), 1), "still in the bin");
        transact!(db, [], |tx| restore(tx, Thing::Shot(shot_id))).expect("restored");
        assert_eq!(of_run().await, ("queued".to_owned(), 0));
        transact!(db, [], |tx| archive(tx, project_id, true)).expect("archived");
        assert_eq!(of_run().await, ("queued".to_owned(), 1));
    }

    async fn deleted_for_good_leaves_no_row_but_the_trail(db) {
        let studio = Studio::new(&db).await;
        let owner = studio.owner;
        let gone = full(&studio, "pillow").await;
        let kept = Studio {
            project_id: transact!(db, [], |tx| db::projects::create(tx, "Second", owner, false)).expect("a project"),
            ..studio.clone()
        };
        for person in [kept.artist, kept.supervisor] {
            let id = kept.project_id;
            transact!(db, [], |tx| db::projects::set_member(tx, id, person, true)).expect("a member");
        }
        let stays = full(&kept, "lime").await;
        let of_kept = async || naming(&everything(&db).await, &stays.shot_id.to_string()).len();
        let before = of_kept().await;
        assert!(before > 15, "{before}");
        let project_id = studio.project_id;
        let thing = Thing::Project(project_id);
        for refused in [
            transact!(db, [], |tx| purge(tx, thing, Because::Typed("First"))),
            transact!(db, [], |tx| async move { put(tx, thing, owner).await?; purge(tx, thing, Because::Typed("first")).await }),
        ] {
            assert!(matches!(refused, Err(db::Error::Conflict(_) | db::Error::Invalid(_))), "{refused:?}");
        }
        let note = db::audit::Note {
            deed: domain::Deed::DeletedForGood,
            by: Some(owner),
            who: String::new(),
            project_id: Some(project_id),
            about: "project “First”".into(),
            address: String::new(),
        };
        let uploads = transact!(db, [note], |tx| async move {
            put(tx, thing, owner).await?;
            db::audit::add(tx, &note).await?;
            purge(tx, thing, Because::Typed(" First ")).await
        })
        .expect("gone");
        assert_eq!(uploads.len(), 1, "the one whose bytes are still on their way");
        let all = everything(&db).await;
        let ids = [
            project_id.to_string(),
            gone.shot_id.to_string(),
            gone.version_id.to_string(),
            gone.link_id.to_string(),
            gone.thread_id.to_string(),
            gone.guest.to_string(),
        ];
        for id in ids {
            assert!(naming(&all, &id).is_empty(), "{id}: {:?}", naming(&all, &id));
        }
        assert_eq!(of_kept().await, before, "the other project");
        let trail = db::audit::page(&db, &Default::default(), 10).await.expect("the trail");
        assert!(trail.iter().any(|row| row.project_name.as_deref() == Some("First")));
        // Twice, and what was never there.
        assert!(transact!(db, [], |tx| purge(tx, thing, Because::Typed("First"))).is_err());
        // A shot alone: its project and the link that showed it stay.
        let thing = Thing::Shot(stays.shot_id);
        transact!(db, [], |tx| async move { put(tx, thing, owner).await?; purge(tx, thing, Because::Typed("lime")).await }).expect("gone");
        let all = everything(&db).await;
        for id in [stays.shot_id.to_string(), stays.version_id.to_string(), stays.thread_id.to_string()] {
            assert!(naming(&all, &id).is_empty(), "{id}: {:?}", naming(&all, &id));
        }
        assert_eq!(db::share::by_token(&db, &stays.token_hash).await.expect("there").state(), LinkState::Gone);
        assert!(db::projects::get(db.pool(), kept.project_id).await.is_ok());
    }

    async fn the_bin_is_emptied_by_age(db) {
        let studio = Studio::new(&db).await;
        let (old, young) = (studio.shot("old").await, studio.shot("young").await);
        let supervisor = studio.supervisor;
        for shot_id in [old, young] {
            transact!(db, [], |tx| put(tx, Thing::Shot(shot_id), supervisor)).expect("in the bin");
        }
        sqlx::query("update shot set binned_at = binned_at - 2592000000000 where shot_id = $1")
            .bind(old.to_string())
            .execute(db.pool())
            .await
            .expect("older");
        let before = domain::bin::overdue_before(db::now());
        let over = overdue(&db, before).await.expect("overdue");
        assert_eq!(over.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["old"]);
        // Taken out meanwhile: it stays.
        transact!(db, [], |tx| restore(tx, Thing::Shot(old))).expect("restored");
        assert!(transact!(db, [], |tx| purge(tx, Thing::Shot(old), Because::Overdue(before))).is_err());
        assert!(transact!(db, [], |tx| purge(tx, Thing::Shot(young), Because::Overdue(before))).is_err());
    }

    async fn shots_are_handed_over_all_of_them_or_none(db) {
        let studio = Studio::new(&db).await;
        let (artist, second, client, by) = (studio.artist, studio.second, studio.client, studio.owner);
        let (a, b) = (studio.shot("a").await, studio.shot("b").await);
        let other = transact!(db, [], |tx| db::projects::create(tx, "Second", by, false)).expect("a project");
        let assign = WorkChange::Assign { person_id: artist };
        transact!(db, [], |tx| db::assignments::change(tx, &[a, b], assign, by)).expect("assigned");
        assert_eq!(db::assignments::counts(&db).await.expect("counts").get(&artist), Some(&2));
        for to in [Some(client), Some(artist), Some(PersonId(db::new_uuid()))] {
            let refused = transact!(db, [], |tx| db::assignments::hand_over(tx, artist, to, by));
            assert!(matches!(refused, Err(db::Error::Invalid(_))), "{refused:?}");
        }
        let moved = transact!(db, [], |tx| db::assignments::hand_over(tx, artist, Some(second), by)).expect("moved");
        assert_eq!(moved, 2);
        let counts = db::assignments::counts(&db).await.expect("counts");
        assert_eq!((counts.get(&artist), counts.get(&second)), (None, Some(&2)));
        let reader = Reader { person_id: second, role: Role::Supervisor, projects: &[studio.project_id, other] };
        assert_eq!(db::inbox::list(&db, reader).await.expect("entries").len(), 2);
        assert_eq!(transact!(db, [], |tx| db::assignments::hand_over(tx, second, None, by)).expect("taken off"), 2);
        assert!(db::assignments::counts(&db).await.expect("counts").is_empty());
        // Entries end with their time.
        assert_eq!(db::inbox::prune(&db, db::now() - 1_000_000_000).await.expect("pruned"), 0);
        assert_eq!(db::inbox::prune(&db, db::now() + 1).await.expect("pruned"), 4);
    }

    async fn clients_who_are_kept_apart_hear_the_team_and_themselves(db) {
        let studio = Studio::new(&db).await;
        let (supervisor, client, project_id) = (studio.supervisor, studio.client, studio.project_id);
        let full = full(&studio, "pillow").await;
        let version_id = full.version_id;
        transact!(db, [], |tx| db::versions::show_client(tx, version_id, true)).expect("shown");
        let place = Place { shot_id: full.shot_id, version_id: Some(version_id), frames: None, client_visible: true };
        let text = said("I am Cleo");
        transact!(db, [text], |tx| start(tx, place, client, (client, Role::Client), &text)).expect("said");
        let link = db::share::New {
            project_id,
            name: "Another client".into(),
            token_hash: "another".into(),
            grants: Grants { comment: true, approve: false, download: false },
            password_hash: None,
            expires_at: None,
            versions: vec![version_id],
        };
        let other = transact!(db, [link], |tx| db::share::create(tx, &link, supervisor)).expect("a link");
        use db::threads::Eyes;
        let texts = async |eyes: Eyes| {
            let threads = db::threads::list(&db, full.shot_id, client, eyes).await.expect("threads");
            let mut texts: Vec<String> =
                threads.into_iter().flat_map(|t| t.comments).map(|c| c.text).filter(|text| !text.is_empty()).collect();
            texts.sort();
            texts
        };
        let names = async |eyes: Eyes| {
            let people = db::threads::authors_seen(db.pool(), full.shot_id, eyes).await.expect("people");
            people.into_iter().map(|one| one.name).collect::<Vec<_>>()
        };
        let (team, guest) = (["Look, @Ana", "Which one, @Sam?"], "More to the left");
        let (cleo, gus, stranger) = (Eyes::Client(client), Eyes::Guest(full.link_id), Eyes::Guest(other));
        for eyes in [cleo, gus, stranger, Eyes::Team] {
            assert_eq!(texts(eyes).await, ["I am Cleo", team[0], guest, team[1]], "{eyes:?}");
        }
        assert!(names(gus).await.contains(&"Cleo".to_owned()));
        let apart = Sharing { clients_apart: true, ..Sharing::default() };
        transact!(db, [apart], |tx| db::projects::set_sharing(tx, project_id, &apart)).expect("apart");
        assert_eq!(texts(cleo).await, ["I am Cleo", team[0], team[1]]);
        assert_eq!(texts(gus).await, [team[0], guest, team[1]]);
        assert_eq!(texts(stranger).await, team);
        assert_eq!(texts(Eyes::Team).await.len(), 4);
        assert!(!names(gus).await.contains(&"Cleo".to_owned()));
        assert!(!db::threads::is_seen(&db, thread_of(&db, "I am Cleo").await, gus).await.expect("asked"));
        assert!(db::threads::is_seen(&db, full.thread_id, gus).await.expect("asked"));
        // Nor by searching.
        let reader = Reader { person_id: client, role: Role::Client, projects: &[project_id] };
        assert!(db::search::comments(&db, reader, "left").await.expect("comments").is_empty());
        assert_eq!(db::search::comments(&db, reader, "cleo").await.expect("comments").len(), 1);
        // Owners always share, and a role that never may is refused.
        let wrong = Sharing { sharers: vec![Role::Artist], clients_apart: false };
        assert!(transact!(db, [wrong], |tx| db::projects::set_sharing(tx, project_id, &wrong)).is_err());
        let few = Sharing { sharers: vec![], clients_apart: false };
        transact!(db, [few], |tx| db::projects::set_sharing(tx, project_id, &few)).expect("owners only");
        let project = db::projects::get(db.pool(), project_id).await.expect("there");
        assert_eq!(project.sharing, Sharing { sharers: vec![Role::Owner], clients_apart: false });
    }

    async fn a_link_is_changed_while_it_is_not_withdrawn(db) {
        use db::share::{Change, Password, Until};
        let change = |grants, until| Change { grants, until, password: Password::Kept };
        let studio = Studio::new(&db).await;
        let full = full(&studio, "pillow").await;
        let (link_id, supervisor) = (full.link_id, studio.supervisor);
        let all = Grants { comment: false, approve: false, download: true };
        let over = Until::Set(Some(db::now() - 1));
        let expired = change(all, over);
        transact!(db, [expired], |tx| db::share::change(tx, link_id, &expired)).expect("changed");
        let link = db::share::get(db.pool(), link_id).await.expect("there");
        assert_eq!((link.grants, link.state()), (all, LinkState::Expired));
        let fewer = change(Grants::default(), Until::Kept);
        transact!(db, [fewer], |tx| db::share::change(tx, link_id, &fewer)).expect("changed");
        assert_eq!(db::share::get(db.pool(), link_id).await.expect("there").expires_at, link.expires_at);
        let endless = change(Grants::default(), Until::Set(None));
        transact!(db, [endless], |tx| db::share::change(tx, link_id, &endless)).expect("changed");
        assert_eq!(db::share::get(db.pool(), link_id).await.expect("there").state(), LinkState::Open);
        transact!(db, [], |tx| db::share::revoke(tx, link_id, supervisor)).expect("withdrawn");
        let late = change(all, Until::Kept);
        assert!(transact!(db, [late], |tx| db::share::change(tx, link_id, &late)).is_err());
    }
}

async fn thread_of(db: &db::Db, text: &str) -> ThreadId {
    let id: String = sqlx::query_scalar("select thread_id from comment where text = $1")
        .bind(text.to_owned())
        .fetch_one(db.pool())
        .await
        .expect("there");
    id.parse().expect("an id")
}
