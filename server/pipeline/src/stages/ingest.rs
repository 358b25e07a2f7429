//! Ingest: what a plate is, and what the browser needs to show it. The plate itself is only read.

use std::path::{Path, PathBuf};

use domain::{PlateFacts, SaidColour, Step, Trim};
use media::{FilmStrip, Heard, Index, ProxyWriter, SoundFrom, poster, write_wave};

use crate::plate_file::{PlateFile, part_of, probe_with};
use crate::{Error, Reporter, Result};

/// Most thumbnails in a film strip.
const THUMBNAILS: u32 = 24;

/// What ingest leaves behind.
#[derive(Debug)]
pub struct Ingested {
    pub facts: PlateFacts,
    /// Of the whole file, whatever part of it the shot is.
    pub index: Index,
    /// Motion JPEG, one picture per frame.
    pub proxy: PathBuf,
    /// Offset and size in bytes of each frame's JPEG in the proxy.
    pub proxy_index: Vec<(u64, u32)>,
    pub poster: PathBuf,
    pub strip: PathBuf,
    /// WAV as long as the pictures, for the player; `None`: the plate is silent or its sound cannot be played.
    pub sound: Option<PathBuf>,
}

/// Reads every frame of `plate`, or of the part of it that is the shot, once; writes proxy, poster, strip and
/// sound into `out`. `said`: how its colours are coded where the file does not say.
pub fn ingest(
    plate: &Path,
    trim: Option<Trim>,
    said: Option<SaidColour>,
    out: &Path,
    report: &mut dyn Reporter,
) -> Result<Ingested> {
    let (facts, index) = probe_with(plate, report)?;
    let facts = part_of(facts, trim)?.with_said(said);
    let mut file = PlateFile::with_index(plate, facts, &index, trim)?;
    let proxy = out.join("proxy.mov");
    let mut writer = ProxyWriter::create(&proxy, &file.facts)?;
    let frames = file.frames();
    let in_strip = FilmStrip::frames(frames, THUMBNAILS);
    let poster_frame = frames / 3;
    let mut strip = FilmStrip::default();
    let mut poster_jpeg = Vec::new();
    let mut hashes = Vec::with_capacity(frames as usize);
    let (colour, rotation) = (file.facts.colour.clone(), file.facts.rotation);
    for frame in 0..frames {
        report.step(Step::Proxy, u64::from(frame), u64::from(frames))?;
        let picture = file.picture(frame)?;
        writer.write(&picture)?;
        hashes.push(picture.hash());
        if in_strip.contains(&frame) {
            strip.add(&picture, &colour, rotation)?;
        }
        if frame == poster_frame {
            poster_jpeg = poster(&picture, &colour, rotation)?;
        }
    }
    let proxy_index = writer.finish()?;
    report.step(Step::Proxy, u64::from(frames), u64::from(frames))?;
    let (strip_path, poster_path) = (out.join("strip.jpg"), out.join("poster.jpg"));
    std::fs::write(&strip_path, strip.jpeg()?.0).map_err(Error::io("writing the film strip"))?;
    std::fs::write(&poster_path, poster_jpeg).map_err(Error::io("writing the poster"))?;
    let mut facts = PlateFacts { frame_hashes: hashes, ..file.facts.clone() };
    let sound = sound(plate, &file, out, &mut facts.notes, report)?;
    Ok(Ingested { facts, index, proxy, proxy_index, poster: poster_path, strip: strip_path, sound })
}

fn sound(
    plate: &Path,
    file: &PlateFile,
    out: &Path,
    notes: &mut Vec<String>,
    report: &mut dyn Reporter,
) -> Result<Option<PathBuf>> {
    let path = out.join("sound.wav");
    let from = SoundFrom { path: plate, skip: file.skipped_seconds(), is_whole: file.is_whole() };
    let length = f64::from(file.frames()) / file.facts.rate.per_second();
    let mut go_on = || report.step(Step::Sound, 0, 1).map_err(|_| media::Error::Cancelled);
    let heard = write_wave(from, length, &path, &mut go_on).map_err(|error| match error {
        media::Error::Cancelled => Error::Cancelled,
        error => error.into(),
    })?;
    report.step(Step::Sound, 1, 1)?;
    match heard {
        Heard::Nothing => Ok(None),
        Heard::Written => Ok(Some(path)),
        Heard::Unplayable(why) => {
            notes.push(why);
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_said_of_an_untagged_plate_changes_how_it_is_shown_and_no_sample() {
        let folder = tempfile::tempdir().unwrap();
        let plate = folder.path().join("plate.mkv");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "color=c=0x20c040:s=64x48:r=24", "-frames:v", "3"]);
        // Raw planes in between, so that no tag of the source survives.
        let raw = folder.path().join("plate.yuv");
        assert!(ffmpeg.args(["-pix_fmt", "yuv420p", "-f", "rawvideo"]).arg(&raw).status().unwrap().success());
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg
            .args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "64x48", "-r", "24", "-i"]);
        assert!(ffmpeg.arg(&raw).args(["-c:v", "ffv1"]).arg(&plate).status().unwrap().success());

        let read = |said: Option<SaidColour>| {
            let out = tempfile::tempdir().unwrap();
            let done = ingest(&plate, None, said, out.path(), &mut ()).unwrap();
            (done.facts, std::fs::read(done.poster).unwrap())
        };
        let (assumed, shown) = read(None);
        assert!(assumed.colour.assumed && assumed.colour.matrix == "smpte170m");
        let (said, other) = read(Some(SaidColour::Bt709Full));
        assert_eq!((said.colour.matrix.as_str(), said.colour.range.as_str()), ("bt709", "pc"));
        assert_eq!(said.frame_hashes, assumed.frame_hashes);
        assert_ne!(shown, other);
        assert!(said.notes.iter().any(|note| note.contains("was chosen for it")), "{:?}", said.notes);
    }

    #[test]
    fn the_smallest_plate_has_all_that_the_page_shows() {
        let folder = tempfile::tempdir().unwrap();
        let plate = folder.path().join("plate.mkv");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=24", "-frames:v", "3"]);
        ffmpeg.args(["-vf", "scale=16:16", "-pix_fmt", "yuv420p", "-c:v", "ffv1"]);
        assert!(ffmpeg.arg(&plate).status().unwrap().success());
        let done = ingest(&plate, None, None, folder.path(), &mut ()).unwrap();
        assert_eq!((done.facts.width(), done.facts.height(), done.facts.frames), (16, 16, 3));
        assert_eq!((done.facts.frame_hashes.len(), done.proxy_index.len()), (3, 3));
        let (proxy, _) = media::probe(&done.proxy, &mut |_| Ok(())).unwrap();
        assert_eq!((proxy.coded_width, proxy.coded_height, proxy.frames), (16, 16, 3));
        for picture in [done.poster, done.strip] {
            assert!(std::fs::read(&picture).unwrap().starts_with(b"\xFF\xD8"), "{}", picture.display());
        }
    }
}
