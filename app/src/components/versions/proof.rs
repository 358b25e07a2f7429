//! What a result measured about itself: that kept samples are the plate's own, and where the filled ones came from.

use domain::version::{MadeBy, Morphing, PREVIEW, TEST_MODEL, Version};
use leptos::prelude::*;

use crate::components::words;

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
        ("Time", words::seconds(proof.seconds.round().clamp(0.0, 1e9) as u32)),
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
    let memory = made_by.peak_rss_bytes.map(|bytes| {
        let plan = made_by.memory.map(|plan| format!(", plan {}", plan.word())).unwrap_or_default();
        ("Memory", format!("up to {} of the worker’s{plan}", words::bytes(bytes)))
    });
    let predicted = made_by.predicted.map(|predicted| {
        let seconds = predicted.seconds.map(|seconds| words::seconds(seconds.ceil().clamp(1.0, 1e9) as u32));
        let seconds = seconds.map(|seconds| format!("{seconds} · ")).unwrap_or_default();
        let of = if device == "cuda" { " of the GPU’s" } else { "" };
        ("Predicted before", format!("{seconds}{}{of}", words::bytes(predicted.bytes)))
    });
    let shapes = made_by.morphing.map(|check| ("Check of shapes", shapes_in_words(check)));
    let rows = [
        ("Model", format!("{model}, pass {pass}")),
        ("Computed", format!("{device} on {host} · {precision}")),
        ("Canvas", format!("{width}×{height} · {length} frames")),
        ("Windows", windows.len().to_string()),
    ];
    rows.into_iter().chain(resumed).chain(memory).chain(predicted).chain(shapes).collect()
}

/// What was found, from where on it counts, and what it led to.
fn shapes_in_words(Morphing { value, threshold, led_to }: Morphing) -> String {
    let side = if value > threshold { "above" } else { "not above" };
    format!("{value:.1}, {side} the threshold {threshold}: {}", led_to.sentence())
}

#[cfg(test)]
mod tests {
    use domain::version::LedTo;

    use super::*;

    #[test]
    fn a_check_of_shapes_says_value_threshold_and_what_followed() {
        let check = Morphing { value: 3.456, threshold: 3.0, led_to: LedTo::PassTwo };
        assert_eq!(shapes_in_words(check), "3.5, above the threshold 3: pass 2 follows");
        let check = Morphing { value: 1.04, threshold: 2.5, led_to: LedTo::Nothing };
        assert_eq!(shapes_in_words(check), "1.0, not above the threshold 2.5: pass 2 is not needed");
    }
}
