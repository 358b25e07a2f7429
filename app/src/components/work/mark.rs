//! Initials of who works on a shot, and its due day as icon, word and colour.

use domain::Due;
use leptos::prelude::*;

use crate::api::work::Work;
use crate::components::ui::Avatar;

/// Badges before the rest become a number.
const MOST: usize = 3;

/// Nothing where nobody is assigned and no day is set.
#[component]
pub fn WorkMark(
    work: Work,
    /// Lies on a picture.
    #[prop(optional)]
    over: bool,
) -> impl IntoView {
    let Work { people, due } = work;
    if people.is_empty() && due.is_none() {
        return ().into_any();
    }
    let names = people.iter().map(|one| one.name.clone()).collect::<Vec<_>>().join(", ");
    let rest = people.len().saturating_sub(MOST);
    let said = (!people.is_empty()).then(|| {
        let badges = people.into_iter().take(MOST).map(|one| view! { <Avatar name=one.name/> }).collect_view();
        let more = (rest > 0).then(|| view! { <span class="work__more">{format!("+{rest}")}</span> });
        view! { <span class="work__people" role="group" aria-label=format!("Assigned to {names}")>{badges} {more}</span> }
    });
    view! {
        <span class="work" data-over=over.then_some("true")>
            {said}
            {due.map(|due| view! { <DueMark due/> })}
        </span>
    }
    .into_any()
}

#[component]
pub fn DueMark(due: Due) -> impl IntoView {
    let (icon, words, tone) = due.status();
    view! {
        <span class="due" data-tone=tone title=format!("Due {}", due.day.words())>
            <span aria-hidden="true">{icon}</span>
            <span class="due__word">{words}</span>
        </span>
    }
}
