//! A name that is changed where it stands.

use leptos::prelude::*;

use super::{Button, Kind};

/// `what`: of what it is the name. The name is shown as it was until it is read again.
#[component]
pub fn Renaming(
    #[prop(into)] name: String,
    what: &'static str,
    #[prop(into)] save: Callback<String>,
) -> impl IntoView {
    let shown = RwSignal::new(name);
    let typed = RwSignal::new(String::new());
    let open = RwSignal::new(false);
    let begin = move |_| {
        typed.set(shown.get_untracked());
        open.set(true);
    };
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let name = typed.get_untracked();
        open.set(false);
        if name.trim() != shown.get_untracked() {
            shown.set(name.trim().to_owned());
            save.run(name);
        }
    };
    let label = move || format!("Name of the {what}");
    let title = move || format!("Rename {}", shown.get());
    view! {
        <Show
            when=move || open.get()
            fallback=move || view! {
                <span class="member__name">{move || shown.get()}</span>
                <button type="button" class="button" data-kind="quiet" data-small="true" title=title on:click=begin>"Rename"</button>
            }
        >
            <form class="renaming" on:submit=send>
                <input
                    class="field__input" name="name" maxlength="80" required=true autofocus=true aria-label=label
                    prop:value=move || typed.get()
                    on:input=move |event| typed.set(event_target_value(&event))
                />
                <Button small=true kind=Kind::Primary submit=true>"Save"</Button>
                <Button small=true kind=Kind::Quiet on:click=move |_| open.set(false)>"Cancel"</Button>
            </form>
        </Show>
    }
}
