//! What works here, and weights of networks: what works with each, its licence, what of it is here, and fetching. Everything
//! else of the product works without them.

mod works;

use std::collections::BTreeMap;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;

use self::works::WhatWorks;
use super::projects::StudioFrame;
use crate::api::models::{
    Fetching, ModelRow, ModelsView, accept_licence, fetch_model, list_models, stop_fetching,
};
use crate::components::ui::{
    Ago, Button, Check, Dialog, Failure, Field, Kind, Loading, ProgressBar, use_toasts,
};
use crate::components::words;
use crate::error::ApiError;

/// While something is fetched the page is read again so often.
const LOOK: Duration = Duration::from_secs(1);

#[component]
pub fn ModelsPage() -> impl IntoView {
    let models = Resource::new(|| (), |()| list_models());
    // Whose licence is being asked about.
    let asking = RwSignal::new(None::<ModelRow>);
    let again = move || models.refetch();
    // By slug: the cards are made anew each second while something is fetched.
    let tokens = RwSignal::new(BTreeMap::<String, String>::new());
    let waits = StoredValue::new(false);
    let page = move || {
        Suspend::new(async move {
            match models.await {
                Ok(found) => {
                    if found.models.iter().any(|model| model.fetching.is_some()) {
                        look_again(waits, again);
                    }
                    view! { <Found found asking tokens again/> }.into_any()
                }
                Err(error) => view! { <Failure error retry=move |()| models.refetch()/> }.into_any(),
            }
        })
    };
    view! {
        <Title text="Models"/>
        <StudioFrame>
            <header class="page__head"><h1>"Models"</h1></header>
            <Transition fallback=Loading>{page}</Transition>
        </StudioFrame>
        <LicenceDialog asking again/>
    }
}

/// One timer at a time.
fn look_again(waits: StoredValue<bool>, again: impl Fn() + Send + Sync + Copy + 'static) {
    if !crate::browser::HERE || waits.get_value() {
        return;
    }
    waits.set_value(true);
    set_timeout(
        move || {
            // Disposed: the page is gone.
            if waits.try_set_value(false).is_none() {
                again();
            }
        },
        LOOK,
    );
}

#[component]
fn Found(
    found: ModelsView,
    asking: RwSignal<Option<ModelRow>>,
    tokens: RwSignal<BTreeMap<String, String>>,
    again: impl Fn() + Send + Sync + Copy + 'static,
) -> impl IntoView {
    let ModelsView { folder, models, may_change, engines } = found;
    let cards = models.into_iter().map(|model| card(model, may_change, asking, tokens, again)).collect_view();
    view! {
        <WhatWorks engines/>
        <h2 class="models__title">"Weights"</h2>
        <p class="muted">
            "Masks, quadmasks, removals by the plate engine, review and delivery work without any of these. With them, workers can do more, and notice new files by themselves."
        </p>
        {(!folder.is_empty()).then(|| view! {
            <p class="faint">
                "They lie in " <code>{folder}</code>
                " on this server. Put files there by hand, fetch them here, or run " <code>"minus-one models"</code> "; workers on other machines have folders of their own."
            </p>
        })}
        <ul class="models">{cards}</ul>
    }
}

fn card(
    model: ModelRow,
    may_change: bool,
    asking: RwSignal<Option<ModelRow>>,
    tokens: RwSignal<BTreeMap<String, String>>,
    again: impl Fn() + Send + Sync + Copy + 'static,
) -> impl IntoView {
    let (icon, tone, state) = standing(&model);
    let toasts = use_toasts();
    let slug = StoredValue::new(model.slug.clone());
    let done = move |ended: Result<(), ApiError>| {
        if let Err(error) = ended {
            toasts.fail(error);
        }
        again();
    };
    let fetch = move |_| {
        let token =
            tokens.with_untracked(|tokens| tokens.get(&slug.get_value()).cloned().unwrap_or_default());
        spawn_local(async move { done(fetch_model(slug.get_value(), token).await) });
    };
    let stop = move |_| spawn_local(async move { done(stop_fetching(slug.get_value()).await) });
    let token = move || tokens.with(|tokens| tokens.get(&slug.get_value()).cloned().unwrap_or_default());
    let is_gated = model.is_gated;
    let asked = model.clone();
    let actions = may_change.then(|| match (&model.fetching, model.is_whole, &model.accepted) {
        (Some(_), ..) => view! { <Button on:click=stop>"Stop"</Button> }.into_any(),
        (None, true, _) => ().into_any(),
        (None, false, None) => view! {
            <Button on:click=move |_| asking.set(Some(asked.clone()))>"Read the licence…"</Button>
        }
        .into_any(),
        (None, false, Some(_)) => view! {
            {is_gated.then(|| view! {
                <Field
                    label="Token of the hub, kept nowhere" name="token" kind="password" value=untrack(token)
                    on_input=move |text| tokens.update(|tokens| drop(tokens.insert(slug.get_value(), text)))
                />
            })}
            <Button on:click=fetch>
                {if model.here_bytes > 0 { "Fetch the rest" } else { "Fetch" }}
            </Button>
        }
        .into_any(),
    });
    let licence = match model.accepted.clone() {
        Some((by, at)) => view! { {format!("accepted by {by} ")} <Ago at=Signal::stored(at)/> }.into_any(),
        None => view! { "not accepted yet" }.into_any(),
    };
    view! {
        <li class="model" data-tone=tone>
            <div class="model__head">
                <h3>{model.title.clone()}</h3>
                <span class="model__state"><span aria-hidden="true">{icon}" "</span>{state}</span>
            </div>
            <p>{model.serves.clone()}"."</p>
            <p class="faint">
                "Licence: "
                <a class="link" href=model.licence_url.clone() target="_blank" rel="noopener noreferrer">{model.licence.clone()}</a>
                ", " {licence}
            </p>
            {model.access.clone().filter(|_| !model.is_whole).map(|access| view! { <p class="faint">{access}</p> })}
            {model.fetching.clone().map(progress)}
            {model.problem.clone().map(|why| view! { <p class="error-line" role="alert">{why}</p> })}
            {(!model.missing.is_empty()).then(|| view! {
                <details class="by-numbers">
                    <summary>"What is missing"</summary>
                    <ul class="faint">{model.missing.into_iter().map(|name| view! { <li><code>{name}</code></li> }).collect_view()}</ul>
                </details>
            })}
            <div class="form__row">{actions}</div>
        </li>
    }
}

fn standing(model: &ModelRow) -> (&'static str, &'static str, String) {
    let size = words::bytes(model.bytes);
    match model {
        ModelRow { fetching: Some(_), .. } => ("◔", "running", "Being fetched".to_owned()),
        ModelRow { is_whole: true, here_bytes, .. } => {
            ("✓", "approved", format!("Here · {}", words::bytes(*here_bytes)))
        }
        ModelRow { here_bytes: 0, .. } => ("○", "idle", format!("Not here · about {size}")),
        ModelRow { here_bytes, .. } => {
            ("○", "changes", format!("Not whole · {} of about {size}", words::bytes(*here_bytes)))
        }
    }
}

fn progress(fetching: Fetching) -> impl IntoView {
    let Fetching { file, done_bytes, total_bytes } = fetching;
    let part = (done_bytes as f64 / total_bytes.max(1) as f64) as f32;
    let said = format!("{} of {} · {file}", words::bytes(done_bytes), words::bytes(total_bytes));
    view! {
        <div class="model__progress">
            <ProgressBar part=Signal::stored(part) label="How much is here"/>
            <span class="faint">{said}</span>
        </div>
    }
}

/// The licence is read where it is published, and accepted here by name.
#[component]
fn LicenceDialog(
    asking: RwSignal<Option<ModelRow>>,
    again: impl Fn() + Send + Sync + Copy + 'static,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let has_read = RwSignal::new(false);
    let toasts = use_toasts();
    Effect::new(move |_| {
        if asking.with(Option::is_some) {
            has_read.set(false);
            open.set(true);
        }
    });
    Effect::new(move |_| {
        if !open.get() {
            asking.set(None);
        }
    });
    let accept = move |_| {
        let Some(model) = asking.get_untracked() else { return };
        spawn_local(async move {
            match accept_licence(model.slug).await {
                Ok(()) => toasts.say(format!("Licence of {} accepted", model.title)),
                Err(error) => toasts.fail(error),
            }
            open.try_set(false);
            again();
        });
    };
    view! {
        <Dialog open=open title="Accept a licence".to_owned()>
            {move || asking.get().map(|model| view! {
                <p>
                    {format!("The licence of {} is published here: ", model.title)}
                    <a class="link" href=model.licence_url target="_blank" rel="noopener noreferrer">{model.licence}</a>
                    ". Read it there: it says what may be done with the weights, and with what they make."
                </p>
            })}
            <Check label="I have read it, and accept it for this studio" checked=has_read on_change=move |on| has_read.set(on)/>
            <div class="form__end">
                <Button on:click=move |_| open.set(false)>"Cancel"</Button>
                <Button kind=Kind::Primary disabled=Signal::derive(move || !has_read.get()) on:click=accept>"Accept"</Button>
            </div>
        </Dialog>
    }
}
