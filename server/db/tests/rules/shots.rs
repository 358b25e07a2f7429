//! Plates, names, phases, the board.

use db::board::{Filter, page};
use domain::project::Shot;
use domain::{Hash, Phase, SaidColour, ShotId, ShotStep, Trim};

use crate::harness::{Studio, read};
use crate::{rules, transact};

rules! {
    async fn the_same_plate_makes_one_shot_even_at_once(db) {
        let studio = Studio::new(&db).await;
        let (project_id, artist) = (studio.project_id, studio.artist);
        let tries = (0..6).map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                let plate = Hash::of(b"plate");
                transact!(db, [], |tx| db::shots::create(tx, project_id, None, artist, "a/lime.mov", plate, 9))
            })
        });
        let mut made = Vec::new();
        for attempt in tries.collect::<Vec<_>>() {
            made.push(attempt.await.expect("ran").expect("created or named"));
        }
        assert_eq!(made.iter().filter(|created| !created.duplicate).count(), 1);
        assert!(made.iter().all(|created| created.shot_id == made[0].shot_id && created.name == "lime"));
        assert_eq!(jobs_of(&db, "ingest").await, 1);
    }

    async fn a_name_that_is_taken_gets_a_number(db) {
        let studio = Studio::new(&db).await;
        let (project_id, artist) = (studio.project_id, studio.artist);
        let mut names = Vec::new();
        for n in 0..3u8 {
            let made = transact!(db, [], |tx| db::shots::create(tx, project_id, None, artist, "lime.mov", Hash::of(&[n]), 9));
            names.push(made.expect("created").name);
        }
        assert_eq!(names, ["lime", "lime 2", "lime 3"]);
    }

    async fn a_phase_moves_by_compare_and_set(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let stale = transact!(db, [], |tx| db::shots::lock(tx, shot_id)).expect("locked");
        assert_eq!(stale.phase, Phase::Ready);
        transact!(db, [], |tx| db::shots::edit(tx, shot_id)).expect("edited");
        let late = transact!(db, [stale], |tx| db::shots::step(tx, &stale, ShotStep::Edit));
        assert!(matches!(late, Err(db::Error::Conflict(_))), "{late:?}");
        let wrong = transact!(db, [stale], |tx| db::shots::step(tx, &stale, ShotStep::StartRun));
        assert!(matches!(wrong, Err(db::Error::Conflict(_))), "{wrong:?}");
    }

    async fn a_refused_plate_says_why_and_can_be_read_again(db) {
        let studio = Studio::new(&db).await;
        let (project_id, artist) = (studio.project_id, studio.artist);
        let shot_id = transact!(db, [], |tx| db::shots::create(tx, project_id, None, artist, "x.mov", Hash::of(b"x"), 9))
            .expect("created")
            .shot_id;
        transact!(db, [], |tx| db::shots::ingest_failed(tx, shot_id, "It is empty.")).expect("refused");
        let shot = db::shots::get(db.pool(), shot_id).await.expect("there");
        assert_eq!((shot.phase, shot.problem.as_deref()), (Phase::IngestFailed, Some("It is empty.")));
        let edited = transact!(db, [], |tx| db::brief::add_target(tx, shot_id, artist, "ball"));
        assert!(matches!(edited, Err(db::Error::Conflict(_))), "{edited:?}");
        // Its first job still waits, so that reading it again makes no second one.
        transact!(db, [], |tx| db::shots::retry_ingest(tx, shot_id)).expect("again");
        let shot = db::shots::get(db.pool(), shot_id).await.expect("there");
        assert_eq!((shot.phase, shot.problem), (Phase::Uploaded, None));
        assert_eq!(jobs_of(&db, "ingest").await, 1);
    }

    async fn a_shot_is_trimmed_before_it_is_marked_and_cut_into_more(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let frames = shot_of(&db, shot_id).await.facts.expect("read").frames;
        let beyond = Trim { first: frames - 1, frames: 2 };
        let refused = transact!(db, [], |tx| db::shots::trim(tx, shot_id, Some(beyond)));
        assert!(matches!(refused, Err(db::Error::Invalid(_))), "{refused:?}");

        let part = Trim { first: 1, frames: 3 };
        transact!(db, [], |tx| db::shots::trim(tx, shot_id, Some(part))).expect("trimmed");
        let shot = shot_of(&db, shot_id).await;
        assert_eq!((shot.phase, shot.trim), (Phase::Uploaded, Some(part)));
        let facts = shot.facts.expect("still known").trimmed(part).expect("a part");
        transact!(db, [facts], |tx| db::shots::ingested(tx, shot_id, &facts, read(), "[]")).expect("read again");

        // A part of the part is counted in frames of the plate; the new shot has the same plate.
        let artist = studio.artist;
        let inner = Trim { first: 1, frames: 2 };
        let cut = transact!(db, [], |tx| db::shots::cut(tx, shot_id, artist, inner)).expect("a new shot");
        let new = shot_of(&db, cut.shot_id).await;
        assert_eq!((new.phase, new.trim), (Phase::Uploaded, Some(Trim { first: 2, frames: 2 })));
        assert_eq!((new.plate, new.name.as_str()), (Hash::of(b"lime"), "lime 2"));

        transact!(db, [], |tx| db::shots::edit(tx, shot_id)).expect("marked");
        let late = transact!(db, [], |tx| db::shots::trim(tx, shot_id, None));
        assert!(matches!(late, Err(db::Error::Conflict(_))), "{late:?}");
    }

    async fn how_colours_are_coded_is_said_before_anything_is_marked(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let said = Some(SaidColour::Bt601Full);
        transact!(db, [], |tx| db::shots::say_colour(tx, shot_id, said)).expect("said");
        let shot = shot_of(&db, shot_id).await;
        assert_eq!((shot.phase, shot.said_colour), (Phase::Uploaded, said));
        let facts = shot.facts.expect("still known").with_said(said);
        assert_eq!((facts.colour.matrix.as_str(), facts.colour.assumed), ("smpte170m", false));
        transact!(db, [facts], |tx| db::shots::ingested(tx, shot_id, &facts, read(), "[]")).expect("read again");

        // What is made of a part of it is coded the same; what was said may be taken back.
        let (artist, part) = (studio.artist, Trim { first: 1, frames: 2 });
        let cut = transact!(db, [], |tx| db::shots::cut(tx, shot_id, artist, part)).expect("a new shot");
        assert_eq!(shot_of(&db, cut.shot_id).await.said_colour, said);
        transact!(db, [], |tx| db::shots::say_colour(tx, shot_id, None)).expect("taken back");
        assert_eq!(shot_of(&db, shot_id).await.said_colour, None);

        // A file that says so itself is believed.
        let mut tagged = facts.clone();
        tagged.colour.assumed = false;
        transact!(db, [tagged], |tx| db::shots::ingested(tx, shot_id, &tagged, read(), "[]")).expect("read again");
        let refused = transact!(db, [], |tx| db::shots::say_colour(tx, shot_id, said));
        assert!(matches!(refused, Err(db::Error::Invalid(_))), "{refused:?}");
    }

    async fn the_board_filters_sorts_and_pages(db) {
        let studio = Studio::new(&db).await;
        let mut ids = Vec::new();
        for name in ["NL_010", "nl_020", "xx%30"] {
            ids.push(studio.shot(name).await);
        }
        let (first, artist) = (ids[0], studio.artist);
        transact!(db, [], |tx| db::brief::add_target(tx, first, artist, "ball")).expect("edited");
        let ask = |filter: Filter| {
            let db = db.clone();
            async move {
                let (total, cards) = page(&db, studio.project_id, &filter, 0, 60).await.expect("a page");
                (total, cards.into_iter().map(|card| card.name).collect::<Vec<_>>())
            }
        };
        assert_eq!(ask(Filter::default()).await, (3, vec!["NL_010".into(), "xx%30".into(), "nl_020".into()]));
        assert_eq!(ask(Filter { q: "Nl_".into(), by_name: true, ..Filter::default() }).await.1, ["NL_010", "nl_020"]);
        assert_eq!(ask(Filter { q: "%".into(), ..Filter::default() }).await.1, ["xx%30"]);
        assert_eq!(ask(Filter { phases: vec![Phase::Masking], ..Filter::default() }).await.1, ["NL_010"]);
        assert_eq!(ask(Filter { client: true, ..Filter::default() }).await.0, 0);
        let (total, cards) = page(&db, studio.project_id, &Filter::default(), 1, 1).await.expect("a page");
        assert_eq!((total, cards[0].shot_id), (3, ids[2]));
        assert_eq!((cards[0].frames, cards[0].rate.map(|r| r.to_string()).as_deref()), (Some(5), Some("23.976")));
        let around = db::board::neighbours(&db, ids[2], false).await.expect("asked");
        assert_eq!(around, (Some(ids[0]), Some(ids[1])));
    }

    async fn a_sequence_of_another_project_is_not_there(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let owner = studio.owner;
        let other = transact!(db, [], |tx| db::projects::create(tx, "Other", owner, false)).expect("a project");
        let foreign = transact!(db, [], |tx| db::projects::create_sequence(tx, other, "SQ")).expect("a sequence");
        let moved = transact!(db, [], |tx| db::shots::set_sequence(tx, shot_id, Some(foreign)));
        assert!(matches!(moved, Err(db::Error::NotFound)), "{moved:?}");
    }

    async fn cells_and_paths_outside_the_plate_are_refused(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        let cause = transact!(db, [], |tx| db::brief::add_cause(tx, shot_id, artist, "shadow")).expect("a cause");
        let id = cause.cause_id;
        let kept = transact!(db, [], |tx| db::brief::set_cells(tx, shot_id, artist, id, &[(0, 1), (0, 1)], true, (1, 3))).expect("set");
        assert_eq!(kept.spans, [domain::CellSpan { from: 1, to: 3, cells: vec![(0, 1)] }]);
        for (cells, span) in [(vec![(99, 0)], (0, 0)), (vec![(0, 0)], (0, 99)), (vec![(0, 0)], (3, 1))] {
            let refused = transact!(db, [cells], |tx| db::brief::set_cells(tx, shot_id, artist, id, &cells, true, span));
            assert!(matches!(refused, Err(db::Error::Invalid(_))), "{refused:?}");
        }
        let point = |frame| domain::PathPoint { frame, x: 1.0, y: 1.0 };
        let react = domain::Cause { consequence: domain::Consequence::React, ..cause };
        for path in [vec![point(2), point(2)], vec![point(0), point(99)]] {
            let cause = domain::Cause { path, ..react.clone() };
            let refused = transact!(db, [cause], |tx| db::brief::save_cause(tx, shot_id, artist, &cause));
            assert!(matches!(refused, Err(db::Error::Invalid(_))), "{refused:?}");
        }
    }
}

async fn jobs_of(db: &db::Db, kind: &str) -> i64 {
    sqlx::query_scalar("select count(*) from job where kind = $1")
        .bind(kind)
        .fetch_one(db.pool())
        .await
        .expect("counted")
}

async fn shot_of(db: &db::Db, shot_id: ShotId) -> Shot {
    db::shots::get(db.pool(), shot_id).await.expect("the shot")
}
