//! Frames come out exact, by number, in any order, from every kind of file.

use media::{Error, Picture, Reader};

use crate::clips::{facts, ffmpeg, folder, hashes, hashes_by_ffmpeg, packed_by_ffmpeg, probe, shuffled};

const FRAMES: u32 = 32;

/// `(file, source size, encoder options, codec, pixel format)`
const CLIPS: [(&str, &str, &str, &str, &str); 22] = [
    ("a.mp4", "192:108", "-c:v libx264 -pix_fmt yuv420p -g 12 -bf 3", "h264", "yuv420p"),
    ("b.mov", "192:108", "-c:v libx264 -pix_fmt yuv422p10le -g 12", "h264", "yuv422p10le"),
    (
        "c.mkv",
        "192:108",
        "-c:v libx264 -pix_fmt yuv444p -g 10 -x264-params open-gop=1:bframes=3",
        "h264",
        "yuv444p",
    ),
    (
        "d.mp4",
        "192:108",
        "-c:v libx265 -x265-params log-level=none:keyint=10:open-gop=1 -pix_fmt yuv420p10le -tag:v hvc1",
        "hevc",
        "yuv420p10le",
    ),
    (
        "e.mkv",
        "192:108",
        "-c:v libx265 -x265-params log-level=none:keyint=10 -pix_fmt yuv420p",
        "hevc",
        "yuv420p",
    ),
    ("f.mov", "192:108", "-c:v prores_ks -profile:v 2 -pix_fmt yuv422p10le", "prores", "yuv422p10le"),
    (
        "g.mov",
        "192:108",
        "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le -alpha_bits 16",
        "prores",
        "yuva444p12le",
    ),
    ("h.mxf", "256:144", "-c:v dnxhd -profile:v dnxhr_hqx -pix_fmt yuv422p10le", "dnxhd", "yuv422p10le"),
    ("i.mov", "256:144", "-c:v dnxhd -profile:v dnxhr_sq -pix_fmt yuv422p", "dnxhd", "yuv422p"),
    ("j.mkv", "191:107", "-c:v ffv1 -level 3 -pix_fmt yuv420p", "ffv1", "yuv420p"),
    ("k.mkv", "192:108", "-c:v ffv1 -level 3 -slices 4 -pix_fmt bgra", "ffv1", "gbrap"),
    ("l.mov", "192:108", "-c:v mjpeg -pix_fmt yuvj422p -q:v 3", "mjpeg", "yuv422p"),
    ("m.avi", "192:108", "-c:v mjpeg -pix_fmt yuvj420p -q:v 3", "mjpeg", "yuv420p"),
    ("n.avi", "192:108", "-c:v libx264 -pix_fmt yuv420p -g 12 -bf 2", "h264", "yuv420p"),
    (
        "o.webm",
        "192:108",
        "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p -g 12",
        "vp9",
        "yuv420p",
    ),
    ("p.mov", "192:108", "-c:v png -pix_fmt rgb24", "png", "gbrp"),
    ("q.mov", "192:108", "-c:v qtrle -pix_fmt argb", "qtrle", "gbrap"),
    ("r.mov", "192:108", "-c:v rawvideo -pix_fmt uyvy422", "rawvideo", "yuv422p"),
    ("s.mxf", "192:108", "-c:v mpeg2video -q:v 3 -g 12 -bf 2", "mpeg2video", "yuv420p"),
    ("t.mkv", "192:108", "-c:v ffv1 -level 3 -pix_fmt gray16le", "ffv1", "gray16le"),
    ("u.ts", "192:108", "-c:v libx264 -pix_fmt yuv420p -g 12 -bf 2", "h264", "yuv420p"),
    ("v.mov", "191:107", "-c:v png -pix_fmt rgb48be", "png", "gbrp16le"),
];

#[test]
fn every_frame_is_the_same_in_any_order_and_as_ffmpeg_decodes_it() {
    let folder = folder();
    std::thread::scope(|threads| {
        for chunk in CLIPS.chunks(CLIPS.len().div_ceil(2)) {
            threads.spawn(|| chunk.iter().for_each(|clip| check(folder.path(), *clip)));
        }
    });
}

fn check(folder: &std::path::Path, (file, size, options, codec, format): (&str, &str, &str, &str, &str)) {
    let rate = if file.ends_with("mxf") { "25" } else { "24000/1001" };
    ffmpeg(
        folder,
        &format!(
            "-f lavfi -i testsrc2=s=256x144:r={rate} -frames:v {FRAMES} -vf scale={size} {options} {file}"
        ),
    );
    let path = folder.join(file);
    let (facts, index) = probe(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!((facts.codec.as_str(), facts.pixel_format.as_str()), (codec, format), "{file}");
    assert_eq!(facts.frames, FRAMES, "{file}");
    assert_eq!(facts.rate.to_string(), if rate == "25" { "25" } else { "23.976" }, "{file}");
    assert!(facts.variable_times.is_none(), "{file}");
    let in_order = hashes(&path, &index);
    assert_eq!(in_order, independent(&path, codec, format, options), "{file}");

    let mut reader = Reader::open(&path, &index).expect("opens");
    let mut picture = Picture::new(media::PixelFormat::GREY8, 0, 0);
    for frame in shuffled(FRAMES) {
        reader.read_into(frame, &mut picture).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(picture.hash().to_string(), in_order[frame as usize], "{file} frame {frame}");
    }
    assert!(matches!(reader.read(FRAMES), Err(Error::NoSuchFrame { .. })));
}

/// What the command line decodes, without a conversion that could round.
fn independent(path: &std::path::Path, codec: &str, format: &str, options: &str) -> Vec<String> {
    if let Some(packed) = ["bgra", "argb"].into_iter().find(|packed| options.contains(packed)) {
        return packed_by_ffmpeg(path, packed, 192, 108);
    }
    let said = if codec == "mjpeg" { format.replace("yuv", "yuvj") } else { format.to_owned() };
    hashes_by_ffmpeg(path, &said)
}

#[test]
fn an_index_survives_storage() {
    let folder = folder();
    ffmpeg(folder.path(), "-f lavfi -i testsrc2=s=64x64:r=25 -frames:v 20 -c:v libx264 -g 5 -bf 2 a.mp4");
    let (_, index) = probe(&folder.path().join("a.mp4")).expect("probes");
    let text = serde_json::to_string(&index).expect("JSON");
    assert_eq!(serde_json::from_str::<media::Index>(&text).expect("the same"), index);
}

#[test]
fn a_cut_by_edit_list_hides_what_it_cuts() {
    let folder = folder();
    let make =
        "-f lavfi -i testsrc2=s=96x64:r=25 -frames:v 60 -c:v libx264 -g 20 -bf 2 -pix_fmt yuv420p whole.mp4";
    ffmpeg(folder.path(), make);
    ffmpeg(folder.path(), "-ss 0.52 -i whole.mp4 -t 1 -c copy -avoid_negative_ts disabled cut.mp4");
    let (facts, index) = probe(&folder.path().join("cut.mp4")).expect("probes");
    let expected = hashes_by_ffmpeg(&folder.path().join("cut.mp4"), "yuv420p");
    assert_eq!(facts.frames as usize, expected.len());
    assert!(facts.frames < 35, "{} frames", facts.frames);
    assert_eq!(hashes(&folder.path().join("cut.mp4"), &index), expected);
    let (_, whole) = probe(&folder.path().join("whole.mp4")).expect("probes");
    assert!(hashes(&folder.path().join("whole.mp4"), &whole).windows(expected.len()).any(|w| w == expected));
}

#[test]
fn a_stream_that_starts_inside_a_group_keeps_what_decodes() {
    let folder = folder();
    let make = "-f lavfi -i testsrc2=s=96x64:r=25 -frames:v 60 -c:v libx265 -x265-params \
                log-level=none:keyint=12:min-keyint=12:open-gop=1:bframes=4 -pix_fmt yuv420p whole.ts";
    ffmpeg(folder.path(), make);
    ffmpeg(folder.path(), "-i whole.ts -ss 1.0 -copyinkf -c copy cut.mkv");
    let path = folder.path().join("cut.mkv");
    let (facts, index) = probe(&path).expect("probes");
    assert_eq!(hashes(&path, &index), hashes_by_ffmpeg(&path, "yuv420p"), "{:?}", facts.notes);
}

#[test]
fn turning_does_not_touch_what_is_read() {
    let folder = folder();
    ffmpeg(
        folder.path(),
        "-f lavfi -i testsrc2=s=96x64:r=25 -frames:v 3 -c:v libx264 -pix_fmt yuv420p a.mp4",
    );
    ffmpeg(folder.path(), "-i a.mp4 -c copy -metadata:s:v:0 rotate=90 turned.mp4");
    let (plain, turned) = (folder.path().join("a.mp4"), folder.path().join("turned.mp4"));
    let about = facts(&turned);
    assert_eq!((about.rotation % 180, about.width(), about.height()), (90, 64, 96));
    let (a, b) = (probe(&plain).expect("probes").1, probe(&turned).expect("probes").1);
    assert_eq!(hashes(&plain, &a), hashes(&turned, &b));
}
