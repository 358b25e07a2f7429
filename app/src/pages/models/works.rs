//! What can be done here now, what a network would do better, and the exact next step to it. The weights themselves are the
//! page's other part.

use domain::run::{Need, Network, Weights};
use leptos::prelude::*;

use crate::api::engines::Engines;

/// One thing that people do.
#[derive(Debug, PartialEq, Eq)]
struct Work {
    title: &'static str,
    /// What does it wherever a worker runs.
    always: Option<&'static str>,
    networks: Vec<Line>,
}

impl Work {
    fn is_there(&self) -> bool {
        self.always.is_some() || self.networks.iter().any(|line| line.works)
    }
}

/// A network that is there or not.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    what: &'static str,
    works: bool,
    words: String,
    /// What to do about it.
    next: Option<String>,
}

/// A network or the weights of a pass: name, device, and whether they are random.
type Found<'a> = (&'a str, &'a str, bool);

fn of_network(network: &Network) -> Found<'_> {
    (network.name.as_str(), network.device.as_str(), network.is_test_model)
}

fn of_weights(weights: &Weights) -> Found<'_> {
    (weights.name.as_str(), weights.device.as_str(), weights.is_test_model)
}

fn line(what: &'static str, found: Result<Found<'_>, String>) -> Line {
    match found {
        Ok((name, device, is_test_model)) => {
            let device = if device == "cuda" { "GPU".to_owned() } else { device.to_uppercase() };
            let next = is_test_model.then(|| {
                "Its weights are random, for tests: put the published ones in their place.".to_owned()
            });
            Line { what, works: !is_test_model, words: format!("{name}, on the {device}."), next }
        }
        Err(why) => {
            let (words, next) = match why.split_once(". ") {
                Some((is, next)) => (format!("{is}."), Some(next.to_owned())),
                None => (why, None),
            };
            Line { what, works: false, words, next }
        }
    }
}

const SLOW: &str =
    "VOID was not made for it: on a machine with an NVIDIA driver, `cargo xtask run` builds for its GPU.";

/// Like [`line`], for what was not made for a CPU.
fn line_of_pass(what: &'static str, found: Result<Found<'_>, String>) -> Line {
    let is_slow = found.as_ref().is_ok_and(|(_, device, is_test_model)| *device != "cuda" && !is_test_model);
    let mut line = line(what, found);
    if is_slow {
        line.next = Some(SLOW.to_owned());
    }
    line
}

/// For studios with a worker that runs.
fn works(engines: &Engines) -> Vec<Work> {
    let [pass1, pass2] = [Need::VoidPass1, Need::VoidPass2].map(|need| engines.weights(need).map(of_weights));
    let void = match (pass1, pass2) {
        // Neither is there, and for one reason.
        (Err(why), Err(same)) if why == same => vec![line("VOID", Err(why))],
        (pass1, pass2) => vec![line_of_pass("VOID pass 1", pass1), line_of_pass("VOID pass 2", pass2)],
    };
    vec![
        Work {
            title: "Masks from clicks",
            always: Some("The built-in segmenter, without weights."),
            networks: vec![line("SAM 2", engines.sam2().map(of_network))],
        },
        Work {
            title: "Things found by words",
            always: None,
            networks: vec![line("SAM 3", engines.sam3().map(of_network))],
        },
        Work {
            title: "What else changes",
            always: Some(
                "The built-in reasoner, without weights, which asks nobody. A model outside is asked only where a project's \
                 settings allow it.",
            ),
            networks: Vec::new(),
        },
        Work { title: "Removal", always: Some("The plate engine, without weights."), networks: void },
    ]
}

#[component]
pub fn WhatWorks(engines: Engines) -> impl IntoView {
    let body = if engines.void.is_none() {
        view! {
            <p class="notice" role="note">
                "No worker is running: nothing is computed, and shots wait. The server starts one itself unless it was told not to; on another machine, run "
                <code>"minus-one-worker run"</code> "."
            </p>
        }
        .into_any()
    } else {
        let cards = works(&engines).into_iter().map(card).collect_view();
        view! { <ul class="works">{cards}</ul> }.into_any()
    };
    view! {
        <section aria-labelledby="what-works">
            <h2 id="what-works">"What works here"</h2>
            {body}
        </section>
    }
}

fn card(work: Work) -> impl IntoView {
    let (icon, tone, state) = mark(work.is_there());
    let Work { title, always, networks } = work;
    view! {
        <li class="work-card">
            <h3 class="work-card__title" data-tone=tone>
                <span aria-hidden="true">{icon}" "</span>{title}<span class="visually-hidden">{format!(", {state}")}</span>
            </h3>
            {always.map(|words| view! { <p>{words}</p> })}
            {networks.into_iter().map(network).collect_view()}
        </li>
    }
}

fn network(line: Line) -> impl IntoView {
    let (icon, tone, state) = mark(line.works);
    let Line { what, words, next, .. } = line;
    view! {
        <p class="work-card__network" data-tone=tone>
            <span aria-hidden="true">{icon}" "</span><strong>{what}</strong>
            <span class="visually-hidden">{format!(", {state}")}</span>
            {format!(": {words}")}
        </p>
        {next.map(|next| view! { <p class="faint work-card__next">{format!("→ {next}")}</p> })}
    }
}

/// Icon, tone and word.
fn mark(works: bool) -> (&'static str, &'static str, &'static str) {
    if works { ("✓", "approved", "works") } else { ("○", "idle", "does not work yet") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::find::Sam3Ability;
    use domain::run::{Sam2Ability, VoidAbility};

    fn network(is_test_model: bool, device: &str) -> Network {
        Network {
            name: "SAM 2.1 · large".into(),
            is_test_model,
            fingerprint: domain::Hash::of(b"weights"),
            device: device.into(),
        }
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        let why = "There are no weights of VOID: the folder m/void is missing. Put them there. Then wait.";
        let engines = Engines {
            void: Some(VoidAbility::Lacking { why: why.into() }),
            sam2: Some(Sam2Ability::Able { network: network(false, "cuda") }),
            sam3: Some(Sam3Ability::default()),
            ..Engines::default()
        };
        let all = works(&engines);
        let there: Vec<bool> = all.iter().map(Work::is_there).collect();
        assert_eq!(there, [true, false, true, true]);
        let [sam2] = all[0].networks.as_slice() else { panic!("{all:?}") };
        assert_eq!((sam2.works, sam2.words.as_str()), (true, "SAM 2.1 · large, on the GPU."));
        let [void] = all[3].networks.as_slice() else { panic!("one reason is said once: {all:?}") };
        assert_eq!(void.words, "There are no weights of VOID: the folder m/void is missing.");
        assert_eq!(void.next.as_deref(), Some("Put them there. Then wait."));
    }

    #[test]
    fn random_weights_do_not_count_as_working() {
        let random = network(true, "cpu");
        let Line { works, words, next, .. } = line("SAM 2", Ok(of_network(&random)));
        assert!(!works && next.is_some());
        assert_eq!(words, "SAM 2.1 · large, on the CPU.");
        let slow = |device| line_of_pass("VOID pass 1", Ok(("void", device, false)));
        assert!(slow("cpu").works && slow("cpu").next.is_some());
        assert_eq!(slow("cuda").next, None);
    }
}
