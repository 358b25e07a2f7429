//! One shot: picture, tools and timeline around four steps. The page loads the shot and keeps it true; the steps are in
//! the files beside this one.

mod header;
pub(crate) mod keys;
mod menu;
mod quadmask;
mod removal;
mod review;
mod side;
mod talking;
mod targets;

use std::time::Duration;

use domain::{Action, EventKind, ShotId, ThreadId};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use self::header::Header;
use crate::api::quadmasks::quadmask_frames;
use crate::api::shots::{ShotView, get_shot};
use crate::components::canvas::{Gestures, Palette, ToolBar};
use crate::components::find::follow_findings;
use crate::components::player::{Stage, Transport, run_clock};
use crate::components::timeline::Timeline;
use crate::components::ui::{Failure, Loading};
use crate::components::versions::AskDialog;
use crate::error::ApiError;
use crate::state::desk::{Desk, Tab};
use crate::state::live::use_live;
use crate::state::marking::{Shown, Tool};
use crate::state::road::Road;
use crate::state::settled::said_now;
use crate::state::talk::side_of;

#[component]
pub fn ShotPage() -> impl IntoView {
    let params = use_params_map();
    let shot_id = Memo::new(move |_| params.with(|p| p.get("shot")?.parse::<ShotId>().ok()));
    let slug = Memo::new(move |_| params.with(|p| Tab::of_slug(&p.get("tab").unwrap_or_default())));
    let shot = Resource::new(
        move || shot_id.get(),
        |id| async move { get_shot(id.ok_or(ApiError::NotFound)?).await },
    );
    view! {
        <Transition fallback=|| view! { <main class="page"><Loading/></main> }>
            {move || Suspend::new(async move {
                match shot.await {
                    Ok(view) => view! { <Workspace view slug/> }.into_any(),
                    Err(error) => {
                        let retry = move |()| shot.refetch();
                        view! { <main class="page"><Failure error retry/></main> }.into_any()
                    }
                }
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn Workspace(view: ShotView, slug: Memo<Tab>) -> impl IntoView {
    // Clients have only the review; the address does not change that.
    let is_client = !view.may.contains(&Action::ViewShot);
    let tab = Memo::new(move |_| if is_client { Tab::Review } else { slug.get() });
    let desk = Desk::new(Road::Studio, view, tab);
    provide_context(desk);
    let gestures = Gestures::new(desk);
    run_clock(desk.playhead);
    keys::follow(desk, gestures);
    follow_events(desk);
    follow_address(desk);
    follow_masks(desk);
    follow_findings(desk);
    Effect::new(move |_| desk.keep_claim());
    // A tool that the step does not have would surprise later.
    Effect::new(move |before: Option<Tab>| {
        let now = tab.get();
        if before.is_some_and(|before| before != now) && (before == Some(Tab::Review) || now == Tab::Review) {
            desk.talk.side.set(side_of(now));
        }
        if before.is_some_and(|before| before != now) && !matches!(now, Tab::Targets | Tab::Quadmask) {
            desk.marking.tool.set(Tool::Hand);
        }
        now
    });
    let name = move || desk.view.with(|v| v.shot.name.clone());
    view! {
        <Title text=said_now(move || format!("{} · {}", name(), tab.get().word()))/>
        <div class="shot" data-tab=move || tab.get().slug()>
            <Header/>
            <main class="shot__body">
                <h1 class="visually-hidden">{move || format!("{}: {}", name(), tab.get().word())}</h1>
                <Palette/>
                <section class="shot__picture" aria-label="Picture">
                    <ToolBar/>
                    <Stage gestures/>
                </section>
                <aside class="shot__panel" aria-label=move || tab.get().word()>
                    <side::SidePanel/>
                </aside>
                <div class="shot__time">
                    <Transport/>
                    <Timeline/>
                </div>
            </main>
            <AskDialog/>
        </div>
    }
    .into_any()
}

/// Reads again what others changed, at most every 150 ms.
fn follow_events(desk: Desk) {
    let draft_queued = StoredValue::new(false);
    use_live().on(move |event| {
        let Some(event) = event else {
            desk.refresh();
            desk.talk.refresh();
            return;
        };
        if event.shot_id != Some(desk.shot_id) {
            return;
        }
        match event.kind {
            EventKind::Frames { .. } => {
                if draft_queued.try_get_value() == Some(false) {
                    draft_queued.set_value(true);
                    set_timeout(
                        move || {
                            if draft_queued.try_set_value(false).is_none() {
                                desk.refresh_draft();
                            }
                        },
                        Duration::from_millis(150),
                    );
                }
            }
            EventKind::Job { job_id, fraction } => {
                let moves = desk.view.try_with_untracked(|v| v.job.as_ref().map(|j| (j.job_id, j.fraction)));
                if moves.flatten().is_some_and(|(id, before)| id == job_id && before < fraction) {
                    desk.view.update(|v| {
                        if let Some(job) = &mut v.job {
                            job.fraction = fraction;
                        }
                    });
                }
                desk.refresh();
            }
            EventKind::Thread { .. } => desk.talk.refresh(),
            // A version that is shown or hidden shows or hides what was said about it.
            EventKind::Version => {
                desk.refresh();
                desk.talk.refresh();
            }
            _ => desk.refresh(),
        }
    });
}

/// Looks at the thread that the address names, once it is here.
fn follow_address(desk: Desk) {
    let query = use_query_map();
    let named = Memo::new(move |_| query.with(|q| q.get("thread")?.parse::<ThreadId>().ok()));
    Effect::new(move |looked: Option<Option<ThreadId>>| {
        let (named, looked) = (named.get(), looked.flatten());
        let thread = named.filter(|id| Some(*id) != looked).and_then(|id| desk.talk.thread(id));
        match thread {
            Some(thread) => {
                untrack(|| desk.look_at(&thread));
                Some(thread.thread_id)
            }
            None => looked.filter(|_| named.is_some()),
        }
    });
}

/// Learns which frames of the quadmask version that is shown have a picture.
fn follow_masks(desk: Desk) {
    // Clients are shown results, not the masks behind them.
    if !untrack(|| desk.may(Action::ViewShot)) {
        return;
    }
    let shown = Memo::new(move |_| desk.shown());
    Effect::new(move |_| {
        let Shown::Version(id) = shown.get() else { return };
        if desk.mask_frames.with_untracked(|known| known.contains_key(&id)) {
            return;
        }
        leptos::task::spawn_local(async move {
            match quadmask_frames(id).await {
                Ok(frames) => {
                    desk.mask_frames.try_update(|known| known.insert(id, frames.into()));
                }
                Err(error) => desk.toasts.fail(error),
            }
        });
    });
}
