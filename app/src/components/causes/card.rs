//! One cause: name, reason, what becomes of it, its cells and its path.

use domain::proposal::{Judged, category_of, sureness};
use domain::{Cause, CauseId, Consequence};
use leptos::prelude::*;

use super::cells::CellsForm;
use crate::api::shots::delete_cause;
use crate::browser::keys;
use crate::components::canvas::{Mark, ToolIcon};
use crate::components::find::FindCause;
use crate::components::targets::FrameLink;
use crate::components::ui::Button;
use crate::state::desk::{Desk, use_desk};
use crate::state::marking::Tool;

#[component]
pub fn CauseCard(id: CauseId) -> impl IntoView {
    let desk = use_desk();
    let cause = Memo::new(move |_| desk.view.with(|v| v.causes.iter().find(|c| c.cause_id == id).cloned()));
    let is_chosen = move || desk.cause().is_some_and(|c| c.cause_id == id);
    let off = move || !desk.may_edit();
    let choose = move || desk.marking.cause.set(Some(id));
    // Each by itself: what somebody types into a field stays while something else about the cause changes.
    let name = Memo::new(move |_| cause.with(|c| c.as_ref().map(|c| c.name.clone()).unwrap_or_default()));
    let reason = Memo::new(move |_| cause.with(|c| c.as_ref().map(|c| c.reason.clone()).unwrap_or_default()));
    let consequence =
        Memo::new(move |_| cause.with(|c| c.as_ref().map_or(Consequence::Vanish, |c| c.consequence)));
    let origin =
        Memo::new(move |_| desk.view.with(|v| v.reasoning.as_ref().and_then(|r| origin_of(&r.all, id))));
    let category = Memo::new(move |_| {
        desk.view.with(|v| {
            let cause = v.causes.iter().find(|c| c.cause_id == id)?;
            let all = v.reasoning.as_ref().map(|r| r.all.as_slice()).unwrap_or_default();
            let was = all.iter().find(|judged| judged.cause_id == Some(id)).map(|judged| &judged.proposal);
            Some(category_of(cause, was).word())
        })
    });
    // With the pointer it is chosen once the press is over: what is chosen unfolds, what was chosen folds, and the button under the
    // pointer would have gone when the press ends.
    let by_key = move |_| {
        if keys::is_focus_in(":focus-visible") {
            choose();
        }
    };
    let take = move |tool: Tool| {
        choose();
        desk.marking.tool.set(tool);
    };
    let delete = move |_| {
        if !desk.refuses_edit() {
            desk.write(delete_cause(desk.shot_id, id));
        }
    };
    view! {
        <li class="cause" data-kind="cause" aria-current=move || is_chosen().then_some("true") on:focusin=by_key on:click=move |_| choose()>
            <div class="cause__head">
                <span class="cause__dot" aria-hidden="true"></span>
                <input
                    type="text" class="bare-input cause__name" aria-label="What changes" maxlength="80"
                    prop:value=move || name.get() disabled=off
                    on:change=move |event| desk.change_cause(id, |c| c.name = event_target_value(&event))
                />
                <button type="button" class="icon-button" data-small="true" aria-label=move || format!("Delete {}", name.get()) disabled=off on:click=delete>
                    <ToolIcon mark=Mark::Delete/>
                </button>
            </div>
            <textarea
                class="bare-input cause__reason" rows="1" aria-label="Why it changes" placeholder="Why: cast by it, pressed by it, behind it…"
                prop:value=move || reason.get() disabled=off
                on:change=move |event| desk.change_cause(id, |c| c.reason = event_target_value(&event))
            >{reason.get_untracked()}</textarea>
            {move || origin.get().map(|(who, sure)| view! {
                <p class="faint">{format!("Proposed by {who} · {} {sure:.2}", sureness(sure))}</p>
            })}
            <p class="faint">
                {move || category.get()}
                {move || cause.with(|c| c.as_ref().and_then(Cause::frames)).map(|(from, to)| view! {
                    " · " <FrameLink frame=from/> "–" <FrameLink frame=to/>
                })}
            </p>
            <div class="cause__row">
                <label class="cause__consequence">
                    <span class="visually-hidden">"What becomes of it"</span>
                    <select
                        class="field__input" prop:value=move || consequence.get().word() disabled=off
                        on:change=move |event| {
                            if let Ok(new) = event_target_value(&event).parse() {
                                desk.change_cause(id, |c| c.consequence = new);
                            }
                        }
                    >
                        {Consequence::ALL.map(|c| view! {
                            <option value=c.word() selected=c == consequence.get_untracked()>{format!("{}: {}", c.word(), c.sentence())}</option>
                        }).collect_view()}
                    </select>
                </label>
            </div>
            <div class="cause__row">
                <Button small=true disabled=Signal::derive(off) on:click=move |_| take(Tool::Cells)>
                    {move || cause.with(|c| c.as_ref().map(cells_words))}
                </Button>
                <Show when=move || consequence.get() == Consequence::React>
                    <Button small=true disabled=Signal::derive(off) on:click=move |_| take(Tool::Path)>
                        {move || cause.with(|c| c.as_ref().map(path_words))}
                    </Button>
                </Show>
            </div>
            {move || cause.with(|c| c.as_ref().and_then(|c| engine_of(desk, c))).map(|(tone, words)| view! {
                <p class="note-line" data-tone=tone>{words}</p>
            })}
            <Show when=move || is_chosen() && consequence.get() == Consequence::React>
                {move || cause.with(|c| c.as_ref().map(|c| path(desk, c)))}
            </Show>
            <Show when=is_chosen><CellsForm/></Show>
            <Show when=is_chosen><FindCause id/></Show>
        </li>
    }
    .into_any()
}

/// Who proposed what became this cause, and how sure that was.
fn origin_of(all: &[Judged], id: CauseId) -> Option<(String, f32)> {
    let proposal = &all.iter().find(|judged| judged.cause_id == Some(id))?.proposal;
    let who = proposal.said.as_ref().map_or_else(|| "the built-in reasoner".to_owned(), |said| said.by.who());
    Some((who, proposal.confidence))
}

/// Which engine can do what somebody wants of a thing that moves on its own, and how loud that is said.
fn engine_of(desk: Desk, cause: &Cause) -> Option<(&'static str, &'static str)> {
    if cause.consequence != Consequence::React {
        return None;
    }
    Some(match (cause.lacks_path(), desk.has_void()) {
        (false, _) => {
            ("approved", "✓ Plate engine: moves along its path. VOID makes its own motion of the words.")
        }
        (true, true) => ("hold", "VOID only: it makes the motion. The plate engine needs a path."),
        (true, false) => {
            ("hold", "No engine here can do it yet: the plate engine needs a path, and VOID is not here.")
        }
    })
}

fn cells_words(cause: &Cause) -> String {
    let mut cells: Vec<(u32, u32)> = cause.spans.iter().flat_map(|s| s.cells.iter().copied()).collect();
    cells.sort_unstable();
    cells.dedup();
    match (cause.consequence, cells.len()) {
        (Consequence::Keep, _) => "Needs no cells".to_owned(),
        (_, 0) => "Mark cells".to_owned(),
        (_, 1) => "1 cell · edit".to_owned(),
        (_, n) => format!("{n} cells · edit"),
    }
}

fn path_words(cause: &Cause) -> String {
    match cause.path.len() {
        0 => "Draw its path".to_owned(),
        1 => "Path: 1 stop · go on".to_owned(),
        n => format!("Path: {n} stops · edit"),
    }
}

/// The stops of a path, each of which can go.
fn path(desk: Desk, cause: &Cause) -> impl IntoView + use<> {
    let id = cause.cause_id;
    let hint = cause.lacks_path().then(|| {
        let words = if desk.has_void() {
            "Without a path the plate engine refuses it, and VOID invents its motion. To draw one: click where it is, step on, click again."
        } else {
            "Without a path the plate engine cannot move it: click where it is, step on, click again."
        };
        view! { <p class="muted">{words}</p> }
    });
    let stop = move |(at, p): (usize, domain::PathPoint)| {
        let number = desk.clip().number(p.frame);
        view! {
            <li class="prompt">
                <FrameLink frame=p.frame/>
                <span class="prompt__words">{format!("{:.0}, {:.0}", p.x, p.y)}</span>
                <button
                    type="button" class="icon-button" data-small="true" aria-label=format!("Delete the stop on frame {number}")
                    disabled=move || !desk.may_edit()
                    on:click=move |_| desk.change_cause(id, |c| { c.path.remove(at); })
                >
                    <ToolIcon mark=Mark::Delete/>
                </button>
            </li>
        }
    };
    let stops = cause.path.clone().into_iter().enumerate().map(stop).collect_view();
    view! { {hint} <ol class="target__prompts">{stops}</ol> }.into_any()
}
