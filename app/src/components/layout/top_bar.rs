//! The bar on top of every page: where one is, what one can do there, who one is.

use leptos::prelude::*;

use crate::browser::theme::{self, THEMES};
use crate::components::search::SearchDialog;
use crate::components::ui::{Avatar, Glyph, Icon, IconButton, Menu, use_key_map};
use crate::routes::href;
use crate::state::session::{use_me, use_session};
use crate::state::settled::settled;
use crate::state::waiting::use_counts;

#[component]
pub fn Logo() -> impl IntoView {
    view! {
        <a class="logo" href="/" aria-label="Minus One: all projects">
            "minus"<span class="logo__dash">"–"</span>"one"
        </a>
    }
}

/// One step of the way to this page; the last one has no address.
#[component]
pub fn Crumb(
    #[prop(into)] word: Signal<String>,
    #[prop(into, optional)] to: Option<String>,
) -> impl IntoView {
    let last = to.is_none();
    view! {
        <span class="crumb" aria-current=last.then_some("page")>
            <span class="crumb__slash" aria-hidden="true">"/"</span>
            {match to {
                Some(to) => view! { <a class="crumb__word" href=to>{move || word.get()}</a> }.into_any(),
                None => view! { <span class="crumb__word">{move || word.get()}</span> }.into_any(),
            }}
        </span>
    }
}

/// `children` are the crumbs after the logo.
#[component]
pub fn TopBar(
    /// In the middle: a search field, the steps of a shot.
    #[prop(optional)]
    middle: Option<AnyView>,
    /// Before the person's menu: buttons.
    #[prop(optional)]
    end: Option<AnyView>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let searching = RwSignal::new(false);
    view! {
        <header class="top-bar">
            <div class="top-bar__start">
                <Logo/>
                <nav class="top-bar__crumbs" aria-label="Where you are">{children.map(|children| children())}</nav>
            </div>
            <div class="top-bar__middle">{middle}</div>
            <div class="top-bar__end">
                {end}
                <span class="top-bar__search">
                    <IconButton icon=Glyph::Search label="Search everything" key="Ctrl+K" on:click=move |_| searching.set(true)/>
                </span>
                <Bell/>
                <PersonMenu searching/>
            </div>
            <SearchDialog open=searching/>
        </header>
    }
}

/// The way to the inbox, with what is new there.
#[component]
fn Bell() -> impl IntoView {
    let unread = use_counts().unread();
    let label = move || match unread.get() {
        Some(n) => format!("Inbox: {n} new"),
        None => "Inbox".to_owned(),
    };
    view! {
        <a class="icon-button bell" href=href::INBOX aria-label=label title=label>
            <Icon glyph=Glyph::Bell/>
            <span class="bell__count" aria-hidden="true" hidden=move || unread.get().is_none()>{move || unread.get()}</span>
        </a>
    }
}

#[component]
fn PersonMenu(searching: RwSignal<bool>) -> impl IntoView {
    let session = use_session();
    let me = use_me().0;
    let keys = use_key_map();
    let counts = use_counts();
    let chosen = RwSignal::new(String::new());
    Effect::new(move |_| chosen.set(theme::current()));
    let name = settled(move |_| me.with(|me| me.name.clone()));
    let themes = THEMES.map(|(key, word)| {
        view! {
            <button
                type="button"
                class="menu__item"
                aria-pressed=move || if chosen.read().as_str() == key { "true" } else { "false" }
                on:click=move |_| {
                    theme::choose(key);
                    chosen.set(key.to_owned());
                }
            >
                {word}
            </button>
        }
    });
    view! {
        <Menu label="Your account" button=view! { {move || view! { <Avatar name=name.get()/> }} }.into_any()>
            <div class="menu__note">
                <strong>{move || name.get()}</strong>
                <br/>
                {move || me.with(|me| format!("{} · {}", me.email, me.role.word()))}
            </div>
            <hr class="menu__rule"/>
            <a class="menu__item" href=href::NEEDS>
                <Icon glyph=Glyph::Check/>
                "Needs me"
                <span class="menu__count">{move || counts.needs().get()}</span>
            </a>
            <a class="menu__item" href=href::INBOX>
                <Icon glyph=Glyph::Bell/>
                "Inbox"
                <span class="menu__count">{move || counts.unread().get()}</span>
            </a>
            <hr class="menu__rule"/>
            <button type="button" class="menu__item" on:click=move |_| searching.set(true)>
                <Icon glyph=Glyph::Search/>
                "Search everything"
                <kbd class="menu__key">"Ctrl+K"</kbd>
            </button>
            <hr class="menu__rule"/>
            <a class="menu__item" href=href::PROFILE><Icon glyph=Glyph::People/> "Your account"</a>
            <button type="button" class="menu__item" on:click=move |_| keys.open.set(true)>
                <Icon glyph=Glyph::Keyboard/>
                "Keys"
                <kbd class="menu__key">"?"</kbd>
            </button>
            <hr class="menu__rule"/>
            {themes.into_iter().collect_view()}
            <hr class="menu__rule"/>
            <ActionForm action=session.sign_out>
                <button type="submit" class="menu__item"><Icon glyph=Glyph::SignOut/> "Sign out"</button>
            </ActionForm>
            <ActionForm action=session.sign_out_everywhere>
                <button type="submit" class="menu__item"><Icon glyph=Glyph::SignOut/> "Sign out everywhere"</button>
            </ActionForm>
        </Menu>
    }
}
