//! `verify`: exit 0 when all is kept, 1 when a kept sample differs or the matte reaches too far, 2 when the files
//! cannot be compared.

use std::path::PathBuf;
use std::process::ExitCode;

use pipeline::stages::verify::verify_part;

use super::Part;

/// Checks a finished removal: kept samples are the plate's own, and the matte stays within quadmask plus edge.
///
/// Compares a result with its plate, or with the part of it that is the shot, by frame index. Exit 0 when all is kept, 1 when a
/// kept sample differs or the matte reaches too far, 2 when the files cannot be compared. What was found is printed as JSON.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[arg(long)]
    plate: PathBuf,
    #[command(flatten)]
    part: Part,
    #[arg(long)]
    quadmask: PathBuf,
    /// How far beyond the quadmask's non-background pixels the matte may reach, in pixels.
    #[arg(long)]
    edge: u32,
    #[arg(long)]
    result: PathBuf,
    #[arg(long)]
    matte: PathBuf,
}

pub fn run(args: &Args) -> ExitCode {
    let Args { plate, part: Part { first, frames }, quadmask, edge, result, matte } = args;
    match verify_part(plate, (*first, *frames), quadmask, *edge, result, matte) {
        Ok(verdict) => {
            let text = serde_json::to_string(&verdict).expect("plain JSON");
            if verdict.is_good() {
                tracing::info!("Kept samples are the plate's own: {text}");
                return ExitCode::SUCCESS;
            }
            tracing::error!("Not as it must be: {text}");
            ExitCode::from(1)
        }
        Err(error) => {
            tracing::error!("The files cannot be compared: {error}");
            ExitCode::from(2)
        }
    }
}
