//! Somebody leaves: what they were assigned goes to somebody else, or to nobody.

use domain::{Action, Person, may};
use leptos::prelude::*;

use crate::api::people::{PersonRow, SetActive};
use crate::components::ui::{Button, Dialog, Kind, Select};
use crate::components::words;

/// Who is about to be deactivated, and who could take over.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaving {
    pub person: Person,
    pub shots: u32,
    pub heirs: Vec<Person>,
}

impl Leaving {
    /// Of the rows of the page: active people who can be assigned.
    pub fn of(row: &PersonRow, all: &[PersonRow]) -> Self {
        let heirs = all.iter().map(|row| &row.person);
        let heirs = heirs.filter(|one| {
            one.active && one.person_id != row.person.person_id && may(one.role, Action::ViewShot)
        });
        Self { person: row.person.clone(), shots: row.shots, heirs: heirs.cloned().collect() }
    }
}

#[component]
pub(super) fn LeavingDialog(
    leaving: RwSignal<Option<Leaving>>,
    active: ServerAction<SetActive>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let heir = RwSignal::new(String::new());
    Effect::new(move |_| {
        if leaving.with(Option::is_some) {
            heir.set(String::new());
            open.set(true);
        }
    });
    Effect::new(move |_| {
        if !open.get() {
            leaving.set(None);
        }
    });
    let title = Signal::derive(move || {
        let name = leaving.with(|l| l.as_ref().map(|l| l.person.name.clone())).unwrap_or_default();
        format!("Deactivate {name}")
    });
    let shots = move || leaving.with(|l| l.as_ref().map_or(0, |l| l.shots));
    let choices = Signal::derive(move || {
        let heirs = leaving.with(|l| l.as_ref().map(|l| l.heirs.clone()).unwrap_or_default());
        let nobody = (String::new(), "nobody: they wait on the board".to_owned());
        let heirs = heirs
            .into_iter()
            .map(|one| (one.person_id.to_string(), format!("{} · {}", one.name, one.role.word())));
        std::iter::once(nobody).chain(heirs).collect::<Vec<_>>()
    });
    let send = move |_| {
        if let Some(person_id) = leaving.with_untracked(|l| l.as_ref().map(|l| l.person.person_id)) {
            let heir = heir.get_untracked().parse().ok();
            active.dispatch(SetActive { person_id, active: false, heir });
        }
        open.set(false);
    };
    view! {
        <Dialog open title>
            <p>"They are signed out everywhere and cannot sign in until somebody activates them again. What they did and said stays."</p>
            <Show when=move || { shots() > 0 } fallback=|| view! { <p class="muted">"No shot is assigned to them."</p> }>
                <p>{move || format!("Assigned to them: {}.", words::count(shots(), "shot"))}</p>
                <Select label="Who takes over" name="heir" choices value=heir on_change=move |id| heir.set(id)/>
            </Show>
            <div class="form__end">
                <Button kind=Kind::Quiet on:click=move |_| open.set(false)>"Keep"</Button>
                <Button kind=Kind::Danger on:click=send>"Deactivate"</Button>
            </div>
        </Dialog>
    }
}
