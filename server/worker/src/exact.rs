//! Exact frames on demand, beside whatever job runs: people who zoom in wait for them. No lease: a picture that is made
//! twice is the same picture.

use std::time::Duration;

use anyhow::Context as _;
use db::Db;
use db::exact::Wish;
use domain::PlateFacts;
use media::Index;
use pipeline::Plate;
use pipeline::stages::still::still;
use storage::Store;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Pictures that are kept for the next look.
const MOST_BYTES: u64 = 2 << 30;
const IDLE: Duration = Duration::from_millis(150);

/// Answers wishes until the worker stops.
pub async fn serve(db: Db, store: Store, mut stopping: watch::Receiver<bool>) {
    while !*stopping.borrow() {
        let pause = match db::exact::take(&db).await {
            Ok(Some(wish)) => {
                answer(&db, &store, wish).await;
                continue;
            }
            Ok(None) => IDLE,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "Exact frames cannot be asked for");
                Duration::from_secs(2)
            }
        };
        tokio::select! {
            _ = tokio::time::sleep(pause) => {}
            _ = stopping.changed() => {}
        }
    }
}

async fn answer(db: &Db, store: &Store, wish: Wish) {
    let (inner, shelf, wanted, handle) = (db.clone(), store.clone(), wish.clone(), Handle::current());
    let made = tokio::task::spawn_blocking(move || make(&inner, &shelf, &wanted, &handle)).await;
    let told = match made {
        Ok(Ok(())) => db::exact::made(db, &wish).await,
        Ok(Err(error)) => db::exact::failed(db, &wish, &format!("{error:#}")).await,
        // The bindings panic on misuse; one picture must not take the worker with it.
        Err(_) => db::exact::failed(db, &wish, "The exact frame could not be made because of a fault.").await,
    };
    if let Err(error) = told {
        tracing::warn!(error = &error as &dyn std::error::Error, "An exact frame cannot be answered");
    }
}

fn make(db: &Db, store: &Store, wish: &Wish, handle: &Handle) -> anyhow::Result<()> {
    let shot = handle.block_on(db::shots::get(db.pool(), wish.shot_id))?;
    let shown = shot.facts.context("the plate is not read yet")?;
    let index = match (wish.version_id, shot.frame_index) {
        (None, Some(index)) => serde_json::from_slice(&store.get_blocking(index)?)?,
        (None, None) => anyhow::bail!("the plate is not read yet"),
        (Some(_), _) => index_of(store, wish)?,
    };
    let file = store.local_blocking(wish.file)?; // held until the picture is made
    let plate =
        Plate { path: file.path().to_owned(), trim: None, known: Some((whole(&shown, &index), index)) };
    let png = still(plate, wish.frame, &shown, &mut ())?;
    Ok(store.put_cached_blocking(&wish.cache_name(), &png, MOST_BYTES)?)
}

/// The facts of the file: the wish counts frames in it, whatever part of it is the shot.
fn whole(shown: &PlateFacts, index: &Index) -> PlateFacts {
    PlateFacts { frames: index.frames(), variable_times: None, frame_hashes: Vec::new(), ..shown.clone() }
}

/// Where the pictures of a result lie; read from the file once.
fn index_of(store: &Store, wish: &Wish) -> anyhow::Result<Index> {
    let name = format!("{}-index.json", wish.file);
    if let Ok(known) = std::fs::read(store.cached_path(&name)) {
        return serde_json::from_slice(&known).context("reading a result's index");
    }
    let file = store.local_blocking(wish.file)?;
    let (_, index) = media::probe(file.path(), &mut |_| Ok(()))?;
    store.put_cached_blocking(&name, &serde_json::to_vec(&index)?, MOST_BYTES)?;
    Ok(index)
}
