//! Clips and comparisons that several tests need.

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::{Colour, PlateFacts, Rate};
use media::{Error, Index, Picture, PixelFormat, Reader};

/// Runs the `ffmpeg` command line in `folder`; `arguments` are split at spaces.
pub fn ffmpeg(folder: &Path, arguments: &str) {
    let output = Command::new("ffmpeg")
        .current_dir(folder)
        .args(["-nostdin", "-v", "error", "-y"])
        .args(arguments.split_whitespace())
        .output()
        .expect("the ffmpeg command line is installed");
    assert!(output.status.success(), "ffmpeg {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// SHA-256 of every picture as the `ffmpeg` command line decodes it.
pub fn hashes_by_ffmpeg(path: &Path, format: &str) -> Vec<String> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-noautorotate", "-flags", "bitexact", "-i"])
        .arg(path)
        .args(["-map", "0:v:0", "-fps_mode", "passthrough", "-pix_fmt", format])
        .args(["-f", "framehash", "-hash", "sha256", "-"])
        .output()
        .expect("the ffmpeg command line is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit(',').next().map(|hash| hash.trim().to_owned()))
        .collect()
}

/// As `hashes_by_ffmpeg` for 8-bit packed RGB with alpha, taken apart here into planes G B R A: the command line's own
/// conversion of these rounds.
pub fn packed_by_ffmpeg(path: &Path, packed: &str, width: usize, height: usize) -> Vec<String> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(path)
        .args(["-fps_mode", "passthrough", "-pix_fmt", packed, "-f", "rawvideo", "-"])
        .output()
        .expect("the ffmpeg command line is installed");
    let places = ["g", "b", "r", "a"].map(|c| packed.find(c).expect("a packed format"));
    let picture = |bytes: &[u8]| {
        let planes: Vec<u8> = places
            .iter()
            .flat_map(|&at| bytes.iter().skip(at).step_by(4).copied().collect::<Vec<u8>>())
            .collect();
        domain::Hash::of(&planes).to_string()
    };
    output.stdout.chunks_exact(width * height * 4).map(picture).collect()
}

pub fn probe(path: &Path) -> Result<(PlateFacts, Index), Error> {
    media::probe(path, &mut |_| Ok(()))
}

pub fn facts(path: &Path) -> PlateFacts {
    probe(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).0
}

/// Every frame's hash, read in order.
pub fn hashes(path: &Path, index: &Index) -> Vec<String> {
    let mut reader = Reader::open(path, index).expect("opens");
    (0..index.frames()).map(|frame| reader.read(frame).expect("reads").hash().to_string()).collect()
}

/// Frame numbers below `frames`, each at least once, in no order; the same on every run.
pub fn shuffled(frames: u32) -> Vec<u32> {
    let mut state = 0x9e37_79b9_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    let mut order: Vec<u32> = (0..frames).collect();
    for i in (1..order.len()).rev() {
        order.swap(i, random() as usize % (i + 1));
    }
    order
}

pub fn rate(num: u32, den: u32) -> Rate {
    Rate::new(num, den).expect("a rate")
}

pub fn format(name: &str) -> PixelFormat {
    PixelFormat::from_name(name).expect(name)
}

pub fn colour(matrix: &str, range: &str) -> Colour {
    Colour {
        primaries: "bt709".into(),
        transfer: "bt709".into(),
        matrix: matrix.into(),
        range: range.into(),
        assumed: false,
    }
}

/// A picture that uses every level of its format somewhere; different for each `seed`.
pub fn noise(format: PixelFormat, width: u32, height: u32, seed: u32) -> Picture {
    let mut picture = Picture::new(format, width, height);
    let mut state = u64::from(seed) + 1;
    for plane in &mut picture.planes {
        for y in 0..plane.height {
            for x in 0..plane.width {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let value = (state >> 40) as u16 & format.max_value();
                plane.set(x, y, value);
            }
        }
    }
    picture
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// `name` among the real shots, when they are there.
pub fn sample(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}
