//! What is found about a draft before machine time is spent on it: sentences that lead to their frames, and a tick for each that
//! somebody looked at.

use domain::checks::Severity;
use domain::{Action, FrameRange};
use leptos::prelude::*;

use crate::api::checks::{Finding, Key, tick_check};
use crate::components::ui::Check;
use crate::components::words;
use crate::state::desk::{Desk, use_desk};

/// Which findings a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All, those that are good too.
    All,
    /// Those that somebody should know of.
    Open,
}

fn shown(desk: Desk, which: Which) -> Vec<Finding> {
    desk.view.with(|v| {
        let all = v.draft.findings.iter().filter(|f| which == Which::All || f.check.is_open());
        all.cloned().collect()
    })
}

/// Findings that nobody looked at.
fn open(desk: Desk) -> usize {
    desk.view.with(|v| v.draft.findings.iter().filter(|finding| finding.is_open()).count())
}

/// A section of the panel.
#[component]
pub fn Findings(which: Which, title: &'static str) -> impl IntoView {
    let desk = use_desk();
    let open = Memo::new(move |_| open(desk));
    view! {
        <section class="panel__section" aria-label=title>
            <div class="panel__head">
                <h2 class="caption">{title}</h2>
                {move || (open.get() > 0).then(|| view! {
                    <span class="panel__alarm" data-tone="changes">{format!("! {} to look at", open.get())}</span>
                })}
            </div>
            <FindingList which/>
        </section>
    }
    .into_any()
}

/// What somebody should know before they send or approve a quadmask; nothing where that is nothing.
#[component]
pub fn FindingsBrief() -> impl IntoView {
    let desk = use_desk();
    let has_any = Memo::new(move |_| !shown(desk, Which::Open).is_empty());
    view! {
        <Show when=move || has_any.get()>
            <section class="checks-brief" aria-label="What the checks found">
                <h3 class="caption">"What the checks found"</h3>
                <FindingList which=Which::Open/>
            </section>
        </Show>
    }
    .into_any()
}

#[component]
pub fn FindingList(which: Which) -> impl IntoView {
    let desk = use_desk();
    let all = Memo::new(move |_| shown(desk, which));
    let keys = Memo::new(move |_| all.with(|all| all.iter().map(Finding::key).collect::<Vec<_>>()));
    view! {
        <ul class="checks">
            <For each=move || keys.get() key=|known| known.clone() let:known>
                <Line known all/>
            </For>
        </ul>
        <Show when=move || keys.with(Vec::is_empty)>
            <p class="muted">"Nothing that somebody should look at was found."</p>
        </Show>
    }
    .into_any()
}

fn look_of(severity: Severity, is_looked: bool) -> (&'static str, &'static str) {
    match severity {
        Severity::Stops => ("✕", "failed"),
        Severity::Warns if is_looked => ("✓", "review"),
        Severity::Warns => ("!", "changes"),
        Severity::Notes => ("·", "review"),
        Severity::Fine => ("✓", "approved"),
    }
}

#[component]
fn Line(known: Key, all: Memo<Vec<Finding>>) -> impl IntoView {
    let desk = use_desk();
    let key = known.clone();
    let finding =
        Memo::new(move |_| all.with(|all| all.iter().find(|finding| finding.key() == key).cloned()));
    // What it says never changes under its key; who looked at it does.
    let check = untrack(|| finding.get()).map(|finding| finding.check);
    let looked = Memo::new(move |_| finding.with(|f| f.as_ref().and_then(|f| f.looked.clone())));
    let is_stale = move || finding.with(|f| f.as_ref().is_some_and(|f| f.is_stale));
    check.map(|check| {
        let severity = check.severity;
        let can_tick = matches!(severity, Severity::Warns | Severity::Notes);
        let refused = RwSignal::new(0_u32);
        let tick = Callback::new(move |on: bool| {
            let (code, subject, print) = known.clone();
            let told = move || {
                refused.try_update(|times| *times += 1);
            };
            desk.write_or(tick_check(desk.shot_id, code, subject, print, on), |_| (), told);
        });
        let look = move || look_of(severity, looked.with(Option::is_some));
        let more = (check.more > 0).then(|| format!(" and {} more", words::count(check.more, "frame")));
        let links = check.frames.into_iter().map(|range| view! { " " <RangeLink range/> }).collect_view();
        view! {
            <li class="check-line" data-tone=move || look().1 data-code=check.code.word()>
                <span class="check-line__icon" aria-hidden="true">{move || look().0}</span>
                <div class="check-line__words">
                    <p>
                        <span class="visually-hidden">{format!("{}: ", severity.word())}</span>
                        {check.text} {links} {more}
                    </p>
                    {(!check.to_do.is_empty()).then(|| view! { <p class="faint">{sentence(&check.to_do)}</p> })}
                    {can_tick.then(|| view! { <Tick looked refused=refused.into() on_change=tick/> })}
                    {move || is_stale().then(|| view! {
                        <p class="faint">"Somebody looked at it before these masks changed."</p>
                    })}
                </div>
            </li>
        }
    })
    .into_any()
}

/// As a sentence of its own.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// A box for those who edit; who looked at it, for everybody.
#[component]
fn Tick(looked: Memo<Option<String>>, refused: Signal<u32>, on_change: Callback<bool>) -> impl IntoView {
    let desk = use_desk();
    let checked = Signal::derive(move || looked.with(Option::is_some));
    view! {
        <div class="check-line__tick">
            <Show when=move || desk.may(Action::EditShot)>
                <Check label="Looked at" checked refused on_change/>
            </Show>
            {move || looked.get().map(|name| view! { <span class="faint">{format!("Looked at by {name}")}</span> })}
        </div>
    }
    .into_any()
}

/// Frames that the playhead goes to the first of.
#[component]
fn RangeLink(range: FrameRange) -> impl IntoView {
    let desk = use_desk();
    let go = move |_| {
        desk.playhead.pause();
        desk.playhead.seek(range.from);
    };
    let words = move || {
        let clip = desk.clip();
        let (from, to) = (clip.number(range.from), clip.number(range.to));
        if from == to { format!("f{from}") } else { format!("f{from}–f{to}") }
    };
    view! {
        <button type="button" class="frame-link" on:click=go>{words}</button>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_reads_as_a_sentence() {
        assert_eq!(sentence("look, fix or lock"), "Look, fix or lock.");
        assert_eq!(sentence("über"), "Über.");
    }
}
