//! The two steps of the client build that need big crates: the JavaScript glue around the WASM, and one style sheet out
//! of many. Which files, which profile and when: that is `xtask`, which calls this binary.
//!
//! `xtask-web bindgen INPUT.wasm OUT_DIR NAME` writes `NAME.js` and `NAME_bg.wasm`.
//! `xtask-web css ENTRY.css OUT.css [--minify]` writes one file with every `@import` in its place and layer.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use lightningcss::bundler::{Bundler, FileProvider};
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, PrinterOptions};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match step(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask-web: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn step(words: &[&str]) -> Result<()> {
    match *words {
        ["bindgen", input, out_dir, name] => bindgen(Path::new(input), Path::new(out_dir), name, false),
        ["bindgen", input, out_dir, name, "--bare"] => {
            bindgen(Path::new(input), Path::new(out_dir), name, true)
        }
        ["css", entry, out] => css(Path::new(entry), Path::new(out), false),
        ["css", entry, out, "--minify"] => css(Path::new(entry), Path::new(out), true),
        _ => bail!("usage: xtask-web bindgen INPUT OUT_DIR NAME | xtask-web css ENTRY OUT [--minify]"),
    }
}

/// `bare`: without the names of functions, which only stack traces want and which are half of the file.
fn bindgen(input: &Path, out_dir: &Path, name: &str, bare: bool) -> Result<()> {
    let mut step = Bindgen::new();
    step.input_path(input).web(true)?.out_name(name).typescript(false);
    step.remove_producers_section(true).remove_name_section(bare);
    step.generate(out_dir).with_context(|| format!("writing the JavaScript glue for {}", input.display()))
}

fn css(entry: &Path, out: &Path, minify: bool) -> Result<()> {
    let files = FileProvider::new();
    let mut sheet = Bundler::new(&files, None, ParserOptions::default())
        .bundle(entry)
        .map_err(|error| match error.loc {
            // Lines count from 0 there.
            Some(at) => anyhow!("{}:{}: {}", at.filename, at.line + 1, error.kind),
            None => anyhow!("{}", error.kind),
        })
        .with_context(|| format!("reading the style sheet {}", entry.display()))?;
    if minify {
        sheet.minify(MinifyOptions::default()).map_err(|error| anyhow!("{error}"))?;
    }
    let printed = sheet
        .to_css(PrinterOptions { minify, ..PrinterOptions::default() })
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("writing the style sheet {}", out.display()))?;
    std::fs::write(out, printed.code).with_context(|| format!("writing {}", out.display()))
}
