//! `stage find`: writes a mask for each thing, `found.json`, and with the target's masks the cells that are affected.

use std::path::PathBuf;

use super::Part;

/// Finds what words name in a plate, on its key frames or on some: SAM 3, which needs --weights.
///
/// Writes into DIR: mask-NNNN.png for each sight (two bits, 0 inside, 255 outside, plate size) and found.json with `words`, `model`,
/// `carried_by`, `looked` (each frame with its best score), `sights` (`n`, `thing`, `frame`, `score`, `corners` left top right bottom
/// in plate pixels, `share` of the picture, `by`, `mask`), `conflicts`, `notes`, `seconds`, `peak_rss_bytes`. Sights below the
/// threshold are there too, down to 0.05: `counts` says which are above it. With --mask, also affected.json: `faithful`, the cells of
/// each frame as the reference's third stage makes them (every fifth frame, near the first mask), and `ours`, spans of cells near the
/// target's whole way. Ends with 1, and says what to try, where nothing is above the threshold.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The plate: MOV, MP4, MKV, MXF, …
    #[arg(long)]
    plate: PathBuf,
    #[command(flatten)]
    part: Part,
    /// Folder of SAM 3: model.safetensors or sam3.pt, config.json, and vocab.json with merges.txt or the official vocabulary.
    #[arg(long, value_name = "DIR")]
    weights: PathBuf,
    /// What to find, in a few English words.
    #[arg(long, value_name = "TEXT")]
    words: String,
    /// A checkpoint of SAM 2 that follows things from one frame to the next.
    #[arg(long, value_name = "PATH")]
    carrier: Option<PathBuf>,
    /// Look on these frames too, from 0: 0,12,40.
    #[arg(long, value_delimiter = ',', value_name = "FRAMES")]
    on: Vec<u32>,
    /// Look only on the frames of --on.
    #[arg(long, requires = "on")]
    only: bool,
    /// Frames between two that are looked at, within a scene.
    #[arg(long, default_value_t = domain::find::EVERY)]
    every: u32,
    /// What a score must be above to count.
    #[arg(long, default_value_t = domain::find::THRESHOLD)]
    threshold: f32,
    /// The target on every frame: mask.mkv of `stage segment`, or a quadmask. With it, what is found is what is affected.
    #[arg(long, value_name = "MOVIE")]
    mask: Option<PathBuf>,
    /// causes.json of `stage reason`: where and when something changes. With --mask.
    #[arg(long, value_name = "FILE", requires = "mask")]
    causes: Option<PathBuf>,
    /// Where to compute.
    #[arg(long, default_value = "auto", value_parser = ["auto", "cpu", "cuda"])]
    device: String,
    /// Folder for the results.
    #[arg(long)]
    out: PathBuf,
}

#[cfg(not(feature = "void"))]
pub fn run(args: &Args) -> anyhow::Result<()> {
    let Args { plate: _, part: _, weights: _, words: _, carrier: _, on: _, only: _, .. } = args;
    let Args { every: _, threshold: _, mask: _, causes: _, device: _, out: _, .. } = args;
    anyhow::bail!(
        "This worker was built without libtorch, so it has no SAM 3: build it with `cargo build -p worker --features void` and \
         LIBTORCH set to libtorch 2.11.0."
    )
}

#[cfg(feature = "void")]
pub use with::run;

#[cfg(feature = "void")]
mod with {
    use std::path::Path;
    use std::time::Instant;

    use anyhow::Context;
    use domain::affected::cells_of;
    use domain::find::affected::Meant;
    use domain::find::{Finding, MOST_ASKED, Order, Purpose, clean_phrase};
    use domain::{Consequence, Effect, FindingId, Grid, Hash, Level, Levels, Proposal, Region};
    use engine::find::{ByWords, Came, Finder, Search, find};
    use engine::track::Segmenter;
    use pipeline::stages::noun::{as_the_reference, near_the_way};
    use pipeline::{MaskMovie, Masks, PlateFile};
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::super::{Log, device, make_out, read_json};
    use super::Args;

    /// What the plate is told by, for what is seen of it: one process sees one plate.
    fn this_plate() -> Hash {
        Hash::of(b"the plate of this process")
    }

    pub fn run(args: &Args) -> anyhow::Result<()> {
        let started = Instant::now();
        let words = clean_phrase(&args.words)?;
        anyhow::ensure!(
            args.on.len() <= MOST_ASKED,
            "--on names {} frames, and at most {MOST_ASKED} are looked at.",
            args.on.len()
        );
        let device = device(&args.device)?;
        let mut finder = Finder::open(&args.weights, device)?; // before anything is made
        let named = finder.named().clone();
        if named.is_test_model {
            tracing::warn!("This is a test model of random weights: what it finds is no object.");
        }
        let carrier = args.carrier.as_ref().map(|path| Segmenter::open(path, device)).transpose()?;
        let mut log = Log::default();
        let mut plate = PlateFile::open(args.part.of(&args.plate, &mut log)?, &mut log)?;
        let (frames, (width, height)) = (plate.frames(), plate.size());
        if let Some(frame) = args.on.iter().find(|frame| **frame >= frames) {
            anyhow::bail!(
                "--on names frame {frame}, the plate has frames 0 to {}.",
                frames.saturating_sub(1)
            );
        }
        make_out(&args.out)?;
        let order = Order {
            words: words.clone(),
            purpose: Purpose::Target,
            keys: !args.only,
            frames: args.on.clone(),
        };
        let search = Search { order: &order, seen_as: this_plate(), every: args.every };
        let mut each = |n: u32, mask: &[u8]| -> pipeline::Result<()> {
            let png = Levels::from_primary(width, height, mask)?.to_png();
            let path = args.out.join(name(n));
            std::fs::write(&path, png).map_err(pipeline::Error::io(format!("Writing {}", path.display())))
        };
        let came = find(&mut finder, carrier.as_ref(), &mut plate, &search, &mut log, &mut each)?;
        for note in &came.notes {
            tracing::info!("{note}");
        }
        let keys: Vec<u32> = came.looked.iter().map(|looked| looked.frame).collect();
        let (finding, mut told) = report(args, &order, came, &named, carrier.as_ref());
        let file = args.out.join("found.json");
        told["seconds"] = json!(started.elapsed().as_secs_f64());
        told["peak_rss_bytes"] = json!(crate::memory::peak_rss_bytes());
        write(&file, &told)?;
        if let Some(mask) = &args.mask {
            let masks = MaskMovie::open(mask, frames, width, height)?;
            let affected = affected(args, &mut finder, &mut plate, masks, &words, &keys, &mut log)?;
            write(&args.out.join("affected.json"), &affected)?;
        }
        // A script that goes on with nothing would remove nothing, and say so nowhere.
        match finding.nothing(args.threshold) {
            Some(why) => anyhow::bail!(why),
            None => Ok(()),
        }
    }

    fn name(n: u32) -> String {
        format!("mask-{n:04}.png")
    }

    fn write(file: &Path, value: &Value) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(value).expect("plain JSON");
        std::fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))
    }

    fn report(
        args: &Args,
        order: &Order,
        came: Came,
        named: &engine::Named,
        carrier: Option<&Segmenter>,
    ) -> (Finding, Value) {
        let Came { sights, looked, conflicts, notes, known_frames, was_carried } = came;
        let mut all = Vec::new();
        for sight in &sights {
            all.push(json!({
                "n": sight.n, "thing": sight.thing, "frame": sight.frame, "score": sight.score,
                "corners": sight.corners, "share": sight.share, "by": sight.by, "mask": name(sight.n),
                "counts": sight.score > args.threshold,
            }));
        }
        let told = json!({
            "words": order.words, "threshold": args.threshold, "model": named, "first": args.part.first,
            "carried_by": carrier.filter(|_| was_carried).map(|carrier| json!(carrier.named())),
            "looked": looked, "sights": all, "conflicts": conflicts, "notes": notes,
        });
        let about = domain::find::About {
            order: order.clone(),
            network: crate::models::network(named),
            carried_by: None,
            looked,
            conflicts,
            notes,
            known_frames,
            seconds: 0.0,
        };
        let finding_id = FindingId(uuid::Uuid::nil());
        (Finding { finding_id, about, sights, at: 0 }, told)
    }

    /// An entry of causes.json, as `stage reason` writes it.
    #[derive(Deserialize)]
    struct Change {
        effect: Effect,
        consequence: Consequence,
        confidence: f32,
        frames: (u32, u32),
        shown: u32,
        place: [f32; 4],
        spans: Vec<domain::CellSpan>,
    }

    impl From<Change> for Proposal {
        fn from(change: Change) -> Self {
            let Change { effect, consequence, confidence, frames: (from, to), shown, place, spans } = change;
            Self {
                effect,
                consequence,
                from,
                to,
                shown,
                touches: None,
                share: 1.0,
                place,
                spans,
                confidence,
                said: None,
            }
        }
    }

    fn affected(
        args: &Args,
        finder: &mut Finder,
        plate: &mut PlateFile,
        mut masks: MaskMovie,
        words: &str,
        keys: &[u32],
        log: &mut Log,
    ) -> anyhow::Result<Value> {
        let (frames, (width, height)) = (plate.frames(), plate.size());
        let grid = Grid::of(width, height);
        let (mut first, mut meant) = (None, Meant::default());
        for frame in 0..frames {
            let grey = masks.levels(frame)?.to_grey();
            let target = Region::of_grey(width, height, &grey, |grey| Level::nearest(grey).is_primary())?;
            meant.way.extend(cells_of(&target, grid));
            first.get_or_insert(target);
        }
        if let Some(causes) = &args.causes {
            let changes: Vec<Change> = read_json(causes)?;
            meant.changes = changes.into_iter().map(Proposal::from).collect();
        }
        let first = first.context("the plate has no frame")?;
        let threshold = f64::from(args.threshold);
        let mut by = ByWords { finder, plate, seen_as: this_plate(), threshold };
        let faithful = as_the_reference(&mut by, &[words.to_owned()], frames, &first, log)?;
        let ours = near_the_way(&mut by, words, keys, frames, &meant, log)?;
        Ok(json!({
            "grid": [grid.rows, grid.cols], "words": words,
            "faithful": faithful, "ours": { "spans": ours.spans, "far": ours.far, "unchanged": ours.unchanged },
        }))
    }
}
