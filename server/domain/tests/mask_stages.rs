//! The reference's mask arithmetic, exactly, on its own inputs and outputs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use domain::combine::{self, Reading};
use domain::region::{self, Region};
use domain::{Grid, Levels};
use serde_json::Value;

#[expect(clippy::print_stdout, reason = "a test says that it was skipped")]
fn fixtures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/mask_stages");
    if !folder.is_dir() {
        println!("skipped: no ../shared/fixtures beside the checkout");
        return None;
    }
    Some(folder)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A safetensors file: each tensor's shape and bytes.
struct Case {
    bytes: Vec<u8>,
    header: Value,
    data: usize,
    width: u32,
    height: u32,
}

impl Case {
    fn open(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let data = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..data]).unwrap();
        let size = |axis: usize| header["primary"]["shape"][axis].as_u64().unwrap() as u32;
        let (height, width) = (size(1), size(2));
        Self { bytes, header, data, width, height }
    }

    fn bytes(&self, name: &str) -> &[u8] {
        let at = |i: usize| self.data + self.header[name]["data_offsets"][i].as_u64().unwrap() as usize;
        &self.bytes[at(0)..at(1)]
    }

    fn frames(&self, name: &str) -> Vec<&[u8]> {
        self.bytes(name).chunks(self.width as usize * self.height as usize).collect()
    }

    fn regions(&self, name: &str) -> Vec<Region> {
        let region = |grey: &&[u8]| Region::of_grey(self.width, self.height, grey, |v| v > 0).unwrap();
        self.frames(name).iter().map(region).collect()
    }

    fn pairs(&self, name: &str) -> Vec<(i64, i64)> {
        let number = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().unwrap());
        self.bytes(name).chunks(16).map(|pair| (number(&pair[..8]), number(&pair[8..]))).collect()
    }

    fn numbers_in(&self, start: &str) -> Vec<u32> {
        let names = self.header.as_object().unwrap().keys();
        names.filter_map(|name| name.strip_prefix(start)?.parse().ok()).collect()
    }
}

#[test]
fn every_mask_stage_is_exact() {
    let Some(folder) = fixtures() else { return };
    let cases = json(&folder.join("cases.json"));
    let cases = cases["cases"].as_object().unwrap();
    assert!(!cases.is_empty());
    for (name, told) in cases {
        let number = |key: &str, at: usize| told[key][at].as_u64().unwrap() as u32;
        let case = Case::open(&folder.join(format!("{name}.safetensors")));
        let (width, height) = (case.width, case.height);
        let grid = Grid {
            rows: told["grid_rows"].as_u64().unwrap() as u32,
            cols: told["grid_cols"].as_u64().unwrap() as u32,
        };
        let least: u32 = name.split("_min").last().unwrap().parse().unwrap();
        assert_eq!(Grid::with_at_least(least, width, height), grid, "{name}");
        let (primary, affected) = (case.regions("primary"), case.regions("affected"));

        let snapped: Vec<_> = affected.iter().map(|region| region.snapped(grid)).collect();
        assert_eq!(snapped, case.regions("gridified"), "{name}");
        for side in case.numbers_in("dilate_k") {
            assert_eq!(primary[0].grown(side), case.regions(&format!("dilate_k{side}"))[0], "{name} {side}");
        }
        for reach in case.numbers_in("proximity_d") {
            let near: Vec<_> = affected.iter().map(|thing| region::near(thing, &primary[0], reach)).collect();
            assert_eq!(near, case.regions(&format!("proximity_d{reach}")), "{name} {reach}");
        }

        let written = |region: &Region, on: u8, off: u8| -> Vec<u8> {
            region.pixels().iter().map(|meant| if *meant { on } else { off }).collect()
        };
        let black: Vec<_> = primary.iter().map(|region| written(region, 0, 255)).collect();
        assert_eq!(black, case.frames("black"), "{name}");
        let reach = case.numbers_in("grey_from_proximity")[0];
        let near = case.regions(&format!("proximity_d{reach}"));
        let grey: Vec<_> = near.iter().map(|region| written(&region.snapped(grid), 127, 255)).collect();
        assert_eq!(grey, case.frames(&format!("grey_from_proximity{reach}")), "{name}");
        for reading in [Reading::Exact, Reading::Nearest] {
            for (i, (black, grey)) in black.iter().zip(&grey).enumerate() {
                let all = combine::combine((width, height), black, grey, reading, false).unwrap();
                assert_eq!(all.0.to_grey(), case.frames("combined_before_frame0")[i], "{name} {i}");
                let quadmask = combine::combine((width, height), black, grey, reading, i == 0).unwrap();
                assert_eq!(quadmask.0.to_grey(), case.frames("quadmask")[i], "{name} {i}");
                assert_eq!(all.1.inexact, 0);
            }
        }
        let (black, grey) = (case.bytes("noisy_black"), case.bytes("noisy_grey"));
        let noisy = combine::combine((width, height), black, grey, Reading::Exact, false).unwrap();
        assert_eq!(noisy.0.to_grey(), case.bytes("noisy_combined"), "{name}");
        assert!(noisy.1.inexact > 0, "{name}");

        let size = primary[0].bounds().map(|(x0, y0, x1, y1)| (x1 - x0, y1 - y0)).unwrap();
        assert_eq!(
            size,
            (number("object_size_primary0_wh", 0), number("object_size_primary0_wh", 1)),
            "{name}"
        );
        let frames = case.numbers_in("trajectory_masks_T")[0];
        let path = case.pairs("trajectory_points_xy");
        let carried = region::along_path(&path, size, frames as usize, width, height);
        assert_eq!(carried, case.regions(&format!("trajectory_masks_T{frames}")), "{name}");
        let cells = case.pairs("grid_cells_rc").into_iter().map(|(row, col)| (row as u32, col as u32));
        let cells = Region::of_cells(width, height, grid, cells);
        assert_eq!(cells, case.regions("grid_cells_mask")[0], "{name}");

        let mask = case.bytes("tq.mask");
        let three: Vec<u8> = mask.iter().map(|v| combine::trimask(*v)).collect();
        assert_eq!(three, case.bytes("tq.trimask"), "{name}");
        for threshold in case.numbers_in("tq.quadmask_thr") {
            let (full, removed) = (case.bytes("tq.full"), case.bytes("tq.removed"));
            let quadmask = combine::with_difference((width, height), mask, full, removed, threshold).unwrap();
            assert_eq!(quadmask.to_grey(), case.bytes(&format!("tq.quadmask_thr{threshold}")), "{name}");
        }
        let hybrid =
            Grid { cols: number("hybrid_grid_cols_rows", 0), rows: number("hybrid_grid_cols_rows", 1) };
        let levels = Levels::from_grey(width, height, case.bytes("hybrid.in")).unwrap();
        assert_eq!(combine::on_grid(&levels, hybrid).to_grey(), case.bytes("hybrid.out"), "{name}");
    }
}

#[test]
fn every_grid_has_the_references_size() {
    let Some(folder) = fixtures() else { return };
    let file = json(&folder.join("grid_sizes.json"));
    for (rule, rows_first) in
        [("stage3a.calculate_square_grid", true), ("data_generation.calculate_grid_size", false)]
    {
        let values: BTreeMap<String, [u32; 2]> =
            serde_json::from_value(file[rule]["values"].clone()).unwrap();
        assert!(!values.is_empty());
        for (key, [first, second]) in values {
            let (size, least) = key.split_once("_min").unwrap();
            let (width, height) = size.split_once('x').unwrap();
            let grid =
                Grid::with_at_least(least.parse().unwrap(), width.parse().unwrap(), height.parse().unwrap());
            let (rows, cols) = if rows_first { (first, second) } else { (second, first) };
            assert_eq!(grid, Grid { rows, cols }, "{rule} {key}");
        }
    }
}
