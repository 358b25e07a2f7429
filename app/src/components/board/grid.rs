//! The cards of a board: at most sixty in the page, read in pieces as one scrolls, each card kept while its shot stays.

use std::collections::HashMap;
use std::ops::Range;

use domain::{Event, EventKind, ProjectId, SequenceId, ShotId};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::card::{Card, Gap};
use super::window::{Plan, plan};
use crate::api::projects::{ShotCard, ShotFilter, ShotPage, list_shots};
use crate::browser::measure;
use crate::components::ui::{Empty, Glyph, Kind};
use crate::components::upload::FileButton;
use crate::routes::href;
use crate::state::live::use_live;

/// Cards in one answer of the server.
const PIECE: u32 = 60;

/// What is known of the list: its length and the shots read so far.
#[derive(Clone, Copy)]
struct Shelf {
    project: ProjectId,
    filter: StoredValue<ShotFilter>,
    /// One place per shot of the list; `None`: not read yet.
    order: RwSignal<Vec<Option<ShotId>>>,
    cards: StoredValue<HashMap<ShotId, ArcRwSignal<ShotCard>>>,
    reading: StoredValue<bool>,
}

impl Shelf {
    fn new(project: ProjectId, filter: ShotFilter, first: ShotPage) -> Self {
        let shelf = Self {
            project,
            filter: StoredValue::new(filter),
            order: RwSignal::new(Vec::new()),
            cards: StoredValue::new(HashMap::new()),
            reading: StoredValue::new(false),
        };
        shelf.put(0, first);
        shelf
    }

    fn put(self, offset: u32, page: ShotPage) {
        let ids: Vec<ShotId> = page.cards.iter().map(|card| card.shot_id).collect();
        self.cards.update_value(|known| {
            for card in page.cards {
                match known.get(&card.shot_id) {
                    Some(signal) if signal.with_untracked(|before| *before == card) => {}
                    Some(signal) => signal.set(card),
                    None => drop(known.insert(card.shot_id, ArcRwSignal::new(card))),
                }
            }
        });
        let mut order = self.order.get_untracked();
        let places = offset as usize..offset as usize + ids.len();
        let same_length = order.len() == page.total as usize;
        let fits = |(at, id): (usize, &ShotId)| {
            order.get(places.start + at).is_some_and(|now| now.is_none_or(|now| now == *id))
        };
        let moved = !same_length || !ids.iter().enumerate().all(fits);
        if moved {
            // Everything may have shifted: what was not read just now is read again when it is looked at.
            order.clear();
        }
        order.resize(page.total as usize, None);
        for (at, id) in ids.into_iter().enumerate() {
            if let Some(place) = order.get_mut(offset as usize + at) {
                *place = Some(id);
            }
        }
        if self.order.with_untracked(|before| *before != order) {
            self.order.set(order);
        }
    }

    /// Reads `window` from the server: all of it, or the piece around the first place that is not known.
    fn read(self, window: Range<u32>, all: bool, after: impl Fn() + 'static) {
        let missing = |order: &Vec<Option<ShotId>>| {
            window.clone().find(|at| order.get(*at as usize).is_some_and(Option::is_none))
        };
        let from = if all { Some(window.start) } else { self.order.with_untracked(missing) };
        let Some(from) = from else { return };
        if self.reading.get_value() {
            return;
        }
        self.reading.set_value(true);
        let filter = self.filter.get_value();
        let limit = if all { PIECE.max(window.len() as u32) } else { PIECE };
        spawn_local(async move {
            let page = list_shots(self.project, filter, from, limit).await;
            if self.reading.try_set_value(false).is_some() {
                return; // another filter meanwhile
            }
            match page {
                Ok(page) => {
                    self.put(from, page);
                    after();
                }
                Err(error) => leptos::logging::warn!("the list of shots was not read: {error}"),
            }
        });
    }

    fn card(self, id: ShotId) -> Option<ArcRwSignal<ShotCard>> {
        self.cards.with_value(|cards| cards.get(&id).cloned())
    }

    /// A job moved: its bar follows at once, its words with the next reading.
    fn advance(self, event: &Event) {
        let (Some(shot), EventKind::Job { job_id, fraction }) = (event.shot_id, &event.kind) else { return };
        let Some(card) = self.cards.try_with_value(|cards| cards.get(&shot).cloned()).flatten() else {
            return;
        };
        let is_it = card.with_untracked(|card| card.job.as_ref().is_some_and(|job| job.job_id == *job_id));
        if is_it {
            card.update(|card| {
                if let Some(job) = &mut card.job {
                    job.fraction = *fraction;
                }
            });
        }
    }
}

/// What stands in one place of the grid; a shot keeps its nodes wherever it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Shot(ShotId),
    Gap(u32),
}

#[component]
pub fn BoardGrid(
    project: ProjectId,
    filter: ShotFilter,
    first: ShotPage,
    may_upload: bool,
    /// What stands above the cards and scrolls with them.
    children: Children,
) -> impl IntoView {
    let filtered = filter != ShotFilter { sort: filter.sort, ..ShotFilter::default() };
    let sequence = filter.sequence_id;
    let shelf = Shelf::new(project, filter, first);
    let total = Memo::new(move |_| shelf.order.with(Vec::len) as u32);
    let scroller = NodeRef::<html::Div>::new();
    let grid = NodeRef::<html::Div>::new();
    // Width of the grid, height of the view; unknown on the server and until the page is live.
    let size = RwSignal::new(None::<(f64, f64)>);
    let above = RwSignal::new(0.0);
    let planned = Memo::new(move |_| size.get().map(|(width, height)| plan(width, height)));
    let window = Memo::new(move |_| match (planned.get(), size.get()) {
        (Some(plan), Some((_, height))) => plan.window(above.get(), height, total.get()),
        _ => 0..total.get().min(24),
    });

    let measured = move || {
        let (Some(scroller), Some(grid)) = (scroller.get_untracked(), grid.get_untracked()) else { return };
        let width = f64::from(grid.client_width());
        size.set(Some((width, f64::from(scroller.client_height()))));
        above.set(f64::from(scroller.scroll_top() - grid.offset_top()));
    };
    Effect::new(move |_| {
        if let Some(scroller) = scroller.get() {
            measure::on_resize(&scroller, move |_, _| measured());
        }
    });
    let on_scroll = move |_| {
        if let (Some(scroller), Some(grid)) = (scroller.get_untracked(), grid.get_untracked()) {
            above.set(f64::from(scroller.scroll_top() - grid.offset_top()));
        }
    };

    let wanted = RwSignal::new(0_u32);
    Effect::new(move |_| {
        wanted.track();
        shelf.read(window.get(), false, move || {
            wanted.try_update(|n| *n += 1); // the window may have moved on while this was read
        });
    });
    let live = use_live();
    let of_this = move |event: &Event| event.project_id == Some(project);
    live.on(move |event| {
        if let Some(event) = event {
            shelf.advance(event);
        }
    });
    let changed = live.changes(350, move |event| {
        of_this(event)
            && !matches!(event.kind, EventKind::Job { .. } | EventKind::Frames { .. } | EventKind::Editor)
    });
    let moved =
        live.changes(1500, move |event| of_this(event) && matches!(event.kind, EventKind::Job { .. }));
    Effect::new(move |before: Option<()>| {
        changed.track();
        moved.track();
        if before.is_some() {
            let seen = window.get_untracked();
            shelf.read(seen.start..seen.end.max(seen.start + PIECE), true, move || {
                wanted.try_update(|n| *n += 1);
            });
        }
    });

    let places = move || {
        let window = window.get();
        shelf.order.with(|order| {
            window
                .map(|at| match order.get(at as usize) {
                    Some(Some(id)) => Place::Shot(*id),
                    _ => Place::Gap(at),
                })
                .collect::<Vec<_>>()
        })
    };
    let style = move || {
        planned.get().map(|plan: Plan| {
            let (before, after) = plan.spacers(&window.get(), total.get());
            let Plan { columns, height } = plan;
            format!("--columns:{columns};--row:{height}px;padding-block:{before}px {after}px")
        })
    };
    let at_end = Memo::new(move |_| may_upload && total.get() > 0 && window.get().end == total.get());
    view! {
        <div class="board" node_ref=scroller on:scroll=on_scroll>
            {children()}
            <div class="board__grid" node_ref=grid style=style>
                <For each=places key=|place| *place let:place>
                    {match place {
                        Place::Shot(id) => shelf.card(id).map(|card| view! { <Card card/> }.into_any()),
                        Place::Gap(_) => Some(view! { <Gap/> }.into_any()),
                    }}
                </For>
                <Show when=move || at_end.get()>
                    <DropCard project sequence/>
                </Show>
            </div>
            <Show when=move || total.get() == 0>
                {if filtered {
                    view! {
                        <Empty icon=Glyph::Search title="No shot matches" text="No shot of this project is in this filter.">
                            <a class="button" data-kind="plain" href=href::project(project)>"Show all shots"</a>
                        </Empty>
                    }
                    .into_any()
                } else {
                    view! { <NoShots project sequence may_upload/> }.into_any()
                }}
            </Show>
        </div>
    }
}

const FORMATS: &str = "MOV, MP4, MKV or MXF; H.264, HEVC, ProRes, DNxHR, FFV1 or MJPEG";

#[component]
fn DropCard(project: ProjectId, sequence: Option<SequenceId>) -> impl IntoView {
    view! {
        <div class="drop-card">
            <p class="drop-card__title">"Drop shots here"</p>
            <p class="muted">"MOV, MP4, MKV, MXF"</p>
            <FileButton project=Signal::stored(project) sequence=Signal::stored(sequence)>"Choose files"</FileButton>
        </div>
    }
}

#[component]
fn NoShots(project: ProjectId, sequence: Option<SequenceId>, may_upload: bool) -> impl IntoView {
    if !may_upload {
        return view! {
            <Empty icon=Glyph::Film title="No shots yet" text="Shots appear here as soon as somebody adds or shows them to you."/>
        }
        .into_any();
    }
    view! {
        <section class="drop-zone">
            <Empty
                icon=Glyph::Upload
                title="Drop the first shots here"
                text=format!("{FORMATS}. Each file becomes a shot: you mark what goes, say what it did to the scene, and the removal keeps every other pixel of the plate.")
            >
                <FileButton
                    kind=Kind::Primary
                    project=Signal::stored(project)
                    sequence=Signal::stored(sequence)
                >
                    "Choose files"
                </FileButton>
                <a class="button" data-kind="plain" href="/">"Look at the demo project"</a>
            </Empty>
        </section>
    }
    .into_any()
}
