//! A plain two-dimensional array and the few picture operations the segmenter needs on it.
//! OpenCV is called here and in `flow` only. What the numbers mean is the callers' business.

use opencv::core::{CV_32F, Mat, Point, Scalar, Size};
use opencv::imgproc;
use opencv::prelude::*;

/// Row-major samples of one plane.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Raster<T> {
    pub w: usize,
    pub h: usize,
    pub data: Vec<T>,
}

/// One Lab pixel, OpenCV's 8-bit scale (lightness 0..=255, a and b around 128).
pub(crate) type Lab = [u8; 3];

impl<T: Copy> Raster<T> {
    pub fn filled(w: usize, h: usize, value: T) -> Self {
        Self { w, h, data: vec![value; w * h] }
    }

    pub fn same<U: Copy>(&self, value: U) -> Raster<U> {
        Raster::filled(self.w, self.h, value)
    }

    pub fn map<U: Copy>(&self, f: impl Fn(T) -> U) -> Raster<U> {
        Raster { w: self.w, h: self.h, data: self.data.iter().map(|v| f(*v)).collect() }
    }

    pub fn at(&self, x: usize, y: usize) -> T {
        self.data[y * self.w + x]
    }

    /// The sample at the nearest place inside.
    pub fn clamped(&self, x: i32, y: i32) -> T {
        self.at(x.clamp(0, self.w as i32 - 1) as usize, y.clamp(0, self.h as i32 - 1) as usize)
    }

    pub fn contains(&self, x: f32, y: f32) -> bool {
        x >= -0.5 && y >= -0.5 && x < self.w as f32 - 0.5 && y < self.h as f32 - 0.5
    }
}

impl Raster<f32> {
    /// Bilinear; outside, the nearest edge sample.
    pub fn sample(&self, x: f32, y: f32) -> f32 {
        let x = x.clamp(0.0, self.w as f32 - 1.0);
        let y = y.clamp(0.0, self.h as f32 - 1.0);
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(self.w - 1), (y0 + 1).min(self.h - 1));
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let top = self.at(x0, y0) * (1.0 - fx) + self.at(x1, y0) * fx;
        let bottom = self.at(x0, y1) * (1.0 - fx) + self.at(x1, y1) * fx;
        top * (1.0 - fy) + bottom * fy
    }

    pub fn blurred(&self, sigma: f64) -> opencv::Result<Self> {
        let source = Mat::new_rows_cols_with_data(self.h as i32, self.w as i32, &self.data)?;
        let mut out = Mat::default();
        imgproc::gaussian_blur(
            &source,
            &mut out,
            Size::new(0, 0),
            sigma,
            sigma,
            opencv::core::BORDER_REPLICATE,
        )?;
        Ok(Self { w: self.w, h: self.h, data: out.data_typed::<f32>()?.to_vec() })
    }

    pub fn box_mean(&self, radius: usize) -> opencv::Result<Self> {
        let source = Mat::new_rows_cols_with_data(self.h as i32, self.w as i32, &self.data)?;
        let mut out = Mat::default();
        let side = 2 * radius as i32 + 1;
        imgproc::box_filter(
            &source,
            &mut out,
            -1,
            Size::new(side, side),
            Point::new(-1, -1),
            true,
            opencv::core::BORDER_REFLECT,
        )?;
        Ok(Self { w: self.w, h: self.h, data: out.data_typed::<f32>()?.to_vec() })
    }

    pub fn resized(&self, w: usize, h: usize) -> opencv::Result<Self> {
        let source = Mat::new_rows_cols_with_data(self.h as i32, self.w as i32, &self.data)?;
        let mut out = Mat::default();
        imgproc::resize(&source, &mut out, Size::new(w as i32, h as i32), 0.0, 0.0, imgproc::INTER_LINEAR)?;
        Ok(Self { w, h, data: out.data_typed::<f32>()?.to_vec() })
    }
}

impl Raster<bool> {
    pub fn area(&self) -> usize {
        self.data.iter().filter(|v| **v).count()
    }

    /// Signed distance in pixels: positive inside, negative outside; ±`far` where one side is empty.
    pub fn signed_distance(&self, far: f32) -> opencv::Result<Raster<f32>> {
        let area = self.area();
        if area == 0 || area == self.data.len() {
            return Ok(self.same(if area == 0 { -far } else { far }));
        }
        let inside = self.distance(true)?;
        let outside = self.distance(false)?;
        let data = inside.iter().zip(&outside).map(|(i, o)| if *i > 0.0 { i - 0.5 } else { 0.5 - o });
        Ok(Raster { w: self.w, h: self.h, data: data.map(|d| d.clamp(-far, far)).collect() })
    }

    /// For every pixel that equals `of`, how far the nearest other pixel is; 0 elsewhere.
    fn distance(&self, of: bool) -> opencv::Result<Vec<f32>> {
        let bytes: Vec<u8> = self.data.iter().map(|v| if *v == of { 255 } else { 0 }).collect();
        let source = Mat::new_rows_cols_with_data(self.h as i32, self.w as i32, &bytes)?;
        let mut out = Mat::default();
        imgproc::distance_transform(&source, &mut out, imgproc::DIST_L2, imgproc::DIST_MASK_5, CV_32F)?;
        Ok(out.data_typed::<f32>()?.to_vec())
    }

    /// Connected pieces of the set pixels (8-neighbours): label per pixel (0: not set) and area per label.
    pub fn pieces(&self) -> (Raster<u32>, Vec<usize>) {
        let mut labels = self.same(0_u32);
        let mut areas = vec![0];
        let mut stack = Vec::new();
        for start in 0..self.data.len() {
            if !self.data[start] || labels.data[start] != 0 {
                continue;
            }
            let label = areas.len() as u32;
            areas.push(0);
            labels.data[start] = label;
            stack.push(start);
            while let Some(at) = stack.pop() {
                areas[label as usize] += 1;
                let (x, y) = (at % self.w, at / self.w);
                for ny in y.saturating_sub(1)..(y + 2).min(self.h) {
                    for nx in x.saturating_sub(1)..(x + 2).min(self.w) {
                        let next = ny * self.w + nx;
                        if self.data[next] && labels.data[next] == 0 {
                            labels.data[next] = label;
                            stack.push(next);
                        }
                    }
                }
            }
        }
        (labels, areas)
    }

    /// The set pixels without pieces below `smallest` pixels, and with holes below that filled.
    pub fn tidied(&self, smallest: usize) -> Self {
        let (labels, areas) = self.pieces();
        let kept = Raster {
            w: self.w,
            h: self.h,
            data: labels.data.iter().map(|l| *l != 0 && areas[*l as usize] >= smallest).collect(),
        };
        let (holes, areas) = kept.map(|v| !v).pieces();
        let data = holes.data.iter().map(|l| *l == 0 || areas[*l as usize] < smallest).collect();
        Self { w: self.w, h: self.h, data }
    }
}

impl Raster<Lab> {
    /// From RGB8 bytes, softened by about a pixel so that grain does not decide.
    pub fn lab(rgb: &[u8], w: usize, h: usize, sigma: f64) -> opencv::Result<Self> {
        let source = Mat::new_rows_cols_with_data(1, rgb.len() as i32, rgb)?;
        let source = source.reshape(3, h as i32)?;
        let mut soft = Mat::default();
        imgproc::gaussian_blur(
            &source,
            &mut soft,
            Size::new(0, 0),
            sigma,
            sigma,
            opencv::core::BORDER_REPLICATE,
        )?;
        let mut out = Mat::default();
        imgproc::cvt_color(&soft, &mut out, imgproc::COLOR_RGB2Lab, 0)?;
        let bytes = out.data_bytes()?;
        Ok(Self { w, h, data: bytes.as_chunks::<3>().0.to_vec() })
    }
}

/// A filled convex polygon around the points, as a mask; lines and single points give what they cover.
pub(crate) fn hull_mask(points: &[(f32, f32)], w: usize, h: usize) -> opencv::Result<Raster<bool>> {
    let mut image = Mat::zeros(h as i32, w as i32, opencv::core::CV_8U)?.to_mat()?;
    let points: opencv::core::Vector<Point> =
        points.iter().map(|p| Point::new(p.0.round() as i32, p.1.round() as i32)).collect();
    let mut hull = opencv::core::Vector::<Point>::new();
    imgproc::convex_hull(&points, &mut hull, false, true)?;
    imgproc::fill_convex_poly(&mut image, &hull, Scalar::all(255.0), imgproc::LINE_8, 0)?;
    Ok(Raster { w, h, data: image.data_bytes()?.iter().map(|v| *v != 0).collect() })
}
