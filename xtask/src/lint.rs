//! The checks that run no code of the product: format, clippy on both sides, licences, tidiness, types of the browser tests.

use anyhow::Result;

use crate::tally::Tally;
use crate::{build, libtorch, licences, place, sh, tidy};

pub fn lint() -> Result<Tally> {
    let mut tally = Tally::default();
    let mut check = |name: &str, result: Result<()>| {
        if let Err(error) = &result {
            eprintln!("{name}: {error:#}");
        }
        tally += Tally::one(result.is_ok());
    };

    check("format", sh::timed("format", || sh::run(&mut sh::cargo(&["fmt", "--all", "--check"]))));
    check(
        "tidy",
        sh::timed("tidy", || {
            anyhow::ensure!(tidy::tidy()?, "see above");
            Ok(())
        }),
    );
    check("licences", sh::timed("licences", licences::licences));
    check("types", sh::timed("types of the browser tests", types));
    check("clippy, host", sh::timed("clippy, host", clippy_host));
    check("clippy, client", sh::timed("clippy, client", clippy_client));
    Ok(tally)
}

/// Everything but the client, in one call, so that each crate is looked at once.
fn clippy_host() -> Result<()> {
    let look = |void: bool| {
        let mut cargo = sh::cargo(&["clippy", "--workspace", "--exclude", "frontend", "--all-targets"]);
        sh::run(cargo.args(libtorch::words(void)).args(["--", "-D", "warnings"]))
    };
    look(false)?;
    // With its networks the worker is another program; everything else was looked at already.
    if libtorch::is_there() { look(true) } else { Ok(()) }
}

/// `app` with its browser half; never in one call with the server, or its features would meet.
fn clippy_client() -> Result<()> {
    let mut cargo = sh::cargo(&["clippy", "-p", "frontend", "--target", "wasm32-unknown-unknown"]);
    build::dev_client(&mut cargo);
    sh::run(cargo.args(["--", "-D", "warnings"]))
}

fn types() -> Result<()> {
    let mut tsc = sh::program("node", &["node_modules/typescript/bin/tsc", "--noEmit"]);
    sh::run(tsc.current_dir(place::end2end()))
}
