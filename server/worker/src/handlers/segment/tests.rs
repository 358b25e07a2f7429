//! Two targets through the handler: both are followed over all frames, and a stop leaves the mask as whole as it was.

use db::draft::Frame;
use domain::run::Segmenter;
use domain::{BoxPrompt, Job, PointPrompt};

use super::*;
use crate::handlers::package::tests::{HEIGHT, WIDTH, plate, rows, work};
use crate::transact;

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_followed_each_for_itself_and_the_mask_stays_whole() {
    let fresh = rows::sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (db, store) = (fresh.db.clone(), storage::Store::open(folder.path().join("data")).expect("a store"));
    let studio = rows::Studio::new(&db).await;
    let bytes = plate(folder.path());
    let (file, size) = (store.put_blocking(&bytes).expect("stored"), bytes.len() as i64);
    let (project_id, artist) = (studio.project_id, studio.artist);
    let shot_id = transact!(db, [], |tx| async move {
        db::blobs::record(tx, file, size).await?;
        db::shots::create(tx, project_id, None, artist, "plate.mov", file, size).await
    })
    .expect("a shot")
    .shot_id;
    work(&db, &store, Job::Ingest { shot_id }, false).await.expect("ingested");
    // The square, clicked on the first frame, and a bar, boxed on the last.
    for name in ["square", "bar"] {
        let target = transact!(db, [], |tx| async move {
            let mut target = db::brief::add_target(tx, shot_id, artist, name).await?;
            match name {
                "square" => target.points.push(PointPrompt { frame: 0, x: 18.0, y: 48.0, positive: true }),
                _ => target.boxes.push(BoxPrompt { frame: 5, x0: 91.0, y0: 0.0, x1: 109.0, y1: 63.0 }),
            }
            db::brief::save_target(tx, shot_id, artist, &target).await
        });
        target.expect("a target");
    }
    let job = || Job::Segment { shot_id, by: Segmenter::Plate };
    work(&db, &store, job(), false).await.expect("segmented");
    let frames: Vec<Frame> = db::draft::frames(db.pool(), shot_id).await.expect("read");
    assert_eq!(frames.len(), 6);
    for row in &frames {
        let png = store.get_blocking(row.levels.expect("a mask")).expect("stored");
        let primary = Levels::from_png(&png).expect("levels").primary();
        assert_eq!(primary.len(), (WIDTH * HEIGHT) as usize);
        let at = |x: u32, y: u32| primary[(y * WIDTH + x) as usize] != 0;
        assert!(at(18 + 8 * row.frame, 48), "frame {}: the square", row.frame);
        assert!(at(96, 30), "frame {}: the bar", row.frame);
        assert!(!at(80, 30) && !at(96, 80), "frame {}: nothing else", row.frame);
        assert!(row.confidence.is_some_and(|c| c > 0.0 && c <= 1.0));
    }
    // Stopped while only the first target is there: what was there stays.
    let stopped = work(&db, &store, job(), true).await.expect_err("stopped");
    assert!(matches!(stopped.downcast_ref(), Some(Error::Cancelled)), "{stopped:#}");
    assert_eq!(db::draft::frames(db.pool(), shot_id).await.expect("read"), frames);
}
