//! Every kind of cell from engine to engine, in tables that this program does not have.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::*;

struct Place {
    url: String,
    engine: Engine,
    _folder: Option<tempfile::TempDir>,
}

fn file() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    Place { url, engine: Engine::Sqlite, _folder: Some(folder) }
}

#[allow(clippy::print_stdout, reason = "a test that cannot run says so")]
async fn schema() -> Option<Place> {
    let Ok(url) = std::env::var("TEST_DATABASE_URL") else {
        println!("skipped: TEST_DATABASE_URL names no PostgreSQL server");
        return None;
    };
    let schema = format!("dump_{}", crate::new_uuid().simple());
    let admin = crate::connect(&url).await.expect("the PostgreSQL of TEST_DATABASE_URL answers");
    sqlx::query(sqlx::AssertSqlSafe(format!("create schema {schema}")))
        .execute(&admin.pool)
        .await
        .expect("a schema");
    let mark = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{mark}options[search_path]={schema}");
    Some(Place { url, engine: Engine::Postgres, _folder: None })
}

const ODD: i64 = 9001;

/// Ours, and a table that names itself and holds bytes; these are spelled differently on each engine.
fn migrator(engine: Engine) -> Migrator {
    let bytes = match engine {
        Engine::Sqlite => "blob",
        Engine::Postgres => "bytea",
    };
    let sql = format!(
        "create table odd (odd_id text primary key, number bigint, share double precision, bytes {bytes},
         parent text references odd (odd_id))"
    );
    let sql = sqlx::AssertSqlSafe(sql).into_sql_str();
    let odd = Migration::new(ODD, Cow::Borrowed("odd"), MigrationType::Simple, sql, false);
    Migrator::with_migrations(dialect::MIGRATIONS.iter().cloned().chain([odd]).collect())
}

impl Place {
    async fn fill(&self, rows: &[Row]) -> Result<()> {
        let migrator = migrator(self.engine);
        let applied: Vec<i64> = migrator.iter().map(|one| one.version).collect();
        let mut fill = Target::open_with(&self.url, migrator).await?.fill(&applied, false).await?;
        let table = fill.tables().await?.into_iter().find(|table| table.name == "odd").expect("made");
        fill.insert(&table, rows).await?;
        fill.finish().await
    }

    async fn rows(&self) -> Vec<Row> {
        let db = crate::connect(&self.url).await.expect("opens");
        let mut moment = Moment::of(&db).await.expect("a moment");
        let table = moment.tables().await.expect("tables").into_iter().find(|table| table.name == "odd");
        let (to, mut from) = mpsc::channel(64);
        let table = table.expect("there");
        assert_eq!(table.key, ["odd_id"]);
        moment.read(&table, &to).await.expect("read");
        drop(to);
        let mut rows = Vec::new();
        while let Some(mut some) = from.recv().await {
            rows.append(&mut some);
        }
        drop(moment);
        db.pool.close().await;
        rows
    }
}

fn row(id: &str, number: i64, share: f64, bytes: &[u8], parent: Option<&str>) -> Row {
    let parent = parent.map_or(Cell::Null, |id| Cell::Text(id.to_owned()));
    vec![
        Cell::Text(id.into()),
        Cell::Integer(number),
        Cell::Float(share),
        Cell::Bytes(bytes.to_vec()),
        parent,
    ]
}

#[tokio::test]
async fn every_kind_of_cell_goes_from_engine_to_engine() {
    // In the order of bytes, which is not that of a language; each names one that comes later.
    let rows = vec![
        row("Z", i64::MAX, 0.1 + 0.2, &[0, 255, 10, 13, 0], Some("a")),
        row("a", i64::MIN, -0.0, b"", Some("ä")),
        row("ä", 9_007_199_254_740_993, f64::MAX, &[7; 100_000], Some("日")),
        row("日", -1, 5e-324, b"\\x00", None),
        vec![Cell::Text("\u{1F3AC}".into()), Cell::Null, Cell::Null, Cell::Null, Cell::Null],
    ];
    let mut places = vec![file()];
    if let Some(place) = schema().await {
        places.extend([place, file()]);
    }
    let mut from = rows.clone();
    for place in &places {
        place.fill(&from).await.expect("filled");
        from = place.rows().await;
        assert_eq!(from, rows, "{:?}", place.engine);
        // A row that names nothing: nothing is written.
        let lost = [row("b", 1, 1.0, b"", Some("nobody"))];
        let other = match place.engine {
            Engine::Sqlite => file(),
            Engine::Postgres => schema().await.expect("as before"),
        };
        let error = other.fill(&lost).await.expect_err("refused");
        assert!(matches!(&error, Error::Corrupt(why) if why.contains("odd")), "{error:?}");
    }
}
