//! Who may make links in a project, whether its clients see each other, and whether causes are approved first.

use domain::project::Sharing as Rules;
use domain::{ProjectId, Role};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::causes::set_causes_first;
use crate::api::life::set_sharing;
use crate::components::ui::{Check, use_toasts};

/// Kept as soon as it is changed.
#[component]
pub fn Sharing(project_id: ProjectId, rules: Rules) -> impl IntoView {
    let rules = RwSignal::new(rules);
    let toasts = use_toasts();
    let change = move |to: Rules| {
        let before = rules.get_untracked();
        rules.set(to.clone());
        spawn_local(async move {
            match set_sharing(project_id, to.sharers, to.clients_apart).await {
                Ok(()) => toasts.say("Settings saved"),
                Err(error) => {
                    rules.try_set(before);
                    toasts.fail(error);
                }
            }
        });
    };
    let of_role = move |role: Role| {
        let is_owner = role == Role::Owner;
        let checked = Signal::derive(move || is_owner || rules.with(|rules| rules.sharers.contains(&role)));
        let on_change = move |on: bool| {
            let mut to = rules.get_untracked();
            to.sharers.retain(|one| *one != role);
            if on {
                to.sharers.push(role);
            }
            change(to);
        };
        view! { <Check label=format!("{}s", role.word()) checked on_change disabled=is_owner/> }
    };
    let apart = Signal::derive(move || rules.with(|rules| rules.clients_apart));
    let on_apart = move |on: bool| change(Rules { clients_apart: on, ..rules.get_untracked() });
    view! {
        <section class="settings-panel" aria-label="Sharing">
            <h2>"Sharing with clients"</h2>
            <fieldset class="people-choice">
                <legend class="field__label">"Who may make links"</legend>
                {Rules::all().into_iter().map(of_role).collect_view()}
            </fieldset>
            <Check label="Keep clients apart" checked=apart on_change=on_apart/>
            <p class="faint">"Then clients see what the team says and what they said themselves, and nothing of each other: no name, no comment, no decision. Guests of one link are one client."</p>
        </section>
    }
}

/// Whether causes are a thing of their own; kept as soon as it is changed.
#[component]
pub fn CausesFirst(project_id: ProjectId, first: bool) -> impl IntoView {
    let on = RwSignal::new(first);
    let toasts = use_toasts();
    let change = move |to: bool| {
        on.set(to);
        spawn_local(async move {
            match set_causes_first(project_id, to).await {
                Ok(()) => toasts.say("Settings saved"),
                Err(error) => {
                    on.try_set(!to);
                    toasts.fail(error);
                }
            }
        });
    };
    view! {
        <section class="settings-panel" aria-label="Causes">
            <h2>"Causes"</h2>
            <Check label="Causes are approved before the quadmask" checked=on on_change=change/>
            <p class="faint">"Then whoever approves agrees first to what else changes and why, by the rule above, and a quadmask can be sent to review once they did. Causes that change need a new word."</p>
        </section>
    }
}
