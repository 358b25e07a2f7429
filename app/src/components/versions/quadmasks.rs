//! Versions of the quadmask: which one lies over the plate, and what was decided about each.

use domain::version::Quadmask;
use leptos::prelude::*;

use super::decisions::DecisionList;
use crate::components::ui::Ago;
use crate::state::desk::use_desk;
use crate::state::marking::Shown;

#[component]
pub fn QuadmaskList() -> impl IntoView {
    let desk = use_desk();
    let marking = desk.marking;
    let pressed = move |what: Shown| if marking.shown.get() == what { "true" } else { "false" };
    let row = move |q: Quadmask| {
        let id = q.quadmask_id;
        let shown = Shown::Version(id);
        let is_stale = Signal::derive(move || desk.view.with(|v| v.is_stale(id)));
        let note = (!q.note.is_empty()).then(|| view! { <p class="decision__note">{q.note.clone()}</p> });
        view! {
            <li class="mask-version">
                <div class="mask-version__head">
                    <button type="button" class="chip" aria-pressed=move || pressed(shown) on:click=move |_| marking.shown.set(shown)>
                        {format!("v{}", q.n)}
                    </button>
                    <span>{q.author_name.clone()}</span>
                    <Ago at=Signal::stored(q.created_at)/>
                    <code class="faint" title=format!("SHA-256 of what is decided about: {}", q.subject)>
                        {q.subject.to_string()[..8].to_owned()}
                    </code>
                </div>
                {note}
                <DecisionList decisions=q.decisions is_stale/>
            </li>
        }
    };
    view! {
        <button type="button" class="chip" aria-pressed=move || pressed(Shown::Draft) on:click=move |_| marking.shown.set(Shown::Draft)>
            "Draft"
        </button>
        <ul class="mask-versions">
            {move || desk.view.with(|v| v.quadmasks.clone()).into_iter().map(row).collect_view()}
        </ul>
    }
    .into_any()
}
