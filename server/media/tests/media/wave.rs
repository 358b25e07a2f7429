//! The player's sound: as long as the pictures, each second where it belongs.

use std::path::Path;

use media::{Heard, SoundFrom, WAVE_RATE, write_wave};

use crate::clips::{ffmpeg, folder};

/// A pitch of its own in every second: 300 Hz, 500 Hz, …
const PITCHES: &str = "aevalsrc=0.5*sin(2*PI*(300+200*floor(t))*t):s=44100:d=4";

fn wave(source: &Path, skip: f64, length: f64) -> (u16, Vec<Vec<f64>>) {
    let path = source.with_extension("wav");
    let heard = write_wave(SoundFrom { path: source, skip, is_whole: false }, length, &path, &mut || Ok(()));
    assert_eq!(heard.expect("writes"), Heard::Written, "{}", source.display());
    let bytes = std::fs::read(&path).expect("read");
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four"));
    let channels = u16::from_le_bytes([bytes[22], bytes[23]]);
    assert_eq!(
        (word(24), word(40) as usize, word(4) as usize),
        (WAVE_RATE, bytes.len() - 44, bytes.len() - 8)
    );
    let sample = |b: &[u8]| f64::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0;
    let all: Vec<f64> = bytes[44..].chunks_exact(2).map(sample).collect();
    let apart = |c: usize| all.iter().skip(c).step_by(usize::from(channels)).copied().collect();
    (channels, (0..usize::from(channels)).map(apart).collect())
}

/// Hertz between two moments, by counting where the samples go up through zero.
fn pitch(samples: &[f64], from: f64, to: f64) -> f64 {
    let at = |seconds: f64| (seconds * f64::from(WAVE_RATE)) as usize;
    let part = &samples[at(from)..at(to)];
    let ups = part.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
    ups as f64 / (to - from)
}

fn level(samples: &[f64], from: f64, to: f64) -> f64 {
    let at = |seconds: f64| (seconds * f64::from(WAVE_RATE)) as usize;
    samples[at(from)..at(to)].iter().fold(0.0, |most, s| most.max(s.abs()))
}

#[test]
fn every_second_is_where_its_pictures_are() {
    let folder = folder();
    let pictures = "-f lavfi -i testsrc2=s=64x48:r=25:d=4 -f lavfi -i";
    for (name, codec, channels) in [
        ("aac.mp4", "-c:a aac", 1),
        ("pcm.mov", "-c:a pcm_s24le -ar 48000", 1),
        ("flac.mkv", "-c:a flac -ac 2", 2),
        ("opus.mkv", "-c:a libopus -ar 48000 -ac 2", 2),
        ("six.mov", "-c:a pcm_s16le -ac 6", 2),
    ] {
        ffmpeg(
            folder.path(),
            &format!("{pictures} {PITCHES} -c:v libx264 -preset ultrafast -pix_fmt yuv420p {codec} {name}"),
        );
        let (got, sound) = wave(&folder.path().join(name), 0.0, 4.0);
        assert_eq!((got, sound[0].len()), (channels, 4 * WAVE_RATE as usize), "{name}");
        for (second, hertz) in [(0.0, 300.0), (1.0, 500.0), (2.0, 700.0), (3.0, 900.0)] {
            let found = pitch(&sound[0], second + 0.1, second + 0.9);
            assert!((found - hertz).abs() < 6.0, "{name} at {second} s: {found} Hz, not {hertz}");
        }
        // A part of the file: from its second second on, with a frame more than there is.
        let (_, part) = wave(&folder.path().join(name), 2.0, 2.04);
        assert_eq!(part[0].len(), (2.04 * f64::from(WAVE_RATE)).round() as usize);
        assert!((pitch(&part[0], 0.05, 0.95) - 700.0).abs() < 6.0, "{name}");
        assert!((pitch(&part[0], 1.05, 1.95) - 900.0).abs() < 6.0, "{name}");
    }
}

#[test]
fn sound_that_begins_later_than_the_pictures_is_silent_until_then() {
    let folder = folder();
    ffmpeg(
        folder.path(),
        &format!(
            "-f lavfi -i testsrc2=s=64x48:r=25:d=3 -itsoffset 1 -f lavfi -i {PITCHES} -t 3 -c:v ffv1 -c:a pcm_s16le late.mkv"
        ),
    );
    let (_, sound) = wave(&folder.path().join("late.mkv"), 0.0, 3.0);
    assert!(level(&sound[0], 0.0, 0.99) < 0.001);
    assert!((pitch(&sound[0], 1.05, 1.95) - 300.0).abs() < 6.0);
    assert!((pitch(&sound[0], 2.05, 2.95) - 500.0).abs() < 6.0);
}

#[test]
fn a_silent_plate_leaves_no_file() {
    let folder = folder();
    ffmpeg(folder.path(), "-f lavfi -i testsrc2=s=64x48:r=25:d=1 -c:v ffv1 mute.mkv");
    let to = folder.path().join("sound.wav");
    let source = folder.path().join("mute.mkv");
    let heard = write_wave(SoundFrom { path: &source, skip: 0.0, is_whole: true }, 1.0, &to, &mut || Ok(()));
    assert_eq!(heard.expect("reads"), Heard::Nothing);
    assert!(!to.exists());
}
