//! What all signed-in pages stand behind: without an owner it leads to `/setup`, without a session to `/sign-in`. It
//! puts the person into the context and keeps the live feed running.

use domain::{Person, PersonId, Role};
use leptos::prelude::*;
use leptos::suspense::Unsuspend;
use leptos_router::components::{Outlet, Redirect};
use leptos_router::hooks::use_location;

use crate::components::ui::{Failure, Loading};
use crate::error::ApiError;
use crate::routes::href;
use crate::state::live::use_live;
use crate::state::session::{Me, use_session};
use crate::state::settled::settled;
use crate::state::waiting::Counts;

#[component]
pub fn Gate() -> impl IntoView {
    // The pages belong here and not to the transition below, or their own loading would show its fallback.
    let pages = Owner::current().expect("a component has an owner");
    view! {
        <Transition fallback=|| view! { <main class="page"><Loading/></main> }>
            <Inside pages=pages.clone()/>
        </Transition>
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Way {
    Unknown,
    SetUp,
    SignIn,
    Failed(ApiError),
    Open,
}

#[component]
fn Inside(pages: Owner) -> impl IntoView {
    let session = use_session();
    let live = use_live();
    let way = settled(move |_| match session.viewer.get() {
        None => Way::Unknown,
        Some(Err(error)) => Way::Failed(error),
        Some(Ok(viewer)) if !viewer.has_owner => Way::SetUp,
        Some(Ok(viewer)) if viewer.person.is_none() => Way::SignIn,
        Some(Ok(_)) => Way::Open,
    });
    // For the moment between signing out and leaving, the last person stays.
    let me = settled(move |last: Option<&Person>| {
        let now = session.viewer.get().and_then(Result::ok).and_then(|viewer| viewer.person);
        now.or_else(|| last.cloned()).unwrap_or_else(nobody)
    });
    let counts = Counts::new(live, me);
    pages.with(|| {
        provide_context(Me(me));
        provide_context(counts);
    });

    let id = Memo::new(move |_| me.with(|me| me.person_id));
    Effect::new(move |_| {
        if id.get() != nobody().person_id {
            live.follow();
        }
    });
    on_cleanup(move || live.leave());

    let at = use_location();
    let here = move || {
        let (path, query) = (at.pathname.get_untracked(), at.search.get_untracked());
        let query = query.trim_start_matches('?').to_owned();
        if query.is_empty() { path } else { format!("{path}?{query}") }
    };
    move || {
        let (way, pages) = (way.get(), pages.clone());
        Unsuspend::new(move || match way {
            Way::Unknown => ().into_any(),
            Way::SetUp => view! { <Redirect path="/setup"/> }.into_any(),
            Way::SignIn => view! { <Redirect path=href::sign_in(&here())/> }.into_any(),
            Way::Failed(error) => {
                let retry = move |()| session.viewer.refetch();
                view! { <main class="page"><Failure error retry/></main> }.into_any()
            }
            Way::Open => pages.with(|| view! { <Outlet/> }.into_any()),
        })
    }
}

/// Stands in until the viewer is known; no right belongs to it.
fn nobody() -> Person {
    Person {
        person_id: PersonId(Default::default()),
        name: String::new(),
        email: String::new(),
        role: Role::Client,
        active: false,
    }
}
