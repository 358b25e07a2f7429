//! Zoom and pan: where the plate lies on the stage. Screen units are CSS pixels, plate units are plate pixels.

use leptos::prelude::*;

/// Where a picture lies: its top left corner on the stage, and screen pixels per plate pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub x: f64,
    pub y: f64,
    pub scale: f64,
}

impl Place {
    pub fn to_plate(self, x: f64, y: f64) -> (f64, f64) {
        ((x - self.x) / self.scale, (y - self.y) / self.scale)
    }

    pub fn to_stage(self, x: f64, y: f64) -> (f64, f64) {
        (self.x + x * self.scale, self.y + y * self.scale)
    }

    /// A `width`×`height` plate on a stage of `stage` pixels, the plate's point `centre` (0–1 each way) in the middle.
    /// Without a zoom it fits.
    pub fn of(stage: (f64, f64), plate: (f64, f64), zoom: Option<f64>, centre: (f64, f64)) -> Self {
        let Some(scale) = zoom else {
            let scale = fit(stage, plate);
            return Self {
                x: (stage.0 - plate.0 * scale) / 2.0,
                y: (stage.1 - plate.1 * scale) / 2.0,
                scale,
            };
        };
        Self {
            x: stage.0 / 2.0 - centre.0 * plate.0 * scale,
            y: stage.1 / 2.0 - centre.1 * plate.1 * scale,
            scale,
        }
    }
}

fn fit(stage: (f64, f64), plate: (f64, f64)) -> f64 {
    let scale = (stage.0 / plate.0.max(1.0)).min(stage.1 / plate.1.max(1.0));
    scale.max(0.001)
}

const CLOSEST: f64 = 32.0;
const FARTHEST: f64 = 0.02;

/// Zoom and pan as signals, shared by every picture of the stage.
#[derive(Debug, Clone, Copy)]
pub struct Viewport {
    /// Size of the stage.
    pub stage: RwSignal<(f64, f64)>,
    /// Screen pixels per plate pixel; `None` fits.
    pub zoom: RwSignal<Option<f64>>,
    /// The plate's point in the middle of the stage, 0–1 each way.
    pub centre: RwSignal<(f64, f64)>,
}

impl Viewport {
    pub fn new() -> Self {
        Self {
            stage: RwSignal::new((0.0, 0.0)),
            zoom: RwSignal::new(None),
            centre: RwSignal::new((0.5, 0.5)),
        }
    }

    pub fn fit(self) {
        self.zoom.set(None);
        self.centre.set((0.5, 0.5));
    }

    /// Multiplies the zoom by `factor`, keeping the plate's point under `at` (stage pixels) where it is.
    pub fn zoom_by(self, factor: f64, at: (f64, f64), place: Place, plate: (f64, f64)) {
        self.zoom_to(place.scale * factor, at, place, plate);
    }

    pub fn zoom_to(self, scale: f64, at: (f64, f64), place: Place, plate: (f64, f64)) {
        let scale = scale.clamp(FARTHEST, CLOSEST);
        let point = place.to_plate(at.0, at.1);
        let stage = self.stage.get_untracked();
        let centre = (
            (point.0 + (stage.0 / 2.0 - at.0) / scale) / plate.0.max(1.0),
            (point.1 + (stage.1 / 2.0 - at.1) / scale) / plate.1.max(1.0),
        );
        self.zoom.set(Some(scale));
        self.centre.set((centre.0.clamp(0.0, 1.0), centre.1.clamp(0.0, 1.0)));
    }

    /// Moves the picture by `(dx, dy)` stage pixels.
    pub fn pan(self, dx: f64, dy: f64, place: Place, plate: (f64, f64)) {
        let stage = self.stage.get_untracked();
        let (x, y) = place.to_plate(stage.0 / 2.0 - dx, stage.1 / 2.0 - dy);
        self.zoom.set(Some(place.scale));
        self.centre.set(((x / plate.0.max(1.0)).clamp(0.0, 1.0), (y / plate.1.max(1.0)).clamp(0.0, 1.0)));
    }
}

impl Default for Viewport {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitting_shows_the_whole_plate_in_the_middle() {
        let place = Place::of((1000.0, 800.0), (4000.0, 2000.0), None, (0.5, 0.5));
        assert_eq!(place, Place { x: 0.0, y: 150.0, scale: 0.25 });
        assert_eq!(place.to_plate(500.0, 400.0), (2000.0, 1000.0));
    }

    #[test]
    fn zooming_keeps_the_point_under_the_pointer() {
        let owner = Owner::new();
        owner.set();
        let port = Viewport::new();
        port.stage.set((1000.0, 800.0));
        let plate = (4000.0, 2000.0);
        let before = Place::of((1000.0, 800.0), plate, None, (0.5, 0.5));
        port.zoom_by(4.0, (600.0, 500.0), before, plate);
        let after = Place::of((1000.0, 800.0), plate, port.zoom.get_untracked(), port.centre.get_untracked());
        let (x, y) = after.to_plate(600.0, 500.0);
        let (bx, by) = before.to_plate(600.0, 500.0);
        assert!((x - bx).abs() < 1e-6 && (y - by).abs() < 1e-6, "{x} {y}");
    }

    #[test]
    fn panning_moves_the_picture_with_the_drag_and_keeps_the_centre_on_the_plate() {
        let owner = Owner::new();
        owner.set();
        let port = Viewport::new();
        port.stage.set((1000.0, 800.0));
        let plate = (4000.0, 2000.0);
        let seen = || (port.zoom.get_untracked(), port.centre.get_untracked());
        let place = || Place::of((1000.0, 800.0), plate, seen().0, seen().1);
        // Fitted, a screen pixel is four of the plate; the picture stays that large.
        port.pan(100.0, -60.0, place(), plate);
        assert_eq!(seen(), (Some(0.25), (0.4, 0.62)));
        // Close up, it is half of one.
        port.fit();
        port.zoom.set(Some(2.0));
        let before = place();
        port.pan(100.0, -60.0, before, plate);
        assert_eq!(seen(), (Some(2.0), (0.4875, 0.515)));
        let after = place();
        assert!((after.x - before.x - 100.0).abs() < 1e-6 && (after.y - before.y + 60.0).abs() < 1e-6);
        port.pan(1e6, -1e6, place(), plate);
        assert_eq!(seen(), (Some(2.0), (0.0, 1.0)));
        port.pan(-1e6, 1e6, place(), plate);
        assert_eq!(seen(), (Some(2.0), (1.0, 0.0)));
    }
}
