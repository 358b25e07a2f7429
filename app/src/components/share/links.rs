//! The links of a project: how each stands, what it shows, who opened what and when; and taking one back.

use domain::{LinkId, LinkState};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address::Address;
use super::change::Change;
use crate::api::shares::{LinkView, OpeningView, Shareable, SharesView, renew_link, revoke_link};
use crate::components::ui::{Ago, Button, Kind, Until, use_toasts};
use crate::components::words;
use crate::error::ApiError;
use crate::routes::href;

#[component]
pub fn LinkList(view: RwSignal<Option<Result<SharesView, ApiError>>>) -> impl IntoView {
    let ids = Memo::new(move |_| {
        view.with(|v| match v {
            Some(Ok(v)) => v.links.iter().map(|l| l.link_id).collect::<Vec<LinkId>>(),
            _ => Vec::new(),
        })
    });
    view! {
        <Show when=move || ids.with(Vec::is_empty)>
            <p class="muted">"No link yet. A link shows the versions that you choose to people without an account."</p>
        </Show>
        <ul class="links">
            <For each=move || ids.get() key=|id| *id let:id>
                <Entry view id/>
            </For>
        </ul>
    }
    .into_any()
}

/// What is done with it stays while the list is read again.
#[component]
fn Entry(view: RwSignal<Option<Result<SharesView, ApiError>>>, id: LinkId) -> impl IntoView {
    let toasts = use_toasts();
    let link = Memo::new(move |_| {
        view.with(|v| v.as_ref()?.as_ref().ok()?.links.iter().find(|l| l.link_id == id).cloned())
    });
    let made = RwSignal::new(None::<String>);
    let asks = RwSignal::new(false);
    let renew = move |_| {
        spawn_local(async move {
            match renew_link(id).await {
                Ok(address) => {
                    made.try_set(Some(address));
                }
                Err(error) => toasts.fail(error),
            }
        });
    };
    let revoke = move |_| {
        asks.set(false);
        made.set(None);
        spawn_local(async move {
            match revoke_link(id).await {
                Ok(()) => toasts.say("The link is withdrawn: it opens nothing any more"),
                Err(error) => toasts.fail(error),
            }
        });
    };
    let is_in = move |state: LinkState| link.with(|l| l.as_ref().is_some_and(|l| l.state == state));
    let is_open = move || is_in(LinkState::Open);
    // An archived project's links open again with it, so they can be taken back meanwhile.
    let may_withdraw = move || is_open() || is_in(LinkState::Archived);
    let changing = RwSignal::new(false);
    // An expired one can be opened again by another end.
    let may_change = move || is_open() || is_in(LinkState::Expired);
    view! {
        <li class="link-entry">
            {move || link.get().map(|link| view! { <About link/> })}
            <Show when=move || may_change() && changing.get()>
                {move || link.with_untracked(|l| l.as_ref().map(|l| (l.grants, l.expires_at, l.has_password))).map(|(grants, expires_at, has_password)| view! {
                    <Change id grants expires_at has_password open=changing/>
                })}
            </Show>
            <Show when=move || is_in(LinkState::Expired) && !changing.get()>
                <div class="row">
                    <Button small=true on:click=move |_| changing.set(true)>"Change…"</Button>
                </div>
            </Show>
            <Show when=move || may_withdraw() && !changing.get()>
                <div class="row">
                    <Show when=is_open>
                        <a class="button" data-kind="plain" data-small="true" href=href::share_preview(id) target="_blank" rel="external">"Preview as client"</a>
                        <Button small=true on:click=move |_| changing.set(true)>"Change…"</Button>
                        <Button small=true on:click=renew>"New address"</Button>
                    </Show>
                    <Show
                        when=move || asks.get()
                        fallback=move || view! { <Button small=true on:click=move |_| asks.set(true)>"Withdraw…"</Button> }
                    >
                        <Button small=true kind=Kind::Danger on:click=revoke>"Withdraw for good"</Button>
                        <Button small=true on:click=move |_| asks.set(false)>"Keep it"</Button>
                    </Show>
                </div>
            </Show>
            {move || made.get().map(|address| view! { <Address address/> })}
        </li>
    }
    .into_any()
}

#[component]
fn About(link: LinkView) -> impl IntoView {
    let LinkView {
        name,
        grants,
        has_password,
        state,
        expires_at,
        created_by,
        created_at,
        versions,
        guests,
        openings,
        ..
    } = link;
    let tone = match state {
        LinkState::Open => "approved",
        LinkState::Expired => "hold",
        LinkState::Revoked => "failed",
        LinkState::Archived | LinkState::Gone => "hold",
    };
    let icon = match state {
        LinkState::Open => "●",
        LinkState::Expired => "◌",
        LinkState::Revoked => "✕",
        LinkState::Archived | LinkState::Gone => "◌",
    };
    let end = match (state, expires_at) {
        (LinkState::Open, Some(at)) => view! { " · expires " <Until at/> }.into_any(),
        (LinkState::Open, None) => " · without end".into_any(),
        _ => ().into_any(),
    };
    let names: Vec<String> = guests.into_iter().map(|(name, _)| name).collect();
    let said = match names.len() {
        0 => "Nobody gave a name yet.".to_owned(),
        _ => format!("Names given: {}.", names.join(", ")),
    };
    let has_openings = !openings.is_empty();
    let all = versions.clone();
    view! {
        <div class="link-entry__head">
            <strong>{name}</strong>
            <span class="chip toned" data-tone=tone><span aria-hidden="true">{icon}" "</span>{state.word()}</span>
        </div>
        <p class="muted">
            {versions_in_words(&versions)} " · may " {grants.words()}
            {if has_password { " · with a password" } else { " · without a password" }}
            {end}
        </p>
        <p class="faint">{format!("By {created_by} · ")} <Ago at=Signal::stored(created_at)/> {format!(" · {said}")}</p>
        {if has_openings {
            view! { <ul class="openings" aria-label="Opened">{openings.into_iter().map(|o| opening(o, &all)).collect_view()}</ul> }.into_any()
        } else {
            view! { <p class="faint">"Not opened yet."</p> }.into_any()
        }}
    }
    .into_any()
}

/// `pillow v2, v1 · lime v3`
fn versions_in_words(versions: &[Shareable]) -> String {
    let mut words = String::new();
    let mut last = None;
    for version in versions {
        if last == Some(version.shot_id) {
            words += &format!(", v{}", version.n);
        } else {
            let apart = if words.is_empty() { "" } else { " · " };
            words += &format!("{apart}{} v{}", version.shot_name, version.n);
            last = Some(version.shot_id);
        }
    }
    words
}

fn opening(opening: OpeningView, versions: &[Shareable]) -> impl IntoView + use<> {
    let OpeningView { who, version_id, is_download, last_at, times, .. } = opening;
    let what = versions.iter().find(|v| v.version_id == version_id);
    let what = what.map(|v| format!("{} v{}", v.shot_name, v.n)).unwrap_or_default();
    let verb = if is_download { "downloaded" } else { "opened" };
    let who = who.unwrap_or_else(|| "Somebody without a name".to_owned());
    let often = if times > 1 { format!(", {}, last", words::count(times, "time")) } else { ",".to_owned() };
    view! { <li>{format!("{who} {verb} {what}{often} ")} <Ago at=Signal::stored(last_at)/></li> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_one_shot_stand_together() {
        let version = |shot: u8, name: &str, n| Shareable {
            version_id: format!("00000000-0000-0000-0000-0000000001{shot}{n}").parse().expect("an id"),
            n,
            shot_id: format!("00000000-0000-0000-0000-00000000000{shot}").parse().expect("an id"),
            shot_name: name.into(),
        };
        let all = [version(1, "pillow", 2), version(1, "pillow", 1), version(2, "lime", 3)];
        assert_eq!(versions_in_words(&all), "pillow v2, v1 · lime v3");
    }
}
