//! Movies for delivery: ProRes or H.264 in MOV, at the plate's rate and coded size, turned for display as the plate is, with
//! its sound and timecode. For looking at and for the edit; what keeps every sample is in `ffv1`.

use std::path::Path;

use domain::{Colour, Movie, PlateFacts};

use crate::convert::Scaler;
use crate::encode::{Carried, Settings, VideoFile};
use crate::picture::PADDING;
use crate::{Error, Family, Picture, PixelFormat};

/// Writes one movie, a picture at a time. Dropped before `finish`, it removes the file.
pub struct MovieWriter {
    file: VideoFile,
    /// Of the pictures that come in.
    colour: Colour,
    matrix: i32,
    /// What the encoder takes.
    format: PixelFormat,
    width: u32,
    height: u32,
    convert: Option<((PixelFormat, u32, u32), Scaler)>,
}

impl MovieWriter {
    /// For pictures of `from`, the samples of a result, of the plate with `facts`. Alpha is kept by ProRes 4444 alone; H.264 has
    /// even sizes only, so that an odd picture is scaled to one column or row less.
    pub fn create(
        path: &Path,
        movie: Movie,
        facts: &PlateFacts,
        from: PixelFormat,
        carried: Carried<'_>,
    ) -> Result<Self, Error> {
        let yuv = |depth, alpha, chroma| {
            PixelFormat::new(Family::Yuv, depth, alpha, chroma).ok_or_else(|| Error::Engine {
                doing: format!("write {}", movie.word()),
                reason: "this FFmpeg lacks its pixel format".into(),
            })
        };
        let has_alpha = movie == Movie::Prores4444 && from.has_alpha();
        let format = match movie {
            Movie::Prores422Hq => yuv(10, false, (1, 0))?,
            Movie::Prores4444 => yuv(10, has_alpha, (0, 0))?,
            Movie::H264 => yuv(8, false, (1, 1))?,
        };
        let even = |size: u32| if movie == Movie::H264 { size & !1 } else { size };
        let (width, height) = (even(facts.coded_width), even(facts.coded_height));
        let (matrix, name) = matrix_of(&facts.colour, from, facts.height());
        let tags = Colour { matrix: name, range: "tv".into(), ..facts.colour.clone() };
        let (timescale, each_second) =
            (facts.rate.num().to_string(), facts.rate.nominal().max(1).to_string());
        let time = ("video_track_timescale", timescale.as_str());
        let alpha = ("alpha_bits", if has_alpha { "16" } else { "0" });
        let prores = |profile| [time, ("profile", profile), ("vendor", "apl0"), alpha];
        // Without B-frames the first picture is the first in the file: nothing to be hidden by an edit list.
        let h264 = [
            time,
            ("crf", "16"),
            ("preset", "medium"),
            ("bf", "0"),
            ("g", each_second.as_str()),
            ("movflags", "+faststart"),
        ];
        let (hq, full) = (prores("hq"), prores("4444"));
        let (encoder, options): (_, &[(&str, &str)]) = match movie {
            Movie::Prores422Hq => ("prores_ks", &hq),
            Movie::Prores4444 => ("prores_ks", &full),
            Movie::H264 => ("libx264", &h264),
        };
        let settings = Settings {
            container: "mov",
            encoder,
            layout: format.av(),
            width,
            height,
            rate: facts.rate,
            colour: &tags,
            options,
            quantiser: None,
            threads: 3,
            rotation: facts.rotation,
            carried,
            tags: &[],
        };
        let file = VideoFile::create(path, &settings)?;
        Ok(Self { file, colour: facts.colour.clone(), matrix, format, width, height, convert: None })
    }

    /// Appends one picture in coded orientation.
    pub fn write(&mut self, picture: &Picture) -> Result<(), Error> {
        let kind = (picture.format, picture.width, picture.height);
        if self.convert.as_ref().is_none_or(|(made_for, _)| *made_for != kind) {
            let opaque = PixelFormat::new(Family::Yuv, self.format.depth(), false, self.format.chroma());
            let to = opaque.unwrap_or(self.format).av();
            let scaler = Scaler::to_movie(picture, &self.colour, self.matrix, to, self.width, self.height)?;
            self.convert = Some((kind, scaler));
        }
        let (_, scaler) = self.convert.as_mut().expect("just made");
        let mut out = Picture::new(self.format, self.width, self.height);
        let sizes: Vec<usize> = out.planes.iter().map(|plane| plane.data.len()).collect();
        let mut targets: Vec<_> = out
            .planes
            .iter_mut()
            .take(3)
            .map(|plane| {
                let stride = plane.stride();
                plane.data.resize(plane.data.len() + PADDING, 0);
                (&mut plane.data, stride)
            })
            .collect();
        scaler.run(picture, &mut targets)?;
        for (plane, size) in out.planes.iter_mut().zip(sizes) {
            plane.data.truncate(size);
        }
        if self.format.has_alpha() {
            copy_alpha(picture, &mut out);
        }
        self.file.write(&out)
    }

    /// Completes the file.
    pub fn finish(self) -> Result<(), Error> {
        self.file.finish()
    }
}

/// FFmpeg's number and name of the matrix that the movie is coded with: the source's own, and for pictures without one that of
/// their height.
fn matrix_of(colour: &Colour, from: PixelFormat, height: u32) -> (i32, String) {
    if from.family() == Family::Yuv {
        return (crate::colour::matrix_number(colour), colour.matrix.clone());
    }
    let name = if height >= 720 { "bt709" } else { "smpte170m" };
    let colour = Colour { matrix: name.into(), ..colour.clone() };
    (crate::colour::matrix_number(&colour), colour.matrix)
}

/// The last plane, each value at the other depth, rounded.
fn copy_alpha(from: &Picture, to: &mut Picture) {
    let (max, wanted) = (u32::from(from.format.max_value()), u32::from(to.format.max_value()));
    let source = from.format.has_alpha().then(|| from.planes.last()).flatten();
    let Some(target) = to.planes.last_mut() else { return };
    for y in 0..target.height {
        for x in 0..target.width {
            let value = source.map_or(max, |plane| u32::from(plane.get(x, y)));
            target.set(x, y, ((value * wanted + max / 2) / max) as u16);
        }
    }
}
