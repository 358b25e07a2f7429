//! `minus-one-worker`: takes jobs and runs stages. No web code; it links FFmpeg and OpenCV so that the server need not.

mod able;
mod clicks;
mod context;
mod exact;
mod handlers;
mod headless;
mod lost;
mod memory;
mod models;
mod outside;
mod parity;
mod places;
mod points;
mod prove;
mod run;
#[cfg(feature = "void")]
mod speed;

use clap::{Parser, Subcommand};

/// The worker of Minus One, and the stages of a removal on plain files.
#[derive(Debug, Parser)]
#[command(name = "minus-one-worker", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

// What has a description of its own is told by that: a line here would stand in its place, the longer help with it.
#[derive(Debug, Subcommand)]
enum Command {
    /// Take jobs from a server's queue.
    Run(run::Args),
    /// Run one stage on plain files, without a server.
    Stage {
        #[command(subcommand)]
        stage: Stage,
    },
    Verify(headless::verify::Args),
    /// Say as JSON what this worker can do with a folder of models.
    Able(able::Args),
    Parity(parity::Args),
    /// Measure what the product claims.
    Prove(prove::Args),
}

// As above.
#[derive(Debug, Subcommand)]
enum Stage {
    Segment(headless::segment::Args),
    Find(headless::find::Args),
    Reason(headless::reason::Args),
    Combine(headless::combine::Args),
    Remove(headless::remove::Args),
    Refine(headless::void::Args),
    #[command(hide = true)]
    MakeTestModel(headless::void::MakeArgs),
}

fn main() -> std::process::ExitCode {
    let logs = tracing_subscriber::fmt().with_target(false).with_writer(std::io::stderr);
    logs.with_max_level(tracing::Level::INFO).init();
    let outcome = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Prove(args) => prove::run(&args),
        Command::Stage { stage: Stage::Segment(args) } => headless::segment::run(&args),
        Command::Stage { stage: Stage::Find(args) } => headless::find::run(&args),
        Command::Stage { stage: Stage::Reason(args) } => headless::reason::run(&args),
        Command::Stage { stage: Stage::Combine(args) } => headless::combine::run(&args),
        Command::Stage { stage: Stage::Remove(args) } => headless::remove::run(&args),
        Command::Stage { stage: Stage::Refine(args) } => headless::void::refine(&args),
        Command::Stage { stage: Stage::MakeTestModel(args) } => headless::void::make_test_model(&args),
        Command::Able(args) => able::run(&args),
        Command::Verify(args) => return headless::verify::run(&args),
        Command::Parity(args) => return parity::run(&args),
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
