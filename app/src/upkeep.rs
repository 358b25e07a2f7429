//! What is done to database and store together and not at the wish of one page: deleting for good what lies in the bin, and
//! the sweep of what nothing needs. Everything here may be killed at any moment: rows go first and files after them, and what
//! was left is found by the next sweep.

use std::time::{Duration, SystemTime};

use db::audit::Note;
use db::bin::Because;
use domain::bin::{Binned, Thing, overdue_before};
use domain::disk::Swept;
use domain::{Deed, Hash, UploadId};
use storage::{Removed, Store};

use crate::context::AppState;

/// What was put or named within this time is left alone: it may be on its way into a row.
pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// Entries of inboxes are kept so long.
const INBOX_DAYS: i64 = 90;
/// Uploads that were broken off are kept so long.
const UPLOAD_DAYS: i64 = 7;
const DAY_MICROS: i64 = 86_400_000_000;
/// Blobs that one transaction forgets.
const AT_ONCE: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("the database failed")]
    Db(#[from] db::Error),
    #[error("the store failed")]
    Store(#[from] storage::Error),
    #[error("a piece of work broke off")]
    Broken(#[from] tokio::task::JoinError),
}

type Result<T> = std::result::Result<T, Failed>;

/// Whoever does it without being asked: the server itself, or the command line.
fn note_of(who: &str, deed: Deed, about: String) -> Note {
    Note { deed, by: None, who: who.to_owned(), project_id: None, about, address: String::new() }
}

/// Deletes what lies in the bin for good, with a line in the trail that keeps its name, and the parts of uploads that were on
/// their way into it.
pub async fn delete_for_good(
    state: &AppState,
    thing: Thing,
    because: Because<'_>,
    note: &Note,
) -> db::Result<()> {
    let typed = match because {
        Because::Typed(typed) => Ok(typed.to_owned()),
        Because::Overdue(before) => Err(before),
    };
    let mut tries = 0;
    let uploads = loop {
        let (note, typed) = (note.clone(), typed.clone());
        let done = state
            .db
            .write(move |tx| {
                let (note, typed) = (note.clone(), typed.clone());
                Box::pin(async move {
                    let (name, project_id) = db::bin::named(tx, thing).await?;
                    let about = format!("{} “{name}”", thing.word());
                    db::audit::add(tx, &Note { about, project_id: Some(project_id), ..note }).await?;
                    let because = match &typed {
                        Ok(typed) => Because::Typed(typed),
                        Err(before) => Because::Overdue(*before),
                    };
                    db::bin::purge(tx, thing, because).await
                })
            })
            .await;
        match done {
            // Somebody who had begun before it went into the bin wrote one more row below it.
            Err(db::Error::Sqlx(error))
                if tries < 5 && error.as_database_error().is_some_and(|e| e.is_foreign_key_violation()) =>
            {
                tries += 1;
            }
            done => break done?,
        }
    };
    for upload_id in uploads {
        tokio::fs::remove_file(state.store.part_path(&upload_id.to_string())).await.ok(); // left for the sweep
    }
    Ok(())
}

/// Deletes for good what has been in the bin for its time; how much.
pub async fn empty_bin(state: &AppState) -> Result<u32> {
    let before = overdue_before(db::now());
    let mut gone = 0;
    for Binned { thing, .. } in db::bin::overdue(&state.db, before).await? {
        let note = note_of("the server", Deed::DeletedForGood, String::new());
        match delete_for_good(state, thing, Because::Overdue(before), &note).await {
            Ok(()) => gone += 1,
            // Taken out, or deleted by somebody, meanwhile.
            Err(db::Error::Conflict(_) | db::Error::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(gone)
}

/// What can go, and the moment it was judged by.
struct Found {
    /// Recorded blobs that nothing needs.
    recorded: Vec<(Hash, i64)>,
    /// Files that no row records: left by a process that was killed before its row, or after the row was forgotten.
    unrecorded: Vec<(Hash, u64)>,
    parts: Vec<(String, u64)>,
    before: SystemTime,
    before_micros: i64,
}

impl Found {
    fn total(&self) -> Swept {
        let bytes = self.recorded.iter().map(|(_, bytes)| *bytes).sum::<i64>()
            + self.unrecorded.iter().map(|(_, bytes)| *bytes as i64).sum::<i64>();
        Swept {
            blobs: (self.recorded.len() + self.unrecorded.len()) as u32,
            bytes,
            parts: self.parts.len() as u32,
            part_bytes: self.parts.iter().map(|(_, bytes)| *bytes as i64).sum(),
        }
    }
}

async fn find(state: &AppState) -> Result<Found> {
    let before = SystemTime::now() - GRACE;
    let before_micros = db::now() - GRACE.as_micros() as i64;
    let db::disk::Plan { needed, unused: recorded } = db::disk::plan(&state.db, before_micros).await?;
    let store = state.store.clone();
    let old = tokio::task::spawn_blocking(move || -> storage::Result<Vec<(Hash, u64)>> {
        let mut old = Vec::new();
        store.each_blob_blocking(|found| {
            if found.put_at < before && !needed.has(found.hash) {
                old.push((found.hash, found.bytes));
            }
        })?;
        Ok(old)
    })
    .await??;
    let mut unrecorded = Vec::new();
    for some in old.chunks(AT_ONCE) {
        let hashes: Vec<Hash> = some.iter().map(|(hash, _)| *hash).collect();
        let known = db::disk::recorded(&state.db, &hashes).await?;
        unrecorded.extend(some.iter().filter(|(hash, _)| !known.contains(hash)));
    }
    let store = state.store.clone();
    let all = tokio::task::spawn_blocking(move || store.parts_blocking()).await??;
    // Asked for after the files were listed: an upload that began in between is known.
    let open: Vec<UploadId> = db::uploads::open_ids(&state.db).await?;
    let open: std::collections::HashSet<String> = open.iter().map(ToString::to_string).collect();
    let parts = all.into_iter().filter(|(name, _, at)| *at < before && !open.contains(name));
    let parts = parts.map(|(name, bytes, _)| (name, bytes)).collect();
    Ok(Found { recorded, unrecorded, parts, before, before_micros })
}

/// What a sweep would take now; nothing is changed.
pub async fn look(state: &AppState) -> Result<Swept> {
    Ok(find(state).await?.total())
}

/// Removes what nothing needs: first the row, then the file. A blob that is put or named meanwhile stays.
pub async fn sweep(state: &AppState, note: &Note) -> Result<Swept> {
    let Found { recorded, unrecorded, parts, before, before_micros } = find(state).await?;
    let mut swept = Swept::default();
    for some in recorded.chunks(AT_ONCE) {
        let hashes: Vec<Hash> = some.iter().map(|(hash, _)| *hash).collect();
        let forgotten = state
            .db
            .write(move |tx| {
                let hashes = hashes.clone();
                Box::pin(async move { db::disk::forget(tx, &hashes, before_micros).await })
            })
            .await?;
        remove(&state.store, forgotten, before, &mut swept).await?;
    }
    for some in unrecorded.chunks(AT_ONCE) {
        remove(&state.store, some.iter().map(|(hash, _)| *hash).collect(), before, &mut swept).await?;
    }
    for (name, bytes) in parts {
        if tokio::fs::remove_file(state.store.part_path(&name)).await.is_ok() {
            swept.parts += 1;
            swept.part_bytes += bytes as i64;
        }
    }
    let note = Note { about: swept.words(), ..note.clone() };
    let is_worth_a_line = swept != Swept::default() || note.by.is_some();
    state
        .db
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                db::upkeep::said(tx, db::upkeep::SWEEP, &swept.words()).await?;
                if is_worth_a_line { db::audit::add(tx, &note).await } else { Ok(()) }
            })
        })
        .await?;
    Ok(swept)
}

/// As the command line asks for it.
pub async fn sweep_by(state: &AppState, who: &str) -> Result<Swept> {
    sweep(state, &note_of(who, Deed::Swept, String::new())).await
}

async fn remove(store: &Store, hashes: Vec<Hash>, before: SystemTime, swept: &mut Swept) -> Result<()> {
    let store = store.clone();
    let removed = tokio::task::spawn_blocking(move || -> storage::Result<(u32, i64)> {
        let (mut blobs, mut bytes) = (0, 0);
        for hash in hashes {
            if let Removed::Gone(size) = store.remove_blocking(hash, before)? {
                blobs += 1;
                bytes += size as i64;
            }
        }
        Ok((blobs, bytes))
    })
    .await??;
    swept.blobs += removed.0;
    swept.bytes += removed.1;
    Ok(())
}

/// Forgets uploads that nobody has gone on with for a week, and removes what came of them.
async fn forget_uploads(state: &AppState) -> Result<()> {
    let before = db::now() - UPLOAD_DAYS * DAY_MICROS;
    let forgotten = state
        .db
        .write(move |tx| Box::pin(async move { db::uploads::forget_stale(tx, before).await }))
        .await?;
    for (upload_id, file_name) in forgotten {
        tokio::fs::remove_file(state.store.part_path(&upload_id.to_string())).await.ok(); // left for the sweep
        tracing::info!("Forgot the upload of “{file_name}”, untouched for a week");
    }
    Ok(())
}

/// One round of what the server does by itself: the bin by age, uploads given up, old entries of inboxes, and once a day the
/// sweep.
pub async fn round(state: &AppState) -> Result<()> {
    match empty_bin(state).await? {
        0 => {}
        gone => tracing::info!("Deleted for good what was in the bin for its time: {gone}"),
    }
    match db::inbox::prune(&state.db, db::now() - INBOX_DAYS * DAY_MICROS).await? {
        0 => {}
        entries => tracing::info!("Forgot {entries} inbox entries older than {INBOX_DAYS} days"),
    }
    forget_uploads(state).await?;
    if db::upkeep::take_turn(&state.db, db::upkeep::SWEEP, DAY_MICROS).await? {
        match sweep_by(state, "the server").await {
            Ok(swept) => tracing::info!("Swept the store: {}", swept.words()),
            Err(error) => {
                db::upkeep::give_back(&state.db, db::upkeep::SWEEP).await?;
                return Err(error);
            }
        }
    }
    Ok(())
}
