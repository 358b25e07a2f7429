//! Which blobs rows need, which nothing needs, and what each project takes of the disk. Files are not known here.
//!
//! A new column that names blobs belongs into [`COLUMNS`] or beside [`MANIFEST`] and [`JOB`]: a test fails when a migration
//! adds a text column that nobody has said of whether it names blobs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use domain::disk::{ProjectUse, Unused};
use domain::{Hash, Job, ProjectId};
use futures::TryStreamExt;
use sqlx::{Any, AnyConnection, Row, Transaction};

use crate::quadmasks::Manifest;
use crate::row::{Cells, places};
use crate::{Db, Result, from_json, parse};

/// Columns that hold the hash of a blob or nothing, by table.
pub const COLUMNS: [(&str, &[&str]); 9] = [
    ("shot", &["plate", "proxy", "poster", "strip", "frame_index", "sound"]),
    ("draft_frame", &["levels", "locks"]),
    ("draft_edit", &["levels_before", "locks_before", "levels_after", "locks_after"]),
    ("quadmask", &["movie", "black", "grey"]),
    ("version", &["result", "matte", "proxy", "model_output"]),
    ("delivery", &["file"]),
    ("exact_frame", &["file"]),
    ("track", &["file"]),
    ("sight", &["mask"]),
];
/// JSON that names blobs: a quadmask's frames, and the file of an import that is not done.
pub const MANIFEST: (&str, &str) = ("quadmask", "manifest");
pub const JOB: (&str, &str) = ("job", "payload");

/// How a table's rows `x` are joined to the project that they belong to.
fn project_of(table: &str) -> (&'static str, &'static str) {
    match table {
        "shot" => ("x.project_id", ""),
        "delivery" => (
            "s.project_id",
            "join version v on v.version_id = x.version_id join shot s on s.shot_id = v.shot_id",
        ),
        _ => ("s.project_id", "join shot s on s.shot_id = x.shot_id"),
    }
}

/// Who needs a blob: projects by their place in a list; of most blobs it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Users {
    One(u32),
    Many(Vec<u32>),
}

impl Users {
    fn add(&mut self, project: u32) {
        match self {
            Self::One(one) if *one == project => {}
            Self::One(one) => *self = Self::Many(vec![*one, project]),
            Self::Many(all) if all.contains(&project) => {}
            Self::Many(all) => all.push(project),
        }
    }
}

/// Every blob that a row needs, at one moment. About 60 bytes for each.
#[derive(Debug, Default)]
pub struct Marks {
    projects: Vec<Option<ProjectId>>,
    users: HashMap<Hash, Users>,
}

impl Marks {
    fn place(&mut self, project: Option<ProjectId>) -> u32 {
        let at = self.projects.iter().rposition(|known| *known == project).unwrap_or_else(|| {
            self.projects.push(project);
            self.projects.len() - 1
        });
        at as u32
    }

    fn add(&mut self, project: u32, hash: Hash) {
        match self.users.entry(hash) {
            Entry::Occupied(mut known) => known.get_mut().add(project),
            Entry::Vacant(new) => {
                new.insert(Users::One(project));
            }
        }
    }

    pub fn has(&self, hash: Hash) -> bool {
        self.users.contains_key(&hash)
    }

    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

async fn mark(tx: &mut Transaction<'static, Any>) -> Result<Marks> {
    let mut marks = Marks::default();
    for (table, columns) in COLUMNS {
        let (project, join) = project_of(table);
        let named: Vec<String> = columns.iter().map(|column| format!("x.{column}")).collect();
        let text = format!("select {project} as of_project, {} from {table} x {join}", named.join(", "));
        let mut rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch(&mut **tx);
        while let Some(row) = rows.try_next().await? {
            let place = marks.place(Some(row.word("of_project")?));
            for (at, column) in columns.iter().enumerate() {
                if let Some(hash) = row.try_get::<Option<String>, _>(at + 1)? {
                    marks.add(place, parse(column, &hash)?);
                }
            }
        }
    }
    let mut rows = sqlx::query(
        "select s.project_id as of_project, x.manifest from quadmask x join shot s on s.shot_id = x.shot_id",
    )
    .fetch(&mut **tx);
    while let Some(row) = rows.try_next().await? {
        let place = marks.place(Some(row.word("of_project")?));
        // One that cannot be read ends the mark: nothing is removed while it is unknown what is needed.
        let Manifest { frames, .. } = row.json("manifest")?;
        for hash in frames.iter().filter_map(|frame| frame.png) {
            marks.add(place, hash);
        }
    }
    drop(rows);
    let mut rows =
        sqlx::query("select project_id, payload from job where kind = 'import_quadmask' and state <> 'done'")
            .fetch(&mut **tx);
    while let Some(row) = rows.try_next().await? {
        let project = row.maybe_word("project_id")?;
        if let Job::ImportQuadmask { file, .. } = from_json("payload", &row.text("payload")?)? {
            let place = marks.place(project);
            marks.add(place, file);
        }
    }
    drop(rows);
    Ok(marks)
}

/// What the disk holds, by what needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Every project, those in the bin too; the largest first.
    pub projects: Vec<ProjectUse>,
    pub unused: Unused,
    /// Blobs that are recorded, and their bytes.
    pub blobs: u32,
    pub bytes: i64,
}

/// `young_after`: what was recorded since is young (microseconds UTC).
pub async fn usage(db: &Db, young_after: i64) -> Result<Usage> {
    let mut tx = db.snapshot().await?;
    let marks = mark(&mut tx).await?;
    let rows = sqlx::query(
        "select project_id, name, archived_at, binned_at from project order by lower(name), project_id",
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut projects = Vec::new();
    for row in &rows {
        projects.push(ProjectUse {
            project_id: row.word("project_id")?,
            name: row.text("name")?,
            is_archived: row.maybe_int("archived_at")?.is_some(),
            is_binned: row.maybe_int("binned_at")?.is_some(),
            blobs: 0,
            bytes: 0,
            freed_bytes: 0,
        });
    }
    // From a place among the marks to one in the list; nowhere for a job whose project is gone.
    let at: Vec<Option<usize>> = marks
        .projects
        .iter()
        .map(|id| projects.iter().position(|project| Some(project.project_id) == *id))
        .collect();
    let (mut unused, mut blobs, mut bytes) = (Unused::default(), 0, 0);
    let mut rows = sqlx::query("select hash, size_bytes, seen_at from blob").fetch(&mut *tx);
    while let Some(row) = rows.try_next().await? {
        let size = row.int("size_bytes")?;
        blobs += 1;
        bytes += size;
        let users: &[u32] = match marks.users.get(&row.word("hash")?) {
            Some(Users::One(one)) => std::slice::from_ref(one),
            Some(Users::Many(all)) => all,
            None => {
                unused.blobs += 1;
                unused.bytes += size;
                if row.int("seen_at")? >= young_after {
                    unused.young_blobs += 1;
                    unused.young_bytes += size;
                }
                continue;
            }
        };
        for place in users {
            if let Some(at) = at[*place as usize] {
                projects[at].blobs += 1;
                projects[at].bytes += size;
                projects[at].freed_bytes += if users.len() == 1 { size } else { 0 };
            }
        }
    }
    drop(rows);
    projects.sort_by_key(|project| std::cmp::Reverse(project.bytes));
    Ok(Usage { projects, unused, blobs, bytes })
}

/// What a sweep goes by.
#[derive(Debug, Default)]
pub struct Plan {
    /// Every blob that a row needs.
    pub needed: Marks,
    /// Recorded, needed by nothing, and not seen since the moment that was asked with; with their bytes.
    pub unused: Vec<(Hash, i64)>,
    /// No row needs a blob or records one.
    pub knows_none: bool,
}

/// `before`: microseconds UTC.
pub async fn plan(db: &Db, before: i64) -> Result<Plan> {
    let mut tx = db.snapshot().await?;
    let needed = mark(&mut tx).await?;
    let mut unused = Vec::new();
    let mut rows =
        sqlx::query("select hash, size_bytes from blob where seen_at < $1").bind(before).fetch(&mut *tx);
    while let Some(row) = rows.try_next().await? {
        let hash = row.word("hash")?;
        if !needed.has(hash) {
            unused.push((hash, row.int("size_bytes")?));
        }
    }
    drop(rows);
    let recorded = sqlx::query("select 1 as one from blob limit 1").fetch_optional(&mut *tx).await?;
    Ok(Plan { knows_none: needed.is_empty() && recorded.is_none(), needed, unused })
}

/// Forgets blobs that a plan found unused, but for those that were recorded at or after `before`: their files can go. Those
/// that are forgotten. A transaction that records one of them at the same time is waited for, or waits and records it anew.
pub async fn forget(tx: &mut AnyConnection, hashes: &[Hash], before: i64) -> Result<Vec<Hash>> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "delete from blob where seen_at < $1 and hash in ({}) returning hash",
        places(2, hashes.len())
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(before);
    for hash in hashes {
        query = query.bind(hash.to_string());
    }
    query.fetch_all(&mut *tx).await?.iter().map(|row| row.word("hash")).collect()
}

/// Which of these are recorded.
pub async fn recorded(db: &Db, hashes: &[Hash]) -> Result<Vec<Hash>> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!("select hash from blob where hash in ({})", places(1, hashes.len()));
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text));
    for hash in hashes {
        query = query.bind(hash.to_string());
    }
    query.fetch_all(&db.pool).await?.iter().map(|row| row.word("hash")).collect()
}
