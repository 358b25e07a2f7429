//! Proxies, stills and analysis pictures: right sizes, right colours, right way up.

use domain::Colour;
use media::{FilmStrip, Picture, ProxyWriter, Reader, jpeg, poster};

use crate::clips::{colour, facts, ffmpeg, folder, format, probe, rate};

/// Decodes a JPEG with the `ffmpeg` command line: width, height and RGB as a browser sees it.
fn decode_jpeg(folder: &std::path::Path, bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    assert!(bytes.starts_with(&[0xff, 0xd8]) && bytes.ends_with(&[0xff, 0xd9]), "a whole JPEG");
    assert!(bytes.windows(2).any(|w| w == [0xff, 0xc4]), "with its Huffman tables");
    std::fs::write(folder.join("one.jpg"), bytes).expect("written");
    ffmpeg(folder, "-i one.jpg -sws_flags accurate_rnd+full_chroma_int -f rawvideo -pix_fmt rgb24 one.rgb");
    let about = std::process::Command::new("ffprobe")
        .current_dir(folder)
        .args(["-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", "one.jpg"])
        .output()
        .expect("ffprobe is installed");
    let text = String::from_utf8_lossy(&about.stdout).trim().to_owned();
    let (w, h) = text.split_once(',').expect("two numbers");
    (
        w.parse().expect("width"),
        h.parse().expect("height"),
        std::fs::read(folder.join("one.rgb")).expect("read"),
    )
}

/// A flat picture of one RGB colour, coded by the textbook.
fn flat(rgb: [f64; 3], name: &str, colour: &Colour, width: u32, height: u32) -> Picture {
    let (kr, kb) = if colour.matrix == "bt709" { (0.2126, 0.0722) } else { (0.299, 0.114) };
    let [r, g, b] = rgb.map(|v| v / 255.0);
    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
    let (u, v) = ((b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr)));
    let mut picture = Picture::new(format(name), width, height);
    let unit = f64::from(1u32 << (picture.format.depth() - 8));
    let full = f64::from(picture.format.max_value());
    let levels = if colour.range == "pc" {
        [y * full, u * full + 128.0 * unit, v * full + 128.0 * unit]
    } else {
        [(16.0 + 219.0 * y) * unit, (128.0 + 224.0 * u) * unit, (128.0 + 224.0 * v) * unit]
    };
    for (plane, level) in picture.planes.iter_mut().zip(levels) {
        for y in 0..plane.height {
            (0..plane.width).for_each(|x| plane.set(x, y, level.round() as u16));
        }
    }
    picture
}

fn worst(pixels: &[u8], rgb: [f64; 3]) -> f64 {
    let differences = pixels.chunks_exact(3).flat_map(|p| (0..3).map(|i| (f64::from(p[i]) - rgb[i]).abs()));
    differences.fold(0.0, f64::max)
}

const COLOURS: [[f64; 3]; 5] = [
    [200.0, 40.0, 60.0],
    [30.0, 180.0, 90.0],
    [20.0, 60.0, 220.0],
    [128.0, 128.0, 128.0],
    [250.0, 250.0, 250.0],
];

const CODINGS: [(&str, &str, &str); 6] = [
    ("yuv420p", "bt709", "tv"),
    ("yuv420p", "bt709", "pc"),
    ("yuv422p10le", "bt709", "tv"),
    ("yuv444p", "smpte170m", "tv"),
    ("yuv444p12le", "smpte170m", "pc"),
    ("yuva444p10le", "bt709", "tv"),
];

#[test]
fn rgb_and_grey_are_the_textbook_s() {
    for (name, matrix, range) in CODINGS {
        let tags = colour(matrix, range);
        for rgb in COLOURS {
            let picture = flat(rgb, name, &tags, 48, 32);
            for (width, height) in [(48, 32), (20, 14)] {
                let got = picture.to_rgb(width, height, &tags, 0).expect("converts");
                let off = worst(&got.data, rgb);
                assert!(off <= 2.0, "{name} {matrix} {range} {rgb:?}: off by {off}");
            }
            let grey = picture.to_grey_full_range(24, 16, &tags, 0).expect("converts");
            let (kr, kb) = if matrix == "bt709" { (0.2126, 0.0722) } else { (0.299, 0.114) };
            let luma = kr * rgb[0] + (1.0 - kr - kb) * rgb[1] + kb * rgb[2];
            assert!(
                grey.data.iter().all(|&v| (f64::from(v) - luma).abs() <= 1.0),
                "{name} {rgb:?}: {}",
                grey.data[0]
            );
        }
    }
}

#[test]
fn a_browser_sees_the_plate_s_colours_in_the_proxy() {
    let folder = folder();
    for (name, matrix, range) in CODINGS {
        let tags = colour(matrix, range);
        let path = folder.path().join("proxy.mov");
        let mut writer =
            ProxyWriter::create_for(&path, (96, 64), 0, rate(24_000, 1001), &tags).expect("creates");
        for rgb in COLOURS {
            writer.write(&flat(rgb, name, &tags, 96, 64)).expect("writes");
        }
        let ranges = writer.finish().expect("finishes");
        let file = std::fs::read(&path).expect("read");
        assert_eq!(ranges.len(), COLOURS.len());
        for ((offset, size), rgb) in ranges.into_iter().zip(COLOURS) {
            let (w, h, pixels) = decode_jpeg(folder.path(), &file[offset as usize..][..size as usize]);
            assert_eq!((w, h), (96, 64));
            let off = worst(&pixels, rgb);
            assert!(off <= 4.0, "{name} {matrix} {range} {rgb:?}: off by {off}");
        }
    }
}

#[test]
fn a_proxy_has_one_picture_per_frame_at_the_exact_rate() {
    let folder = folder();
    ffmpeg(
        folder.path(),
        "-f lavfi -i testsrc2=s=1440x1080:r=60000/1001 -frames:v 9 -c:v libx264 -preset ultrafast -pix_fmt yuv420p a.mp4",
    );
    ffmpeg(folder.path(), "-i a.mp4 -c copy -metadata:s:v:0 rotate=270 turned.mp4");
    let (about, index) = probe(&folder.path().join("turned.mp4")).expect("probes");
    let mut reader = Reader::open(&folder.path().join("turned.mp4"), &index).expect("opens");
    let path = folder.path().join("proxy.mov");
    let mut writer = ProxyWriter::create(&path, &about).expect("creates");
    assert_eq!(writer.size(), (540, 720));
    for frame in 0..9 {
        writer.write(&reader.read(frame).expect("reads")).expect("writes");
    }
    let ranges = writer.finish().expect("finishes");
    let proxy = facts(&path);
    assert_eq!((proxy.frames, proxy.rate, proxy.codec.as_str()), (9, rate(60_000, 1001), "mjpeg"));
    assert_eq!((proxy.coded_width, proxy.coded_height, proxy.rotation), (540, 720, 0));
    assert_eq!((proxy.colour.primaries.as_str(), proxy.colour.range.as_str()), ("bt709", "pc"));
    assert_eq!(ranges.len(), 9);
}

#[test]
fn turned_pictures_are_upright() {
    // The coded picture's left half is bright; turned clockwise by 90° that is the top.
    let mut picture = Picture::new(format("yuv420p"), 32, 16);
    for y in 0..16 {
        (0..32).for_each(|x| picture.planes[0].set(x, y, if x < 16 { 235 } else { 16 }));
    }
    picture.planes[1].data.fill(128);
    picture.planes[2].data.fill(128);
    let tags = colour("bt709", "tv");
    let grey = picture.to_grey_full_range(16, 32, &tags, 90).expect("converts");
    assert_eq!((grey.data[0], grey.data[31 * 16 + 8]), (255, 0));
    let grey = picture.to_grey_full_range(16, 32, &tags, 270).expect("converts");
    assert_eq!((grey.data[0], grey.data[31 * 16 + 8]), (0, 255));
    let rgb = picture.to_rgb(32, 16, &tags, 180).expect("converts");
    assert_eq!((rgb.data[0], rgb.data[31 * 3]), (0, 255));
}

#[test]
fn posters_and_strips_are_jpegs_of_the_right_size() {
    let folder = folder();
    let tags = colour("bt709", "tv");
    let picture = flat([200.0, 40.0, 60.0], "yuv422p10le", &tags, 1920, 1080);
    let (w, h, pixels) = decode_jpeg(folder.path(), &poster(&picture, &tags, 0).expect("makes"));
    assert_eq!((w, h), (640, 360));
    assert!(worst(&pixels, [200.0, 40.0, 60.0]) <= 4.0);
    let mut strip = FilmStrip::default();
    for _ in FilmStrip::frames(100, 7) {
        strip.add(&picture, &tags, 0).expect("adds");
    }
    let (bytes, each) = strip.jpeg().expect("makes");
    let (w, h, _) = decode_jpeg(folder.path(), &bytes);
    assert_eq!((w, h, each), (7 * 96, 54, 96));
    assert_eq!(FilmStrip::frames(100, 3), [0, 49, 99]);
    assert_eq!(FilmStrip::frames(2, 9), [0, 1]);
    assert!(FilmStrip::default().jpeg().is_err());
    let small = picture.to_rgb(17, 9, &tags, 0).expect("converts");
    assert_eq!(decode_jpeg(folder.path(), &jpeg(&small, 2).expect("makes")).0, 17);
}
