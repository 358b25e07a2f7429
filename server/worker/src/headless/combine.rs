//! `stage combine`: two masks, of what goes and of what is affected, to the quadmask that is run; and a report of what was changed
//! on the way (void-spec §4.4).

use std::path::PathBuf;

use anyhow::{Context, ensure};
use domain::Level;
use domain::combine::{Changes, Reading, combine};
use media::{QuadmaskWriter, read_mask};
use serde_json::{Value, json};

use super::{make_out, write_report};

/// Puts `black_mask.mp4` (0 where the target is) and `grey_mask.mp4` (127 where something is affected) together.
///
/// Grey values are read by thresholds, since codecs let them drift: below 128 is removed, 64 to 191 is affected. On the first
/// frame nothing is affected that is not removed: the model was trained so.
///
/// Writes into DIR: quadmask_0.mp4 (0, 63, 127, 255; lossless), and report.json with `frames`, `width`, `height`, `reading`,
/// `changed` (a list of `frame`, `inexact`, pixels with values that masks are not written with, and `cleared`, affected pixels that were
/// taken away), `inexact`, `cleared`, and `areas`, pixels of each level over all frames.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// 0 where the target is, 255 elsewhere.
    #[arg(long)]
    black: PathBuf,
    /// 127 where something is affected, 255 elsewhere.
    #[arg(long)]
    grey: PathBuf,
    /// As the reference does, for comparison: every value that is not exactly 0, 127 or 255 makes its pixel background.
    #[arg(long)]
    exact: bool,
    /// Keeps what is affected on the first frame.
    #[arg(long)]
    keep_first: bool,
    /// Folder for the results.
    #[arg(long)]
    out: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let Args { black, grey, exact, keep_first, out } = args;
    let open = |path: &PathBuf| read_mask(path).with_context(|| format!("{} cannot be read", path.display()));
    let (mut blacks, mut greys) = (open(black)?, open(grey)?);
    let (width, height, frames) = (blacks.width(), blacks.height(), blacks.frames());
    ensure!(
        (greys.width(), greys.height()) == (width, height),
        "{} is {width}×{height} and {} is {}×{}: write both at the plate's size",
        black.display(),
        grey.display(),
        greys.width(),
        greys.height()
    );
    ensure!(
        greys.frames() == frames,
        "{} has {frames} frames and {} has {}: write one mask frame for each plate frame",
        black.display(),
        grey.display(),
        greys.frames()
    );
    make_out(out)?;
    let reading = if *exact { Reading::Exact } else { Reading::Nearest };
    let mut writer = QuadmaskWriter::create(&out.join("quadmask_0.mp4"), width, height, blacks.facts().rate)?;
    let (mut all, mut areas) = (Changes::default(), [0_u64; 4]);
    let mut changed: Vec<Value> = Vec::new();
    for frame in 0..frames {
        let (black, grey) = (blacks.read(frame)?, greys.read(frame)?);
        let (levels, found) = combine((width, height), &black, &grey, reading, frame == 0 && !keep_first)?;
        writer.write(&levels.to_grey())?;
        let Changes { inexact, cleared } = found;
        if found != Changes::default() {
            changed.push(json!({ "frame": frame, "inexact": inexact, "cleared": cleared }));
        }
        all = Changes { inexact: all.inexact + inexact, cleared: all.cleared + cleared };
        for (sum, area) in areas.iter_mut().zip(levels.areas()) {
            *sum += area;
        }
    }
    writer.finish()?;
    let of = |level: Level| areas[Level::ALL.iter().position(|one| *one == level).expect("one of all")];
    tracing::info!(
        "{frames} frames combined: {} pixels had drifted, {} affected pixels of the first frame were cleared",
        all.inexact,
        all.cleared
    );
    write_report(
        out,
        &json!({
            "frames": frames, "width": width, "height": height,
            "reading": if *exact { "exact" } else { "nearest" },
            "changed": changed, "inexact": all.inexact, "cleared": all.cleared,
            "areas": {
                "primary": of(Level::Primary), "overlap": of(Level::Overlap), "affected": of(Level::Affected),
                "background": of(Level::Background),
            },
        }),
    )
}
