//! Other processes that a proof starts: this binary's own headless stages and FFmpeg's command line, timed.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};

/// How a process ended and what it took.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    pub seconds: f64,
    /// Processor time of all its threads, in seconds.
    pub processor_seconds: f64,
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
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    Ok(Ended {
        code: output.status.code(),
        seconds: started.elapsed().as_secs_f64(),
        processor_seconds: processor_seconds_of_children() - before,
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
}
