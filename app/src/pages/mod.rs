//! One page per address of the URL map.

pub mod audit;
pub mod bin;
pub mod board;
pub mod disk;
pub mod gate;
pub mod inbox;
pub mod invitation;
pub mod jobs;
pub mod models;
pub mod needs;
pub mod people;
pub mod profile;
pub mod project;
pub mod projects;
pub mod reset;
pub mod settings;
pub mod setup;
pub mod share;
pub mod shot;
pub mod sign_in;

use leptos::prelude::*;

use crate::components::layout::EntryCard;

/// An address that leads nowhere.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <EntryCard title="Nothing here" text="This address leads nowhere: it may be mistyped, or what was here is gone.">
            <a class="button" data-kind="primary" href="/">"All projects"</a>
        </EntryCard>
    }
}
