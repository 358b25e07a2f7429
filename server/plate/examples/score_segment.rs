//! Scores the weightless segmenter: mean intersection over union against the primary masks of the sample shots.
//! `cargo run -p plate --example score_segment -- SAMPLES_DIR CACHE_DIR [SHOT…]`; needs the ffmpeg command. A tool for tuning,
//! not part of the product. PARAMS='{"shape":2.0}' overrides parameters, DUMP=DIR keeps small overlays.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use plate::segment::{FrameMask, Frames, Prompts, SegmentParams, SourceError, segment};

struct Cached {
    video: PathBuf,
    cache: PathBuf,
    count: u32,
    size: (u32, u32),
    open: BTreeMap<(u32, u32), File>,
    spent: f64,
}

fn decode(video: &Path, to: &Path, width: u32, height: u32, format: &str) {
    if to.exists() {
        return;
    }
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-i"])
        .arg(video)
        .args(["-vf", &format!("scale={width}:{height}:flags=area"), "-f", "rawvideo", "-pix_fmt", format])
        .arg(to)
        .status()
        .expect("ffmpeg runs");
    assert!(status.success());
}

impl Frames for Cached {
    fn count(&self) -> u32 {
        self.count
    }

    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn rgb(&mut self, frame: u32, width: u32, height: u32) -> Result<Vec<u8>, SourceError> {
        let from = Instant::now();
        let path = self.cache.join(format!("{width}x{height}.rgb"));
        decode(&self.video, &path, width, height, "rgb24");
        let file =
            self.open.entry((width, height)).or_insert_with(|| File::open(&path).expect("just decoded"));
        let mut rgb = vec![0; 3 * (width * height) as usize];
        file.seek(SeekFrom::Start(u64::from(frame) * rgb.len() as u64))?;
        file.read_exact(&mut rgb)?;
        self.spent += from.elapsed().as_secs_f64();
        Ok(rgb)
    }
}

/// What each click of the first clicked frame gives on that frame alone.
fn each_click(shot: &str, frames: &mut Cached, prompts: &Prompts, gray: &mut File, params: &SegmentParams) {
    let (frame, clicks) = prompts.positive.first_key_value().expect("clicks");
    let mut found = Vec::new();
    for click in clicks {
        let one = Prompts { positive: BTreeMap::from([(*frame, vec![*click])]), ..Prompts::default() };
        let mut take = |result: FrameMask, _: u32, _: u32| {
            let mut wanted = vec![0; result.mask.len()];
            gray.seek(SeekFrom::Start(u64::from(*frame) * wanted.len() as u64)).expect("seek");
            gray.read_exact(&mut wanted).expect("a truth frame");
            let pairs = || result.mask.iter().zip(&wanted).map(|(m, t)| (*m != 0, *t < 95));
            let both = pairs().filter(|(m, t)| *m && *t).count();
            let any = pairs().filter(|(m, t)| *m || *t).count();
            found.push(both as f64 / any.max(1) as f64);
            Err(plate::segment::Stop)
        };
        segment(frames, &one, &mut (), params, &mut take).expect_err("stopped");
    }
    let mean = found.iter().sum::<f64>() / found.len() as f64;
    writeln!(std::io::stdout(), "{shot}: each click alone, mean {mean:.3}: {found:.2?}").expect("stdout");
}

fn main() {
    let mut args = std::env::args().skip(1);
    let samples = PathBuf::from(args.next().expect("samples folder"));
    let cache = PathBuf::from(args.next().expect("cache folder"));
    let mut shots: Vec<String> = args.collect();
    if shots.is_empty() {
        shots = ["lime", "pillow", "ducky-float"].map(String::from).to_vec();
    }
    let params: SegmentParams = std::env::var("PARAMS")
        .map_or_else(|_| SegmentParams::default(), |p| serde_json::from_str(&p).expect("parameters"));
    let verbose = std::env::var("VERBOSE").is_ok();
    for shot in shots {
        let folder = samples.join(&shot);
        let facts: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("segmentation_info.json")).expect("clicks"))
                .expect("JSON");
        let number = |key: &str| facts[key].as_u64().expect("a number") as u32;
        let size = (number("frame_width"), number("frame_height"));
        let count = number("total_frames");
        let mut prompts = Prompts::default();
        for (frame, points) in facts["primary_points_by_frame"].as_object().expect("clicks") {
            let points = points.as_array().expect("list").iter();
            let points = points.map(|p| (p[0].as_f64().expect("x") as f32, p[1].as_f64().expect("y") as f32));
            let one = std::env::var("ONE_CLICK").is_ok();
            prompts.positive.insert(
                frame.parse().expect("frame"),
                if one { points.take(1).collect() } else { points.collect() },
            );
        }
        let here = cache.join(&shot);
        std::fs::create_dir_all(&here).expect("cache folder");
        let truth = [folder.join("quadmask_0.mp4"), folder.join("trimask_quadmask.mp4")]
            .into_iter()
            .find(|p| p.exists());
        let gray = here.join("truth.gray");
        decode(&truth.expect("a mask"), &gray, size.0, size.1, "gray");
        let mut gray = File::open(gray).expect("truth");
        let mut frames = Cached {
            video: folder.join("input_video.mp4"),
            cache: here.clone(),
            count,
            size,
            open: BTreeMap::new(),
            spent: 0.0,
        };
        if std::env::var("EACH_CLICK").is_ok() {
            each_click(&shot, &mut frames, &prompts, &mut gray, &params);
            continue;
        }
        let mut scores = BTreeMap::new();
        let mut wrong_empty = 0;
        let mut checking = 0.0;
        let start = Instant::now();
        let mut take = |result: FrameMask, _: u32, _: u32| {
            let from = Instant::now();
            let FrameMask { frame, mask, confidence, .. } = result;
            let mut wanted = vec![0; mask.len()];
            gray.seek(SeekFrom::Start(u64::from(frame) * mask.len() as u64)).expect("seek");
            gray.read_exact(&mut wanted).expect("a truth frame");
            let (mut both, mut any, mut real) = (0_u64, 0_u64, 0_u64);
            for (m, t) in mask.iter().zip(&wanted) {
                let t = *t < 95;
                let m = *m != 0;
                both += u64::from(m && t);
                any += u64::from(m || t);
                real += u64::from(t);
            }
            if real > 0 {
                scores.insert(frame, (both as f64 / any as f64, confidence));
            } else if any > 0 {
                wrong_empty += 1;
            }
            if let Ok(dump) = std::env::var("DUMP") {
                let step = size.0.div_ceil(1000);
                let (w, h) = (size.0 / step, size.1 / step);
                let mut file = File::create(format!("{dump}/{shot}_{frame:04}.pgm")).expect("dump");
                writeln!(file, "P5 {w} {h} 255").expect("dump");
                let pixels: Vec<u8> = (0..h)
                    .flat_map(|y| (0..w).map(move |x| (y * step * size.0 + x * step) as usize))
                    .map(|i| if mask[i] != 0 { 128 } else { 0 } + if wanted[i] < 95 { 64 } else { 0 })
                    .collect();
                file.write_all(&pixels).expect("dump");
            }
            checking += from.elapsed().as_secs_f64();
            Ok(())
        };
        segment(&mut frames, &prompts, &mut (), &params, &mut take).expect("segmented");
        let seconds = start.elapsed().as_secs_f64() - checking - frames.spent;
        let mean = scores.values().map(|s| s.0).sum::<f64>() / scores.len() as f64;
        let worst = scores.iter().min_by(|a, b| a.1.0.total_cmp(&b.1.0)).expect("scored");
        let mut stdout = std::io::stdout();
        if verbose {
            for (frame, (iou, confidence)) in &scores {
                write!(stdout, "{frame}:{iou:.3}/{confidence:.2} ").expect("stdout");
            }
            writeln!(stdout).expect("stdout");
        }
        writeln!(
            stdout,
            "{shot}: mean IoU {mean:.4} over {} frames, worst {:.3} at {}, {wrong_empty} of {} empty frames wrong, {:.3} s a frame",
            scores.len(),
            worst.1.0,
            worst.0,
            count as usize - scores.len(),
            seconds / f64::from(count)
        )
        .expect("stdout");
    }
}
