//! Other processes that a proof starts: this binary's own headless stages and FFmpeg's command line, timed.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::memory;

/// How often a process is asked for its peak memory. The peak only grows: what is missed is growth in its last moment.
const LOOK: Duration = Duration::from_millis(5);

/// How a process ended and what it took.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    pub seconds: f64,
    /// Processor time of all its threads, in seconds.
    pub processor_seconds: f64,
    /// Most resident memory, in bytes, as last read before it ended; `None` when it ended before it was read.
    pub peak_bytes: Option<u64>,
    /// What it wrote to standard error.
    pub said: String,
}

impl Ended {
    /// The last lines of what it said.
    pub fn last_words(&self) -> String {
        let lines: Vec<&str> = self.said.lines().collect();
        lines[lines.len().saturating_sub(4)..].join(" / ")
    }
}

/// This binary again: what is proven runs as a user would run it.
pub fn ourselves() -> anyhow::Result<Command> {
    Ok(Command::new(std::env::current_exe().context("finding this program's own file")?))
}

/// Runs `command` to its end, whatever that is.
pub fn run(command: &mut Command) -> anyhow::Result<Ended> {
    let before = processor_seconds_of_children();
    let started = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    let (pid, has_ended) = (child.id(), AtomicBool::new(false));
    let (output, seconds, peak_bytes) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| last_peak(pid, &has_ended));
        let output = child.wait_with_output();
        let seconds = started.elapsed().as_secs_f64();
        has_ended.store(true, Ordering::Relaxed);
        (output, seconds, watching.join().expect("reading a file does not panic"))
    });
    let output = output.with_context(|| format!("waiting for {}", command.get_program().display()))?;
    Ok(Ended {
        code: output.status.code(),
        seconds,
        processor_seconds: processor_seconds_of_children() - before,
        peak_bytes,
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs `command` and fails unless it ends well.
pub fn run_well(command: &mut Command) -> anyhow::Result<Ended> {
    let ended = run(command)?;
    if ended.code != Some(0) {
        bail!("{} failed: {}", command.get_program().display(), ended.last_words());
    }
    Ok(ended)
}

/// The peak as it was read last before the process ended. It is not the largest of all: in its first moment a process is
/// still a copy of this one.
fn last_peak(pid: u32, has_ended: &AtomicBool) -> Option<u64> {
    let mut peak = None;
    while !has_ended.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK);
        peak = memory::peak_rss_bytes_of(pid).or(peak);
    }
    peak
}

/// Processor time of all children that have ended, in seconds: the 16th and 17th word of `/proc/self/stat`, in
/// hundredths.
fn processor_seconds_of_children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second word is the program's name in brackets and may hold spaces.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let words = rest.split_whitespace().skip(13).take(2);
    words.filter_map(|word| word.parse::<f64>().ok()).sum::<f64>() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_seen_to_fail_and_to_work() {
        let ended = run(Command::new("sh").args([
            "-c",
            "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; \
                                                       echo alas >&2; exit 3",
        ]))
        .unwrap();
        assert_eq!((ended.code, ended.last_words().as_str()), (Some(3), "alas"));
        assert!(ended.processor_seconds > 0.0);
        assert!(run_well(&mut Command::new("false")).is_err());
    }

    #[test]
    fn the_peak_of_a_process_is_its_own_and_not_of_who_started_it() {
        const TEXT: u64 = 20_000_000;
        let much = vec![1_u8; 400 << 20];
        // The last word keeps the shell from becoming `sleep`.
        let words = format!("text=$(head -c {TEXT} /dev/zero | tr '\\0' x); sleep 0.3; :");
        let ended = run_well(Command::new("sh").args(["-c", &words])).unwrap();
        let peak = ended.peak_bytes.unwrap();
        assert!((TEXT..much.len() as u64 / 2).contains(&peak), "{peak} bytes");
    }
}
