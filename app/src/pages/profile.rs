//! The viewer's own account: name, password, and where it was signed in from.

use leptos::html;
use leptos::prelude::*;
use leptos_meta::Title;

use super::audit::trail;
use super::projects::StudioFrame;
use super::setup::NewPassword;
use crate::api::session::{ChangeName, ChangePassword, my_sign_ins};
use crate::components::ui::{Button, ErrorLine, Failure, Field, Kind, Loading, use_toasts};
use crate::state::session::{error_of, use_me, use_session};

#[component]
pub fn ProfilePage() -> impl IntoView {
    let changed = ServerAction::<ChangePassword>::new();
    let ways = Resource::new(move || changed.version().get(), |_| my_sign_ins());
    let table = move || {
        Suspend::new(async move {
            match ways.await {
                Ok(rows) => trail(rows, false).into_any(),
                Err(error) => view! { <Failure error retry=move |()| ways.refetch()/> }.into_any(),
            }
        })
    };
    let session = use_session();
    view! {
        <Title text="Your account"/>
        <StudioFrame>
            <header class="page__head"><h1>"Your account"</h1></header>
            <div class="account">
                <NameForm/>
                <PasswordForm action=changed/>
            <section class="settings-panel">
                <h2>"Where you signed in"</h2>
                <p class="muted">"The last fifty times, failed ones and changes of the password among them. If one of them was not you, change the password: it ends every other session."</p>
                <Transition fallback=Loading>{table}</Transition>
                <ActionForm action=session.sign_out_everywhere>
                    <Button submit=true>"Sign out everywhere"</Button>
                </ActionForm>
            </section>
            </div>
        </StudioFrame>
    }
}

#[component]
fn NameForm() -> impl IntoView {
    let me = use_me().0;
    let action = ServerAction::<ChangeName>::new();
    let error = error_of(action);
    let toasts = use_toasts();
    Effect::new(move |_| {
        if action.value().with(|value| matches!(value, Some(Ok(())))) {
            toasts.say("Name saved");
        }
    });
    let name = RwSignal::new(me.with_untracked(|me| me.name.clone()));
    view! {
        <section class="settings-panel">
            <h2>"Name"</h2>
            <p class="muted">{move || me.with(|me| format!("{} · {}. {}.", me.email, me.role.word(), me.role.sentence()))}</p>
            <ActionForm action>
                <div class="form">
                    <Field label="What others call you" name="name" autocomplete="name" max_length=80 value=name on_input=move |text| name.set(text)/>
                    <ErrorLine error/>
                    <div class="form__row"><Button kind=Kind::Primary submit=true disabled=action.pending()>"Save"</Button></div>
                </div>
            </ActionForm>
        </section>
    }
}

#[component]
fn PasswordForm(action: ServerAction<ChangePassword>) -> impl IntoView {
    let error = error_of(action);
    let toasts = use_toasts();
    // Passwords that were typed must not stay in the page.
    let typed = [(); 2].map(|()| RwSignal::new(String::new()));
    let form = NodeRef::<html::Form>::new();
    Effect::new(move |_| {
        if action.value().with(|value| matches!(value, Some(Ok(())))) {
            toasts.say("Password changed; other browsers are signed out");
            typed.iter().for_each(|typed| typed.set(String::new()));
            // And empty fields that nobody has touched are no mistake to be shown in red.
            if let Some(form) = form.get_untracked() {
                form.reset();
            }
        }
    });
    view! {
        <section class="settings-panel">
            <h2>"Password"</h2>
            <ActionForm action node_ref=form>
                <div class="form">
                    <Field
                        label="The password you have now" name="current" kind="password" autocomplete="current-password"
                        value=typed[0] on_input=move |text| typed[0].set(text)
                    />
                    <NewPassword label="The new password" kept=typed[1]/>
                    <ErrorLine error/>
                    <div class="form__row"><Button kind=Kind::Primary submit=true disabled=action.pending()>"Change the password"</Button></div>
                </div>
            </ActionForm>
        </section>
    }
}
