//! Lossless files give back exactly what went in.

use media::{Carried, Family, Ffv1Writer, PixelFormat, SoundFrom, ffv1_format};

use crate::clips::{
    colour, facts, ffmpeg, folder, format, hashes, hashes_by_ffmpeg, noise, packed_by_ffmpeg, probe, rate,
};

#[test]
fn ffv1_round_trips_are_exact() {
    let folder = folder();
    let names = [
        "yuv420p",
        "yuv422p10le",
        "yuv444p",
        "yuva444p10le",
        "gray",
        "gray16le",
        "gbrp",
        "gbrap",
        "gbrp10le",
        "gbrp16le",
        "gbrap16le",
        "yuv444p16le",
        "yuv411p",
        "yuva420p",
        "yuv422p12le",
        "yuv440p",
    ];
    for (name, (width, height)) in names.into_iter().zip([(64, 48), (33, 17)].into_iter().cycle()) {
        let format = format(name);
        assert_eq!(ffv1_format(&format).expect("known"), format, "{name}");
        let path = folder.path().join("a.mkv");
        let range = if format.family() == Family::Yuv { "tv" } else { "pc" };
        let matrix = if format.family() == Family::Rgb { "gbr" } else { "bt709" };
        let r = rate(24_000, 1001);
        let mut writer = Ffv1Writer::create(&path, &format, width, height, r, &colour(matrix, range), None)
            .expect("creates");
        let pictures: Vec<_> = (0..5).map(|seed| noise(format, width, height, seed)).collect();
        for picture in &pictures {
            writer.write(picture).expect("writes");
        }
        writer.finish().expect("finishes");
        let (about, index) = probe(&path).expect("probes");
        assert_eq!((about.pixel_format.as_str(), about.rate, about.frames), (name, r, 5));
        assert_eq!(about.colour.range, range, "{name}");
        let wanted: Vec<String> = pictures.iter().map(|p| p.hash().to_string()).collect();
        assert_eq!(hashes(&path, &index), wanted, "{name}");
        let independent = match name {
            "gbrap" => packed_by_ffmpeg(&path, "bgra", width as usize, height as usize),
            _ => hashes_by_ffmpeg(&path, name),
        };
        assert_eq!(independent, wanted, "{name} by the command line");
    }
}

#[test]
fn any_size_can_be_written() {
    let folder = folder();
    let path = folder.path().join("a.mkv");
    for (width, height) in [(16, 16), (17, 19), (191, 107), (353, 289), (641, 16), (1921, 35), (8191, 17)] {
        for name in ["yuv420p", "yuv411p", "gray"] {
            let format = format(name);
            let tags = colour("bt709", "tv");
            let mut writer = Ffv1Writer::create(&path, &format, width, height, rate(24, 1), &tags, None)
                .unwrap_or_else(|error| panic!("{name} {width}×{height}: {error}"));
            let picture = noise(format, width, height, 9);
            writer.write(&picture).expect("writes");
            writer.finish().expect("finishes");
            let index = probe(&path).expect("probes").1;
            assert_eq!(hashes(&path, &index), [picture.hash().to_string()], "{name} {width}×{height}");
        }
    }
}

#[test]
fn full_range_stays_full() {
    let folder = folder();
    let path = folder.path().join("a.mkv");
    let yuv = format("yuv420p");
    let mut writer =
        Ffv1Writer::create(&path, &yuv, 32, 32, rate(25, 1), &colour("bt709", "pc"), None).expect("creates");
    writer.write(&noise(yuv, 32, 32, 1)).expect("writes");
    writer.finish().expect("finishes");
    let about = facts(&path);
    assert_eq!((about.colour.range.as_str(), about.colour.matrix.as_str()), ("pc", "bt709"));
}

#[test]
fn what_ffv1_lacks_becomes_the_next_wider_format() {
    let wider = |name: &str| ffv1_format(&format(name)).expect("there is one").name();
    assert_eq!(wider("yuva444p12le"), "yuva444p16le");
    assert_eq!(wider("yuva422p12le"), "yuva422p16le");
    assert_eq!(wider("gray14le"), "gray16le");
    let narrow = noise(format("yuva422p12le"), 18, 10, 3);
    let to = PixelFormat::from_name("yuva422p16le").expect("known");
    let wide = narrow.widened(to).expect("wider");
    let same = |p: usize, x, y| wide.planes[p].get(x, y) == narrow.planes[p].get(x, y) << 4;
    assert!((0..4).all(|p| same(p, 0, 0) && same(p, 8, 9)));
}

#[test]
fn the_same_pictures_make_the_same_bytes() {
    let folder = folder();
    let write = |name: &str| {
        let path = folder.path().join(name);
        let yuv = format("yuv422p10le");
        let mut writer = Ffv1Writer::create(&path, &yuv, 64, 48, rate(25, 1), &colour("bt709", "tv"), None)
            .expect("creates");
        (0..4).for_each(|seed| writer.write(&noise(yuv, 64, 48, seed)).expect("writes"));
        writer.finish().expect("finishes");
        std::fs::read(path).expect("read")
    };
    assert_eq!(write("a.mkv"), write("b.mkv"));
}

#[test]
fn sound_is_copied_in_step() {
    let folder = folder();
    let sources = "-f lavfi -i testsrc2=s=64x48:r=25 -f lavfi -i sine=r=48000:d=4";
    ffmpeg(
        folder.path(),
        &format!("{sources} -frames:v 50 -c:v libx264 -pix_fmt yuv420p -c:a aac source.mp4"),
    );
    let path = folder.path().join("result.mkv");
    let source = folder.path().join("source.mp4");
    let yuv = format("yuv420p");
    let colour = colour("bt709", "tv");
    let mut writer = Ffv1Writer::create(
        &path,
        &yuv,
        64,
        48,
        rate(25, 1),
        &colour,
        Some(Carried { sound: Some(SoundFrom { path: &source, skip: 0.0, is_whole: true }), timecode: None }),
    )
    .expect("creates");
    (0..50).for_each(|seed| writer.write(&noise(yuv, 64, 48, seed)).expect("writes"));
    writer.finish().expect("finishes");
    let about = facts(&path);
    let audio = about.audio.expect("sound");
    assert_eq!((audio.codec.as_str(), audio.sample_rate, about.frames), ("aac", 48_000, 50));
    let silent = folder.path().join("silent.mkv");
    let mut writer = Ffv1Writer::create(
        &silent,
        &yuv,
        64,
        48,
        rate(25, 1),
        &colour,
        Some(Carried { sound: Some(SoundFrom { path: &path, skip: 0.0, is_whole: true }), timecode: None }),
    )
    .expect("creates");
    writer.write(&noise(yuv, 64, 48, 0)).expect("writes");
    writer.finish().expect("finishes");
    assert!(facts(&silent).audio.is_some());
}

#[test]
fn sound_of_a_part_begins_with_the_part() {
    let folder = folder();
    // Silence, then a tone from the second second on.
    let sound = "aevalsrc='if(gte(t,1),0.5*sin(2764*t),0)':s=48000:d=2";
    let sources = format!("-f lavfi -i testsrc2=s=64x48:r=25 -f lavfi -i {sound}");
    ffmpeg(folder.path(), &format!("{sources} -t 2 -c:v libx264 -pix_fmt yuv420p -c:a pcm_s16le source.mov"));
    let source = folder.path().join("source.mov");
    let yuv = format("yuv420p");
    let loudness = |name: &str, skip: f64| {
        let path = folder.path().join(name);
        let carried =
            Carried { sound: Some(SoundFrom { path: &source, skip, is_whole: false }), timecode: None };
        let mut writer =
            Ffv1Writer::create(&path, &yuv, 64, 48, rate(25, 1), &colour("bt709", "tv"), Some(carried))
                .expect("creates");
        (0..10).for_each(|seed| writer.write(&noise(yuv, 64, 48, seed)).expect("writes"));
        writer.finish().expect("finishes");
        ffmpeg(folder.path(), &format!("-i {name} -vn -f s16le -c:a pcm_s16le {name}.raw"));
        let raw = std::fs::read(folder.path().join(format!("{name}.raw"))).expect("samples");
        assert_eq!(raw.len() / 2, 19_200, "{name}: as long as its ten frames");
        let samples: Vec<i16> = raw.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
        // The first and the last tenth of a second of the ten frames.
        let mean =
            |part: &[i16]| part.iter().map(|s| f64::from(s.unsigned_abs())).sum::<f64>() / part.len() as f64;
        (mean(&samples[..4800]), mean(&samples[14_400..19_200]))
    };
    let (start, end) = loudness("whole.mkv", 0.0);
    assert!(start < 1.0 && end < 1.0, "the tone has not begun: {start} {end}");
    let (start, end) = loudness("part.mkv", 0.8);
    assert!(start < 1.0 && end > 5000.0, "the tone begins in the middle: {start} {end}");
    let (start, _) = loudness("later.mkv", 1.2);
    assert!(start > 5000.0, "the tone has begun: {start}");
}

#[test]
fn a_start_timecode_is_carried() {
    let folder = folder();
    let path = folder.path().join("result.mkv");
    let yuv = format("yuv420p");
    let carried = Carried { sound: None, timecode: Some("10:00:59;28") };
    let mut writer =
        Ffv1Writer::create(&path, &yuv, 64, 48, rate(30_000, 1001), &colour("bt709", "tv"), Some(carried))
            .expect("creates");
    writer.write(&noise(yuv, 64, 48, 0)).expect("writes");
    writer.finish().expect("finishes");
    assert_eq!(facts(&path).start_timecode.as_deref(), Some("10:00:59;28"));
    let said = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries", "stream_tags=timecode"])
        .args(["-of", "csv=p=0"])
        .arg(&path)
        .output()
        .expect("ffprobe is installed");
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "10:00:59;28");
}
