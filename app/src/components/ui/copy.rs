//! A text that is there to be copied.

use leptos::html;
use leptos::prelude::*;

use super::{Button, Glyph, Icon};
use crate::browser::clipboard;

/// `note`: what the text is for, until it was copied.
#[component]
pub fn CopyField(
    #[prop(into)] label: String,
    value: String,
    #[prop(into)] note: String,
    #[prop(into)] copied: String,
) -> impl IntoView {
    let field = NodeRef::<html::Input>::new();
    let said = RwSignal::new(note);
    let copy = move |_| {
        let Some(field) = field.get_untracked() else { return };
        let copied = copied.clone();
        leptos::task::spawn_local(async move {
            let is_copied = clipboard::copy(field).await;
            said.try_set(if is_copied {
                format!("✓ {copied}")
            } else {
                "Selected: press Ctrl+C (⌘C) to copy it.".to_owned()
            });
        });
    };
    view! {
        <div class="copy">
            <label class="field copy__field">
                <span class="field__label">{label}</span>
                <input node_ref=field class="field__input mono" readonly=true value=value/>
            </label>
            <Button on:click=copy><Icon glyph=Glyph::Copy/> "Copy"</Button>
            <p class="copy__note faint" role="status">{move || said.get()}</p>
        </div>
    }
    .into_any()
}
