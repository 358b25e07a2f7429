//! The navigation at the left; on narrow screens a menu in the top bar's place.

use domain::Action;
use leptos::prelude::*;
use leptos_router::hooks::use_url;

use crate::routes::href;
use crate::state::session::use_me;
use crate::state::waiting::use_counts;

/// A row of the navigation. `here` when the page it leads to is the one shown.
#[component]
pub fn NavLink(
    #[prop(into)] to: Signal<String>,
    #[prop(into)] word: Signal<String>,
    #[prop(into)] here: Signal<bool>,
    #[prop(optional, into)] count: Option<Signal<Option<u32>>>,
) -> impl IntoView {
    view! {
        <a class="nav__link" href=move || to.get() aria-current=move || here.get().then_some("page")>
            <span class="nav__word">{move || word.get()}</span>
            {count.map(|count| view! { <span class="nav__count">{move || count.get()}</span> })}
        </a>
    }
}

/// `children` come above the studio's own links.
#[component]
pub fn SideNav(
    /// Shown or hidden on narrow screens.
    open: RwSignal<bool>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let me = use_me();
    // Of this route, not of the whole router: a page that is being left must not hear of the next address.
    let url = use_url();
    let path = Memo::new(move |_| url.with(|url| url.path().to_owned()));
    // Somebody who followed a link does not want the menu any more.
    Effect::new(move |before: Option<String>| {
        let now = path.get();
        if before.is_some_and(|before| before != now) {
            open.set(false);
        }
        now
    });
    let counts = use_counts();
    let at = move |to: &'static str| Signal::derive(move || path.read().as_str() == to);
    view! {
        <nav class="nav" aria-label="Main" data-open=move || if open.get() { "true" } else { "false" }>
            {children.map(|children| children())}
            <h2 class="caption nav__caption">"Studio"</h2>
            <NavLink to=href::NEEDS.to_owned() word="Needs me".to_owned() here=at(href::NEEDS) count=counts.needs()/>
            <NavLink to="/".to_owned() word="Projects".to_owned() here=at("/")/>
            <Show when=move || me.may(Action::ManagePeople)>
                <NavLink to=href::PEOPLE.to_owned() word="People".to_owned() here=at(href::PEOPLE)/>
            </Show>
            <Show when=move || me.may(Action::ReadAudit)>
                <NavLink to=href::AUDIT.to_owned() word="Audit trail".to_owned() here=at(href::AUDIT)/>
            </Show>
            <Show when=move || me.may(Action::UseBin)>
                <NavLink to=href::BIN.to_owned() word="Bin".to_owned() here=at(href::BIN)/>
            </Show>
            <Show when=move || me.may(Action::ManageDisk)>
                <NavLink to=href::DISK.to_owned() word="Disk".to_owned() here=at(href::DISK)/>
            </Show>
            <Show when=move || me.may(Action::ViewJobs)>
                <NavLink to=href::JOBS.to_owned() word="Jobs & workers".to_owned() here=at(href::JOBS)/>
                <NavLink to=href::MODELS.to_owned() word="Models".to_owned() here=at(href::MODELS)/>
            </Show>
        </nav>
    }
}
