//! The package in the hands of whoever gets it: unpacked and tested with an archive tool, its sums with `sha256sum`, its movies
//! with FFmpeg, and all of it held against the plate.

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::package::What;
use domain::{Levels, Movie, Trim, Verdict};
use media::{Reader, probe, read_mask};
use serde_json::{Value, json};
use storage::Store;

use super::{FRAMES, Made, STEM, levels, rows};

/// Samples of the plate's sound, at 48 kHz, while one picture is shown at 24000/1001.
const EACH: usize = 2002;

/// What a program printed that ended well.
fn done(program: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).current_dir(folder).args(arguments).output().expect(program);
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {said}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Seconds of a file's first sound track.
fn heard(path: &Path) -> f64 {
    let asked =
        ["-v", "error", "-select_streams", "a:0", "-show_entries", "stream=duration", "-of", "csv=p=0"];
    let said = done("ffprobe", Path::new("."), &[&asked[..], &[text(path)]].concat());
    said.trim().trim_end_matches(',').parse().expect("a length")
}

/// A file's first sound track, 16 bits a sample.
fn samples(path: &Path) -> Vec<u8> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(path).args([
        "-vn",
        "-c:a",
        "pcm_s16le",
        "-f",
        "s16le",
        "-",
    ]);
    let output = ffmpeg.output().expect("the ffmpeg command line is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The package with that movie, unpacked: the one folder that was in it.
async fn unpacked(made: &Made, movie: Movie, folder: &Path) -> PathBuf {
    made.package(movie, What::Package, false).await.expect("the package");
    let (delivery, archive) = made.kept(movie, What::Package).await.expect("kept");
    assert_eq!(delivery.name, format!("{STEM}_{}.zip", movie.slug()));
    let file = made.store.path_of(archive);
    let out = folder.join(movie.slug());
    std::fs::create_dir(&out).expect("a folder");
    // It says what is damaged, and ends well all the same.
    assert_eq!(done("python3", &out, &["-m", "zipfile", "-t", text(&file)]).trim(), "Done testing");
    done("python3", &out, &["-m", "zipfile", "-e", text(&file), "."]);
    let inside = out.join(STEM);
    let said = done("sha256sum", &inside, &["--strict", "--check", "SHA256SUMS"]);
    let (fine, pictures) = (said.lines().filter(|line| line.ends_with(": OK")).count(), part(made).frames);
    assert_eq!(fine, 7 + pictures as usize, "{said}");
    inside
}

/// The part of the plate that is the shot.
fn part(made: &Made) -> Trim {
    made.trim.unwrap_or(Trim { first: 0, frames: FRAMES })
}

/// Everything that must be right of a package, whatever its movie and its part of the plate in `folder`.
async fn opens_and_fits(made: &Made, movie: Movie, folder: &Path) {
    let Trim { first, frames } = part(made);
    let plate = folder.join("plate.mov");
    let inside = unpacked(made, movie, folder).await;
    let film = inside.join(format!("{STEM}_{}.mov", movie.slug()));
    let [master, matte] = ["master", "matte"].map(|what| inside.join(format!("{STEM}_{what}.mkv")));
    let quadmask = inside.join("quadmask_0.mp4");
    for file in [&film, &master, &matte, &quadmask] {
        let said = done("ffmpeg", &inside, &["-nostdin", "-v", "error", "-i", text(file), "-f", "null", "-"]);
        assert_eq!(said, "", "{movie:?} {}", file.display());
    }

    let (facts, _) = probe(&film, &mut |_| Ok(())).expect("a movie");
    let shot = db::shots::get(made.db.pool(), made.shot_id).await.expect("there").facts.expect("read");
    let codec = if movie == Movie::H264 { "h264" } else { "prores" };
    assert_eq!((facts.codec.as_str(), facts.rate, facts.frames), (codec, shot.rate, frames), "{movie:?}");
    let starts = format!("01:00:00:{first:02}");
    assert_eq!(facts.start_timecode.as_deref(), Some(starts.as_str()), "{movie:?}");
    assert!(shot.audio.is_some() && facts.audio == shot.audio, "{movie:?} {:?}", facts.audio);
    // The sound is the plate's from the part's first picture on, to the sample, and as long as its pictures.
    let (ours, theirs) = (samples(&film), samples(&plate));
    let theirs = &theirs[2 * EACH * first as usize..];
    assert!(!ours.is_empty() && theirs.starts_with(&ours), "{movie:?}: sample for sample");
    let pictures = if made.trim.is_none() { usize::MAX } else { EACH * frames as usize };
    let (count, wanted) = (ours.len() / 2, (theirs.len() / 2).min(pictures));
    assert_eq!(count, wanted, "{movie:?}");
    assert!((heard(&film) - count as f64 / 48_000.0).abs() < 2e-6, "{movie:?}: {} s", heard(&film));
    if made.trim.is_none() {
        assert!((heard(&film) - heard(&plate)).abs() < 2e-6, "{movie:?}: {} s", heard(&film));
    }

    // The master is the plate itself where the matte is 0; the quadmask is exact to the level, as movie and as pictures.
    let (_, index) = probe(&master, &mut |_| Ok(())).expect("a master");
    let (_, plate_index) = probe(&plate, &mut |_| Ok(())).expect("a plate");
    let mut ours = Reader::open(&master, &index).expect("opens");
    let mut theirs = Reader::open(&plate, &plate_index).expect("opens");
    let mut movie_of_masks = read_mask(&quadmask).expect("opens");
    for frame in 0..frames {
        let (master, plate) = (ours.read(frame).expect("reads"), theirs.read(first + frame).expect("reads"));
        for (plane, other) in master.planes.iter().zip(&plate.planes) {
            assert_eq!(plane.row(0), other.row(0), "frame {frame}: the first line has no matte");
        }
        let marked = levels(first + frame);
        assert_eq!(movie_of_masks.read(frame).expect("reads"), marked.to_grey(), "frame {frame}");
        let png = inside.join(format!("quadmask/quadmask.{}.png", 1001 + frame));
        let png = std::fs::read(png).expect("there");
        assert_eq!(Levels::from_png(&png).expect("a PNG").hash(), marked.hash(), "frame {frame}");
    }

    let report = std::fs::read(inside.join("report.json")).expect("there");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["movie"]["codec"], movie.word());
    assert_eq!(report["movie"]["sound"], "The plate's own sound, as it is.");
    assert_eq!(report["plate"]["part"], json!(made.trim));
    assert_eq!(report["plate"]["frames"], frames);
    assert_eq!(report["plate"]["start_timecode"], starts.as_str());
    assert_eq!(report["proof"]["max_delta_outside"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_with_each_movie_opens_everywhere_and_fits_its_plate() {
    let fresh = rows::sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let made = Made::new(fresh.db.clone(), folder.path()).await;
    made.decide(Verdict::Approve).await;
    for movie in Movie::ALL {
        opens_and_fits(&made, movie, folder.path()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_of_a_part_has_the_timecode_and_the_sound_of_that_part() {
    let fresh = rows::sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path().join("data")).expect("a store");
    let trim = Trim { first: 1, frames: 4 };
    let made = Made::in_store(fresh.db.clone(), folder.path(), store, Some(trim)).await;
    made.decide(Verdict::Approve).await;
    for movie in Movie::ALL {
        opens_and_fits(&made, movie, folder.path()).await;
    }
}
