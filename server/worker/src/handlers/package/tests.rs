//! A shot from its plate to its package, also through a bucket.

mod opened;

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
use domain::{
    Cause, CauseId, CellSpan, Consequence, Cover, Hash, Job, Level, Levels, Movie, Role, ShotId, Trim,
    Verdict, VersionId, Words,
};
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
#[path = "../../../../storage/tests/stores/s3.rs"]
#[expect(dead_code, reason = "these tests need only a part of it")]
mod s3;

const FRAMES: u32 = 6;
/// What the files of a package are called after.
const STEM: &str = "First_plate_v001";
pub const WIDTH: u32 = 128;
pub const HEIGHT: u32 = 96;

/// A red square that moves over bars, with a tone and a timecode: 6 pictures, 12,000 samples of sound.
fn plate(folder: &Path) -> Vec<u8> {
    let rate = "24000/1001";
    let picture = format!(
        "smptebars=s={WIDTH}x{HEIGHT}:r={rate}[b];color=red:s=16x16:r={rate}[c];[b][c]overlay=x='10+8*n':y=40"
    );
    let output = Command::new("ffmpeg")
        .current_dir(folder)
        .args(["-nostdin", "-v", "error", "-filter_complex", &picture])
        .args(["-f", "lavfi", "-i", "sine=f=440:r=48000", "-t", "0.25"])
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

/// A shot of the moving square, read.
pub async fn ingested(db: &Db, store: &Store, studio: &rows::Studio, folder: &Path) -> ShotId {
    let bytes = plate(folder);
    let (file, size) = (store.put_blocking(&bytes).expect("stored"), bytes.len() as i64);
    let (project_id, artist) = (studio.project_id, studio.artist);
    let shot_id = transact!(db, [], |tx| async move {
        db::blobs::record(tx, file, size).await?;
        db::shots::create(tx, project_id, None, artist, "plate.mov", file, size).await
    })
    .expect("a shot")
    .shot_id;
    work(db, store, Job::Ingest { shot_id }, false).await.expect("ingested");
    shot_id
}

/// Square and what it touches in a frame of the plate, as the artist would have marked it.
fn levels(frame: u32) -> Levels {
    let mut levels = Levels::background(WIDTH, HEIGHT);
    for (y, x) in (38..58).flat_map(|y| (8..28).map(move |x| (y, x + 8 * frame))) {
        let rim = !(40..56).contains(&y) || !(10..26).contains(&(x - 8 * frame));
        levels.set(x, y, if rim { Level::Affected } else { Level::Primary });
    }
    levels
}

/// Why that is marked too.
fn cause(frames: u32) -> Cause {
    Cause {
        cause_id: CauseId(Default::default()),
        name: "Shadow".into(),
        reason: "The square casts it.".into(),
        consequence: Consequence::Vanish,
        path: Vec::new(),
        spans: vec![CellSpan { from: 0, to: frames - 1, cells: vec![(3, 1), (4, 1)] }],
    }
}

pub struct Made {
    pub db: Db,
    pub store: Store,
    pub studio: rows::Studio,
    pub shot_id: ShotId,
    version_id: VersionId,
    /// The part of the plate that is the shot.
    trim: Option<Trim>,
}

impl Made {
    /// A reviewed version, made by the handlers themselves.
    pub async fn new(db: Db, folder: &Path) -> Self {
        let store = Store::open(folder.join("data")).expect("a store");
        Self::in_store(db, folder, store, None).await
    }

    async fn in_store(db: Db, folder: &Path, store: Store, trim: Option<Trim>) -> Self {
        let studio = rows::Studio::new(&db).await;
        let (shot_id, artist) = (ingested(&db, &store, &studio, folder).await, studio.artist);
        if trim.is_some() {
            transact!(db, [], |tx| db::shots::trim(tx, shot_id, trim)).expect("cut");
            work(&db, &store, Job::Ingest { shot_id }, false).await.expect("ingested again");
        }
        let Trim { first, frames } = trim.unwrap_or(Trim { first: 0, frames: FRAMES });
        let marked: Vec<Levels> = (first..first + frames).map(levels).collect();
        let pngs: Vec<Vec<u8>> = marked.iter().map(Levels::to_png).collect();
        let hashes: Vec<Hash> = pngs.iter().map(|png| store.put_blocking(png).expect("stored")).collect();
        let draft: Vec<MadeFrame> = (0..frames)
            .map(|frame| MadeFrame {
                frame,
                seen_revision: 0,
                levels: Some((hashes[frame as usize], pngs[frame as usize].len() as i64)),
                confidence: None,
                cover: Cover::of(&marked[frame as usize]),
            })
            .collect();
        transact!(db, [draft], |tx| db::draft::replace_all(tx, shot_id, &draft)).expect("a draft");
        let level_hashes: Vec<Hash> = marked.iter().map(Levels::hash).collect();
        let entries = hashes.iter().zip(&level_hashes);
        let entries =
            entries.map(|(png, levels)| ManifestFrame { png: Some(*png), levels: *levels }).collect();
        let causes = [cause(frames)];
        let words = Words { removal: "the square".into(), after: "bars".into() };
        let plate = db::shots::get(db.pool(), shot_id).await.expect("read").plate;
        let (subject_json, subject) =
            QuadmaskSubject { plate, trim, frames: &level_hashes, causes: &causes, words: &words }.seal();
        let draft_revision = db::draft::state(db.pool(), shot_id).await.expect("read").revision;
        let manifest = Manifest { width: WIDTH, height: HEIGHT, frames: entries };
        let combined = Combined { manifest, subject_json, subject, draft_revision };
        let quadmask_id =
            transact!(db, [combined], |tx| db::quadmasks::submit(tx, shot_id, artist, "", &combined))
                .expect("sent to review");
        let ballot = ballot(&studio, subject, Verdict::Approve);
        let approved = transact!(db, [ballot], |tx| on_quadmask(tx, quadmask_id, &ballot)).expect("approved");
        let (run_id, _) = approved.run.expect("queued");
        work(&db, &store, Job::Remove { run_id }, false).await.expect("removed");
        let version_id = db::versions::list(&db, shot_id, false).await.expect("listed")[0].version_id;
        Self { db, store, studio, shot_id, version_id, trim }
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

#[tokio::test(flavor = "multi_thread")]
async fn a_package_holds_what_was_approved_and_is_made_once() {
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
    assert_eq!(delivery.name, format!("{STEM}_prores_422_hq.zip"));
    let path = made.store.path_of(archive);
    assert_eq!(std::fs::metadata(&path).expect("stored").len(), delivery.size_bytes as u64);

    let mut zip = zip::ZipArchive::new(std::fs::File::open(&path).expect("stored")).expect("an archive");
    let mut names: Vec<String> = zip
        .file_names()
        .map(|n| n.strip_prefix(&format!("{STEM}/")).expect("one folder").to_owned())
        .collect();
    names.sort();
    let mut wanted = vec![
        "SHA256SUMS".to_owned(),
        "causes.json".into(),
        "history.json".into(),
        format!("{STEM}_master.mkv"),
        format!("{STEM}_matte.mkv"),
        format!("{STEM}_prores_422_hq.mov"),
        "quadmask_0.mp4".into(),
        "report.json".into(),
    ];
    wanted.extend((0..FRAMES).map(|frame| format!("quadmask/quadmask.{}.png", 1001 + frame)));
    wanted.sort();
    assert_eq!(names, wanted);
    let mut bytes = |name: &str| {
        let mut file = zip.by_name(&format!("{STEM}/{name}")).expect(name);
        assert_eq!(file.compression(), zip::CompressionMethod::Stored, "{name}");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect(name);
        bytes
    };
    let version = db::versions::get(made.db.pool(), made.version_id).await.expect("there");
    assert_eq!(Hash::of(&bytes(&format!("{STEM}_master.mkv"))), version.result);
    assert_eq!(Hash::of(&bytes(&format!("{STEM}_matte.mkv"))), version.matte);
    assert_eq!(Hash::of(&bytes(&format!("{STEM}_prores_422_hq.mov"))), film);
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
    let causes = json(bytes("causes.json"));
    assert_eq!(causes["words"], serde_json::json!({ "removal": "the square", "after": "bars" }));
    assert_eq!(causes["causes"][0]["consequence"], "vanish");
    assert_eq!(causes["causes"], serde_json::json!([cause(FRAMES)]));
    let history = json(bytes("history.json"));
    assert_eq!(history["check"]["is_whole"], true, "{}", history["check"]);
    assert_eq!(history["decisions"].as_array().map(Vec::len), Some(2));

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

/// The same way with blobs in a bucket and no room for copies: each step fetches what it needs and puts what it makes.
#[tokio::test(flavor = "multi_thread")]
async fn the_way_from_a_plate_to_its_package_goes_through_a_bucket_too() {
    let server = s3::Server::start();
    let (fresh, folder) = (rows::sqlite().await, tempfile::tempdir().expect("a folder"));
    let store = Store::open_at(folder.path().join("data"), Some(&server.url("&cache_gb=0.000000001")));
    let made = Made::in_store(fresh.db.clone(), folder.path(), store.expect("a store"), None).await;
    made.decide(Verdict::Approve).await;
    made.package(Movie::H264, What::Package, false).await.expect("the package");
    let (delivery, archive) = made.kept(Movie::H264, What::Package).await.expect("kept");
    let named: Vec<String> =
        sqlx::query_scalar("select hash from blob").fetch_all(made.db.pool()).await.expect("listed");
    assert!(named.len() > 10, "{} blobs", named.len());
    for hash in named.iter().map(|hash| hash.parse::<Hash>().expect("a hash")) {
        assert!(server.file(hash).is_file(), "{hash} is in the bucket");
        made.store.verify_blocking(hash).expect("whole");
    }
    let bytes = made.store.get_blocking(archive).expect("fetched");
    assert_eq!(bytes.len() as i64, delivery.size_bytes);
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
    let version = db::versions::get(made.db.pool(), made.version_id).await.expect("there");
    let mut master = Vec::new();
    let mut file = zip.by_name(&format!("{STEM}/{STEM}_master.mkv")).expect("the master");
    file.read_to_end(&mut master).expect("whole");
    assert_eq!(Hash::of(&master), version.result);
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
