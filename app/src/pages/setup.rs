//! The first start: whoever opens the server first becomes its owner.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Redirect;

use crate::components::layout::EntryCard;
use crate::components::ui::{Button, ErrorLine, Field, Kind};
use crate::state::session::{error_of, use_session};

#[component]
pub fn SetupPage() -> impl IntoView {
    let session = use_session();
    let error = error_of(session.create_owner);
    let busy = session.create_owner.pending();
    view! {
        <Title text="Set up"/>
        <Transition>
            {move || {
                session.viewer.get().map(|viewer| {
                    viewer.is_ok_and(|viewer| viewer.has_owner).then(|| view! { <Redirect path="/"/> })
                })
            }}
        </Transition>
        <EntryCard
            title="Set up Minus One"
            text="You are the first one here. This account owns the studio: it invites people and makes projects."
        >
            <ActionForm action=session.create_owner>
                <div class="form">
                    <Field label="Your name" name="name" autocomplete="name" max_length=80 autofocus=true/>
                    <Field label="E-mail" name="email" kind="email" autocomplete="username"/>
                    <NewPassword/>
                    <ErrorLine error/>
                    <Button kind=Kind::Primary submit=true disabled=busy>"Create the owner"</Button>
                </div>
            </ActionForm>
        </EntryCard>
    }
}

/// A password that is being chosen, with what would make it better.
#[component]
pub fn NewPassword(
    #[prop(default = "Password")] label: &'static str,
    /// Holds what is typed, for who wants to empty it.
    #[prop(optional)]
    kept: Option<RwSignal<String>>,
) -> impl IntoView {
    let typed = kept.unwrap_or_else(|| RwSignal::new(String::new()));
    let hint = Signal::derive(move || typed.with(|typed| strength(typed)).to_owned());
    let on_input = move |text| typed.set(text);
    match kept {
        Some(value) => view! {
            <Field label name="password" kind="password" autocomplete="new-password" min_length=10 hint value on_input/>
        }
        .into_any(),
        None => view! {
            <Field label name="password" kind="password" autocomplete="new-password" min_length=10 hint on_input/>
        }
        .into_any(),
    }
}

fn strength(password: &str) -> &'static str {
    let length = password.chars().count();
    let mut different: Vec<char> = password.chars().collect();
    different.sort_unstable();
    different.dedup();
    match (length, different.len()) {
        (0, _) => "At least 10 characters. Three or four unrelated words are easy to keep in mind.",
        (1..10, _) => "Too short: at least 10 characters.",
        (_, ..6) => "Weak: the same few characters again and again.",
        (10..14, _) => "Fair. Another word makes it strong.",
        _ => "Strong.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_more_than_odd_characters() {
        assert!(strength("short").starts_with("Too short"));
        assert!(strength("aaaaaaaaaaaaaaaa").starts_with("Weak"));
        assert!(strength("P4ssw0rd!xy").starts_with("Fair"));
        assert_eq!(strength("lime duck pillow"), "Strong.");
    }
}
