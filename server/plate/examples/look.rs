//! Runs the plate engine on a plate and a quadmask through the `ffmpeg` command line and writes PNGs to look at.
//! `look PLATE QUADMASK OUT_DIR WIDTH HEIGHT [causes.json|stay]`; not part of the product.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use domain::{Cause, CellSpan, Consequence, Grid, Levels, PlateRecipe};
use plate::remove::{Picture16, Source, SourceError, remove};

struct Clip {
    plate: String,
    mask: String,
    width: u32,
    height: u32,
    count: u32,
    reader: Option<(u32, std::process::Child)>,
    masks: Option<std::process::Child>,
}

fn decode(path: &str, width: u32, height: u32, format: &str) -> std::process::Child {
    let range = if format == "gray" { ":out_range=pc,format=gray" } else { "" };
    let filter = format!("scale={width}:{height}{range}");
    let arguments = ["-v", "error", "-i", path, "-vf", &filter, "-f", "rawvideo", "-pix_fmt", format, "-"];
    Command::new("ffmpeg").args(arguments).stdout(Stdio::piped()).spawn().expect("ffmpeg is installed")
}

impl Source for Clip {
    fn count(&self) -> u32 {
        self.count
    }

    fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn picture(&mut self, frame: u32) -> Result<Picture16, SourceError> {
        let size = (self.width * self.height) as usize;
        let mut bytes = vec![0; size * 3];
        let (mut next, mut child) = match self.reader.take() {
            Some((next, child)) if next <= frame => (next, child),
            other => {
                if let Some((_, mut child)) = other {
                    child.kill()?;
                    child.wait()?;
                }
                (0, decode(&self.plate, self.width, self.height, "yuv444p"))
            }
        };
        while next <= frame {
            child.stdout.as_mut().expect("piped").read_exact(&mut bytes)?;
            next += 1;
        }
        self.reader = Some((next, child));
        let planes = bytes.chunks(size).map(|p| p.iter().map(|&v| u16::from(v) * 257).collect()).collect();
        Ok(Picture16 { width: self.width, height: self.height, planes })
    }

    fn quadmask(&mut self, _frame: u32) -> Result<Levels, SourceError> {
        let (mask, width, height) = (&self.mask, self.width, self.height);
        let child = self.masks.get_or_insert_with(|| {
            let filter =
                format!("scale={width}:{height}:flags=neighbor:in_range=tv:out_range=pc,format=gray");
            let arguments =
                ["-v", "error", "-i", mask, "-vf", &filter, "-f", "rawvideo", "-pix_fmt", "gray", "-"];
            Command::new("ffmpeg")
                .args(arguments)
                .stdout(Stdio::piped())
                .spawn()
                .expect("ffmpeg is installed")
        });
        let mut grey = vec![0; (self.width * self.height) as usize];
        child.stdout.as_mut().expect("piped").read_exact(&mut grey)?;
        Ok(Levels::from_grey(self.width, self.height, &grey)?)
    }
}

fn main() -> Result<(), SourceError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [plate, mask, out, width, height, rest @ ..] = &arguments[..] else {
        return Err("look PLATE QUADMASK OUT_DIR WIDTH HEIGHT [causes.json|stay] [every]".into());
    };
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    let probe = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v",
            "-show_entries",
            "stream=nb_frames",
            "-of",
            "csv=p=0",
            plate,
        ])
        .output()?;
    let count = String::from_utf8(probe.stdout)?.trim().trim_end_matches(',').parse()?;
    let clip = |plate: &str, mask: &str| Clip {
        plate: plate.to_owned(),
        mask: mask.to_owned(),
        width,
        height,
        count,
        reader: None,
        masks: None,
    };
    let mut source = clip(plate, mask);
    let causes: Vec<Cause> = match rest.first().map(String::as_str) {
        None | Some("none") => Vec::new(),
        Some("stay") => vec![stay_everything(&mut clip(plate, mask))?],
        Some(path) => serde_json::from_slice(&std::fs::read(path)?)?,
    };
    let every: u32 = rest.get(1).map_or(Ok(10), |e| e.parse())?;
    std::fs::create_dir_all(out)?;
    let start = Instant::now();
    let mut steps: Vec<(String, f64)> = Vec::new();
    let mut writing = 0.0;
    let summary = remove(
        &mut source,
        &causes,
        &PlateRecipe::default(),
        &mut |step, _, _| {
            let now = start.elapsed().as_secs_f64();
            if steps.last().is_none_or(|(s, _)| *s != step.slug()) {
                steps.push((step.slug().to_owned(), now));
            }
            Ok(())
        },
        &mut |filled| {
            let begin = Instant::now();
            if every > 0 && filled.frame % every == every / 2 {
                write(&format!("{out}/{:03}.png", filled.frame), &filled.picture, &filled.matte)
                    .expect("written");
            }
            writing += begin.elapsed().as_secs_f64();
            Ok(())
        },
    )?;
    let peak = std::fs::read_to_string("/proc/self/status")?;
    let peak = peak.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("").to_owned();
    let total = start.elapsed().as_secs_f64() - writing;
    eprintln!("{summary:?}\n{steps:?}\n{total:.1} s, {:.3} s per frame, {peak}", total / f64::from(count));
    Ok(())
}

/// One cause that holds every cell with something affected, frame by frame.
fn stay_everything(clip: &mut Clip) -> Result<Cause, SourceError> {
    let grid = Grid::of(clip.width, clip.height);
    let mut spans = Vec::new();
    for frame in 0..clip.count {
        let levels = clip.quadmask(frame)?;
        let mut cells = Vec::new();
        for row in 0..grid.rows {
            for col in 0..grid.cols {
                let (x0, y0, x1, y1) = grid.cell(row, col, clip.width, clip.height).expect("inside");
                if levels.get((x0 + x1) / 2, (y0 + y1) / 2).is_affected() {
                    cells.push((row, col));
                }
            }
        }
        if !cells.is_empty() {
            spans.push(CellSpan { from: frame, to: frame, cells });
        }
    }
    Ok(Cause {
        cause_id: "00000000-0000-0000-0000-000000000000".parse()?,
        name: "all".into(),
        reason: String::new(),
        consequence: Consequence::Stay,
        path: vec![],
        spans,
    })
}

/// Writes a picture as PNG through ffmpeg, the fill blended over grey where the matte is soft.
fn write(path: &str, picture: &Picture16, _matte: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    let size = format!("{}x{}", picture.width, picture.height);
    let input = ["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv444p", "-s", &size, "-i", "-"];
    let mut child = Command::new("ffmpeg").args(input).arg(path).stdin(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().expect("piped");
    for plane in &picture.planes {
        input.write_all(&plane.iter().map(|&v| (v / 257) as u8).collect::<Vec<_>>())?;
    }
    drop(input);
    child.wait()?;
    Ok(())
}
