//! Answers to clicks, beside whatever job runs: the mask of the clicked frame alone, at once. No lease: a mask that is made
//! twice is the same mask.

use std::sync::Arc;
use std::time::Duration;

use db::Db;
use db::clicks::Click;
use storage::Store;
use tokio::sync::watch;

use crate::context::{Context, Pulse};
use crate::handlers;
use crate::models::Models;

const IDLE: Duration = Duration::from_millis(150);

/// Answers clicks until the worker stops.
pub async fn serve(db: Db, store: Store, models: Arc<Models>, mut stopping: watch::Receiver<bool>) {
    while !*stopping.borrow() {
        let pause = match db::clicks::take(&db).await {
            Ok(Some(click)) => {
                answer(&db, &store, &models, click).await;
                continue;
            }
            Ok(None) => IDLE,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "Clicks cannot be asked for");
                Duration::from_secs(2)
            }
        };
        tokio::select! {
            _ = tokio::time::sleep(pause) => {}
            _ = stopping.changed() => {}
        }
    }
}

async fn answer(db: &Db, store: &Store, models: &Arc<Models>, click: Click) {
    let (inner, shelf, models) = (db.clone(), store.clone(), Arc::clone(models));
    let made = tokio::task::spawn_blocking(move || {
        let context = Context::new(inner, shelf, Arc::new(Pulse::default()), models, &[])?;
        handlers::answer(&context, click)
    });
    // The bindings panic on misuse; one click must not take the worker with it.
    let made = made.await.unwrap_or_else(|error| Err(error.into()));
    let Err(error) = made else { return };
    // Growing the mask says it to the artist; here nobody was promised anything yet.
    tracing::warn!("A click on frame {} is not answered: {error:#}", click.frame);
    let forgotten = db.write(move |tx| Box::pin(db::clicks::forget(tx, click))).await;
    if let Err(error) = forgotten {
        tracing::warn!(error = &error as &dyn std::error::Error, "A click cannot be forgotten");
    }
}
