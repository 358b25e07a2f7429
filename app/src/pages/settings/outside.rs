//! A model outside: what would leave the building, where it would go, who allowed it and when.

use domain::ProjectId;
use domain::outside::{Consent, Outside};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::outside::{OutsideView, get_outside, set_outside};
use crate::browser::keys;
use crate::components::ui::{Button, Kind, date, use_toasts};
use crate::error::ApiError;

const HEADING: &str = "model-outside";

/// Off unless a producer or owner switched it on. Asked for after the page is there: workers come and go.
#[component]
pub fn ModelOutside(project_id: ProjectId) -> impl IntoView {
    let known = RwSignal::new(None::<Result<OutsideView, ApiError>>);
    let busy = RwSignal::new(false);
    let toasts = use_toasts();
    let read = move || {
        spawn_local(async move {
            let answer = get_outside(project_id).await;
            known.try_set(Some(answer));
        });
    };
    Effect::new(move |_| read());
    let change = Callback::new(move |seen: Option<Outside>| {
        let on = seen.is_some();
        busy.set(true);
        spawn_local(async move {
            match set_outside(project_id, seen).await {
                Ok(view) => {
                    known.try_set(Some(Ok(view)));
                    toasts.say(if on { "The model outside is allowed" } else { "The model outside is off" });
                }
                Err(error) => {
                    toasts.fail(error);
                    read();
                }
            }
            busy.try_set(false);
            // The button that was pressed is gone.
            keys::refocus(vec![format!("#{HEADING}")]);
        });
    });
    let body = move || match known.get() {
        None => view! { <p class="muted">"Asking the workers…"</p> }.into_any(),
        Some(Err(error)) => view! { <p class="error-line">{error.to_string()}</p> }.into_any(),
        Some(Ok(view)) => about(view, busy, change),
    };
    view! {
        <section class="settings-panel" aria-label="A model outside">
            <h2 id=HEADING tabindex="-1">"A model outside"</h2>
            <p class="muted">
                "What else is affected is looked for by the built-in reasoner, which asks nobody. A vision-language model can be asked \
                 as well. It is off unless it is allowed here, for this project alone, and is asked only when somebody presses the button for it."
            </p>
            <div class="outside__state" aria-live="polite">{body}</div>
        </section>
    }
}

fn about(known: OutsideView, busy: RwSignal<bool>, change: Callback<Option<Outside>>) -> AnyView {
    let is_on = known.is_on();
    let OutsideView { offered, consent } = known;
    let has_consent = consent.is_some();
    let allowed = consent.map(|consent| allowed_words(&consent, offered.as_ref(), is_on));
    let offer = offered.map(|offered| {
        let (model, endpoint) = (offered.model.clone(), offered.endpoint.clone());
        let (leaves, whereto) = (offered.sends.sentence(), offered.whereto());
        let allow = move |_| change.run(Some(offered.clone()));
        view! {
            <dl class="outside">
                <dt>"Model"</dt><dd>{model}</dd>
                <dt>"Endpoint"</dt><dd class="mono">{endpoint}</dd>
                <dt>"What leaves the building"</dt><dd>{leaves}</dd>
                <dt>"Where it goes"</dt><dd>{whereto}</dd>
            </dl>
            {(!is_on).then(|| view! {
                <div class="form__row">
                    <Button disabled=busy on:click=allow>"Allow it for this project"</Button>
                </div>
            })}
        }
    });
    let none = offer.is_none().then(|| {
        view! {
            <p class="faint">
                "No worker was told of one. Whoever runs the workers sets OUTSIDE_ENDPOINT and OUTSIDE_MODEL, and OUTSIDE_KEY where it needs a key."
            </p>
        }
    });
    view! {
        {allowed.map(|words| view! { <p class="notice" role="note">{words}</p> })}
        {offer}
        {none}
        {has_consent.then(|| view! {
            <div class="form__row">
                <Button kind=Kind::Danger disabled=busy on:click=move |_| change.run(None)>"Switch it off"</Button>
            </div>
        })}
    }
    .into_any()
}

/// Who allowed what and when, and whether that is what would be asked now.
fn allowed_words(consent: &Consent, offered: Option<&Outside>, is_on: bool) -> String {
    let Consent { endpoint, model, sends: _, by: _, who, at } = consent;
    let said = format!("{who} allowed {model} at {endpoint} on {}.", date(*at));
    match (is_on, offered) {
        (true, _) => format!("On. {said}"),
        (false, Some(_)) => {
            format!(
                "Off: the workers would ask another model, or send something else, than was allowed. {said}"
            )
        }
        (false, None) => format!("Off: no worker is running that could ask it. {said}"),
    }
}
