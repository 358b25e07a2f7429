//! What a result measured about itself: that kept samples are the plate's own, and where the filled ones came from.

use domain::version::{MadeBy, PREVIEW, TEST_MODEL, Version};
use leptos::prelude::*;

#[component]
pub fn ProofPanel(version: Version) -> impl IntoView {
    let is_test = version.is_of_test_model();
    let is_preview = version.is_preview();
    let notes = version.made_by.as_ref().map(|made_by| made_by.notes.clone()).unwrap_or_default();
    let networks = version.made_by.map(network_rows).unwrap_or_default();
    let proof = version.proof;
    let is_proven = proof.max_delta_outside == 0;
    let percent = |part: f64| {
        let text = format!("{:.1} %", part * 100.0);
        if part > 0.0 && part < 0.0005 { "under 0.1 %".to_owned() } else { text }
    };
    let rows = [
        ("Full size", format!("{}×{} · {} frames", proof.width, proof.height, proof.frames)),
        ("Samples", proof.pixel_format.clone()),
        ("Matte covers", percent(proof.matte_share)),
        ("Seen on other frames", percent(proof.seen_elsewhere)),
        ("Guessed, never seen", percent(proof.guessed)),
        ("Edge", format!("{} px", proof.edge_px)),
        ("Time", crate::components::words::seconds(proof.seconds.round().clamp(0.0, 1e9) as u32)),
    ];
    let (tone, icon, said) = if is_proven {
        (
            "approved",
            "✓",
            "Kept pixels are the plate’s own: largest difference outside the matte 0".to_owned(),
        )
    } else {
        let delta = proof.max_delta_outside;
        ("failed", "✕", format!("Kept pixels changed by up to {delta}: do not use this result"))
    };
    view! {
        <section class="proof" aria-label="Proof">
            <p class="proof__claim" data-tone=tone><span aria-hidden="true">{icon}</span>{said}</p>
            {is_test.then(|| view! { <TestModel/> })}
            {is_preview.then(|| view! {
                <p class="note-line" data-tone="changes"><strong>{PREVIEW}</strong>". It cannot be approved: run it with all its steps."</p>
            })}
            <ul class="proof__notes">{notes.into_iter().map(|note| view! { <li>{note}</li> }).collect_view()}</ul>
            <dl class="proof__rows">
                {rows.into_iter().chain(networks).map(|(word, value)| view! { <div><dt>{word}</dt><dd>{value}</dd></div> }).collect_view()}
            </dl>
            <p class="faint">"Measured on the full-size files. Viewing encodes, like the picture above, are outside the claim."</p>
        </section>
    }
    .into_any()
}

/// Stands wherever something made with random weights is shown.
#[component]
pub fn TestModel() -> impl IntoView {
    view! {
        <p class="note-line" data-tone="changes"><strong>{TEST_MODEL}</strong>". What it makes is no removal."</p>
    }
    .into_any()
}

/// What networks a version is from, and what they were shown. Guests are not told.
fn network_rows(made_by: MadeBy) -> Vec<(&'static str, String)> {
    let MadeBy { pass, model, device, host, precision, canvas: [width, height], length, windows, .. } =
        made_by;
    if model.is_empty() {
        return Vec::new();
    }
    let resumed = match made_by.resumed_steps {
        0 => None,
        steps => Some(("Resumed", format!("after step {steps}"))),
    };
    let rows = [
        ("Model", format!("{model}, pass {pass}")),
        ("Computed", format!("{device} on {host} · {precision}")),
        ("Canvas", format!("{width}×{height} · {length} frames")),
        ("Windows", windows.len().to_string()),
    ];
    rows.into_iter().chain(resumed).collect()
}
