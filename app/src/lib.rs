//! Pages, components and server functions: what a viewer sees and what a viewer may know. No FFmpeg, no files.
#![recursion_limit = "512"]

pub mod api;
pub mod browser;
pub mod components;
#[cfg(feature = "ssr")]
pub mod context;
pub mod error;
#[cfg(feature = "ssr")]
mod found;
#[cfg(feature = "ssr")]
mod masks;
pub mod pages;
#[cfg(feature = "ssr")]
mod password;
pub mod routes;
pub mod state;
#[cfg(feature = "ssr")]
pub mod upkeep;

use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::{SsrMode, path};

use components::ui::{KeySheet, ToastList, provide_key_map, provide_toasts};
use components::upload::UploadPanel;
use state::live::provide_live;
use state::session::provide_session;
use state::uploads::provide_uploads;

/// The document around [`App`], for the server.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="dark light"/>
                <meta name="made" content=browser::clock::made_now()/>
                <script src="/theme.js"></script>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="preload" href="/fonts/inter-latin.woff2" r#as="font" r#type="font/woff2" crossorigin=""/>
                <link rel="stylesheet" href="/pkg/minus-one.css"/>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// The title of a page. The server writes it into the head as it is, so that names must be escaped there; a browser takes text.
fn titled(page: String) -> String {
    let title = if page.is_empty() { "Minus One".to_owned() } else { format!("{page} · Minus One") };
    if cfg!(feature = "ssr") { title.replace('&', "&amp;").replace('<', "&lt;") } else { title }
}

#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_toasts();
    provide_key_map();
    provide_live();
    provide_session();
    provide_uploads();
    view! {
        <Title formatter=titled/>
        <Router>
            <Routes fallback=pages::NotFound>
                <Route path=path!("/setup") view=pages::setup::SetupPage ssr=SsrMode::Async/>
                <Route path=path!("/sign-in") view=pages::sign_in::SignInPage ssr=SsrMode::Async/>
                <Route path=path!("/invite/:token") view=pages::invitation::InvitationPage ssr=SsrMode::Async/>
                <Route path=path!("/reset/:token") view=pages::reset::ResetPage ssr=SsrMode::Async/>
                <Route path=path!("/share/:token") view=pages::share::SharePage ssr=SsrMode::Async/>
                <Route path=path!("/share/:token/:shot") view=pages::share::SharePage ssr=SsrMode::Async/>
                <ParentRoute path=path!("") view=pages::gate::Gate ssr=SsrMode::Async>
                    <Route path=path!("/") view=pages::projects::ProjectsPage ssr=SsrMode::Async/>
                    <Route path=path!("/people") view=pages::people::PeoplePage ssr=SsrMode::Async/>
                    <Route path=path!("/profile") view=pages::profile::ProfilePage ssr=SsrMode::Async/>
                    <Route path=path!("/audit") view=pages::audit::AuditPage ssr=SsrMode::Async/>
                    <Route path=path!("/needs-me") view=pages::needs::NeedsPage ssr=SsrMode::Async/>
                    <Route path=path!("/inbox") view=pages::inbox::InboxPage ssr=SsrMode::Async/>
                    <Route path=path!("/bin") view=pages::bin::BinPage ssr=SsrMode::Async/>
                    <Route path=path!("/disk") view=pages::disk::DiskPage ssr=SsrMode::Async/>
                    <Route path=path!("/models") view=pages::models::ModelsPage ssr=SsrMode::Async/>
                    <Route path=path!("/jobs") view=pages::jobs::JobsPage ssr=SsrMode::Async/>
                    <Route path=path!("/shots/:shot/:tab") view=pages::shot::ShotPage ssr=SsrMode::Async/>
                    <ParentRoute path=path!("/projects/:project") view=pages::project::ProjectFrame ssr=SsrMode::Async>
                        <Route path=path!("") view=pages::board::BoardPage ssr=SsrMode::Async/>
                        <Route path=path!("/settings") view=pages::settings::SettingsPage ssr=SsrMode::Async/>
                    </ParentRoute>
                </ParentRoute>
            </Routes>
            <KeySheet/>
            <UploadPanel/>
            <ToastList/>
        </Router>
    }
}
