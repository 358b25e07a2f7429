//! Our networks beside golden tensors of their references: which components there are, and how a run is told. How two
//! tensors are compared is in [`golden`]; each component has a file of its own.

mod golden;
mod mask_stages;
mod noise_warp;
mod pass2;
mod pipeline;
mod prepare;
mod raft;
mod sam2;
mod sam3;
mod schedule;
mod t5;
mod transformer;
mod vae;
mod vlm_parse;

use std::fmt::Write as _;
use std::path::Path;

pub use golden::{Difference, Golden, difference};

use crate::Error;

/// A part of the product that fixtures exist for.
pub struct Component {
    pub name: &'static str,
    /// Runs every case found in a folder laid out like the shared fixtures, whatever its sizes, depths and seeds. Does
    /// nothing where the folder has nothing for it.
    pub run: fn(&Path, &mut Report) -> Result<(), Error>,
}

/// In the order in which they build on each other.
pub const COMPONENTS: &[Component] = &[
    component("scheduler", schedule::run),
    component("vae", vae::run),
    component("transformer", transformer::run),
    component("real_configs", transformer::run_real_configs),
    component("t5", t5::run),
    component("data_prep", prepare::run),
    component("pipeline", pipeline::run),
    component("raft", raft::run),
    component("noise_warp", noise_warp::run),
    component("pass2", pass2::run),
    component("sam2", sam2::run),
    component("sam3", sam3::run),
    component("mask_stages", mask_stages::run),
    component("vlm_parse", vlm_parse::run),
];

const fn component(name: &'static str, run: fn(&Path, &mut Report) -> Result<(), Error>) -> Component {
    Component { name, run }
}

/// How far the reference is from itself: in f32 and f64, or with one library switched off.
#[derive(serde::Deserialize)]
struct Noise {
    max_abs: f64,
}

impl Noise {
    /// Twenty times the noise, and no less than what the fixtures suggest for values of their size.
    fn tolerance(recorded: Option<&Self>, suggested: f64) -> f64 {
        recorded.map_or(suggested, |noise| (20.0 * noise.max_abs).max(suggested))
    }
}

/// What a run of one component found.
pub struct Report {
    component: &'static str,
    pub cases: Vec<Case>,
}

/// One case: what differs how much, or why it could not be run.
pub struct Case {
    pub name: String,
    pub differences: Vec<Difference>,
    pub error: Option<Error>,
}

impl Case {
    /// Compares a tensor; `tolerance` is the largest absolute difference allowed.
    pub fn compare(&mut self, name: &str, got: &tch::Tensor, want: &tch::Tensor, tolerance: f64) {
        self.differences.push(difference(name, got, want, tolerance));
    }

    /// Compares what must be the same to the last bit.
    pub fn same(&mut self, name: &str, same: bool) {
        self.differences.push(Difference::exact(name, same));
    }

    pub fn passed(&self) -> bool {
        self.error.is_none()
            && !self.differences.is_empty()
            && self.differences.iter().all(Difference::passed)
    }
}

impl Report {
    pub fn new(component: &'static str) -> Self {
        Self { component, cases: Vec::new() }
    }

    /// Runs one case and keeps what it found; a case that cannot run, or that panics in libtorch, has failed.
    pub fn case(&mut self, name: &str, run: impl FnOnce(&mut Case) -> Result<(), Error>) {
        let mut case = Case { name: name.to_owned(), differences: Vec::new(), error: None };
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&mut case)));
        case.error = match ran {
            Ok(ran) => ran.err(),
            Err(_) => Some(Error::input("it stopped in the middle", "The reason is printed above.")),
        };
        self.cases.push(case);
    }

    pub fn passed(&self) -> bool {
        self.cases.iter().all(Case::passed)
    }

    /// The run as text: a line for every tensor, or for every case its worst tensor.
    pub fn text(&self, every_tensor: bool) -> String {
        let mut text = String::new();
        for case in &self.cases {
            let name = format!("{} · {}", self.component, case.name);
            if let Some(error) = &case.error {
                let _ = writeln!(text, "FAILED {name}: {error}");
            } else if case.differences.is_empty() {
                let _ = writeln!(text, "FAILED {name}: nothing was compared");
            }
            let mut shown: Vec<_> = case.differences.iter().collect();
            if !every_tensor {
                shown.sort_by(|a, b| b.strain().total_cmp(&a.strain()));
                let failed = shown.iter().filter(|difference| !difference.passed()).count();
                shown.truncate(failed.max(1));
            }
            for difference in shown {
                let verdict = if difference.passed() { "ok    " } else { "FAILED" };
                let _ = writeln!(text, "{verdict} {name} · {difference}");
            }
        }
        text
    }
}

/// The `cases.json` of a component, if the folder has one.
fn cases<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    if path.is_file() { crate::read_json(path).map(Some) } else { Ok(None) }
}

/// For tests: runs one component on the shared fixtures where they lie beside the checkout.
///
/// # Panics
/// When a case is outside its tolerance, or the fixtures are there and have none.
#[cfg(test)]
pub fn check(component: &str) {
    let component = COMPONENTS.iter().find(|known| known.name == component).expect("a name of the table");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if !fixtures.is_dir() {
        println!("skipped: no ../shared/fixtures beside the checkout");
        return;
    }
    crate::use_one_thread();
    let mut report = Report::new(component.name);
    (component.run)(&fixtures, &mut report).unwrap();
    assert!(!report.cases.is_empty(), "no fixtures of {}", component.name);
    println!("{}", report.text(false));
    assert!(report.passed());
}
