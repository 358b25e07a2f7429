//! The command that compares the networks with their references, as a person or a script runs it.

use std::path::Path;
use std::process::{Command, Output};

fn parity(folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_minus-one-worker")).arg("parity").arg(folder).output().unwrap()
}

#[cfg(not(feature = "void"))]
#[test]
fn a_worker_without_libtorch_says_how_to_get_one_with() {
    let ended = parity(Path::new("."));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2));
    assert!(said.contains("built without libtorch") && said.contains("--features void"), "{said}");
}

#[cfg(feature = "void")]
mod with_libtorch {
    use super::*;

    #[test]
    fn a_folder_with_nothing_to_compare_is_told_apart_from_one_that_differs() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(parity(folder.path()).status.code(), Some(2));
        assert_eq!(parity(&folder.path().join("none")).status.code(), Some(2));
    }

    #[test]
    fn a_component_whose_files_are_lost_has_failed() {
        let folder = tempfile::tempdir().unwrap();
        let vae = folder.path().join("vae");
        std::fs::create_dir(&vae).unwrap();
        std::fs::write(vae.join("cases.json"), r#"{"encode": {"lost": {}}}"#).unwrap();
        let ended = parity(folder.path());
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.code(), Some(1));
        assert!(said.contains("FAILED vae") && said.contains("0 of 1 cases"), "{said}");
    }
}
