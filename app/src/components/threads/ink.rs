//! Drawings over the picture: those of the threads on this frame, and the one that is being made. In stage pixels, so that
//! lines stay sharp at any zoom. Decoration: cards say in words that something is drawn.

use domain::thread::drawing::Place as Part;
use domain::thread::{Form, Shape};
use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;

use crate::state::comparing::Mode;
use crate::state::desk::{Desk, Tab, use_desk};
use crate::state::talk::COMMENTS;
use crate::state::viewport::Place;

/// How many line widths a text is high.
const TEXT: f64 = 8.0;

/// The picture's place on the stage, and its size in plate pixels.
#[derive(Clone, Copy)]
struct Paper {
    place: Place,
    size: (f64, f64),
}

impl Paper {
    fn at(self, part: Part) -> (f64, f64) {
        self.place.to_stage(f64::from(part.0) * self.size.0, f64::from(part.1) * self.size.1)
    }

    fn width(self, shape: &Shape) -> f64 {
        f64::from(shape.width) * self.size.1 * self.place.scale
    }
}

#[component]
pub fn InkLayer() -> impl IntoView {
    let desk = use_desk();
    let shapes = Memo::new(move |_| seen(desk));
    let paper = move || Paper { place: desk.place(), size: desk.plate_size() };
    let drawn = move || {
        let paper = paper();
        shapes.get().iter().map(|(shape, is_faint)| draw(paper, shape, *is_faint)).collect::<Vec<AnyView>>()
    };
    let half = move || {
        let is_side = desk.is_comparing() && desk.comparing.mode.get() == Mode::Side;
        is_side.then(|| desk.half().0)
    };
    view! {
        <svg class="ink" aria-hidden="true">
            {drawn}
            {move || half().map(|by| view! { <g transform=format!("translate({by:.1} 0)")>{drawn()}</g> })}
        </svg>
        {move || desk.talk.pen.typing.get().map(|part| {
            let (x, y) = untrack(|| paper().at(part));
            view! { <Words x y/> }
        })}
    }
    .into_any()
}

/// Shapes on the frame that is shown; faint: of a thread that is not looked at.
fn seen(desk: Desk) -> Vec<(Shape, bool)> {
    let talk = desk.talk;
    if desk.tab.get() != Tab::Review && talk.side.get() != COMMENTS {
        return Vec::new();
    }
    let frame = desk.playhead.frame.get();
    let (viewer, filter, current) = (desk.view.with(|v| v.viewer), talk.filter.get(), talk.current.get());
    let mut all = Vec::new();
    talk.view.with(|view| {
        let threads = view.iter().flat_map(|v| &v.threads);
        for thread in
            threads.filter(|t| t.frames.is_some_and(|f| f.contains(frame)) && filter.passes(t, viewer))
        {
            let is_current = current == Some(thread.thread_id);
            if thread.resolved.is_some() && !is_current {
                continue;
            }
            let is_faint = current.is_some() && !is_current;
            let drawings = thread.comments.iter().filter_map(|c| c.drawing.as_ref());
            all.extend(drawings.flat_map(|d| d.shapes.iter().cloned()).map(|shape| (shape, is_faint)));
        }
    });
    if desk.written_frames().is_some_and(|f| f.contains(frame)) {
        all.extend(talk.pen.shapes.get().into_iter().map(|shape| (shape, false)));
    }
    all
}

fn draw(paper: Paper, shape: &Shape, is_faint: bool) -> AnyView {
    let width = paper.width(shape);
    let ink = shape.ink.word();
    let faint = is_faint.then_some("true");
    let stroke = format!("{:.2}", width.max(1.5));
    let line = |d: String| {
        view! { <path class="ink__line" data-ink=ink data-faint=faint stroke-width=stroke.clone() d=d></path> }.into_any()
    };
    match &shape.form {
        Form::Freehand { points } => {
            let mut d = String::new();
            for (index, point) in points.iter().enumerate() {
                let (x, y) = paper.at(*point);
                d += &format!("{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
            }
            if points.len() == 1 {
                d += "h.01"; // a dot
            }
            line(d)
        }
        Form::Arrow { from, to } => line(arrow(paper.at(*from), paper.at(*to), width.max(1.5))),
        Form::Rectangle { from, to } => {
            let ((x0, y0), (x1, y1)) = (paper.at(*from), paper.at(*to));
            line(format!("M{x0:.1} {y0:.1}H{x1:.1}V{y1:.1}H{x0:.1}Z"))
        }
        Form::Ellipse { from, to } => {
            let ((x0, y0), (x1, y1)) = (paper.at(*from), paper.at(*to));
            let (rx, ry) = ((x1 - x0).abs() / 2.0, (y1 - y0).abs() / 2.0);
            let (left, right, y) = (x0.min(x1), x0.max(x1), (y0 + y1) / 2.0);
            line(format!(
                "M{left:.1} {y:.1}A{rx:.1} {ry:.1} 0 1 1 {right:.1} {y:.1}A{rx:.1} {ry:.1} 0 1 1 {left:.1} {y:.1}Z"
            ))
        }
        Form::Text { at, text } => {
            let (x, y) = paper.at(*at);
            let size = format!("{:.1}", (width * TEXT).max(11.0));
            view! {
                <text class="ink__text" data-ink=ink data-faint=faint x=x y=y font-size=size dominant-baseline="middle">
                    {text.clone()}
                </text>
            }
            .into_any()
        }
    }
}

/// A line with a head of two strokes.
fn arrow(from: (f64, f64), to: (f64, f64), width: f64) -> String {
    let ((x0, y0), (x1, y1)) = (from, to);
    let (dx, dy) = (x1 - x0, y1 - y0);
    let length = (dx * dx + dy * dy).sqrt().max(0.001);
    let head = (width * 5.0).max(10.0).min(length);
    let (ux, uy) = (dx / length * head, dy / length * head);
    let (ax, ay) = (x1 - ux - uy * 0.5, y1 - uy + ux * 0.5);
    let (bx, by) = (x1 - ux + uy * 0.5, y1 - uy - ux * 0.5);
    format!("M{x0:.1} {y0:.1}L{x1:.1} {y1:.1}M{ax:.1} {ay:.1}L{x1:.1} {y1:.1}L{bx:.1} {by:.1}")
}

/// Where words on the picture are typed.
#[component]
fn Words(x: f64, y: f64) -> impl IntoView {
    let pen = use_desk().talk.pen;
    let field = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            field.focus().ok();
        }
    });
    let put = move || {
        // A field that is taken away loses the focus too; by then nobody holds it.
        if let Some(Some(field)) = field.try_get_untracked() {
            pen.put_words(&field.value());
        }
    };
    let on_key = move |event: KeyboardEvent| match event.key().as_str() {
        "Enter" => put(),
        "Escape" => pen.typing.set(None),
        _ => {}
    };
    view! {
        <input
            class="ink__words" type="text" node_ref=field maxlength="200" placeholder="Words, then Enter"
            aria-label="Words on the picture" data-ink=move || pen.ink.get().word()
            style=format!("--x:{x:.0}px;--y:{y:.0}px")
            on:pointerdown=|event| event.stop_propagation()
            on:keydown=on_key
            on:blur=move |_| put()
        />
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::arrow;

    #[test]
    fn an_arrow_of_no_length_has_no_holes() {
        for path in [arrow((5.0, 5.0), (5.0, 5.0), 2.0), arrow((0.0, 0.0), (100.0, 0.0), 2.0)] {
            assert!(!path.contains("NaN") && !path.contains("inf"), "{path}");
        }
        assert_eq!(arrow((0.0, 0.0), (100.0, 0.0), 2.0), "M0.0 0.0L100.0 0.0M90.0 5.0L100.0 0.0L90.0 -5.0");
    }
}
