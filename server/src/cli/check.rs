//! `minus-one history check`: every decision's hash computed again, beside a running server or without one.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

use crate::config::Place;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A project's name, PROJECT/SHOT, or a shot's id; default: everything.
    what: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let db = args.place.open_existing().await?;
    let found = check(&db, args.what.as_deref(), &mut std::io::stdout().lock()).await?;
    Ok(if found.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a check came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    pub shots: usize,
    pub decisions: usize,
    /// Shots whose record does not hold.
    pub broken: usize,
}

impl Found {
    pub fn is_whole(self) -> bool {
        self.broken == 0
    }
}

/// Checks the shots at `place` and writes a line for each that has decisions, and one for each fault, to `out`.
///
/// # Errors
/// Nothing lies at `place`, or the database cannot be read.
pub async fn check(db: &db::Db, place: Option<&str>, out: &mut impl Write) -> anyhow::Result<Found> {
    let shots = db::history::shots(db, place).await?;
    if let Some(place) = place.filter(|_| shots.is_empty()) {
        anyhow::bail!(
            "There is no project or shot “{place}”: write PROJECT or PROJECT/SHOT as the board shows them."
        );
    }
    let mut found = Found::default();
    for (shot_id, name) in shots {
        let history = db::history::of_shot(db, shot_id).await.with_context(|| format!("reading {name}"))?;
        found.shots += 1;
        found.decisions += history.decisions.len();
        found.broken += usize::from(!history.check.is_whole);
        if history.decisions.is_empty() && history.check.is_whole {
            continue;
        }
        let head = history.check.head.map(|head| format!(" Head {head}.")).unwrap_or_default();
        writeln!(out, "{name}: {}{head}", history.check.sentence)?;
        for fault in &history.check.faults {
            writeln!(out, "  {fault}")?;
        }
    }
    let Found { shots, decisions, broken } = found;
    let said = match broken {
        0 => "the record is whole".to_owned(),
        _ => format!("the record of {} is not whole", count(broken, "shot")),
    };
    writeln!(out, "Checked {} with {}: {said}.", count(shots, "shot"), count(decisions, "decision"))?;
    Ok(found)
}

fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}
