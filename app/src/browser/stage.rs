//! The stage: paints the picture of the playhead's frame, the comparison with a result, and the levels over it. It reads
//! the desk's signals and writes back only what is on the canvas.
//!
//! One rule keeps old pictures away: every wish for a frame has a number, and a wish older than the one on the canvas is
//! never painted.

mod close;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::time::Duration;

use domain::{Hash, Levels, VersionId};
use leptos::prelude::*;
use leptos::wasm_bindgen::closure::Closure;
use leptos::wasm_bindgen::{Clamped, JsCast, JsValue};
use leptos::web_sys::{
    CanvasRenderingContext2d, HtmlCanvasElement, HtmlElement, ImageBitmap, ImageData, ResizeObserver,
};

use self::close::to_read_from;
use super::HERE;
use super::exact::Exact;
use super::masks::{Mask, Masks};
use super::overlay::{self, Cells, Layer, Look};
use super::pictures::{Pictures, Plan, State};
use crate::state::comparing::Mode;
use crate::state::desk::{Arrival, Desk};
use crate::state::marking::{Pending, Shown};
use crate::state::viewport::Place;

/// The elements that are painted on.
pub struct Elements {
    pub stage: HtmlElement,
    pub picture: HtmlCanvasElement,
    pub mask: HtmlCanvasElement,
}

struct Stage {
    desk: Desk,
    elements: Elements,
    picture: CanvasRenderingContext2d,
    mask: CanvasRenderingContext2d,
    plate: RefCell<Option<Pictures>>,
    result: RefCell<Option<(VersionId, Pictures)>>,
    exact: Exact,
    /// One pixel, to read values from.
    scratch: CanvasRenderingContext2d,
    hover: RwSignal<Option<(f64, f64)>>,
    masks: Masks,
    wishes: RefCell<VecDeque<(u64, u32)>>,
    /// Number of the wish on the canvas; 0: none.
    painted: Cell<u64>,
    working: RefCell<Option<Working>>,
    /// Frame, revision and address of the draft's levels that were shown last.
    last_base: RefCell<Option<(u32, i64, Option<String>)>>,
    is_queued: Cell<bool>,
    is_told: Cell<bool>,
    is_gone: Cell<bool>,
}

/// Levels with strokes that the server's picture does not hold yet.
struct Working {
    frame: u32,
    base: Option<String>,
    levels: Levels,
    /// Key and number of points of each stroke that is in.
    applied: Vec<(u64, usize)>,
}

/// Paints `desk` onto `elements` until the calling component goes. `hover`: where the pointer is, in stage pixels.
pub fn mount(elements: Elements, desk: Desk, hover: RwSignal<Option<(f64, f64)>>) {
    if !HERE {
        return;
    }
    let context = |canvas: &HtmlCanvasElement| {
        let context = canvas.get_context("2d").ok().flatten()?;
        context.dyn_into::<CanvasRenderingContext2d>().ok()
    };
    let scratch = document().create_element("canvas").ok().and_then(|c| c.dyn_into().ok());
    let scratch = scratch.as_ref().and_then(to_read_from);
    let (Some(picture), Some(mask), Some(scratch)) =
        (context(&elements.picture), context(&elements.mask), scratch)
    else {
        desk.arrival.set(Arrival::Missing("this browser gives no canvas to draw on".to_owned()));
        return;
    };
    let stage = Rc::new_cyclic(|weak: &Weak<Stage>| {
        let weak = weak.clone();
        Stage {
            desk,
            elements,
            picture,
            mask,
            plate: RefCell::new(None),
            result: RefCell::new(None),
            exact: Exact::new(repaint(weak.clone())),
            scratch,
            hover,
            masks: Masks::new(repaint(weak)),
            wishes: RefCell::new(VecDeque::new()),
            painted: Cell::new(0),
            working: RefCell::new(None),
            last_base: RefCell::new(None),
            is_queued: Cell::new(false),
            is_told: Cell::new(false),
            is_gone: Cell::new(false),
        }
    });
    watch_size(&stage);
    watch_sources(&stage);
    watch_wishes(&stage);
    let kept = StoredValue::new_local(stage);
    on_cleanup(move || {
        kept.try_with_value(|stage| stage.leave());
    });
}

fn repaint(weak: Weak<Stage>) -> Rc<dyn Fn()> {
    Rc::new(move || {
        if let Some(stage) = weak.upgrade() {
            stage.queue_paint();
        }
    })
}

/// Follows the size of the element.
fn watch_size(stage: &Rc<Stage>) {
    let (desk, element) = (stage.desk, stage.elements.stage.clone());
    let measure = move |element: &HtmlElement| {
        let size = (f64::from(element.client_width()), f64::from(element.client_height()));
        if desk.port.stage.try_get_untracked().is_some_and(|old| old != size) {
            desk.port.stage.set(size);
        }
    };
    measure(&element);
    let watched = element.clone();
    let changed = Closure::<dyn Fn()>::new(move || measure(&watched));
    if let Ok(observer) = ResizeObserver::new(changed.as_ref().unchecked_ref()) {
        observer.observe(&element);
        let kept = StoredValue::new_local((observer, changed));
        on_cleanup(move || {
            kept.try_with_value(|(observer, _)| observer.disconnect());
        });
    }
}

/// Opens the plate's movie once it is made, and the movie of the version that is looked at.
fn watch_sources(stage: &Rc<Stage>) {
    let desk = stage.desk;
    let proxy: Memo<Option<Hash>> = Memo::new(move |_| desk.view.with(|v| v.shot.proxy));
    let weak = Rc::downgrade(stage);
    Effect::new(move |_| {
        let (Some(stage), proxy) = (weak.upgrade(), proxy.get()) else { return };
        let plate = proxy.map(|proxy| {
            let (movie, index) = desk.road.proxy(desk.shot_id, proxy);
            Pictures::open(movie, index, repaint(weak.clone()))
        });
        replace(&stage.plate, plate, Pictures::close);
        stage.painted.set(0);
        stage.wish();
    });
    let version =
        Memo::new(move |_| if desk.is_comparing() { desk.version().map(|v| v.version_id) } else { None });
    let weak = Rc::downgrade(stage);
    Effect::new(move |_| {
        let (Some(stage), version) = (weak.upgrade(), version.get()) else { return };
        let result = version.map(|id| {
            let (movie, index) = desk.road.version_proxy(id);
            (id, Pictures::open(movie, index, repaint(weak.clone())))
        });
        replace(&stage.result, result, |(_, pictures)| pictures.close());
        stage.wish();
    });
}

fn replace<T>(place: &RefCell<Option<T>>, with: Option<T>, close: impl Fn(&T)) {
    if let Some(old) = place.replace(with) {
        close(&old);
    }
}

fn watch_wishes(stage: &Rc<Stage>) {
    let (desk, hover) = (stage.desk, stage.hover);
    let weak = Rc::downgrade(stage);
    Effect::new(move |_| {
        desk.playhead.frame.track();
        desk.playhead.speed.track();
        desk.playhead.range();
        desk.playhead.clip.track();
        desk.comparing.mode.track();
        desk.comparing.hold.track();
        if let Some(stage) = weak.upgrade() {
            stage.wish();
        }
    });
    let weak = Rc::downgrade(stage);
    Effect::new(move |_| {
        desk.place();
        desk.overlay().track();
        desk.shown();
        desk.mask_frames.track();
        desk.marking.opacity.track();
        desk.marking.outline.track();
        desk.marking.pending.track();
        desk.comparing.wipe.track();
        desk.comparing.gain.track();
        desk.view.track();
        if desk.looking.probe.get() {
            hover.track();
        }
        if let Some(stage) = weak.upgrade() {
            stage.queue_paint();
        }
    });
}

impl Stage {
    fn leave(&self) {
        self.is_gone.set(true);
        replace(&self.plate, None, Pictures::close);
        replace(&self.result, None, |(_, pictures)| pictures.close());
        self.exact.close();
    }

    /// How the picture is made up now: the mode, with the plate while it is held.
    fn mode(&self) -> Mode {
        let desk = self.desk;
        if !desk.is_comparing() || desk.comparing.hold.get() {
            return Mode::Plate;
        }
        desk.comparing.mode.get()
    }

    /// Notes that the playhead's frame should be shown, and asks for what is needed.
    fn wish(self: &Rc<Self>) {
        let desk = self.desk;
        untrack(|| {
            let (frame, speed) = (desk.playhead.frame.get(), desk.playhead.speed.get());
            let (low, high) = desk.playhead.range();
            let mode = self.mode();
            let plan = Plan::of(frame, speed, low, high);
            if let Some(plate) = self.plate.borrow().as_ref() {
                plate.follow(plan.clone());
            }
            if let Some((_, result)) = self.result.borrow().as_ref() {
                result.follow(if mode.needs_result() || speed == 0 { plan } else { Plan::default() });
            }
            let mut wishes = self.wishes.borrow_mut();
            if wishes.back().is_none_or(|w| w.1 != frame) {
                let number = wishes.back().map_or(1, |w| w.0 + 1);
                wishes.push_back((number, frame));
                while wishes.len() > 24 {
                    wishes.pop_front();
                }
            }
        });
        let frame = desk.playhead.frame.get_untracked();
        let _ = self.elements.picture.set_attribute("data-wanted", &frame.to_string());
        self.queue_paint();
    }

    fn queue_paint(self: &Rc<Self>) {
        if self.is_gone.get() || self.is_queued.replace(true) {
            return;
        }
        let weak = Rc::downgrade(self);
        request_animation_frame(move || {
            if let Some(stage) = weak.upgrade() {
                stage.is_queued.set(false);
                if !stage.is_gone.get() {
                    untrack(|| stage.paint());
                }
            }
        });
    }

    fn paint(self: &Rc<Self>) {
        let ratio = window().device_pixel_ratio().clamp(1.0, 3.0);
        let (width, height) = self.desk.port.stage.get();
        let size = ((width * ratio).round() as u32, (height * ratio).round() as u32);
        if size.0 == 0 || size.1 == 0 || self.desk.clip().frames == 0 {
            return;
        }
        let mode = self.mode();
        let ready = self.newest_ready(mode);
        if let Some((number, frame)) = ready {
            self.fit(&self.elements.picture, size);
            self.paint_picture(frame, mode, ratio, size);
            self.painted.set(number);
            let _ = self.elements.picture.set_attribute("data-frame", &frame.to_string());
            if self.desk.painted.get() != Some(frame) {
                self.desk.painted.set(Some(frame));
            }
            self.fit(&self.elements.mask, size);
            self.paint_mask(frame, mode, ratio, size);
            self.probe(frame, mode);
        }
        self.report(mode);
        self.tell_loaded();
    }

    /// The newest wish, not older than what is on the canvas, whose pictures are all here.
    fn newest_ready(&self, mode: Mode) -> Option<(u64, u32)> {
        let wishes = self.wishes.borrow();
        let oldest = self.painted.get();
        wishes.iter().rev().take_while(|w| w.0 >= oldest).copied().find(|&(_, frame)| {
            let (plate, result) = self.both(frame, mode);
            (plate.is_some() || !mode.needs_plate()) && (result.is_some() || !mode.needs_result())
        })
    }

    fn both(&self, frame: u32, mode: Mode) -> (Option<ImageBitmap>, Option<ImageBitmap>) {
        let plate =
            self.plate.borrow().as_ref().filter(|_| mode.needs_plate()).and_then(|p| p.picture(frame));
        let result = self.result.borrow();
        let result = result.as_ref().filter(|_| mode.needs_result()).and_then(|(_, p)| p.picture(frame));
        (plate, result)
    }

    fn fit(&self, canvas: &HtmlCanvasElement, size: (u32, u32)) {
        if (canvas.width(), canvas.height()) != size {
            canvas.set_width(size.0);
            canvas.set_height(size.1);
        }
    }

    fn paint_picture(&self, frame: u32, mode: Mode, ratio: f64, size: (u32, u32)) {
        let (plate, result) = self.sharpen(frame, mode, ratio, self.both(frame, mode));
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        let at = scaled(self.desk.place(), ratio);
        let context = &self.picture;
        context.clear_rect(0.0, 0.0, width, height);
        let draw = |picture: &Option<ImageBitmap>, at: Place, from: f64, to: f64| {
            if let Some(picture) = picture {
                self.draw(picture, at, (from, to), height);
            }
        };
        match mode {
            Mode::Plate => draw(&plate, at, 0.0, width),
            Mode::Result => draw(&result, at, 0.0, width),
            Mode::Wipe => {
                let line = at.x + self.desk.comparing.wipe.get() * self.desk.plate_size().0 * at.scale;
                draw(&plate, at, 0.0, line);
                draw(&result, at, line, width);
            }
            Mode::Side => {
                let half = (width / 2.0).round();
                draw(&plate, at, 0.0, half - ratio);
                draw(&result, Place { x: at.x + half, ..at }, half + ratio, width);
            }
            Mode::Difference => {
                draw(&plate, at, 0.0, width);
                let _ = context.set_global_composite_operation("difference");
                draw(&result, at, 0.0, width);
                let _ = context.set_global_composite_operation("lighter");
                for _ in 0..self.desk.comparing.gain.get() {
                    let _ = context.draw_image_with_html_canvas_element(&self.elements.picture, 0.0, 0.0);
                }
                let _ = context.set_global_composite_operation("source-over");
            }
        }
    }

    /// Draws one picture between the screen columns `span`.
    fn draw(&self, picture: &ImageBitmap, at: Place, span: (f64, f64), height: f64) {
        let (plate_w, plate_h) = self.desk.plate_size();
        let (w, h) = (plate_w * at.scale, plate_h * at.scale);
        let context = &self.picture;
        // Close up, pixels are pixels.
        context.set_image_smoothing_enabled(w / f64::from(picture.width().max(1)) < 3.0);
        let _ = js_sys::Reflect::set(
            context,
            &JsValue::from_str("imageSmoothingQuality"),
            &JsValue::from_str("high"),
        );
        context.save();
        context.begin_path();
        context.rect(span.0, 0.0, (span.1 - span.0).max(0.0), height);
        context.clip();
        let _ = context.draw_image_with_image_bitmap_and_dw_and_dh(picture, at.x, at.y, w, h);
        context.restore();
    }

    fn paint_mask(self: &Rc<Self>, frame: u32, mode: Mode, ratio: f64, size: (u32, u32)) {
        let desk = self.desk;
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        self.mask.clear_rect(0.0, 0.0, width, height);
        let is_shown =
            desk.overlay().get() && matches!(mode, Mode::Plate | Mode::Wipe | Mode::Side | Mode::Result);
        let _ = self.elements.mask.set_attribute("data-frame", "");
        if !is_shown {
            return;
        }
        self.ask_masks(frame);
        let clip = desk.clip();
        let is_draft = desk.shown() == Shown::Draft;
        let cells =
            (is_draft).then(|| desk.view.with(|v| v.grid.and_then(|grid| Cells::of(&v.causes, frame, grid))));
        let cells = cells.flatten();
        let pending: Vec<Pending> = if is_draft {
            desk.marking.pending.with(|p| p.iter().filter(|p| p.stroke.frame == frame).cloned().collect())
        } else {
            Vec::new()
        };
        let Some(base) = self.base(frame, is_draft) else { return };
        let look = Look { opacity: desk.marking.opacity.get(), outline: desk.marking.outline.get(), ratio };
        let at = scaled(desk.place(), ratio);
        let screen = if mode == Mode::Side { (size.0 / 2, size.1) } else { size };
        let plate = (clip.width, clip.height);
        let raster = if pending.is_empty() {
            self.working.replace(None);
            overlay::raster(
                &Layer { levels: base.levels.as_deref(), cells: cells.as_ref(), plate },
                at,
                screen,
                look,
            )
        } else {
            self.work(frame, &base, &pending, plate);
            let working = self.working.borrow();
            let levels = working.as_ref().map(|w| &w.levels);
            overlay::raster(&Layer { levels, cells: cells.as_ref(), plate }, at, screen, look)
        };
        if let Some(raster) = raster {
            let picture = ImageData::new_with_u8_clamped_array_and_sh(
                Clamped(&raster.rgba),
                raster.width,
                raster.height,
            );
            if let Ok(picture) = picture {
                let (x, y) = (f64::from(raster.x), f64::from(raster.y));
                let _ = self.mask.put_image_data(&picture, x, y);
            }
        }
        let _ = self.elements.mask.set_attribute("data-frame", &frame.to_string());
    }

    /// Levels of this frame and, while playing, of the next ones.
    fn ask_masks(&self, frame: u32) {
        let desk = self.desk;
        let (speed, (low, high)) = (desk.playhead.speed.get(), desk.playhead.range());
        let plan = Plan::of(frame, speed, low, high);
        let urls = plan.decode.into_iter().take(if speed == 0 { 3 } else { 6 });
        self.masks.follow(urls.filter_map(|f| desk.levels_url(f).flatten()).collect());
    }

    /// The levels to show under pending strokes: the newest that are here, of this frame only.
    fn base(&self, frame: u32, is_draft: bool) -> Option<Base> {
        let desk = self.desk;
        let url = desk.levels_url(frame)?;
        let known = match &url {
            None => Some(Mask::Blank),
            Some(url) => self.masks.get(url),
        };
        let revision = desk.draft_frame(frame).map_or(0, |f| f.revision);
        if let Some(mask) = known {
            if is_draft {
                self.last_base.replace(Some((frame, revision, url.clone())));
                self.retire(frame, revision);
            }
            return Some(Base { url, levels: levels_of(mask) });
        }
        // A newer revision is on its way: the one before stays until it is here.
        let last = self.last_base.borrow().clone().filter(|last| is_draft && last.0 == frame)?;
        let mask = match &last.2 {
            None => Mask::Blank,
            Some(url) => self.masks.get(url)?,
        };
        Some(Base { url: last.2, levels: levels_of(mask) })
    }

    /// Strokes that are in the server's picture are no longer drawn over it.
    fn retire(&self, frame: u32, revision: i64) {
        let is_in = move |p: &Pending| p.stroke.frame == frame && p.revision.is_some_and(|r| r <= revision);
        let pending = self.desk.marking.pending;
        if pending.with(|all| all.iter().any(is_in)) {
            // Not while painting: whoever listens may read what is borrowed here.
            let retire = move || {
                pending.try_update(|all| all.retain(|p| !is_in(p)));
            };
            set_timeout(retire, Duration::ZERO);
        }
    }

    /// Brings `working` up to `base` plus `pending`, painting only what is new where that is possible.
    fn work(&self, frame: u32, base: &Base, pending: &[Pending], plate: (u32, u32)) {
        let mut place = self.working.borrow_mut();
        let goes_on = place.as_ref().is_some_and(|w| {
            w.frame == frame
                && w.base == base.url
                && w.applied.len() <= pending.len()
                && w.applied.iter().zip(pending).all(|(a, p)| a.0 == p.key && a.1 <= p.stroke.points.len())
        });
        if !goes_on {
            let levels = match &base.levels {
                Some(levels) if (levels.width(), levels.height()) == plate => (**levels).clone(),
                _ => Levels::background(plate.0, plate.1),
            };
            *place = Some(Working { frame, base: base.url.clone(), levels, applied: Vec::new() });
        }
        let Some(working) = place.as_mut() else { return };
        for (at, p) in pending.iter().enumerate() {
            let done = working.applied.get(at).map_or(0, |a| a.1);
            if done < p.stroke.points.len() {
                let mut rest = p.stroke.clone();
                rest.points.drain(..done.saturating_sub(1));
                rest.paint(&mut working.levels);
            }
            match working.applied.get_mut(at) {
                Some(applied) => applied.1 = p.stroke.points.len(),
                None => working.applied.push((p.key, p.stroke.points.len())),
            }
        }
    }

    /// Says whether the wanted frame is on the canvas, on its way or missing.
    fn report(&self, mode: Mode) {
        let desk = self.desk;
        let frame = desk.playhead.frame.get();
        let arrival = if desk.painted.get() == Some(frame) && self.painted.get() > 0 {
            Arrival::Painted
        } else {
            let missing = |pictures: &Pictures| match pictures.state(frame) {
                State::Missing(why) => Some(why),
                State::Coming | State::Here => None,
            };
            let plate = self.plate.borrow().as_ref().filter(|_| mode.needs_plate()).and_then(missing);
            let result =
                self.result.borrow().as_ref().filter(|_| mode.needs_result()).and_then(|(_, p)| missing(p));
            plate.or(result).map_or(Arrival::Waiting, Arrival::Missing)
        };
        if desk.arrival.with(|old| *old != arrival) {
            desk.arrival.set(arrival);
        }
        self.report_exactness();
    }

    /// Shows what is loaded, a few times a second.
    fn tell_loaded(self: &Rc<Self>) {
        if self.is_told.replace(true) {
            return;
        }
        let weak = Rc::downgrade(self);
        set_timeout(
            move || {
                let Some(stage) = weak.upgrade() else { return };
                stage.is_told.set(false);
                let loaded = stage.plate.borrow().as_ref().map(Pictures::loaded).unwrap_or_default();
                let signal = stage.desk.loaded;
                if signal.try_with_untracked(|old| *old != loaded) == Some(true) {
                    signal.set(loaded);
                }
            },
            Duration::from_millis(250),
        );
    }
}

struct Base {
    url: Option<String>,
    levels: Option<Rc<Levels>>,
}

fn levels_of(mask: Mask) -> Option<Rc<Levels>> {
    match mask {
        Mask::Levels(levels) => Some(levels),
        Mask::Blank | Mask::Damaged(_) => None,
    }
}

fn scaled(place: Place, ratio: f64) -> Place {
    Place { x: place.x * ratio, y: place.y * ratio, scale: place.scale * ratio }
}
