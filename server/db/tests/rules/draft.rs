//! Editors, strokes, undo, propagation.

use db::clicks::Answered;
use db::draft::{Frame, frame};
use db::edits::{Change, Walk, Walked};
use db::items::Item;
use domain::run::{GrownBy, Segmenter};
use domain::{Cause, Consequence, Cover, Hash, PathPoint, Phase, PointPrompt, ShotId, Target};

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
            shape: Some("1,2,9,8;1,2,9,8;2,5;0,0;0f".parse().expect("a form")),
        },
    }
}

fn picture(frame: &Frame) -> Option<Hash> {
    frame.levels
}

fn frame_of(walked: Option<Walked>) -> Option<Frame> {
    walked.map(|walked| match walked {
        Walked::Frame(frame) => frame,
        Walked::Item { .. } => panic!("{walked:?}"),
    })
}

async fn causes(db: &db::Db, shot_id: ShotId) -> Vec<Cause> {
    db::brief::causes(db.pool(), shot_id).await.expect("read")
}

async fn targets(db: &db::Db, shot_id: ShotId) -> Vec<Target> {
    db::brief::targets(db.pool(), shot_id).await.expect("read")
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
                let walked = transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, way)).expect("walked");
                frame_of(walked).map(|f| picture(&f))
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
        assert_eq!(frame_of(undone).map(|f| f.cover), Some(painted("one").cover));
    }

    async fn strokes_cells_paths_and_causes_are_taken_back_in_the_order_they_were_made(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        let seen = frame(db.pool(), shot_id, 3).await.expect("read");
        let change = painted("an older stroke elsewhere");
        transact!(db, [seen, change], |tx| db::edits::apply(tx, shot_id, artist, &seen, &change)).expect("written");
        // One state after each edit.
        let mut states = vec![causes(&db, shot_id).await];
        let id = transact!(db, [], |tx| db::brief::add_cause(tx, shot_id, artist, "Ball")).expect("a cause").cause_id;
        states.push(causes(&db, shot_id).await);
        let second = transact!(db, [], |tx| db::brief::add_cause(tx, shot_id, artist, "Shadow")).expect("a cause");
        states.push(causes(&db, shot_id).await);
        transact!(db, [], |tx| db::brief::set_cells(tx, shot_id, artist, id, &[(0, 1), (2, 3)], true, (1, 3))).expect("set");
        states.push(causes(&db, shot_id).await);
        let path = vec![PathPoint { frame: 0, x: 1.5, y: 2.0 }, PathPoint { frame: 4, x: 30.25, y: 2.0 }];
        let saved = Cause { consequence: Consequence::React, path, reason: "hit by it".into(), ..states[3][0].clone() };
        transact!(db, [saved], |tx| db::brief::save_cause(tx, shot_id, artist, &saved)).expect("saved");
        states.push(causes(&db, shot_id).await);
        // Saved again as it is: nothing that could be taken back.
        transact!(db, [saved], |tx| db::brief::save_cause(tx, shot_id, artist, &saved)).expect("saved");
        transact!(db, [], |tx| db::brief::delete_cause(tx, shot_id, artist, id)).expect("deleted");
        states.push(causes(&db, shot_id).await);
        assert_eq!(states[5], [second]);

        let walk = |way: Walk| {
            let db = db.clone();
            async move { transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, way)).expect("walked") }
        };
        for at in (0..5).rev() {
            let walked = walk(Walk::Undo).await;
            assert_eq!(causes(&db, shot_id).await, states[at], "undone to {at}");
            let of = |which: usize| states[which].iter().find(|c| c.cause_id == id).cloned().map(Item::Cause);
            if at != 1 {
                assert_eq!(walked, Some(Walked::Item { before: of(at + 1), after: of(at) }));
            }
        }
        assert_eq!(frame_of(walk(Walk::Undo).await).map(|f| (f.frame, f.levels)), Some((3, None)));
        assert_eq!(walk(Walk::Undo).await, None);
        assert!(frame_of(walk(Walk::Redo).await).is_some());
        for (at, state) in states.iter().enumerate().skip(1) {
            walk(Walk::Redo).await;
            assert_eq!(&causes(&db, shot_id).await, state, "done again to {at}");
        }
        assert_eq!(walk(Walk::Redo).await, None);

        // Back with its cells in its old place; then another edit ends the way forward.
        walk(Walk::Undo).await;
        assert_eq!(causes(&db, shot_id).await, states[4]);
        transact!(db, [], |tx| db::brief::set_cells(tx, shot_id, artist, id, &[(1, 1)], true, (0, 0))).expect("set");
        assert_eq!(walk(Walk::Redo).await, None);
    }

    async fn who_answers_clicks_is_chosen_and_what_answered_is_told(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        let state = async || db::draft::state(db.pool(), shot_id).await.expect("read");
        assert_eq!((state().await.grow_with, state().await.answered), (None, None));
        for by in [Segmenter::Sam2, Segmenter::Plate] {
            transact!(db, [], |tx| db::draft::grow_with(tx, shot_id, by)).expect("chosen");
            assert_eq!(state().await.grow_with, Some(by));
        }
        let by = GrownBy { by: Segmenter::Plate, network: None };
        let target = transact!(db, [], |tx| db::brief::add_target(tx, shot_id, artist, "Vase")).expect("a target");
        let answer = async |frame: u32, x: f32| {
            let point = PointPrompt { frame, x, y: 12.0, positive: true };
            let marked = Target { points: vec![point], ..target.clone() };
            transact!(db, [marked], |tx| db::brief::save_target(tx, shot_id, artist, &marked)).expect("saved");
            while let Some(click) = db::clicks::take(&db).await.expect("asked") {
                let seen = db::draft::frame(db.pool(), shot_id, click.frame).await.expect("read");
                let (mask, by) = (made(click.frame, seen.revision, "a mask"), by.clone());
                let put = transact!(db, [mask, by], |tx| db::clicks::answer(tx, click, &mask, &by));
                assert_eq!(put.expect("answered"), Answered::Put);
            }
        };
        answer(2, 10.0).await;
        let answered = state().await.answered.expect("told");
        assert_eq!((answered.frame, &answered.by), (2, &by));
        // A frame that a person locked is no answer's.
        let seen = frame(db.pool(), shot_id, 2).await.expect("read");
        let lock = Change { levels: seen.levels, locks: None, locked: true, cover: seen.cover.clone() };
        transact!(db, [seen, lock], |tx| db::edits::apply(tx, shot_id, artist, &seen, &lock)).expect("locked");
        let locked = frame(db.pool(), shot_id, 2).await.expect("read");
        transact!(db, [], |tx| db::clicks::withdraw(tx, shot_id)).expect("withdrawn");
        assert_eq!(state().await.answered, None);
        answer(2, 14.0).await;
        assert_eq!(state().await.answered, None);
        assert_eq!(frame(db.pool(), shot_id, 2).await.expect("read"), locked);
    }

    async fn the_marks_of_a_target_are_taken_back_too(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        let target = transact!(db, [], |tx| db::brief::add_target(tx, shot_id, artist, "Bell")).expect("a target");
        let point = PointPrompt { frame: 2, x: 10.0, y: 12.0, positive: true };
        let marked = Target { points: vec![point], ..target.clone() };
        transact!(db, [marked], |tx| db::brief::save_target(tx, shot_id, artist, &marked)).expect("saved");
        transact!(db, [], |tx| db::brief::delete_target(tx, shot_id, artist, marked.target_id)).expect("deleted");
        for wanted in [vec![marked.clone()], vec![target], vec![]] {
            transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, Walk::Undo)).expect("walked").expect("something");
            assert_eq!(targets(&db, shot_id).await, wanted);
        }
        transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, Walk::Redo)).expect("walked").expect("something");
        transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, Walk::Redo)).expect("walked").expect("something");
        assert_eq!(targets(&db, shot_id).await, [marked]);
    }

    async fn nobody_takes_back_what_another_changed_of_a_cause_since(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist, other) = (studio.shot("lime").await, studio.artist, studio.supervisor);
        let id = transact!(db, [], |tx| db::brief::add_cause(tx, shot_id, artist, "Ball")).expect("a cause").cause_id;
        let mine = transact!(db, [], |tx| db::brief::add_cause(tx, shot_id, artist, "Shadow")).expect("a cause");
        transact!(db, [], |tx| db::brief::set_cells(tx, shot_id, artist, id, &[(0, 0)], true, (0, 0))).expect("set");
        transact!(db, [], |tx| db::brief::set_cells(tx, shot_id, other, id, &[(1, 1)], true, (0, 0))).expect("set");
        let before = causes(&db, shot_id).await;
        // The other's cells stand on mine; the cause that only I touched goes.
        let walked = transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, Walk::Undo)).expect("walked");
        assert_eq!(walked, Some(Walked::Item { before: Some(Item::Cause(mine)), after: None }));
        assert_eq!(causes(&db, shot_id).await, before[..1]);
        let walked = transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, Walk::Undo)).expect("walked");
        assert_eq!(walked, None);
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
            transact!(db, [], |tx| db::brief::add_cause(tx, shot_id, artist, "shadow")).err(),
            transact!(db, [], |tx| db::brief::add_target(tx, shot_id, artist, "ball")).err(),
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
        transact!(db, [], |tx| db::brief::add_cause(tx, shot_id, artist, "shadow")).expect("changed");
        let combined = crate::harness::combined("subject", revision);
        let sent = transact!(db, [combined], |tx| db::quadmasks::submit(tx, shot_id, artist, "", &combined));
        assert!(matches!(sent, Err(db::Error::Conflict(_))), "{sent:?}");
        assert_eq!(db::shots::get(db.pool(), shot_id).await.expect("there").phase, Phase::Masking);
    }
}
