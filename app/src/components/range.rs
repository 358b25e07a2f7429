//! Which part of the plate is the shot: trimmed to in and out, or cut into shots of their own. The plate stays whole.

use domain::{Action, ShotStep, Trim};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::api::shots::{cut_shot, trim_shot};
use crate::components::ui::Button;
use crate::routes::href;
use crate::state::desk::{Tab, use_desk};

/// Shown where there is something to say: in or out is set, or the shot is a part already.
#[component]
pub fn RangeSection() -> impl IntoView {
    let desk = use_desk();
    let trim = Memo::new(move |_| desk.view.with(|v| v.shot.trim));
    // `None` while in and out are the ends.
    let part = Memo::new(move |_| {
        let (low, high) = desk.playhead.marks();
        (low > 0 || high < desk.clip().last()).then_some(Trim { first: low, frames: high + 1 - low })
    });
    let may_upload = move || desk.may(Action::Upload);
    let shown = move || part.get().is_some() || trim.get().is_some();
    view! {
        <Show when=shown>
            <section class="panel__section">
                <h2 class="caption">"Range"</h2>
                {move || trim.get().map(|trim| {
                    let (from, to) = (trim.first + 1, trim.first + trim.frames);
                    view! { <p>{format!("This shot is pictures {from} to {to} of its plate.")}</p> }
                })}
                {move || part.get().map(|part| {
                    let clip = desk.clip();
                    let (from, to) = (clip.number(part.first), clip.number(part.first + part.frames - 1));
                    view! { <p>{format!("In to out: {from}–{to}, {} frames.", part.frames)}</p> }
                })}
                <Show when=may_upload><Steps part trim/></Show>
            </section>
        </Show>
    }
    .into_any()
}

#[component]
fn Steps(part: Memo<Option<Trim>>, trim: Memo<Option<Trim>>) -> impl IntoView {
    let desk = use_desk();
    let navigate = use_navigate();
    let may_trim = move || desk.can(ShotStep::Trim);
    let cut = move || {
        let navigate = navigate.clone();
        let Some(part) = part.get_untracked() else { return };
        desk.write_then(cut_shot(desk.shot_id, part), move |new| {
            desk.toasts.say("The part is a shot of its own now.");
            navigate(&href::shot(new, Tab::Targets.slug()), NavigateOptions::default());
        });
    };
    let to = move |part: Option<Trim>| {
        desk.playhead.clear_marks();
        desk.write(trim_shot(desk.shot_id, part));
    };
    view! {
        <div class="job__actions">
            <Show when=move || part.get().is_some()>
                <Show when=may_trim>
                    <Button small=true on:click=move |_| to(part.get_untracked())>"Trim the shot to it"</Button>
                </Show>
                <Button small=true on:click={let cut = cut.clone(); move |_| cut()}>"New shot from it"</Button>
            </Show>
            <Show when=move || trim.get().is_some() && may_trim()>
                <Button small=true on:click=move |_| to(None)>"Use the whole plate"</Button>
            </Show>
        </div>
        <Show when=move || part.get().is_some() && !may_trim()>
            <p class="muted">"Something is marked already, so this shot keeps its length; the part can become a shot of its own."</p>
        </Show>
    }
    .into_any()
}
