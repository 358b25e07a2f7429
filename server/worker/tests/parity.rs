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
    use std::path::PathBuf;

    use super::*;

    /// Small networks, and what public packages made of them: a clone with nothing beside it has these.
    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../nets/fixtures/golden");

    #[test]
    fn our_own_golden_tensors_are_all_compared_and_met() {
        let ended = parity(Path::new(GOLDEN));
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.code(), Some(0), "{said}");
        let cases = committed();
        // As many as there are files, so that a component whose files were lost is missed here.
        assert!(cases.len() > 30, "{cases:?}");
        for component in ["scheduler", "vae", "transformer", "t5", "sam2"] {
            assert!(cases.iter().any(|case| case.starts_with(&format!("{component} · "))), "no {component}");
        }
        for case in &cases {
            assert!(said.contains(&format!("ok     {case} · ")), "{case} was passed over:\n{said}");
        }
        let count = cases.len();
        assert!(
            said.ends_with(&format!("\n{count} of {count} cases are within their tolerance.\n")),
            "{said}"
        );
    }

    /// The case of every file with golden tensors, as the command calls it.
    fn committed() -> Vec<String> {
        let mut cases = Vec::new();
        let mut folders = vec![PathBuf::from(GOLDEN)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let inside = path.strip_prefix(GOLDEN).unwrap().to_str().unwrap().to_owned();
                let Some(name) = inside.strip_suffix(".safetensors") else { continue };
                let (component, name) = name.split_once('/').unwrap();
                let name = match (component, name) {
                    // Weights, which the cases of other folders are computed with.
                    ("pipeline", _) => continue,
                    ("sam2", name) if name.contains("/weights_") => continue,
                    ("scheduler", name) => format!("{name}.safetensors"),
                    ("t5", "tokenized") => "tokenizer".to_owned(),
                    ("t5", "encoder_cases") => "encoder".to_owned(),
                    (_, name) => name.trim_start_matches("case_").to_owned(),
                };
                cases.push(format!("{component} · {name}"));
            }
        }
        cases
    }

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
