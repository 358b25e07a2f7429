//! The values of the pixel under the pointer, over the picture's corner.

use leptos::prelude::*;

use crate::state::desk::use_desk;
use crate::state::looking::{Probed, Sample};

/// Nothing while the probe is not in the hand.
#[component]
pub fn ProbeReadout() -> impl IntoView {
    let desk = use_desk();
    let looking = desk.looking;
    let row = |word: &'static str, sample: Sample| {
        view! {
            <div class="probe__row">
                <dt>{word}</dt>
                <dd>
                    <i class="probe__swatch" style=format!("background:{}", sample.hex()) aria-hidden="true"></i>
                    <span>{sample.words()}</span>
                    <span class="probe__faint">{sample.hex()}</span>
                    <span class="probe__faint">{if sample.is_exact { "exact" } else { "proxy" }}</span>
                </dd>
            </div>
        }
    };
    let shown = move |Probed { x, y, plate, result }: Probed| {
        view! {
            <div class="probe__row"><dt>"Pixel"</dt><dd>{format!("{x}, {y}")}</dd></div>
            {plate.map(|sample| row("Plate", sample))}
            {result.map(|sample| row("Result", sample))}
        }
        .into_any()
    };
    view! {
        <Show when=move || looking.probe.get()>
            <dl class="probe" aria-label="Pixel probe: 8-bit red, green, blue">
                {move || match looking.probed.get() {
                    Some(probed) => shown(probed),
                    None => view! { <div class="probe__row"><dt>"Pixel"</dt><dd>"outside the picture"</dd></div> }.into_any(),
                }}
            </dl>
        </Show>
    }
    .into_any()
}
