//! What is drawn over the picture as lines: clicks, boxes, the grid, a path, the brush. In stage pixels, so that it stays
//! sharp at any zoom. Decoration: panels say the same in words.

use domain::{Consequence, Grid};
use leptos::prelude::*;

use super::gestures::{Drag, Gestures};
use crate::components::find::drawn;
use crate::state::desk::{Desk, Tab, use_desk};
use crate::state::marking::{Tool, level_words};
use crate::state::viewport::Place;

#[component]
pub fn Vectors(gestures: Gestures) -> impl IntoView {
    let desk = use_desk();
    let marks = move || matches!(desk.tab.get(), Tab::Targets | Tab::Quadmask);
    view! {
        <svg class="vectors" aria-hidden="true">
            <Show when=marks>
                {move || found(desk)}
                {move || grid(desk, gestures)}
                {move || prompts(desk)}
                {move || path(desk)}
                {move || drawn_box(desk, gestures)}
                {move || brush(desk, gestures)}
            </Show>
        </svg>
    }
    .into_any()
}

fn prompts(desk: Desk) -> Vec<AnyView> {
    let (frame, place) = (desk.playhead.frame.get(), desk.place());
    let chosen = desk.target().map(|t| t.target_id);
    desk.view.with(|v| {
        let mut drawn = Vec::new();
        for target in &v.targets {
            let faint = (Some(target.target_id) != chosen).then_some("true");
            for b in target.boxes.iter().filter(|b| b.frame == frame) {
                let (x, y) = place.to_stage(b.x0.into(), b.y0.into());
                let (x1, y1) = place.to_stage(b.x1.into(), b.y1.into());
                let style = format!("--target:{}", target.colour);
                drawn.push(
                    view! { <rect class="vectors__box" data-faint=faint style=style x=x y=y width=x1 - x height=y1 - y></rect> }
                        .into_any(),
                );
            }
            for p in target.points.iter().filter(|p| p.frame == frame) {
                let (x, y) = place.to_stage(p.x.into(), p.y.into());
                let sign = if p.positive { "M-3 0h6M0 -3v6" } else { "M-3 0h6" };
                let kind = if p.positive { "in" } else { "out" };
                let style = format!("--target:{}", target.colour);
                drawn.push(
                    view! {
                        <g class="vectors__point" data-kind=kind data-faint=faint style=style transform=format!("translate({x:.1} {y:.1})")>
                            <circle r="7"></circle>
                            <path d=sign></path>
                        </g>
                    }
                    .into_any(),
                );
            }
        }
        drawn
    })
}

/// What words found on this frame: a click keeps it or drops it. The list beside says the same to keyboards.
fn found(desk: Desk) -> Vec<AnyView> {
    let (frame, place) = (desk.playhead.frame.get(), desk.place());
    let (width, height) = desk.plate_size();
    let seeking = desk.seeking;
    let one = |(thing, score, by_track, shape): (u32, f32, bool, domain::Outline)| {
        let outline = shape.path(|x, y| place.to_stage(x * width, y * height));
        let at = shape.inside().map(|(x, y)| place.to_stage(f64::from(x) * width, f64::from(y) * height));
        let (x, y) = at.unwrap_or_default();
        view! {
            <g
                class="vectors__found" data-thing=thing data-by=if by_track { "track" } else { "words" }
                data-dropped=move || (!seeking.is_kept(thing)).then_some("true")
                data-pointed=move || (seeking.pointed.get() == Some(thing)).then_some("true")
            >
                <path
                    d=outline
                    on:pointerdown=move |event| event.stop_propagation()
                    on:click=move |_| seeking.toggle(thing)
                ></path>
                <text x=format!("{x:.1}") y=format!("{y:.1}")>{format!("{thing} · {score:.2}")}</text>
            </g>
        }
        .into_any()
    };
    drawn(desk, frame).into_iter().map(one).collect()
}

fn grid(desk: Desk, gestures: Gestures) -> Option<AnyView> {
    if gestures.tool() != Tool::Cells {
        return None;
    }
    let (place, clip) = (desk.place(), desk.clip());
    let grid: Grid = desk.view.with(|v| v.grid)?;
    let (width, height) = (clip.width, clip.height);
    let (left, top) = place.to_stage(0.0, 0.0);
    let (right, bottom) = place.to_stage(width.into(), height.into());
    let mut lines = String::new();
    for col in 0..=grid.cols {
        let edge = grid.cell(0, col.min(grid.cols - 1), width, height)?;
        let x = place.to_stage(f64::from(if col == grid.cols { edge.2 } else { edge.0 }), 0.0).0;
        lines += &format!("M{x:.1} {top:.1}V{bottom:.1}");
    }
    for row in 0..=grid.rows {
        let edge = grid.cell(row.min(grid.rows - 1), 0, width, height)?;
        let y = place.to_stage(0.0, f64::from(if row == grid.rows { edge.3 } else { edge.1 })).1;
        lines += &format!("M{left:.1} {y:.1}H{right:.1}");
    }
    let drag = gestures.drag.get();
    let marked = match &drag {
        Drag::Cells(on, cells) => {
            cells.iter().filter_map(|c| cell(place, grid, *c, (width, height), *on)).collect()
        }
        _ => Vec::new(),
    };
    let frame = desk.playhead.frame.get();
    let own = desk.cause().map(|cause| {
        cause
            .cells_at(frame)
            .filter_map(|c| outline(place, grid, c, (width, height)))
            .map(|d| view! { <path class="vectors__own-cell" d=d></path> }.into_any())
            .collect::<Vec<AnyView>>()
    });
    Some(view! { <path class="vectors__grid" d=lines></path> {own} {marked} }.into_any())
}

fn outline(place: Place, grid: Grid, cell: (u32, u32), size: (u32, u32)) -> Option<String> {
    let (x0, y0, x1, y1) = grid.cell(cell.0, cell.1, size.0, size.1)?;
    let (a, b) = place.to_stage(x0.into(), y0.into());
    let (c, d) = place.to_stage(x1.into(), y1.into());
    Some(format!("M{:.1} {:.1}H{:.1}V{:.1}H{:.1}Z", a + 1.0, b + 1.0, c - 1.0, d - 1.0, a + 1.0))
}

fn cell(place: Place, grid: Grid, cell: (u32, u32), size: (u32, u32), on: bool) -> Option<AnyView> {
    let d = outline(place, grid, cell, size)?;
    let kind = if on { "on" } else { "off" };
    Some(view! { <path class="vectors__cell" data-kind=kind d=d></path> }.into_any())
}

fn path(desk: Desk) -> Option<AnyView> {
    let (frame, place) = (desk.playhead.frame.get(), desk.place());
    let is_active = desk.tab.get() == Tab::Quadmask || desk.marking.tool.get() == Tool::Path;
    let cause =
        desk.cause().filter(|c| is_active && c.consequence == Consequence::React && !c.path.is_empty())?;
    let mut line = String::new();
    let mut dots = Vec::new();
    for (at, p) in cause.path.iter().enumerate() {
        let (x, y) = place.to_stage(p.x.into(), p.y.into());
        line += &format!("{}{x:.1} {y:.1}", if at == 0 { "M" } else { "L" });
        let here = (p.frame == frame).then_some("true");
        dots.push(view! { <circle class="vectors__stop" data-here=here cx=x cy=y r="4"></circle> });
    }
    Some(view! { <path class="vectors__path" d=line></path> {dots} }.into_any())
}

fn drawn_box(desk: Desk, gestures: Gestures) -> Option<AnyView> {
    let Drag::Box(a, b) = gestures.drag.get() else { return None };
    let place = desk.place();
    let (x0, y0) = place.to_stage(a.0.min(b.0), a.1.min(b.1));
    let (x1, y1) = place.to_stage(a.0.max(b.0), a.1.max(b.1));
    Some(view! { <rect class="vectors__box" x=x0 y=y0 width=x1 - x0 height=y1 - y0></rect> }.into_any())
}

fn brush(desk: Desk, gestures: Gestures) -> Option<AnyView> {
    if !matches!(gestures.tool(), Tool::Brush | Tool::Erase) {
        return None;
    }
    let (x, y) = gestures.hover.get()?;
    let radius = f64::from(desk.marking.radius.get()) * desk.place().scale;
    let level = level_words(desk.marking.paints()).2;
    Some(
        view! { <circle class="vectors__brush" data-level=level cx=x cy=y r=format!("{:.1}", radius.max(1.0))></circle> }
            .into_any(),
    )
}
