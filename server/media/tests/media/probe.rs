//! What probing finds out about good files.

use crate::clips::{facts, ffmpeg, folder, hashes, hashes_by_ffmpeg, probe, rate};

#[test]
fn rates_are_exact_in_every_container() {
    let folder = folder();
    let rates = [(12, 1), (24_000, 1001), (24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60_000, 1001)];
    let files = [
        ("a.mov", "-c:v mjpeg -pix_fmt yuvj420p"),
        ("a.mp4", "-c:v libx264 -preset ultrafast"),
        ("a.mkv", "-c:v ffv1"),
        ("b.mkv", "-c:v libx264 -bf 3"),
    ];
    for (num, den) in rates {
        let outputs: String =
            files.iter().map(|(file, options)| format!(" -frames:v 30 {options} {file}")).collect();
        ffmpeg(folder.path(), &format!("-f lavfi -i color=s=32x32:r={num}/{den}{outputs}"));
        for (file, _) in files {
            let about = facts(&folder.path().join(file));
            assert_eq!((about.rate, about.frames), (rate(num, den), 30), "{file}");
            assert!(about.variable_times.is_none(), "{file} at {num}/{den}");
        }
    }
}

#[test]
fn a_variable_rate_keeps_every_frame_and_its_time() {
    let folder = folder();
    ffmpeg(
        folder.path(),
        "-f lavfi -i testsrc2=s=64x64:r=30:d=1 -vf select=not(eq(mod(n\\,7)\\,3)) -fps_mode vfr -c:v libx264 -bf 2 a.mp4",
    );
    let (about, index) = probe(&folder.path().join("a.mp4")).expect("probes");
    assert_eq!(about.frames, 26);
    assert_eq!(about.variable_times.as_deref(), Some(index.times.as_slice()));
    assert!(about.notes.iter().any(|n| n.contains("varies")), "{:?}", about.notes);
}

#[test]
fn tags_are_read_and_gaps_are_filled_by_height() {
    let folder = folder();
    let tags = "-color_range pc -colorspace bt2020nc -color_primaries bt2020 -color_trc smpte2084";
    ffmpeg(
        folder.path(),
        &format!("-f lavfi -i color=s=64x64:r=25 -frames:v 2 -c:v libx264 -pix_fmt yuv420p10le {tags} a.mp4"),
    );
    let colour = facts(&folder.path().join("a.mp4")).colour;
    assert_eq!(
        (colour.matrix.as_str(), colour.primaries.as_str(), colour.transfer.as_str(), colour.range.as_str()),
        ("bt2020nc", "bt2020", "smpte2084", "pc")
    );
    assert!(!colour.assumed);
    for (size, matrix) in [("64x718", "smpte170m"), ("64x720", "bt709")] {
        ffmpeg(
            folder.path(),
            &format!("-f lavfi -i color=s={size}:r=25 -frames:v 1 -c:v libx264 -pix_fmt yuv420p b.mp4"),
        );
        let about = facts(&folder.path().join("b.mp4"));
        assert_eq!((about.colour.matrix.as_str(), about.colour.range.as_str()), (matrix, "tv"));
        assert!(about.colour.assumed && about.notes.iter().any(|n| n.contains("assumed")));
    }
}

#[test]
fn timecode_sound_and_alpha_are_found() {
    let folder = folder();
    let sources = "-f lavfi -i testsrc2=s=256x144:r=30000/1001 -f lavfi -i sine=r=48000";
    for file in ["a.mov", "a.mxf"] {
        let codec = if file == "a.mov" {
            "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le"
        } else {
            "-c:v dnxhd -profile:v dnxhr_hqx -pix_fmt yuv422p10le"
        };
        ffmpeg(
            folder.path(),
            &format!(
                "{sources} -frames:v 9 -shortest {codec} -c:a pcm_s24le -ac 2 -timecode 00:59:59;28 {file}"
            ),
        );
        let about = facts(&folder.path().join(file));
        assert_eq!(about.start_timecode.as_deref(), Some("00:59:59;28"), "{file}");
        let audio = about.audio.expect("sound");
        assert_eq!(
            (audio.codec.as_str(), audio.sample_rate, audio.channels),
            ("pcm_s24le", 48_000, 2),
            "{file}"
        );
        assert_eq!(about.has_alpha, file == "a.mov");
    }
}

#[test]
fn quarter_turns_are_clockwise() {
    let folder = folder();
    ffmpeg(folder.path(), "-f lavfi -i color=s=64x32:r=25 -frames:v 2 -c:v libx264 -pix_fmt yuv420p a.mp4");
    for turn in [0, 90, 180, 270] {
        ffmpeg(folder.path(), &format!("-i a.mp4 -c copy -metadata:s:v:0 rotate={turn} b.mp4"));
        assert_eq!(facts(&folder.path().join("b.mp4")).rotation, (360 - turn) % 360, "rotate={turn}");
    }
}

#[test]
fn one_frame_and_odd_sizes_are_accepted() {
    let folder = folder();
    for (size, frames) in [("17:19", 3), ("16:16", 1), ("33:16", 1)] {
        ffmpeg(
            folder.path(),
            &format!("-f lavfi -i testsrc2=s=64x64:r=24 -frames:v {frames} -vf scale={size} -c:v ffv1 a.mkv"),
        );
        let about = facts(&folder.path().join("a.mkv"));
        assert_eq!(about.frames, frames);
        assert_eq!(about.rate, rate(24, 1));
    }
    ffmpeg(
        folder.path(),
        "-f lavfi -i testsrc2=s=64x64:r=24 -frames:v 1 -vf scale=17:19 -c:v libx264 -pix_fmt yuv444p a.mp4",
    );
    let about = facts(&folder.path().join("a.mp4"));
    assert_eq!((about.coded_width, about.coded_height, about.frames), (17, 19, 1));
    assert_eq!(about.rate, rate(24, 1));
}

#[test]
fn the_largest_pictures_are_read_either_way_up() {
    let folder = folder();
    let path = folder.path().join("a.mp4");
    // One thread: each that the encoder has holds pictures of its own.
    let options = "-frames:v 1 -c:v libx264 -preset ultrafast -threads 1 -pix_fmt yuv420p";
    for (width, height) in [(8192, 4320), (4320, 8192)] {
        ffmpeg(folder.path(), &format!("-f lavfi -i testsrc2=s={width}x{height}:r=24 {options} a.mp4"));
        let (about, index) = probe(&path).expect("probes");
        assert_eq!((about.coded_width, about.coded_height, about.frames), (width, height, 1));
        assert_eq!(hashes(&path, &index), hashes_by_ffmpeg(&path, "yuv420p"), "{width}×{height}");
    }
}

#[test]
fn progress_ends_at_one_and_may_cancel() {
    let folder = folder();
    ffmpeg(folder.path(), "-f lavfi -i testsrc2=s=64x64:r=25 -frames:v 50 -c:v libx264 a.mp4");
    let path = folder.path().join("a.mp4");
    let mut seen = Vec::new();
    media::probe(&path, &mut |done| {
        seen.push(done);
        Ok(())
    })
    .expect("probes");
    assert!(seen.windows(2).all(|w| w[0] <= w[1]) && seen.last() == Some(&1.0), "{seen:?}");
    let stopped = media::probe(&path, &mut |_| Err(media::Error::Cancelled));
    assert!(matches!(stopped, Err(media::Error::Cancelled)));
}
