//! What words found: one answer to one question, kept things as targets, and no target of nothing.

use db::finding::{Seen, again, get, inputs, keep, newest, put};
use domain::find::{About, Finding, Looked, Order, Outline, Purpose, SeenBy, Sight};
use domain::run::Network;
use domain::{FindingId, Hash, ShotId};

use crate::harness::{HEIGHT, Studio, WIDTH};
use crate::{rules, transact};

fn about(words: &str) -> About {
    let order = Order { words: words.into(), purpose: Purpose::Target, keys: true, frames: Vec::new() };
    let network = Network {
        name: "sam3".into(),
        is_test_model: false,
        fingerprint: Hash::of(b"weights"),
        device: "cpu".into(),
    };
    let looked = |frame, best| Looked { frame, best, found: 2, left_out: 0, is_full: false };
    About {
        order,
        network,
        carried_by: None,
        looked: vec![looked(0, 0.9), looked(3, 0.8)],
        conflicts: Vec::new(),
        notes: Vec::new(),
        known_frames: 0,
        seconds: 0.5,
    }
}

fn seen(n: u32, thing: u32, frame: u32, score: f32) -> Seen {
    let x0 = 10 * thing;
    let has = move |at: u32| (x0..x0 + 8).contains(&(at % WIDTH)) && (10..30).contains(&(at / WIDTH));
    let shape = Outline::of_pixels(WIDTH, HEIGHT, (0..WIDTH * HEIGHT).map(has));
    let corners = [x0 as f32, 10.0, x0 as f32 + 8.0, 30.0];
    let sight = Sight { n, thing, frame, score, corners, share: 0.05, shape, by: SeenBy::Words };
    Seen { sight, mask: Hash::of(format!("mask {n}").as_bytes()), mask_bytes: 100 }
}

async fn found(db: &db::Db, shot_id: ShotId, words: &str) -> (FindingId, Hash) {
    let (about, question) = (about(words), Hash::of(words.as_bytes()));
    let all = vec![seen(0, 1, 0, 0.9), seen(1, 2, 0, 0.4), seen(2, 1, 3, 0.8)];
    let id = transact!(db, [about, all], |tx| put(tx, shot_id, question, &about, &all)).expect("kept");
    (id, question)
}

async fn read(db: &db::Db, shot_id: ShotId, id: FindingId) -> (Finding, Vec<Hash>) {
    transact!(db, [], |tx| get(tx, shot_id, id)).expect("there")
}

rules! {
    async fn one_question_has_one_answer_and_the_last_ones_stay(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, other) = (studio.shot("lime").await, studio.shot("pillow").await);
        assert_eq!(newest(db.pool(), shot_id).await.expect("read"), None);
        let (first, question) = found(&db, shot_id, "microphone").await;
        let (finding, masks) = read(&db, shot_id, first).await;
        assert_eq!((finding.sights.len(), masks.len(), masks[1]), (3, 3, Hash::of(b"mask 1")));
        assert_eq!(finding.about, about("microphone"));
        let (second, _) = found(&db, shot_id, "shadow").await;
        assert_eq!(newest(db.pool(), shot_id).await.expect("read"), Some(second));
        // Asked again, the answer that is there is the newest.
        assert_eq!(transact!(db, [], |tx| again(tx, shot_id, question)).expect("asked"), Some(first));
        assert_eq!(newest(db.pool(), shot_id).await.expect("read"), Some(first));
        assert_eq!(transact!(db, [], |tx| again(tx, other, question)).expect("asked"), None, "another shot's");
        let of_other = transact!(db, [], |tx| get(tx, other, first));
        assert!(matches!(of_other, Err(db::Error::NotFound)), "{of_other:?}");
        let (again_first, _) = found(&db, shot_id, "microphone").await;
        assert!(matches!(transact!(db, [], |tx| get(tx, shot_id, first)), Err(db::Error::NotFound)));
        for n in 0..9 {
            found(&db, shot_id, &format!("thing {n}")).await;
        }
        assert!(matches!(transact!(db, [], |tx| get(tx, shot_id, again_first)), Err(db::Error::NotFound)));
        // Their masks are needed as long as they are there, and by nobody afterwards.
        let plan = db::disk::plan(&db, i64::MAX).await.expect("planned");
        assert!(plan.needed.has(Hash::of(b"mask 2")), "{:?}", plan.unused);
    }

    async fn the_question_is_all_that_the_answer_depends_on(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let shot = db::shots::get(db.pool(), shot_id).await.expect("there");
        let (one, weights) = (about("dog").order, Hash::of(b"weights"));
        let hash = inputs(&shot, &one, weights);
        assert_eq!(hash, inputs(&shot, &one, weights));
        for other in [about("cat").order, Order { keys: false, ..one.clone() }, Order { frames: vec![2], ..one.clone() }] {
            assert_ne!(hash, inputs(&shot, &other, weights));
        }
        assert_ne!(hash, inputs(&shot, &one, Hash::of(b"others")));
    }

    async fn kept_things_are_targets_with_their_words(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        let (id, _) = found(&db, shot_id, "microphone").await;
        let (finding, _) = read(&db, shot_id, id).await;
        // Below the threshold nothing is kept, and it is said.
        for (things, threshold, says) in [(vec![1_u32], 0.95_f32, "Nothing on the 2 frames"), (vec![2], 0.5, "Nothing is kept")] {
            let refused = transact!(db, [finding, things], |tx| keep(tx, shot_id, artist, &finding, &things, threshold));
            let Err(db::Error::Invalid(said)) = refused else { panic!("{refused:?}") };
            assert!(said.contains(says), "{said}");
        }
        assert!(db::brief::targets(db.pool(), shot_id).await.expect("read").is_empty());
        let things = vec![2, 1];
        let made = transact!(db, [finding, things], |tx| keep(tx, shot_id, artist, &finding, &things, 0.3)).expect("kept");
        let names: Vec<_> = made.iter().map(|target| target.name.as_str()).collect();
        assert_eq!(names, ["microphone 1", "microphone 2"]);
        assert_eq!(db::brief::targets(db.pool(), shot_id).await.expect("read"), made);
        let frames = |at: usize| made[at].boxes.iter().map(|b| b.frame).collect::<Vec<_>>();
        assert_eq!((frames(0), frames(1)), (vec![0, 3], vec![0]));
        let by = made[0].found.clone().expect("words");
        assert_eq!((by.words.as_str(), by.score, by.threshold), ("microphone", 0.9, 0.3));
        // Whoever saves the target changes nothing of that.
        let target = domain::Target { found: None, name: "Mic".into(), ..made[0].clone() };
        transact!(db, [target], |tx| db::brief::save_target(tx, shot_id, artist, &target)).expect("saved");
        let saved = db::brief::targets(db.pool(), shot_id).await.expect("read");
        assert_eq!((saved[0].name.as_str(), &saved[0].found), ("Mic", &made[0].found));
        // The words are those of the removal, where nobody wrote any.
        let words = || async { db::brief::words(db.pool(), shot_id).await.expect("read").removal };
        assert_eq!(words().await, "Remove: microphone");
        let things = vec![1];
        transact!(db, [finding, things], |tx| keep(tx, shot_id, artist, &finding, &things, 0.3)).expect("kept");
        assert_eq!(words().await, "Remove: microphone");
        // Each is taken back by itself.
        transact!(db, [], |tx| db::edits::walk(tx, shot_id, artist, db::edits::Walk::Undo)).expect("undone");
        assert_eq!(db::brief::targets(db.pool(), shot_id).await.expect("read").len(), 2);
    }
}
