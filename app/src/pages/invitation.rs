//! An invitation link: whoever has it makes one account.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_params_map;

use super::setup::NewPassword;
use crate::api::session::{InvitationView, get_invitation};
use crate::components::layout::EntryCard;
use crate::components::ui::{Button, ErrorLine, Field, Kind, Loading};
use crate::state::session::{error_of, use_session};

#[component]
pub fn InvitationPage() -> impl IntoView {
    let session = use_session();
    let params = use_params_map();
    let token = Memo::new(move |_| params.read().get("token").unwrap_or_default());
    let invitation = Resource::new(move || token.get(), get_invitation);
    let done = move || session.accept.value().with(|value| matches!(value, Some(Ok(()))));
    view! {
        <Title text="Invitation"/>
        {move || done().then(|| view! { <Redirect path="/"/> })}
        <Transition fallback=Loading>
            {move || Suspend::new(async move {
                match invitation.await {
                    Ok(invitation) => form(token.get_untracked(), &invitation).into_any(),
                    Err(error) => {
                        view! {
                            <EntryCard title="This invitation does not work" text=error.to_string()>
                                <p class="muted">"It may be used up or older than seven days. Ask for a new link."</p>
                                <a class="button" data-kind="plain" href="/sign-in">"I have an account"</a>
                            </EntryCard>
                        }
                        .into_any()
                    }
                }
            })}
        </Transition>
    }
}

fn form(token: String, invitation: &InvitationView) -> impl IntoView + use<> {
    let session = use_session();
    let error = error_of(session.accept);
    let busy = session.accept.pending();
    let InvitationView { role, project_name, invited_by } = invitation;
    let place = project_name.as_deref().map(|name| format!(" to “{name}”")).unwrap_or_default();
    let text = format!("{invited_by} invited you{place} as {}. {}.", role.word(), role.sentence());
    view! {
        <EntryCard title="Join Minus One" text>
            <ActionForm action=session.accept>
                <div class="form">
                    <input type="hidden" name="token" value=token/>
                    <Field label="Your name" name="name" autocomplete="name" max_length=80 autofocus=true/>
                    <Field label="E-mail" name="email" kind="email" autocomplete="username"/>
                    <NewPassword/>
                    <ErrorLine error/>
                    <Button kind=Kind::Primary submit=true disabled=busy>"Join"</Button>
                </div>
            </ActionForm>
        </EntryCard>
    }
}
