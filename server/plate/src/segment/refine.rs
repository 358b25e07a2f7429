//! From a mask at analysis size to the plate's own pixels, its outline drawn to the edges of a larger picture
//! (guided filter: He, Sun and Tang, PAMI 2013). Nothing here changes which thing is masked.

use opencv::core::{Mat, Size};
use opencv::imgproc;
use opencv::prelude::*;

use super::raster::Raster;

/// Pixels of the analysis picture over which the outline may be soft before it is drawn sharp again.
const SOFT: f32 = 1.5;
/// The outline goes outward by this share of the picture's longer side: pixels that the object shares with what is behind
/// it are to go too.
const GROW: f32 = 0.6 / 640.0;
const RADIUS: usize = 4;
const EPSILON: f32 = 60.0;

/// The mask at plate size, 0 or 255. `distance`: signed distance at analysis size; `guide`: RGB8 at a larger size.
pub(crate) fn to_plate(
    distance: &Raster<f32>,
    guide: Option<(&[u8], usize, usize)>,
    plate: (u32, u32),
) -> opencv::Result<Vec<u8>> {
    let (w, h) = (plate.0 as usize, plate.1 as usize);
    if distance.data.iter().all(|d| *d <= -2.0) {
        return Ok(vec![0; w * h]);
    }
    let grow = GROW * distance.w.max(distance.h) as f32;
    let soft = match guide {
        Some((rgb, gw, gh)) => guided(distance, grow, rgb, gw, gh)?,
        None => distance.map(|d| ((d + grow) / SOFT).clamp(-1.0, 1.0)),
    };
    let source = Mat::new_rows_cols_with_data(soft.h as i32, soft.w as i32, &soft.data)?;
    let mut large = Mat::default();
    imgproc::resize(&source, &mut large, Size::new(w as i32, h as i32), 0.0, 0.0, imgproc::INTER_LINEAR)?;
    Ok(large.data_typed::<f32>()?.iter().map(|v| if *v > 0.0 { 255 } else { 0 }).collect())
}

fn guided(distance: &Raster<f32>, grow: f32, rgb: &[u8], w: usize, h: usize) -> opencv::Result<Raster<f32>> {
    let scale = w as f32 / distance.w as f32;
    let large = distance.resized(w, h)?.map(|d| d + grow);
    let soft = large.map(|d| (d / SOFT).clamp(-1.0, 1.0));
    let grey = Raster {
        w,
        h,
        data: rgb
            .as_chunks::<3>()
            .0
            .iter()
            .map(|p| 0.3 * f32::from(p[0]) + 0.59 * f32::from(p[1]) + 0.11 * f32::from(p[2]))
            .collect(),
    };
    let radius = ((RADIUS as f32 * scale / 2.0) as usize).max(2);
    let product = |a: &Raster<f32>, b: &Raster<f32>| Raster {
        w,
        h,
        data: a.data.iter().zip(&b.data).map(|(a, b)| a * b).collect(),
    };
    let mean_grey = grey.box_mean(radius)?;
    let mean_soft = soft.box_mean(radius)?;
    let square = product(&grey, &grey).box_mean(radius)?;
    let cross = product(&grey, &soft).box_mean(radius)?;
    let mut slope = soft.same(0.0);
    let mut base = soft.same(0.0);
    for i in 0..slope.data.len() {
        let variance = square.data[i] - mean_grey.data[i].powi(2);
        let covariance = cross.data[i] - mean_grey.data[i] * mean_soft.data[i];
        slope.data[i] = covariance / (variance + EPSILON);
        base.data[i] = mean_soft.data[i] - slope.data[i] * mean_grey.data[i];
    }
    let slope = slope.box_mean(radius)?;
    let base = base.box_mean(radius)?;
    let mut out = soft;
    for i in 0..out.data.len() {
        if large.data[i].abs() < 3.0 {
            out.data[i] = slope.data[i] * grey.data[i] + base.data[i];
        }
    }
    Ok(out)
}
