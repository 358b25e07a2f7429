//! What pointer and wheel do on the stage: pan, zoom, and the tool in the hand. Coordinates become plate pixels here and
//! nowhere else.

use domain::Grid;
use domain::stroke::Stroke;
use leptos::ev::{PointerEvent, WheelEvent};
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::Element;

use crate::state::comparing::Mode;
use crate::state::desk::Desk;
use crate::state::marking::Tool;
use crate::state::pen::Tip;

/// What the pressed pointer is doing.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Drag {
    #[default]
    None,
    Pan,
    /// Two fingers: their distance when they came down.
    Pinch,
    Stroke(u64),
    /// Brush radius at the start and where that was.
    Size(f32, f64),
    /// Corners in plate pixels.
    Box((f64, f64), (f64, f64)),
    /// Whether cells are turned on, and which so far.
    Cells(bool, Vec<(u32, u32)>),
    Wipe,
    /// A line of a comment's drawing.
    Ink,
}

#[derive(Clone, Copy)]
pub struct Gestures {
    desk: Desk,
    pub drag: RwSignal<Drag>,
    /// Where the pointer is, in stage pixels.
    pub hover: RwSignal<Option<(f64, f64)>>,
    /// Space is held: every tool pans.
    pub space: RwSignal<bool>,
    /// Something was dragged while space was held.
    pub space_used: RwSignal<bool>,
    /// Pointers that are down, in stage pixels.
    down: StoredValue<Vec<(i32, (f64, f64))>>,
}

impl Gestures {
    pub fn new(desk: Desk) -> Self {
        Self {
            desk,
            drag: RwSignal::new(Drag::None),
            hover: RwSignal::new(None),
            space: RwSignal::new(false),
            space_used: RwSignal::new(false),
            down: StoredValue::new(Vec::new()),
        }
    }

    /// The tool in the hand; only the hand where nothing is edited.
    pub fn tool(self) -> Tool {
        use crate::state::desk::Tab;
        match self.desk.tab.get() {
            Tab::Targets | Tab::Quadmask if !self.space.get() => self.desk.marking.tool.get(),
            _ => Tool::Hand,
        }
    }

    pub fn on_down(self, event: &PointerEvent) {
        let Some((stage, at)) = place_of(event) else { return };
        // Synthetic events have no pointer to capture; the drag then ends at the stage's edge.
        let _ = stage.set_pointer_capture(event.pointer_id());
        self.down.update_value(|all| all.push((event.pointer_id(), at)));
        if self.down.with_value(Vec::len) == 2 {
            self.drop_drawn();
            self.drag.set(Drag::Pinch);
            return;
        }
        if event.button() == 0 && !self.space.get_untracked() && self.begin_ink(event, at) {
            return;
        }
        let tool = untrack(|| self.tool());
        if event.button() == 1 || (event.button() == 0 && tool == Tool::Hand) {
            event.prevent_default();
            self.space_used.set(true);
            self.drag.set(Drag::Pan);
        } else if event.button() == 0 {
            self.take(tool, event, at);
        }
    }

    /// Puts the pen of a comment down, if one is in the hand; whether it is.
    fn begin_ink(self, event: &PointerEvent, at: (f64, f64)) -> bool {
        let desk = self.desk;
        let Some(tip) = desk.talk.pen.tip.get_untracked() else { return false };
        event.prevent_default();
        if desk.may_draw_here() {
            desk.talk.pen.begin(tip, untrack(|| part_of(desk, at)));
            if tip != Tip::Text {
                self.drag.set(Drag::Ink);
            }
        }
        true
    }

    /// What was begun with a finger that turns out to be one of two.
    fn drop_drawn(self) {
        match self.drag.get_untracked() {
            Drag::Stroke(key) => self.desk.drop_stroke(key),
            Drag::Ink => self.desk.talk.pen.undo(),
            _ => {}
        }
    }

    fn take(self, tool: Tool, event: &PointerEvent, at: (f64, f64)) {
        let desk = self.desk;
        let (x, y) = untrack(|| desk.place()).to_plate(at.0, at.1);
        let (width, height) = untrack(|| desk.plate_size());
        let is_inside = (0.0..width).contains(&x) && (0.0..height).contains(&y);
        match tool {
            Tool::Hand => {}
            Tool::Brush | Tool::Erase if event.alt_key() => {
                self.drag.set(Drag::Size(desk.marking.radius.get_untracked(), at.0));
            }
            Tool::Brush | Tool::Erase => {
                if !desk.refuses_edit() {
                    let stroke = Stroke {
                        frame: desk.playhead.frame.get_untracked(),
                        level: untrack(|| desk.marking.paints()),
                        radius: desk.marking.radius.get_untracked(),
                        points: vec![(x as f32, y as f32)],
                    };
                    desk.playhead.pause();
                    self.drag.set(Drag::Stroke(desk.begin_stroke(stroke)));
                }
            }
            _ if !is_inside => {}
            Tool::Point => {
                let positive = desk.marking.negative.get_untracked() == event.alt_key();
                desk.add_point(x as f32, y as f32, positive);
            }
            Tool::Box => {
                if !desk.refuses_edit() {
                    self.drag.set(Drag::Box((x, y), (x, y)));
                }
            }
            Tool::Cells => self.begin_cells(x, y),
            Tool::Path => desk.add_path_point(x as f32, y as f32),
        }
    }

    fn begin_cells(self, x: f64, y: f64) {
        let desk = self.desk;
        let Some(cause) = untrack(|| desk.cause()) else {
            desk.mark_cells(vec![(0, 0)], true); // says that a cause is missing
            return;
        };
        if desk.refuses_edit() {
            return;
        }
        let Some(cell) = self.cell(x, y) else { return };
        let frame = desk.playhead.frame.get_untracked();
        let on = !cause.cells_at(frame).any(|c| c == cell);
        self.drag.set(Drag::Cells(on, vec![cell]));
    }

    fn cell(self, x: f64, y: f64) -> Option<(u32, u32)> {
        let clip = self.desk.playhead.clip.get_untracked();
        let grid: Grid = self.desk.view.with_untracked(|v| v.grid)?;
        let is_inside = x >= 0.0 && y >= 0.0 && x < f64::from(clip.width) && y < f64::from(clip.height);
        is_inside.then(|| grid.at(x as u32, y as u32, clip.width, clip.height))
    }

    pub fn on_move(self, event: &PointerEvent) {
        let Some((_, at)) = place_of(event) else { return };
        self.hover.set((event.pointer_type() != "touch").then_some(at));
        let before = self.down.with_value(|all| all.iter().find(|p| p.0 == event.pointer_id()).map(|p| p.1));
        let Some(before) = before else { return };
        let two = self.down.get_value();
        self.down.update_value(|all| {
            if let Some(p) = all.iter_mut().find(|p| p.0 == event.pointer_id()) {
                p.1 = at;
            }
        });
        let desk = self.desk;
        let place = untrack(|| desk.place());
        let plate = untrack(|| desk.plate_size());
        let (x, y) = place.to_plate(at.0, at.1);
        match self.drag.get_untracked() {
            Drag::None => {}
            Drag::Pan => desk.port.pan(at.0 - before.0, at.1 - before.1, place, plate),
            Drag::Pinch => self.pinch(&two, event.pointer_id(), at),
            Drag::Stroke(key) => desk.extend_stroke(key, &strokes_of(event, &place, (x, y))),
            Drag::Size(radius, from) => {
                desk.marking.set_radius(radius + ((at.0 - from) / place.scale * 0.5) as f32);
            }
            Drag::Box(start, _) => {
                let end = (x.clamp(0.0, plate.0), y.clamp(0.0, plate.1));
                self.drag.set(Drag::Box(start, end));
            }
            Drag::Cells(on, mut cells) => {
                if let Some(cell) = self.cell(x, y).filter(|c| !cells.contains(c)) {
                    cells.push(cell);
                    self.drag.set(Drag::Cells(on, cells));
                }
            }
            Drag::Ink => desk.talk.pen.extend(&[untrack(|| part_of(desk, at))]),
            Drag::Wipe => desk.comparing.wipe.set((x / plate.0.max(1.0)).clamp(0.0, 1.0)),
        }
    }

    fn pinch(self, before: &[(i32, (f64, f64))], moved: i32, to: (f64, f64)) {
        let [a, b] = before else { return };
        let (fixed, from) = if a.0 == moved { (b.1, a.1) } else { (a.1, b.1) };
        let apart =
            |p: (f64, f64), q: (f64, f64)| ((p.0 - q.0).powi(2) + (p.1 - q.1).powi(2)).sqrt().max(1.0);
        let desk = self.desk;
        let plate = untrack(|| desk.plate_size());
        let middle = ((fixed.0 + to.0) / 2.0, (fixed.1 + to.1) / 2.0);
        let factor = apart(fixed, to) / apart(fixed, from);
        desk.port.zoom_by(factor, middle, untrack(|| desk.place()), plate);
        let (dx, dy) = ((to.0 - from.0) / 2.0, (to.1 - from.1) / 2.0);
        desk.port.pan(dx, dy, untrack(|| desk.place()), plate);
    }

    pub fn on_up(self, event: &PointerEvent) {
        self.down.update_value(|all| all.retain(|p| p.0 != event.pointer_id()));
        let desk = self.desk;
        match self.drag.get_untracked() {
            Drag::Stroke(key) => desk.send_stroke(key),
            Drag::Box(a, b) if (a.0 - b.0).abs() >= 2.0 && (a.1 - b.1).abs() >= 2.0 => {
                desk.add_box((a.0 as f32, a.1 as f32), (b.0 as f32, b.1 as f32));
            }
            Drag::Cells(on, cells) => desk.mark_cells(cells, on),
            Drag::Ink => desk.talk.pen.finish(),
            _ => {}
        }
        self.drag.set(Drag::None);
    }

    /// The press was taken away: nothing is kept.
    pub fn on_cancel(self, event: &PointerEvent) {
        self.down.update_value(|all| all.retain(|p| p.0 != event.pointer_id()));
        self.drop_drawn();
        self.drag.set(Drag::None);
    }

    pub fn on_wheel(self, event: &WheelEvent) {
        let Some((_, at)) = place_of(event) else { return };
        event.prevent_default();
        let lines = if event.delta_mode() == 1 { 24.0 } else { 1.0 };
        let factor = (-event.delta_y() * lines * 0.0015).exp();
        let desk = self.desk;
        let at = untrack(|| in_first_half(desk, at));
        desk.port.zoom_by(factor, at, untrack(|| desk.place()), untrack(|| desk.plate_size()));
    }

    /// Takes hold of the wipe line.
    pub fn begin_wipe(self, event: &PointerEvent) {
        event.stop_propagation();
        let stage = event.current_target().and_then(|t| t.dyn_into::<Element>().ok());
        let stage = stage.and_then(|handle| handle.closest(".stage").ok().flatten());
        let Some(stage) = stage else { return };
        let _ = stage.set_pointer_capture(event.pointer_id());
        let bounds = stage.get_bounding_client_rect();
        let at = (f64::from(event.client_x()) - bounds.left(), f64::from(event.client_y()) - bounds.top());
        self.down.update_value(|all| all.push((event.pointer_id(), at)));
        self.drag.set(Drag::Wipe);
    }
}

/// A place on the stage as parts of the picture, 0 to 1 where it is on it.
fn part_of(desk: Desk, at: (f64, f64)) -> (f32, f32) {
    let at = in_first_half(desk, at);
    let (x, y) = desk.place().to_plate(at.0, at.1);
    let (width, height) = desk.plate_size();
    ((x / width.max(1.0)) as f32, (y / height.max(1.0)) as f32)
}

/// Side by side, both halves zoom about the same point of the plate.
fn in_first_half(desk: Desk, at: (f64, f64)) -> (f64, f64) {
    let (half, whole) = (desk.half().0, desk.port.stage.get().0);
    let is_side = desk.comparing.mode.get() == Mode::Side && half < whole;
    if is_side && at.0 > half { (at.0 - half, at.1) } else { at }
}

/// The stage and where on it a mouse or pointer event is.
fn place_of(event: &leptos::web_sys::MouseEvent) -> Option<(Element, (f64, f64))> {
    let stage: Element = event.current_target()?.dyn_into().ok()?;
    let bounds = stage.get_bounding_client_rect();
    let at = (f64::from(event.client_x()) - bounds.left(), f64::from(event.client_y()) - bounds.top());
    Some((stage, at))
}

/// All pen positions since the last event, in plate pixels: a fast stroke has more than the browser tells at once.
fn strokes_of(
    event: &PointerEvent,
    place: &crate::state::viewport::Place,
    last: (f64, f64),
) -> Vec<(f32, f32)> {
    let stage = event.current_target().and_then(|t| t.dyn_into::<Element>().ok());
    let Some(bounds) = stage.map(|s| s.get_bounding_client_rect()) else { return Vec::new() };
    let mut points: Vec<(f32, f32)> = event
        .get_coalesced_events()
        .iter()
        .filter_map(|e| e.dyn_into::<PointerEvent>().ok())
        .map(|e| {
            let (x, y) = (f64::from(e.client_x()) - bounds.left(), f64::from(e.client_y()) - bounds.top());
            let (x, y) = place.to_plate(x, y);
            (x as f32, y as f32)
        })
        .collect();
    if points.is_empty() {
        points.push((last.0 as f32, last.1 as f32));
    }
    points
}
