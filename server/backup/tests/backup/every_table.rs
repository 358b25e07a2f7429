//! Rows in every table there is, made from what the database says of its tables: a table that comes later is filled too.

use std::collections::{BTreeMap, BTreeSet};

use db::Db;
use db::dump::{Kind, Moment, Table};
use sqlx::Row as _;
use storage::Store;

/// What text may hold in a studio.
const WORDS: [&str; 4] = [
    "Straße „Ø“ \\ \"quoted\" 'single' %s $1 ?",
    "日本語\n한국어\tالعربية עברית",
    "кириллица ελληνικά ไทย \u{1F3AC}\u{200D}\u{1F9D1}",
    "e\u{301} is not é, \u{1}, and a \u{10FFFF}",
];
const NUMBERS: [i64; 4] = [i64::MAX, 9_007_199_254_740_993, 0, i64::MIN];
const FLOATS: [f64; 4] = [0.1 + 0.2, -0.0, f64::MAX, 5e-324];

/// What SQLite knows of a table beyond its columns; one text made the tables of both engines.
#[derive(Default)]
struct Rules {
    /// Column to table and column.
    parents: BTreeMap<String, (String, String)>,
    required: BTreeSet<String>,
    /// Columns of which only some words are taken: the last.
    words: BTreeMap<String, String>,
}

async fn rules(db: &Db, table: &str) -> Rules {
    let mut rules = Rules::default();
    let text = |row: &sqlx::any::AnyRow, name: &str| row.get::<String, _>(name);
    let keys = r#"select cast("from" as text) as here, cast("table" as text) as there, cast(coalesce("to", '') as text) as place
                  from pragma_foreign_key_list($1)"#;
    for row in sqlx::query(keys).bind(table.to_owned()).fetch_all(db.pool()).await.expect("keys") {
        rules.parents.insert(text(&row, "here"), (text(&row, "there"), text(&row, "place")));
    }
    let columns =
        "select cast(name as text) as name from pragma_table_info($1) where \"notnull\" = 1 or pk > 0";
    for row in sqlx::query(columns).bind(table.to_owned()).fetch_all(db.pool()).await.expect("columns") {
        rules.required.insert(text(&row, "name"));
    }
    let made = "select cast(sql as text) as made from sqlite_master where type = 'table' and name = $1";
    let row = sqlx::query(made).bind(table.to_owned()).fetch_one(db.pool()).await.expect("a table");
    for check in text(&row, "made").split("check (").skip(1) {
        let Some((column, rest)) = check.split_once(" in ('") else { continue };
        let last = rest.split_once(')').and_then(|(words, _)| words.rsplit('\'').nth(1).map(str::to_owned));
        if let Some(word) = last {
            rules.words.insert(column.trim().to_owned(), word);
        }
    }
    rules
}

/// Four rows in every table, the first with every column null that may be; blobs are in the store.
///
/// # Panics
/// When a table takes none: then it has a rule that this does not know.
pub async fn fill(db: &Db, store: &Store) {
    let tables = Moment::of(db).await.expect("a moment").tables().await.expect("tables");
    let folder = tempfile::tempdir().expect("a folder");
    let plain =
        db::open(&format!("sqlite://{}", folder.path().join("plain.db").display())).await.expect("opens");
    let mut waiting = tables;
    let mut filled: BTreeSet<String> = BTreeSet::new();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut later = Vec::new();
        for table in waiting {
            let rules = rules(&plain, &table.name).await;
            let is_ready =
                rules.parents.values().all(|(parent, _)| filled.contains(parent) || *parent == table.name);
            if is_ready {
                fill_table(db, store, &table, &rules).await;
                filled.insert(table.name);
            } else {
                later.push(table);
            }
        }
        assert!(later.len() < before, "tables that name each other: {later:?}");
        waiting = later;
    }
}

async fn fill_table(db: &Db, store: &Store, table: &Table, rules: &Rules) {
    for n in 0..4 {
        if table.name == "blob" {
            let bytes = format!("bytes of blob {n}").into_bytes();
            let size = bytes.len() as i64;
            let hash = store.put(bytes).await.expect("stored");
            db.write(move |tx| Box::pin(async move { db::blobs::record(tx, hash, size).await }))
                .await
                .expect("known");
            continue;
        }
        let values = values(db, table, rules, n).await;
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let sql = format!("insert into {} ({}) values ({})", table.name, names.join(", "), values.join(", "));
        let done = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(db.pool()).await;
        // A rule over several columns may forbid a row; one must be there.
        assert!(n > 0 || done.is_ok(), "{sql}: {done:?}");
    }
}

/// SQL for one row; what a column holds depends on it and on `n` alone, so that unique columns differ.
async fn values(db: &Db, table: &Table, rules: &Rules, n: usize) -> Vec<String> {
    let mut values = Vec::new();
    for column in &table.columns {
        if n == 0 && !rules.required.contains(&column.name) {
            values.push("null".to_owned());
            continue;
        }
        if let Some((parent, place)) = rules.parents.get(&column.name)
            && *parent != table.name
        {
            let sql = format!("select {place} as id from {parent} order by {place} limit 1 offset {n}");
            let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_optional(db.pool()).await.expect("parents");
            let id: String = match row {
                Some(row) => row.get("id"),
                None => {
                    let sql = format!("select min({place}) as id from {parent}");
                    sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(db.pool()).await.expect("one").get("id")
                }
            };
            values.push(literal(&id));
            continue;
        }
        values.push(match column.kind {
            Kind::Text => match rules.words.get(&column.name) {
                Some(word) => literal(word),
                None => literal(&format!("{n} {}", WORDS[n])),
            },
            // The same in all columns of a row: what must not be smaller than another is not.
            Kind::Integer if NUMBERS[n] == i64::MIN => "(-9223372036854775807 - 1)".to_owned(),
            Kind::Integer => NUMBERS[n].to_string(),
            Kind::Float => format!("{:e}", FLOATS[n]),
            Kind::Bytes => "null".to_owned(),
        });
    }
    values
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
