//! `minus-one backup` and `minus-one restore`: what was done and found, in words.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use db::audit::Note;
use domain::Deed;

use crate::config::Place;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Folder for the back-up: an empty one, or one with earlier back-ups, of which only what is new is copied.
    #[arg(long, required = true, value_name = "DIR")]
    to: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The back-ups in a folder.
    List {
        /// The back-up's folder.
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
    },
    /// Read every row and every blob again; ends with 1 and says where when something is damaged or missing.
    Verify {
        /// The back-up's folder.
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        /// One back-up, as `list` names it; default: all.
        #[arg(long)]
        snapshot: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The back-up's folder.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// A back-up, as `minus-one backup list` names it; default: the newest.
    #[arg(long)]
    snapshot: Option<String>,
    /// Lose what the database holds now.
    #[arg(long)]
    replace: bool,
    /// Restore what is there although blobs were missing when the back-up was made.
    #[arg(long)]
    incomplete: bool,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match (args.what, args.to) {
        (Some(What::List { from }), _) => list(&from, &mut std::io::stdout().lock()),
        (Some(What::Verify { from, snapshot }), _) => {
            verify(&from, snapshot.as_deref(), &mut std::io::stdout().lock()).await
        }
        (None, Some(to)) => back_up(&args.place, &to).await,
        (None, None) => anyhow::bail!("Say where to: --to DIR"),
    }
}

async fn back_up(place: &Place, to: &std::path::Path) -> anyhow::Result<ExitCode> {
    let db = place.open_existing().await?;
    let store = place.store()?;
    let made = backup::make(&db, &store, to, &say).await?;
    let (rows, blobs) = (made.manifest.rows(), made.manifest.blobs);
    note(&db, Deed::BackUpMade, format!("{}: {rows} rows and {blobs} blobs", made.name)).await;
    let mut out = std::io::stdout().lock();
    let manifest = &made.manifest;
    writeln!(
        out,
        "{}: {} rows and {} blobs ({}), of which {} ({}) were new to {}.",
        made.name,
        manifest.rows(),
        manifest.blobs,
        bytes(manifest.blob_bytes),
        made.copied,
        bytes(made.copied_bytes),
        to.display()
    )?;
    writeln!(out, "Left out are {}.", manifest.left_out.join("; "))?;
    for hash in &manifest.missing {
        writeln!(out, "Blob {hash} is missing in the store, or holds other bytes.")?;
    }
    Ok(code(manifest.missing.is_empty()))
}

fn list(from: &std::path::Path, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    for snapshot in backup::list(from)? {
        let manifest = &snapshot.manifest;
        let blobs = match (manifest.has_blobs, manifest.missing.len()) {
            (false, _) => "no blobs".to_owned(),
            (true, 0) => format!("{} blobs ({})", manifest.blobs, bytes(manifest.blob_bytes)),
            (true, missing) => format!("{} blobs, {missing} of them missing", manifest.blobs),
        };
        let (engine, tables) = (&manifest.engine, manifest.newest());
        writeln!(
            out,
            "{}\t{} rows\t{blobs}\tfrom {engine}, tables {tables}",
            snapshot.name,
            manifest.rows()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify(
    from: &std::path::Path,
    snapshot: Option<&str>,
    out: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    let verdict = backup::verify(from, snapshot).await?;
    for fault in &verdict.faults {
        writeln!(out, "{fault}")?;
    }
    let said = match verdict.faults.len() {
        0 => "everything is as it was written".to_owned(),
        many => format!("{many} faults"),
    };
    writeln!(
        out,
        "Read {} back-ups with {} rows and {} blobs ({}): {said}.",
        verdict.snapshots,
        verdict.rows,
        verdict.blobs,
        bytes(verdict.bytes)
    )?;
    Ok(code(verdict.faults.is_empty()))
}

pub async fn restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let url = args.place.database_url()?;
    std::fs::create_dir_all(&args.place.data)
        .with_context(|| format!("The data folder {} cannot be made", args.place.data.display()))?;
    let store = args.place.store()?;
    let order = backup::Order {
        from: &args.from,
        snapshot: args.snapshot.as_deref(),
        url: &url,
        store: &store,
        replace: args.replace,
        incomplete: args.incomplete,
    };
    let restored = backup::restore(&order, &say).await?;
    let manifest = &restored.manifest;
    match args.place.open().await {
        Ok(db) => note(&db, Deed::BackUpRestored, restored.name.clone()).await,
        Err(error) => tracing::warn!("The audit trail does not have the restore: {error:#}"),
    }
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "Restored {}: {} rows and {} blobs, of which {} were copied. Everybody signs in again.",
        restored.name,
        manifest.rows(),
        manifest.blobs,
        restored.copied
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A line in the audit trail; what it tells of is done, with or without it.
async fn note(db: &db::Db, deed: Deed, about: String) {
    let note = Note::by_hand(deed, about);
    let kept = db.write(move |tx| {
        let note = note.clone();
        Box::pin(async move { db::audit::add(tx, &note).await })
    });
    if let Err(error) = kept.await {
        tracing::warn!(error = &error as &dyn std::error::Error, "The audit trail does not have this");
    }
}

/// How it goes, beside what was asked for.
fn say(line: String) {
    tracing::info!("{line}");
}

fn code(is_good: bool) -> ExitCode {
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
