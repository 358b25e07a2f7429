//! `raft/`: optical flow between two pictures, inside and out.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tch::{Device, Kind};

use super::{Case, Golden, Noise, Report};
use crate::raft::{Raft, UPDATES};
use crate::{Error, Watch, noise_warp};

const TOLERANCE: f64 = 5e-4; // fixtures/README.md

#[derive(Deserialize)]
struct Cases {
    cases: BTreeMap<String, Told>,
}

#[derive(Deserialize)]
struct Told {
    file: String,
    num_flow_updates: Option<usize>,
    mkldnn_off_vs_on: Option<Noise>,
}

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let folder = fixtures.join("raft");
    let Some(Cases { cases }) = super::cases(&folder.join("cases.json"))? else { return Ok(()) };
    let raft = Raft::open(&folder.join("raft_large_f16.safetensors"), Device::Cpu)?;
    for (name, told) in cases {
        report.case(&name, |case| {
            let golden = Golden::open(&folder.join(&told.file))?;
            let tolerance = Noise::tolerance(told.mkldnn_off_vs_on.as_ref(), TOLERANCE);
            if golden.has("flow") {
                wrapped(&raft, &golden, tolerance, case)
            } else {
                forward(&raft, &golden, told.num_flow_updates.unwrap_or(UPDATES), tolerance, case)
            }
        });
    }
    Ok(())
}

fn forward(
    raft: &Raft,
    golden: &Golden,
    updates: usize,
    tolerance: f64,
    case: &mut Case,
) -> Result<(), Error> {
    let frames = golden.tensor("frames_u8")?;
    let first = noise_warp::network_picture(&frames.get(0))?;
    let second = noise_warp::network_picture(&frames.get(1))?;
    let row = golden.tensor("image1_m11_first_row")?;
    case.compare("image1_m11_first_row", &first.select(2, 0), &row, 1e-6);
    let mut watch = Watch::all();
    let flow = raft.forward_watched(&first, &second, updates, &mut watch);
    case.compare("flow_final", &flow, &golden.tensor("flow_final")?, tolerance);
    let seen = watch.seen();
    for name in golden.names().filter(|name| seen.contains_key(*name)) {
        case.compare(name, &seen[name], &golden.tensor(name)?, tolerance);
    }
    Ok(())
}

/// Pictures of a size that the network does not take.
fn wrapped(raft: &Raft, golden: &Golden, tolerance: f64, case: &mut Case) -> Result<(), Error> {
    let frames = golden.tensor("frames_u8")?;
    let picture = noise_warp::network_picture(&frames.get(0))?;
    let want = golden.tensor("preprocessed_image1")?;
    case.compare("preprocessed_image1", &picture.to_kind(Kind::Float), &want, 1e-6);
    let flow = noise_warp::flow(raft, &frames.get(0), &frames.get(1))?;
    case.compare("flow", &flow, &golden.tensor("flow")?, tolerance);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn flow_is_that_of_the_reference() {
        crate::parity::check("raft");
    }
}
