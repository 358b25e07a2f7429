//! Three things a client can do here, said once per browser.

use domain::Action;
use leptos::prelude::*;

use crate::browser::store;
use crate::state::desk::use_desk;

const SEEN: &str = "minus-one:share-hints";

/// Nothing until the client runs, and nothing once it was put away.
#[component]
pub fn Hints() -> impl IntoView {
    let desk = use_desk();
    let open = RwSignal::new(false);
    Effect::new(move |_| open.set(store::get(SEEN).is_none()));
    let close = move |_| {
        store::set(SEEN, "1");
        open.set(false);
    };
    let hints = move || {
        let all = [
            (true, "Drag the line on the picture: plate on the left, result on the right."),
            (desk.may(Action::Comment), "Write below, or take a pen and draw on the picture to point."),
            (desk.may(Action::DecideVersion), "Approve the version, or ask for changes, when you are sure."),
        ];
        all.into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, text)| view! { <li class="hints__one">{text}</li> })
            .collect_view()
    };
    view! {
        <Show when=move || open.get()>
            <section class="hints" aria-label="What you can do here">
                <ol class="hints__all">{hints}</ol>
                <button type="button" class="threads__link" on:click=close>"Got it"</button>
            </section>
        </Show>
    }
    .into_any()
}
