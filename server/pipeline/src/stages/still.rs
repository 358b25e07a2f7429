//! One frame at full size, as people see it, for looking closely: upright, 8-bit RGB, nothing scaled and nothing compressed
//! away. Viewing only; kept samples are compared in their own planes.

use domain::PlateFacts;

use crate::plate_file::{Plate, PlateFile};
use crate::{Reporter, Result};

/// Frame `frame` of `plate` as a PNG of the size that `shown` says, turned and coloured as it says. For a result `shown` is
/// the facts of its plate, since the file itself is in coded orientation.
pub fn still(plate: Plate, frame: u32, shown: &PlateFacts, report: &mut dyn Reporter) -> Result<Vec<u8>> {
    let mut file = PlateFile::open(plate, report)?;
    let picture = file.picture(frame)?;
    let (width, height) = (shown.width(), shown.height());
    let rgb = picture.to_rgb(width, height, &shown.colour, shown.rotation)?;
    let mut bytes = Vec::with_capacity(rgb.data.len() / 2);
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().expect("writing to memory cannot fail");
    writer.write_image_data(&rgb.data).expect("writing to memory cannot fail");
    writer.finish().expect("writing to memory cannot fail");
    Ok(bytes)
}
