//! `cargo xtask setup`: what this checkout needs from the machine, and installing what is missing on Debian 12.

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal, Write};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::build::Options;
use crate::{libtorch, lock, place, sh};

/// How much of the machine a command needs; `run` asks for no browser and no database.
#[derive(Clone, Copy)]
pub enum Scope {
    Build(Options),
    Everything,
}

/// FFmpeg and OpenCV for the worker; clang reads their headers.
const WORKER: &[&str] = &[
    "ca-certificates",
    "clang",
    "libclang-dev",
    "pkg-config",
    "libavcodec-dev",
    "libavformat-dev",
    "libavutil-dev",
    "libavfilter-dev",
    "libavdevice-dev",
    "libswscale-dev",
    "libswresample-dev",
    "libopencv-dev",
];
/// A smaller client: only for release builds.
const RELEASE: &[&str] = &["brotli"];
/// Fetches libtorch; where a pip is there already, that one does.
const PIP: &[&str] = &["python3", "python3-pip"];
/// What the tests look through: a browser, both databases, another decoder.
const TEST: &[&str] = &["chromium", "fonts-dejavu-core", "ffmpeg", "openssl", "postgresql", "sqlite3"];
/// The oldest Node that the browser tests run on; Debian 12 has it.
const NODE: u32 = 18;

/// libtorch, without which everything works but VOID, SAM 2 and SAM 3: no reason to stop.
fn networks() {
    if let Err(error) = libtorch::setup() {
        sh::say(&format!("The networks are left out, everything else works: {error:#}"));
    }
}

/// Installs what `scope` needs and is not there. Under a second when everything is. One at a time: two that fill the same
/// `node_modules` empty it for each other.
pub fn setup(scope: Scope, yes: bool) -> Result<()> {
    let _alone = lock::hold("setup", "sets up what is missing")?;
    packages(scope, yes)?;
    toolchain(scope)?;
    match scope {
        Scope::Build(options) if options.void => networks(),
        Scope::Build(_) => {}
        Scope::Everything => {
            node_modules()?;
            networks();
        }
    }
    Ok(())
}

fn packages(scope: Scope, yes: bool) -> Result<()> {
    let mut wanted: Vec<&str> = Vec::new();
    match scope {
        Scope::Build(options) => {
            wanted.extend(options.worker.then_some(WORKER).into_iter().flatten());
            wanted.extend(options.release.then_some(RELEASE).into_iter().flatten());
            wanted.extend((options.void && !libtorch::has_pip()).then_some(PIP).into_iter().flatten());
        }
        Scope::Everything => {
            wanted.extend(WORKER.iter().chain(RELEASE).chain(TEST));
            if node_version().is_none_or(|version| version < NODE) || sh::which("npm").is_none() {
                wanted.extend(["nodejs", "npm"]);
            }
            wanted.extend((!libtorch::has_pip()).then_some(PIP).into_iter().flatten());
        }
    }
    if sh::which("dpkg-query").is_none() {
        sh::say(&format!(
            "This is not Debian: make sure that the likes of these are installed: {}",
            wanted.join(" ")
        ));
        return Ok(());
    }
    let there = installed(&wanted)?;
    wanted.retain(|name| !there.contains(*name));
    if wanted.is_empty() {
        return Ok(());
    }
    sh::say(&format!("Missing Debian packages: {}", wanted.join(" ")));
    if !yes && std::env::var_os("CI").is_none() && std::io::stdin().is_terminal() {
        eprint!("Install them with apt-get now? [Y/n] ");
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if !matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes") {
            bail!("nothing was installed; when you have the packages above, run this again");
        }
    }
    sh::run(&mut as_root(&["apt-get", "-o", "DPkg::Lock::Timeout=300", "-qq", "update"])?)?;
    let mut install = vec!["apt-get", "-o", "DPkg::Lock::Timeout=300", "-qq", "-y"];
    install.extend(["--no-install-recommends", "install"]);
    install.extend(wanted);
    sh::run(&mut as_root(&install)?).context("installing Debian packages")
}

/// Those of `names` that dpkg knows as installed.
fn installed(names: &[&str]) -> Result<BTreeSet<String>> {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f", "${Package} ${db:Status-Status}\n"]).args(names);
    // It fails as soon as one name is unknown, and still prints the others.
    let printed = query.output().context("could not start `dpkg-query`")?.stdout;
    let lines = String::from_utf8_lossy(&printed).into_owned();
    Ok(lines.lines().filter_map(|line| line.strip_suffix(" installed")).map(str::to_owned).collect())
}

fn as_root(words: &[&str]) -> Result<Command> {
    let mut command = if sh::is_root() {
        Command::new("env")
    } else if sh::which("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    } else {
        bail!("installing needs root and there is no sudo here; as root run: {}", words.join(" "));
    };
    command.arg("DEBIAN_FRONTEND=noninteractive").args(words);
    Ok(command)
}

/// rustup reads `rust-toolchain.toml` by itself; this is for toolchains that were installed without it.
fn toolchain(scope: Scope) -> Result<()> {
    let sysroot = sh::read(&mut sh::program("rustc", &["--print", "sysroot"]))?;
    let sysroot = std::path::Path::new(sysroot.trim());
    if !sysroot.join("lib/rustlib/wasm32-unknown-unknown/lib").is_dir() {
        sh::run(&mut sh::program("rustup", &["target", "add", "wasm32-unknown-unknown"]))?;
    }
    if let Scope::Everything = scope {
        for (component, file) in [("clippy", "bin/cargo-clippy"), ("rustfmt", "bin/rustfmt")] {
            if !sysroot.join(file).is_file() {
                sh::run(&mut sh::program("rustup", &["component", "add", component]))?;
            }
        }
    }
    Ok(())
}

fn node_version() -> Option<u32> {
    let printed = sh::read(&mut sh::program("node", &["--version"])).ok()?;
    printed.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// The browser tests' own packages, as the lock file says; browsers come from Debian, not from npm.
fn node_modules() -> Result<()> {
    let folder = place::end2end();
    let lock =
        std::fs::read(folder.join("package-lock.json")).context("reading end2end/package-lock.json")?;
    let stamp = folder.join("node_modules/.installed-lock.json");
    if std::fs::read(&stamp).is_ok_and(|done| done == lock) {
        return Ok(());
    }
    let mut npm = sh::program("npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    sh::run(npm.current_dir(&folder).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))?;
    std::fs::write(&stamp, lock).context("noting which packages are installed")
}
