//! `cargo xtask build`: style sheet, client, server and worker. What cargo-leptos would do after `cargo build`, in the
//! open; which system packages that needs is in `setup`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{libtorch, lock, place, sh};

/// Leptos names the client `minus-one.js`, `minus-one_bg.wasm`, `minus-one.css`.
const OUTPUT: &str = "minus-one";

#[derive(Clone, Copy)]
pub struct Options {
    /// Optimised and compressed; the default shares every compiled crate with the tests and rebuilds in seconds.
    pub release: bool,
    /// The worker is what needs FFmpeg and OpenCV; a web developer can do without.
    pub worker: bool,
    /// The networks in the worker, where libtorch is there for them.
    pub void: bool,
}

/// Builds everything that `minus-one serve` needs.
pub fn build(options: Options) -> Result<()> {
    sh::timed("client", || site(options.release))?;
    sh::timed("binaries", || binaries(options))
}

/// Server and worker in one cargo call, so that they share every crate with the same features.
fn binaries(options: Options) -> Result<()> {
    let mut words = vec!["build", "-p", "server"];
    words.extend(options.worker.then_some(["-p", "worker"]).into_iter().flatten());
    words.extend(
        (options.worker && options.void && libtorch::is_there())
            .then_some(["--features", "worker/void"])
            .into_iter()
            .flatten(),
    );
    words.extend(options.release.then_some("--release"));
    sh::run(&mut sh::cargo(&words))
}

/// Fills the site folder: style sheet, client and the files of `public/`. One at a time, since it is emptied first.
pub fn site(release: bool) -> Result<()> {
    let _alone = lock::hold("site", "fills the site folder")?;
    sh::run(&mut sh::cargo(&["build", "-p", "xtask-web"]))?;
    let pkg = place::site().join("pkg");
    std::fs::create_dir_all(&pkg).with_context(|| format!("making {}", pkg.display()))?;
    public()?;
    let compiled = compile_client(release)?;

    let mut made = stamp(&compiled, release)?;
    made.push_str(&stamp(&place::binary("xtask-web", false), release)?);
    let noted = place::target().join("site.stamp");
    let glue = pkg.join(format!("{OUTPUT}_bg.wasm"));
    if !glue.is_file() || !std::fs::read_to_string(&noted).is_ok_and(|before| before == made) {
        drop(std::fs::remove_file(&noted)); // a step below may fail; then nothing is up to date
        forget_compressed(&pkg)?;
        // Not through Debian's wasm-opt: version 108 exports the wrong one of two tables, the client does not start, and
        // compressed nothing is gained (1.306 MB against 1.303 MB without its names).
        let mut words = vec!["bindgen", text(&compiled)?, text(&pkg)?, OUTPUT];
        words.extend(release.then_some("--bare"));
        sh::quiet(&mut web(&words))?;
        std::fs::write(&noted, made)?;
    }
    css(&pkg, release)?;
    if release {
        for name in [format!("{OUTPUT}.js"), format!("{OUTPUT}_bg.wasm"), format!("{OUTPUT}.css")] {
            compress(&pkg.join(name))?;
        }
    }
    Ok(())
}

/// The compiled client, before the glue.
///
/// In development it is the `dev` profile at `opt-level` 1: at 0 it is four times as big, which the browser pays on
/// every load, and a profile of its own would compile every macro crate a second time.
fn compile_client(release: bool) -> Result<PathBuf> {
    let mut cargo = sh::cargo(&["build", "-p", "frontend", "--target", "wasm32-unknown-unknown"]);
    let folder = if release {
        cargo.args(["--profile", "wasm-release"]);
        "wasm-release"
    } else {
        dev_client(&mut cargo);
        "debug"
    };
    sh::run(&mut cargo)?;
    Ok(place::target().join("wasm32-unknown-unknown").join(folder).join("frontend.wasm"))
}

/// The flags of a development build of the client; `lint` uses them too, so that nothing is compiled twice.
pub fn dev_client(cargo: &mut Command) {
    cargo.args(["--config", "profile.dev.opt-level=1", "--config", "profile.dev.debug=false"]);
}

fn css(pkg: &Path, release: bool) -> Result<()> {
    let entry = place::root().join("style/main.css");
    let out = pkg.join(format!("{OUTPUT}.css"));
    let mut words = vec!["css", text(&entry)?, text(&out)?];
    words.extend(release.then_some("--minify"));
    forget(&out)?;
    sh::quiet(&mut web(&words))
}

fn web(words: &[&str]) -> Command {
    sh::program(place::binary("xtask-web", false), words)
}

/// Copies `public/` into the site and drops what is no longer in it.
fn public() -> Result<()> {
    let site = place::site();
    let wanted = place::root().join("public");
    for entry in std::fs::read_dir(&site)? {
        let entry = entry?;
        if entry.file_name() == "pkg" || wanted.join(entry.file_name()).exists() {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    copy_folder(&wanted, &site)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &place)?;
        } else {
            std::fs::copy(entry.path(), &place)
                .with_context(|| format!("copying {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// The server sends `x.wasm.br` and `x.wasm.gz` when they are there: a stale one would not fit the page.
fn forget_compressed(pkg: &Path) -> Result<()> {
    for name in [format!("{OUTPUT}.js"), format!("{OUTPUT}_bg.wasm"), format!("{OUTPUT}.css")] {
        forget(&pkg.join(name))?;
    }
    Ok(())
}

fn forget(file: &Path) -> Result<()> {
    for ending in ["br", "gz"] {
        match std::fs::remove_file(beside(file, ending)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn compress(file: &Path) -> Result<()> {
    if beside(file, "br").is_file() && beside(file, "gz").is_file() {
        return Ok(());
    }
    sh::quiet(Command::new("brotli").args(["--best", "--keep", "--force"]).arg(file))?;
    sh::quiet(Command::new("gzip").args(["-9", "--no-name", "--keep", "--force"]).arg(file))
}

pub fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn stamp(file: &Path, release: bool) -> Result<String> {
    let entry = std::fs::metadata(file).with_context(|| format!("looking at {}", file.display()))?;
    Ok(format!("{release} {} {:?}\n", entry.len(), entry.modified()?))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not valid text", path.display()))
}
