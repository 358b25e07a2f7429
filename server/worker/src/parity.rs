//! `parity`: our networks beside golden tensors of their references. Exit 0 when all are within their tolerance, 1 when
//! one is not, 2 when nothing could be compared. What is compared, and how, is in `nets::parity`.

use std::path::PathBuf;
use std::process::ExitCode;

/// Compares the networks with golden tensors of their references.
///
/// DIR is laid out as the shared fixtures are: a folder for each component, its cases in `cases.json`, its tensors in
/// `.safetensors` files; sizes, depths, seeds and lengths are read from there. For every tensor the largest absolute
/// difference is printed, the same relative to the largest number in it, and the tolerance beside them. Exit 1 when one
/// is above it, 2 when nothing was found to compare.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    dir: PathBuf,
    /// Print the worst tensor of each case only.
    #[arg(long)]
    brief: bool,
    /// Only these components.
    #[arg(long, value_name = "NAME")]
    component: Vec<String>,
}

#[cfg(not(feature = "void"))]
pub fn run(args: &Args) -> ExitCode {
    let Args { dir, brief: _, component: _ } = args;
    tracing::error!(
        "{} cannot be compared: this worker was built without libtorch; build it with `cargo build -p worker --features void` \
         and LIBTORCH set to libtorch 2.11.0.",
        dir.display()
    );
    ExitCode::from(2)
}

#[cfg(feature = "void")]
pub fn run(args: &Args) -> ExitCode {
    use std::io::Write;

    use nets::parity::{COMPONENTS, Report};

    let Args { dir, brief, component: only } = args;
    if !dir.is_dir() {
        tracing::error!("{} is not a folder.", dir.display());
        return ExitCode::from(2);
    }
    if let Some(unknown) = only.iter().find(|name| COMPONENTS.iter().all(|known| known.name != **name)) {
        let names: Vec<_> = COMPONENTS.iter().map(|known| known.name).collect();
        tracing::error!("There is no component “{unknown}”; there are {}.", names.join(", "));
        return ExitCode::from(2);
    }
    nets::use_one_thread();
    let mut out = std::io::stdout().lock();
    let (mut cases, mut failed) = (0, 0);
    for component in
        COMPONENTS.iter().filter(|known| only.is_empty() || only.iter().any(|name| name == known.name))
    {
        let mut report = Report::new(component.name);
        if let Err(error) = (component.run)(dir, &mut report) {
            report.case("its files", |_| Err(error));
        }
        cases += report.cases.len();
        failed += report.cases.iter().filter(|case| !case.passed()).count();
        // A closed pipe ends the printing, not the comparison.
        let _ = write!(out, "{}", report.text(!brief));
        let _ = out.flush();
    }
    if cases == 0 {
        tracing::error!(
            "Nothing in {} can be compared: it has no folder of a known component.",
            dir.display()
        );
        return ExitCode::from(2);
    }
    let _ = writeln!(out, "{} of {cases} cases are within their tolerance.", cases - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
