//! What is foretold of a run before anybody presses run: time and memory, told apart by whether they were measured here or
//! follow from sizes and speed; and which plan of memory it will have, with the reason.

use super::{Device, Machine, Prediction, Wanted};
use crate::recipe::{Memory, VoidRecipe};
use crate::version::MadeBy;

/// Where a number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// So many runs like this one, here.
    Measured(usize),
    /// Sizes and speed, times what so many other runs here were off by.
    Corrected(usize),
    /// Sizes and speed alone.
    Predicted,
}

/// How a run's memory is held.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// What it begins with.
    pub plan: Memory,
    /// Of the device, at most.
    pub bytes: u64,
    pub source: Source,
    pub device: Device,
    /// Bytes that were free there before its worker loaded anything.
    pub room: u64,
    pub fits: bool,
    /// Why it is not all networks at once, or why it does not fit and what would; whole sentences.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Foresight {
    pub seconds: Option<(f64, Source)>,
    /// `None`: no worker told of its device.
    pub memory: Option<Choice>,
    /// The most memory of the worker's own process in runs like this one, measured; not a GPU's.
    pub worker_bytes: Option<u64>,
}

/// Foretells a run. `earlier`: runs that made versions, of which those that `same` says yes to had the same weights on the same
/// host and device.
pub fn foresee(
    machine: Option<&Machine>,
    wanted: &Wanted,
    same: impl Fn(&MadeBy) -> bool,
    earlier: &[MadeBy],
) -> Foresight {
    let plan = wanted.recipe.running().plan(wanted.frames, (wanted.width, wanted.height), wanted.pass == 2);
    let runs: Vec<&MadeBy> = earlier.iter().filter(|made| same(made) && made.resumed_steps == 0).collect();
    let mut memory = machine.and_then(|machine| machine.choice(wanted));
    let held = memory.as_ref().map(|choice| choice.plan);
    let alike = |made: &&&MadeBy| plan.is_of(made) && (held.is_none() || made.memory == held);
    let peaks: Vec<u64> = runs.iter().filter(alike).filter_map(|made| made.peak_rss_bytes).collect();
    let worker_bytes = peaks.iter().copied().max();
    if let Some(choice) = &mut memory
        && choice.device == Device::Cpu
    {
        let off = |made: &&MadeBy| {
            let predicted = made.predicted?.bytes;
            (predicted > 0).then_some(made.peak_rss_bytes? as f64 / predicted as f64)
        };
        // There the process's memory is the device's.
        if let Some(most) = worker_bytes {
            (choice.bytes, choice.source) = (most, Source::Measured(peaks.len()));
        } else if let Some((factor, count)) = middle(runs.iter().filter_map(off)) {
            choice.bytes = (choice.bytes as f64 * factor) as u64;
            choice.source = Source::Corrected(count);
        }
    }
    let predicted = || {
        let machine = machine?;
        let held = held.unwrap_or(Memory::Staged);
        let seconds = machine.predicted(wanted, held).seconds?;
        let off = |made: &&MadeBy| {
            let predicted = made.predicted?.seconds?;
            (predicted > 0.0).then_some(made.seconds / predicted)
        };
        Some(match middle(runs.iter().filter_map(off)) {
            Some((factor, count)) => (seconds * factor, Source::Corrected(count)),
            None => (seconds, Source::Predicted),
        })
    };
    let measured = plan.forecast(&same, earlier);
    let seconds = measured.map(|told| (told.seconds, Source::Measured(told.runs))).or_else(predicted);
    Foresight { seconds, memory, worker_bytes }
}

/// The middle one of some factors, and how many they are.
fn middle(factors: impl Iterator<Item = f64>) -> Option<(f64, usize)> {
    let mut all: Vec<f64> = factors.filter(|factor| factor.is_finite() && *factor > 0.0).collect();
    all.sort_by(f64::total_cmp);
    Some((*all.get(all.len() / 2)?, all.len()))
}

impl Machine {
    /// Which plan a run begins with here and whether that fits; `None`: the device does not say what memory it has.
    fn choice(&self, wanted: &Wanted) -> Option<Choice> {
        let Self { device, room, .. } = *self;
        if room == 0 {
            return None;
        }
        let all = self.prediction(wanted);
        let asked = wanted.recipe.memory;
        let plan = if asked == Memory::Auto { all.plan_for(room) } else { asked };
        let bytes = all.bytes_of(plan);
        let (takes, free) = (gigabytes(bytes), gigabytes(room));
        let fits = bytes <= room;
        let reason = match (fits, plan) {
            (false, Memory::Streamed) => Some(format!(
                "Not even “streamed” fits: it takes about {takes}, and {free} are free. {}",
                self.what_fits(wanted, &all)
            )),
            (false, _) => Some(format!(
                "“{}” does not fit: it takes about {takes}, and {free} are free. When memory runs out, the run goes on with a \
                 smaller plan. {}",
                plan.word(),
                self.what_fits(wanted, &all)
            )),
            (true, Memory::Staged | Memory::Streamed) if asked == Memory::Auto => {
                let larger = if plan == Memory::Staged { Memory::Full } else { Memory::Staged };
                let larger = (larger.word(), gigabytes(all.bytes_of(larger)));
                Some(format!("“{}” would take about {}, and {free} are free.", larger.0, larger.1))
            }
            (true, _) => None,
        };
        Some(Choice { plan, bytes, source: Source::Predicted, device, room, fits, reason })
    }

    /// Which plans have room, or with which canvas the smallest has.
    fn what_fits(&self, wanted: &Wanted, all: &Prediction) -> String {
        let fitting = all.bytes.iter().filter(|(_, bytes)| *bytes <= self.room).map(|(plan, bytes)| {
            let note = if *plan == Memory::Fp8 { ", another picture" } else { "" };
            format!("“{}” ({}{note})", plan.word(), gigabytes(*bytes))
        });
        let fitting: Vec<String> = fitting.collect();
        if !fitting.is_empty() {
            return format!("What fits: {}.", fitting.join(", "));
        }
        match self.smaller_canvas(wanted) {
            Some([width, height]) => format!("A canvas of {width}×{height} would fit."),
            None => "No canvas fits: end what else uses the memory, or let another machine work.".to_owned(),
        }
    }

    /// The largest canvas of the same shape, below the recipe's, that the smallest plan has room for.
    fn smaller_canvas(&self, wanted: &Wanted) -> Option<[u32; 2]> {
        /// Sides are multiples of it, and of four at least.
        const UNIT: u32 = 16;
        let VoidRecipe { canvas_width, canvas_height, .. } = *wanted.recipe;
        (4..canvas_width / UNIT).rev().find_map(|units| {
            let width = units * UNIT;
            let height = u64::from(width) * u64::from(canvas_height) / u64::from(canvas_width.max(1));
            let height = (height as u32 / UNIT * UNIT).max(4 * UNIT);
            let recipe = VoidRecipe { canvas_width: width, canvas_height: height, ..wanted.recipe.clone() };
            let told = self.prediction(&Wanted { recipe: &recipe, ..*wanted });
            (told.bytes_of(Memory::Streamed) <= self.room).then_some([width, height])
        })
    }
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hash;
    use crate::predict::{Model, Predicted};

    fn machine(device: Device, room: u64) -> Machine {
        Machine { model: Model::void(), device, room, operations: 100_000_000_000_000 }
    }

    fn wanted(recipe: &VoidRecipe) -> Wanted<'_> {
        Wanted { recipe, pass: 1, frames: 85, width: 1920, height: 1080 }
    }

    fn choice(room: u64, memory: Memory) -> Choice {
        let recipe = VoidRecipe { memory, ..VoidRecipe::default() };
        let told = foresee(Some(&machine(Device::Cuda, room)), &wanted(&recipe), |_| true, &[]);
        told.memory.expect("it says what it has")
    }

    #[test]
    fn the_plan_is_told_with_its_reason() {
        let large = choice(80_000_000_000, Memory::Auto);
        assert_eq!((large.plan, large.fits, large.reason), (Memory::Full, true, None));
        let usual = choice(24_000_000_000, Memory::Auto);
        assert_eq!((usual.plan, usual.fits), (Memory::Staged, true));
        let why = usual.reason.expect("not all at once");
        assert!(why.starts_with("“full” would take about ") && why.contains("24.0 GB are free"), "{why}");
        let forced = choice(24_000_000_000, Memory::Full);
        let why = forced.reason.expect("it does not fit");
        assert!(!forced.fits && why.contains("“full” does not fit"), "{why}");
        assert!(why.contains("What fits: “staged” (") && why.contains("another picture"), "{why}");
        let small = choice(6_000_000_000, Memory::Auto);
        let why = small.reason.expect("nothing fits");
        assert!(!small.fits && small.plan == Memory::Streamed && why.contains("A canvas of "), "{why}");
        let tiny = choice(1, Memory::Auto).reason.expect("nothing fits");
        assert!(tiny.contains("No canvas fits"), "{tiny}");
        let silent = foresee(Some(&machine(Device::Cuda, 0)), &wanted(&VoidRecipe::default()), |_| true, &[]);
        assert!(silent.memory.is_none() && silent.seconds.is_some());
    }

    #[test]
    fn the_canvas_that_is_named_does_fit() {
        let machine = machine(Device::Cuda, 6_000_000_000);
        let plain = VoidRecipe::default();
        let [canvas_width, canvas_height] = machine.smaller_canvas(&wanted(&plain)).expect("one does");
        assert!(canvas_width < plain.canvas_width && canvas_height < plain.canvas_height);
        let recipe = VoidRecipe { canvas_width, canvas_height, ..plain };
        let recipe = recipe.checked().expect("a canvas that can be chosen");
        assert!(machine.choice(&wanted(&recipe)).expect("told").fits);
    }

    #[test]
    fn what_was_measured_stands_above_what_is_predicted_and_corrects_it() {
        let machine = machine(Device::Cpu, 80_000_000_000);
        let recipe = VoidRecipe::default();
        let wanted = wanted(&recipe);
        let plain = foresee(Some(&machine), &wanted, |_| true, &[]);
        let (seconds, source) = plain.seconds.expect("predicted");
        let bytes = plain.memory.as_ref().expect("predicted").bytes;
        assert_eq!((source, plain.worker_bytes), (Source::Predicted, None));
        let alike = MadeBy {
            canvas: [672, 384],
            length: 85,
            windows: vec![[0, 84]],
            forwards: 30,
            seconds: 60.0,
            peak_rss_bytes: Some(5_000_000_000),
            memory: Some(Memory::Full),
            predicted: Some(Predicted { plan: Memory::Full, bytes: 2_500_000_000, seconds: Some(30.0) }),
            ..made()
        };
        let told = foresee(Some(&machine), &wanted, |_| true, std::slice::from_ref(&alike));
        assert_eq!(told.seconds, Some((60.0, Source::Measured(1))));
        let memory = told.memory.expect("told");
        assert_eq!((memory.bytes, memory.source), (5_000_000_000, Source::Measured(1)));
        // On another canvas it took twice what was predicted, and so will this.
        let other = MadeBy { canvas: [336, 192], ..alike.clone() };
        let told = foresee(Some(&machine), &wanted, |_| true, std::slice::from_ref(&other));
        assert_eq!(told.seconds, Some((2.0 * seconds, Source::Corrected(1))));
        let memory = told.memory.expect("told");
        assert_eq!((memory.bytes, memory.source), (2 * bytes, Source::Corrected(1)));
        // Nothing of other weights or machines, nor of what was gone on with.
        let resumed = MadeBy { resumed_steps: 3, ..other.clone() };
        for (same, run) in [(false, other), (true, resumed)] {
            assert_eq!(foresee(Some(&machine), &wanted, |_| same, &[run]), plain);
        }
        // An older worker tells of no device: what was measured stands all the same.
        let told = foresee(None, &wanted, |_| true, &[alike]);
        assert_eq!(told.seconds, Some((60.0, Source::Measured(1))));
        assert_eq!((told.memory, told.worker_bytes), (None, Some(5_000_000_000)));
    }

    fn made() -> MadeBy {
        MadeBy {
            pass: 1,
            model: "void".into(),
            is_test_model: false,
            is_preview: false,
            fingerprint: Hash::of(b"weights"),
            host: "host".into(),
            device: "cpu".into(),
            precision: "float32".into(),
            canvas: [0, 0],
            length: 0,
            windows: Vec::new(),
            forwards: 0,
            resumed_steps: 0,
            seconds: 0.0,
            peak_rss_bytes: None,
            memory: None,
            predicted: None,
            morphing: None,
            notes: Vec::new(),
        }
    }
}
