//! The cards of a board: at most sixty in the page, read in pieces as one scrolls, each card kept while its shot stays.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use domain::{Event, EventKind, ProjectId, SequenceId, ShotId};
use leptos::html;
use leptos::prelude::*;

use super::card::{Card, Gap};
use super::shelf::{PIECE, Shelf};
use super::window::{PER_FRAME, Plan, nearer, plan};
use crate::api::projects::{ShotFilter, ShotPage};
use crate::browser::measure;
use crate::components::ui::{Empty, Glyph, Kind};
use crate::components::upload::FileButton;
use crate::routes::href;
use crate::state::live::use_live;

/// What stands in one place of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    /// With the revision of its card.
    Shot(ShotId, u32),
    /// By its place in the list: not read yet, or its card is made in one of the next frames.
    Gap(u32),
}

/// A shot keeps its card, and the focus on it, whatever changes about it while it stays in its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    Shot(ShotId),
    Gap(u32),
}

impl Place {
    fn slot(self) -> Slot {
        match self {
            Self::Shot(id, _) => Slot::Shot(id),
            Self::Gap(at) => Slot::Gap(at),
        }
    }

    fn revision_of(self, id: ShotId) -> Option<u32> {
        match self {
            Self::Shot(of, revision) if of == id => Some(revision),
            _ => None,
        }
    }
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
    let goal = Memo::new(move |_| match (planned.get(), size.get()) {
        (Some(plan), Some((_, height))) => plan.window(above.get(), height, total.get()),
        _ => 0..total.get().min(24),
    });
    // What is in the page moves towards the goal a few cards a frame, so that no frame has to make forty of them.
    let window = RwSignal::new(goal.get_untracked());
    let stepping = StoredValue::new(false);
    Effect::new(move |_| {
        goal.track();
        step_towards(window, goal, planned, stepping);
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
        shelf.read(goal.get(), false, move || {
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
            let seen = goal.get_untracked();
            shelf.read(seen.start..seen.end.max(seen.start + PIECE), true, move || {
                wanted.try_update(|n| *n += 1);
            });
        }
    });

    let due = Memo::new(move |_| {
        let window = window.get();
        let place = |order: &[Option<(ShotId, u32)>], at: u32| match order.get(at as usize) {
            Some(Some((id, revision))) => Place::Shot(*id, *revision),
            _ => Place::Gap(at),
        };
        let places = shelf.order.with(|order| window.clone().map(|at| place(order, at)).collect());
        Places { start: window.start, places }
    });
    // Cards that were read while their gaps were seen would all be made in one frame.
    let places = RwSignal::new(due.get_untracked());
    let filling = StoredValue::new(false);
    Effect::new(move |_| {
        due.track();
        fill(places, due, filling);
    });
    let columns = Memo::new(move |_| planned.get().map_or(4, |plan| plan.columns));
    let rows = move || places.with(|places| places.rows(columns.get()));
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
                // By rows: one that comes at the top moves none of the others in the document.
                <For each=rows key=|row| *row let:row>
                    <div class="board__row"><Row shelf row columns places/></div>
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

#[component]
fn Row(shelf: Shelf, row: u32, columns: Memo<u32>, places: RwSignal<Places>) -> impl IntoView {
    let here = Memo::new(move |_| places.with(|places| places.row(row, columns.get())));
    let card = move |id: ShotId| {
        let revision =
            Memo::new(move |_| here.with(|here| here.iter().find_map(|place| place.revision_of(id))));
        move || {
            // Read, not only tracked: a memo that nobody reads never begins to follow what it is made of.
            revision.get();
            shelf.get(id).map(|known| view! { <Card shot=known.card job=known.job/> })
        }
    };
    view! {
        <For each=move || here.get() key=|place| place.slot() let:place>
            {match place {
                Place::Shot(id, _) => card(id).into_any(),
                Place::Gap(_) => view! { <Gap/> }.into_any(),
            }}
        </For>
    }
}

/// Moves the window now and in the next frames until it is where it should be.
fn step_towards(
    window: RwSignal<Range<u32>>,
    goal: Memo<Range<u32>>,
    planned: Memo<Option<Plan>>,
    stepping: StoredValue<bool>,
) {
    if stepping.get_value() {
        return;
    }
    let (now, wanted) = (window.get_untracked(), goal.get_untracked());
    let columns = planned.get_untracked().map_or(1, |plan| plan.columns);
    let next = nearer(&now, &wanted, columns);
    let arrived = next == wanted;
    if next != now {
        window.set(next);
    }
    if arrived {
        return;
    }
    stepping.set_value(true);
    request_animation_frame(move || {
        // Disposed: the board is gone.
        if stepping.try_set_value(false).is_none() {
            step_towards(window, goal, planned, stepping);
        }
    });
}

/// Shows what is due now and in the next frames, with few new cards in each.
fn fill(places: RwSignal<Places>, due: Memo<Places>, filling: StoredValue<bool>) {
    if filling.get_value() {
        return;
    }
    let wanted = due.get_untracked();
    let next = places.with_untracked(|now| now.few_new(&wanted));
    let is_over = next == wanted;
    if places.with_untracked(|now| *now != next) {
        places.set(next);
    }
    if is_over {
        return;
    }
    filling.set_value(true);
    request_animation_frame(move || {
        // Disposed: the board is gone.
        if filling.try_set_value(false).is_none() {
            fill(places, due, filling);
        }
    });
}

/// What stands in the grid from place `start` of the list on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Places {
    start: u32,
    places: Vec<Place>,
}

impl Places {
    /// Rows of the list that these places are in, `columns` wide.
    fn rows(&self, columns: u32) -> Range<u32> {
        let end = self.start + self.places.len() as u32;
        self.start / columns..end.div_ceil(columns)
    }

    fn row(&self, row: u32, columns: u32) -> Vec<Place> {
        let index = |at: u32| at.checked_sub(self.start).map(|index| index as usize);
        let here = row * columns..(row + 1) * columns;
        here.filter_map(|at| self.places.get(index(at)?).copied()).collect()
    }

    /// What is wanted, with at most [`PER_FRAME`] cards that are not in the page yet; for the others stays what stood there
    /// before: the card as it was, or a gap.
    fn few_new(&self, wanted: &Self) -> Self {
        let kept: HashSet<Place> = self.places.iter().copied().collect();
        let as_they_were: HashMap<ShotId, Place> = self
            .places
            .iter()
            .filter_map(|place| match place {
                Place::Shot(id, _) => Some((*id, *place)),
                Place::Gap(_) => None,
            })
            .collect();
        let mut left = PER_FRAME;
        let show = |(at, place): (u32, &Place)| match place {
            Place::Shot(id, _) if !kept.contains(place) => {
                if left > 0 {
                    left -= 1;
                    return *place;
                }
                as_they_were.get(id).copied().unwrap_or(Place::Gap(at))
            }
            _ => *place,
        };
        Self { start: wanted.start, places: (wanted.start..).zip(&wanted.places).map(show).collect() }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shot(n: u32, revision: u32) -> Place {
        let id = format!("00000000-0000-0000-0000-{n:012}");
        Place::Shot(id.parse().expect("an id"), revision)
    }

    fn places(start: u32, places: impl IntoIterator<Item = Place>) -> Places {
        Places { start, places: places.into_iter().collect() }
    }

    #[test]
    fn cards_that_are_read_or_change_at_once_come_a_few_a_frame() {
        let mut now = places(0, (0..30).map(Place::Gap));
        for revision in [0, 1] {
            let wanted = places(0, (0..30).map(|n| shot(n, revision)));
            let mut frames = 0;
            while now != wanted {
                let next = now.few_new(&wanted);
                assert_eq!(next.places.len(), 30);
                let is_new = |at: &&Place| matches!(at, Place::Shot(..)) && !now.places.contains(at);
                let made = next.places.iter().filter(is_new).count();
                assert!((1..=PER_FRAME as usize).contains(&made), "{made}");
                now = next;
                frames += 1;
            }
            assert_eq!(frames, 4);
        }
    }

    #[test]
    fn a_card_stays_as_it_was_until_its_turn() {
        let now = places(40, (0..20).map(|n| shot(n, 0)));
        let wanted = places(40, (0..20).map(|n| shot(n, 1)));
        let next = now.few_new(&wanted);
        assert_eq!(next.places[..8], wanted.places[..8]);
        assert_eq!(next.places[8..], now.places[8..]);
        let below = places(60, (20..40).map(|n| shot(n, 0)));
        assert_eq!(now.few_new(&below).places[8..], (68..80).map(Place::Gap).collect::<Vec<_>>());
    }

    #[test]
    fn rows_have_all_places_once() {
        for (start, columns) in [(0, 4), (40, 4), (40, 3), (7, 5)] {
            let all = places(start, (0..30).map(|n| shot(n, 0)));
            let rows = all.rows(columns).flat_map(|row| all.row(row, columns)).collect::<Vec<_>>();
            assert_eq!(rows, all.places, "{start} {columns}");
        }
    }
}
