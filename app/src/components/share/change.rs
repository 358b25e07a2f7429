//! Another right or another end for a link that there is.

use domain::{Grants, LinkId};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::form::DAYS;
use crate::api::shares::change_link;
use crate::components::ui::{Button, Check, ErrorLine, Kind, Select, date, use_toasts};

const KEEP: &str = "keep";

#[component]
pub fn Change(id: LinkId, grants: Grants, expires_at: Option<i64>, open: RwSignal<bool>) -> impl IntoView {
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
        busy.set(true);
        error.set(None);
        spawn_local(async move {
            match change_link(id, grants.get_untracked(), days.get_untracked().parse().ok()).await {
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
            <Select label="Open" name="days" choices value=days on_change=move |to| days.set(to)/>
            <ErrorLine error/>
            <div class="form__end">
                <Button small=true kind=Kind::Quiet on:click=move |_| open.set(false)>"Cancel"</Button>
                <Button small=true kind=Kind::Primary submit=true disabled=busy>"Save"</Button>
            </div>
        </form>
    }
    .into_any()
}
