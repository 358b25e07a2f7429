//! Running a studio: assigned shots and due days, what waits for whom, inboxes.

use db::board::{Assigned, Filter};
use db::comments::{Place, Said, edit, reply, start};
use db::decisions::{Ballot, on_quadmask, on_version};
use db::inbox::Reader;
use domain::inbox::EntryKind;
use domain::needs::Asked;
use domain::{ApprovalPolicy, Day, Hash, PersonId, Phase, Role, ShotId, Verdict, VersionId, WorkChange};

use crate::harness::{Studio, finished};
use crate::{rules, transact};

async fn change(studio: &Studio, shots: &[ShotId], change: WorkChange) -> db::Result<()> {
    let (shots, by) = (shots.to_vec(), studio.supervisor);
    transact!(studio.db, [shots], |tx| db::assignments::change(tx, &shots, change, by))
}

async fn assign(studio: &Studio, shot_id: ShotId, person_id: PersonId) {
    change(studio, &[shot_id], WorkChange::Assign { person_id }).await.expect("assigned");
}

async fn entries(studio: &Studio, person_id: PersonId, role: Role) -> Vec<(EntryKind, String)> {
    let reader = Reader { person_id, role, projects: &[studio.project_id] };
    let list = db::inbox::list(&studio.db, reader).await.expect("entries");
    list.into_iter().map(|entry| (entry.kind, entry.sentence())).collect()
}

async fn kinds(studio: &Studio, person_id: PersonId, role: Role) -> Vec<EntryKind> {
    entries(studio, person_id, role).await.into_iter().map(|(kind, _)| kind).collect()
}

async fn asked(studio: &Studio, person_id: PersonId, role: Role) -> Vec<Asked> {
    let reader = Reader { person_id, role, projects: &[studio.project_id] };
    db::needs::list(&studio.db, reader).await.expect("needs").into_iter().map(|need| need.asked).collect()
}

fn day(text: &str) -> Day {
    text.parse().expect("a day")
}

fn said(text: &str) -> Said {
    Said { text: text.into(), drawing: None }
}

async fn thread(
    studio: &Studio,
    shot_id: ShotId,
    (author, role): (PersonId, Role),
    client_visible: bool,
    text: &str,
) -> domain::ThreadId {
    let place = Place { shot_id, version_id: None, frames: None, client_visible };
    let said = said(text);
    transact!(studio.db, [said], |tx| start(tx, place, author, (author, role), &said)).expect("said")
}

async fn answer(
    studio: &Studio,
    id: domain::ThreadId,
    (author, role): (PersonId, Role),
    text: &str,
) -> domain::CommentId {
    let said = said(text);
    transact!(studio.db, [said], |tx| reply(tx, id, author, (author, role), &said)).expect("answered")
}

async fn approve(studio: &Studio, id: domain::QuadmaskId, seen: Hash) -> domain::RunId {
    let ballot = Ballot {
        person_id: studio.supervisor,
        role: Role::Supervisor,
        seen,
        verdict: Verdict::Approve,
        note: "",
    };
    let outcome = transact!(studio.db, [ballot], |tx| on_quadmask(tx, id, &ballot)).expect("approved");
    outcome.run.expect("queued").0
}

async fn run(studio: &Studio, run_id: domain::RunId) -> VersionId {
    transact!(studio.db, [], |tx| db::runs::started(tx, run_id)).expect("started");
    let finished = finished(&run_id.to_string());
    transact!(studio.db, [finished], |tx| db::versions::create(tx, run_id, &finished)).expect("made")
}

rules! {
    async fn a_shot_is_assigned_to_people_of_its_project_and_never_to_clients(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let stranger = transact!(db, [], |tx| db::people::create(tx, "Stella", "stella@studio.test", Some("hash"), Role::Artist));
        let producer = transact!(db, [], |tx| db::people::create(tx, "Pia", "pia@studio.test", Some("hash"), Role::Producer));
        let (stranger, producer) = (stranger.expect("made"), producer.expect("made"));
        for person_id in [studio.client, stranger, PersonId(db::new_uuid())] {
            let refused = change(&studio, &[shot_id], WorkChange::Assign { person_id }).await;
            assert!(matches!(refused, Err(db::Error::Invalid(_))), "{refused:?}");
        }
        for person_id in [studio.artist, producer, studio.artist] {
            assign(&studio, shot_id, person_id).await;
        }
        let names = async || {
            let mut found = db::assignments::of_shots(&db, &[shot_id]).await.expect("rows");
            found.remove(&shot_id).unwrap_or_default().into_iter().map(|one| one.name).collect::<Vec<_>>()
        };
        assert_eq!(names().await, ["Ana", "Pia"]);
        assert_eq!(kinds(&studio, studio.artist, Role::Artist).await, [EntryKind::Assigned], "once");
        // One shot that is not there: none of them changes.
        let other = ShotId(db::new_uuid());
        let refused = change(&studio, &[shot_id, other], WorkChange::Clear).await;
        assert!(matches!(refused, Err(db::Error::NotFound)), "{refused:?}");
        assert_eq!(names().await.len(), 2);
        assert!(matches!(change(&studio, &[], WorkChange::Clear).await, Err(db::Error::Invalid(_))));
        let many = vec![shot_id; 3].into_iter().chain((0..100).map(|_| ShotId(db::new_uuid()))).collect::<Vec<_>>();
        assert!(matches!(change(&studio, &many, WorkChange::Clear).await, Err(db::Error::Invalid(_))));

        // Who leaves the project leaves its shots.
        let (artist, project_id) = (studio.artist, studio.project_id);
        transact!(db, [], |tx| db::projects::set_member(tx, project_id, artist, false)).expect("left");
        assert_eq!(names().await, ["Pia"]);
        transact!(db, [], |tx| db::people::set_role(tx, producer, Role::Client)).expect("a client now");
        assert_eq!(names().await, [""; 0]);
    }

    async fn the_board_finds_whose_shots_and_which_are_due(db) {
        let studio = Studio::new(&db).await;
        let (one, two, three) = (studio.shot("one").await, studio.shot("two").await, studio.shot("three").await);
        assign(&studio, one, studio.artist).await;
        assign(&studio, one, studio.second).await;
        assign(&studio, two, studio.second).await;
        change(&studio, &[one, three], WorkChange::Due { day: day("2026-11-20") }).await.expect("due");
        change(&studio, &[two], WorkChange::Due { day: day("2026-12-02") }).await.expect("due");
        let found = async |filter: Filter| {
            let filter = Filter { by_name: true, ..filter };
            let (total, cards) = db::board::page(&db, studio.project_id, &filter, 0, 50).await.expect("a page");
            assert_eq!(total as usize, cards.len());
            cards.into_iter().map(|card| card.name).collect::<Vec<_>>()
        };
        let to = |person| Filter { assigned: Some(Assigned::To(person)), ..Filter::default() };
        assert_eq!(found(to(studio.second)).await, ["one", "two"]);
        assert_eq!(found(to(studio.artist)).await, ["one"]);
        assert_eq!(found(Filter { assigned: Some(Assigned::ToNobody), ..Filter::default() }).await, ["three"]);
        let late = Filter { due: Some((day("1970-01-01"), day("2026-11-28"))), ..Filter::default() };
        assert_eq!(found(late.clone()).await, ["one", "three"]);
        assert_eq!(found(Filter { assigned: to(studio.second).assigned, q: "ON".into(), ..late.clone() }).await, ["one"]);
        sqlx::query("update shot set phase = 'approved' where name = 'one'").execute(db.pool()).await.expect("approved");
        assert_eq!(found(late.clone()).await, ["three"], "what is approved is not late");
        change(&studio, &[three], WorkChange::NotDue).await.expect("not due");
        assert_eq!(found(late).await, [""; 0]);
        change(&studio, &[two], WorkChange::Clear).await.expect("cleared");
        assert_eq!(db::assignments::due_of(db.pool(), two).await.expect("a shot"), None);
    }

    async fn a_shot_waits_for_whom_the_rule_says(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        assert_eq!(asked(&studio, studio.artist, Role::Artist).await, []);
        assign(&studio, shot_id, studio.artist).await;
        assert_eq!(asked(&studio, studio.artist, Role::Artist).await, [Asked::MarkTargets]);
        let (quadmask_id, seen) = studio.submitted(shot_id).await;
        assert_eq!(asked(&studio, studio.artist, Role::Artist).await, []);
        assert_eq!(asked(&studio, studio.supervisor, Role::Supervisor).await, [Asked::DecideQuadmask]);
        assert_eq!(asked(&studio, studio.owner, Role::Owner).await, []);

        // Two must agree: it goes on waiting for who has not.
        let (project_id, two) = (studio.project_id, ApprovalPolicy { needed: 2, ..ApprovalPolicy::default() });
        transact!(db, [two], |tx| db::projects::update(tx, project_id, "First", 1001, &two)).expect("a policy");
        let ballot = |person_id, role| Ballot { person_id, role, seen, verdict: Verdict::Approve, note: "" };
        let first = ballot(studio.supervisor, Role::Supervisor);
        transact!(db, [first], |tx| on_quadmask(tx, quadmask_id, &first)).expect("approved");
        assert_eq!(asked(&studio, studio.supervisor, Role::Supervisor).await, []);
        assert_eq!(asked(&studio, studio.second, Role::Supervisor).await, [Asked::DecideQuadmask]);
        let second = ballot(studio.second, Role::Supervisor);
        let outcome = transact!(db, [second], |tx| on_quadmask(tx, quadmask_id, &second)).expect("approved");
        assert_eq!(asked(&studio, studio.artist, Role::Artist).await, [], "the removal waits for a worker");
        sqlx::query("update job set state = 'cancelled' where kind = 'remove'").execute(db.pool()).await.expect("cancelled");
        assert_eq!(asked(&studio, studio.artist, Role::Artist).await, [Asked::StartRemoval]);
        let version_id = run(&studio, outcome.run.expect("queued").0).await;
        assert_eq!(asked(&studio, studio.supervisor, Role::Supervisor).await, [Asked::DecideResult]);

        // The policy holds for the result too.
        let seen = db::versions::get(db.pool(), version_id).await.expect("there").subject;
        let yes = Ballot { seen, ..ballot(studio.second, Role::Supervisor) };
        transact!(db, [yes], |tx| on_version(tx, version_id, &yes)).expect("approved");
        assert_eq!(asked(&studio, studio.second, Role::Supervisor).await, []);
        assert_eq!(asked(&studio, studio.supervisor, Role::Supervisor).await, [Asked::DecideResult]);
        let yes = Ballot { seen, ..ballot(studio.supervisor, Role::Supervisor) };
        transact!(db, [yes], |tx| on_version(tx, version_id, &yes)).expect("approved");
        assert_eq!(asked(&studio, studio.supervisor, Role::Supervisor).await, []);
        assert_eq!(asked(&studio, studio.owner, Role::Producer).await, [Asked::ShowClient]);
        transact!(db, [], |tx| db::versions::show_client(tx, version_id, true)).expect("shown");
        assert_eq!(asked(&studio, studio.owner, Role::Producer).await, []);
    }

    async fn what_waits_is_sorted_by_due_day_and_then_by_age(db) {
        let studio = Studio::new(&db).await;
        let mut shots = Vec::new();
        for name in ["a", "b", "c", "d"] {
            let shot_id = studio.shot(name).await;
            assign(&studio, shot_id, studio.artist).await;
            shots.push(shot_id);
        }
        change(&studio, &[shots[3]], WorkChange::Due { day: day("2026-12-04") }).await.expect("due");
        change(&studio, &[shots[2]], WorkChange::Due { day: day("2026-12-03") }).await.expect("due");
        let reader = Reader { person_id: studio.artist, role: Role::Artist, projects: &[studio.project_id] };
        let needs = db::needs::list(&db, reader).await.expect("needs");
        let names: Vec<_> = needs.iter().map(|need| need.shot_name.as_str()).collect();
        assert_eq!(names, ["c", "d", "a", "b"]);
        assert!(needs.iter().all(|need| need.phase == Phase::Ready && need.has_poster));
        let elsewhere = db::needs::list(&db, Reader { projects: &[], ..reader }).await.expect("needs");
        assert_eq!(elsewhere, [], "of projects that one does not see");
    }

    async fn threads_wait_until_they_are_answered_or_resolved(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (sam, ana) = ((studio.supervisor, Role::Supervisor), (studio.artist, Role::Artist));
        let id = thread(&studio, shot_id, sam, false, "@Ana, is this edge yours?").await;
        assert_eq!(asked(&studio, ana.0, ana.1).await, [Asked::Answer]);
        assert_eq!(asked(&studio, sam.0, sam.1).await, []);
        answer(&studio, id, ana, "It is.").await;
        assert_eq!(asked(&studio, ana.0, ana.1).await, []);
        assert_eq!(asked(&studio, sam.0, sam.1).await, [Asked::ReadReply]);
        let supervisor = studio.supervisor;
        transact!(db, [], |tx| db::threads::seen(tx, id, supervisor, 2)).expect("read");
        assert_eq!(asked(&studio, sam.0, sam.1).await, []);
        answer(&studio, id, sam, "@Ana, wider then.").await;
        assert_eq!(asked(&studio, ana.0, ana.1).await, [Asked::Answer]);
        transact!(db, [], |tx| db::threads::resolve(tx, id, supervisor, true)).expect("resolved");
        assert_eq!(asked(&studio, ana.0, ana.1).await, []);
    }

    async fn an_inbox_has_what_happened_to_somebody_and_nothing_they_did(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (sam, ana) = ((studio.supervisor, Role::Supervisor), (studio.artist, Role::Artist));
        let (quadmask_id, seen) = studio.submitted(shot_id).await;
        let run_id = approve(&studio, quadmask_id, seen).await;
        transact!(db, [], |tx| db::runs::started(tx, run_id)).expect("started");
        transact!(db, [], |tx| db::runs::failed(tx, run_id, "The disk is full: free some.")).expect("failed");
        sqlx::query("update job set state = 'done' where kind = 'remove'").execute(db.pool()).await.expect("done");
        let recipe = domain::PlateRecipe::default();
        let artist = studio.artist;
        let queued = transact!(db, [recipe], |tx| db::runs::start(tx, shot_id, recipe.clone(), artist));
        let version_id = run(&studio, queued.expect("queued").0).await;
        let seen = db::versions::get(db.pool(), version_id).await.expect("there").subject;
        let no = Ballot { person_id: sam.0, role: sam.1, seen, verdict: Verdict::Changes, note: "Wider." };
        transact!(db, [no], |tx| on_version(tx, version_id, &no)).expect("asked");
        let id = thread(&studio, shot_id, ana, false, "Like this?").await;
        let comment = answer(&studio, id, sam, "Yes.").await;
        let named = answer(&studio, id, sam, "@Ana: go on").await;
        let texts: Vec<_> = entries(&studio, ana.0, ana.1).await.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, [
            "Sam named you in a comment",
            "Sam answered in your thread",
            "Sam asked for changes to result v1",
            "The removal is done: result v1 is in review",
            "The removal failed",
            "Sam approved quadmask v1",
        ]);
        // The supervisor started the first run, whose failure they hear of; not of what they did themselves.
        assert_eq!(kinds(&studio, sam.0, sam.1).await, [EntryKind::RunFailed]);

        // An edit tells nobody twice; what is deleted is gone there too.
        transact!(db, [], |tx| edit(tx, named, sam.0, sam, "@Ana: go on, please")).expect("edited");
        assert_eq!(kinds(&studio, ana.0, ana.1).await.len(), 6);
        transact!(db, [], |tx| db::comments::delete(tx, comment, sam.0)).expect("deleted");
        assert_eq!(kinds(&studio, ana.0, ana.1).await.len(), 5);

        // Read in the thread, read in the inbox; then everything up to a moment.
        let reader = Reader { person_id: ana.0, role: ana.1, projects: &[studio.project_id] };
        assert_eq!(db::inbox::unread(&db, reader).await.expect("counted"), 5);
        transact!(db, [], |tx| db::threads::seen(tx, id, artist, 9)).expect("read");
        assert_eq!(db::inbox::unread(&db, reader).await.expect("counted"), 4);
        let list = db::inbox::list(&db, reader).await.expect("entries");
        let until = list[2].at;
        transact!(db, [], |tx| db::inbox::read_all(tx, artist, until)).expect("read");
        assert_eq!(db::inbox::unread(&db, reader).await.expect("counted"), 1);
        let (theirs, other) = (list[1].entry_id, studio.second);
        let refused = transact!(db, [], |tx| db::inbox::read_one(tx, other, theirs));
        assert!(matches!(refused, Err(db::Error::NotFound)), "{refused:?}");
        transact!(db, [], |tx| db::inbox::read_one(tx, artist, theirs)).expect("read");
        assert_eq!(db::inbox::unread(&db, reader).await.expect("counted"), 0);
        // Whoever does not see the project any more reads nothing of it.
        assert_eq!(db::inbox::list(&db, Reader { projects: &[], ..reader }).await.expect("entries"), []);
    }

    async fn clients_get_only_what_was_said_where_they_see_it(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (quadmask_id, seen) = studio.submitted(shot_id).await;
        let version_id = run(&studio, approve(&studio, quadmask_id, seen).await).await;
        transact!(db, [], |tx| db::versions::show_client(tx, version_id, true)).expect("shown");
        let (sam, cleo) = ((studio.supervisor, Role::Supervisor), (studio.client, Role::Client));
        let shown = thread(&studio, shot_id, sam, true, "@Cleo, is the wall right?").await;
        thread(&studio, shot_id, sam, false, "@Cleo must not hear this").await;
        assert_eq!(kinds(&studio, cleo.0, cleo.1).await, [EntryKind::Mentioned]);
        assert_eq!(asked(&studio, cleo.0, cleo.1).await, [Asked::Answer]);
        transact!(db, [], |tx| db::threads::show_client(tx, shown, false)).expect("hidden");
        assert_eq!(kinds(&studio, cleo.0, cleo.1).await, [], "hidden again");
        assert_eq!(asked(&studio, cleo.0, cleo.1).await, []);
        transact!(db, [], |tx| db::threads::show_client(tx, shown, true)).expect("shown");
        transact!(db, [], |tx| db::versions::show_client(tx, version_id, false)).expect("hidden");
        assert_eq!(kinds(&studio, cleo.0, cleo.1).await, [], "nothing of the shot is shown");
    }

    async fn a_search_answers_at_once_among_ten_thousand_comments(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (sam, ana) = ((studio.supervisor, Role::Supervisor), (studio.artist, Role::Artist));
        let id = thread(&studio, shot_id, sam, false, "The only zebra of all").await;
        let fill = "insert into comment (comment_id, thread_id, n, kind, author, text, created_at)
             with recursive counted(i) as (select 2 union all select i + 1 from counted where i < 10001)
             select '00000000-0000-7000-8000-' || substr(cast(1000000000000 + i as text), 2), $1, i, 'said', $2,
                 'Comment number ' || cast(i as text) || ': the edge of the matte shows against the wall in this frame, please look at it again.',
                 1700000000000000 + i from counted";
        sqlx::query(fill).bind(id.to_string()).bind(sam.0.to_string()).execute(db.pool()).await.expect("filled");
        let reader = Reader { person_id: ana.0, role: ana.1, projects: &[studio.project_id] };
        for (q, count) in [("zebra", 1), ("edge wall", 20), ("number 9999:", 1), ("nowhere", 0)] {
            let start = std::time::Instant::now();
            let found = db::search::comments(&db, reader, q).await.expect("an answer");
            let took = start.elapsed();
            assert_eq!(found.len(), count, "{q}");
            // Measured without optimisation on a busy machine: 17 to 42 ms on PostgreSQL, 62 to 161 ms on SQLite.
            assert!(took.as_millis() < 1000, "“{q}” took {took:?}");
            eprintln!("{:?} “{q}”: {took:?}", db.engine());
        }
        assert_eq!(db::search::comments(&db, Reader { projects: &[], ..reader }, "zebra").await.expect("an answer"), []);
        assert_eq!(db::search::shots(&db, reader, "LIM").await.expect("an answer").len(), 1);
    }
}
