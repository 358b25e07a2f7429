//! The stage looked at closely: exact frames in place of the proxy, and the values under the pointer.

use domain::Action;
use leptos::prelude::*;
use leptos::wasm_bindgen::{JsCast, JsValue};
use leptos::web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageBitmap};

use super::Stage;
use crate::routes::href;
use crate::state::comparing::Mode;
use crate::state::looking::{Exactness, Probed, Sample, is_magnified};

/// A canvas that is kept where the program reads it.
pub(super) fn to_read_from(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    let options = js_sys::Object::new();
    js_sys::Reflect::set(&options, &"willReadFrequently".into(), &JsValue::TRUE).ok()?;
    canvas.set_width(1);
    canvas.set_height(1);
    canvas.get_context_with_context_options("2d", &options).ok().flatten()?.dyn_into().ok()
}

impl Stage {
    /// Addresses of the exact frames of plate and result, where they are shown.
    fn exact_urls(&self, frame: u32, mode: Mode) -> (Option<String>, Option<String>) {
        let desk = self.desk;
        let plate = || {
            let (plate, trim) = desk.view.with(|v| (v.shot.plate, v.shot.trim));
            href::exact_frame(desk.shot_id, frame, plate, trim.map_or(0, |trim| trim.first))
        };
        let version = self.result.borrow().as_ref().map(|(id, _)| *id);
        let result = version.filter(|_| mode.needs_result());
        (mode.needs_plate().then(plate), result.map(|id| href::version_exact_frame(id, frame)))
    }

    /// Asks for exact frames where somebody looks closer than the proxy goes, and takes them where they are here.
    pub(super) fn sharpen(
        &self,
        frame: u32,
        mode: Mode,
        ratio: f64,
        shown: (Option<ImageBitmap>, Option<ImageBitmap>),
    ) -> (Option<ImageBitmap>, Option<ImageBitmap>) {
        let desk = self.desk;
        let (plate_width, _) = desk.plate_size();
        let proxy = shown.0.as_ref().or(shown.1.as_ref()).map_or(0, ImageBitmap::width);
        let is_close = desk.port.zoom.get().is_some()
            && is_magnified(proxy, plate_width as u32, desk.place().scale * ratio);
        let looks = is_close || desk.looking.probe.get();
        // Clients have the proxy; and nobody sees one picture's samples while many go by.
        if !looks || desk.playhead.speed.get() != 0 || !desk.may(Action::ViewShot) {
            self.exact.want(Vec::new());
            return shown;
        }
        let (plate, result) = self.exact_urls(frame, mode);
        self.exact.want(plate.iter().chain(&result).cloned().collect());
        let sharp = |url: Option<String>| url.and_then(|url| self.exact.picture(&url));
        match (sharp(plate), sharp(result), mode) {
            // A difference between a proxy and an exact frame would be one of compression.
            (None, _, Mode::Difference) | (_, None, Mode::Difference) => shown,
            (plate, result, _) => (plate.or(shown.0), result.or(shown.1)),
        }
    }

    /// Reads the values under the pointer; in the middle of the stage where there is none.
    pub(super) fn probe(&self, frame: u32, mode: Mode) {
        let desk = self.desk;
        let probed = desk.looking.probe.get().then(|| self.values(frame, mode)).flatten();
        if desk.looking.probed.with(|old| *old != probed) {
            desk.looking.probed.set(probed);
        }
    }

    fn values(&self, frame: u32, mode: Mode) -> Option<Probed> {
        let desk = self.desk;
        let (place, (width, height), half) = (desk.place(), desk.plate_size(), desk.half());
        let (mut x, y) = self.hover.get().unwrap_or((half.0 / 2.0, half.1 / 2.0));
        if mode == Mode::Side && x > half.0 {
            x -= half.0;
        }
        let (x, y) = place.to_plate(x, y);
        if !((0.0..width).contains(&x) && (0.0..height).contains(&y)) {
            return None;
        }
        let at = (x as u32, y as u32);
        let (plate, result) = self.both(frame, mode);
        let (plate_url, result_url) = self.exact_urls(frame, mode);
        let sample = |url: Option<String>, proxy: Option<ImageBitmap>| {
            let exact = url.and_then(|url| self.exact.picture(&url));
            let is_exact = exact.is_some();
            self.pixel(&exact.or(proxy)?, at).map(|rgb| Sample { rgb, is_exact })
        };
        Some(Probed { x: at.0, y: at.1, plate: sample(plate_url, plate), result: sample(result_url, result) })
    }

    /// The pixel of `picture` that holds the plate's pixel `at`.
    fn pixel(&self, picture: &ImageBitmap, at: (u32, u32)) -> Option<[u8; 3]> {
        let (width, height) = self.desk.plate_size();
        let place = |at: u32, of: f64, size: u32| ((f64::from(at) + 0.5) * f64::from(size) / of).floor();
        let (x, y) = (place(at.0, width, picture.width()), place(at.1, height, picture.height()));
        self.scratch
            .draw_image_with_image_bitmap_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
                picture, x, y, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0,
            )
            .ok()?;
        let data = self.scratch.get_image_data(0.0, 0.0, 1.0, 1.0).ok()?.data();
        Some([*data.0.first()?, *data.0.get(1)?, *data.0.get(2)?])
    }

    /// Says whether what is on the canvas is the proxy.
    pub(super) fn report_exactness(&self) {
        let looking = self.desk.looking;
        let exactness = self.exact.exactness();
        let is_exact = exactness == Exactness::Exact;
        let _ = self.elements.picture.set_attribute("data-exact", if is_exact { "true" } else { "false" });
        if looking.exactness.with(|old| *old != exactness) {
            looking.exactness.set(exactness);
        }
    }
}
