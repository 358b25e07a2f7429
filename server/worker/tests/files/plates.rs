//! Plates that are turned, of odd size or of uneven rate, through the stages on plain files: what is kept is the plate's
//! own, and one sample too many is found.

use std::path::Path;

use domain::Rate;
use media::{Ffv1Writer, GreyWriter, PixelFormat, Reader, probe, read_mask};

use crate::{ffmpeg, worker};

const FRAMES: u32 = 4;

/// Marks a rectangle (left, top, right, bottom) of the shown picture on every frame.
fn mark(path: &Path, (width, height): (u32, u32), [left, top, right, bottom]: [u32; 4]) {
    let is_inside = |at: u32| (left..right).contains(&(at % width)) && (top..bottom).contains(&(at / width));
    let grey: Vec<u8> = (0..width * height).map(|at| if is_inside(at) { 0 } else { 255 }).collect();
    let mut writer = GreyWriter::create(path, width, height, Rate::new(24, 1).unwrap()).unwrap();
    (0..FRAMES).for_each(|_| writer.write(&grey).unwrap());
    writer.finish().unwrap();
}

/// Where a pixel of the shown picture lies in the coded one, which is turned clockwise to be shown.
fn coded((x, y): (u32, u32), (width, height): (u32, u32), rotation: u32) -> (u32, u32) {
    match rotation {
        90 => (y, width - 1 - x),
        270 => (height - 1 - y, x),
        _ => (x, y),
    }
}

/// Copies a lossless movie with one sample of its first plane one step off, on frame 1.
fn changed(from: &Path, to: &Path, (x, y): (u32, u32)) {
    let (facts, index) = probe(from, &mut |_| Ok(())).unwrap();
    let mut reader = Reader::open(from, &index).unwrap();
    let format = PixelFormat::from_name(&facts.pixel_format).unwrap();
    let (width, height) = (facts.coded_width, facts.coded_height);
    let mut copy = Ffv1Writer::create(to, &format, width, height, facts.rate, &facts.colour, None).unwrap();
    for frame in 0..facts.frames {
        let mut picture = reader.read(frame).unwrap();
        if frame == 1 {
            let old = picture.planes[0].get(x, y);
            picture.planes[0].set(x, y, old ^ 1);
        }
        copy.write(&picture).unwrap();
    }
    copy.finish().unwrap();
}

#[test]
fn turned_odd_and_uneven_plates_keep_their_samples_and_one_too_many_is_found() {
    let even = "-c:v libx264 -pix_fmt yuv420p";
    let odd = "-vf scale=33:17 -c:v ffv1 -pix_fmt yuv420p";
    let uneven = "-vf select=not(eq(mod(n\\,7)\\,3)) -fps_mode vfr -c:v libx264 -bf 2 -pix_fmt yuv420p";
    // Off the centre and longer one way, so that no other turn would do.
    for (made, options, rotation, size, marked) in [
        ("plate.mp4", even, 90, (48, 64), [6, 8, 16, 14]),
        ("plate.mp4", even, 270, (48, 64), [6, 8, 16, 14]),
        ("plate.mkv", odd, 0, (33, 17), [4, 3, 10, 7]),
        ("plate.mp4", uneven, 0, (64, 48), [6, 8, 16, 14]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (here, case) = (folder.path(), format!("{options}, turned by {rotation}"));
        let film = format!("-f lavfi -i testsrc2=s=64x48:r=30 -frames:v {FRAMES} {options} {made}");
        ffmpeg(here, &film.split_whitespace().collect::<Vec<_>>());
        let mut plate = made;
        if rotation != 0 {
            plate = "turned.mp4";
            // The command line counts turns the other way round.
            let rotate = format!("rotate={}", 360 - rotation);
            ffmpeg(here, &["-i", made, "-c", "copy", "-metadata:s:v:0", &rotate, plate]);
        }
        mark(&here.join("quadmask.mkv"), size, marked);

        let remove = "stage remove --engine plate --quadmask quadmask.mkv --out out --plate";
        let (code, said) = worker(here, &format!("{remove} {plate}"));
        assert_eq!(code, Some(0), "{case}: {said}");
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(here.join("out/report.json")).unwrap()).unwrap();
        assert_eq!((&report["plate_pixel_format"], &report["frames"]), (&"yuv420p".into(), &FRAMES.into()));
        let coded_size = if rotation == 0 { size } else { (size.1, size.0) };
        assert_eq!((&report["width"], &report["height"]), (&coded_size.0.into(), &coded_size.1.into()));
        let times = report["timestamps"].as_array().map(Vec::len);
        assert_eq!(times, (options == uneven).then_some(FRAMES as usize), "{case}");

        let edge = u32::try_from(report["edge_px"].as_u64().unwrap()).unwrap();
        let verify = |result: &str, matte: &str| {
            let files = format!("--result {result} --matte {matte}");
            worker(here, &format!("verify --plate {plate} --quadmask quadmask.mkv --edge {edge} {files}"))
        };
        let (result, matte) = ("out/result.mkv", "out/matte.mkv");
        let (code, said) = verify(result, matte);
        assert_eq!(code, Some(0), "{case}: {said}");
        let [left, top, right, bottom] = marked;
        let row = (top + bottom) / 2;
        let (x, y) = coded(((left + right) / 2, row), size, rotation);
        let grey = read_mask(&here.join(matte)).unwrap().read(0).unwrap();
        assert!(grey[(y * coded_size.0 + x) as usize] > 0, "{case}: the matte lies elsewhere");

        changed(&here.join(result), &here.join("other.mkv"), coded((size.0 - 1, size.1 - 1), size, rotation));
        let (code, said) = verify("other.mkv", matte);
        assert_eq!(code, Some(1), "{case}: {said}");
        assert!(said.contains(r#""max_delta_outside":1,"#), "{case}: {said}");
        // The first pixel beyond the edge; its pair of chroma is its own, too.
        changed(&here.join(matte), &here.join("wider.mkv"), coded((right + edge, row), size, rotation));
        let (code, said) = verify(result, "wider.mkv");
        assert_eq!(code, Some(1), "{case}: {said}");
        assert!(said.contains(r#""matte_beyond":1,"#), "{case}: {said}");
    }
}
