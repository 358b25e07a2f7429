//! The plate engine on scenes whose truth is known: a textured, drifting background, a target and what it affects.

use domain::{Cause, CellSpan, Consequence, Grid, Level, Levels, PathPoint, PlateRecipe, Step};
use plate::remove::{Error, Filled, Picture16, Rect, Source, SourceError, Stop, Summary, remove};

/// What is drawn: discs over a textured ground, and who is the target.
#[derive(Clone)]
struct Scene {
    width: u32,
    height: u32,
    frames: u32,
    /// Pixels per frame.
    drift: (f64, f64),
    /// The target's centre, if it is there.
    target: fn(u32) -> Option<(f64, f64)>,
    /// Strength of the target's shadow, which lies to its right.
    shadow: f64,
    /// Another thing's centre as filmed, and as it would have been.
    thing: fn(u32) -> Option<(f64, f64)>,
    thing_truth: fn(u32) -> Option<(f64, f64)>,
    cut: Option<u32>,
    /// Cells affected on every frame from here on.
    affected: Option<u32>,
    cells: Vec<(u32, u32)>,
    /// By how much a frame is brighter than the scene itself.
    light: fn(u32) -> f64,
    /// Deviation of the grain on what is filmed; the truth has none.
    grain: f64,
}

const RADIUS: f64 = 14.0;

fn nobody(_: u32) -> Option<(f64, f64)> {
    None
}

/// White noise of unit deviation, the same for the same place.
fn white(frame: u32, x: u32, y: u32) -> f64 {
    let mut h = (u64::from(frame) << 40) ^ (u64::from(y) << 20) ^ u64::from(x);
    h = (h ^ 0x5DEE_CE66).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    h = (h ^ (h >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    h ^= h >> 31;
    let sum: u64 = (0..4).map(|k| (h >> (16 * k)) & 0xffff).sum();
    (sum as f64 - 131_070.0) / 37_837.0
}

impl Scene {
    fn new(width: u32, height: u32, frames: u32) -> Self {
        Self {
            width,
            height,
            frames,
            drift: (0.0, 0.0),
            target: |f| Some((30.0 + 6.0 * f64::from(f), 60.0)),
            shadow: 0.0,
            thing: nobody,
            thing_truth: nobody,
            cut: None,
            affected: None,
            cells: vec![],
            light: |_| 1.0,
            grain: 0.0,
        }
    }

    fn ground(&self, frame: u32, x: f64, y: f64) -> [f64; 3] {
        let (x, y) = (x + self.drift.0 * f64::from(frame), y + self.drift.1 * f64::from(frame));
        let turn = if self.cut.is_some_and(|cut| frame >= cut) { 1.7 } else { 0.0 };
        let wave = |a: f64, b: f64| (a * x + b * y + turn * 10.0).sin();
        let fine = wave(0.31, 0.22) * wave(-0.19, 0.35) + 0.6 * wave(0.53, -0.41) * wave(0.07, 0.11);
        let luma = 0.5 + 0.12 * fine + 0.1 * wave(0.021, 0.033) - 0.15 * turn / 1.7 * wave(0.4, 0.0);
        [luma, 0.5 + 0.05 * wave(0.05, 0.01), 0.5 + 0.05 * wave(-0.02, 0.06)]
    }

    fn pixel(&self, frame: u32, x: f64, y: f64, truth: bool) -> [f64; 3] {
        let mut colour = self.ground(frame, x, y);
        let cover = |centre: (f64, f64), soft: f64| {
            ((RADIUS - (x - centre.0).hypot(y - centre.1)) / soft + 0.5).clamp(0.0, 1.0)
        };
        let lay = |colour: &mut [f64; 3], alpha: f64, over: [f64; 3]| {
            colour.iter_mut().zip(over).for_each(|(c, o)| *c += (o - *c) * alpha);
        };
        let thing = if truth { self.thing_truth } else { self.thing };
        if let Some(centre) = thing(frame) {
            let stripe = 0.75 + 0.1 * (0.8 * (x - centre.0)).sin();
            lay(&mut colour, cover(centre, 1.0), [stripe, 0.3, 0.62]);
        }
        if let Some(centre) = (self.target)(frame).filter(|_| !truth) {
            let shade = self.shadow * cover((centre.0 + 1.6 * RADIUS, centre.1 + 4.0), 12.0);
            colour[0] *= 1.0 - shade;
            lay(&mut colour, cover(centre, 1.0), [0.15, 0.6, 0.45]);
        }
        colour[0] *= (self.light)(frame);
        colour
    }

    fn render(&self, frame: u32, truth: bool) -> Picture16 {
        let mut planes = vec![Vec::new(); 3];
        for y in 0..self.height {
            for x in 0..self.width {
                let mut colour = self.pixel(frame, f64::from(x), f64::from(y), truth);
                if !truth {
                    colour[0] += self.grain * white(frame, x, y);
                }
                planes.iter_mut().zip(colour).for_each(|(p, c)| p.push((c.clamp(0.0, 1.0) * 65535.0) as u16));
            }
        }
        Picture16 { width: self.width, height: self.height, planes }
    }

    fn levels(&self, frame: u32) -> Levels {
        let mut levels = Levels::background(self.width, self.height);
        if let Some((cx, cy)) = (self.target)(frame) {
            for y in 0..self.height {
                for x in 0..self.width {
                    if (f64::from(x) - cx).hypot(f64::from(y) - cy) < RADIUS + 1.5 {
                        levels.set(x, y, Level::Primary);
                    }
                }
            }
        }
        if self.affected.is_some_and(|from| frame >= from) {
            let grid = Grid::of(self.width, self.height);
            for &(row, col) in &self.cells {
                let (x0, y0, x1, y1) = grid.cell(row, col, self.width, self.height).unwrap();
                for y in y0..y1 {
                    levels.map_span(y, x0, x1, |l| Level::of_layers(l.is_primary(), true));
                }
            }
        }
        levels
    }

    fn cause(&self, consequence: Consequence, path: Vec<PathPoint>) -> Cause {
        Cause {
            cause_id: "00000000-0000-0000-0000-000000000001".parse().unwrap(),
            name: "Ball".into(),
            reason: String::new(),
            consequence,
            path,
            spans: vec![CellSpan {
                from: self.affected.unwrap_or(0),
                to: self.frames - 1,
                cells: self.cells.clone(),
            }],
        }
    }
}

impl Source for Scene {
    fn count(&self) -> u32 {
        self.frames
    }

    fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn picture(&mut self, frame: u32) -> Result<Picture16, SourceError> {
        Ok(self.render(frame, false))
    }

    fn quadmask(&mut self, frame: u32) -> Result<Levels, SourceError> {
        Ok(self.levels(frame))
    }
}

/// A scene with its plate drawn once.
struct Drawn<'a>(&'a Scene, &'a [Picture16]);

impl Source for Drawn<'_> {
    fn count(&self) -> u32 {
        self.0.frames
    }

    fn size(&self) -> (u32, u32) {
        (self.0.width, self.0.height)
    }

    fn picture(&mut self, frame: u32) -> Result<Picture16, SourceError> {
        Ok(self.1[frame as usize].clone())
    }

    fn quadmask(&mut self, frame: u32) -> Result<Levels, SourceError> {
        Ok(self.0.levels(frame))
    }
}

struct Outcome {
    summary: Summary,
    frames: Vec<Filled>,
    /// Luma against the truth inside the matte, in dB.
    psnr: f64,
}

/// A finished frame at the plate's size.
fn whole(filled: Filled, plate: &Picture16) -> Filled {
    let (mut picture, mut matte) = (plate.clone(), vec![0; (plate.width * plate.height) as usize]);
    let Rect { x, y, width, .. } = filled.rect;
    for (row, line) in filled.matte.chunks(width.max(1) as usize).enumerate() {
        let to = (y as usize + row) * plate.width as usize + x as usize;
        let from = row * width as usize..(row + 1) * width as usize;
        matte[to..to + line.len()].copy_from_slice(line);
        for (all, piece) in picture.planes.iter_mut().zip(&filled.picture.planes) {
            all[to..to + line.len()].copy_from_slice(&piece[from.clone()]);
        }
    }
    let rect = Rect { x: 0, y: 0, width: plate.width as i32, height: plate.height as i32 };
    Filled { rect, picture, matte, ..filled }
}

/// Runs a removal and checks what always holds: order, support, and that nothing outside the matte is touched.
fn run(scene: &Scene, causes: &[Cause], recipe: &PlateRecipe) -> Outcome {
    let mut frames = Vec::new();
    let plates: Vec<Picture16> = (0..scene.frames).map(|frame| scene.render(frame, false)).collect();
    let mut source = Drawn(scene, &plates);
    let summary = remove(&mut source, causes, recipe, &mut |_, _, _| Ok(()), &mut |filled| {
        let plate: &Picture16 = &plates[filled.frame as usize];
        frames.push(whole(filled, plate));
        Ok(())
    })
    .unwrap();
    let (mut error, mut count) = (0.0, 0u64);
    for (at, filled) in frames.iter().enumerate() {
        assert_eq!(filled.frame, at as u32);
        let (plate, truth) = (&plates[at], scene.render(filled.frame, true));
        let levels = scene.levels(filled.frame);
        let edge = recipe.edge_px as i32;
        let inside = |x: i32, y: i32| {
            (0..scene.width as i32).contains(&x)
                && (0..scene.height as i32).contains(&y)
                && levels.get(x as u32, y as u32) != Level::Background
        };
        let mut pixels = 0;
        for (at, &matte) in filled.matte.iter().enumerate() {
            if matte == 0 {
                (0..3).for_each(|p| assert_eq!(filled.picture.planes[p][at], plate.planes[p][at]));
                continue;
            }
            pixels += 1;
            let (x, y) = ((at % scene.width as usize) as i32, (at / scene.width as usize) as i32);
            let near = (-edge..=edge).any(|dy| {
                (-edge..=edge).any(|dx| dx * dx + dy * dy <= edge * edge && inside(x + dx, y + dy))
            });
            assert!(near, "frame {} reaches too far at {x}, {y}", filled.frame);
            let share = f64::from(matte) / 255.0;
            let shown = f64::from(plate.planes[0][at]) * (1.0 - share)
                + f64::from(filled.picture.planes[0][at]) * share;
            error += ((shown - f64::from(truth.planes[0][at])) / 65535.0).powi(2);
            count += 1;
        }
        assert_eq!(filled.seen + filled.guessed, pixels);
    }
    assert_eq!(frames.len() as u32, scene.frames);
    let psnr = if count == 0 { f64::INFINITY } else { -10.0 * (error / count as f64).max(1e-12).log10() };
    eprintln!("{psnr:.1} dB against {summary:?}");
    Outcome { summary, frames, psnr }
}

fn plain() -> PlateRecipe {
    PlateRecipe::default()
}

#[test]
fn a_target_that_moves_over_a_drifting_ground_is_replaced_by_what_was_behind_it() {
    let scene = Scene { drift: (0.37, -0.21), ..Scene::new(240, 136, 24) };
    let outcome = run(&scene, &[], &plain());
    assert!(outcome.psnr > 50.0, "{:.1} dB", outcome.psnr);
    assert!(outcome.summary.seen > 50 * outcome.summary.guessed, "{:?}", outcome.summary);
}

#[test]
fn a_soft_shadow_inside_the_approved_region_goes_with_its_target() {
    let cells = (2..6).flat_map(|row| (0..14).map(move |col| (row, col))).collect();
    let scene = Scene { shadow: 0.4, affected: Some(0), cells, ..Scene::new(240, 136, 24) };
    let outcome = run(&scene, &[scene.cause(Consequence::Vanish, vec![])], &plain());
    assert!(outcome.psnr > 44.0, "{:.1} dB", outcome.psnr);
}

#[test]
fn a_thing_that_stays_shows_what_it_was_before_it_was_pushed() {
    let scene = Scene {
        thing: |f| Some((150.0 + f64::from(f.saturating_sub(12)) * 2.0, 60.0)),
        thing_truth: |_| Some((150.0, 60.0)),
        target: |f| Some((30.0 + 7.0 * f64::from(f), 60.0)),
        affected: Some(12),
        cells: (2..5).flat_map(|row| (7..13).map(move |col| (row, col))).collect(),
        drift: (0.0, 0.0),
        ..Scene::new(240, 136, 20)
    };
    let outcome = run(&scene, &[scene.cause(Consequence::Stay, vec![])], &plain());
    assert!(outcome.psnr > 50.0, "{:.1} dB", outcome.psnr);
}

#[test]
fn what_is_kept_is_left_as_filmed() {
    let mut scene = Scene::new(240, 136, 8);
    scene.affected = Some(0);
    scene.cells = vec![(6, 10), (6, 11)];
    let outcome = run(&scene, &[scene.cause(Consequence::Keep, vec![])], &plain());
    let grid = Grid::of(240, 136);
    let (x0, y0, x1, y1) = grid.cell(6, 10, 240, 136).unwrap();
    for filled in &outcome.frames {
        let kept = (y0..y1).all(|y| (x0..x1).all(|x| filled.matte[(y * 240 + x) as usize] == 0));
        assert!(kept, "frame {}", filled.frame);
    }
}

#[test]
fn a_kept_thing_is_whole_where_the_target_passes_in_front_of_it() {
    let walks = |f: u32| Some((40.0 + 5.0 * f64::from(f), 66.0));
    let scene = Scene {
        target: |f| Some((200.0 - 7.0 * f64::from(f), 60.0)),
        thing: walks,
        thing_truth: walks,
        cells: (2..6).flat_map(|row| (3..10).map(move |col| (row, col))).collect(),
        ..Scene::new(240, 136, 24)
    };
    // Marked as a person would: while the two are near each other.
    let mut keep = scene.cause(Consequence::Keep, vec![]);
    (keep.spans[0].from, keep.spans[0].to) = (10, 16);
    let kept = run(&scene, &[keep], &plain());
    let lost = run(&scene, &[], &plain());
    assert!(kept.psnr > lost.psnr + 3.0, "{:.1} dB with the cause, {:.1} dB without", kept.psnr, lost.psnr);
}

/// A ball that the target stops at x = 90 and that would have rolled on to the right.
fn stopped_ball() -> Scene {
    Scene {
        target: |_| Some((112.0, 60.0)),
        thing: |f| Some(((30.0 + 6.0 * f64::from(f)).min(82.0), 60.0)),
        thing_truth: |f| Some((30.0 + 6.0 * f64::from(f), 60.0)),
        affected: Some(8),
        cells: (2..5).flat_map(|row| (3..14).map(move |col| (row, col))).collect(),
        ..Scene::new(240, 136, 24)
    }
}

#[test]
fn a_thing_with_a_path_goes_along_it() {
    let scene = stopped_ball();
    let truth = scene.thing_truth;
    let path = [8, 14, 23].map(|frame| {
        let (x, y) = truth(frame).unwrap();
        PathPoint { frame, x: x as f32, y: y as f32 }
    });
    let outcome = run(&scene, &[scene.cause(Consequence::React, path.to_vec())], &plain());
    assert_eq!(outcome.summary.notes, Vec::<String>::new());
    // The ball itself: its middle shows its own colours at the path's end.
    let last = &outcome.frames[23];
    let (x, y) = truth(23).unwrap();
    let at = y as usize * 240 + x as usize;
    let wanted = scene.render(23, true);
    for plane in 0..3 {
        let off = f64::from(last.picture.planes[plane][at].abs_diff(wanted.planes[plane][at])) / 65535.0;
        assert!(off < 0.04, "plane {plane} is off by {off}");
    }
    assert!(outcome.psnr > 28.0, "{:.1} dB", outcome.psnr);
}

#[test]
fn react_without_a_path_is_refused_with_what_to_do() {
    let mut scene = stopped_ball();
    // A single point is a place, not a way.
    for path in [vec![], vec![PathPoint { frame: 8, x: 90.0, y: 68.0 }]] {
        let cause = scene.cause(Consequence::React, path);
        let refused =
            remove(&mut scene, &[cause], &plain(), &mut |_, _, _| Ok(()), &mut |_| Ok(())).unwrap_err();
        assert!(matches!(&refused, Error::NoPath { name } if name == "Ball"));
        let words = refused.to_string();
        assert!(words.contains("draw") && words.contains("VOID"), "{words}");
    }
}

#[test]
fn a_target_that_never_moves_is_filled_from_its_surroundings_and_steadily() {
    let scene = Scene { target: |_| Some((120.0, 66.0)), drift: (0.02, 0.01), ..Scene::new(240, 136, 10) };
    let outcome = run(&scene, &[], &plain());
    assert!(outcome.psnr > 23.0, "{:.1} dB", outcome.psnr);
    assert!(outcome.summary.guessed > outcome.summary.seen);
    let (first, last) = (&outcome.frames[0], &outcome.frames[9]);
    let changes: Vec<f64> = (0..first.matte.len())
        .filter(|&at| first.matte[at] == 255)
        .map(|at| f64::from(first.picture.planes[0][at].abs_diff(last.picture.planes[0][at])) / 65535.0)
        .collect();
    let mean = changes.iter().sum::<f64>() / changes.len() as f64;
    assert!(mean < 0.05, "the fill flickers by {mean}");
}

#[test]
fn nothing_is_taken_across_a_cut() {
    // Before the cut the target stands still: only the other scene shows anything there.
    let scene =
        Scene { target: |f| (f < 6).then_some((120.0, 66.0)), cut: Some(6), ..Scene::new(240, 136, 12) };
    let outcome = run(&scene, &[], &plain());
    assert_eq!(outcome.summary.scenes, 2);
    assert!(outcome.summary.guessed > outcome.summary.seen, "{:?}", outcome.summary);
}

#[test]
fn frames_in_another_light_are_matched_before_they_are_mixed() {
    // So slow that each place is hidden for a third of the time: what mixes the other frames as they are gets another
    // light there than around it. That is off by two levels of 255, 42 dB; what is matched, by a fraction of one.
    let check = |light: fn(u32) -> f64, how: &str| {
        let target = |f: u32| Some((30.0 + 4.0 * f64::from(f), 60.0));
        let scene = Scene { target, light, ..Scene::new(240, 136, 24) };
        let outcome = run(&scene, &[], &plain());
        assert!(outcome.psnr > 48.0, "it {how}: {:.1} dB", outcome.psnr);
        assert!(outcome.summary.seen > 50 * outcome.summary.guessed, "it {how}: {:?}", outcome.summary);
    };
    let grows = |f: u32| 1.0 + 0.01 * f64::from(f);
    let flickers = |f: u32| if f.is_multiple_of(2) { 1.0 } else { 1.06 };
    check(grows, "grows");
    check(flickers, "flickers");
}

#[test]
fn what_is_filled_has_the_grain_of_what_is_around_it() {
    let scene = Scene { grain: 0.012, ..Scene::new(240, 136, 24) };
    let variance = |all: &[f64]| {
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        all.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / all.len() as f64
    };
    // About the clean picture: where nothing but fill shows, as a part of what it is in the plate.
    let share = |grain: f32| {
        let outcome = run(&scene, &[], &PlateRecipe { grain, ..plain() });
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for filled in &outcome.frames {
            let clean = scene.render(filled.frame, true);
            let pairs = filled.picture.planes[0].iter().zip(&clean.planes[0]);
            for ((&shown, &clean), &matte) in pairs.zip(&filled.matte) {
                let off = f64::from(shown) - f64::from(clean);
                match matte {
                    0 => outside.push(off),
                    255 => inside.push(off),
                    _ => {}
                }
            }
        }
        variance(&inside) / variance(&outside)
    };
    let (with, without) = (share(1.0), share(0.0));
    assert!((0.7..1.4).contains(&with), "{with:.2} of the grain around it, {without:.2} without");
    // The mean of four looks and more has a quarter of the grain at most.
    assert!(without < 0.5, "{without:.2} of the grain around it where none was asked for");
}

#[test]
fn an_empty_quadmask_changes_nothing() {
    let scene = Scene { target: nobody, ..Scene::new(96, 64, 4) };
    let outcome = run(&scene, &[], &plain());
    assert!(outcome.frames.iter().all(|f| f.matte.iter().all(|&m| m == 0)));
    assert_eq!((outcome.summary.seen, outcome.summary.guessed), (0, 0));
}

#[test]
fn one_frame_odd_sizes_and_the_smallest_size_work() {
    for (width, height, frames) in [(97, 65, 1), (131, 77, 3), (16, 16, 2), (17, 31, 3)] {
        let target = |f: u32| Some((9.0 + f64::from(f), 9.0));
        let scene = Scene { target, ..Scene::new(width, height, frames) };
        for reach in [0, 1, 256] {
            let recipe = PlateRecipe { reach, ..plain() };
            run(&scene, &[], &recipe);
        }
    }
}

#[test]
fn a_target_that_fills_the_whole_picture_is_filled_with_something() {
    let scene = Scene { target: |_| Some((16.0, 16.0)), ..Scene::new(20, 20, 2) };
    let outcome = run(&scene, &[], &plain());
    assert!(outcome.summary.guessed > 0);
}

#[test]
fn the_same_recipe_gives_the_same_pixels_and_another_edge_another_matte() {
    let scene = Scene { drift: (0.3, 0.1), ..Scene::new(160, 96, 6) };
    let (one, two) = (run(&scene, &[], &plain()), run(&scene, &[], &plain()));
    for (a, b) in one.frames.iter().zip(&two.frames) {
        assert!(a.picture == b.picture && a.matte == b.matte, "frame {}", a.frame);
    }
    let wide = PlateRecipe { edge_px: 9, feather_px: 20, ..plain() };
    let area = |o: &Outcome| o.frames[3].matte.iter().filter(|&&m| m > 0).count();
    assert!(area(&run(&scene, &[], &wide)) > area(&one));
}

#[test]
fn a_caller_that_says_stop_is_heard_and_a_mask_of_another_size_is_refused() {
    let scene = Scene::new(96, 64, 4);
    let stop = |step: Step, _, _| if step == Step::Fill { Err(Stop) } else { Ok(()) };
    let stopped = remove(&mut scene.clone(), &[], &plain(), &mut { stop }, &mut |_| Ok(()));
    assert!(matches!(stopped, Err(Error::Stopped)));

    struct Other(Scene);
    impl Source for Other {
        fn count(&self) -> u32 {
            self.0.frames
        }
        fn size(&self) -> (u32, u32) {
            self.0.size()
        }
        fn picture(&mut self, frame: u32) -> Result<Picture16, SourceError> {
            self.0.picture(frame)
        }
        fn quadmask(&mut self, _: u32) -> Result<Levels, SourceError> {
            Ok(Levels::background(8, 8))
        }
    }
    let refused = remove(&mut Other(scene), &[], &plain(), &mut |_, _, _| Ok(()), &mut |_| Ok(()));
    assert!(matches!(refused, Err(Error::MaskSize { frame: 0, width: 8, height: 8 })));
}
