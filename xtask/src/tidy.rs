//! `cargo xtask tidy`: what a reviewer would otherwise have to look for in every change. Text only, no compiling.

use std::path::Path;

use anyhow::Result;

use crate::{place, sh};

/// One architecture or one page reads best in a file; beyond this it is two.
const MOST_LINES: usize = 600;
/// Folders that exist on one machine only.
const MACHINE_FOLDERS: [&str; 4] = ["work", "root", "tmp", "home"];
/// What reads as unfinished; split here so that this file does not find itself.
const LEFT_OVERS: [&str; 6] = [
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("coming ", "soon"),
    concat!("not impl", "emented"),
];

/// Prints every finding with its place; true when there is none.
pub fn tidy() -> Result<bool> {
    let list =
        sh::read(&mut sh::program("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
    let mut findings = Vec::new();
    for name in list.split_terminator('\0') {
        let name = Path::new(name);
        let ending = name.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let is_lock = ending == "lock" || name.ends_with("package-lock.json");
        // Deleted but not yet committed, or not text: nothing to read.
        if is_lock || name.ends_with("LICENSE") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(place::root().join(name)) else { continue };
        findings.extend(file(name, ending, &text));
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    Ok(findings.is_empty())
}

fn file(name: &Path, ending: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let name = name.display();
    let lines = text.lines().count();
    if ["rs", "ts", "css"].contains(&ending) && lines > MOST_LINES {
        findings.push(format!("{name}: {lines} lines; split it by what its parts know"));
    }
    if ending == "rs" && !text.starts_with("//!") {
        findings.push(format!("{name}: does not begin with `//!` saying what lives here and what does not"));
    }
    for (at, line) in text.lines().enumerate() {
        let at = at + 1;
        if let Some(path) = machine_path(line) {
            findings.push(format!("{name}:{at}: `{path}` is a path of one machine"));
        }
        if let Some(word) = LEFT_OVERS.iter().find(|word| line.contains(**word)) {
            findings.push(format!("{name}:{at}: `{word}` reads as unfinished"));
        }
    }
    findings
}

/// The first `/folder/name` that names a place on one machine.
fn machine_path(line: &str) -> Option<String> {
    for (at, _) in line.match_indices('/') {
        // A folder of that name inside another one, or behind two slashes, is something else.
        if line[..at].ends_with(|c: char| c.is_alphanumeric() || "/._-}".contains(c)) {
            continue;
        }
        let rest = &line[at + 1..];
        for folder in MACHINE_FOLDERS {
            let Some(inside) = rest.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) else {
                continue;
            };
            if inside.starts_with(|c: char| c.is_ascii_lowercase()) {
                return Some(format!(
                    "/{folder}/{}",
                    inside.split([' ', '"', '\'', ')']).next().unwrap_or_default()
                ));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_machine_is_found_and_a_relative_one_is_not() {
        let found = |folder: &str| machine_path(&format!("open(\"/{folder}/clip.mp4\")"));
        assert_eq!(found("tmp"), Some(["", "tmp", "clip.mp4"].join("/")));
        assert_eq!(found("home"), Some(["", "home", "clip.mp4"].join("/")));
        assert_eq!(found("media"), None);
        assert_eq!(machine_path(&["server", "work", "queue.rs and ", "work alone"].join("/")), None);
    }

    #[test]
    fn a_long_file_a_left_over_and_a_missing_head_are_found() {
        let text = format!("fn a() {{}}\n{}{}\n", "\n".repeat(MOST_LINES), LEFT_OVERS[0]);
        assert_eq!(file(Path::new("a.rs"), "rs", &text).len(), 3);
        assert!(file(Path::new("a.rs"), "rs", "//! All of it.\n").is_empty());
    }
}
