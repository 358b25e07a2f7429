//! The board's filters of who works on a shot and when it is due. All of them are links: what is chosen is the address.

use domain::{AssignedTo, Assignee, DueIn, ProjectId};
use leptos::prelude::*;

use crate::api::projects::ShotFilter;
use crate::components::ui::{Glyph, Icon, Menu};
use crate::routes::href;

#[component]
pub fn WorkFilter(
    project: Signal<ProjectId>,
    filter: Signal<ShotFilter>,
    /// Who can be assigned here.
    people: Signal<Vec<Assignee>>,
) -> impl IntoView {
    let assigned = Memo::new(move |_| filter.with(|filter| filter.assigned));
    let due = Memo::new(move |_| filter.with(|filter| filter.due));
    let whose = move || match assigned.get() {
        None => "Anybody".to_owned(),
        Some(AssignedTo::Me) => "Me".to_owned(),
        Some(AssignedTo::Nobody) => "Nobody".to_owned(),
        Some(AssignedTo::Person(id)) => people
            .with(|people| people.iter().find(|one| one.person_id == id).map(|one| one.name.clone()))
            .unwrap_or_else(|| "Somebody".to_owned()),
    };
    let when = move || match due.get() {
        None => "Any day",
        Some(DueIn::Late) => "Late",
        Some(DueIn::Week) => "This week",
    };
    let to_person = move |assigned: Option<AssignedTo>, word: String| {
        let to = move || href::board(project.get(), &ShotFilter { assigned, ..filter.get() });
        item(to, word, Signal::derive(move || filter.with(|filter| filter.assigned == assigned)))
    };
    let to_day = move |due: Option<DueIn>, word: &str| {
        let to = move || href::board(project.get(), &ShotFilter { due, ..filter.get() });
        item(to, word.to_owned(), Signal::derive(move || filter.with(|filter| filter.due == due)))
    };
    let others = move || {
        people
            .get()
            .into_iter()
            .map(|one| to_person(Some(AssignedTo::Person(one.person_id)), one.name))
            .collect_view()
    };
    view! {
        <nav class="work-filter" aria-label="Filter shots by work">
            <Menu start=true label="Filter by who works on it" button=view! {
                <span class="chip" aria-current=move || assigned.get().is_some().then_some("true")>
                    <Icon glyph=Glyph::People/> {whose} <Icon glyph=Glyph::Chevron/>
                </span>
            }.into_any()>
                {to_person(None, "Anybody".to_owned())}
                {to_person(Some(AssignedTo::Me), "Me".to_owned())}
                {to_person(Some(AssignedTo::Nobody), "Nobody".to_owned())}
                <hr class="menu__rule"/>
                {others}
            </Menu>
            <Menu start=true label="Filter by due date" button=view! {
                <span class="chip" aria-current=move || due.get().is_some().then_some("true")>
                    <Icon glyph=Glyph::Calendar/> {when} <Icon glyph=Glyph::Chevron/>
                </span>
            }.into_any()>
                {to_day(None, "Any day")}
                {to_day(Some(DueIn::Late), "Late")}
                {to_day(Some(DueIn::Week), "Due this week")}
            </Menu>
        </nav>
    }
}

fn item(to: impl Fn() -> String + Send + Sync + 'static, word: String, here: Signal<bool>) -> AnyView {
    let to = Signal::derive(to);
    view! {
        <a class="menu__item" href=move || to.get() aria-current=move || here.get().then_some("true")>{word}</a>
    }
    .into_any()
}
