//! `stage reason`: writes `causes.json` and `report.json`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use domain::outside::Asked;
use domain::question::Question;
use domain::{Cause, CauseId, Consequence, Grid, Proposal};
use pipeline::stages::affected::{WithoutWeights, join};
use pipeline::stages::reason::reason;
use pipeline::{MaskMovie, Masks, PlateFile};
use plate::reason::{ReasonParams, Reasoned};
use reasoner::{Answer, Reasoner, Remote};

use super::{Log, Part, make_out, read_json, write_report};

/// Looks for what else changes when the target goes: without weights and without network (shadows, what it sets in motion, carries,
/// stops), or with `--ask` by a model outside, which is sent small pictures of the plate.
///
/// Writes into DIR: causes.json, a list that `stage remove --causes` reads (name, reason, consequence, path, spans), each
/// entry with `effect`, `confidence` (0–1), `frames` [first, last], `shown` (the frame that shows it best) and `place`
/// [left, top, right, bottom] there in parts of the picture; entries that are not affected have the consequence `keep`.
/// And report.json with `frames`, `width`, `height`, `looked_at`, `notes`, `seconds`, `peak_rss_bytes`; of a model outside also `asked`
/// (endpoint, model, tokens, cost) and `scene`, what it says that remains.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The plate: MOV, MP4, MKV, MXF, …
    #[arg(long)]
    plate: PathBuf,
    #[command(flatten)]
    part: Part,
    /// The target on every frame: mask.mkv of `stage segment`, or a quadmask, of which the primary layer is read.
    #[arg(long)]
    mask: PathBuf,
    /// params.json; missing knobs keep their default: analysis_side (pixels; 384), most_frames (200), faint (0–1 of the light;
    /// 0.035), touch (pixels; 5), smallest (0–1 of the picture; 0.0006), least_confidence (0–1; 0.2).
    #[arg(long)]
    params: Option<PathBuf>,
    /// Ask the model outside instead; the options below, or the environment, say which.
    #[arg(long)]
    ask: bool,
    /// What is removed, for the model outside.
    #[arg(long, default_value = "")]
    removal: String,
    #[command(flatten)]
    outside: crate::outside::Args,
    /// What is added to frame numbers in names and reasons: the number that the shot shows for its first frame.
    #[arg(long, default_value_t = 0)]
    first_frame: u32,
    /// Folder for the results.
    #[arg(long)]
    out: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let started = Instant::now();
    let params: ReasonParams = args.params.as_ref().map(read_json).transpose()?.unwrap_or_default();
    let mut log = Log::default();
    let mut plate = PlateFile::open(args.part.of(&args.plate, &mut log)?, &mut log)?;
    let (frames, (width, height)) = (plate.frames(), plate.size());
    let mut masks = MaskMovie::open(&args.mask, frames, width, height)?;
    make_out(&args.out)?;
    let looked = if args.ask {
        ask(args, &mut plate, &mut masks, &mut log)?
    } else {
        let Reasoned { proposals, notes, looked_at } = reason(&mut plate, &mut masks, &params, &mut log)?;
        Looked { proposals, notes, looked_at, asked: None, scene: None }
    };
    let Looked { proposals, notes, looked_at, asked, scene } = looked;
    let number = |frame: u32| frame + args.first_frame;
    let causes: Vec<serde_json::Value> = proposals
        .iter()
        .zip(1_u128..)
        .map(|(proposal, id)| {
            let cause = Cause {
                cause_id: CauseId(uuid::Uuid::from_u128(id)),
                name: proposal.name(number),
                reason: proposal.reason(number),
                consequence: proposal.consequence,
                path: match (&proposal.said, proposal.consequence) {
                    (Some(said), Consequence::React) => said.path.clone(),
                    _ => vec![],
                },
                spans: proposal.spans.clone(),
            };
            let mut entry = serde_json::to_value(cause).expect("plain data");
            entry["effect"] = serde_json::json!(proposal.effect);
            entry["confidence"] = serde_json::json!(proposal.confidence);
            entry["frames"] = serde_json::json!([proposal.from, proposal.to]);
            entry["shown"] = serde_json::json!(proposal.shown);
            entry["place"] = serde_json::json!(proposal.place);
            entry
        })
        .collect();
    let text = serde_json::to_string(&causes).expect("plain JSON");
    let file = args.out.join("causes.json");
    std::fs::write(&file, text + "\n").with_context(|| format!("writing {}", file.display()))?;
    let mut report = serde_json::json!({
        "frames": frames, "width": width, "height": height, "looked_at": looked_at, "notes": notes, "params": params,
        "seconds": started.elapsed().as_secs_f64(), "peak_rss_bytes": crate::memory::peak_rss_bytes(),
    });
    if let Some(asked) = asked {
        report["asked"] = serde_json::json!(asked);
        report["scene"] = serde_json::json!(scene);
    }
    write_report(&args.out, &report)
}

/// What either of them came to.
struct Looked {
    proposals: Vec<Proposal>,
    notes: Vec<String>,
    looked_at: Vec<u32>,
    asked: Option<Asked>,
    scene: Option<String>,
}

/// Asks the model outside, as the worker does where a project allows it.
fn ask(args: &Args, plate: &mut PlateFile, masks: &mut MaskMovie, log: &mut Log) -> anyhow::Result<Looked> {
    let setting = args.outside.setting()?;
    let setting = setting.context("say which model is asked: --outside-endpoint and --outside-model")?;
    let (frames, (width, height)) = (plate.frames(), plate.size());
    let mut areas = Vec::with_capacity(frames as usize);
    for frame in 0..frames {
        let [primary, overlap, ..] = masks.levels(frame)?.areas();
        areas.push((frame, i64::try_from(primary + overlap).unwrap_or(i64::MAX)));
    }
    let grid = Grid::of(width, height);
    let question = Question::new((frames, grid), setting.outside.sends, areas, &args.removal, []);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let looked_at = question.samples.clone();
    let mut remote = Remote { setting, question, runtime: runtime.handle().clone() };
    let Answer { mut proposals, mut notes, scene, asked } = remote.reason(plate, masks, log)?;
    notes.extend(join(frames, (width, height), masks, &mut proposals, &mut WithoutWeights { plate }, log)?);
    Ok(Looked { proposals, notes, looked_at, asked, scene })
}
