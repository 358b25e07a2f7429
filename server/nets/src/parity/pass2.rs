//! `pass2/`: from warped noise to frames.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::pipeline::{Model, Told, whole};
use super::{Golden, Report};
use crate::Error;
use crate::noise_warp::first_latents;

const TOLERANCE: f64 = 1e-4; // fixtures/README.md

#[derive(Deserialize)]
struct Cases {
    prompt: String,
    cases: BTreeMap<String, Told>,
}

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let folder = fixtures.join("pass2");
    let Some(Cases { prompt, cases }) = super::cases(&folder.join("cases.json"))? else { return Ok(()) };
    // The driver of pass 2 gives an empty negative prompt.
    let model = Model::open(fixtures, prompt, String::new())?;
    for (name, told) in cases {
        report.case(&name, |case| {
            let golden = Golden::open(&folder.join(&told.file))?;
            let want = golden.tensor("init_latents")?;
            let (_, frames, _, height, width) = want.size5()?;
            let noise = first_latents(&golden.tensor("warped_noise_npy_f16")?, frames, [height, width])?;
            case.compare("init_latents", &noise, &want, TOLERANCE);
            whole(&model, &told, &golden, &noise, case)
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn pass_2_gives_the_frames_of_the_reference() {
        crate::parity::check("pass2");
    }
}
