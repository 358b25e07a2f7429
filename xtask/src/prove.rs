//! `cargo xtask prove NAME`: makes a release build, runs the proof on it, and leaves its figures in
//! `end2end/proof/NAME.json`.
//! The proofs themselves live with what they prove; `cargo xtask test` runs the same code with small counts.

use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail};

use crate::build::{self, Options};
use crate::setup::{Scope, setup};
use crate::{browser, libtorch, place, postgres, sh};

pub struct Request {
    pub name: Option<String>,
    pub count: Option<u64>,
    pub seed: Option<u64>,
}

enum Runner {
    /// `end2end/prove/NAME.spec.ts`, which reads PROVE_COUNT, PROVE_SEED and writes PROVE_OUT.
    Playwright,
    /// `minus-one-worker prove NAME [--count N] [--seed S] --out FILE`.
    Worker,
    /// The Rust tests of a crate, which read the same words as Playwright's, with a private PostgreSQL beside them.
    Tests { package: &'static str, test: &'static str },
}

struct Proof {
    name: &'static str,
    claim: &'static str,
    runner: Runner,
}

const PROOFS: &[Proof] = &[
    Proof {
        name: "seeks",
        claim: "the frame on the canvas is the frame that was asked for",
        runner: Runner::Playwright,
    },
    Proof {
        name: "kills",
        claim: "a killed server or worker loses and doubles nothing",
        runner: Runner::Playwright,
    },
    Proof {
        name: "signoff",
        claim: "a team and its client sign a real shot off, take it away and get it back from a back-up",
        runner: Runner::Playwright,
    },
    Proof {
        name: "plate",
        claim: "kept samples are the plate's own; quality, time and memory of the plate engine",
        runner: Runner::Worker,
    },
    Proof {
        name: "segment",
        claim: "how well the segmenter without weights finds the primary",
        runner: Runner::Worker,
    },
    Proof {
        name: "reason",
        claim: "what the built-in reasoner finds of what is affected, beside the noun-only stage",
        runner: Runner::Worker,
    },
    Proof {
        name: "weights",
        claim: "a full-size checkpoint opens in under a second and takes no more memory than what is used of it",
        runner: Runner::Worker,
    },
    Proof {
        name: "sam2",
        claim: "a full-size SAM 2 opens in both layouts and answers a click on one frame: time and memory",
        runner: Runner::Worker,
    },
    Proof {
        name: "sam3",
        claim: "SAM 3 of the released size in both published forms: time, memory, a second phrase beside the first",
        runner: Runner::Worker,
    },
    Proof {
        name: "nets",
        claim: "time of the networks beside the products, attention and convolutions they contain; memory by plan",
        runner: Runner::Worker,
    },
    Proof {
        name: "switches",
        claim: "what each switch that makes VOID faster changes in the latents, and its time",
        runner: Runner::Worker,
    },
    Proof {
        name: "shots",
        claim: "the whole story on the real shots through the page, with a picture of every step",
        runner: Runner::Playwright,
    },
    Proof {
        name: "board",
        claim: "a thousand shots scroll with at most 60 cards and no task over 50 ms",
        runner: Runner::Playwright,
    },
    Proof {
        name: "clicks",
        claim: "how soon after a click SAM 2's first mask and its whole track are there, with a test model",
        runner: Runner::Playwright,
    },
    Proof {
        name: "void",
        claim: "VOID's whole story on a real shot with a test model: cancelled, killed, the same bits twice, refined",
        runner: Runner::Playwright,
    },
    Proof {
        name: "words",
        claim: "from words typed on a real shot to targets and cells in the mask, with a test model and pictures; how soon",
        runner: Runner::Playwright,
    },
    Proof {
        name: "events",
        claim: "a comment is on another browser's page within 300 ms while 50 others listen; what 500 event streams cost",
        runner: Runner::Playwright,
    },
    Proof {
        name: "backup",
        claim: "a back-up taken while people edit is one moment, whole, on either engine",
        runner: Runner::Tests { package: "backup", test: "consistent" },
    },
    Proof {
        name: "pictures",
        claim: "the README's pictures, taken of the demo project as it is now",
        runner: Runner::Playwright,
    },
    Proof {
        name: "wasm",
        claim: "size of the client, time to the first painted frame, memory of the idle server",
        runner: Runner::Playwright,
    },
];

/// How often a proof of the Rust tests does it where nobody says.
const USUAL_COUNT: u64 = 100;

pub fn prove(request: &Request) -> Result<()> {
    let Some(name) = &request.name else { bail!("say which proof:\n{}", list()) };
    if name == "all" {
        return all(request);
    }
    let Some(proof) = PROOFS.iter().find(|proof| proof.name == name) else {
        bail!("there is no proof `{name}`; there are:\n{}", list());
    };
    let spec = spec_of(name);
    if let Runner::Playwright = proof.runner
        && !place::end2end().join(&spec).is_file()
    {
        bail!("end2end/{spec} is not in this checkout");
    }
    let commit = checked_out()?;
    setup(Scope::Everything, false)?;
    if !matches!(proof.runner, Runner::Tests { .. }) {
        build::build(Options { release: true, worker: true, void: libtorch::is_there() })?;
    }

    let folder = place::end2end().join("proof");
    std::fs::create_dir_all(&folder)?;
    let out = folder.join(format!("{name}.json"));
    let before = std::fs::metadata(&out).and_then(|entry| entry.modified()).ok();
    let outcome = run(proof, request, &out);
    finish(outcome, &out, before, &commit)?;
    print!("{}", std::fs::read_to_string(&out).context("reading the figures")?);
    Ok(())
}

/// Runs a proof; its figures go to `out`.
fn run(proof: &Proof, request: &Request, out: &Path) -> Result<()> {
    let Proof { name, .. } = proof;
    match proof.runner {
        Runner::Playwright => {
            // A folder of its own: Playwright empties it first, and two proofs may run side by side.
            let mut playwright = browser::playwright(true, browser::output().join(name));
            playwright.arg(spec_of(name)).env("PROVE_OUT", out);
            for (name, value) in [("PROVE_COUNT", request.count), ("PROVE_SEED", request.seed)] {
                if let Some(value) = value {
                    playwright.env(name, value.to_string());
                }
            }
            sh::run(&mut playwright)?;
        }
        Runner::Worker => {
            let mut worker = sh::program(place::binary("minus-one-worker", true), &["prove", name]);
            for (name, value) in [("--count", request.count), ("--seed", request.seed)] {
                if let Some(value) = value {
                    worker.args([name, &value.to_string()]);
                }
            }
            sh::run(worker.arg("--out").arg(out))?;
        }
        Runner::Tests { package, test } => {
            let database = postgres::start()?;
            let mut cargo = sh::cargo(&["test", "--release", "-p", package, "--test", package, "--", test]);
            cargo.env("TEST_DATABASE_URL", database.url()).env("PROVE_OUT", out);
            cargo.env("PROVE_COUNT", request.count.unwrap_or(USUAL_COUNT).to_string());
            cargo.env("PROVE_SEED", request.seed.unwrap_or(1).to_string());
            sh::run(&mut cargo)?;
        }
    }
    Ok(())
}

/// Names the commit in what a proof left, one that failed too: its figures are those of a commit as well.
fn finish(outcome: Result<()>, out: &Path, before: Option<SystemTime>, commit: &str) -> Result<()> {
    let after = std::fs::metadata(out).and_then(|entry| entry.modified()).ok();
    let named = match after.is_some() && after != before {
        true => name_commit(out, commit),
        false => Err(anyhow!("the proof passed and left no figures in {}", out.display())),
    };
    outcome.and(named)
}

fn spec_of(name: &str) -> String {
    format!("prove/{name}.spec.ts")
}

/// Every proof, one after the other; one that fails does not keep the rest from running.
fn all(request: &Request) -> Result<()> {
    let mut failed = Vec::new();
    for Proof { name, .. } in PROOFS {
        println!("── {name} ──");
        let one = Request { name: Some((*name).to_owned()), count: request.count, seed: request.seed };
        if let Err(error) = sh::timed(name, || prove(&one)) {
            println!("{name}: {error:#}");
            failed.push(*name);
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("these proofs failed: {}", failed.join(", ")) }
}

/// What is checked out, and whether anything but proofs is changed there.
fn checked_out() -> Result<String> {
    let git = |words: &[&str]| -> Result<String> {
        let said = sh::program("git", words).output().context("asking git what is checked out")?;
        Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--", ".", ":!end2end/proof"])?;
    Ok(if changed.is_empty() { commit } else { format!("{commit} and changes") })
}

fn name_commit(out: &Path, commit: &str) -> Result<()> {
    let figures = std::fs::read_to_string(out).context("reading the figures")?;
    let Some(rest) = figures.strip_prefix("{\n") else { bail!("{} does not hold an object", out.display()) };
    std::fs::write(out, format!("{{\n  \"commit\": \"{commit}\",\n{rest}")).context("noting the commit")
}

fn list() -> String {
    let each = PROOFS.iter().map(|proof| format!("  {:<8} {}\n", proof.name, proof.claim));
    each.chain(["  all      every one of them\n".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_proof_that_failed_name_their_commit() {
        let out = std::env::temp_dir().join(format!("figures-{}.json", std::process::id()));
        assert!(finish(Ok(()), &out, None, "abc").is_err(), "nothing was left");
        std::fs::write(&out, "{\n  \"broken\": [\"it\"]\n}\n").unwrap();
        let ended = finish(Err(anyhow!("it does not hold")), &out, None, "abc");
        assert_eq!(ended.unwrap_err().to_string(), "it does not hold");
        let left = std::fs::read_to_string(&out).unwrap();
        std::fs::remove_file(&out).unwrap();
        assert_eq!(left, "{\n  \"commit\": \"abc\",\n  \"broken\": [\"it\"]\n}\n");
    }
}
