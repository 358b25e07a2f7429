//! `cargo xtask test`: every check there is, and one closing line. Each part lives in its own file.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::setup::{Scope, setup};
use crate::tally::Tally;
use crate::{browser, build, lint, sh, unit};

/// Runs all parts, or `only` one; a part that fails does not keep the others from running.
pub fn test(only: Option<&str>, yes: bool) -> Result<ExitCode> {
    if let Some(name) = only
        && !["lint", "unit", "http", "e2e"].contains(&name)
    {
        bail!("--only takes lint, unit, http or e2e, not `{name}`");
    }
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    let mut run = Run::default();
    setup(Scope::Everything, yes)?;

    if wanted("lint") {
        run.part("lint", lint::lint);
    }
    if only != Some("lint") {
        let mut compiled = Vec::new();
        run.part("build", || {
            compiled = sh::timed("tests and binaries", unit::compile)?;
            if wanted("e2e") {
                sh::timed("client", || build::site(false))?;
            }
            Ok(Tally::default())
        });
        // When something does not compile there is nothing to run.
        let built = run.parts.last().is_some_and(|(_, _, tally)| tally.failed == 0);
        let which = match only {
            Some("unit") => Some(unit::Which::Crates),
            Some("http") => Some(unit::Which::Server),
            Some(_) => None,
            None => Some(unit::Which::Both),
        };
        if let Some(which) = which.filter(|_| built) {
            run.part("unit and http", || unit::run(&compiled, which));
        }
        if wanted("e2e") && built {
            run.part("e2e", || browser::test(&[]));
        }
    }

    println!();
    for (name, seconds, tally) in &run.parts {
        println!("{name:<14} {seconds:>7.1} s   {tally}");
    }
    println!("{}", run.total);
    Ok(if run.total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Default)]
struct Run {
    parts: Vec<(&'static str, f64, Tally)>,
    total: Tally,
}

impl Run {
    fn part(&mut self, name: &'static str, run: impl FnOnce() -> Result<Tally>) {
        sh::say(&format!("\n── {name} ──"));
        let start = Instant::now();
        let tally = run().unwrap_or_else(|error| {
            eprintln!("{name}: {error:#}");
            Tally::one(false)
        });
        self.total += tally;
        self.parts.push((name, start.elapsed().as_secs_f64(), tally));
    }
}
