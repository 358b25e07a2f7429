//! libtorch for the worker's networks: three wheels from the Python package index, of which only the libraries and headers
//! are kept. Nothing is installed into any Python. What is built with it is told in `build` and `unit`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{place, sh};

/// The one that the crate `tch` was made for.
const VERSION: &str = "2.11.0";
/// What libtorch_cpu.so is linked with, even where there is no GPU.
const BESIDE: [&str; 2] = ["nvidia-cuda-runtime==13.0.*", "nvidia-cuda-cupti==13.0.*"];
/// Wheels for any Python will do, since none is run.
const PYTHON: &str = "3.11";
const PLATFORMS: [&str; 4] =
    ["manylinux_2_28_x86_64", "manylinux_2_25_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"];
/// Written last: what stands beside it is whole.
const DONE: &str = "torch/build-version";

/// Unpacks what is wanted of each wheel: the folder, `cuda` or `cpu`, then the wheels.
const UNPACK: &str = "\
import re, sys, zipfile
folder, device, *wheels = sys.argv[1:]
libraries = r'torch/lib/lib(torch|torch_cpu|c10)\\.so|torch/lib/libgomp.*|torch/include/.*|nvidia/.*/lib/lib(cudart|cupti)\\.so.*'
if device == 'cuda':
    libraries += r'|torch/lib/lib(?!torch_python).*\\.so.*|nvidia/.*/lib/lib.*\\.so.*'
for wheel in wheels:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if re.fullmatch(libraries, name)]
        archive.extractall(folder, names)
";

/// The link in the checkout that `.cargo/config.toml` names.
fn link() -> PathBuf {
    place::root().join("libtorch")
}

/// Whether the networks can be built right now.
pub fn is_there() -> bool {
    given().is_some() || link().join(DONE).is_file()
}

/// `LIBTORCH` as a person set it, if so; cargo hands on its own value, which names the link.
fn given() -> Option<PathBuf> {
    let value = std::env::var_os("LIBTORCH").filter(|value| !value.is_empty()).map(PathBuf::from);
    value.filter(|value| *value != link().join("torch"))
}

/// What a cargo call on the whole workspace is told: without libtorch to leave the networks out, and with it whether the
/// worker is to have them.
pub fn words(void: bool) -> &'static [&'static str] {
    match (is_there(), void) {
        (false, _) => &["--exclude", "nets", "--exclude", "engine"],
        (true, false) => &[],
        (true, true) => &["--features", "worker/void"],
    }
}

/// Sets libtorch up where it is not: 550 MB to fetch the first time, more with an NVIDIA driver; nothing later.
pub fn setup() -> Result<()> {
    if let Some(given) = given() {
        let version = fs::read_to_string(given.join("build-version")).unwrap_or_default();
        if !version.starts_with(VERSION) {
            bail!("LIBTORCH is set, but there is no libtorch {VERSION} in it; unset it to have one fetched");
        }
        return Ok(());
    }
    let device = if has_driver() { "cuda" } else { "cpu" };
    let folder = cache().join(format!("libtorch-{VERSION}-{device}"));
    if !folder.join(DONE).is_file() {
        fetch(&folder, device).with_context(|| {
            format!(
                "libtorch {VERSION}, which VOID's networks run on, could not be set up; give `--without-void` to do \
                 without them, or set LIBTORCH to a copy that you have"
            )
        })?;
    }
    let before = fs::read_link(link()).ok();
    if before.as_deref() != Some(&folder) {
        match fs::remove_file(link()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("making room for {}", link().display()));
            }
            _ => {}
        }
        symlink(&folder, link()).with_context(|| format!("linking {}", link().display()))?;
        if before.is_some() {
            forget_built().context("having its bindings built for the other libtorch")?;
        }
    }
    Ok(())
}

/// Whether there is a driver for a GPU: in `/proc`, or, as under WSL, only in what asks it.
fn has_driver() -> bool {
    Path::new("/proc/driver/nvidia/version").exists()
        || sh::which("nvidia-smi").is_some()
            && sh::read(&mut sh::program("nvidia-smi", &["-L"])).is_ok_and(|said| said.contains("GPU"))
}

/// The bindings are built for a CPU or for CUDA, and cargo knows the link by its name only, which stays.
fn forget_built() -> Result<()> {
    for words in
        [&["clean", "--quiet", "-p", "torch-sys"][..], &["clean", "--quiet", "-p", "torch-sys", "--release"]]
    {
        sh::run(&mut sh::cargo(words))?;
    }
    Ok(())
}

/// Whether something is there that can fetch it.
pub fn has_pip() -> bool {
    is_there() || python().is_some()
}

/// The first Python that has pip.
fn python() -> Option<&'static str> {
    let has_pip = |name: &&str| sh::read(&mut sh::program(*name, &["-m", "pip", "--version"])).is_ok();
    ["python3", "python"].into_iter().filter(|name| sh::which(name).is_some()).find(has_pip)
}

/// Outside of the checkout, so that another one finds it.
fn cache() -> PathBuf {
    let home = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match (home("XDG_CACHE_HOME"), home("HOME")) {
        (Some(cache), _) => cache.join("minus-one"),
        (None, Some(home)) => home.join(".cache/minus-one"),
        (None, None) => place::target(),
    }
}

/// Fetches and unpacks beside `folder`, and puts it there when all is done.
fn fetch(folder: &Path, device: &str) -> Result<()> {
    let Some(python) = python() else {
        bail!("there is no Python with pip to fetch it with; install python3 and python3-pip");
    };
    let size = if device == "cuda" { "3 GB, with CUDA" } else { "550 MB" };
    sh::say(&format!("libtorch {VERSION} is fetched once ({size}) into {}", folder.display()));
    let parent = folder.parent().context("a cache folder is in a folder")?;
    fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    let unfinished = parent.join(format!("unfinished-{}", std::process::id()));
    let made = download(python, &unfinished, device).and_then(|()| {
        fs::write(unfinished.join(DONE), VERSION)?;
        match fs::rename(&unfinished, folder) {
            // Another checkout was faster.
            Err(_) if folder.join(DONE).is_file() => Ok(()),
            other => other.with_context(|| format!("putting {} in place", folder.display())),
        }
    });
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).with_context(|| format!("removing {}", unfinished.display()))?;
    }
    made
}

fn download(python: &str, folder: &Path, device: &str) -> Result<()> {
    let wheels = folder.join("wheels");
    fs::create_dir_all(&wheels).with_context(|| format!("making {}", wheels.display()))?;
    let mut pip = sh::program(python, &["-m", "pip", "download", "--quiet", "--disable-pip-version-check"]);
    pip.args(["--only-binary=:all:", "--implementation=cp", "--python-version", PYTHON]);
    pip.args(PLATFORMS.map(|platform| format!("--platform={platform}")));
    pip.arg("--dest").arg(&wheels).arg(format!("torch=={VERSION}"));
    if device == "cpu" {
        pip.arg("--no-deps").args(BESIDE);
    }
    sh::run(&mut pip).context("fetching it from the Python package index")?;
    let mut files = Vec::new();
    for entry in fs::read_dir(&wheels)? {
        files.push(entry?.path());
    }
    let mut unpack = sh::program(python, &["-c", UNPACK]);
    sh::quiet(unpack.arg(folder).arg(device).args(&files)).context("unpacking it")?;
    fs::remove_dir_all(&wheels).context("removing the wheels")
}
