//! One shot on the board. Each part follows its own piece of the shot, so that a moving job redraws a bar and no more.

use domain::phase::Bar;
use domain::{JobState, Phase};
use leptos::prelude::*;

use super::filter::tab_of;
use crate::api::projects::ShotCard;
use crate::components::ui::{ProgressBar, StatusChip};
use crate::components::words;
use crate::routes::href;

const STEPS: [&str; 5] = ["Targets", "Quadmask", "Removal", "Review", "Deliver"];

#[component]
pub fn Card(card: ArcRwSignal<ShotCard>) -> impl IntoView {
    let id = card.with_untracked(|card| card.shot_id);
    let card = RwSignal::from(card);
    let phase = Memo::new(move |_| card.with(|card| card.phase));
    let name = Memo::new(move |_| card.with(|card| card.name.clone()));
    let job = Memo::new(move |_| card.with(|card| card.job.clone().filter(|job| !job.state.is_over())));
    let running =
        Memo::new(move |_| job.with(|job| job.as_ref().is_some_and(|job| job.state == JobState::Running)));
    let part = Signal::derive(move || job.with(|job| job.as_ref().map_or(0.0, |job| job.fraction)));
    let has_poster = Memo::new(move |_| card.with(|card| card.has_poster));
    view! {
        <article class="card" data-phase=move || phase.get().slug()>
            <div class="card__picture">
                {move || {
                    has_poster.get().then(|| view! {
                        <img class="card__poster" src=href::poster(id) alt="" loading="lazy" decoding="async"/>
                    })
                }}
                <span class="card__status">
                    <StatusChip phase words=Signal::derive(move || card.with(words_of)) over=true/>
                </span>
                {move || {
                    card.with(format_of).map(|text| view! { <span class="card__format mono">{text}</span> })
                }}
                {move || {
                    running.get().then(|| view! {
                        <span class="card__progress"><ProgressBar part label="How far the job is"/></span>
                    })
                }}
            </div>
            <div class="card__body">
                <h3 class="card__name">
                    <a class="card__link" href=move || href::shot(id, tab_of(phase.get()))>{move || name.get()}</a>
                </h3>
                <p class="card__line">{move || card.with(line_of)}</p>
                <Bars phase/>
            </div>
        </article>
    }
}

/// A place on the board whose shot is still being read.
#[component]
pub fn Gap() -> impl IntoView {
    view! {
        <article class="card" aria-hidden="true">
            <div class="card__picture"></div>
            <div class="card__body"><span class="skeleton card__blank"></span></div>
        </article>
    }
}

#[component]
fn Bars(phase: Memo<Phase>) -> impl IntoView {
    let bars = Memo::new(move |_| phase.get().bars());
    let label = move || {
        let bars = bars.get();
        let at = bars.iter().position(|bar| *bar != Bar::Done).unwrap_or(STEPS.len() - 1);
        format!("Step {} of 5: {}, {}", at + 1, STEPS[at], word_of(bars[at]))
    };
    view! {
        <div class="bars" role="img" aria-label=label>
            {(0..STEPS.len())
                .map(|at| view! { <span class="bars__bar" data-bar=move || word_of(bars.get()[at]) title=STEPS[at]></span> })
                .collect_view()}
        </div>
    }
}

fn word_of(bar: Bar) -> &'static str {
    match bar {
        Bar::Todo => "to do",
        Bar::Now => "now",
        Bar::Running => "running",
        Bar::Done => "done",
        Bar::Failed => "failed",
    }
}

/// The status with the number of what it is about.
fn words_of(card: &ShotCard) -> Option<String> {
    let quadmask = card.quadmask.map(|n| format!("v{n} "));
    let version = card.version.map(|n| format!("v{n} "));
    match card.phase {
        Phase::QuadmaskReview => quadmask.map(|v| format!("Quadmask {v}in review")),
        Phase::QuadmaskApproved => quadmask.map(|v| format!("Quadmask {v}approved")),
        Phase::ResultReview => version.map(|v| format!("Result {v}in review")),
        Phase::ResultChanges => {
            version.map(|v| format!("Result {v}changes asked").replace(" changes", ": changes"))
        }
        Phase::Approved => card.version.map(|n| format!("Approved v{n}")),
        _ => None,
    }
}

fn format_of(card: &ShotCard) -> Option<String> {
    let frames = format!("{} f", card.frames?);
    Some(match (card.width, card.height) {
        (Some(width), Some(height)) => format!("{frames} · {}", words::format_name(width, height)),
        _ => frames,
    })
}

/// What is happening, what went wrong, or what is to be removed: the first of them there is.
fn line_of(card: &ShotCard) -> String {
    if let Some(job) = card.job.as_ref().filter(|job| !job.state.is_over()) {
        if job.state == JobState::Queued {
            return format!("{}: waiting for a worker", domain::job::title_of_kind(&job.kind));
        }
        let step = job.step.map_or(domain::job::title_of_kind(&job.kind), |step| step.sentence());
        let percent = (job.fraction.clamp(0.0, 1.0) * 100.0).floor();
        return match job.seconds_left {
            Some(left) => format!("{step} · {percent} % · {} left", words::seconds(left)),
            None => format!("{step} · {percent} %"),
        };
    }
    match (&card.problem, card.removal.trim()) {
        (Some(problem), _) => problem.clone(),
        (None, "") => "No target yet".to_owned(),
        (None, removal) => removal.to_owned(),
    }
}
