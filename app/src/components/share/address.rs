//! The address of a link, in the one moment in which it is known.

use leptos::prelude::*;

use crate::components::ui::CopyField;

#[component]
pub fn Address(address: String) -> impl IntoView {
    view! {
        <div class="share__address">
            <CopyField
                label="Address of the link" value=address
                note="Copy it now: only its hash is kept, so nobody can look it up later. “New address” makes another one."
                copied="Copied. Send it to the client; send the password another way."
            />
        </div>
    }
    .into_any()
}
