//! `minus-one-worker`: takes jobs and runs stages. No web code; it links FFmpeg and OpenCV so that the server need not.

mod able;
mod clicks;
mod context;
mod exact;
mod handlers;
mod headless;
mod memory;
mod models;
mod outside;
mod parity;
mod points;
mod prove;
mod run;

use clap::{Parser, Subcommand};

/// The worker of Minus One, and the stages of a removal on plain files.
#[derive(Debug, Parser)]
#[command(name = "minus-one-worker", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take jobs from a server's queue.
    Run(run::Args),
    /// Run one stage on plain files, without a server.
    Stage {
        #[command(subcommand)]
        stage: Stage,
    },
    /// Check a finished removal: kept samples are the plate's own, and the matte stays within quadmask plus edge.
    Verify(headless::verify::Args),
    /// Say as JSON what this worker can do with a folder of models.
    Able(able::Args),
    /// Compare the networks with golden tensors of their references.
    Parity(parity::Args),
    /// Measure what the product claims.
    Prove(prove::Args),
}

#[derive(Debug, Subcommand)]
enum Stage {
    /// Clicks and boxes to a primary mask on every frame.
    Segment(headless::segment::Args),
    /// Plate and primary mask to what else is affected.
    Reason(headless::reason::Args),
    /// The masks of what goes and of what is affected to a quadmask.
    Combine(headless::combine::Args),
    /// Plate and quadmask to a result, its matte and its proof.
    Remove(headless::remove::Args),
    /// A result of VOID's pass 1 to one of pass 2.
    Refine(headless::void::Args),
    /// A model of random weights, for tests.
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
