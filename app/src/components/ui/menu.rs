//! A button that opens a short list. A `<details>`, so it opens before the client has loaded.

use leptos::ev::{FocusEvent, KeyboardEvent};
use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;

/// Closes on Esc, on a choice and when the focus leaves.
#[component]
pub fn Menu(
    #[prop(into)] label: String,
    /// What the button shows.
    button: AnyView,
    /// Opens towards the right instead of the left.
    #[prop(optional)]
    start: bool,
    children: Children,
) -> impl IntoView {
    let node = NodeRef::<html::Details>::new();
    let close = move || {
        if let Some(menu) = node.get_untracked() {
            menu.set_open(false);
        }
    };
    let on_leave = move |event: FocusEvent| {
        let to = event.related_target().and_then(|to| to.dyn_into::<leptos::web_sys::Node>().ok());
        let stays = node.get_untracked().is_some_and(|menu| menu.contains(to.as_ref()));
        if to.is_some() && !stays {
            close();
        }
    };
    let on_key = move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            close();
        }
    };
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::pointerdown, move |event| {
            let at = event.target().and_then(|at| at.dyn_into::<leptos::web_sys::Node>().ok());
            if node.get_untracked().is_some_and(|menu| menu.open() && !menu.contains(at.as_ref())) {
                close();
            }
        });
        on_cleanup(move || handle.remove());
    });
    view! {
        <details
            class="menu"
            node_ref=node
            data-align=start.then_some("start")
            on:focusout=on_leave
            on:keydown=on_key
        >
            <summary aria-label=label.clone() title=label>{button}</summary>
            <div class="menu__sheet" on:click=move |_| close()>{children()}</div>
        </details>
    }
}
