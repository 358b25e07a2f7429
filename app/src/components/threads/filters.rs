//! Which threads are listed, in which order, and “I have read all this”.

use domain::Action;
use leptos::prelude::*;

use crate::state::desk::use_desk;
use crate::state::talk::Filter;

#[component]
pub fn Filters() -> impl IntoView {
    let desk = use_desk();
    let talk = desk.talk;
    // A guest becomes somebody when they give a name.
    let viewer = move || desk.view.with(|v| v.viewer);
    // To clients everything they see is for clients.
    let is_inside = untrack(|| desk.may(Action::ViewShot));
    let chip = move |filter: Filter| {
        let count = move || talk.threads().iter().filter(|t| filter.passes(t, viewer())).count();
        view! {
            <button
                type="button" class="chip"
                aria-pressed=move || if talk.filter.get() == filter { "true" } else { "false" }
                on:click=move |_| talk.filter.set(filter)
            >
                {filter.word()}
                <span class="threads__count">{count}</span>
            </button>
        }
    };
    let filters =
        Filter::ALL.into_iter().filter(|f| is_inside || !matches!(f, Filter::Internal | Filter::Client));
    let news = move || talk.unread(viewer());
    let has_news = move || news() > 0;
    view! {
        <div class="threads__filters">
            <div class="threads__chips" role="group" aria-label="Which comments">{filters.map(chip).collect_view()}</div>
            <div class="threads__order">
                <button
                    type="button" class="threads__link"
                    aria-label=move || if talk.by_frame.get() { "Sorted by frame: sort by newest" } else { "Sorted by newest: sort by frame" }
                    on:click=move |_| talk.by_frame.update(|on| *on = !*on)
                >
                    {move || if talk.by_frame.get() { "By frame ↓" } else { "Newest first ↓" }}
                </button>
                <Show when=has_news>
                    <button type="button" class="threads__link" on:click=move |_| talk.see_all(untrack(viewer))>
                        {move || format!("Mark {} as read", news())}
                    </button>
                </Show>
            </div>
        </div>
    }
    .into_any()
}
