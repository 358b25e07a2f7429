//! Pages, components and server functions: what a viewer sees and what a viewer may know. No FFmpeg, no files.
#![recursion_limit = "512"]

pub mod api;
pub mod browser;
pub mod components;
pub mod error;
pub mod pages;
pub mod routes;
pub mod state;

use leptos::prelude::*;

#[component]
pub fn App() -> impl IntoView {
    view! { <p>"Minus One"</p> }
}
