//! Plates and their quadmasks as files, as a user would bring them: rendered ones, and pieces of real ones.

use std::path::{Path, PathBuf};

use media::{Ffv1Writer, GreyWriter, QuadmaskWriter, Reader, ffv1_format, probe, read_mask};
use pipeline::demo::Scene;

use super::film::{self, Format};

/// A plate and its quadmask.
pub struct Footage {
    pub plate: PathBuf,
    pub quadmask: PathBuf,
    pub frames: u32,
    pub size: (u32, u32),
    /// FFmpeg's name.
    pub format: String,
}

impl Footage {
    /// Renders `scene` into `folder`, once for each of `formats`: FFV1, and the quadmask as VOID's tools write it.
    pub fn of_scene(
        scene: &Scene,
        formats: &[Format],
        seed: u64,
        folder: &Path,
    ) -> anyhow::Result<Vec<Self>> {
        let (size, frames) = ((scene.width(), scene.height()), scene.frames());
        let quadmask = folder.join("quadmask_0.mp4");
        let mut masks = QuadmaskWriter::create(&quadmask, size.0, size.1, scene.rate())?;
        let mut all = Vec::new();
        for format in formats {
            let pixels = format.pixels();
            anyhow::ensure!(ffv1_format(&pixels)? == pixels, "FFV1 lacks {pixels}");
            let plate = folder.join(format!("plate-{}.mkv", format.name));
            let (rate, colour) = (scene.rate(), film::colour());
            let writer = Ffv1Writer::create(&plate, &pixels, size.0, size.1, rate, &colour, None)?;
            let footage =
                Self { plate, quadmask: quadmask.clone(), frames, size, format: format.name.into() };
            all.push((footage, writer, pixels));
        }
        for frame in 0..frames {
            let rendered = scene.plate_16(frame);
            for (_, writer, pixels) in &mut all {
                writer.write(&film::picture(&rendered, *pixels, frame, seed))?;
            }
            masks.write(&scene.quadmask(frame).to_grey())?;
        }
        masks.finish()?;
        let finished = all.into_iter().map(|(footage, writer, _)| writer.finish().map(|()| footage));
        Ok(finished.collect::<Result<_, _>>()?)
    }

    /// A real shot as it came: `folder` holds `input_video.mp4` and one quadmask.
    pub fn of_folder(folder: &Path) -> anyhow::Result<Self> {
        let plate = folder.join("input_video.mp4");
        let (facts, _) = probe(&plate, &mut |_| Ok(()))?;
        let masks = ["quadmask_0.mp4", "trimask_quadmask.mp4"].map(|name| folder.join(name));
        let quadmask = masks.into_iter().find(|path| path.is_file());
        let quadmask =
            quadmask.ok_or_else(|| anyhow::anyhow!("there is no quadmask in {}", folder.display()))?;
        let size = (facts.coded_width, facts.coded_height);
        Ok(Self { plate, quadmask, frames: facts.frames, size, format: facts.pixel_format })
    }

    /// `frames` frames from a third of the shot on, in each of `formats`; lossless, into `folder`.
    pub fn piece(
        &self,
        formats: &[Format],
        frames: u32,
        seed: u64,
        folder: &Path,
    ) -> anyhow::Result<Vec<Self>> {
        let frames = frames.min(self.frames);
        let first = (self.frames / 3).min(self.frames - frames);
        let (facts, index) = probe(&self.plate, &mut |_| Ok(()))?;
        let (width, height) = self.size;
        let quadmask = folder.join("quadmask.mkv");
        let mut masks = read_mask(&self.quadmask)?;
        let mut cut = GreyWriter::create(&quadmask, width, height, facts.rate)?;
        for frame in first..first + frames {
            cut.write(&masks.read(frame)?)?;
        }
        cut.finish()?;
        let mut all = Vec::new();
        for format in formats {
            let plate = folder.join(format!("piece-{}.mkv", format.name));
            let pixels = format.pixels();
            let mut reader = Reader::open(&self.plate, &index)?;
            let mut writer =
                Ffv1Writer::create(&plate, &pixels, width, height, facts.rate, &facts.colour, None)?;
            for frame in first..first + frames {
                writer.write(&film::recast(&reader.read(frame)?, pixels, frame, seed))?;
            }
            writer.finish()?;
            let (quadmask, size, format) = (quadmask.clone(), self.size, format.name.into());
            all.push(Self { plate, quadmask, frames, size, format });
        }
        Ok(all)
    }
}
