//! `minus-one`: the command line of the server.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use server::cli::Cli;

fn main() -> ExitCode {
    match server::cli::run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // The chain of causes in one line; where it came up in the code helps nobody who gave a wrong option.
            writeln!(std::io::stderr(), "Error: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
