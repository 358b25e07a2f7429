//! Asking a guest for a name, once, before the first thing they say.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::guests::join_share;
use crate::components::ui::{Button, Dialog, ErrorLine, Field, Kind};
use crate::state::desk::use_desk;
use crate::state::visit::Visit;

#[component]
pub fn GuestName(visit: Visit) -> impl IntoView {
    view! {
        <Dialog open=visit.asks title=Signal::stored("Who is speaking?".to_owned())>
            <NameForm visit/>
        </Dialog>
    }
    .into_any()
}

#[component]
fn NameForm(visit: Visit) -> impl IntoView {
    let desk = use_desk();
    let (name, error, busy) =
        (RwSignal::new(String::new()), RwSignal::new(None::<String>), RwSignal::new(false));
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        let said = name.get_untracked().split_whitespace().collect::<Vec<_>>().join(" ");
        busy.set(true);
        spawn_local(async move {
            let answer = join_share(visit.token(), said.clone()).await;
            busy.try_set(false);
            match answer {
                Ok(id) => {
                    desk.view.try_update(|v| v.viewer = id);
                    visit.introduced(said);
                }
                Err(why) => {
                    error.try_set(Some(why.to_string()));
                }
            }
        });
    };
    view! {
        <form class="form" on:submit=send>
            <p class="muted">"Your name stands beside what you say and decide. You need no account."</p>
            <Field
                label="Your name" name="name" autocomplete="name" max_length=80 autofocus=true
                on_input=move |text| name.set(text)
            />
            <ErrorLine error/>
            <div class="form__end">
                <Button on:click=move |_| visit.asks.set(false)>"Cancel"</Button>
                <Button kind=Kind::Primary submit=true disabled=busy>"Go on"</Button>
            </div>
        </form>
    }
    .into_any()
}
