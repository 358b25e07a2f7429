//! Links that do not open: not yet, since a password is missing, not any more, or never. Nothing here tells what is behind.

use leptos::prelude::*;

use crate::api::guests::UnlockShare;
use crate::components::layout::EntryCard;
use crate::components::ui::{Button, ErrorLine, Field, Kind};
use crate::error::ApiError;
use crate::state::session::error_of;

#[component]
pub fn Closed(error: ApiError) -> impl IntoView {
    let (title, text) = match &error {
        ApiError::NotFound => (
            "This link opens nothing",
            "Look at the address again: maybe a part of it was lost on the way. Whoever sent it to you has the right one."
                .to_owned(),
        ),
        ApiError::Gone(sentence) => ("This link is closed", sentence.clone()),
        ApiError::PasswordNeeded => ("This link asks for a password", "Load the page again to give it.".to_owned()),
        ApiError::SignedOut => ("Sign in to preview", "A preview is for those who may make links.".to_owned()),
        error => ("That did not work", error.to_string()),
    };
    let is_signed_out = error == ApiError::SignedOut;
    view! {
        <EntryCard title text>
            {is_signed_out.then(|| view! { <a class="button" data-kind="primary" href="/sign-in">"Sign in"</a> })}
        </EntryCard>
    }
    .into_any()
}

#[component]
pub fn Locked(token: String, unlock: ServerAction<UnlockShare>) -> impl IntoView {
    let error = error_of(unlock);
    view! {
        <EntryCard title="This link asks for a password" text="Whoever sent you the link has it.">
            <ActionForm action=unlock>
                <div class="form">
                    <input type="hidden" name="token" value=token/>
                    <Field label="Password" name="password" kind="password" autocomplete="off" max_length=256 autofocus=true/>
                    <ErrorLine error/>
                    <Button kind=Kind::Primary submit=true disabled=unlock.pending()>"Open"</Button>
                </div>
            </ActionForm>
        </EntryCard>
    }
    .into_any()
}
