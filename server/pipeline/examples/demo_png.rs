//! Writes frames of the demo scenes as PNG files, to be looked at:
//! `demo_png DIR [--size WxH] [--frames N] [--seed N] [--only NAME] [--at F,F,…] [--masks] [--time]`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use domain::{Level, Levels, Rate};
use pipeline::demo::{Kind, Rgb, Scene};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().ok_or("the first argument is the folder to write to")?);
    std::fs::create_dir_all(&dir)?;
    let (mut size, mut frames, mut seed, mut only, mut at, mut masks, mut time) =
        ((960, 540), None, 0, String::new(), None, false, false);
    while let Some(flag) = args.next() {
        let mut value = || args.next().ok_or(format!("{flag} needs a value"));
        match flag.as_str() {
            "--size" => {
                let text = value()?;
                let (w, h) = text.split_once('x').ok_or("--size is WxH")?;
                size = (w.parse()?, h.parse()?);
            }
            "--frames" => frames = Some(value()?.parse()?),
            "--seed" => seed = value()?.parse()?,
            "--only" => only = value()?,
            "--at" => at = Some(value()?.split(',').map(str::parse).collect::<Result<Vec<u32>, _>>()?),
            "--time" => time = true,
            "--masks" => masks = true,
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    for kind in Kind::ALL.into_iter().filter(|kind| kind.title().contains(&only)) {
        let frames = frames.unwrap_or(kind.usual_frames());
        let scene = Scene::new(kind, seed, size.0, size.1, frames, Rate::new(24, 1)?);
        if time {
            let started = Instant::now();
            let scene = Scene::new(kind, seed, size.0, size.1, frames, Rate::new(24, 1)?);
            let made = started.elapsed().as_secs_f64();
            for frame in (0..frames).step_by(6) {
                scene.plate_16(frame);
            }
            let each = (started.elapsed().as_secs_f64() - made) / f64::from(frames.div_ceil(6));
            eprintln!("{}: {made:.2} s to set up, {:.1} frames/s", scene.name(), 1.0 / each);
            continue;
        }
        let wanted = at.clone().unwrap_or_else(|| vec![0, frames / 3, frames / 2, frames - 1]);
        for frame in wanted {
            let plate = scene.plate(frame);
            let file = |what: &str| dir.join(format!("{}-{frame:03}-{what}.png", scene.name()));
            save(&file("plate"), &plate)?;
            save(&file("truth"), &scene.truth(frame))?;
            if masks {
                save(&file("mask"), &tinted(&plate, &scene.quadmask(frame)))?;
                save(&file("close"), &tinted(&plate, &scene.close_quadmask(frame)))?;
            }
        }
        if masks {
            eprintln!("{:#?}", scene.target().points);
            for cause in scene.causes() {
                eprintln!("{} {:?}: {} spans", cause.name, cause.consequence, cause.spans.len());
            }
        }
    }
    Ok(())
}

/// The plate under the quadmask's colours.
fn tinted(plate: &Rgb, levels: &Levels) -> Rgb {
    let mut tinted = plate.clone();
    for (at, pixel) in tinted.samples.chunks_exact_mut(3).enumerate() {
        let (x, y) = (at as u32 % plate.width, at as u32 / plate.width);
        let colour = match levels.get(x, y) {
            Level::Primary => [0xff, 0x6b, 0x1a],
            Level::Overlap => [0x8e, 0x4e, 0xc6],
            Level::Affected => [0x3d, 0xd6, 0xf5],
            Level::Background => continue,
        };
        for (sample, tint) in pixel.iter_mut().zip(colour) {
            *sample = ((u32::from(*sample) + u32::from(tint as u8)) / 2) as u8;
        }
    }
    tinted
}

fn save(path: &Path, picture: &Rgb) -> Result<(), Box<dyn std::error::Error>> {
    let file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&picture.samples)?;
    Ok(())
}
