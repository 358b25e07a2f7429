//! What is done with a shot as a whole: another name, and the way into the bin.

use domain::{Action, Thing};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::api::life::put_into_bin;
use crate::api::shots::rename_shot;
use crate::components::ui::{Button, Dialog, ErrorLine, Field, Glyph, Icon, Kind, Menu};
use crate::routes::href;
use crate::state::desk::{Desk, use_desk};

/// Nothing for those who may do neither.
#[component]
pub fn ShotMenu() -> impl IntoView {
    let desk = use_desk();
    let (naming, deleting) = (RwSignal::new(false), RwSignal::new(false));
    let may_name = Memo::new(move |_| desk.may(Action::Upload));
    let may_delete = Memo::new(move |_| !desk.view.with(|v| v.is_archived) && desk.may(Action::UseBin));
    view! {
        <Show when=move || may_name.get() || may_delete.get()>
            <span class="shot__menu">
                <Menu label="This shot" button=view! { <Icon glyph=Glyph::More/> }.into_any()>
                    <Show when=move || may_name.get()>
                        <button type="button" class="menu__item" on:click=move |_| naming.set(true)>"Rename…"</button>
                    </Show>
                    <Show when=move || may_delete.get()>
                        <button type="button" class="menu__item" on:click=move |_| deleting.set(true)>
                            <Icon glyph=Glyph::Bin/> "Move to the bin…"
                        </button>
                    </Show>
                </Menu>
            </span>
        </Show>
        <Dialog open=naming title="Rename the shot".to_owned()><Naming desk open=naming/></Dialog>
        <Dialog open=deleting title=Signal::derive(move || format!("Move “{}” to the bin", desk.view.with(|v| v.shot.name.clone())))>
            <Deleting desk open=deleting/>
        </Dialog>
    }
    .into_any()
}

#[component]
fn Naming(desk: Desk, open: RwSignal<bool>) -> impl IntoView {
    let name = RwSignal::new(desk.view.with_untracked(|v| v.shot.name.clone()));
    let (error, busy) = (RwSignal::new(None::<String>), RwSignal::new(false));
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        busy.set(true);
        spawn_local(async move {
            match rename_shot(desk.shot_id, name.get_untracked()).await {
                Ok(()) => {
                    open.try_set(false);
                    desk.refresh();
                }
                Err(why) => {
                    error.try_set(Some(why.to_string()));
                }
            }
            busy.try_set(false);
        });
    };
    view! {
        <form class="form" on:submit=send>
            <Field label="Name" name="name" max_length=80 autofocus=true value=name on_input=move |text| name.set(text)/>
            <ErrorLine error/>
            <div class="form__end">
                <Button kind=Kind::Quiet on:click=move |_| open.set(false)>"Cancel"</Button>
                <Button kind=Kind::Primary submit=true disabled=busy>"Rename"</Button>
            </div>
        </form>
    }
}

#[component]
fn Deleting(desk: Desk, open: RwSignal<bool>) -> impl IntoView {
    let navigate = use_navigate();
    let (error, busy) = (RwSignal::new(None::<String>), RwSignal::new(false));
    let send = move |_| {
        let navigate = navigate.clone();
        busy.set(true);
        spawn_local(async move {
            match put_into_bin(Thing::Shot(desk.shot_id)).await {
                Ok(()) => {
                    let (name, project) = desk.view.with_untracked(|v| (v.shot.name.clone(), v.project_id));
                    desk.toasts.say(format!("“{name}” is in the bin for 30 days"));
                    navigate(&href::project(project), NavigateOptions::default());
                }
                Err(why) => {
                    error.try_set(Some(why.to_string()));
                    busy.try_set(false);
                }
            }
        });
    };
    view! {
        <p>"Nobody finds the shot any more, links show it no more and its jobs stop. It lies in the bin for 30 days and can be taken out as it was; then it is deleted for good."</p>
        <ErrorLine error/>
        <div class="form__end">
            <Button kind=Kind::Quiet on:click=move |_| open.set(false)>"Keep it"</Button>
            <Button kind=Kind::Danger disabled=busy on:click=send>"Move to the bin"</Button>
        </div>
    }
}
