//! Masks in and out, exact to the level.

use media::{Error, GreyWriter, read_mask, write_quadmask_mp4};

use crate::clips::{facts, ffmpeg, folder, rate};

const LEVELS: [u8; 4] = [0, 63, 127, 255];

fn quadmask(width: u32, height: u32, seed: usize) -> Vec<u8> {
    (0..(width * height) as usize).map(|i| LEVELS[(i * 7 + i / 13 + seed) % 4]).collect()
}

#[test]
fn a_quadmask_file_is_exact_to_the_level() {
    let folder = folder();
    for (width, height) in [(64, 48), (65, 33)] {
        let path = folder.path().join("quadmask_0.mp4");
        let frames: Vec<Vec<u8>> = (0..12).map(|seed| quadmask(width, height, seed)).collect();
        let r = rate(30_000, 1001);
        write_quadmask_mp4::<Error>(&path, width, height, r, frames.iter().cloned().map(Ok)).expect("writes");
        let about = facts(&path);
        assert_eq!((about.pixel_format.as_str(), about.rate, about.frames), ("yuv444p", r, 12));
        let mut mask = read_mask(&path).expect("reads");
        assert_eq!((mask.width(), mask.height(), mask.frames()), (width, height, 12));
        for frame in (0..12).rev() {
            assert_eq!(mask.read(frame).expect("reads"), frames[frame as usize]);
        }
        // As VOID's readers see it: full-range RGB.
        let raw = folder.path().join("raw");
        let convert =
            "-i quadmask_0.mp4 -sws_flags accurate_rnd+full_chroma_int -f rawvideo -pix_fmt rgb24 raw";
        ffmpeg(folder.path(), convert);
        let green: Vec<u8> = std::fs::read(raw).expect("read").into_iter().skip(1).step_by(3).collect();
        assert_eq!(green, frames.concat());
    }
}

#[test]
fn a_grey_file_keeps_every_level() {
    let folder = folder();
    let path = folder.path().join("mask.mkv");
    let ramp: Vec<u8> = (0..512).map(|i| (i / 2) as u8).collect();
    let mut writer = GreyWriter::create(&path, 32, 16, rate(12, 1)).expect("creates");
    writer.write(&ramp).expect("writes");
    writer.finish().expect("finishes");
    let about = facts(&path);
    assert_eq!(
        (about.codec.as_str(), about.pixel_format.as_str(), about.colour.range.as_str()),
        ("ffv1", "gray", "pc")
    );
    assert_eq!(read_mask(&path).expect("opens").read(0).expect("reads"), ramp);
}

#[test]
fn an_error_among_the_frames_leaves_no_file() {
    let folder = folder();
    let path = folder.path().join("q.mp4");
    let frames = [Ok(quadmask(32, 32, 0)), Err(Error::Cancelled)];
    assert!(matches!(
        write_quadmask_mp4(&path, 32, 32, rate(24, 1), frames.into_iter()),
        Err(Error::Cancelled)
    ));
    assert!(!path.exists());
}
