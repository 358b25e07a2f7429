//! Movies for delivery, held against the plate they belong to: with our own probe, and with the `ffmpeg` command line.

use std::path::Path;
use std::process::Command;

use domain::{Movie, PlateFacts};
use media::{Carried, MovieWriter, Picture, Reader, SoundFrom, fits_in_mov};

use crate::clips::{ffmpeg, folder, format, noise, probe};

/// What `ffprobe` says of one stream.
fn said(path: &Path, stream: &str, entry: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", stream, "-show_entries", &format!("stream={entry}")])
        .args(["-of", "csv=p=0"])
        .arg(path)
        .output()
        .expect("ffprobe is installed");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches(',')
        .to_owned()
}

/// Writes the plate's own pictures as a movie; the plate's and the movie's facts.
fn delivered(plate: &Path, movie: Movie, to: &Path) -> (PlateFacts, PlateFacts) {
    let (facts, index) = probe(plate).expect("a plate");
    let mut reader = Reader::open(plate, &index).expect("opens");
    let from = reader.read(0).expect("reads").format;
    let sound = Some(SoundFrom { path: plate, skip: 0.0, is_whole: true });
    let carried = Carried { sound, timecode: facts.start_timecode.as_deref() };
    let mut writer = MovieWriter::create(to, movie, &facts, from, carried).expect("creates");
    for frame in 0..facts.frames {
        writer.write(&reader.read(frame).expect("reads")).expect("writes");
    }
    writer.finish().expect("finishes");
    let (made, _) = probe(to).expect("a movie");
    (facts, made)
}

#[test]
fn rate_timecode_and_sound_are_the_plates() {
    let folder = folder();
    let tone = "-f lavfi -i sine=f=440:r=48000";
    for (name, rate, timecode, pictures, sound) in [
        ("plain.mov", "24000/1001", "01:00:00:00", "prores_ks -pix_fmt yuv422p10le", "pcm_s24le"),
        ("drop.mov", "30000/1001", "10:00:59;28", "libx264 -pix_fmt yuv420p", "aac"),
        ("pal.mov", "25", "09:58:00:00", "libx264 -pix_fmt yuv420p", "pcm_s16le -ac 6"),
    ] {
        let source = format!("-f lavfi -i testsrc2=s=96x64:r={rate} {tone} -t 2");
        ffmpeg(folder.path(), &format!("{source} -timecode {timecode} -c:v {pictures} -c:a {sound} {name}"));
        let plate = folder.path().join(name);
        for movie in Movie::ALL {
            let path = folder.path().join(format!("{}-{name}", movie.slug()));
            let (facts, made) = delivered(&plate, movie, &path);
            let about = format!("{name} {movie:?}");
            assert_eq!((made.rate, made.frames), (facts.rate, facts.frames), "{about}");
            assert_eq!(made.start_timecode, facts.start_timecode, "{about}");
            assert_eq!(made.start_timecode.as_deref(), Some(timecode), "{about}");
            assert_eq!(made.audio, facts.audio, "{about}");
            assert_eq!(said(&path, "v:0", "r_frame_rate"), said(&plate, "v:0", "r_frame_rate"), "{about}");
            let seconds = |path: &Path| said(path, "a:0", "duration").parse::<f64>().expect("a length");
            let (ours, theirs) = (seconds(&path), seconds(&plate));
            // Compressed sound ends with a whole packet.
            let most = if sound == "aac" { 1024.0 / 48_000.0 } else { 1e-6 };
            assert!((ours - theirs).abs() <= most, "{about}: {ours} s of sound, the plate has {theirs} s");
            let samples = |path: &Path, to: &str| {
                let input = path.file_name().and_then(|n| n.to_str()).expect("text");
                ffmpeg(folder.path(), &format!("-i {input} -vn -t 1.9 -f s16le -c:a pcm_s16le {to}"));
                std::fs::read(folder.path().join(to)).expect("samples")
            };
            assert_eq!(
                samples(&path, "ours.raw"),
                samples(&plate, "theirs.raw"),
                "{about}: sample for sample"
            );
            let profile = said(&path, "v:0", "profile");
            let wanted = match movie {
                Movie::Prores422Hq => "HQ",
                Movie::Prores4444 => "4444",
                Movie::H264 => "High",
            };
            assert_eq!(profile, wanted, "{about}");
            assert_eq!(said(&path, "v:0", "color_range"), "tv", "{about}");
        }
    }
}

/// Largest and mean difference of a plane, in parts of the range.
fn far(ours: &Picture, theirs: &Picture, plane: usize) -> (f64, f64) {
    let (a, b) = (&ours.planes[plane], &theirs.planes[plane]);
    let part = |picture: &Picture, value: u16| f64::from(value) / f64::from(picture.format.max_value());
    let places = (0..a.height).flat_map(|y| (0..a.width).map(move |x| (x, y)));
    let all: Vec<f64> =
        places.map(|(x, y)| (part(ours, a.get(x, y)) - part(theirs, b.get(x, y))).abs()).collect();
    (all.iter().copied().fold(0.0, f64::max), all.iter().sum::<f64>() / all.len() as f64)
}

fn first(path: &Path) -> Picture {
    let (_, index) = probe(path).expect("a file");
    Reader::open(path, &index).expect("opens").read(0).expect("reads")
}

#[test]
fn pictures_stay_close_and_alpha_is_kept() {
    let folder = folder();
    ffmpeg(
        folder.path(),
        "-f lavfi -i testsrc2=s=96x64:r=25 -t 0.2 -vf format=yuva444p10le,geq=lum='p(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='X*10' \
         -c:v prores_ks -profile:v 4444 -alpha_bits 16 alpha.mov",
    );
    let plate = folder.path().join("alpha.mov");
    let path = folder.path().join("alpha-4444.mov");
    let (facts, made) = delivered(&plate, Movie::Prores4444, &path);
    assert!(facts.has_alpha && made.has_alpha, "{}", made.pixel_format);
    let (before, after) = (first(&plate), first(&path));
    let (luma, alpha) = (far(&after, &before, 0), far(&after, &before, 3));
    assert!(luma.0 < 0.02 && alpha.0 < 0.002, "luma {luma:?} alpha {alpha:?}");
    let opaque = folder.path().join("alpha-422.mov");
    let (_, made) = delivered(&plate, Movie::Prores422Hq, &opaque);
    assert!(!made.has_alpha);
    let luma = far(&first(&opaque), &before, 0);
    assert!(luma.1 < 0.01, "luma {luma:?}");
}

#[test]
fn every_kind_of_plate_becomes_every_kind_of_movie() {
    let folder = folder();
    let facts = {
        ffmpeg(
            folder.path(),
            "-f lavfi -i testsrc2=s=64x48:r=24 -t 0.2 -c:v libx264 -pix_fmt yuv420p any.mov",
        );
        probe(&folder.path().join("any.mov")).expect("a plate").0
    };
    for name in ["yuv420p", "yuv444p12le", "yuva420p", "gray", "gray16le", "gbrp", "gbrap12le", "yuv411p"] {
        for (width, height) in [(64, 48), (33, 17)] {
            for movie in Movie::ALL {
                let from = format(name);
                let path = folder.path().join("made.mov");
                let facts =
                    PlateFacts { coded_width: width, coded_height: height, rotation: 90, ..facts.clone() };
                let mut writer = MovieWriter::create(&path, movie, &facts, from, Carried::default())
                    .unwrap_or_else(|error| panic!("{name} {movie:?} {width}×{height}: {error}"));
                (0..3).for_each(|seed| writer.write(&noise(from, width, height, seed)).expect("writes"));
                writer.finish().expect("finishes");
                let (made, _) = probe(&path).expect("a movie");
                let even = |size: u32| if movie == Movie::H264 { size & !1 } else { size };
                assert_eq!(
                    (made.coded_width, made.coded_height),
                    (even(width), even(height)),
                    "{name} {movie:?}"
                );
                assert_eq!((made.frames, made.rotation), (3, 90), "{name} {movie:?}");
                assert_eq!(
                    made.has_alpha,
                    movie == Movie::Prores4444 && from.has_alpha(),
                    "{name} {movie:?}"
                );
            }
        }
    }
}

#[test]
fn sound_that_mov_cannot_hold_is_known_before() {
    let folder = folder();
    let source = "-f lavfi -i testsrc2=s=64x48:r=25 -f lavfi -i sine -t 0.5 -c:v libx264 -pix_fmt yuv420p";
    ffmpeg(folder.path(), &format!("{source} -c:a libopus opus.mkv"));
    ffmpeg(folder.path(), &format!("{source} -c:a libvorbis vorbis.mkv"));
    ffmpeg(folder.path(), &format!("{source} -c:a aac aac.mkv"));
    ffmpeg(folder.path(), &format!("{source} -an mute.mkv"));
    let fits = |name: &str| fits_in_mov(&folder.path().join(name)).expect("opens");
    assert_eq!([fits("opus.mkv"), fits("vorbis.mkv")], [Some(false), Some(false)]);
    assert_eq!([fits("aac.mkv"), fits("mute.mkv")], [Some(true), None]);
}
