//! Bad files get a sentence, never a panic.

use std::fs;
use std::path::Path;

use media::{Error, Ffv1Writer, GreyWriter};

use crate::clips::{colour, ffmpeg, folder, format, noise, probe, rate};

fn refusal(path: &Path) -> Error {
    match probe(path) {
        Err(error) => error,
        Ok((facts, _)) => panic!("{} was accepted: {facts:?}", path.display()),
    }
}

#[test]
fn what_is_no_video_is_refused_with_what_it_is() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("empty.mp4"), b"").expect("written");
    assert!(matches!(refusal(&at("empty.mp4")), Error::Empty { .. }));
    fs::write(at("text.mp4"), "Dear editor,\nplease find the plate elsewhere.\n".repeat(50))
        .expect("written");
    assert!(refusal(&at("text.mp4")).to_string().contains("text.mp4” is a text file"));
    fs::write(at("list.mp4"), "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n/etc/passwd\n")
        .expect("written");
    assert!(matches!(refusal(&at("list.mp4")), Error::NotVideo { .. }));
    fs::write(at("concat.mp4"), "ffconcat version 1.0\nfile /etc/hostname\n").expect("written");
    assert!(matches!(refusal(&at("concat.mp4")), Error::NotVideo { .. }));
    assert!(matches!(refusal(&at("absent.mp4")), Error::Unreadable { .. }));
    assert!(matches!(refusal(folder.path()), Error::NotVideo { .. }));
    ffmpeg(folder.path(), "-f lavfi -i color=s=64x64 -frames:v 1 still.png");
    assert!(refusal(&at("still.png")).to_string().contains("a still picture"));
}

#[test]
fn sound_alone_is_refused() {
    let folder = folder();
    for file in ["a.mp4", "a.mkv", "a.wav", "a.mp3"] {
        ffmpeg(folder.path(), &format!("-f lavfi -i sine=d=1 {file}"));
        assert!(refusal(&folder.path().join(file)).to_string().contains("sound but no picture"), "{file}");
    }
}

#[test]
fn sizes_outside_the_range_are_refused() {
    let folder = folder();
    let make = |size: &str| {
        ffmpeg(
            folder.path(),
            &format!("-f lavfi -i color=s=64x64:r=25 -frames:v 1 -vf scale={size} -c:v ffv1 a.mkv"),
        );
        refusal(&folder.path().join("a.mkv"))
    };
    assert!(matches!(make("64:15"), Error::TooSmall { width: 64, height: 15, .. }));
    assert!(matches!(make("15:64"), Error::TooSmall { .. }));
    assert!(matches!(make("8194:64"), Error::TooLarge { .. }));
    assert!(matches!(make("4400:4322"), Error::TooLarge { .. }));
}

#[test]
fn a_file_that_breaks_off_says_how_many_frames_are_readable() {
    let folder = folder();
    let clips = [
        ("h264.mp4", "-c:v libx264 -g 10 -bf 2 -movflags +faststart"),
        ("prores.mov", "-c:v prores_ks -movflags +faststart"),
        ("h264.mkv", "-c:v libx264 -g 10 -bf 2"),
        ("ffv1.mkv", "-c:v ffv1 -level 3"),
        ("dnx.mxf", "-s 256x144 -c:v dnxhd -profile:v dnxhr_sq -pix_fmt yuv422p"),
        ("mjpeg.avi", "-c:v mjpeg -pix_fmt yuvj420p"),
        ("hevc.mp4", "-c:v libx265 -x265-params log-level=none -movflags +faststart"),
    ];
    for (file, options) in clips {
        ffmpeg(folder.path(), &format!("-f lavfi -i testsrc2=s=192x108:r=25 -frames:v 50 {options} {file}"));
        let path = folder.path().join(file);
        let whole = fs::read(&path).expect("read");
        fs::write(&path, &whole[..whole.len() * 6 / 10]).expect("cut");
        match refusal(&path) {
            Error::Truncated { readable, expected, .. } => {
                assert!(readable > 5 && readable < 50, "{file}: {readable} of {expected}");
                // Only Matroska must be guessed from its stated duration.
                assert!(
                    expected > readable && (48..=51).contains(&expected),
                    "{file}: {readable} of {expected}"
                );
            }
            other => panic!("{file}: {other}"),
        }
    }
}

#[test]
fn a_movie_without_its_table_is_refused() {
    let folder = folder();
    ffmpeg(folder.path(), "-f lavfi -i testsrc2=s=192x108:r=25 -frames:v 50 -c:v libx264 a.mp4");
    let path = folder.path().join("a.mp4");
    let whole = fs::read(&path).expect("read");
    fs::write(&path, &whole[..whole.len() / 2]).expect("cut");
    let error = refusal(&path);
    assert!(matches!(error, Error::Incomplete { .. }), "{error}");
}

#[test]
fn a_copy_protected_file_is_refused() {
    let folder = folder();
    let key = "00112233445566778899aabbccddeeff";
    ffmpeg(
        folder.path(),
        &format!(
            "-f lavfi -i testsrc2=s=96x64:r=25 -frames:v 10 -c:v libx264 -encryption_scheme cenc-aes-ctr \
             -encryption_key {key} -encryption_kid {key} a.mp4"
        ),
    );
    let error = refusal(&folder.path().join("a.mp4"));
    assert!(matches!(error, Error::Encrypted { .. }), "{error}");
}

#[test]
fn rubbish_in_the_middle_never_panics() {
    let folder = folder();
    for (file, options) in [
        ("a.mp4", "-c:v libx264 -g 10 -bf 2"),
        ("a.mov", "-c:v prores_ks"),
        ("a.mkv", "-c:v ffv1 -level 3"),
        ("b.mov", "-c:v mjpeg -pix_fmt yuvj420p"),
        ("c.mkv", "-c:v libx265 -x265-params log-level=none"),
    ] {
        ffmpeg(folder.path(), &format!("-f lavfi -i testsrc2=s=96x64:r=25 -frames:v 30 {options} {file}"));
        let path = folder.path().join(file);
        let whole = fs::read(&path).expect("read");
        for seed in 0..6usize {
            let mut broken = whole.clone();
            let start = whole.len() * (seed * 7 % 12) / 12;
            for (i, byte) in broken[start..].iter_mut().take(64 + seed * 40).enumerate() {
                *byte = (i * 73 + seed * 31) as u8;
            }
            fs::write(&path, &broken).expect("written");
            if let Ok((facts, index)) = probe(&path) {
                assert_eq!(facts.frames, index.frames());
                let mut reader = media::Reader::open(&path, &index).expect("opens as it did for the probe");
                for frame in 0..index.frames() {
                    if reader.read(frame).is_err() {
                        break; // said in words
                    }
                }
            }
        }
    }
}

#[test]
fn a_full_disk_is_said_and_leaves_no_file() {
    let folder = folder();
    let path = folder.path().join("full.mkv");
    std::os::unix::fs::symlink("/dev/full", &path).expect("linked");
    let yuv = format("yuv420p");
    let write = || -> Result<(), Error> {
        let mut writer =
            Ffv1Writer::create(&path, &yuv, 256, 256, rate(24, 1), &colour("bt709", "tv"), None)?;
        for seed in 0..40 {
            writer.write(&noise(yuv, 256, 256, seed))?;
        }
        writer.finish()
    };
    let error = write().expect_err("nothing fits");
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    assert!(fs::symlink_metadata(&path).is_err(), "the unfinished file is gone");
}

#[test]
fn an_unfinished_file_is_removed_and_a_wrong_picture_refused() {
    let folder = folder();
    let path = folder.path().join("mask.mkv");
    let mut writer = GreyWriter::create(&path, 32, 16, rate(24, 1)).expect("creates");
    writer.write(&[7; 512]).expect("writes");
    assert!(matches!(writer.write(&[7; 511]), Err(Error::WrongPicture { .. })));
    drop(writer);
    assert!(!path.exists());
    let nowhere = GreyWriter::create(&folder.path().join("no/such/folder.mkv"), 32, 16, rate(24, 1));
    assert!(matches!(nowhere, Err(Error::Unwritable { .. })));
}
