//! `minus-one models`: which weights there are, what each is for, whose licence was accepted, what lies in the folder; and
//! fetching, with the licence read first.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Subcommand;
use models::{Book, Part, Pull, Verdict};
use tokio_util::sync::CancellationToken;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// Folder of the server's data, as for `serve`.
    #[arg(long, default_value = "data", env = "DATA_DIR", global = true)]
    data: PathBuf,
    /// Folder of the models' weights; default: `models` in the data folder.
    #[arg(long, global = true)]
    models: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every model: what works with it, its licence, its size, and what of it is here.
    List,
    /// Write down that somebody read a model's licence and accepts it.
    Accept {
        model: String,
        /// Who accepts.
        #[arg(long)]
        by: String,
    },
    /// Fetch what is missing of a model, on from where it stopped; its licence must be accepted.
    Pull {
        model: String,
        /// The hub, or a mirror of it; or the variable HF_ENDPOINT.
        #[arg(long)]
        endpoint: Option<String>,
        /// A file with a token that may read, where a repository is behind a gate; or the variable HF_TOKEN.
        #[arg(long)]
        token_file: Option<PathBuf>,
    },
    /// Read every byte that is here and hold it against what was fetched.
    Verify {
        /// All where none is named.
        model: Option<String>,
    },
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { what, data, models } = args;
    let folder = models.unwrap_or_else(|| data.join("models"));
    let mut out = std::io::stdout().lock();
    match what {
        What::List => {
            let book = Book::read(&folder)?;
            writeln!(out, "Models in {}\n", folder.display())?;
            for part in models::ALL {
                out.write_all(about(&folder, &book, part)?.as_bytes())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        What::Accept { model, by } => {
            let (part, by) = (models::find(&model)?, by.trim());
            if by.is_empty() {
                bail!("Say with --by who accepts the licence.");
            }
            Book::accept(&folder, part, by)?;
            writeln!(out, "{by} accepted the licence of {} ({}).", part.title, part.licence.name)?;
            Ok(ExitCode::SUCCESS)
        }
        What::Pull { model, endpoint, token_file } => {
            drop(out);
            let part = models::find(&model)?;
            let token = match token_file {
                None => std::env::var("HF_TOKEN").ok(),
                Some(path) => Some(
                    std::fs::read_to_string(&path)
                        .with_context(|| format!("The token file {} cannot be read", path.display()))?,
                ),
            };
            let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
            let endpoint = endpoint.unwrap_or_else(models::endpoint);
            fetch(part, &Pull { folder, endpoint, token }).await
        }
        What::Verify { model } => {
            let parts: Vec<&Part> = match &model {
                Some(model) => vec![models::find(model)?],
                None => models::ALL.iter().collect(),
            };
            let mut is_good = true;
            for part in parts {
                is_good &= models::verify(&folder, part, |path, verdict| {
                    let said = match verdict {
                        Verdict::Same => "as it was fetched".to_owned(),
                        Verdict::Gone => "GONE: it was fetched once. Pull again.".to_owned(),
                        Verdict::Unknown(found) => format!("put there by hand, SHA-256 {found}"),
                        Verdict::Changed { wanted, found } => {
                            format!(
                                "CHANGED: SHA-256 {found}, fetched as {wanted}. Remove it and pull again."
                            )
                        }
                    };
                    writeln!(out, "{}: {said}", path.display()).ok();
                })?;
            }
            Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// A model in a few lines.
fn about(folder: &std::path::Path, book: &Book, part: &Part) -> models::Result<String> {
    let standing = models::standing(folder, part)?;
    let size = models::size(part.bytes);
    let here: u64 = standing.there.iter().map(|(_, bytes)| bytes).sum();
    let (mark, state) = match (standing.is_whole(), here + standing.begun) {
        (true, _) => ("✓", format!("here, {}", models::size(here))),
        (false, 0) => ("○", format!("not here; about {size}")),
        (false, some) => ("○", format!("not whole, {} of about {size}", models::size(some))),
    };
    let licence = match book.licences.get(part.slug) {
        Some(accepted) => format!("{}, accepted by {}", part.licence.name, accepted.by),
        None => format!("{}, not accepted yet: {}", part.licence.name, part.licence.url),
    };
    let mut text = format!("{mark} {:<10} {}\n", part.slug, part.title);
    for (word, said) in [("for", part.serves), ("licence", &licence), ("state", &state)] {
        text += &format!("{:<13}{word:<8} {said}\n", "");
    }
    if !standing.is_whole() {
        let missing = standing.missing.join(", ");
        let next = match book.licences.contains_key(part.slug) {
            true => format!("minus-one models pull {}", part.slug),
            false => format!("minus-one models accept {} --by NAME", part.slug),
        };
        text += &format!("{:<13}{:<8} {missing}\n{:<13}{:<8} {next}\n", "", "missing", "", "next");
    }
    Ok(text + "\n")
}

/// Fetches with a line that moves where somebody looks, and one a minute where nobody does.
async fn fetch(part: &Part, order: &Pull) -> anyhow::Result<ExitCode> {
    let is_seen = std::io::stderr().is_terminal();
    let pause = if is_seen { Duration::from_millis(500) } else { Duration::from_secs(60) };
    let (began, mut last, mut first) = (Instant::now(), None::<Instant>, None::<u64>);
    let told = move |progress: &models::Progress| {
        if last.is_some_and(|last| last.elapsed() < pause) {
            return;
        }
        last = Some(Instant::now());
        let done = progress.done - *first.get_or_insert(progress.done);
        let speed = done as f64 / began.elapsed().as_secs_f64().max(0.1);
        let left = progress.total.saturating_sub(progress.done) as f64 / speed.max(1.0);
        let left =
            if done > 0 { format!(", about {} min left", (left / 60.0).ceil()) } else { String::new() };
        let line = format!(
            "{}: {} of {}{left}",
            progress.file,
            models::size(progress.done),
            models::size(progress.total)
        );
        let mut err = std::io::stderr().lock();
        let end = if is_seen { "\r" } else { "\n" };
        write!(err, "{line:<79}{end}").ok();
    };
    models::pull(part, order, &CancellationToken::new(), told).await?;
    eprintln!();
    writeln!(std::io::stdout(), "{} is here. Workers notice it by themselves.", part.title)?;
    Ok(ExitCode::SUCCESS)
}
