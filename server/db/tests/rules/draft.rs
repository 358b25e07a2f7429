//! Editors, strokes, undo, propagation.

use db::draft::{Frame, frame};
use db::edits::{Change, Walk};
use domain::{Cover, Hash, Phase};

use crate::harness::{Studio, made};
use crate::{rules, transact};

fn painted(picture: &str) -> Change {
    Change {
        levels: Some(Hash::of(picture.as_bytes())),
        locks: Some(Hash::of(b"locks")),
        locked: false,
        cover: Cover {
            primary_area: 3,
            overlap_area: 1,
            affected_area: 1,
            primary_cells: "0f".parse().expect("cells"),
        },
    }
}

fn picture(frame: &Frame) -> Option<Hash> {
    frame.levels
}

rules! {
    async fn undo_and_redo_walk_the_same_edits(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        for name in ["one", "two"] {
            let seen = frame(db.pool(), shot_id, 2).await.expect("read");
            let change = painted(name);
            let kept = transact!(db, [seen, change], |tx| db::edits::apply(tx, shot_id, artist, &seen, &change));
            assert!(kept.expect("written").is_some());
        }
        let walk = |way: Walk| {
            let db = db.clone();
            async move {
                transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, way)).expect("walked").map(|f| picture(&f))
            }
        };
        let of = |name: &str| Some(Hash::of(name.as_bytes()));
        assert_eq!(walk(Walk::Undo).await, Some(of("one")));
        assert_eq!(walk(Walk::Undo).await, Some(None));
        assert_eq!(walk(Walk::Undo).await, None);
        assert_eq!(walk(Walk::Redo).await, Some(of("one")));
        assert_eq!(walk(Walk::Redo).await, Some(of("two")));
        assert_eq!(walk(Walk::Redo).await, None);
        assert_eq!(walk(Walk::Undo).await, Some(of("one")));
        // A new edit ends the way forward.
        let seen = frame(db.pool(), shot_id, 2).await.expect("read");
        let change = painted("three");
        transact!(db, [seen, change], |tx| db::edits::apply(tx, shot_id, artist, &seen, &change)).expect("written");
        assert_eq!(walk(Walk::Redo).await, None);
        let now = frame(db.pool(), shot_id, 2).await.expect("read");
        assert_eq!((now.levels, &now.cover), (of("three"), &change.cover));
        // What the layers cover goes and comes back with the picture.
        let undone = transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, Walk::Undo)).expect("walked");
        assert_eq!(undone.map(|f| f.cover), Some(painted("one").cover));
    }

    async fn a_stroke_on_an_old_picture_is_not_written(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        let seen = frame(db.pool(), shot_id, 0).await.expect("read");
        let (first, late) = (painted("first"), painted("late"));
        transact!(db, [seen, first], |tx| db::edits::apply(tx, shot_id, artist, &seen, &first)).expect("written").expect("new");
        let lost = transact!(db, [seen, late], |tx| db::edits::apply(tx, shot_id, artist, &seen, &late)).expect("asked");
        assert_eq!(lost, None);
        assert_eq!(picture(&frame(db.pool(), shot_id, 0).await.expect("read")), first.levels);
    }

    async fn one_edits_until_another_takes_over(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist, other) = (studio.shot("lime").await, studio.artist, studio.supervisor);
        transact!(db, [], |tx| db::draft::hold(tx, shot_id, artist, false)).expect("editing");
        let refused = transact!(db, [], |tx| db::draft::hold(tx, shot_id, other, false));
        let Err(db::Error::Conflict(sentence)) = refused else { panic!("refused") };
        assert!(sentence.contains("Ana"), "{sentence}");
        let seen = frame(db.pool(), shot_id, 0).await.expect("read");
        let change = painted("mine");
        let stroke = transact!(db, [seen, change], |tx| db::edits::apply(tx, shot_id, other, &seen, &change));
        assert!(matches!(stroke, Err(db::Error::Conflict(_))), "{stroke:?}");
        transact!(db, [], |tx| db::draft::hold(tx, shot_id, other, true)).expect("taken over");
        let stroke = transact!(db, [seen, change], |tx| db::edits::apply(tx, shot_id, other, &seen, &change));
        assert!(stroke.expect("written").is_some());
        assert_eq!(db::shots::get(db.pool(), shot_id).await.expect("there").editor, Some(other));
    }

    async fn nobody_takes_back_what_another_painted_over(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist, other) = (studio.shot("lime").await, studio.artist, studio.supervisor);
        for (who, name) in [(artist, "mine"), (other, "theirs")] {
            let seen = frame(db.pool(), shot_id, 0).await.expect("read");
            let change = painted(name);
            transact!(db, [], |tx| db::draft::hold(tx, shot_id, who, true)).expect("editing");
            transact!(db, [seen, change], |tx| db::edits::apply(tx, shot_id, who, &seen, &change)).expect("written");
        }
        transact!(db, [], |tx| db::draft::hold(tx, shot_id, artist, true)).expect("editing");
        assert_eq!(transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, Walk::Undo)).expect("walked"), None);
    }

    async fn propagation_never_overwrites_a_locked_frame(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        let seen = frame(db.pool(), shot_id, 1).await.expect("read");
        let change = Change { locked: true, ..painted("right as it is") };
        let kept = transact!(db, [seen, change], |tx| db::edits::apply(tx, shot_id, artist, &seen, &change));
        let revision = kept.expect("written").expect("new").revision;
        let grown = vec![made(0, 0, "grown 0"), made(1, revision, "grown 1"), made(2, 0, "grown 2")];
        let redo = transact!(db, [grown], |tx| db::draft::put_segment_frames(tx, shot_id, &grown)).expect("put");
        assert_eq!(redo, Vec::<u32>::new());
        let frames = db::draft::frames(db.pool(), shot_id).await.expect("read");
        let pictures: Vec<_> = frames.iter().map(picture).collect();
        assert_eq!(pictures, [Some(Hash::of(b"grown 0")), change.levels, Some(Hash::of(b"grown 2"))]);
    }

    async fn propagation_reports_frames_that_changed_meanwhile(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        let seen = frame(db.pool(), shot_id, 1).await.expect("read");
        let change = painted("a stroke while it grew");
        transact!(db, [seen, change], |tx| db::edits::apply(tx, shot_id, artist, &seen, &change)).expect("written");
        let grown = vec![made(0, 0, "grown 0"), made(1, seen.revision, "grown 1")];
        let redo = transact!(db, [grown], |tx| db::draft::put_segment_frames(tx, shot_id, &grown)).expect("put");
        assert_eq!(redo, [1]);
        assert_eq!(picture(&frame(db.pool(), shot_id, 1).await.expect("read")), change.levels);
    }

    async fn a_draft_in_review_is_read_only(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        studio.submitted(shot_id).await;
        let seen = frame(db.pool(), shot_id, 0).await.expect("read");
        let change = painted("too late");
        let words = domain::Words::default();
        let grown = vec![made(0, seen.revision, "too late")];
        let refused = [
            transact!(db, [seen, change], |tx| db::edits::apply(tx, shot_id, artist, &seen, &change)).err(),
            transact!(db, [words], |tx| db::brief::save_words(tx, shot_id, &words)).err(),
            transact!(db, [], |tx| db::brief::add_cause(tx, shot_id, "shadow")).err(),
            transact!(db, [], |tx| db::brief::add_target(tx, shot_id, "ball")).err(),
            transact!(db, [grown], |tx| db::draft::put_segment_frames(tx, shot_id, &grown)).err(),
            transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, Walk::Undo)).err(),
        ];
        for error in refused {
            let Some(db::Error::Conflict(sentence)) = error else { panic!("{error:?}") };
            assert!(sentence.contains("Re-open the quadmask first"), "{sentence}");
        }
        transact!(db, [], |tx| db::shots::reopen(tx, shot_id)).expect("re-opened");
        transact!(db, [words], |tx| db::brief::save_words(tx, shot_id, &words)).expect("editable again");
    }

    async fn a_draft_that_changed_while_it_was_combined_is_not_sent(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        let first = vec![made(0, 0, "mask")];
        transact!(db, [first], |tx| db::draft::replace_all(tx, shot_id, &first)).expect("a draft");
        let revision = db::draft::state(db.pool(), shot_id).await.expect("read").revision;
        transact!(db, [], |tx| db::brief::add_cause(tx, shot_id, "shadow")).expect("changed");
        let combined = crate::harness::combined("subject", revision);
        let sent = transact!(db, [combined], |tx| db::quadmasks::submit(tx, shot_id, artist, "", &combined));
        assert!(matches!(sent, Err(db::Error::Conflict(_))), "{sent:?}");
        assert_eq!(db::shots::get(db.pool(), shot_id).await.expect("there").phase, Phase::Masking);
    }
}
