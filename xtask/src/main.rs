//! `cargo xtask …`: everything a newcomer would otherwise do by hand. Only the command line is here; one file per command.

mod browser;
mod build;
mod http;
mod libtorch;
mod licences;
mod lint;
mod lock;
mod place;
mod postgres;
mod prove;
mod serve;
mod setup;
mod sh;
mod spdx;
mod tally;
mod test;
mod tidy;
mod unit;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::setup::{Scope, setup};

const USAGE: &str = "\
cargo xtask COMMAND

  setup [--yes]                 install what is missing on Debian 12 (asks first when there is someone to ask)
  build [--release] [--no-worker] [--without-void]
                                style sheet, client, server and worker; VOID's networks need libtorch, which is fetched
  run   [--release] [--without-void] [-- ARGS]
                                set up, build, and open the demo project on http://localhost:8998
                                (ARGS go to `minus-one serve`, for example `-- --listen 0.0.0.0:8998`)
  test  [--only lint|unit|http|e2e]
                                set up, then every check there is; ends with `N passed, N failed, N skipped`
  prove NAME [--count N] [--seed S]
                                one measured claim; its figures go to end2end/proof/NAME.json
  tidy                          machine paths, left-overs and files that no longer fit one sitting
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match command(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command(args: &[String]) -> Result<ExitCode> {
    let Some((name, mut rest)) = args.split_first().map(|(name, rest)| (name.as_str(), Args(rest.to_vec())))
    else {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    match name {
        "setup" => {
            let yes = rest.flag("--yes");
            rest.finish()?;
            setup(Scope::Everything, yes)?;
        }
        "build" => {
            let options = rest.options();
            rest.finish()?;
            setup(Scope::Build(options), false)?;
            build::build(options)?;
        }
        "run" => {
            let passed_on = rest.after_dashes();
            let yes = rest.flag("--yes");
            let options = rest.options();
            rest.finish()?;
            setup(Scope::Build(options), yes)?;
            build::build(options)?;
            serve::serve(options, passed_on)?;
        }
        "test" => {
            let only = rest.value("--only")?;
            let yes = rest.flag("--yes");
            rest.finish()?;
            return test::test(only.as_deref(), yes);
        }
        "prove" => {
            let proof = prove::Request {
                count: rest.number("--count")?,
                seed: rest.number("--seed")?,
                name: rest.positional(),
            };
            rest.finish()?;
            prove::prove(&proof)?;
        }
        "tidy" => {
            rest.finish()?;
            return Ok(if tidy::tidy()? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        serve::ANNOUNCE => serve::announce(&rest.0)?,
        "help" | "--help" | "-h" => print!("{USAGE}"),
        other => bail!("there is no command `{other}`\n\n{USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is left of the command line; each question takes its answer out, so that `finish` can refuse the rest.
struct Args(Vec<String>);

impl Args {
    fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| word != name);
        self.0.len() < before
    }

    fn options(&mut self) -> build::Options {
        let worker = !self.flag("--no-worker");
        let void = !self.flag("--without-void") && worker;
        build::Options { release: self.flag("--release"), worker, void }
    }

    fn value(&mut self, name: &str) -> Result<Option<String>> {
        let Some(at) = self.0.iter().position(|word| word == name) else { return Ok(None) };
        if at + 1 >= self.0.len() {
            bail!("{name} needs a value");
        }
        self.0.remove(at);
        Ok(Some(self.0.remove(at)))
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>> {
        let Some(text) = self.value(name)? else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => bail!("{name} needs a whole number, not `{text}`"),
        }
    }

    fn positional(&mut self) -> Option<String> {
        let at = self.0.iter().position(|word| !word.starts_with('-'))?;
        Some(self.0.remove(at))
    }

    fn after_dashes(&mut self) -> Vec<String> {
        let Some(at) = self.0.iter().position(|word| word == "--") else { return Vec::new() };
        self.0.split_off(at).split_off(1)
    }

    fn finish(self) -> Result<()> {
        match &self.0[..] {
            [] => Ok(()),
            rest => bail!("I do not know what `{}` means here\n\n{USAGE}", rest.join(" ")),
        }
    }
}
