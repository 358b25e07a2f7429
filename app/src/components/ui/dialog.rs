//! The native `<dialog>`: focus stays inside, Esc and a press outside close it.

use leptos::ev::MouseEvent;
use leptos::html;
use leptos::prelude::*;

use super::{Glyph, IconButton};

/// Its content exists only while it is open, so it starts fresh each time.
#[component]
pub fn Dialog(
    open: RwSignal<bool>,
    #[prop(into)] title: Signal<String>,
    #[prop(optional)] wide: bool,
    children: ChildrenFn,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => drop(dialog.show_modal()),
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    let on_press = move |event: MouseEvent| {
        // The press is on the dialog's own box only where nothing of it is drawn: on the backdrop.
        if event.target().is_some() && event.target() == event.current_target() {
            open.set(false);
        }
    };
    view! {
        <dialog
            node_ref=node
            class="dialog"
            data-wide=wide.then_some("true")
            aria-label=move || title.get()
            on:close=move |_| open.set(false)
            on:mousedown=on_press
        >
            <Show when=move || open.get()>
                <header class="dialog__head">
                    <h2>{move || title.get()}</h2>
                    <IconButton icon=Glyph::Close label="Close" key="Escape" on:click=move |_| open.set(false)/>
                </header>
                <div class="dialog__body">{children()}</div>
            </Show>
        </dialog>
    }
}
