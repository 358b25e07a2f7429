//! Tracks of targets in the store, so that a changed click follows its own target again and no other.

use std::path::{Path, PathBuf};

use domain::{Hash, ShotId};
use pipeline::stages::tracks::{Followed, Kept};
use pipeline::{Error, Result};
use plate::segment::{Prompts, SegmentParams};

use crate::context::Context;

/// Part of every key: raised where the same marks would come to other masks.
const SEGMENTER: &str = "plate segmenter 1";

pub struct Tracks<'a> {
    context: &'a Context,
    shot_id: ShotId,
    /// Plate, its part, its coding and the segmenter's parameters.
    of: String,
    made: u32,
}

impl<'a> Tracks<'a> {
    pub fn new(context: &'a Context, shot_id: ShotId, seen_as: Hash, params: &SegmentParams) -> Self {
        let params = serde_json::to_string(params).expect("plain numbers");
        Self { context, shot_id, of: format!("{SEGMENTER} {seen_as} {params}"), made: 0 }
    }

    fn inputs(&self, marks: &[Prompts]) -> Hash {
        Hash::of(format!("{} {marks:?}", self.of).as_bytes())
    }

    fn keep_row(&self, inputs: Hash, file: Hash, size: Option<i64>) -> Result<()> {
        let shot_id = self.shot_id;
        let kept = self.context.write(|tx| {
            Box::pin(async move {
                if let Some(size) = size {
                    db::blobs::record(tx, file, size).await?;
                }
                db::tracks::keep(tx, shot_id, inputs, file).await
            })
        });
        kept.map_err(input)
    }
}

/// What went wrong, for whoever reads the job.
fn input(error: impl std::fmt::Display) -> Error {
    Error::Input(format!("A target’s track could not be kept: {error}. Run this again."))
}

impl Kept for Tracks<'_> {
    fn find(&mut self, marks: &[Prompts]) -> Result<Option<PathBuf>> {
        let inputs = self.inputs(marks);
        let found = self.context.wait(db::tracks::find(&self.context.db, self.shot_id, inputs));
        let Some(file) = found.map_err(input)? else { return Ok(None) };
        // A cache: bytes that are not there any more are made again.
        let Ok(path) = self.context.file(file) else { return Ok(None) };
        self.keep_row(inputs, file, None)?;
        Ok(Some(path))
    }

    fn room(&mut self) -> Result<PathBuf> {
        self.made += 1;
        Ok(self.context.scratch.path().join(format!("{}.track", self.made)))
    }

    fn keep(&mut self, marks: &[Prompts], track: &Path) -> Result<()> {
        let (file, size) = self.context.store.put_file_blocking(track).map_err(input)?;
        self.keep_row(self.inputs(marks), file, Some(i64::try_from(size).unwrap_or(i64::MAX)))
    }
}

/// For the job's log.
pub fn said(followed: Followed) -> String {
    let Followed { anew, known } = followed;
    let word = |n: u32| if n == 1 { "1 target".to_owned() } else { format!("{n} targets") };
    match (anew, known) {
        (0, known) => {
            format!("{} followed before from the same marks: nothing was followed again.", word(known))
        }
        (anew, 0) => format!("{} followed.", word(anew)),
        (anew, known) => format!("{} followed again; of {} nothing changed.", word(anew), word(known)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::run::Segmenter;
    use domain::{BoxPrompt, Job, PointPrompt, Target};

    use super::*;
    use crate::context::Pulse;
    use crate::handlers::package::tests::{ingested, rows};
    use crate::handlers::{plan, run};
    use crate::models::Models;
    use crate::transact;

    /// Grows the mask; what the log says of the targets.
    async fn grown(db: &db::Db, store: &storage::Store, shot_id: ShotId) -> String {
        let (db, store) = (db.clone(), store.clone());
        let stage = tokio::task::spawn_blocking(move || {
            let (pulse, models) = (Arc::new(Pulse::default()), Arc::new(Models::new(Path::new("none"))));
            let job = Job::Segment { shot_id, by: Segmenter::Plate };
            run(&Context::new(db, store, pulse.clone(), models, plan(&job))?, &job)?;
            let log = pulse.place.lock().expect("no panic while held").log.clone();
            anyhow::Ok(log.into_iter().find(|line| line.contains("followed")).unwrap_or_default())
        });
        stage.await.expect("no panic").expect("grown")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_what_a_click_changed_is_followed_again() {
        let fresh = rows::sqlite().await;
        let folder = tempfile::tempdir().expect("a folder");
        let db = fresh.db.clone();
        let store = storage::Store::open(folder.path().join("data")).expect("a store");
        let studio = rows::Studio::new(&db).await;
        let (shot_id, artist) = (ingested(&db, &store, &studio, folder.path()).await, studio.artist);
        let mut targets: Vec<Target> = Vec::new();
        for name in ["square", "bar"] {
            let made =
                transact!(db, [], |tx| async move { db::brief::add_target(tx, shot_id, artist, name).await });
            targets.push(made.expect("a target"));
        }
        targets[0].points.push(PointPrompt { frame: 0, x: 18.0, y: 48.0, positive: true });
        targets[1].boxes.push(BoxPrompt { frame: 5, x0: 91.0, y0: 0.0, x1: 109.0, y1: 63.0 });
        let save = async |target: &Target| {
            let target = target.clone();
            let saved = transact!(db, [target], |tx| async move {
                db::brief::save_target(tx, shot_id, artist, &target).await
            });
            saved.expect("saved");
        };
        save(&targets[0]).await;
        save(&targets[1]).await;
        let levels = async || -> Vec<_> {
            let rows = db::draft::frames(db.pool(), shot_id).await.expect("read");
            rows.into_iter().map(|row| row.levels).collect()
        };

        assert_eq!(grown(&db, &store, shot_id).await, "2 targets followed.");
        let first = levels().await;
        assert!(first.len() == 6 && first.iter().all(Option::is_some));
        let again = "2 targets followed before from the same marks: nothing was followed again.";
        assert_eq!(grown(&db, &store, shot_id).await, again);
        assert_eq!(levels().await, first, "and the mask is the same");

        let before = targets[0].clone();
        targets[0].points.push(PointPrompt { frame: 3, x: 42.0, y: 48.0, positive: true });
        save(&targets[0]).await;
        let half = "1 target followed again; of 1 target nothing changed.";
        assert_eq!(grown(&db, &store, shot_id).await, half);
        save(&before).await;
        assert_eq!(grown(&db, &store, shot_id).await, again, "taken back, it is known");
        assert_eq!(levels().await, first);

        // A cache: without its rows everything is followed again.
        sqlx::query("delete from track").execute(db.pool()).await.expect("forgotten");
        assert_eq!(grown(&db, &store, shot_id).await, "2 targets followed.");
        assert_eq!(levels().await, first);
    }
}
