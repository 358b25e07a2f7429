//! A thing that moves on its own: cut out of the plate where it was first affected, and laid along its drawn path.

use domain::{Cause, Grid, PathPoint};
use opencv::core::{Mat, Point, Rect as CvRect, Vec3b, Vector};
use opencv::imgproc;
use opencv::prelude::*;

use super::canvas::{Canvas, EMPTY};
use super::layers::grown;
use super::patches::{self, HOLE, Holed, KNOWN, VOID};
use super::picture::{MAX_PLANES, Picture16, Pixel, Rect, Samples};
use super::{Error, path};
use crate::cv;

/// A cut-out with its cover.
pub(crate) struct Sprite {
    rect: Rect,
    planes: Vec<Vec<u16>>,
    /// 0–65535.
    cover: Vec<Vec<u16>>,
    path: Vec<PathPoint>,
    /// Where the thing's centre is in the cut-out's own frame.
    anchor: (f64, f64),
    /// First and last frame in which it is laid.
    frames: (u32, u32),
}

/// A shift in pixels.
pub(crate) struct Place {
    dx: f64,
    dy: f64,
}

/// What was found out about a thing at the frame in which it is cut out.
pub(crate) struct Thing {
    pub rect: Rect,
    /// 0–255 over `rect`.
    pub mask: Vec<u8>,
    /// It had been standing there: what seems to be background shows the thing itself.
    pub stands: bool,
}

/// The rectangle around a cause's cells at `frame`.
pub(crate) fn cells(cause: &Cause, frame: u32, width: u32, height: u32) -> (Rect, Vec<Rect>) {
    let grid = Grid::of(width, height);
    let mut around = Rect { x: 0, y: 0, width: 0, height: 0 };
    let mut all = Vec::new();
    for (row, col) in cause.cells_at(frame) {
        if let Some((x0, y0, x1, y1)) = grid.cell(row, col, width, height) {
            let rect = Rect { x: x0 as i32, y: y0 as i32, width: (x1 - x0) as i32, height: (y1 - y0) as i32 };
            around = around.union(rect);
            all.push(rect);
        }
    }
    (around, all)
}

/// Finds the thing in `picture`, which shows `rect`: what differs from the clean picture inside the cells, or, where nothing does, what
/// stands out from the rim of the cells. `blocked` is non-zero over `rect` where the target covers it;
/// `told` is where the thing's centre is said to be, in plate pixels.
pub(crate) fn find(
    picture: &Picture16,
    clean: &Canvas,
    rect: Rect,
    cells: &[Rect],
    blocked: &[u8],
    told: Option<(f64, f64)>,
) -> Result<Thing, Error> {
    let (width, height) = (rect.width as usize, rect.height as usize);
    let mut inside = vec![false; width * height];
    for cell in cells {
        for y in cell.y - rect.y..cell.y - rect.y + cell.height {
            for x in cell.x - rect.x..cell.x - rect.x + cell.width {
                if x >= 0 && y >= 0 && x < rect.width && y < rect.height {
                    inside[y as usize * width + x as usize] = true;
                }
            }
        }
    }
    let mut difference = vec![0.0f32; width * height];
    for at in (0..width * height).filter(|&at| inside[at] && blocked[at] == 0) {
        let (x, y) = (f64::from(rect.x) + (at % width) as f64, f64::from(rect.y) + (at / width) as f64);
        let place = clean.at(x, y);
        if clean.origin[place] == EMPTY {
            continue;
        }
        for (plane, clean) in picture.planes.iter().zip(&clean.planes) {
            let off = f32::from(plane[at]) - f32::from(clean[place]);
            difference[at] = difference[at].max(off.abs() / 257.0);
        }
    }
    let mut mask: Vec<u8> =
        difference.iter().map(|&d| ((d - 5.0) / 9.0 * 255.0).clamp(0.0, 255.0) as u8).collect();
    let told = told.map(|(x, y)| (x - f64::from(rect.x), y - f64::from(rect.y)));
    tidy(&mut mask, width, height, told)?;
    let covered = mask.iter().filter(|&&m| m > 127).count();
    let cells_area = inside.iter().filter(|&&i| i).count().max(1);
    let stands = covered * 50 < cells_area;
    if stands {
        mask = standing_out(picture, rect, &inside, blocked)?;
        tidy(&mut mask, width, height, told)?;
    }
    Ok(Thing { rect, mask, stands })
}

/// Drops specks, closes gaps, and keeps the piece that lies at `told`, else the largest with those near its size.
fn tidy(mask: &mut Vec<u8>, width: usize, height: usize, told: Option<(f64, f64)>) -> opencv::Result<()> {
    let mut smooth = Mat::default();
    imgproc::median_blur(&cv::view(mask, width, height)?, &mut smooth, 5)?;
    let solid: Vec<u8> = cv::samples::<u8>(&smooth)?.iter().map(|&m| if m > 100 { 255 } else { 0 }).collect();
    let size = (width.max(height) / 60).max(1) as i32 * 2 + 1;
    let kernel =
        imgproc::get_structuring_element_def(imgproc::MORPH_ELLIPSE, opencv::core::Size::new(size, size))?;
    let mut closed = Mat::default();
    imgproc::morphology_ex_def(
        &cv::view(&solid, width, height)?,
        &mut closed,
        imgproc::MORPH_CLOSE,
        &kernel,
    )?;
    let (mut labels, mut stats, mut centres) = (Mat::default(), Mat::default(), Mat::default());
    let count = imgproc::connected_components_with_stats_def(&closed, &mut labels, &mut stats, &mut centres)?;
    let mut areas = vec![0; count as usize];
    for label in 1..count {
        areas[label as usize] = *stats.at_2d::<i32>(label, imgproc::CC_STAT_AREA)?;
    }
    let largest = areas.iter().copied().max().unwrap_or(0);
    let labels = cv::samples::<i32>(&labels)?;
    let soft = cv::samples::<u8>(&smooth)?;
    let named = told.and_then(|(x, y)| {
        let inside = x >= 0.0 && y >= 0.0 && x < width as f64 && y < height as f64;
        inside.then(|| labels[y as usize * width + x as usize]).filter(|&l| l > 0)
    });
    *mask = labels
        .iter()
        .zip(&soft)
        .zip(&solid)
        .map(|((&label, &soft), &solid)| {
            let kept = match named {
                Some(named) => label == named,
                None => label > 0 && areas[label as usize] * 6 >= largest,
            };
            match (kept, solid) {
                (false, _) => 0,
                (true, 0) => 255, // a closed gap
                (true, _) => soft.saturating_mul(2),
            }
        })
        .collect();
    Ok(())
}

/// What stands out from the rim of the cells.
fn standing_out(picture: &Picture16, rect: Rect, inside: &[bool], blocked: &[u8]) -> opencv::Result<Vec<u8>> {
    let (width, height) = (rect.width as usize, rect.height as usize);
    let shrink = width.max(height).div_ceil(240).max(1);
    let (small_width, small_height) = (width.div_ceil(shrink), height.div_ceil(shrink));
    let mut colours = vec![Vec3b::default(); small_width * small_height];
    let mut marks = vec![imgproc::GC_PR_FGD as u8; small_width * small_height];
    let rim = (small_width.min(small_height) / 12).max(1);
    for y in 0..small_height {
        for x in 0..small_width {
            let (px, py) = ((x * shrink).min(width - 1), (y * shrink).min(height - 1));
            let source = py * width + px;
            let at = y * small_width + x;
            for (channel, value) in colours[at].iter_mut().enumerate() {
                let plane = &picture.planes[channel.min(picture.planes.len() - 1)];
                *value = (plane[source] >> 8) as u8;
            }
            let edge = x < rim || y < rim || x + rim >= small_width || y + rim >= small_height;
            if edge || !inside[py * width + px] || blocked[py * width + px] != 0 {
                marks[at] = imgproc::GC_BGD as u8;
            }
        }
    }
    if !marks.contains(&(imgproc::GC_PR_FGD as u8)) {
        return Ok(vec![0; width * height]);
    }
    let picture = cv::view(&colours, small_width, small_height)?.try_clone()?;
    let mut marks = cv::view(&marks, small_width, small_height)?.try_clone()?;
    let (mut back, mut front) = (Mat::default(), Mat::default());
    let nowhere = CvRect::new(0, 0, 0, 0);
    imgproc::grab_cut(&picture, &mut marks, nowhere, &mut back, &mut front, 5, imgproc::GC_INIT_WITH_MASK)?;
    let marks = cv::samples::<u8>(&marks)?;
    let is_front = |m: u8| m == imgproc::GC_FGD as u8 || m == imgproc::GC_PR_FGD as u8;
    Ok((0..width * height)
        .map(|at| {
            let (x, y) = (at % width / shrink, at / width / shrink);
            if is_front(marks[y * small_width + x]) { 255 } else { 0 }
        })
        .collect())
}

/// Makes the thing whole where the target covers it within the thing's convex outline.
fn complete(
    planes: &mut [Vec<u16>],
    mask: &mut [u8],
    blocked: &[u8],
    width: usize,
    height: usize,
) -> opencv::Result<()> {
    let mut outline = Vector::<Point>::new();
    for at in (0..mask.len()).filter(|&at| mask[at] > 127) {
        outline.push(Point::new((at % width) as i32, (at / width) as i32));
    }
    let mut hull = Vector::<Point>::new();
    imgproc::convex_hull_def(&outline, &mut hull)?;
    let mut whole = Mat::zeros(height as i32, width as i32, opencv::core::CV_8UC1)?.to_mat()?;
    imgproc::fill_convex_poly_def(&mut whole, &hull, opencv::core::Scalar::all(255.0))?;
    let whole = cv::samples::<u8>(&whole)?;
    // The target's soft edge is not the thing either.
    let soft = (width.max(height) / 60).max(2);
    let near = grown(blocked, width, height, soft);
    let missing: Vec<bool> = (0..mask.len()).map(|at| whole[at] != 0 && near[at] != 0).collect();
    if !missing.contains(&true) {
        return Ok(());
    }
    let shrink = width.max(height).div_ceil(160).max(1);
    let (small_width, small_height) = (width.div_ceil(shrink), height.div_ceil(shrink));
    let mut state = vec![VOID; small_width * small_height];
    let mut small = vec![vec![0.0f32; state.len()]; planes.len()];
    let mut counts = vec![0.0f32; state.len()];
    for at in 0..mask.len() {
        let to = at / width / shrink * small_width + at % width / shrink;
        if missing[at] {
            state[to] = HOLE;
        } else if mask[at] > 200 {
            if state[to] == VOID {
                state[to] = KNOWN;
            }
            counts[to] += 1.0;
            small.iter_mut().zip(planes.iter()).for_each(|(s, p)| s[to] += f32::from(p[at]) / 257.0);
        }
    }
    for (at, &count) in counts.iter().enumerate().filter(|(_, c)| **c > 0.0) {
        small.iter_mut().for_each(|s| s[at] /= count);
    }
    let mut small = Holed { width: small_width, height: small_height, planes: small, state };
    if patches::fill(&mut small).is_none() {
        return Ok(());
    }
    for at in (0..mask.len()).filter(|&at| missing[at]) {
        let from = at / width / shrink * small_width + at % width / shrink;
        for (plane, small) in planes.iter_mut().zip(&small.planes) {
            plane[at] = (small[from] * 257.0).clamp(0.0, 65535.0) as u16;
        }
        mask[at] = 255;
    }
    Ok(())
}

impl Sprite {
    /// Cuts the thing out of `picture`, which shows its rectangle at `frame`; `None` where nothing was found.
    ///
    /// `blocked` is non-zero over the thing's rectangle where the target covers it: there it is made whole.
    pub fn cut(
        picture: &Picture16,
        thing: &Thing,
        blocked: &[u8],
        path: &[PathPoint],
        frame: u32,
        last: u32,
    ) -> Result<Option<Self>, Error> {
        let rect = thing.rect;
        let (width, height) = (rect.width as usize, rect.height as usize);
        let (mut sum, mut sx, mut sy) = (0.0f64, 0.0, 0.0);
        for (at, &m) in thing.mask.iter().enumerate() {
            let m = f64::from(m);
            sum += m;
            sx += m * (at % width) as f64;
            sy += m * (at / width) as f64;
        }
        if sum < 255.0 * 4.0 {
            return Ok(None);
        }
        let centroid = (f64::from(rect.x) + sx / sum, f64::from(rect.y) + sy / sum);
        // Where the path says the thing is now, it is: then nothing jumps. Elsewhere its centre of mass stands for it.
        let told = path::near(path, frame).filter(|(x, y)| {
            let (x, y) = (x - f64::from(rect.x), y - f64::from(rect.y));
            let inside = x >= 0.0 && y >= 0.0 && x < width as f64 && y < height as f64;
            inside && thing.mask[y as usize * width + x as usize] > 127
        });
        let mut planes = picture.planes.clone();
        let mut mask = thing.mask.clone();
        complete(&mut planes, &mut mask, blocked, width, height)?;
        let cover = vec![mask.iter().map(|&m| u16::from(m) * 257).collect()];
        let anchor = told.unwrap_or(centroid);
        Ok(Some(Self { rect, planes, cover, path: path.to_vec(), anchor, frames: (frame, last) }))
    }

    /// Where it lies at `frame`, if it is laid there at all.
    pub fn at(&self, frame: u32) -> Option<Place> {
        if frame < self.frames.0 || frame > self.frames.1 {
            return None;
        }
        let (x, y) = path::at(&self.path, frame);
        Some(Place { dx: x - self.anchor.0, dy: y - self.anchor.1 })
    }

    /// Lays the thing over `value` at a plate pixel; returns how much of the pixel things cover by then, 0–1.
    pub fn over(&self, place: &Place, x: f64, y: f64, value: &mut Pixel, cover: f32) -> f32 {
        let (u, v) = (x - place.dx - f64::from(self.rect.x), y - place.dy - f64::from(self.rect.y));
        let size =
            |planes| Samples { width: self.rect.width as usize, height: self.rect.height as usize, planes };
        let covers = size(&self.cover[..]);
        if !covers.holds(u, v) {
            return cover;
        }
        let alpha = (covers.cubic(u, v)[0] / 65535.0).clamp(0.0, 1.0);
        if alpha <= 0.0 {
            return cover;
        }
        let look = size(&self.planes[..]).cubic(u, v);
        for plane in 0..self.planes.len().min(MAX_PLANES) {
            value[plane] += (look[plane] - value[plane]) * alpha;
        }
        cover + (1.0 - cover) * alpha
    }
}
