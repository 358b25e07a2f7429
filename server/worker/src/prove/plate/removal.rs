//! One removal and its `verify`, each as a process of its own, and what they say.

use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::Cause;
use serde_json::{Value, json};

use super::footage::Footage;
use crate::prove::child::{self, Ended};

/// A finished removal.
pub struct Removed {
    pub result: PathBuf,
    pub matte: PathBuf,
    pub edge: u32,
    /// Its `report.json`.
    pub report: Value,
    pub process: Ended,
    /// What `verify` said.
    pub verdict: Ended,
}

/// Runs `stage remove` and `verify` on `footage`; results go to a folder within `scratch` that the next run re-uses.
pub fn remove(footage: &Footage, causes: &[Cause], scratch: &Path) -> anyhow::Result<Removed> {
    let out = scratch.join("out");
    let listed = scratch.join("causes.json");
    std::fs::write(&listed, serde_json::to_string(causes).context("causes as JSON")?)?;
    let mut stage = child::ourselves()?;
    stage.args(["stage", "remove", "--engine", "plate", "--plate"]).arg(&footage.plate);
    stage.arg("--quadmask").arg(&footage.quadmask).arg("--causes").arg(&listed).arg("--out").arg(&out);
    let process = child::run_well(&mut stage)?;
    let text = std::fs::read_to_string(out.join("report.json")).context("reading report.json")?;
    let report: Value = serde_json::from_str(&text).context("report.json is not JSON")?;
    let (result, matte) = (out.join("result.mkv"), out.join("matte.mkv"));
    let edge = report["edge_px"].as_u64().and_then(|edge| u32::try_from(edge).ok());
    let edge = edge.context("report.json has no edge_px")?;
    let verdict = verify(footage, edge, &result, &matte)?;
    Ok(Removed { result, matte, edge, report, process, verdict })
}

/// Runs `verify`.
pub fn verify(footage: &Footage, edge: u32, result: &Path, matte: &Path) -> anyhow::Result<Ended> {
    let mut verify = child::ourselves()?;
    verify.args(["verify", "--edge", &edge.to_string(), "--plate"]).arg(&footage.plate);
    verify.arg("--quadmask").arg(&footage.quadmask).arg("--result").arg(result).arg("--matte").arg(matte);
    child::run(&mut verify)
}

impl Removed {
    /// Where the claim does not hold.
    pub fn broken(&self, what: &str) -> Vec<String> {
        let mut broken = Vec::new();
        let delta = &self.report["max_delta_outside"];
        if *delta != 0 {
            broken.push(format!("{what}: max_delta_outside is {delta}"));
        }
        if self.verdict.code != Some(0) {
            let (code, words) = (self.verdict.code, self.verdict.last_words());
            broken.push(format!("{what}: verify ends with {code:?}: {words}"));
        }
        broken
    }

    /// What is recorded of every removal.
    pub fn figures(&self, footage: &Footage) -> Value {
        let report = &self.report;
        let share = |name: &str| report[name].as_f64().map(|share| (share * 1e5).round() / 1e5);
        json!({
            "format": footage.format, "result_format": report["pixel_format"],
            "width": footage.size.0, "height": footage.size.1, "frames": footage.frames,
            "max_delta_outside": report["max_delta_outside"], "verify_exit": self.verdict.code,
            "matte_share": share("matte_share"),
            "seen_elsewhere": share("seen_elsewhere"), "guessed": share("guessed"),
        })
    }
}
