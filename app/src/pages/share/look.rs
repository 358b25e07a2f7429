//! An open link: the same stage, timeline and threads as in the studio, with what guests have a part in.

use std::time::Duration;

use domain::EventKind;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;

use super::closed::Closed;
use crate::api::guests::get_shared_shot;
use crate::api::shared::ShareView;
use crate::components::canvas::Gestures;
use crate::components::compare::CompareBar;
use crate::components::player::{Stage, Transport, run_clock};
use crate::components::share::{GuestName, Hints, ShareBar};
use crate::components::threads::ThreadsPanel;
use crate::components::timeline::Timeline;
use crate::components::ui::{Kind, use_toasts};
use crate::components::versions::{AskButton, AskDialog, MovieTake, VersionPills};
use crate::pages::shot::keys;
use crate::routes::href;
use crate::state::asking::Ask;
use crate::state::desk::{Desk, Tab, use_desk};
use crate::state::live::{Connection, use_live};
use crate::state::road::Road;
use crate::state::settled::said_now;
use crate::state::visit::Visit;

#[component]
pub fn Look(token: String, share: ShareView) -> impl IntoView {
    let visit = Visit::new(token, share.guest.clone(), share.is_preview, use_toasts());
    let desk = Desk::new(Road::Link(visit), share.shot.clone().into_view(), Memo::new(|_| Tab::Review));
    provide_context(desk);
    let gestures = Gestures::new(desk);
    run_clock(desk.playhead);
    keys::follow(desk, gestures);
    follow_events(desk, visit);
    let name = move || desk.view.with(|v| v.shot.name.clone());
    let (is_preview, download) = (share.is_preview, share.grants.download);
    let heading = share.name.clone();
    let share = StoredValue::new(share);
    let is_open = move || visit.over.with(Option::is_none);
    view! {
        <Title text=said_now(move || format!("{} · {}", name(), heading))/>
        <Show when=is_open fallback=move || visit.over.get().map(|error| view! { <Closed error/> })>
            <div class="shot share" data-tab="review" data-preview=is_preview.then_some("true")>
                <ShareBar share=share.get_value() visit middle=view! { <CompareBar/> }.into_any()/>
                <main class="shot__body">
                    <h1 class="visually-hidden">{move || format!("{}: review", name())}</h1>
                    <section class="shot__picture" aria-label="Picture"><Stage gestures/></section>
                    <aside class="shot__panel" aria-label="Review">
                        <section class="panel__section panel__versions"><VersionPills/> <Hints/></section>
                        <div class="shot__side"><ThreadsPanel/></div>
                        <Foot visit download/>
                    </aside>
                    <div class="shot__time"><Transport/> <Timeline/></div>
                </main>
                <AskDialog/>
                <GuestName visit/>
            </div>
        </Show>
    }
    .into_any()
}

/// What can be decided, and what can be taken away.
#[component]
fn Foot(visit: Visit, download: bool) -> impl IntoView {
    let desk = use_desk();
    let n = Signal::derive(move || desk.version().map_or(0, |v| v.n));
    let file = move || {
        let version = desk.version().filter(|_| download)?;
        // Files are handed out of approved versions only.
        if !desk.view.with(|v| v.deliveries.approved.contains(&version.version_id)) {
            return None;
        }
        let to = href::share_version(&visit.token(), version.version_id, "result.mkv");
        let words = format!("Download v{}, full size", version.n);
        Some(view! { <a class="button" data-kind="plain" href=to download=true rel="external">{words}</a> })
    };
    view! {
        <footer class="panel__foot">
            <Show when=move || desk.may_decide_result()>
                <div class="panel__actions">
                    <AskButton ask=Ask::ResultChanges word="Ask for changes".to_owned()/>
                    <Show when=move || desk.may_approve_result()>
                        <AskButton ask=Ask::ApproveResult kind=Kind::Primary word=Signal::derive(move || format!("Approve v{}", n.get()))/>
                    </Show>
                </div>
            </Show>
            {move || desk.result_is_closed().map(|why| view! { <p class="muted">{why}</p> })}
            {move || file().map(|file| view! { <div class="panel__actions">{file}</div> })}
            {download.then(|| view! { <MovieTake visit/> })}
        </footer>
    }
    .into_any()
}

/// Reads again what others changed, and notices when the link is over.
fn follow_events(desk: Desk, visit: Visit) {
    let live = use_live();
    Effect::new(move |_| live.follow_at(href::share_events(&visit.token())));
    on_cleanup(move || live.leave());
    live.on(move |event| {
        let Some(event) = event else {
            desk.refresh();
            desk.talk.refresh();
            return;
        };
        if event.shot_id == Some(desk.shot_id) {
            if event.kind == EventKind::Version {
                desk.refresh();
            }
            desk.talk.refresh();
        }
    });
    // A stream that ends says that the link may be over; whether it is, the server says.
    Effect::new(move |_| {
        if live.connection().get() == Connection::Lost && visit.over.with_untracked(Option::is_none) {
            ask_again(desk, visit);
        }
    });
    Effect::new(move |_| {
        if visit.over.with(Option::is_some) {
            live.leave();
        }
    });
}

fn ask_again(desk: Desk, visit: Visit) {
    spawn_local(async move {
        let answer = visit.hear(get_shared_shot(visit.token(), desk.shot_id).await);
        // No answer at all is no news about the link.
        if answer.is_err() && visit.over.try_with_untracked(Option::is_none) == Some(true) {
            set_timeout(
                move || {
                    if !desk.view.is_disposed() {
                        ask_again(desk, visit);
                    }
                },
                Duration::from_secs(3),
            );
        }
    });
}
