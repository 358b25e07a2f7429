//! The playhead: an integer frame, the speed it moves at, and the range it moves in. No clock and no pictures here;
//! time is turned into frames by [`Run::at`], which never reads a position back.

use domain::{Rate, Timecode};
use leptos::prelude::*;

/// What the playhead has to know about a plate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clip {
    /// 0 while the plate is still being read.
    pub frames: u32,
    /// Displayed size in pixels.
    pub width: u32,
    pub height: u32,
    pub rate: Rate,
    /// Number shown for frame 0.
    pub first_frame: u32,
    /// Timecode of frame 0.
    pub start: Timecode,
}

/// What was typed into the frame field is not a frame of this shot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    #[error("“{0}” is neither a frame number nor a timecode like 01:00:01:11")]
    Unreadable(String),
    #[error("{wanted} is not in this shot: it runs from {first} to {last}")]
    Outside { wanted: String, first: String, last: String },
}

impl Clip {
    pub fn last(self) -> u32 {
        self.frames.saturating_sub(1)
    }

    /// The number people see for `frame`.
    pub fn number(self, frame: u32) -> u32 {
        self.first_frame + frame
    }

    pub fn timecode(self, frame: u32) -> String {
        self.start.label(u64::from(frame), self.rate)
    }

    /// Reads a shown frame number, a timecode, or `+10` / `-10` from `now`.
    pub fn parse(self, text: &str, now: u32) -> Result<u32, BadEntry> {
        let text = text.trim();
        let unreadable = || BadEntry::Unreadable(text.to_owned());
        let inside = |frame: i64, first: String, last: String| {
            u32::try_from(frame).ok().filter(|&f| f < self.frames).ok_or(BadEntry::Outside {
                wanted: text.to_owned(),
                first,
                last,
            })
        };
        if text.contains([':', ';']) {
            let label = Timecode::parse_as(text, self.rate, self.start.drop).map_err(|_| unreadable())?;
            let offset = label.frames as i64 - self.start.frames as i64;
            return inside(offset, self.timecode(0), self.timecode(self.last()));
        }
        let bare = text.strip_prefix(['f', 'F']).unwrap_or(text);
        let number: i64 = bare.parse().map_err(|_| unreadable())?;
        let frame = if text.starts_with(['+', '-']) {
            i64::from(now) + number
        } else {
            number - i64::from(self.first_frame)
        };
        inside(frame, self.number(0).to_string(), self.number(self.last()).to_string())
    }
}

/// One stretch of playing, from the moment the speed was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Frame at the start of the stretch.
    pub start: u32,
    /// Pictures per picture: 1, 2, 4, 8 forwards, negative backwards.
    pub speed: i32,
    /// First and last frame that are played.
    pub low: u32,
    pub high: u32,
    pub looping: bool,
}

impl Run {
    /// The frame `elapsed_ms` after the start, and whether playing goes on.
    pub fn at(self, elapsed_ms: f64, rate: Rate) -> (u32, bool) {
        let Self { start, speed, low, high, looping } = self;
        let pictures = elapsed_ms.max(0.0) * f64::from(rate.num()) / (1000.0 * f64::from(rate.den()));
        let moved = (pictures * f64::from(speed.unsigned_abs())).floor() as i64 * i64::from(speed.signum());
        let wanted = i64::from(start) + moved;
        let (low, high) = (i64::from(low), i64::from(high.max(low)));
        if looping {
            let length = high - low + 1;
            return ((low + (wanted - low).rem_euclid(length)) as u32, true);
        }
        (wanted.clamp(low, high) as u32, (low..=high).contains(&wanted))
    }
}

/// The playhead as signals. The frame is the truth; everything that shows a picture follows it.
#[derive(Debug, Clone, Copy)]
pub struct Playhead {
    pub clip: Memo<Clip>,
    pub frame: RwSignal<u32>,
    /// 0 is paused; see [`Run::speed`].
    pub speed: RwSignal<i32>,
    pub mark_in: RwSignal<Option<u32>>,
    pub mark_out: RwSignal<Option<u32>>,
    pub looping: RwSignal<bool>,
    /// Raised by every jump, so that the clock starts counting anew.
    jumps: RwSignal<u32>,
}

impl Playhead {
    pub fn new(clip: Memo<Clip>) -> Self {
        Self {
            clip,
            frame: RwSignal::new(0),
            speed: RwSignal::new(0),
            mark_in: RwSignal::new(None),
            mark_out: RwSignal::new(None),
            looping: RwSignal::new(true),
            jumps: RwSignal::new(0),
        }
    }

    /// Goes to `frame`, or to the nearest there is.
    pub fn seek(self, frame: u32) {
        let frame = frame.min(self.clip.with_untracked(|c| c.last()));
        if self.frame.get_untracked() != frame {
            self.frame.set(frame);
        }
        if self.speed.get_untracked() != 0 {
            self.jumps.update(|n| *n = n.wrapping_add(1));
        }
    }

    /// Stops and moves by `by` frames, held at the ends.
    pub fn step(self, by: i64) {
        self.pause();
        let frame = i64::from(self.frame.get_untracked()) + by;
        self.seek(frame.max(0).min(i64::from(u32::MAX)) as u32);
    }

    pub fn pause(self) {
        if self.speed.get_untracked() != 0 {
            self.speed.set(0);
        }
    }

    pub fn toggle(self) {
        if self.speed.get_untracked() == 0 { self.play(1) } else { self.pause() }
    }

    /// J and L: starts at single speed, doubles up to eight, turns round when going the other way.
    pub fn shuttle(self, direction: i32) {
        let speed = self.speed.get_untracked();
        let faster = if speed.signum() == direction { (speed * 2).clamp(-8, 8) } else { direction };
        self.play(faster);
    }

    /// Plays at `speed`; from the other end when the playhead stands at the one it runs into.
    pub fn play(self, speed: i32) {
        if self.clip.with_untracked(|c| c.frames) < 2 {
            return;
        }
        let (low, high) = self.range_untracked();
        let frame = self.frame.get_untracked();
        let outside = frame < low || frame > high;
        if speed > 0 && (outside || frame == high) {
            self.frame.set(low);
        } else if speed < 0 && (outside || frame == low) {
            self.frame.set(high);
        }
        self.speed.set(speed);
    }

    /// What is played: in to out while looping, else the whole shot.
    pub fn range(self) -> (u32, u32) {
        let (marks, last) = (self.marks(), self.clip.with(|c| c.last()));
        if self.looping.get() { marks } else { (0, last) }
    }

    fn range_untracked(self) -> (u32, u32) {
        untrack(|| self.range())
    }

    /// In and out, or the ends of the shot where there is no mark.
    pub fn marks(self) -> (u32, u32) {
        let last = self.clip.with(|c| c.last());
        let low = self.mark_in.get().unwrap_or(0).min(last);
        (low, self.mark_out.get().unwrap_or(last).clamp(low, last))
    }

    /// Sets the in mark here; an out mark before it goes.
    pub fn set_in(self) {
        let frame = self.frame.get_untracked();
        self.mark_in.set(Some(frame));
        if self.mark_out.get_untracked().is_some_and(|out| out < frame) {
            self.mark_out.set(None);
        }
    }

    pub fn set_out(self) {
        let frame = self.frame.get_untracked();
        self.mark_out.set(Some(frame));
        if self.mark_in.get_untracked().is_some_and(|low| low > frame) {
            self.mark_in.set(None);
        }
    }

    pub fn clear_marks(self) {
        self.mark_in.set(None);
        self.mark_out.set(None);
    }

    /// The stretch that starts now; tracked, so an effect that reads it runs again when it changes.
    pub fn current_run(self) -> Option<Run> {
        self.jumps.track();
        let speed = self.speed.get();
        let (low, high) = self.range();
        let looping = self.looping.get();
        let start = self.frame.get_untracked();
        (speed != 0).then_some(Run { start, speed, low, high, looping })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(num: u32, den: u32, frames: u32) -> Clip {
        let rate = Rate::new(num, den).expect("a rate");
        let start = Timecode { frames: 0, drop: rate.can_drop() };
        Clip { frames, width: 64, height: 36, rate, first_frame: 1001, start }
    }

    #[test]
    fn the_clock_never_skips_or_repeats_a_picture_when_asked_in_its_middle() {
        let rates =
            [(12, 1), (24_000, 1001), (24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60_000, 1001)];
        for (num, den) in rates {
            let rate = Rate::new(num, den).expect("a rate");
            let run = Run { start: 0, speed: 1, low: 0, high: 99_999, looping: false };
            for frame in (0..20_000u32).step_by(7) {
                let middle = (f64::from(frame) + 0.5) * 1000.0 * f64::from(den) / f64::from(num);
                assert_eq!(run.at(middle, rate), (frame, true), "{rate}");
            }
        }
    }

    #[test]
    fn playing_loops_in_its_range_and_stops_at_the_end() {
        let rate = Rate::new(10, 1).expect("a rate");
        let run = Run { start: 5, speed: 1, low: 3, high: 6, looping: true };
        let frames: Vec<u32> = (0..6).map(|n| run.at(f64::from(n) * 100.0 + 50.0, rate).0).collect();
        assert_eq!(frames, [5, 6, 3, 4, 5, 6]);
        let back = Run { start: 4, speed: -2, ..run };
        assert_eq!(back.at(50.0, rate).0, 3);
        assert_eq!(back.at(110.0, rate).0, 6);
        let once = Run { looping: false, ..run };
        assert_eq!(once.at(150.0, rate), (6, true));
        assert_eq!(once.at(250.0, rate), (6, false));
    }

    #[test]
    fn a_frame_is_found_by_number_timecode_and_offset() {
        let clip = clip(12, 1, 60);
        assert_eq!(clip.parse("1024", 0), Ok(23));
        assert_eq!(clip.parse(" f1001 ", 9), Ok(0));
        assert_eq!(clip.parse("00:00:01:11", 0), Ok(23));
        assert_eq!(clip.parse("+10", 5), Ok(15));
        assert_eq!(clip.parse("-5", 5), Ok(0));
        assert!(matches!(clip.parse("1061", 0), Err(BadEntry::Outside { .. })));
        assert!(matches!(clip.parse("24", 0), Err(BadEntry::Outside { .. })));
        assert!(matches!(clip.parse("00:00:09:00", 0), Err(BadEntry::Outside { .. })));
        assert!(matches!(clip.parse("soon", 0), Err(BadEntry::Unreadable(_))));
    }

    #[test]
    fn drop_frame_labels_are_read_at_29_97() {
        let clip = clip(30_000, 1001, 4000);
        assert_eq!(clip.timecode(1800), "00:01:00;02");
        assert_eq!(clip.parse("00:01:00;02", 0), Ok(1800));
    }
}
