//! What the server does by itself once in a while, and the same from the command line: `minus-one sweep`.

use std::io::Write;
use std::time::Duration;

use app::context::AppState;
use app::upkeep;
use domain::reach::Listening;
use tokio::sync::watch;

use crate::config::Place;

const FIRST: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(15 * 60);

/// Until the server stops. What fails is tried again in the next round.
pub async fn keep(state: AppState, mut stopping: watch::Receiver<bool>) {
    let mut pause = FIRST;
    while !*stopping.borrow() {
        tokio::select! {
            _ = tokio::time::sleep(pause) => {}
            _ = stopping.changed() => return,
        }
        pause = EVERY;
        if let Err(error) = upkeep::round(&state).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "The upkeep was not done; it is tried again"
            );
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Say what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
}

/// Beside a running server or without one.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let db = args.place.open_existing().await?;
    let store = args.place.store()?;
    let models = models::Room::new(args.place.data.join("models"));
    let state = AppState { db, store, public_url: String::new(), listening: Listening::nowhere(), models };
    let said = match args.dry_run {
        true => format!("Would remove {}.", upkeep::look(&state).await?.words()),
        false => format!("Removed {}.", upkeep::sweep_by(&state, "the command line").await?.words()),
    };
    writeln!(std::io::stdout(), "{said}")?;
    Ok(())
}
