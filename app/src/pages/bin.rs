//! The bin: what was deleted, when it goes for good, and the way back.

use domain::{Action, Binned, EventKind, Thing};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;

use super::projects::StudioFrame;
use crate::api::life::{EMPTY_WORD, delete_for_good, empty_bin, list_bin, restore_from_bin};
use crate::components::ui::{
    Ago, Button, Dialog, Empty, ErrorLine, Failure, Field, Glyph, Kind, Loading, date, use_toasts,
};
use crate::components::words;
use crate::state::live::use_live;
use crate::state::session::use_me;

/// What somebody is about to delete for good.
#[derive(Debug, Clone, PartialEq)]
enum Doomed {
    One(Binned),
    /// How much there is.
    All(usize),
}

impl Doomed {
    /// What has to be typed.
    fn word(&self) -> String {
        match self {
            Self::One(binned) => binned.name.clone(),
            Self::All(_) => EMPTY_WORD.to_owned(),
        }
    }

    fn title(&self) -> String {
        match self {
            Self::One(binned) => format!("Delete “{}” for good", binned.name),
            Self::All(_) => "Empty the bin".to_owned(),
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::One(Binned { thing: Thing::Project(_), shots, .. }) => format!(
                "The project goes with {}: plates, quadmasks, results, comments, decisions and links. Nobody can bring it back.",
                words::count(*shots, "shot")
            ),
            Self::One(_) => {
                "The shot goes with its plate, quadmasks, results, comments and decisions. Nobody can bring it back."
                    .to_owned()
            }
            Self::All(1) => "The one thing in it goes with everything in it. Nobody can bring it back.".to_owned(),
            Self::All(n) => {
                format!("All {n} things in it go with everything in them. Nobody can bring them back.")
            }
        }
    }
}

#[component]
pub fn BinPage() -> impl IntoView {
    let me = use_me();
    let toasts = use_toasts();
    let heard = use_live().changes(200, |event| event.kind == EventKind::Project);
    let again = RwSignal::new(0u32);
    let things = Resource::new(move || (heard.get(), again.get()), |_| list_bin());
    let doomed = RwSignal::new(None::<Doomed>);
    let may_delete = untrack(|| me.may(Action::DeleteForGood));
    let restore = move |binned: Binned| {
        spawn_local(async move {
            match restore_from_bin(binned.thing).await {
                Ok(()) => toasts.say(format!("“{}” is back where it was", binned.name)),
                Err(error) => toasts.fail(error),
            }
            again.try_update(|n| *n += 1);
        });
    };
    let table = move || {
        Suspend::new(async move {
            match things.await {
                Ok(all) if all.is_empty() => view! {
                    <Empty
                        icon=Glyph::Bin
                        title="The bin is empty"
                        text="Projects and shots that are deleted lie here for 30 days and can be taken out again."
                    />
                }
                .into_any(),
                Ok(all) => {
                    let count = all.len();
                    let rows = all.into_iter().map(|binned| row(binned, restore, doomed, may_delete)).collect_view();
                    view! {
                        <div class="table-scroll">
                            <table class="table bin">
                                <thead>
                                    <tr>
                                        <th scope="col">"What"</th>
                                        <th scope="col">"Deleted"</th>
                                        <th scope="col">"Gone for good"</th>
                                        <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                                    </tr>
                                </thead>
                                <tbody>{rows}</tbody>
                            </table>
                        </div>
                        {may_delete.then(|| view! {
                            <div class="form__row bin__all">
                                <Button small=true kind=Kind::Quiet on:click=move |_| doomed.set(Some(Doomed::All(count)))>"Empty the bin…"</Button>
                            </div>
                        })}
                    }
                    .into_any()
                }
                Err(error) => view! { <Failure error retry=move |()| things.refetch()/> }.into_any(),
            }
        })
    };
    view! {
        <Title text="Bin"/>
        <StudioFrame>
            <header class="page__head"><h1>"Bin"</h1></header>
            <p class="muted page__note">"What lies here is found nowhere else. After 30 days it is deleted for good; until then it can be taken out as it was."</p>
            <Transition fallback=Loading>{table}</Transition>
        </StudioFrame>
        <DeleteDialog doomed done=move |()| { again.update(|n| *n += 1) }/>
    }
}

fn row(
    binned: Binned,
    restore: impl Fn(Binned) + Copy + Send + 'static,
    doomed: RwSignal<Option<Doomed>>,
    may_delete: bool,
) -> impl IntoView {
    let gone_on = date(binned.gone_on().number() * 86_400_000_000);
    let what = match &binned.project_name {
        Some(project) => format!("shot of {project}"),
        None => format!("project with {}", words::count(binned.shots, "shot")),
    };
    let by = binned.by.clone().map(|by| format!("by {by}, ")).unwrap_or_default();
    let (name, at) = (binned.name.clone(), binned.binned_at);
    let (back, away) = (binned.clone(), binned);
    view! {
        <tr>
            <td><strong class="bin__name">{name}</strong> " " <span class="faint">{what}</span></td>
            <td class="muted">{by} " " <Ago at=Signal::stored(at)/></td>
            <td class="muted">"gone on " {gone_on}</td>
            <td class="table__actions">
                <Button small=true on:click=move |_| restore(back.clone())>"Restore"</Button>
                {may_delete.then(|| view! {
                    <Button small=true kind=Kind::Quiet on:click=move |_| doomed.set(Some(Doomed::One(away.clone())))>"Delete for good…"</Button>
                })}
            </td>
        </tr>
    }
}

/// Asks for the name a second time.
#[component]
fn DeleteDialog(doomed: RwSignal<Option<Doomed>>, #[prop(into)] done: Callback<()>) -> impl IntoView {
    let open = RwSignal::new(false);
    let (typed, error, busy) =
        (RwSignal::new(String::new()), RwSignal::new(None::<String>), RwSignal::new(false));
    Effect::new(move |_| {
        if doomed.with(Option::is_some) {
            typed.set(String::new());
            error.set(None);
            open.set(true);
        }
    });
    Effect::new(move |_| {
        if !open.get() {
            doomed.set(None);
        }
    });
    let toasts = use_toasts();
    let word = Signal::derive(move || doomed.with(|d| d.as_ref().map(Doomed::word)).unwrap_or_default());
    let title = Signal::derive(move || doomed.with(|d| d.as_ref().map(Doomed::title)).unwrap_or_default());
    let sentence = move || doomed.with(|d| d.as_ref().map(Doomed::sentence)).unwrap_or_default();
    let is_other = Signal::derive(move || busy.get() || typed.with(|typed| typed.trim() != word.get()));
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some(what) = doomed.get_untracked() else { return };
        busy.set(true);
        spawn_local(async move {
            let typed = typed.get_untracked();
            let answer = match what {
                Doomed::One(binned) => delete_for_good(binned.thing, typed).await.map(|()| binned.name),
                Doomed::All(_) => empty_bin(typed).await.map(|_| "Everything in the bin".to_owned()),
            };
            busy.try_set(false);
            match answer {
                Ok(what) => {
                    open.try_set(false);
                    toasts.say(format!("{what} is deleted for good"));
                }
                Err(why) => {
                    error.try_set(Some(why.to_string()));
                }
            }
            done.run(());
        });
    };
    view! {
        <Dialog open title>
            <p>{sentence}</p>
            <form class="form" on:submit=send>
                <Field
                    label="Type this to go on" name="typed" autofocus=true autocomplete="off"
                    value=typed on_input=move |text| typed.set(text)
                    hint=word
                />
                <ErrorLine error/>
                <div class="form__end">
                    <Button kind=Kind::Quiet on:click=move |_| open.set(false)>"Keep it"</Button>
                    <Button kind=Kind::Danger submit=true disabled=is_other>"Delete for good"</Button>
                </div>
            </form>
        </Dialog>
    }
}
