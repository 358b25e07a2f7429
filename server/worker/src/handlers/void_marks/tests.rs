//! Marks out of the server's archive and in again, the reference's two masks, and its four real quadmasks.

use std::io::Write as _;
use std::process::Command;

use db::quadmasks::{Combined, Manifest, ManifestFrame};
use domain::void_files::{Marked, files};
use domain::{
    BoxPrompt, Cause, Consequence, Hash, Job, Level, PathPoint, PointPrompt, ShotId, Target, Words,
};
use media::QuadmaskWriter;
use storage::Store;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;
use crate::handlers::package::tests::{rows, work};
use crate::transact;

const FRAMES: u32 = rows::FRAMES;

fn truth(frame: u32) -> Levels {
    let mut levels = Levels::background(rows::WIDTH, rows::HEIGHT);
    for (y, level) in [(3, Level::Primary), (9, Level::Overlap), (15, Level::Affected)] {
        levels.map_span(y + frame, 2 * frame, 20 + 3 * frame, |_| level);
    }
    levels
}

fn archive_of(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        archive.start_file(*name, SimpleFileOptions::default()).expect("begun");
        archive.write_all(bytes).expect("written");
    }
    archive.finish().expect("whole").into_inner()
}

/// A mask movie whose frames are these grey values.
fn movie(frames: &[Vec<u8>]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mask.mp4");
    let rate = domain::Rate::new(24, 1).expect("a rate");
    let mut writer = QuadmaskWriter::create(&path, rows::WIDTH, rows::HEIGHT, rate).expect("begun");
    frames.iter().for_each(|grey| writer.write(grey).expect("written"));
    writer.finish().expect("whole");
    std::fs::read(path).expect("read")
}

async fn bring(db: &db::Db, store: &Store, shot_id: ShotId, bytes: &[u8], name: &str) -> anyhow::Result<()> {
    let file = store.put_blocking(bytes).expect("stored");
    work(db, store, Job::ImportQuadmask { shot_id, file, name: name.to_owned() }, false).await
}

async fn draft(db: &db::Db, store: &Store, shot_id: ShotId) -> Vec<Levels> {
    let mut all = vec![Levels::background(rows::WIDTH, rows::HEIGHT); FRAMES as usize];
    for row in db::draft::frames(db.pool(), shot_id).await.expect("read") {
        if let Some(png) = row.levels {
            let bytes = store.get_blocking(png).expect("there");
            all[row.frame as usize] = Levels::from_png(&bytes).expect("ours");
        }
    }
    all
}

/// Targets without their ids.
async fn targets(db: &db::Db, shot_id: ShotId) -> Vec<(String, Vec<PointPrompt>, Vec<BoxPrompt>)> {
    let all = db::brief::targets(db.pool(), shot_id).await.expect("read");
    all.into_iter().map(|Target { name, points, boxes, .. }| (name, points, boxes)).collect()
}

struct Fresh {
    db: db::Db,
    store: Store,
    studio: rows::Studio,
    _rows: rows::Fresh,
    _folder: tempfile::TempDir,
}

async fn fresh() -> Fresh {
    let rows = rows::sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let (db, studio) = (rows.db.clone(), rows::Studio::new(&rows.db).await);
    Fresh { db, store, studio, _rows: rows, _folder: folder }
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_and_masks_go_out_and_come_back_on_another_shot() {
    let Fresh { db, store, studio, .. } = &fresh().await;
    let artist = studio.artist;
    let first = studio.shot("plate").await;
    for (name, points, boxes) in [
        ("Press", vec![(1, 20.5, 20.0, true), (1, 2.0, 2.0, false)], vec![]),
        ("Hose", vec![], vec![BoxPrompt { frame: 3, x0: 4.0, y0: 5.0, x1: 30.0, y1: 40.0 }]),
    ] {
        transact!(db, [points, boxes], |tx| async move {
            let mut target = db::brief::add_target(tx, first, artist, name).await?;
            let point = |(frame, x, y, positive)| PointPrompt { frame, x, y, positive };
            target.points = points.into_iter().map(point).collect();
            target.boxes = boxes;
            db::brief::save_target(tx, first, artist, &target).await
        })
        .expect("a target");
    }
    let path = vec![PathPoint { frame: 0, x: 9.25, y: 9.0 }, PathPoint { frame: 4, x: 30.0, y: 9.0 }];
    transact!(db, [path], |tx| async move {
        let cause = db::brief::add_cause(tx, first, artist, "Ball").await?;
        let cause = Cause { consequence: Consequence::React, path, ..cause };
        db::brief::save_cause(tx, first, artist, &cause).await?;
        let words = Words { removal: "remove the press".into(), after: "A ball rolls on.".into() };
        db::brief::save_words(tx, first, &words).await
    })
    .expect("a cause");

    // A version of all four levels, exported with its two masks.
    let mut frames = Vec::new();
    let mut made = Vec::new();
    for frame in 0..FRAMES {
        let (levels, png) = (truth(frame), truth(frame).to_png());
        let hash = store.put_blocking(&png).expect("stored");
        frames.push(ManifestFrame { png: Some(hash), levels: levels.hash() });
        made.push(db::draft::MadeFrame {
            frame,
            seen_revision: 0,
            levels: Some((hash, png.len() as i64)),
            confidence: None,
            cover: domain::Cover::of(&levels),
        });
    }
    transact!(db, [made], |tx| db::draft::replace_all(tx, first, &made)).expect("a draft");
    let draft_revision = db::draft::state(db.pool(), first).await.expect("read").revision;
    let manifest = Manifest { width: rows::WIDTH, height: rows::HEIGHT, frames };
    let subject = Hash::of(b"subject");
    let combined = Combined { manifest, subject_json: "subject".into(), subject, draft_revision };
    let quadmask_id = transact!(db, [combined], |tx| db::quadmasks::submit(tx, first, artist, "", &combined))
        .expect("sent to review");
    work(db, store, Job::ExportQuadmask { quadmask_id, layers: true }, false).await.expect("exported");
    let media = db::media::of_quadmask(db, quadmask_id).await.expect("there");
    let [quadmask, black, grey] = [media.movie, media.black, media.grey].map(|movie| {
        let movie = movie.expect("made");
        store.get_blocking(movie).expect("stored")
    });

    // As the server packs it.
    let brief = db::brief::targets(db.pool(), first).await.expect("read");
    let causes = db::brief::causes(db.pool(), first).await.expect("read");
    let words = db::brief::words(db.pool(), first).await.expect("read");
    let texts = files(&Marked {
        frames: FRAMES,
        size: (rows::WIDTH, rows::HEIGHT),
        rate: 24.0,
        targets: &brief,
        causes: &causes,
        words: &words,
    });
    let mut entries: Vec<(&str, Vec<u8>)> =
        texts.iter().map(|(name, text)| (*name, text.clone().into_bytes())).collect();
    let only_marks = archive_of(&entries);
    entries.push(("__MACOSX/._quadmask_0.mp4", b"no movie".to_vec()));
    let mut with_quadmask = entries.clone();
    with_quadmask.push((QUADMASK, quadmask));
    let mut with_two = entries;
    with_two.extend([(BLACK, black), (GREY, grey)]);

    let wanted: Vec<Levels> = (0..FRAMES).map(truth).collect();
    // Of the two masks alone the first frame loses what is only affected, as the fourth stage says.
    let mut of_two = wanted.clone();
    of_two[0].map_span(15, 0, rows::WIDTH, |_| Level::Background);
    for (name, bytes, masks) in [
        ("marks.zip", only_marks, vec![Levels::background(rows::WIDTH, rows::HEIGHT); FRAMES as usize]),
        ("void.zip", archive_of(&with_quadmask), wanted),
        ("two.zip", archive_of(&with_two), of_two),
    ] {
        let shot_id = studio.shot(name).await;
        // Twice: nothing is there twice afterwards.
        for _ in 0..2 {
            bring(db, store, shot_id, &bytes, name).await.expect(name);
        }
        assert_eq!(draft(db, store, shot_id).await, masks, "{name}");
        assert_eq!(targets(db, shot_id).await, targets(db, first).await, "{name}");
        let there = db::brief::causes(db.pool(), shot_id).await.expect("read");
        assert_eq!((there.len(), there[0].consequence), (1, Consequence::React), "{name}");
        assert_eq!(there[0].path, causes[0].path, "{name}");
        assert_eq!(db::brief::words(db.pool(), shot_id).await.expect("read"), words, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_finds_the_cause_that_is_called_like_it() {
    let Fresh { db, store, studio, .. } = &fresh().await;
    let (artist, shot_id) = (studio.artist, studio.shot("plate").await);
    transact!(db, [], |tx| async move {
        let cause = db::brief::add_cause(tx, shot_id, artist, "The Ball").await?;
        db::brief::set_cells(tx, shot_id, artist, cause.cause_id, &[(1, 1)], true, (0, 4)).await
    })
    .expect("a cause");
    let text = br#"[{"video_path": "a.mp4", "object_noun": "the ball", "trajectory_points": [[1, 2], [60, 40]], "skipped": false}]"#;
    bring(db, store, shot_id, text, "config_trajectories.json").await.expect("read");
    let causes = db::brief::causes(db.pool(), shot_id).await.expect("read");
    let [only] = &causes[..] else { panic!("{causes:?}") };
    let frames: Vec<u32> = only.path.iter().map(|stop| stop.frame).collect();
    assert_eq!((only.name.as_str(), only.consequence, frames), ("The Ball", Consequence::React, vec![0, 4]));
    assert!(only.cells_at(2).any(|cell| cell == (1, 1)), "its cells stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_another_shot_changes_nothing() {
    let Fresh { db, store, studio, .. } = &fresh().await;
    let shot_id = studio.shot("plate").await;
    let good = br#"{"primary_points_by_frame": {"2": [[5, 6]]}}"#;
    bring(db, store, shot_id, good, "good_points.json").await.expect("read");
    let black: Vec<Vec<u8>> =
        (0..FRAMES).map(|frame| truth(frame).primary().iter().map(|p| 255 - p).collect()).collect();
    bring(db, store, shot_id, &archive_of(&[(BLACK, movie(&black))]), "black.zip").await.expect("read");
    let (masks, marks) = (draft(db, store, shot_id).await, targets(db, shot_id).await);
    assert_eq!(masks[1].areas()[0], truth(1).areas()[0] + truth(1).areas()[1], "the target of both layers");
    let points =
        |frame: u32| format!(r#"{{"primary_points_by_frame": {{"{frame}": [[5, 6]]}}}}"#).into_bytes();
    let short = movie(&black[1..]);
    for (name, bytes, word) in [
        ("far_points.json", points(9), "the plate has 5 frames"),
        ("half.json", b"{\"primary_points_by_frame\": {".to_vec(), "not JSON"),
        ("empty.json", b"[]".to_vec(), "marks nothing"),
        ("other.json", b"{\"mask\": 1}".to_vec(), "neither a points config"),
        (
            "far.zip",
            archive_of(&[("a/x_points.json", points(9)), (BLACK, movie(&black))]),
            "the plate has 5 frames",
        ),
        (
            "short.zip",
            archive_of(&[("x_points.json", points(1)), (BLACK, short)]),
            "has 4 frames, the plate has 5",
        ),
        ("no.zip", archive_of(&[(QUADMASK, b"no movie".to_vec())]), ""),
    ] {
        let refused = bring(db, store, shot_id, &bytes, name).await.expect_err(name);
        assert!(format!("{refused:#}").contains(word), "{name}: {refused:#}");
        assert_eq!(draft(db, store, shot_id).await, masks, "{name}");
        assert_eq!(targets(db, shot_id).await, marks, "{name}");
    }
}

/// Luma of every `step`th frame, as it is coded.
fn luma(file: &Path, step: u32) -> Vec<u8> {
    let filter = format!("select=not(mod(n\\,{step})),extractplanes=y");
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(file)
        .args(["-vf", &filter, "-fps_mode", "passthrough", "-f", "rawvideo", "-"])
        .output()
        .expect("the ffmpeg command line is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn the_four_real_quadmasks_have_the_right_level_away_from_edges() {
    const STEP: u32 = 8;
    // Luma of the levels in the limited range: (219 · v / 255) + 16, rounded (void-spec §1.8).
    const LUMA: [(u8, Level); 4] =
        [(16, Level::Primary), (70, Level::Overlap), (125, Level::Affected), (235, Level::Background)];
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    if !samples.is_dir() {
        println!("skipped: no ../shared/samples beside the checkout");
        return;
    }
    let Fresh { db, store, studio, .. } = &fresh().await;
    for (name, file, width, height, frames) in [
        ("lime", QUADMASK, 3840_u32, 2160_u32, 46_u32),
        ("moving_ball", QUADMASK, 3840, 2160, 62),
        ("pillow", QUADMASK, 3840, 2160, 62),
        ("ducky-float", "trimask_quadmask.mp4", 1296, 720, 62),
    ] {
        let path = samples.join(name).join(file);
        let (project_id, artist, plate) = (studio.project_id, studio.artist, Hash::of(name.as_bytes()));
        let plate_file = format!("{name}.mp4");
        let shot_id = transact!(db, [plate_file], |tx| db::shots::create(
            tx,
            project_id,
            None,
            artist,
            &plate_file,
            plate,
            100
        ))
        .expect("a shot")
        .shot_id;
        let facts = domain::PlateFacts { coded_width: width, coded_height: height, frames, ..rows::facts() };
        transact!(db, [facts], |tx| db::shots::ingested(tx, shot_id, &facts, rows::read(), "[]"))
            .expect("ingested");
        let bytes = std::fs::read(&path).expect("a sample");
        bring(db, store, shot_id, &bytes, file).await.expect(name);

        let all = luma(&path, STEP);
        let (w, h) = (width as usize, height as usize);
        assert_eq!(all.len(), w * h * (frames.div_ceil(STEP)) as usize, "{name}");
        let (mut clear, mut looked, mut seen) = (0_u64, 0_u64, [0_u64; 4]);
        for (at, coded) in all.chunks(w * h).enumerate() {
            let frame = at as u32 * STEP;
            let row = db::draft::frame(db.pool(), shot_id, frame).await.expect("read");
            let levels = match row.levels {
                Some(png) => Levels::from_png(&store.get_blocking(png).expect("there")).expect("ours"),
                None => Levels::background(width, height),
            };
            for y in (2..h - 2).step_by(5) {
                for x in (2..w - 2).step_by(7) {
                    looked += 1;
                    // All around it is as near to one level as the codec leaves it.
                    let near = |value: u8, wanted: u8| value.abs_diff(wanted) <= 12;
                    let is_all = |wanted: u8| {
                        (y - 2..=y + 2)
                            .all(|v| coded[v * w + x - 2..=v * w + x + 2].iter().all(|c| near(*c, wanted)))
                    };
                    let Some((_, level)) = LUMA.iter().find(|(wanted, _)| is_all(*wanted)) else { continue };
                    clear += 1;
                    let got = levels.get(x as u32, y as u32);
                    assert_eq!(got, *level, "{name}, frame {frame}, pixel {x}, {y}");
                    seen[levels.codes()[y * w + x] as usize] += 1;
                }
            }
        }
        println!("{name}: {clear} of {looked} pixels lie away from edges; by level {seen:?}");
        assert!(clear * 100 > looked * 90, "{name}: {clear} of {looked}");
        assert!(seen[0] + seen[1] > 0 && seen[3] > 0, "{name}: {seen:?}");
    }
}
