//! The tools at the left of the picture.

use leptos::prelude::*;

use super::tool_icon::{Mark, ToolIcon};
use crate::state::desk::{Tab, use_desk};
use crate::state::marking::Tool;

#[component]
pub fn Palette() -> impl IntoView {
    let desk = use_desk();
    let marking = desk.marking;
    let edits = move || matches!(desk.tab.get(), Tab::Targets | Tab::Quadmask);
    let tool = move |tool: Tool| {
        let mark = match tool {
            Tool::Hand => Mark::Hand,
            Tool::Point => Mark::Point,
            Tool::Box => Mark::Box,
            Tool::Brush => Mark::Brush,
            Tool::Erase => Mark::Erase,
            Tool::Cells => Mark::Cells,
            Tool::Path => Mark::Path,
        };
        let on = Signal::derive(move || marking.tool.get() == tool);
        view! {
            <ToolButton mark label=tool.word() key=tool.key() on action=move || marking.tool.set(tool)/>
        }
    };
    let locked =
        Signal::derive(move || desk.draft_frame(desk.playhead.frame.get()).is_some_and(|f| f.locked));
    let overlay = Signal::derive(move || desk.overlay().get());
    let no_undo = Signal::derive(move || !desk.may_edit() || !desk.view.with(|v| v.draft.can_undo));
    let no_redo = Signal::derive(move || !desk.may_edit() || !desk.view.with(|v| v.draft.can_redo));
    view! {
        <div class="palette" role="toolbar" aria-label="Tools" aria-orientation="vertical">
            <Show when=edits>
                {Tool::ALL.map(tool).collect_view()}
                <hr class="palette__rule"/>
                <ToolButton mark=Mark::Undo label="Undo" key="Ctrl+Z" off=no_undo action=move || desk.undo()/>
                <ToolButton mark=Mark::Redo label="Redo" key="Ctrl+Shift+Z" off=no_redo action=move || desk.redo()/>
                <ToolButton mark=Mark::Lock label="Lock this frame" key="Shift+K" on=locked action=move || desk.toggle_lock()/>
                <hr class="palette__rule"/>
            </Show>
            <ToolButton mark=Mark::Overlay label="Mask overlay" key="M" on=overlay
                action=move || untrack(|| desk.overlay()).update(|on| *on = !*on)/>
            <ToolButton mark=Mark::Outline label="Outline only" key="Shift+M" on=marking.outline
                action=move || marking.outline.update(|on| *on = !*on)/>
        </div>
    }
    .into_any()
}

#[component]
fn ToolButton(
    mark: Mark,
    label: &'static str,
    key: &'static str,
    #[prop(optional, into)] on: Option<Signal<bool>>,
    #[prop(optional, into)] off: Signal<bool>,
    action: impl Fn() + 'static,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="palette__tool"
            aria-label=label
            aria-keyshortcuts=key.replace("Ctrl", "Control")
            title=format!("{label} ({key})")
            aria-pressed=move || on.map(|on| if on.get() { "true" } else { "false" })
            disabled=move || off.get()
            on:click=move |_| action()
        >
            <ToolIcon mark/>
        </button>
    }
    .into_any()
}
