//! Targets that were followed before from just the same are not followed again: what each came to is kept as a file, and only
//! those whose marks changed are looked for. Without locks a target's track depends on nothing but its own marks.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use plate::segment::{FrameMask, Frames, Prompts, SegmentParams, Stop, segment_targets};

use crate::{Error, Result};

/// Where tracks are kept, by the marks that they were made from; plate and parameters are the keeper's to tell apart.
pub trait Kept {
    /// The file of an earlier track.
    fn find(&mut self, marks: &[Prompts]) -> Result<Option<PathBuf>>;
    /// Where the next one may be written.
    fn room(&mut self) -> Result<PathBuf>;
    /// A track that is whole.
    fn keep(&mut self, marks: &[Prompts], track: &Path) -> Result<()>;
}

/// How many targets were followed anew, and how many were known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Followed {
    pub anew: u32,
    pub known: u32,
}

/// Masks the union of `targets` on every frame, like [`segment_targets`] without locks. Frames come once for each target that is
/// followed anew, and once where none is.
pub(super) fn follow(
    frames: &mut dyn Frames,
    targets: &[Prompts],
    params: &SegmentParams,
    kept: &mut dyn Kept,
    out: &mut dyn FnMut(FrameMask, u32, u32) -> std::result::Result<(), Stop>,
) -> Result<Followed> {
    let (count, (width, height)) = (frames.count(), frames.size());
    let pixels = width as usize * height as usize;
    let shows = |target: &&Prompts| {
        target.positive.values().any(|points| !points.is_empty())
            || target.boxes.values().any(|boxes| !boxes.is_empty())
    };
    // A single target also hears what was said against it in the others.
    let shown: Vec<&[Prompts]> = match targets.iter().filter(shows).count() {
        0 | 1 => vec![targets],
        _ => targets.iter().filter(shows).map(std::slice::from_ref).collect(),
    };
    let (mut known, mut anew) = (Vec::new(), Vec::new());
    for marks in shown {
        // What cannot be read is made again.
        match kept.find(marks)?.and_then(|path| Track::open(&path, count).ok()) {
            Some(track) => known.push(track),
            None => anew.push(marks),
        }
    }
    let followed = Followed { anew: anew.len() as u32, known: known.len() as u32 };
    let total = followed.anew.max(1) * count;
    let mut done = 0;
    for (at, marks) in anew.iter().enumerate() {
        let is_last = at + 1 == anew.len();
        let path = kept.room()?;
        let mut track = Track::create(&path, count).map_err(Error::io("keeping a track"))?;
        let mut failed = None;
        let mut each = |mut mask: FrameMask, _: u32, _: u32| {
            let joined = track
                .put(mask.frame, &mask.mask, mask.confidence)
                .and_then(|()| known.iter().try_for_each(|other: &Track| other.join(&mut mask)));
            if let Err(error) = joined {
                failed = Some(error);
                return Err(Stop);
            }
            done += 1;
            out(FrameMask { whole: is_last, ..mask }, done, total)
        };
        let outcome = segment_targets(frames, marks, &mut (), params, &mut each);
        if let Some(source) = failed {
            return Err(Error::io("keeping a track")(source));
        }
        outcome?;
        track.finish().map_err(Error::io("keeping a track"))?;
        kept.keep(marks, &path)?;
        known.push(Track::open(&path, count).map_err(Error::io("reading a track"))?);
    }
    if anew.is_empty() {
        for frame in 0..count {
            let mut mask = FrameMask { frame, mask: vec![0; pixels], confidence: 1.0, whole: true };
            for track in &known {
                track.join(&mut mask).map_err(Error::io("reading a track"))?;
            }
            out(mask, frame + 1, total).map_err(|Stop| Error::Cancelled)?;
        }
    }
    Ok(followed)
}

/// Masks of one target over a clip: per frame its number, its confidence and the lengths of its runs, outside first; a few
/// kilobytes at any size. Little-endian.
struct Track {
    file: File,
    writer: Option<BufWriter<File>>,
    /// Where the runs of each frame lie, how many bytes they are, and the confidence.
    places: Vec<Option<(u64, u32, f32)>>,
    end: u64,
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is no track of this clip")
}

impl Track {
    fn create(path: &Path, frames: u32) -> io::Result<Self> {
        let file = File::create(path)?;
        let writer = Some(BufWriter::new(file.try_clone()?));
        Ok(Self { file, writer, places: vec![None; frames as usize], end: 0 })
    }

    /// # Errors
    /// A file that is not a whole track of so many frames.
    fn open(path: &Path, frames: u32) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut reader = BufReader::new(&file);
        let mut track =
            Self { file: file.try_clone()?, writer: None, places: vec![None; frames as usize], end: 0 };
        let size = file.metadata()?.len();
        while track.end < size {
            let mut head = [0; 12];
            reader.read_exact(&mut head)?;
            let part = |at: usize| [head[at], head[at + 1], head[at + 2], head[at + 3]];
            let (frame, length) = (u32::from_le_bytes(part(0)), u32::from_le_bytes(part(8)));
            let place = track.places.get_mut(frame as usize).ok_or_else(broken)?;
            *place = Some((track.end + 12, length, f32::from_le_bytes(part(4))));
            track.end += 12 + u64::from(length);
            if track.end > size {
                return Err(broken());
            }
            reader.seek_relative(i64::from(length))?;
        }
        if track.places.iter().all(Option::is_some) { Ok(track) } else { Err(broken()) }
    }

    fn put(&mut self, frame: u32, mask: &[u8], confidence: f32) -> io::Result<()> {
        let writer = self.writer.as_mut().ok_or_else(broken)?;
        let runs = runs_of(mask);
        writer.write_all(&frame.to_le_bytes())?;
        writer.write_all(&confidence.to_le_bytes())?;
        writer.write_all(&(runs.len() as u32).to_le_bytes())?;
        writer.write_all(&runs)
    }

    fn finish(&mut self) -> io::Result<()> {
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        writer.flush()?;
        self.file.sync_all()
    }

    /// Adds this target to a frame's mask; the confidence is the lowest of those that are in it.
    fn join(&self, to: &mut FrameMask) -> io::Result<()> {
        let (start, length, confidence) =
            self.places.get(to.frame as usize).copied().flatten().ok_or_else(broken)?;
        let mut runs = vec![0; length as usize];
        self.file.read_exact_at(&mut runs, start)?;
        add_runs(&runs, &mut to.mask)?;
        to.confidence = to.confidence.min(confidence);
        Ok(())
    }
}

fn runs_of(mask: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |mut length: usize| {
        while length >= 0x80 {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
    };
    let (mut since, mut inside) = (0, false);
    for (at, pixel) in mask.iter().enumerate() {
        if (*pixel != 0) != inside {
            put(at - since);
            (since, inside) = (at, !inside);
        }
    }
    put(mask.len() - since);
    out
}

/// Sets `mask` to 255 where the runs are inside.
fn add_runs(runs: &[u8], mask: &mut [u8]) -> io::Result<()> {
    let (mut at, mut inside, mut length, mut shift) = (0_usize, false, 0_usize, 0);
    for byte in runs {
        if shift > 56 {
            return Err(broken());
        }
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            let end = at.checked_add(length).filter(|end| *end <= mask.len()).ok_or_else(broken)?;
            if inside {
                mask[at..end].fill(255);
            }
            (at, inside, length, shift) = (end, !inside, 0, 0);
        }
    }
    if at == mask.len() { Ok(()) } else { Err(broken()) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use plate::segment::SourceError;

    use super::*;

    const SIZE: (u32, u32) = (96, 64);

    /// Two squares over a wall, one red and one blue; counts the pictures that are asked for.
    struct Clip {
        frames: u32,
        asked: u32,
    }

    fn place(target: usize, frame: u32) -> (u32, u32) {
        [(8 + frame % 40, 10), (60, 6 + frame % 40)][target]
    }

    impl Frames for Clip {
        fn count(&self) -> u32 {
            self.frames
        }

        fn size(&self) -> (u32, u32) {
            SIZE
        }

        fn rgb(&mut self, frame: u32, width: u32, height: u32) -> std::result::Result<Vec<u8>, SourceError> {
            self.asked += 1;
            let mut rgb = Vec::new();
            for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
                let (x, y) = (x * SIZE.0 / width, y * SIZE.1 / height);
                let is_on = |target: usize| {
                    let (left, top) = place(target, frame);
                    (left..left + 14).contains(&x) && (top..top + 14).contains(&y)
                };
                let wall = 90 + (x * 7 + y * 13) as u8 % 24;
                rgb.extend(if is_on(0) {
                    [210, 40, 30]
                } else if is_on(1) {
                    [30, 50, 210]
                } else {
                    [wall, wall, wall]
                });
            }
            Ok(rgb)
        }
    }

    struct Shelf {
        folder: tempfile::TempDir,
        known: HashMap<String, PathBuf>,
        made: u32,
    }

    impl Kept for Shelf {
        fn find(&mut self, marks: &[Prompts]) -> Result<Option<PathBuf>> {
            Ok(self.known.get(&format!("{marks:?}")).cloned())
        }

        fn room(&mut self) -> Result<PathBuf> {
            self.made += 1;
            Ok(self.folder.path().join(format!("{}.track", self.made)))
        }

        fn keep(&mut self, marks: &[Prompts], track: &Path) -> Result<()> {
            self.known.insert(format!("{marks:?}"), track.to_owned());
            Ok(())
        }
    }

    fn shelf() -> Shelf {
        Shelf { folder: tempfile::tempdir().unwrap(), known: HashMap::new(), made: 0 }
    }

    fn clicked(target: usize, frame: u32) -> Prompts {
        let (x, y) = place(target, frame);
        let at = (x as f32 + 7.0, y as f32 + 7.0);
        Prompts { positive: [(frame, vec![at])].into(), ..Prompts::default() }
    }

    /// What came, whole, by frame; what was followed; and how many pictures that took.
    fn run(targets: &[Prompts], shelf: &mut Shelf, frames: u32) -> (Vec<FrameMask>, Followed, u32) {
        let mut clip = Clip { frames, asked: 0 };
        let mut whole: Vec<Option<FrameMask>> = vec![None; frames as usize];
        let mut out = |mask: FrameMask, done: u32, total: u32| {
            assert!(done <= total);
            if mask.whole {
                let at = mask.frame as usize;
                assert!(whole[at].replace(mask).is_none(), "each frame is whole once");
            }
            Ok(())
        };
        let followed = follow(&mut clip, targets, &SegmentParams::default(), shelf, &mut out).unwrap();
        (whole.into_iter().map(|mask| mask.expect("each frame comes")).collect(), followed, clip.asked)
    }

    #[test]
    fn a_changed_click_follows_its_own_target_again_and_no_other() {
        let (frames, mut kept) = (6, shelf());
        let both = [clicked(0, 0), clicked(1, 5)];
        let (first, followed, asked) = run(&both, &mut kept, frames);
        assert_eq!(followed, Followed { anew: 2, known: 0 });
        assert!(asked > 0);
        // As one run over both comes to.
        let mut clip = Clip { frames, asked: 0 };
        let mut wanted: Vec<Option<FrameMask>> = vec![None; frames as usize];
        let mut out = |mask: FrameMask, _: u32, _: u32| {
            let at = mask.frame as usize;
            wanted[at] = Some(mask).filter(|mask| mask.whole).or(wanted[at].take());
            Ok(())
        };
        segment_targets(&mut clip, &both, &mut (), &SegmentParams::default(), &mut out).unwrap();
        let wanted: Vec<FrameMask> = wanted.into_iter().map(|mask| mask.expect("each")).collect();
        assert_eq!(first, wanted);

        // Nothing changed: no picture is looked at.
        let (again, followed, asked) = run(&both, &mut kept, frames);
        assert_eq!((followed, asked), (Followed { anew: 0, known: 2 }, 0));
        assert_eq!(again, first);

        // One click more on the second target: half of the work.
        let mut changed = both.clone();
        changed[1].positive.insert(2, clicked(1, 2).positive[&2].clone());
        let (_, followed, few) = run(&changed, &mut kept, frames);
        assert_eq!(followed, Followed { anew: 1, known: 1 });
        let (_, _, all) = run(&changed, &mut shelf(), frames);
        assert!(few > 0 && few < all, "{few} pictures instead of {all}");

        // Taken back, it is known again.
        let (back, followed, asked) = run(&both, &mut kept, frames);
        assert_eq!((followed, asked), (Followed { anew: 0, known: 2 }, 0));
        assert_eq!(back, first);
    }

    #[test]
    fn a_track_that_cannot_be_read_is_made_again() {
        let (mut kept, only) = (shelf(), [clicked(0, 1)]);
        let (first, ..) = run(&only, &mut kept, 4);
        for path in kept.known.values() {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() - 3]).unwrap();
        }
        let (again, followed, _) = run(&only, &mut kept, 4);
        assert_eq!((followed.anew, again), (1, first));
    }

    #[test]
    fn a_clip_of_one_frame_has_a_track_too() {
        let mut kept = shelf();
        let (first, ..) = run(&[clicked(0, 0)], &mut kept, 1);
        assert!(first[0].mask.contains(&255));
        let (again, followed, asked) = run(&[clicked(0, 0)], &mut kept, 1);
        assert_eq!((again, followed.known, asked), (first, 1, 0));
    }

    #[test]
    fn runs_come_back_and_nonsense_is_refused() {
        for mask in
            [vec![0; 300], vec![255; 300], (0..300).map(|i| if i % 7 < 3 { 255 } else { 0 }).collect()]
        {
            let mut back = vec![0; 300];
            add_runs(&runs_of(&mask), &mut back).unwrap();
            assert_eq!(back, mask);
        }
        let mut mask = vec![0; 8];
        for runs in [&[9_u8][..], &[3], &[0x80; 12], &[]] {
            assert!(add_runs(runs, &mut mask).is_err(), "{runs:?}");
        }
    }
}
