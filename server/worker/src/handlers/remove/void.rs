//! A removal by VOID: what was approved and the order to a version. What it has done so far lies in a folder of the run, so
//! that whoever takes a killed worker's job over goes on from there.

use std::collections::HashSet;

use db::Db;
#[cfg(feature = "void")]
use domain::Step;
use domain::{RunId, VoidOrder};
use storage::Store;

use super::Removal;

/// How the time of a pass is spread.
#[cfg(feature = "void")]
const PLAN: &[(Step, f32)] = &[
    (Step::Probe, 0.01),
    (Step::Prepare, 0.03),
    (Step::Text, 0.03),
    (Step::Latents, 0.08),
    (Step::Flow, 0.05),
    (Step::Denoise, 0.6),
    (Step::Decode, 0.1),
    (Step::Composite, 0.06),
    (Step::Verify, 0.03),
    (Step::Store, 0.01),
];

/// Removes the folders of runs that are over for good; how many.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(db: &Db, store: &Store) -> db::Result<usize> {
    let names = store.workplaces();
    let runs: Vec<RunId> = names.iter().filter_map(|name| name.parse().ok()).collect();
    let going: HashSet<String> =
        db::runs::unfinished(db, &runs).await?.into_iter().map(|run| run.to_string()).collect();
    Ok(names.iter().filter(|name| !going.contains(*name) && store.clear_workplace(name)).count())
}

#[cfg(not(feature = "void"))]
pub fn run(removal: &Removal, order: &VoidOrder) -> anyhow::Result<()> {
    let _ = (&removal.approved.words, order);
    anyhow::bail!(
        "This worker was built without libtorch, so it cannot run VOID. Build it with `cargo xtask run`, or run the plate engine."
    )
}

#[cfg(feature = "void")]
pub use with_libtorch::run;

#[cfg(feature = "void")]
mod with_libtorch {
    use std::time::Duration;

    use anyhow::Context as _;
    use domain::predict::Wanted;
    use domain::version::{LedTo, MadeBy, Morphing};
    use engine::{Cache, Error, Pass};
    use pipeline::Reporter;
    use serde_json::json;
    use storage::Workplace;

    use super::super::{Made, Networks};
    use super::*;
    use crate::context::Context;
    use crate::{lost, memory, speed};

    /// What is kept of prompts, masks and plates for other runs: those of about a hundred shots.
    const MOST_CACHED_BYTES: u64 = 2_000_000_000;

    pub fn run(removal: &Removal, order: &VoidOrder) -> anyhow::Result<()> {
        let context = removal.context;
        let prompt = removal.approved.words.after.trim();
        let mut report = context.reporter_with(PLAN);
        let place = workplace(context, removal.run.run_id, &mut report)?;
        let first = order.first_pass.map(|id| context.wait(db::versions::get(context.db.pool(), id)));
        let first = first.transpose().context("The version that pass 2 starts from cannot be read")?;
        let first_output = match &first {
            None => None,
            Some(version) => {
                let output = version.model_output.context(
                    "The version that pass 2 starts from kept nothing to start from. Run pass 1 again.",
                )?;
                // Made in parts, the model's own pictures lie on several canvases: the whole result is what fits all.
                let manifest = context.wait(db::versions::manifest(context.db.pool(), version.version_id))?;
                let parts = manifest["networks"]["about"]["parts"].as_array().map_or(1, Vec::len);
                let output = if parts > 1 { version.result } else { output };
                Some(context.named(output, "pass1.mkv")?)
            }
        };
        let pass = if first.is_some() { Pass::Two } else { Pass::One };
        let knows_peak = memory::forget_peak();
        let plate = removal.plate()?;
        let mut masks = |frame| removal.levels(frame);
        let cache = Cache::new(&context.store.cached_path("latents"), MOST_CACHED_BYTES);
        let removed = context.models.with(pass, |model, shelf, device| {
            let machine = speed::machine(model, shelf, device)?;
            let order = engine::Order {
                plate,
                prompt,
                negative: &order.negative_prompt,
                recipe: &order.knobs,
                pass1: first_output.as_deref(),
                out: place.path(),
                device,
                shelf,
                cache: Some(&cache),
            };
            Ok((engine::run(&order, model, &mut masks, &mut report)?, machine))
        });
        let (removed, machine) = removed.map_err(for_people)?;
        report.step(Step::Store, 0, 1)?;
        let about = &removed.about;
        let (width, height) = (removal.manifest.width, removal.manifest.height);
        let frames = removed.proof.frames;
        let plan = order.knobs.running().plan(frames, (width, height), first.is_some());
        let mut notes = removed.notes;
        if about.resumed_steps > 0 {
            notes.push(format!(
                "Resumed: {} of {} steps had been done when an earlier worker stopped.",
                about.resumed_steps, plan.steps
            ));
        }
        // What is not the picture itself is not refined.
        let wanted = !about.is_preview && engine::wants_second(&order.knobs, about);
        let follow = wanted.then(|| context.models.lacks(Pass::Two));
        let has_second = follow.as_ref().is_none_or(Option::is_none);
        let morphing = about.morphing.map(|check| Morphing {
            value: check.value,
            threshold: check.threshold,
            led_to: LedTo::of(check.fires, about.pass, &order.knobs, has_second),
        });
        let asked = Wanted { recipe: &order.knobs, pass: about.pass, frames, width, height };
        let predicted = machine.predicted(&asked, about.memory);
        match &follow {
            Some(None) => notes.push("Pass 2 follows by itself.".to_owned()),
            Some(Some(why)) => {
                notes.push(format!("Pass 2 should follow, and cannot: {}", context.plain(why)));
            }
            None => {}
        }
        let follow = matches!(follow, Some(None)).then(|| order.clone());
        let made_by = MadeBy {
            pass: about.pass,
            model: about.model.name.clone(),
            is_test_model: about.model.is_test_model,
            is_preview: about.is_preview,
            fingerprint: about.model.fingerprint,
            host: jobs::host(),
            device: about.device.clone(),
            precision: about.precision.clone(),
            canvas: about.canvas,
            length: about.length,
            windows: about.windows.clone(),
            forwards: plan.forwards,
            resumed_steps: about.resumed_steps,
            seconds: removed.proof.seconds,
            peak_rss_bytes: knows_peak.then(memory::peak_rss_bytes),
            memory: Some(about.memory),
            predicted: Some(predicted),
            morphing,
            notes: notes.iter().filter(|note| !labelled(note)).cloned().collect(),
        };
        let label = match (made_by.is_test_model, made_by.is_preview) {
            (true, _) => Some(domain::version::TEST_MODEL),
            (false, true) => Some(domain::version::PREVIEW),
            (false, false) => None,
        };
        let used = json!({
            "about": about,
            "host": made_by.host,
            "label": label,
            "prompt": prompt,
            "negative_prompt": order.negative_prompt,
            "first_pass": first.as_ref().map(|version| json!({
                "version": version.version_id, "subject": version.subject, "model_output": version.model_output,
            })),
            "peak_rss_bytes": made_by.peak_rss_bytes,
            "predicted": predicted,
            "measured": { "seconds": made_by.seconds, "peak_rss_bytes": made_by.peak_rss_bytes },
            "check_of_shapes": morphing,
        });
        removal.store(&Made {
            result: removed.files.result,
            matte: removed.files.matte,
            proxy: removed.files.proxy,
            proxy_index: removed.files.proxy_index,
            proof: removed.proof,
            notes,
            networks: Some(Networks { output: removed.made, made_by, used, follow }),
        })?;
        drop(place);
        // A folder that is left goes with the next sweep.
        context.store.clear_workplace(&removal.run.run_id.to_string());
        Ok(())
    }

    /// What the page says as a label anyway.
    fn labelled(note: &str) -> bool {
        [engine::PREVIEW_NOTE, engine::TEST_NOTE].contains(&note)
    }

    /// The run's folder; waits until a worker that lost the job has left it.
    fn workplace(context: &Context, run_id: RunId, report: &mut dyn Reporter) -> anyhow::Result<Workplace> {
        loop {
            report.step(Step::Probe, 0, 1)?;
            if let Some(place) = context.store.workplace(&run_id.to_string())? {
                return Ok(place);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// A stop is seen as one, and broken weights are told with what to do then.
    fn for_people(error: Error) -> anyhow::Error {
        match error {
            Error::Pipeline(error) => error.into(),
            error if lost::is_it(&error) => error.into(),
            error
            @ (Error::NoFolder { .. } | Error::NoPart { .. } | Error::Mixed { .. } | Error::Nets(_)) => {
                anyhow::anyhow!("{error} Then press “Try again”: what was done so far is kept.")
            }
            error => error.into(),
        }
    }
}

#[cfg(all(test, feature = "void"))]
mod tests {
    use domain::VoidRecipe;
    use nets::{prepare, sample};

    #[test]
    fn what_the_page_foretells_is_what_the_engine_runs() {
        let shapes = [(13, 0), (13, 8), (21, 16), (85, 16), (197, 64)];
        for (window_frames, overlap_frames) in shapes {
            let recipe =
                VoidRecipe { window_frames, overlap_frames, ..VoidRecipe::default() }.checked().unwrap();
            for frames in 1..420 {
                let plan = recipe.plan(frames, (1920, 1080), false);
                let length =
                    prepare::snapped_length(i64::from(frames), i64::from(window_frames), i64::from(u32::MAX));
                assert_eq!(i64::from(plan.length), length, "{frames} frames, {window_frames}");
                let latents = |frames: i64| (frames - 1) / 4 + 1;
                let windows = sample::windows(
                    latents(length),
                    latents(i64::from(window_frames)),
                    i64::from(overlap_frames / 4),
                );
                let first = |latent: i64| if latent == 0 { 0 } else { (4 * latent - 3) as u32 };
                let windows: Vec<[u32; 2]> =
                    windows.unwrap().iter().map(|w| [first(w.start), (4 * (w.end - 1)) as u32]).collect();
                assert_eq!(plan.windows, windows, "{frames} frames, {window_frames}, {overlap_frames}");
            }
        }
    }
}
