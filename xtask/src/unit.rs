//! The Rust tests: compiled in one cargo call so that every crate is built once with one set of features, then run one
//! binary after the other with a private PostgreSQL beside them.
//!
//! A test that lacks something on this machine prints a line that begins with `skipped` and is counted as skipped.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tally::Tally;
use crate::{libtorch, place, postgres, sh};

/// How long one test binary may run: several times what the slowest takes on two cores. One that hangs is ended and
/// counted as failed with all that it printed, instead of running into the limit of whoever waits for the whole.
const PATIENCE: Duration = Duration::from_secs(25 * 60);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All but `server`.
    Crates,
    /// `server`: the HTTP tests.
    Server,
    Both,
}

pub struct TestBinary {
    file: PathBuf,
    package: PathBuf,
    name: String,
}

/// Compiles every test and the product's binaries, all with the features that tests ask for: `cargo build -p server`
/// beside it would compile hyper and what stands on it a second time.
pub fn compile() -> Result<Vec<TestBinary>> {
    let mut all = sh::cargo(&["build", "--workspace", "--tests", "--bins"]);
    all.args(["--exclude", "frontend", "--exclude", "xtask", "--exclude", "xtask-web"]);
    all.args(libtorch::words(true));
    let mut binaries = listed(&mut all)?;
    binaries.extend(listed(&mut sh::cargo(&["test", "--no-run", "-p", "xtask"]))?);
    Ok(binaries)
}

/// Runs those of the compiled tests that are wanted.
pub fn run(binaries: &[TestBinary], which: Which) -> Result<Tally> {
    let server = place::root().join("server");
    let database = sh::timed("PostgreSQL", postgres::start)?;
    if std::env::var_os("TEST_STORAGE_URL").is_some() {
        sh::say("Using the bucket of TEST_STORAGE_URL");
    }
    let mut tally = Tally::default();
    for binary in binaries {
        let wanted = match which {
            Which::Both => true,
            Which::Server => binary.package == server,
            Which::Crates => binary.package != server,
        };
        if wanted {
            tally += run_one(binary, database.url())?;
        }
    }
    Ok(tally)
}

/// Runs cargo and lists the test binaries it made; cargo prints what it has to say itself.
fn listed(cargo: &mut Command) -> Result<Vec<TestBinary>> {
    cargo.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    sh::say(&format!("$ {}", sh::line(cargo)));
    let mut child = cargo.spawn().context("could not start cargo")?;
    let mut found = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("piped above")).lines() {
        let message: Value = serde_json::from_str(&line?).context("reading a message of cargo")?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if message["profile"]["test"] != true {
            continue;
        }
        if let (Some(file), Some(manifest), Some(name)) =
            (text(&message["executable"]), text(&message["manifest_path"]), text(&message["target"]["name"]))
        {
            let package = Path::new(&manifest).parent().context("a manifest is in a folder")?.to_owned();
            found.push(TestBinary { file: file.into(), package, name });
        }
    }
    if !child.wait()?.success() {
        bail!("`{}` failed", sh::line(cargo));
    }
    Ok(found)
}

/// Runs one test binary as `cargo test` would; shows its failures, its skipped tests and its sum.
fn run_one(binary: &TestBinary, database_url: &str) -> Result<Tally> {
    let start = Instant::now();
    // Files, not pipes: a server that a hanging test started would keep a pipe open.
    let folder = place::target().join("printed");
    fs::create_dir_all(&folder)?;
    let (out, err) = (folder.join("stdout"), folder.join("stderr"));
    let mut command = Command::new(&binary.file);
    command
        .arg("--show-output")
        .current_dir(&binary.package)
        .env("CARGO_MANIFEST_DIR", &binary.package)
        .env("TEST_DATABASE_URL", database_url)
        .env("MINUS_ONE_BIN", place::binary("minus-one", false))
        .env("MINUS_ONE_WORKER_BIN", place::binary("minus-one-worker", false))
        .stdout(File::create(&out)?)
        .stderr(File::create(&err)?);
    let status =
        within(&mut command, PATIENCE).with_context(|| format!("could not run {}", binary.file.display()))?;
    let printed = String::from_utf8_lossy(&fs::read(&out)?).into_owned();
    let mut tally = read(&printed).unwrap_or_default();
    for line in printed.lines().filter(|line| is_skip(line)) {
        eprintln!("    {line}");
    }
    if !status.is_some_and(|status| status.success()) {
        eprint!("{printed}{}", String::from_utf8_lossy(&fs::read(&err)?));
        // A crash leaves no sum behind; it must still count.
        tally.failed = tally.failed.max(1);
    }
    if status.is_none() {
        eprintln!("  {} ran longer than {} minutes and was ended", binary.name, PATIENCE.as_secs() / 60);
    }
    let name = binary.package.strip_prefix(place::root()).unwrap_or(&binary.package).display().to_string();
    if tally != Tally::default() {
        eprintln!("  {name} · {}: {tally}   {:.1} s", binary.name, start.elapsed().as_secs_f64());
    }
    Ok(tally)
}

/// Runs the command to its end; `None` when it was ended because it ran longer than `patience`.
fn within(command: &mut Command, patience: Duration) -> Result<Option<ExitStatus>> {
    let start = Instant::now();
    let mut child = command.spawn()?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is_skip(line: &str) -> bool {
    line.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("skipped"))
}

/// The sum that the test binary printed, with the tests that said they could not run counted as skipped.
fn read(printed: &str) -> Option<Tally> {
    let sum = printed.lines().rev().find_map(|line| line.strip_prefix("test result: "))?;
    let number = |word: &str| -> u64 {
        sum.split([';', '.'])
            .find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
            .unwrap_or_default()
    };
    let mut tally = Tally { passed: number("passed"), failed: number("failed"), skipped: number("ignored") };
    // `---- name stdout ----` opens what one test printed.
    let mut counted = true;
    for line in printed.split("\nfailures:\n").next().unwrap_or_default().lines() {
        if line.starts_with("---- ") {
            counted = false;
        } else if is_skip(line) && !counted {
            counted = true;
            tally.passed -= 1;
            tally.skipped += 1;
        }
    }
    Some(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_says_skipped_counts_once_as_skipped() {
        let printed = "running 3 tests\n\nsuccesses:\n\n---- a stdout ----\nskipped: no samples here\nskipped: again\n\n\
                       ---- b stdout ----\nfine\n\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n";
        assert_eq!(read(printed), Some(Tally { passed: 2, failed: 0, skipped: 2 }));
    }

    #[test]
    fn what_hangs_is_ended() {
        let mut sleep = Command::new("sleep");
        assert_eq!(within(sleep.arg("600"), Duration::from_millis(100)).ok(), Some(None));
        assert!(within(&mut Command::new("true"), PATIENCE).is_ok_and(|status| status.is_some()));
    }

    #[test]
    fn failures_are_counted_as_printed() {
        let printed = "\nsuccesses:\n\n---- a stdout ----\nskipped: x\n\nfailures:\n\n---- c stdout ----\nskipped nothing\n\n\
                       test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n";
        assert_eq!(read(printed), Some(Tally { passed: 0, failed: 2, skipped: 1 }));
    }
}
