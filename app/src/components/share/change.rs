//! Other rights, another end or another password for a link that there is.

use domain::{Grants, LinkId};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::form::DAYS;
use crate::api::shares::change_link;
use crate::components::ui::{Button, Check, ErrorLine, Field, Kind, Select, date, use_toasts};

const KEEP: &str = "keep";
const ANOTHER: &str = "another";
const NONE: &str = "none";

#[component]
pub fn Change(
    id: LinkId,
    grants: Grants,
    expires_at: Option<i64>,
    has_password: bool,
    open: RwSignal<bool>,
) -> impl IntoView {
    let (lock, password) = (RwSignal::new(KEEP.to_owned()), RwSignal::new(String::new()));
    let locks: Vec<(String, String)> = match has_password {
        true => vec![(KEEP, "as it is"), (ANOTHER, "another one"), (NONE, "none any more")],
        false => vec![(KEEP, "none, as it is"), (ANOTHER, "ask for one")],
    }
    .into_iter()
    .map(|(key, words)| (key.to_owned(), words.to_owned()))
    .collect();
    let asked = move || match lock.get_untracked().as_str() {
        ANOTHER => Some(password.get_untracked()),
        NONE => Some(String::new()),
        _ => None,
    };
    let grants = RwSignal::new(grants);
    let days = RwSignal::new(KEEP.to_owned());
    let (error, busy) = (RwSignal::new(None::<String>), RwSignal::new(false));
    let toasts = use_toasts();
    let kept = match expires_at {
        Some(at) => format!("as it is: until {}", date(at)),
        None => "as it is: without end".to_owned(),
    };
    let choices: Vec<(String, String)> = std::iter::once((KEEP.to_owned(), kept))
        .chain(DAYS.iter().map(|(days, words)| {
            let words = if *days == 0 { (*words).to_owned() } else { format!("{words} from now") };
            (days.to_string(), words)
        }))
        .collect();
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        let password = asked();
        // An empty one would take the password away.
        if lock.get_untracked() == ANOTHER && password.as_deref().is_some_and(str::is_empty) {
            error.set(Some("Give the new password, of at least 6 characters.".to_owned()));
            return;
        }
        busy.set(true);
        error.set(None);
        spawn_local(async move {
            let days = days.get_untracked().parse().ok();
            match change_link(id, grants.get_untracked(), days, password).await {
                Ok(()) => {
                    toasts
                        .say("The link is changed: it counts from the next step of whoever looks through it");
                    open.try_set(false);
                }
                Err(why) => {
                    error.try_set(Some(why.to_string()));
                }
            }
            busy.try_set(false);
        });
    };
    view! {
        <form class="form share__form share__change" aria-label="Change the link" on:submit=send>
            <fieldset class="share__grants">
                <legend class="field__label">"What is allowed"</legend>
                <Check label="Comment and draw" checked=Signal::derive(move || grants.get().comment) on_change=move |on| grants.update(|g| g.comment = on)/>
                <Check label="Approve or ask for changes" checked=Signal::derive(move || grants.get().approve) on_change=move |on| grants.update(|g| g.approve = on)/>
                <Check label="Download the full-size result" checked=Signal::derive(move || grants.get().download) on_change=move |on| grants.update(|g| g.download = on)/>
            </fieldset>
            <div class="share__limits">
                <Select label="Open" name="days" choices value=days on_change=move |to| days.set(to)/>
                <Select label="Password" name="lock" choices=locks value=lock on_change=move |to| lock.set(to)/>
                <Show when=move || lock.with(|lock| lock == ANOTHER)>
                    <Field
                        label="New password" name="password" kind="password" autocomplete="new-password" max_length=256
                        on_input=move |text| password.set(text)
                        hint=Signal::stored("At least 6 characters; whoever is inside is asked for it".to_owned())
                    />
                </Show>
            </div>
            <ErrorLine error/>
            <div class="form__end">
                <Button small=true kind=Kind::Quiet on:click=move |_| open.set(false)>"Cancel"</Button>
                <Button small=true kind=Kind::Primary submit=true disabled=busy>"Save"</Button>
            </div>
        </form>
    }
    .into_any()
}
