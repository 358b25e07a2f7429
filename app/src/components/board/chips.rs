//! The filter chips with their counts, and the order of the cards. All of them are links: what is chosen is the address.

use domain::Phase;
use domain::ProjectId;
use leptos::prelude::*;

use super::filter::{GROUPS, Group};
use crate::api::projects::{ShotFilter, Sort};
use crate::routes::href;

#[component]
pub fn FilterBar(
    project: Signal<ProjectId>,
    filter: Signal<ShotFilter>,
    /// Shots per phase.
    counts: Signal<Vec<(Phase, u32)>>,
) -> impl IntoView {
    let all = move || counts.with(|counts| counts.iter().map(|(_, n)| n).sum::<u32>());
    let to = move |phases: &[Phase]| {
        let filter = ShotFilter { phases: phases.to_vec(), ..filter.get() };
        href::board(project.get(), &filter)
    };
    let sorted = move |sort: Sort| href::board(project.get(), &ShotFilter { sort, ..filter.get() });
    let other =
        move || filter.with(|filter| if filter.sort == Sort::Name { Sort::Updated } else { Sort::Name });
    let is = move |phases: &'static [Phase]| filter.with(|filter| filter.phases.as_slice() == phases);
    let chip = move |group: &'static Group| {
        let count = move || {
            counts.with(|counts| {
                counts.iter().filter(|(phase, _)| group.phases.contains(phase)).map(|(_, n)| n).sum::<u32>()
            })
        };
        let shown = Memo::new(move |_| count() > 0 || is(group.phases));
        view! {
            <Show when=move || shown.get()>
                <a class="chip" href=move || to(group.phases) data-tone=group.tone aria-current=move || is(group.phases).then_some("true")>
                    <span class="chip__icon" aria-hidden="true">{group.icon}</span>
                    {group.word}
                    <span class="chip__count">{count}</span>
                </a>
            </Show>
        }
    };
    view! {
        <nav class="filter-bar" aria-label="Filter shots by status" hidden=move || all() == 0>
            <a class="chip" href=move || to(&[]) aria-current=move || is(&[]).then_some("true")>
                "All" <span class="chip__count">{all}</span>
            </a>
            {GROUPS.iter().map(chip).collect_view()}
        </nav>
        <nav class="sort-bar" aria-label="Order of the shots">
            <a class="sort-bar__link" href=move || sorted(other()) title="Change the order">
                "Sort: " <span class="sort-bar__now">{move || if other() == Sort::Name { "updated" } else { "name" }}</span>
            </a>
        </nav>
    }
}
