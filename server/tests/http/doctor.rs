//! `minus-one doctor`: what works and what does not, with the next step, and nothing changed by asking.

use std::path::Path;
use std::process::{Command, Output};

/// The program as it was built; `None` where only these tests were.
fn doctor(data: &Path, args: &[&str]) -> Option<Output> {
    let program = std::env::var_os("MINUS_ONE_BIN").filter(|program| Path::new(program).is_file())?;
    let mut doctor = Command::new(program);
    for name in ["DATABASE_URL", "STORAGE_URL", "MODELS_DIR", "WORKER_BIN", "PUBLIC_URL", "LISTEN"] {
        doctor.env_remove(name);
    }
    doctor.args(["doctor", "--listen", "127.0.0.1:1", "--data"]).arg(data).args(args);
    Some(doctor.output().expect("started"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_is_in_the_way_is_named_with_its_next_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let Some(found) = doctor(&data, &["--site-root", "nowhere", "--worker-bin", "nowhere/worker"]) else {
        println!("skipped: MINUS_ONE_BIN names no program");
        return;
    };
    let words = said(&found);
    assert_eq!(found.status.code(), Some(1), "{words}");
    for line in [
        "✕ Client        nowhere/pkg/minus-one_bg.wasm is not there",
        "✕ Worker        no worker program at nowhere/worker",
        "→ `cargo xtask build`",
        "○ Address       http://localhost:1, for this machine only",
        "○ Server        does not run",
    ] {
        assert!(words.contains(line), "{line} is not in\n{words}");
    }
    assert!(!data.exists(), "asking makes nothing");
}

#[test]
fn everything_that_is_needed_works_without_weights() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = folder.path().join("site");
    std::fs::create_dir_all(site.join("pkg")).expect("made");
    std::fs::write(site.join("pkg/minus-one_bg.wasm"), []).expect("made");
    let (Some(worker), Some(site)) = (std::env::var("MINUS_ONE_WORKER_BIN").ok(), site.to_str()) else {
        println!("skipped: MINUS_ONE_WORKER_BIN names no program");
        return;
    };
    let Some(found) = doctor(folder.path(), &["--site-root", site, "--worker-bin", &worker]) else {
        println!("skipped: MINUS_ONE_BIN names no program");
        return;
    };
    let words = said(&found);
    assert_eq!(found.status.code(), Some(0), "{words}");
    assert!(words.contains("✓ Plate engine") && words.contains("○ VOID pass 1"), "{words}");
    assert!(words.contains("✓ Database      SQLite; the first start makes its file"), "{words}");
    // A file that is no worker.
    let text = folder.path().join("text");
    std::fs::write(&text, "no program").expect("written");
    let broken =
        doctor(folder.path(), &["--site-root", site, "--worker-bin", text.to_str().expect("a path")]);
    let words = said(&broken.expect("asked before"));
    assert!(words.contains("✕ Worker") && words.contains("cannot be started"), "{words}");
}
