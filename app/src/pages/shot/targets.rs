//! Step 1: what goes, and growing its mask over the shot.

use domain::run::{ClickAnswer, Segmenter};
use domain::{Action, JobState, Phase, SaidColour, ShotStep, Target};
use leptos::prelude::*;

use super::quadmask::EditorLine;
use crate::api::shots::{retry_ingest, say_colour};
use crate::components::find::FindTargets;
use crate::components::range::RangeSection;
use crate::components::run::{JobCard, job_of};
use crate::components::targets::{ByNumbers, TargetList, WordsForm};
use crate::components::timeline::lanes::{self, Stretch};
use crate::components::ui::{Button, Kind, Select};
use crate::routes::href;
use crate::state::desk::{Tab, use_desk};

/// Stretches of frames without a target that are named.
const MOST_UNSEEN: usize = 4;

#[component]
pub fn TargetsPanel() -> impl IntoView {
    let desk = use_desk();
    let is_growing = move || job_of(desk, &["segment"]).is_some_and(|job| !job.state.is_over());
    let is_marked = move || desk.view.with(|v| v.targets.iter().any(Target::is_marked));
    let covered = move || desk.view.with(|v| v.draft.frames.iter().filter(|f| f.primary_area > 0).count());
    // Answers to clicks cover their frames; a mask that grew, or came whole, covers more.
    let covers_more =
        move || desk.view.with(|v| v.draft.grown_by.is_some()) || covered() == desk.clip().frames as usize;
    let grown = move || {
        job_of(desk, &["segment"]).is_some_and(|job| job.state == JobState::Done)
            || (covered() > 0 && covers_more())
    };
    view! {
        <div class="panel">
            <Show when=move || desk.phase() == Phase::IngestFailed>
                <Refused/>
            </Show>
            <section class="panel__section">
                <EditorLine/>
                <h2 class="caption">"Targets"</h2>
                <TargetList/>
                <ByNumbers/>
            </section>
            <section class="panel__section">
                <h2 class="caption">"Find by words"</h2>
                <FindTargets/>
            </section>
            <section class="panel__section">
                <h2 class="caption">"Words"</h2>
                <WordsForm/>
            </section>
            <section class="panel__section">
                <h2 class="caption">"Primary mask"</h2>
                <p>
                    {move || match covered() {
                        0 => "Click the target on one frame, or on a few where it looks different. The mask grows from there, both ways.".to_owned(),
                        n => {
                            let frames = desk.clip().frames;
                            let more = n < frames as usize && !is_growing();
                            let then = if more { " Click where it looks different, then grow the mask over the others." } else { "" };
                            format!("The target is covered on {n} of {frames} frames.{then}")
                        }
                    }}
                </p>
                <Unseen/>
                <GrownWith/>
                <JobCard kinds=&["segment", "import_quadmask"]/>
                <PlateNotes/>
            </section>
            <RangeSection/>
        </div>
        <footer class="panel__foot">
            <div class="panel__actions">
                <Show when=move || grown() && !is_growing()>
                    <a class="button" data-kind="plain" href=href::shot(desk.shot_id, Tab::Quadmask.slug())>"Quadmask →"</a>
                </Show>
                <Button
                    kind=Kind::Primary
                    disabled=Signal::derive(move || !desk.may_edit() || is_growing() || !is_marked())
                    on:click=move |_| desk.propagate()
                >
                    {move || if is_growing() { "Growing…" } else { "Grow mask over the shot" }}
                </Button>
            </div>
        </footer>
    }
    .into_any()
}

/// Who grows the mask, what that lacks, and what grew the one that is there.
#[component]
fn GrownWith() -> impl IntoView {
    let desk = use_desk();
    let grown_by = move || {
        desk.view.with(|v| v.draft.grown_by.as_ref().map(|grown| format!("Grown by {}.", grown.words())))
    };
    let answered = move || {
        let ClickAnswer { frame, by, ms } = desk.view.with(|v| v.draft.answered.clone())?;
        let (number, seconds) = (desk.clip().number(frame), f64::from(ms) / 1000.0);
        Some(format!("The click on f{number} was answered by {} in {seconds:.1} s.", by.words()))
    };
    let choices: Vec<(String, String)> =
        Segmenter::ALL.map(|one| (one.slug().to_owned(), one.word().to_owned())).into();
    let value = Signal::derive(move || desk.segmenter().slug().to_owned());
    let choose = move |slug: String| {
        if let Ok(by) = slug.parse() {
            desk.choose_segmenter(by);
        }
    };
    let about = move || {
        let sam2 = desk.view.with(|v| v.engines.sam2().cloned());
        match (desk.segmenter(), sam2) {
            (Segmenter::Plate, _) => None,
            (Segmenter::Sam2, Ok(network)) if network.is_test_model => {
                Some((true, "Test model: random weights. What it marks is no object.".to_owned()))
            }
            (Segmenter::Sam2, Ok(network)) => {
                Some((false, format!("{} on {}", network.name, network.device)))
            }
            (Segmenter::Sam2, Err(why)) => Some((true, why)),
        }
    };
    view! {
        <Show when=move || desk.may_edit()>
            <Select label="Grow it with" name="grow-with" choices=choices.clone() value on_change=choose/>
            {move || about().map(|(warns, words)| {
                if warns {
                    view! { <p class="note-line" data-tone="hold">{words}</p> }.into_any()
                } else {
                    view! { <p class="muted">{words}</p> }.into_any()
                }
            })}
        </Show>
        {move || grown_by().map(|words| view! { <p class="muted">{words}</p> })}
        {move || answered().map(|words| view! { <p class="muted">{words}</p> })}
    }
    .into_any()
}

/// Frames on which the segmenter looked for the target and saw none.
#[component]
fn Unseen() -> impl IntoView {
    let desk = use_desk();
    let stretches = Memo::new(move |_| desk.view.with(|v| lanes::unseen(&v.draft.frames)));
    let is_growing = move || job_of(desk, &["segment"]).is_some_and(|job| !job.state.is_over());
    let words = move || {
        let clip = desk.clip();
        let all = stretches.get();
        let frames = |s: &Stretch<()>| match (clip.number(s.from), clip.number(s.to)) {
            (from, to) if from == to => format!("f{from}"),
            (from, to) => format!("f{from}–{to}"),
        };
        let mut named: Vec<String> = all.iter().take(MOST_UNSEEN).map(frames).collect();
        if all.len() > MOST_UNSEEN {
            named.push(format!("{} stretches more", all.len() - MOST_UNSEEN));
        }
        format!(
            "No target is seen on {}: it is hidden or out of the picture there, or was lost. If it was lost, click it on the first of them.",
            named.join(", ")
        )
    };
    view! {
        <Show when=move || !is_growing() && !stretches.with(Vec::is_empty)>
            <p class="note-line" data-tone="hold">{words}</p>
        </Show>
    }
}

/// The plate could not be read.
#[component]
fn Refused() -> impl IntoView {
    let desk = use_desk();
    let problem = move || desk.view.with(|v| v.shot.problem.clone());
    view! {
        <section class="panel__section" role="alert">
            <p class="error-line">{move || problem().unwrap_or_else(|| "The plate could not be read.".to_owned())}</p>
            <Show when=move || desk.can(ShotStep::RetryIngest)>
                <Button small=true on:click=move |_| desk.write(retry_ingest(desk.shot_id))>"Read it again"</Button>
            </Show>
        </section>
    }
    .into_any()
}

/// What was odd about the file and what was done.
/// How the plate's samples are coded, where its file does not say and nothing is marked yet.
#[component]
fn ColourSaid() -> impl IntoView {
    let desk = use_desk();
    let said = Memo::new(move |_| desk.view.with(|v| v.shot.said_colour));
    let is_unsaid = move || {
        desk.view
            .with(|v| v.shot.said_colour.is_some() || v.shot.facts.as_ref().is_some_and(|f| f.colour.assumed))
    };
    let may = move || is_unsaid() && desk.may(Action::Upload) && desk.can(ShotStep::Trim);
    let mut choices = vec![(String::new(), "As assumed".to_owned())];
    choices.extend(SaidColour::ALL.map(|one| (one.slug().to_owned(), one.words().to_owned())));
    let value = Signal::derive(move || said.get().map(SaidColour::slug).unwrap_or_default().to_owned());
    let choose = move |slug: String| desk.write(say_colour(desk.shot_id, slug.parse().ok()));
    view! {
        <Show when=may>
            <Select label="Its colours are coded as" name="said-colour" choices=choices.clone() value on_change=choose/>
            <p class="muted">"The plate is read once more with it. Samples are never changed by this, only how they are shown."</p>
        </Show>
    }
}

#[component]
fn PlateNotes() -> impl IntoView {
    let desk = use_desk();
    let facts = Memo::new(move |_| {
        desk.view.with(|v| {
            v.shot.facts.as_ref().map(|f| {
                let size = format!(
                    "{}×{} · {} · {} · {} bit",
                    f.width(),
                    f.height(),
                    f.codec,
                    f.pixel_format,
                    f.bit_depth
                );
                (size, f.notes.clone())
            })
        })
    });
    move || {
        facts.get().map(|(size, notes)| {
            view! {
                <details class="by-numbers">
                    <summary>"About the plate"</summary>
                    <p class="muted">{size}</p>
                    <ul class="notes">{notes.into_iter().map(|note| view! { <li>{note}</li> }).collect_view()}</ul>
                    <ColourSaid/>
                </details>
            }
        })
    }
}
