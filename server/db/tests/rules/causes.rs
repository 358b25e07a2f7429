//! Causes as a thing of their own: approved before the quadmask, where the project asks for it.

use db::decisions::Ballot;
use domain::cause::CausesReview;
use domain::{Hash, PersonId, Role, ShotId, Verdict};

use crate::harness::{Studio, made};
use crate::{rules, transact};

async fn review(studio: &Studio, shot_id: ShotId) -> Option<CausesReview> {
    let project = db::projects::get(studio.db.pool(), studio.project_id).await.expect("there");
    db::causes::review(&studio.db, &project, shot_id).await.expect("read")
}

async fn decide(
    studio: &Studio,
    shot_id: ShotId,
    seen: Hash,
    (person_id, role): (PersonId, Role),
    verdict: Verdict,
) -> db::Result<()> {
    let ballot = Ballot { person_id, role, seen, verdict, note: "a note" };
    transact!(studio.db, [ballot], |tx| db::causes::decide(tx, shot_id, &ballot))
}

rules! {
    async fn a_quadmask_waits_until_its_causes_are_approved(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist, project_id) = (studio.shot("lime").await, studio.artist, studio.project_id);
        let (sam, sue) = ((studio.supervisor, Role::Supervisor), (studio.second, Role::Supervisor));
        assert_eq!(review(&studio, shot_id).await, None);
        transact!(db, [], |tx| db::causes::set_first(tx, project_id, true)).expect("on");
        let frames = vec![made(0, 0, "mask")];
        transact!(db, [frames], |tx| db::draft::replace_all(tx, shot_id, &frames)).expect("a draft");
        let cause = transact!(db, [], |tx| db::brief::add_cause(tx, shot_id, artist, "Shadow")).expect("a cause");
        let first = review(&studio, shot_id).await.expect("asked for");
        assert_eq!((first.is_approved, first.author), (false, artist));
        let early = studio.submit(shot_id, "early").await;
        assert!(matches!(&early, Err(db::Error::Conflict(why)) if why.contains("causes approved first")), "{early:?}");

        // A word about other causes, of an artist, or without a reason does not count.
        let other = decide(&studio, shot_id, Hash::of(b"other"), sam, Verdict::Approve).await;
        assert!(matches!(other, Err(db::Error::Conflict(_))), "{other:?}");
        let mine = decide(&studio, shot_id, first.subject, (artist, Role::Artist), Verdict::Approve).await;
        assert!(matches!(mine, Err(db::Error::Invalid(_))), "{mine:?}");
        decide(&studio, shot_id, first.subject, sam, Verdict::Approve).await.expect("approved");
        let twice = decide(&studio, shot_id, first.subject, sam, Verdict::Approve).await;
        assert!(matches!(twice, Err(db::Error::Conflict(_))), "{twice:?}");
        assert!(review(&studio, shot_id).await.expect("asked for").is_approved);

        // Somebody wants changes; then the causes change, and need a new word.
        decide(&studio, shot_id, first.subject, sue, Verdict::Changes).await.expect("asked for changes");
        assert!(!review(&studio, shot_id).await.expect("asked for").is_approved);
        let changed = domain::Cause { reason: "cast on the wall".into(), ..cause };
        transact!(db, [changed], |tx| db::brief::save_cause(tx, shot_id, artist, &changed)).expect("saved");
        let second = review(&studio, shot_id).await.expect("asked for");
        assert!(second.subject != first.subject && !second.is_approved);
        assert_eq!(second.decisions.len(), 2, "what was said stays on record");
        decide(&studio, shot_id, second.subject, sam, Verdict::Approve).await.expect("approved");
        studio.submit(shot_id, "in time").await.expect("sent to review");
        // From then on the quadmask is decided about.
        let late = decide(&studio, shot_id, second.subject, sue, Verdict::Approve).await;
        assert!(matches!(late, Err(db::Error::Conflict(_))), "{late:?}");
    }

    async fn without_the_rule_causes_are_no_thing_of_their_own(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let sam = (studio.supervisor, Role::Supervisor);
        let seen = db::causes::subject(&[]);
        let refused = decide(&studio, shot_id, seen, sam, Verdict::Approve).await;
        assert!(matches!(refused, Err(db::Error::Conflict(_))), "{refused:?}");
        studio.submitted(shot_id).await;
    }
}
