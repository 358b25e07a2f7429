//! Findings that somebody looked at.

use domain::checks::Code;
use domain::{Cover, Hash, Level, Levels, PersonId};

use crate::harness::{HEIGHT, Studio, WIDTH};
use crate::{rules, transact};

rules! {
    async fn a_look_is_of_what_was_seen_and_is_taken_back(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist, supervisor) = (studio.shot("lime").await, studio.artist, studio.supervisor);
        let (first, second) = (Hash::of(b"first"), Hash::of(b"second"));
        let tick = async |by: PersonId, subject: &'static str, print: Option<Hash>| {
            transact!(db, [], |tx| db::looked::tick(tx, shot_id, by, (Code::Specks, subject), print)).expect("kept");
        };
        tick(artist, "", Some(first)).await;
        tick(artist, "a cause", Some(first)).await;
        tick(supervisor, "", Some(second)).await;
        let all = db::looked::of_shot(db.pool(), shot_id).await.expect("read");
        let told: Vec<_> = all.iter().map(|look| (look.subject.as_str(), look.by.as_str(), look.print)).collect();
        assert_eq!(told, [("", "Sam", second), ("a cause", "Ana", first)]);
        tick(artist, "", None).await;
        assert_eq!(db::looked::of_shot(db.pool(), shot_id).await.expect("read").len(), 1);
    }

    async fn the_form_of_a_frame_is_kept_and_comes_back_with_undo(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        let mut levels = Levels::background(WIDTH, HEIGHT);
        levels.set(7, 9, Level::Primary);
        let mut before = None;
        for x in [7, 30] {
            levels.set(x, 9, Level::Overlap);
            let seen = db::draft::frame(db.pool(), shot_id, 2).await.expect("read");
            before = Some(seen.cover.shape.clone());
            let cover = Cover::of(&levels);
            let change = db::edits::Change { levels: Some(levels.hash()), locks: None, locked: false, cover: cover.clone() };
            transact!(db, [seen, change], |tx| db::edits::apply(tx, shot_id, artist, &seen, &change)).expect("written");
            let row = db::draft::frame(db.pool(), shot_id, 2).await.expect("read");
            assert_eq!(row.cover, cover);
        }
        transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, db::edits::Walk::Undo)).expect("undone");
        let row = db::draft::frame(db.pool(), shot_id, 2).await.expect("read");
        assert_eq!(Some(row.cover.shape), before);
    }
}
