//! Fresh databases and a small studio in them, for the tests of every crate that writes rows: a SQLite file always, a
//! PostgreSQL schema of its own where `TEST_DATABASE_URL` names a server. Include it with `#[path]`.

use db::Db;
use db::draft::MadeFrame;
use db::quadmasks::{Combined, Manifest, ManifestFrame};
use db::versions::Finished;
use domain::version::Proof;
use domain::{Colour, Hash, PersonId, PlateFacts, ProjectId, QuadmaskId, Rate, Role, ShotId};

/// A database that is gone when dropped.
pub struct Fresh {
    pub db: Db,
    _folder: Option<tempfile::TempDir>,
}

pub async fn sqlite() -> Fresh {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    Fresh { db: db::open(&url).await.expect("a new SQLite file opens"), _folder: Some(folder) }
}

/// The address of a schema of its own on the PostgreSQL of the test run; `None`, said in words, where no server was named.
#[allow(
    clippy::print_stdout,
    reason = "a test that cannot run says so; where a unit test includes this, the lint is off anyway"
)]
pub async fn postgres_url() -> Option<String> {
    let Ok(url) = std::env::var("TEST_DATABASE_URL") else {
        println!("skipped: TEST_DATABASE_URL names no PostgreSQL server");
        return None;
    };
    let schema = format!("test_{}", db::new_uuid().simple());
    sqlx::any::install_default_drivers();
    let admin = sqlx::AnyPool::connect(&url).await.expect("the PostgreSQL of TEST_DATABASE_URL answers");
    sqlx::query(sqlx::AssertSqlSafe(format!("create schema {schema}")))
        .execute(&admin)
        .await
        .expect("a schema");
    admin.close().await;
    let mark = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{mark}options[search_path]={schema}"))
}

/// As [`postgres_url`], opened.
pub async fn postgres() -> Option<Fresh> {
    let url = postgres_url().await?;
    Some(Fresh { db: db::open(&url).await.expect("a new schema opens"), _folder: None })
}

/// Each rule runs on both engines.
#[macro_export]
macro_rules! rules {
    ($(async fn $name:ident($db:ident) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn rule($db: db::Db) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_sqlite() {
                let fresh = $crate::harness::sqlite().await;
                rule(fresh.db.clone()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_postgres() {
                if let Some(fresh) = $crate::harness::postgres().await {
                    rule(fresh.db.clone()).await;
                }
            }
        }
    )*};
}

/// Runs one writing transaction whose values are cheap to clone.
#[macro_export]
macro_rules! transact {
    ($db:expr, [$($kept:ident),*], |$tx:ident| $call:expr) => {{
        $(let $kept = $kept.clone();)*
        $db.write(move |$tx| {
            $(let $kept = $kept.clone();)*
            Box::pin(async move { $call.await })
        })
        .await
    }};
}

/// Somebody of each kind and a project they all belong to.
#[derive(Clone)]
pub struct Studio {
    pub db: Db,
    pub owner: PersonId,
    pub supervisor: PersonId,
    pub second: PersonId,
    pub artist: PersonId,
    pub client: PersonId,
    pub project_id: ProjectId,
}

pub const WIDTH: u32 = 64;
pub const HEIGHT: u32 = 48;
pub const FRAMES: u32 = 5;

impl Studio {
    pub async fn new(db: &Db) -> Self {
        let made = db
            .write(|tx| {
                Box::pin(async move {
                    let owner =
                        db::people::create_owner(tx, "Olga Owner", "olga@studio.test", "hash").await?;
                    let project_id = db::projects::create(tx, "First", owner, false).await?;
                    let mut others = Vec::new();
                    for (name, role) in [
                        ("Sam", Role::Supervisor),
                        ("Sue", Role::Supervisor),
                        ("Ana", Role::Artist),
                        ("Cleo", Role::Client),
                    ] {
                        let email = format!("{name}@studio.test");
                        let id = db::people::create(tx, name, &email, Some("hash"), role).await?;
                        db::projects::set_member(tx, project_id, id, true).await?;
                        others.push(id);
                    }
                    Ok((owner, project_id, others))
                })
            })
            .await
            .expect("a studio");
        let (owner, project_id, others) = made;
        let [supervisor, second, artist, client] = others[..] else { panic!("four were made") };
        Self { db: db.clone(), owner, supervisor, second, artist, client, project_id }
    }

    /// A shot whose plate was read.
    pub async fn shot(&self, name: &str) -> ShotId {
        let (project_id, artist, file) = (self.project_id, self.artist, format!("{name}.mov"));
        let plate = Hash::of(name.as_bytes());
        let shot_id = transact!(self.db, [file], |tx| db::shots::create(
            tx, project_id, None, artist, &file, plate, 100
        ))
        .expect("a shot")
        .shot_id;
        let facts = facts();
        transact!(self.db, [facts], |tx| db::shots::ingested(tx, shot_id, &facts, read(), "[]"))
            .expect("ingested");
        shot_id
    }

    /// Draws something on frame 0 and sends it to review.
    pub async fn submitted(&self, shot_id: ShotId) -> (QuadmaskId, Hash) {
        let made = vec![made(0, 0, "first mask")];
        transact!(self.db, [made], |tx| db::draft::replace_all(tx, shot_id, &made)).expect("a draft");
        self.submit(shot_id, "subject").await.expect("sent to review")
    }

    pub async fn submit(&self, shot_id: ShotId, subject: &str) -> db::Result<(QuadmaskId, Hash)> {
        let author = self.artist;
        let revision = db::draft::state(self.db.pool(), shot_id).await?.revision;
        let combined = combined(subject, revision);
        let id =
            transact!(self.db, [combined], |tx| db::quadmasks::submit(tx, shot_id, author, "", &combined))?;
        Ok((id, Hash::of(subject.as_bytes())))
    }
}

pub fn combined(subject: &str, draft_revision: i64) -> Combined {
    let frame = ManifestFrame { png: None, levels: Hash::of(b"levels") };
    Combined {
        manifest: Manifest { width: WIDTH, height: HEIGHT, frames: vec![frame; FRAMES as usize] },
        subject_json: subject.to_owned(),
        subject: Hash::of(subject.as_bytes()),
        draft_revision,
    }
}

pub fn made(frame: u32, seen_revision: i64, picture: &str) -> MadeFrame {
    MadeFrame {
        frame,
        seen_revision,
        levels: Some((Hash::of(picture.as_bytes()), 10)),
        confidence: Some(0.5),
        cover: domain::Cover { primary_area: 7, ..domain::Cover::default() },
    }
}

/// What a run leaves behind; `name` makes its manifest another one.
pub fn finished(name: &str) -> Finished {
    let proof = Proof {
        frames: FRAMES,
        width: WIDTH,
        height: HEIGHT,
        pixel_format: "yuv420p".into(),
        edge_px: 4,
        max_delta_outside: 0,
        matte_share: 0.1,
        seen_elsewhere: 0.9,
        guessed: 0.1,
        seconds: 1.5,
    };
    Finished {
        follow: None,
        manifest: serde_json::json!({ "name": name, "edge_px": 4 }),
        proof,
        result: Hash::of(b"result"),
        matte: Hash::of(b"matte"),
        proxy: Hash::of(b"proxy"),
        proxy_index: "[]".into(),
        made_by: None,
        model_output: None,
    }
}

pub fn facts() -> PlateFacts {
    PlateFacts {
        container: "mov".into(),
        codec: "prores".into(),
        pixel_format: "yuv422p10le".into(),
        bit_depth: 10,
        has_alpha: false,
        coded_width: WIDTH,
        coded_height: HEIGHT,
        rotation: 0,
        rate: Rate::new(24_000, 1001).expect("a rate"),
        frames: FRAMES,
        variable_times: None,
        time_base: (1, 24_000),
        colour: Colour {
            primaries: "bt709".into(),
            transfer: "bt709".into(),
            matrix: "bt709".into(),
            range: "tv".into(),
            assumed: true,
        },
        start_timecode: None,
        audio: None,
        frame_hashes: Vec::new(),
        notes: Vec::new(),
    }
}

/// Takes away what keeps decisions as they are, for tests of what finds changed rows.
pub async fn unguard(db: &Db) {
    let on = match db.engine() {
        db::Engine::Sqlite => "",
        db::Engine::Postgres => " on decision",
    };
    for trigger in ["decision_is_not_changed", "decision_is_not_deleted"] {
        let text = format!("drop trigger {trigger}{on}");
        sqlx::query(sqlx::AssertSqlSafe(text)).execute(db.pool()).await.expect("it was there");
    }
}

/// What reading a plate leaves behind.
pub fn read() -> db::shots::Made {
    db::shots::Made {
        frame_index: Hash::of(b"index"),
        proxy: Hash::of(b"proxy"),
        poster: Hash::of(b"poster"),
        strip: Hash::of(b"strip"),
        sound: None,
    }
}
