//! One shot on the board. Only its job moves; a card is cheap, because scrolling makes many.

use domain::phase::Bar;
use domain::{JobState, Phase, Progress};
use leptos::prelude::*;

use super::choosing::ChooseBox;
use super::filter::tab_of;
use crate::api::projects::ShotCard;
use crate::components::ui::{ProgressBar, StatusChip};
use crate::components::words;
use crate::components::work::WorkMark;
use crate::routes::href;

const STEPS: [&str; 5] = ["Targets", "Quadmask", "Removal", "Review", "Deliver"];

/// As it stands in `shot`; another state of it is drawn into the same card.
#[component]
pub fn Card(
    shot: ShotCard,
    /// The open job, if any: it moves while the card stays.
    job: Option<ArcRwSignal<Progress>>,
) -> impl IntoView {
    let ShotCard { shot_id, phase, has_poster, .. } = shot;
    let words = words_of(&shot);
    let running = job.clone().filter(|job| job.with_untracked(|job| job.state == JobState::Running));
    let progress = running.map(|job| {
        let part = Signal::derive(move || job.with(|job| job.fraction));
        view! { <span class="card__progress"><ProgressBar part label="How far the job is"/></span> }
    });
    let line = match job {
        Some(job) => (move || job.with(line_of_job)).into_any(),
        None => line_of(&shot).into_any(),
    };
    let work =
        shot.work.clone().map(|work| view! { <span class="card__work"><WorkMark work over=true/></span> });
    let poster = has_poster.then(|| {
        view! { <img class="card__poster" src=href::poster(shot_id) alt="" loading="lazy" decoding="async"/> }
    });
    view! {
        <article class="card" data-phase=phase.slug()>
            <div class="card__picture">
                {poster}
                <span class="card__status"><StatusChip phase words=Signal::stored(words) over=true/></span>
                {format_of(&shot).map(|text| view! { <span class="card__format mono">{text}</span> })}
                {work}
                {progress}
            </div>
            <ChooseBox shot_id name=shot.name.clone()/>
            <div class="card__body">
                <h3 class="card__name">
                    <a class="card__link" href=href::shot(shot_id, tab_of(phase))>{shot.name.clone()}</a>
                </h3>
                <p class="card__line">{line}</p>
                {bars(phase)}
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

fn bars(phase: Phase) -> impl IntoView {
    let bars = phase.bars();
    let at = bars.iter().position(|bar| *bar != Bar::Done).unwrap_or(STEPS.len() - 1);
    let label = format!("Step {} of 5: {}, {}", at + 1, STEPS[at], word_of(bars[at]));
    let bar = |(bar, step)| view! { <span class="bars__bar" data-bar=word_of(bar) title=step></span> };
    view! {
        <div class="bars" role="img" aria-label=label>{bars.into_iter().zip(STEPS).map(bar).collect_view()}</div>
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

/// What is happening.
fn line_of_job(job: &Progress) -> String {
    if job.state == JobState::Queued {
        return format!("{}: waiting for a worker", domain::job::title_of_kind(&job.kind));
    }
    let step = job.step.map_or(domain::job::title_of_kind(&job.kind), |step| step.sentence());
    let percent = (job.fraction.clamp(0.0, 1.0) * 100.0).floor();
    match job.seconds_left {
        Some(left) => format!("{step} · {percent} % · {} left", words::seconds(left)),
        None => format!("{step} · {percent} %"),
    }
}

/// What went wrong, or what is to be removed.
fn line_of(card: &ShotCard) -> String {
    match (&card.problem, card.removal.trim()) {
        (Some(problem), _) => problem.clone(),
        (None, "") => "No target yet".to_owned(),
        (None, removal) => removal.to_owned(),
    }
}
