//! A shot from its plate to its package, and the package in the hands of whoever gets it: read with an archive reader, with
//! `sha256sum`, and with FFmpeg.

use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use db::Db;
use db::decisions::{Ballot, on_quadmask, on_version};
use db::deliveries;
use db::draft::MadeFrame;
use db::quadmasks::{Combined, Manifest, ManifestFrame};
use domain::package::What;
use domain::{Cover, Hash, Job, Level, Levels, Movie, Role, ShotId, Verdict, VersionId, Words};
use media::{Reader, probe, read_mask};
use provenance::QuadmaskSubject;
use serde_json::Value;
use storage::Store;

use crate::context::{Context, Pulse};
use crate::handlers::{plan, run};
use crate::models::Models;
use crate::transact;

#[path = "../../../../db/tests/harness/mod.rs"]
#[expect(dead_code, reason = "these tests need only a part of it")]
pub mod rows;

const FRAMES: u32 = 6;
const WIDTH: u32 = 128;
const HEIGHT: u32 = 96;

/// A red square that moves over bars, with a tone and a timecode.
fn plate(folder: &Path) -> Vec<u8> {
    let rate = "24000/1001";
    let picture = format!(
        "smptebars=s={WIDTH}x{HEIGHT}:r={rate}[b];color=red:s=16x16:r={rate}[c];[b][c]overlay=x='10+8*n':y=40"
    );
    let output = Command::new("ffmpeg")
        .current_dir(folder)
        .args(["-nostdin", "-v", "error", "-filter_complex", &picture])
        .args(["-f", "lavfi", "-i", "sine=f=440:r=48000", "-frames:v", &FRAMES.to_string(), "-t", "0.25"])
        .args([
            "-timecode",
            "01:00:00:00",
            "-c:v",
            "prores_ks",
            "-profile:v",
            "hq",
            "-pix_fmt",
            "yuv422p10le",
        ])
        .args(["-c:a", "pcm_s16le", "plate.mov"])
        .output()
        .expect("the ffmpeg command line is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(folder.join("plate.mov")).expect("a plate")
}

pub async fn work(db: &Db, store: &Store, job: Job, stopped: bool) -> anyhow::Result<()> {
    let (db, store) = (db.clone(), store.clone());
    let stage = tokio::task::spawn_blocking(move || {
        let pulse = Arc::new(Pulse::default());
        pulse.stop.store(stopped, Ordering::Relaxed);
        let models = Arc::new(Models::new(Path::new("none")));
        run(&Context::new(db, store, pulse, models, plan(&job))?, &job)
    });
    stage.await.expect("no panic")
}

/// Square and what it touches, as the artist would have marked it.
fn levels(frame: u32) -> Levels {
    let mut levels = Levels::background(WIDTH, HEIGHT);
    for (y, x) in (38..58).flat_map(|y| (8..28).map(move |x| (y, x + 8 * frame))) {
        let rim = !(40..56).contains(&y) || !(10..26).contains(&(x - 8 * frame));
        levels.set(x, y, if rim { Level::Affected } else { Level::Primary });
    }
    levels
}

pub struct Made {
    pub db: Db,
    pub store: Store,
    pub studio: rows::Studio,
    pub shot_id: ShotId,
    version_id: VersionId,
}

impl Made {
    /// A reviewed version, made by the handlers themselves.
    pub async fn new(db: Db, folder: &Path) -> Self {
        let store = Store::open(folder.join("data")).expect("a store");
        let studio = rows::Studio::new(&db).await;
        let bytes = plate(folder);
        let (plate, size) = (store.put_blocking(&bytes).expect("stored"), bytes.len() as i64);
        let (project_id, artist) = (studio.project_id, studio.artist);
        let shot_id = transact!(db, [], |tx| async move {
            db::blobs::record(tx, plate, size).await?;
            db::shots::create(tx, project_id, None, artist, "plate.mov", plate, size).await
        })
        .expect("a shot")
        .shot_id;
        work(&db, &store, Job::Ingest { shot_id }, false).await.expect("ingested");
        let pngs: Vec<Vec<u8>> = (0..FRAMES).map(|frame| levels(frame).to_png()).collect();
        let hashes: Vec<Hash> = pngs.iter().map(|png| store.put_blocking(png).expect("stored")).collect();
        let draft: Vec<MadeFrame> = (0..FRAMES)
            .map(|frame| MadeFrame {
                frame,
                seen_revision: 0,
                levels: Some((hashes[frame as usize], pngs[frame as usize].len() as i64)),
                confidence: None,
                cover: Cover::of(&levels(frame)),
            })
            .collect();
        transact!(db, [draft], |tx| db::draft::replace_all(tx, shot_id, &draft)).expect("a draft");
        let frames: Vec<ManifestFrame> = (0..FRAMES)
            .map(|frame| ManifestFrame { png: Some(hashes[frame as usize]), levels: levels(frame).hash() })
            .collect();
        let level_hashes: Vec<Hash> = frames.iter().map(|frame| frame.levels).collect();
        let words = Words { removal: "the square".into(), after: "bars".into() };
        let (subject_json, subject) =
            QuadmaskSubject { plate, trim: None, frames: &level_hashes, causes: &[], words: &words }.seal();
        let draft_revision = db::draft::state(db.pool(), shot_id).await.expect("read").revision;
        let manifest = Manifest { width: WIDTH, height: HEIGHT, frames };
        let combined = Combined { manifest, subject_json, subject, draft_revision };
        let quadmask_id =
            transact!(db, [combined], |tx| db::quadmasks::submit(tx, shot_id, artist, "", &combined))
                .expect("sent to review");
        let ballot = ballot(&studio, subject, Verdict::Approve);
        let approved = transact!(db, [ballot], |tx| on_quadmask(tx, quadmask_id, &ballot)).expect("approved");
        let (run_id, _) = approved.run.expect("queued");
        work(&db, &store, Job::Remove { run_id }, false).await.expect("removed");
        let version_id = db::versions::list(&db, shot_id, false).await.expect("listed")[0].version_id;
        Self { db, store, studio, shot_id, version_id }
    }

    async fn decide(&self, verdict: Verdict) {
        let (version_id, db) = (self.version_id, &self.db);
        let seen = db::versions::get(db.pool(), version_id).await.expect("there").subject;
        let ballot = ballot(&self.studio, seen, verdict);
        transact!(db, [ballot], |tx| on_version(tx, version_id, &ballot)).expect("decided");
    }

    async fn package(&self, movie: Movie, what: What, stopped: bool) -> anyhow::Result<()> {
        let job = Job::Package { version_id: self.version_id, movie, what };
        work(&self.db, &self.store, job, stopped).await
    }

    async fn kept(&self, movie: Movie, what: What) -> Option<(domain::package::Delivery, Hash)> {
        deliveries::get(self.db.pool(), self.version_id, movie, what).await.expect("read")
    }
}

fn ballot(studio: &rows::Studio, seen: Hash, verdict: Verdict) -> Ballot<'static> {
    Ballot { person_id: studio.supervisor, role: Role::Supervisor, seen, verdict, note: "why" }
}

fn done(program: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).current_dir(folder).args(arguments).output().expect(program);
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_holds_what_was_approved_and_can_be_checked_by_anybody() {
    let fresh = rows::sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let made = Made::new(fresh.db.clone(), folder.path()).await;

    let early = made.package(Movie::Prores422Hq, What::Package, false).await.expect_err("not approved");
    assert!(early.to_string().contains("Version 1 is not approved"), "{early:#}");
    made.decide(Verdict::Approve).await;
    // Stopped in the middle of the movie: nothing is left.
    let stopped = made.package(Movie::Prores422Hq, What::Package, true).await.expect_err("stopped");
    assert!(matches!(stopped.downcast_ref(), Some(pipeline::Error::Cancelled)), "{stopped:#}");
    assert_eq!(made.kept(Movie::Prores422Hq, What::Movie).await, None);
    // Killed after the movie: it is used again.
    made.package(Movie::Prores422Hq, What::Movie, false).await.expect("the movie");
    let (_, film) = made.kept(Movie::Prores422Hq, What::Movie).await.expect("kept");
    made.package(Movie::Prores422Hq, What::Package, false).await.expect("the package");
    let (delivery, archive) = made.kept(Movie::Prores422Hq, What::Package).await.expect("kept");
    made.package(Movie::Prores422Hq, What::Package, false).await.expect("made once");
    assert_eq!(made.kept(Movie::Prores422Hq, What::Package).await, Some((delivery.clone(), archive)));
    assert_eq!(delivery.name, "First_plate_v001_prores_422_hq.zip");
    let path = made.store.path_of(archive);
    assert_eq!(std::fs::metadata(&path).expect("stored").len(), delivery.size_bytes as u64);

    let mut zip = zip::ZipArchive::new(std::fs::File::open(&path).expect("stored")).expect("an archive");
    let stem = "First_plate_v001";
    let mut names: Vec<String> = zip
        .file_names()
        .map(|n| n.strip_prefix(&format!("{stem}/")).expect("one folder").to_owned())
        .collect();
    names.sort();
    let mut wanted = vec![
        "SHA256SUMS".to_owned(),
        "causes.json".into(),
        "history.json".into(),
        format!("{stem}_master.mkv"),
        format!("{stem}_matte.mkv"),
        format!("{stem}_prores_422_hq.mov"),
        "quadmask_0.mp4".into(),
        "report.json".into(),
    ];
    wanted.extend((0..FRAMES).map(|frame| format!("quadmask/quadmask.{}.png", 1001 + frame)));
    wanted.sort();
    assert_eq!(names, wanted);
    let mut bytes = |name: &str| {
        let mut file = zip.by_name(&format!("{stem}/{name}")).expect(name);
        assert_eq!(file.compression(), zip::CompressionMethod::Stored, "{name}");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect(name);
        bytes
    };
    let version = db::versions::get(made.db.pool(), made.version_id).await.expect("there");
    assert_eq!(Hash::of(&bytes(&format!("{stem}_master.mkv"))), version.result);
    assert_eq!(Hash::of(&bytes(&format!("{stem}_matte.mkv"))), version.matte);
    assert_eq!(Hash::of(&bytes(&format!("{stem}_prores_422_hq.mov"))), film);
    for frame in 0..FRAMES {
        let png = bytes(&format!("quadmask/quadmask.{}.png", 1001 + frame));
        assert_eq!(Levels::from_png(&png).expect("a PNG").hash(), levels(frame).hash(), "frame {frame}");
    }
    let json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).expect("JSON");
    let report = json(bytes("report.json"));
    assert_eq!(report["proof"]["max_delta_outside"], 0);
    assert_eq!(report["version"]["subject"], version.subject.to_string());
    let manifest: Value = report["version"]["manifest"].clone();
    assert_eq!(manifest["result"], version.result.to_string());
    assert_eq!(report["recipe"]["edge_px"], 4);
    assert_eq!(json(bytes("causes.json"))["words"]["removal"], "the square");
    let history = json(bytes("history.json"));
    assert_eq!(history["check"]["is_whole"], true, "{}", history["check"]);
    assert_eq!(history["decisions"].as_array().map(Vec::len), Some(2));

    // As somebody who gets it opens it.
    let out = folder.path().join("out");
    std::fs::create_dir(&out).expect("a folder");
    let file = path.display().to_string();
    done("python3", &out, &["-m", "zipfile", "-e", &file, "."]);
    let inside = out.join(stem);
    let said = done("sha256sum", &inside, &["--strict", "--check", "SHA256SUMS"]);
    assert_eq!(said.lines().filter(|line| line.ends_with(": OK")).count(), wanted.len() - 1, "{said}");
    let movie = inside.join(format!("{stem}_prores_422_hq.mov"));
    let (facts, _) = probe(&movie, &mut |_| Ok(())).expect("a movie");
    let shot = db::shots::get(made.db.pool(), made.shot_id).await.expect("there").facts.expect("read");
    assert_eq!((facts.rate, facts.frames, &facts.audio), (shot.rate, FRAMES, &shot.audio));
    assert_eq!(facts.start_timecode.as_deref(), Some("01:00:00:00"));
    // The master is the plate itself where the matte is 0; the quadmask file is exact to the level.
    let master = inside.join(format!("{stem}_master.mkv"));
    let (_, index) = probe(&master, &mut |_| Ok(())).expect("a master");
    let (_, plate_index) = probe(&folder.path().join("plate.mov"), &mut |_| Ok(())).expect("a plate");
    let mut ours = Reader::open(&master, &index).expect("opens");
    let mut theirs = Reader::open(&folder.path().join("plate.mov"), &plate_index).expect("opens");
    let mut quadmask = read_mask(&inside.join("quadmask_0.mp4")).expect("opens");
    for frame in 0..FRAMES {
        let (master, plate) = (ours.read(frame).expect("reads"), theirs.read(frame).expect("reads"));
        for (plane, other) in master.planes.iter().zip(&plate.planes) {
            assert_eq!(plane.row(0), other.row(0), "frame {frame}: the first line has no matte");
        }
        assert_eq!(quadmask.read(frame).expect("reads"), levels(frame).to_grey(), "frame {frame}");
    }
    done("ffmpeg", &inside, &["-v", "error", "-i", &movie.display().to_string(), "-f", "null", "-"]);

    // Another movie of the same version is another package; what is no longer approved is not made.
    made.package(Movie::H264, What::Movie, false).await.expect("for viewing");
    assert!(made.kept(Movie::H264, What::Package).await.is_none());
    made.decide(Verdict::Changes).await;
    let late = made.package(Movie::H264, What::Package, false).await.expect_err("not approved any more");
    assert!(late.to_string().contains("not approved"), "{late:#}");
    for text in ["delete from delivery", "delete from comment", "delete from version"] {
        sqlx::query(text).execute(made.db.pool()).await.expect("deleted");
    }
    let gone = made.package(Movie::H264, What::Package, false).await.expect_err("gone");
    assert!(gone.to_string().contains("was deleted while"), "{gone:#}");
}

#[test]
fn a_file_of_the_store_that_was_changed_is_not_packed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("master.mkv");
    std::fs::write(&file, b"other bytes").expect("written");
    let path = folder.path().join("package.zip");
    let mut archive = super::archive::Archive::create(&path, "x", 0).expect("made");
    let damaged = archive.add_file("master.mkv", &file, Hash::of(b"bytes"), &mut |_| Ok(()));
    assert!(damaged.expect_err("damaged").to_string().contains("is not what was stored"));
}
