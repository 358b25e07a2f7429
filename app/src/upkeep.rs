//! What is done to database and store together and not at the wish of one page: deleting for good what lies in the bin, and
//! the sweep of what nothing needs. Everything here may be killed at any moment: rows go first and files after them, and what
//! was left is found by the next sweep.

use std::panic::resume_unwind;
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
/// A bucket is asked over a network: so many removals beside each other.
const HANDS: usize = 8;
/// After so many failures in a row the rest is not tried: nobody waits thousands of times for a bucket that is gone.
const IN_A_ROW: u32 = 5;

#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("the database failed")]
    Db(#[from] db::Error),
    #[error("the store failed")]
    Store(#[from] storage::Error),
    /// A sweep that may be of the wrong store; a sentence for people.
    #[error("{0}")]
    Refused(String),
    /// The sweep went on over what it could not remove; the first of it says why.
    #[error("removed {removed}; {failed} more could not be removed")]
    Left { removed: String, failed: u32, source: storage::Error },
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
    /// The database needs no blob and records none.
    knows_none: bool,
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
    let db::disk::Plan { needed, unused: recorded, knows_none } =
        db::disk::plan(&state.db, before_micros).await?;
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
    Ok(Found { recorded, unrecorded, parts, knows_none, before, before_micros })
}

/// What a sweep would take now; nothing is changed.
pub async fn look(state: &AppState) -> Result<Swept> {
    Ok(find(state).await?.total())
}

/// Before anything is removed: the store is this database's, and lets blobs go.
///
/// # Errors
/// [`Failed::Refused`] where a wrong, lost or empty database would call everything unused.
async fn begin(state: &AppState, found: &Found) -> Result<()> {
    if found.knows_none && !found.unrecorded.is_empty() {
        return Err(Failed::Refused(format!(
            "This database knows of no file at all, and the store holds {} that nobody put within a day: nothing was removed. Give the database and the store that belong together (--data, DATABASE_URL, STORAGE_URL), or restore a back-up; if these do and nothing is wanted, remove what lies in “blobs” by hand.",
            found.unrecorded.len()
        )));
    }
    if !state.store.has_bucket() {
        return Ok(());
    }
    let ours = db::upkeep::database_id(&state.db).await?;
    let (store, id) = (state.store.clone(), ours.clone());
    let owner = tokio::task::spawn_blocking(move || store.owner_blocking(&id)).await??;
    if owner != ours {
        return Err(Failed::Refused(format!(
            "The bucket belongs to another database ({owner}; this one is {ours}): nothing was removed. Give the database and the bucket that belong together (--data, DATABASE_URL, STORAGE_URL); if these do, as after restoring a back-up that is older than the first sweep, remove the object “database” beside “blobs” in the bucket and sweep again."
        )));
    }
    let store = state.store.clone();
    tokio::task::spawn_blocking(move || store.begin_sweep_blocking()).await??;
    Ok(())
}

/// Removes what nothing needs: first the row, then the file. A blob that is put or named meanwhile stays. One that cannot be
/// removed keeps no other from going, and the next sweep finds it.
pub async fn sweep(state: &AppState, note: &Note) -> Result<Swept> {
    let found = find(state).await?;
    begin(state, &found).await?;
    let Found { recorded, unrecorded, parts, before, before_micros, .. } = found;
    let (mut swept, mut failures) = (Swept::default(), Failures::default());
    for some in recorded.chunks(AT_ONCE) {
        if failures.is_hopeless {
            break;
        }
        let hashes: Vec<Hash> = some.iter().map(|(hash, _)| *hash).collect();
        let forgotten = state
            .db
            .write(move |tx| {
                let hashes = hashes.clone();
                Box::pin(async move { db::disk::forget(tx, &hashes, before_micros).await })
            })
            .await?;
        remove(&state.store, forgotten, before, &mut swept, &mut failures).await?;
    }
    for some in unrecorded.chunks(AT_ONCE) {
        if failures.is_hopeless {
            break;
        }
        let hashes = some.iter().map(|(hash, _)| *hash).collect();
        remove(&state.store, hashes, before, &mut swept, &mut failures).await?;
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
    match failures.first {
        None => Ok(swept),
        Some(source) => Err(Failed::Left { removed: swept.words(), failed: failures.failed, source }),
    }
}

/// As the command line asks for it.
pub async fn sweep_by(state: &AppState, who: &str) -> Result<Swept> {
    sweep(state, &note_of(who, Deed::Swept, String::new())).await
}

/// What was in the way of removals.
#[derive(Debug, Default)]
struct Failures {
    failed: u32,
    first: Option<storage::Error>,
    /// Of the last ones none came to pass.
    is_hopeless: bool,
}

/// What some removals came to.
#[derive(Debug, Default)]
struct Outcome {
    /// Removed, or left for a good reason.
    settled: u32,
    blobs: u32,
    bytes: i64,
    failed: u32,
    first: Option<storage::Error>,
}

async fn remove(
    store: &Store,
    hashes: Vec<Hash>,
    before: SystemTime,
    swept: &mut Swept,
    failures: &mut Failures,
) -> Result<()> {
    let store = store.clone();
    let removed = tokio::task::spawn_blocking(move || {
        let hands = if store.has_bucket() { HANDS } else { 1 };
        let store = &store;
        std::thread::scope(|scope| {
            let parts: Vec<_> = hashes
                .chunks(hashes.len().div_ceil(hands).max(1))
                .map(|some| scope.spawn(move || remove_some(store, some, before)))
                .collect();
            let done = parts.into_iter().map(|part| match part.join() {
                Ok(done) => done,
                Err(why) => resume_unwind(why),
            });
            done.collect::<Vec<_>>()
        })
    })
    .await?;
    let (mut settled, mut failed) = (0, 0);
    for outcome in removed {
        settled += outcome.settled;
        failed += outcome.failed;
        swept.blobs += outcome.blobs;
        swept.bytes += outcome.bytes;
        failures.first = failures.first.take().or(outcome.first);
    }
    failures.failed += failed;
    failures.is_hopeless = settled == 0 && failed >= IN_A_ROW;
    Ok(())
}

fn remove_some(store: &Store, hashes: &[Hash], before: SystemTime) -> Outcome {
    let mut outcome = Outcome::default();
    let mut in_a_row = 0;
    for hash in hashes {
        match store.remove_blocking(*hash, before) {
            Ok(removed) => {
                in_a_row = 0;
                outcome.settled += 1;
                if let Removed::Gone(size) = removed {
                    outcome.blobs += 1;
                    outcome.bytes += size as i64;
                }
            }
            Err(error) => {
                in_a_row += 1;
                outcome.failed += 1;
                outcome.first = outcome.first.or(Some(error));
                if in_a_row == IN_A_ROW {
                    break;
                }
            }
        }
    }
    outcome
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
