//! Every step that cannot be taken back asks once, with room for a note: send to review, approve, ask for changes, re-open.

use domain::{ShotStep, Verdict};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;

use crate::api::quadmasks::{decide_quadmask, reopen, submit_quadmask};
use crate::components::checks::FindingsBrief;
use crate::components::ui::{Button, Dialog, Kind, TextArea};
use crate::state::asking::Ask;
use crate::state::desk::{Desk, use_desk};

#[component]
pub fn AskDialog() -> impl IntoView {
    let desk = use_desk();
    let ask = desk.ask;
    let open = RwSignal::new(false);
    Effect::new(move |_| {
        if ask.get().is_some() {
            open.set(true);
        }
    });
    Effect::new(move |_| {
        if !open.get() && ask.get_untracked().is_some() {
            ask.set(None);
        }
    });
    let title = Signal::derive(move || ask.get().map(|a| a.title(desk)).unwrap_or_default());
    view! {
        <Dialog open title>
            {move || ask.get().map(|ask| view! { <Question ask open/> })}
        </Dialog>
    }
    .into_any()
}

#[component]
fn Question(ask: Ask, open: RwSignal<bool>) -> impl IntoView {
    let desk = use_desk();
    let note = RwSignal::new(String::new());
    let needs_note = ask.needs_note();
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        let text = note.get_untracked().trim().to_owned();
        if needs_note && text.is_empty() {
            desk.toasts.fail("Say in a sentence what should change: the artist reads it first.");
            return;
        }
        take(desk, ask, text);
        open.set(false);
    };
    let has_note = ask != Ask::Reopen;
    view! {
        <form class="form" on:submit=send>
            <p class="muted">{untrack(|| ask.text(desk))}</p>
            {matches!(ask, Ask::Submit | Ask::ApproveQuadmask).then(|| view! { <FindingsBrief/> })}
            {has_note.then(|| view! {
                <TextArea
                    label=if needs_note { "What should change" } else { "Note (optional)" }
                    name="note" value=note on_input=move |text| note.set(text) autofocus=true
                />
            })}
            <div class="form__end">
                <Button on:click=move |_| open.set(false)>"Cancel"</Button>
                <Button kind=Kind::Primary submit=true>{untrack(|| ask.button(desk))}</Button>
            </div>
        </form>
    }
    .into_any()
}

fn take(desk: Desk, ask: Ask, note: String) {
    let id = desk.shot_id;
    match ask {
        Ask::Submit => {
            desk.write_last(on_its_way(desk, ask, submit_quadmask(id, note)), move |quadmask| {
                desk.toasts.say(format!("Quadmask v{} is in review", quadmask.n));
            });
        }
        Ask::Reopen => desk.write(on_its_way(desk, ask, reopen(id))),
        Ask::ApproveQuadmask | Ask::QuadmaskChanges => {
            let Some(quadmask) = desk.view.with_untracked(|v| v.quadmasks.first().cloned()) else { return };
            let verdict = ask.verdict();
            desk.write_then(
                on_its_way(desk, ask, decide_quadmask(quadmask.quadmask_id, quadmask.subject, verdict, note)),
                move |()| {
                    desk.toasts.say(match verdict {
                        Verdict::Approve => format!("You approved quadmask v{}", quadmask.n),
                        Verdict::Changes => format!("You asked for changes to quadmask v{}", quadmask.n),
                    });
                },
            );
        }
        Ask::ApproveResult | Ask::ResultChanges => {
            let Some(version) = untrack(|| desk.version()) else { return };
            let verdict = ask.verdict();
            let (road, n) = (desk.road, version.n);
            road.named(move || {
                let sent =
                    on_its_way(desk, ask, road.decide(version.version_id, version.subject, verdict, note));
                desk.write_then(sent, move |()| {
                    desk.toasts.say(match verdict {
                        Verdict::Approve => format!("You approved result v{n}"),
                        Verdict::Changes => format!("You asked for changes to result v{n}"),
                    });
                });
            });
        }
    }
}

/// Its buttons wait until the answer is there: a long shot is sent for seconds.
fn on_its_way<T>(desk: Desk, ask: Ask, answer: impl Future<Output = T>) -> impl Future<Output = T> {
    desk.sending.set(Some(ask));
    async move {
        let answer = answer.await;
        desk.sending.try_set(None);
        answer
    }
}

/// A button that asks, where the step is possible.
#[component]
pub fn AskButton(
    ask: Ask,
    #[prop(optional)] kind: Kind,
    #[prop(into)] word: Signal<String>,
) -> impl IntoView {
    let desk = use_desk();
    let is_sending = Signal::derive(move || desk.sending.get() == Some(ask));
    view! {
        <Button kind disabled=is_sending on:click=move |_| desk.ask.set(Some(ask))>
            {move || if is_sending.get() { "Sending…".to_owned() } else { word.get() }}
        </Button>
    }
    .into_any()
}

/// What may be decided about the quadmask now; empty where nothing may.
#[component]
pub fn QuadmaskSteps() -> impl IntoView {
    let desk = use_desk();
    let n = Signal::derive(move || desk.view.with(|v| v.quadmasks.first().map_or(1, |q| q.n)));
    let next = Signal::derive(move || desk.view.with(|v| v.quadmasks.first().map_or(1, |q| q.n + 1)));
    let counts = move || desk.decision_counts();
    view! {
        <div class="panel__actions">
            <Show when=move || desk.can(ShotStep::AskQuadmaskChanges) && counts().is_ok()>
                <AskButton ask=Ask::QuadmaskChanges word="Ask for changes".to_owned()/>
            </Show>
            <Show when=move || desk.can(ShotStep::ApproveQuadmask) && counts().is_ok() && !desk.has_approved_quadmask()>
                <AskButton ask=Ask::ApproveQuadmask kind=Kind::Primary word=Signal::derive(move || format!("Approve quadmask v{}", n.get()))/>
            </Show>
            <Show when=move || desk.can(ShotStep::SubmitQuadmask) && !desk.is_other_editing()>
                <AskButton ask=Ask::Submit kind=Kind::Primary word=Signal::derive(move || format!("Send quadmask v{} to review", next.get()))/>
            </Show>
            <Show when=move || desk.can(ShotStep::Reopen)>
                <AskButton ask=Ask::Reopen word="Re-open to edit".to_owned()/>
            </Show>
        </div>
    }
    .into_any()
}
