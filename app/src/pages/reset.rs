//! A reset link: whoever has it chooses a new password for one account.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_params_map;

use super::setup::NewPassword;
use crate::api::session::{ResetView, get_reset};
use crate::components::layout::EntryCard;
use crate::components::ui::{Button, ErrorLine, Kind, Loading};
use crate::state::session::{error_of, use_session};

#[component]
pub fn ResetPage() -> impl IntoView {
    let session = use_session();
    let params = use_params_map();
    let token = Memo::new(move |_| params.read().get("token").unwrap_or_default());
    let reset = Resource::new(move || token.get(), get_reset);
    let done = move || session.reset.value().with(|value| matches!(value, Some(Ok(()))));
    view! {
        <Title text="New password"/>
        {move || done().then(|| view! { <Redirect path="/"/> })}
        <Transition fallback=Loading>
            {move || Suspend::new(async move {
                match reset.await {
                    Ok(reset) => form(token.get_untracked(), reset).into_any(),
                    Err(error) => {
                        view! {
                            <EntryCard title="This link does not work" text=error.to_string()>
                                <p class="muted">"Such a link works once, for a day. A producer or the owner of your studio makes another one."</p>
                                <a class="button" data-kind="plain" href="/sign-in">"Sign in"</a>
                            </EntryCard>
                        }
                        .into_any()
                    }
                }
            })}
        </Transition>
    }
}

fn form(token: String, ResetView { name, email }: ResetView) -> impl IntoView + use<> {
    let session = use_session();
    let error = error_of(session.reset);
    let busy = session.reset.pending();
    let text = format!("For {name}. It signs you out of every other browser.");
    view! {
        <EntryCard title="Choose a new password" text>
            <ActionForm action=session.reset>
                <div class="form">
                    <input type="hidden" name="token" value=token/>
                    // For the browser's own store of passwords.
                    <input class="visually-hidden" type="email" autocomplete="username" value=email readonly=true tabindex="-1" aria-hidden="true"/>
                    <NewPassword/>
                    <ErrorLine error/>
                    <Button kind=Kind::Primary submit=true disabled=busy>"Set the password"</Button>
                </div>
            </ActionForm>
        </EntryCard>
    }
}
