//! `minus-one`: the command line of the server.

use clap::Parser;
use server::cli::Cli;

fn main() -> anyhow::Result<std::process::ExitCode> {
    server::cli::run(Cli::parse())
}
