//! `mask_stages/`: what VOID's reference makes of masks on their way to a quadmask, to the last pixel.

use std::collections::BTreeMap;
use std::path::Path;

use domain::combine::{self, Reading};
use domain::region::{self, Region};
use domain::{Grid, Levels};
use serde::Deserialize;

use super::{Case, Golden, Report};
use crate::Error;

#[derive(Deserialize)]
struct Told {
    grid_rows: u32,
    grid_cols: u32,
    hybrid_grid_cols_rows: [u32; 2],
    object_size_primary0_wh: [u32; 2],
}

#[derive(Deserialize)]
struct Cases {
    cases: BTreeMap<String, Told>,
}

#[derive(Deserialize)]
struct Sizes {
    /// `{width}x{height}_min{least}` → two counts
    values: BTreeMap<String, [u32; 2]>,
}

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let folder = fixtures.join("mask_stages");
    let Some(Cases { cases }) = super::cases(&folder.join("cases.json"))? else { return Ok(()) };
    for (name, told) in cases {
        report.case(&name, |case| {
            let golden = Golden::open(&folder.join(format!("{name}.safetensors")))?;
            let shape = golden.tensor("primary")?.size();
            let size = (shape[2] as u32, shape[1] as u32);
            let fixture = Fixture { golden, size };
            fixture.regions(&told, case)?;
            fixture.quadmasks(&told, case)
        });
    }
    let sizes = folder.join("grid_sizes.json");
    if sizes.is_file() {
        report.case("grid_sizes", |case| grid_sizes(&crate::read_json(&sizes)?, case));
    }
    Ok(())
}

fn grid_sizes(rules: &BTreeMap<String, Sizes>, case: &mut Case) -> Result<(), Error> {
    for (rule, Sizes { values }) in rules {
        let columns_first = rule.contains("calculate_grid_size");
        for (key, [first, second]) in values {
            let numbers: Vec<u32> =
                key.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
            let [width, height, least] = numbers[..] else {
                return Err(Error::input(format!("“{key}” is no size"), "Write WIDTHxHEIGHT_minCELLS."));
            };
            let (rows, cols) = if columns_first { (*second, *first) } else { (*first, *second) };
            case.same(
                &format!("{rule} {key}"),
                Grid::with_at_least(least, width, height) == Grid { rows, cols },
            );
        }
    }
    Ok(())
}

struct Fixture {
    golden: Golden,
    /// Width, height.
    size: (u32, u32),
}

impl Fixture {
    fn bytes(&self, name: &str) -> Result<Vec<u8>, Error> {
        Ok(Vec::try_from(&self.golden.tensor(name)?.view(-1))?)
    }

    /// Frame by frame.
    fn frames(&self, name: &str) -> Result<Vec<Vec<u8>>, Error> {
        let pixels = self.size.0 as usize * self.size.1 as usize;
        Ok(self.bytes(name)?.chunks(pixels).map(<[u8]>::to_vec).collect())
    }

    fn regions_of(&self, name: &str) -> Result<Vec<Region>, Error> {
        let region =
            |grey: &Vec<u8>| Region::of_grey(self.size.0, self.size.1, grey, |v| v > 0).map_err(unfit);
        self.frames(name)?.iter().map(region).collect()
    }

    fn pairs(&self, name: &str) -> Result<Vec<(i64, i64)>, Error> {
        let flat = Vec::<i64>::try_from(&self.golden.tensor(name)?.view(-1))?;
        Ok(flat.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }

    /// The numbers with which names go on.
    fn numbers_after(&self, start: &str) -> Vec<u32> {
        self.golden.names().filter_map(|name| name.strip_prefix(start)?.parse().ok()).collect()
    }

    /// Growing, nearness, the grid, and boxes along a path.
    fn regions(&self, told: &Told, case: &mut Case) -> Result<(), Error> {
        let (width, height) = self.size;
        let grid = Grid { rows: told.grid_rows, cols: told.grid_cols };
        let (primary, affected) = (self.regions_of("primary")?, self.regions_of("affected")?);
        let snapped: Vec<_> = affected.iter().map(|region| region.snapped(grid)).collect();
        for name in ["gridified", "gridified_v1"] {
            case.same(name, snapped == self.regions_of(name)?);
        }
        for side in self.numbers_after("dilate_k") {
            let name = format!("dilate_k{side}");
            case.same(&name, [primary[0].grown(side)][..] == self.regions_of(&name)?);
        }
        for reach in self.numbers_after("proximity_d") {
            let near: Vec<_> = affected.iter().map(|thing| region::near(thing, &primary[0], reach)).collect();
            let name = format!("proximity_d{reach}");
            case.same(&name, near == self.regions_of(&name)?);
        }
        let bounds = primary[0].bounds().map(|(x0, y0, x1, y1)| [x1 - x0, y1 - y0]);
        case.same("object_size_primary0_wh", bounds == Some(told.object_size_primary0_wh));
        let [w, h] = told.object_size_primary0_wh;
        let path = self.pairs("trajectory_points_xy")?;
        for frames in self.numbers_after("trajectory_masks_T") {
            let name = format!("trajectory_masks_T{frames}");
            let carried = region::along_path(&path, (w, h), frames as usize, width, height);
            case.same(&name, carried == self.regions_of(&name)?);
        }
        let cells = self.pairs("grid_cells_rc")?;
        let cells = cells.into_iter().map(|(row, col)| (row as u32, col as u32));
        let cells = Region::of_cells(width, height, grid, cells);
        case.same("grid_cells_mask", [cells][..] == self.regions_of("grid_cells_mask")?);
        Ok(())
    }

    /// The two masks, what they become together, and the tools of the training data.
    fn quadmasks(&self, told: &Told, case: &mut Case) -> Result<(), Error> {
        let grid = Grid { rows: told.grid_rows, cols: told.grid_cols };
        let black: Vec<_> = self.regions_of("primary")?.iter().map(|region| written(region, 0)).collect();
        case.same("black", black == self.frames("black")?);
        for reach in self.numbers_after("grey_from_proximity") {
            let near = self.regions_of(&format!("proximity_d{reach}"))?;
            let grey: Vec<_> = near.iter().map(|region| written(&region.snapped(grid), 127)).collect();
            let name = format!("grey_from_proximity{reach}");
            case.same(&name, grey == self.frames(&name)?);
            for (reading, how) in [(Reading::Exact, ""), (Reading::Nearest, ", read by thresholds")] {
                for (name, clears) in [("combined_before_frame0", false), ("quadmask", true)] {
                    let mut frames = Vec::new();
                    for (i, (black, grey)) in black.iter().zip(&grey).enumerate() {
                        let made = combine::combine(self.size, black, grey, reading, clears && i == 0);
                        frames.push(made.map_err(unfit)?.0.to_grey());
                    }
                    case.same(&format!("{name}{how}"), frames == self.frames(name)?);
                }
            }
        }
        let (black, grey) = (self.bytes("noisy_black")?, self.bytes("noisy_grey")?);
        let (noisy, _) = combine::combine(self.size, &black, &grey, Reading::Exact, false).map_err(unfit)?;
        case.same("noisy_combined", noisy.to_grey() == self.bytes("noisy_combined")?);

        let mask = self.bytes("tq.mask")?;
        let three: Vec<u8> = mask.iter().map(|v| combine::trimask(*v)).collect();
        case.same("tq.trimask", three == self.bytes("tq.trimask")?);
        let (full, removed) = (self.bytes("tq.full")?, self.bytes("tq.removed")?);
        for threshold in self.numbers_after("tq.quadmask_thr") {
            let name = format!("tq.quadmask_thr{threshold}");
            let quadmask =
                combine::with_difference(self.size, &mask, &full, &removed, threshold).map_err(unfit)?;
            case.same(&name, quadmask.to_grey() == self.bytes(&name)?);
        }
        let [cols, rows] = told.hybrid_grid_cols_rows;
        let levels = Levels::from_grey(self.size.0, self.size.1, &self.bytes("hybrid.in")?).map_err(unfit)?;
        let snapped = combine::on_grid(&levels, Grid { rows, cols });
        case.same("hybrid.out", snapped.to_grey() == self.bytes("hybrid.out")?);
        Ok(())
    }
}

/// As a mask of the reference: `on` where it is meant, 255 elsewhere.
fn written(region: &Region, on: u8) -> Vec<u8> {
    region.pixels().iter().map(|meant| if *meant { on } else { 255 }).collect()
}

fn unfit(error: domain::mask::BadMask) -> Error {
    Error::input(error.to_string(), "The tensors of one case must have one size.")
}

#[cfg(test)]
mod tests {
    use super::super::check;

    #[test]
    fn mask_stages_agree_with_their_fixtures() {
        check("mask_stages");
    }
}
