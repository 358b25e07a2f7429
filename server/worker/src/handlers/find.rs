//! Find: words to things on a shot's key frames, with a score, a box and a mask each. Nothing of it is in the draft: somebody keeps
//! it or not. A threshold is a matter of reading what is kept here, and runs nothing again.

use domain::ShotId;
use domain::find::Order;

use crate::context::Context;

#[cfg(not(feature = "void"))]
pub fn run(context: &Context, shot_id: ShotId, order: &Order) -> anyhow::Result<()> {
    let _ = (context, shot_id, order);
    anyhow::bail!(
        "This worker was built without libtorch, so it cannot find things by words. Click them instead."
    )
}

#[cfg(feature = "void")]
pub use with::run;

#[cfg(feature = "void")]
mod with {
    use std::time::Instant;

    use db::finding::{Seen, again, inputs, put};
    use domain::find::{About, EVERY};
    use domain::project::Shot;
    use domain::run::Network;
    use domain::{Hash, Levels};
    use engine::find::{Came, Finder, Search, find};
    use engine::track::Segmenter;
    use pipeline::PlateFile;

    use super::*;
    use crate::handlers::segment::seen_as;
    use crate::models::{network, network_of};

    pub fn run(context: &Context, shot_id: ShotId, order: &Order) -> anyhow::Result<()> {
        let shot = context.wait(db::shots::get(context.db.pool(), shot_id))?;
        context.models.with_sam3(|finder| Ok(look(context, &shot, order, finder))).map_err(plain)?
    }

    fn look(context: &Context, shot: &Shot, order: &Order, finder: &mut Finder) -> anyhow::Result<()> {
        let started = Instant::now();
        let shot_id = shot.shot_id;
        let named = network(finder.named());
        let inputs = inputs(shot, order, named.fingerprint);
        if context.write(|tx| Box::pin(again(tx, shot_id, inputs)))?.is_some() {
            context.log("The same words were looked for on the same frames: what was found is there");
            return Ok(());
        }
        let mut report = context.reporter();
        let mut plate = PlateFile::open(context.plate(shot)?, &mut report)?;
        let (width, height) = plate.size();
        let mut masks: Vec<(Hash, i64)> = Vec::new();
        let mut each = |n: u32, mask: &[u8]| -> pipeline::Result<()> {
            debug_assert_eq!(n as usize, masks.len());
            let kept = keep(context, width, height, mask);
            masks.push(kept.map_err(|error| pipeline::Error::Input(format!("{error:#}")))?);
            Ok(())
        };
        let search = Search { order, seen_as: seen_as(shot), every: EVERY };
        let mut go = |finder: &mut Finder, carrier: Option<&Segmenter>| {
            find(finder, carrier, &mut plate, &search, &mut report, &mut each)
        };
        let (came, carrier) = if context.models.carries(named.is_test_model) {
            let with = |segmenter: &mut Segmenter| {
                let carrier = network_of(segmenter);
                go(finder, Some(&*segmenter)).map(|came| (came, Some(carrier)))
            };
            context.models.with_sam2(with).map_err(plain)?
        } else {
            (go(finder, None).map_err(plain)?, None)
        };
        let seconds = started.elapsed().as_secs_f32();
        write(context, shot_id, inputs, came, &masks, (order, named, carrier), seconds)
    }

    /// Puts a mask into the store.
    fn keep(context: &Context, width: u32, height: u32, mask: &[u8]) -> anyhow::Result<(Hash, i64)> {
        let png = Levels::from_primary(width, height, mask)?.to_png();
        Ok((context.store.put_blocking(&png)?, i64::try_from(png.len())?))
    }

    fn write(
        context: &Context,
        shot_id: ShotId,
        inputs: Hash,
        came: Came,
        masks: &[(Hash, i64)],
        (order, network, carrier): (&Order, Network, Option<Network>),
        seconds: f32,
    ) -> anyhow::Result<()> {
        let Came { sights, looked, conflicts, notes, known_frames, was_carried } = came;
        context.log(format!(
            "“{}”: {} sights on {} frames, {known_frames} of them seen before",
            order.words,
            sights.len(),
            looked.len()
        ));
        let about = About {
            order: order.clone(),
            network,
            carried_by: carrier.filter(|_| was_carried),
            looked,
            conflicts,
            notes,
            known_frames,
            seconds,
        };
        let seen: Vec<Seen> = sights
            .into_iter()
            .map(|sight| {
                let (mask, mask_bytes) = masks[sight.n as usize];
                Seen { sight, mask, mask_bytes }
            })
            .collect();
        context.write(|tx| {
            let (about, seen) = (about.clone(), seen.clone());
            Box::pin(async move { put(tx, shot_id, inputs, &about, &seen).await })
        })?;
        Ok(())
    }

    /// As the worker's loop knows it: that somebody stopped the job is no failure.
    fn plain(error: engine::Error) -> anyhow::Error {
        match error {
            engine::Error::Pipeline(error) => error.into(),
            error => error.into(),
        }
    }
}

#[cfg(all(test, feature = "void"))]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use db::Db;
    use domain::find::Purpose;
    use domain::{FindingId, Job, Levels};
    use storage::Store;

    use super::*;
    use crate::context::Pulse;
    use crate::handlers::package::tests::{HEIGHT, WIDTH, ingested, rows};
    use crate::handlers::{plan, run};
    use crate::models::Models;
    use crate::transact;

    async fn with_models(db: &Db, store: &Store, models: &Arc<Models>, job: Job) -> anyhow::Result<()> {
        let (db, store, models) = (db.clone(), store.clone(), Arc::clone(models));
        let stage = tokio::task::spawn_blocking(move || {
            run(&Context::new(db, store, Arc::new(Pulse::default()), models, plan(&job))?, &job)
        });
        stage.await.expect("no panic")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn words_become_rows_once_and_a_folder_that_broke_becomes_none() {
        let fresh = rows::sqlite().await;
        let folder = tempfile::tempdir().expect("a folder");
        let (db, store) = (fresh.db.clone(), Store::open(folder.path().join("data")).expect("a store"));
        let studio = rows::Studio::new(&db).await;
        let shot_id = ingested(&db, &store, &studio, folder.path()).await;

        nets::use_one_thread();
        let folder_of_models = folder.path().join("models");
        let models = Arc::new(Models::new(&folder_of_models));
        let order = |words: &str| Order {
            words: words.into(),
            purpose: Purpose::Target,
            keys: true,
            frames: vec![3],
        };
        let job = |words: &str| Job::Find { shot_id, order: order(words) };
        let newest = async || db::finding::newest(db.pool(), shot_id).await.expect("read");
        // Without weights: an error and no rows.
        let said = with_models(&db, &store, &models, job("the square")).await.expect_err("nothing there");
        assert!(format!("{said:#}").contains("is no folder"), "{said:#}");
        assert_eq!(newest().await, None);

        engine::find::make_test_model(&folder_of_models.join("sam3")).expect("made");
        with_models(&db, &store, &models, job("the square")).await.expect("found");
        let first = newest().await.expect("a finding");
        let read = async |id: FindingId| {
            transact!(db, [], |tx| async move { db::finding::get(tx, shot_id, id).await }).expect("there")
        };
        let (finding, masks) = read(first).await;
        assert!(!finding.sights.is_empty() && finding.sights.len() == masks.len());
        assert!(finding.about.network.is_test_model && finding.about.carried_by.is_none());
        assert_eq!(finding.about.looked.iter().map(|l| l.frame).collect::<Vec<_>>(), [0, 3]);
        for (sight, mask) in finding.sights.iter().zip(&masks) {
            let levels = Levels::from_png(&store.get_blocking(*mask).expect("stored")).expect("levels");
            let [primary, ..] = levels.areas();
            assert_eq!((levels.width(), levels.height()), (WIDTH, HEIGHT));
            assert!(primary > 0, "{sight:?}");
        }
        // Nothing of it is in the draft.
        assert!(db::draft::frames(db.pool(), shot_id).await.expect("read").is_empty());
        // Other words look at no frame again; the same words run nothing.
        with_models(&db, &store, &models, job("its shadow")).await.expect("found");
        let second = newest().await.expect("a finding");
        assert_eq!(read(second).await.0.about.known_frames, 2);
        with_models(&db, &store, &models, job("the square")).await.expect("known");
        assert_eq!(newest().await, Some(first));

        // Weights that went bad are an error: what was found before stays the newest, and nothing empty comes.
        let weights = folder_of_models.join("sam3/model.safetensors");
        let whole = std::fs::read(&weights).expect("read");
        std::fs::write(&weights, &whole[..whole.len() / 2]).expect("cut");
        let said = with_models(&db, &store, &models, job("the bars")).await.expect_err("cut off");
        assert!(format!("{said:#}").contains("cut off"), "{said:#}");
        // And numbers that are none, under the right names.
        let mut lost = whole.clone();
        let at = lost.len() - lost.len() / 4;
        lost[at / 4 * 4..].chunks_exact_mut(4).for_each(|four| four.copy_from_slice(&f32::NAN.to_le_bytes()));
        std::fs::write(&weights, &lost).expect("written");
        let said = with_models(&db, &store, &models, job("the bars")).await.expect_err("no numbers");
        assert!(format!("{said:#}").contains("not finite"), "{said:#}");
        assert_eq!(newest().await, Some(first));
        // It was read before all of this that there is a folder of no models.
        let none = Arc::new(Models::new(Path::new("none")));
        assert!(with_models(&db, &store, &none, job("the bars")).await.is_err());
    }
}
