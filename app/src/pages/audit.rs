//! The audit trail, for owners: who did what, when and from where.

use domain::{Deed, PersonId};
use leptos::prelude::*;
use leptos_meta::Title;

use super::projects::StudioFrame;
use crate::api::audit::{AuditRow, PAGE, list_audit};
use crate::api::people::list_people;
use crate::components::ui::{Ago, Button, Empty, Failure, Glyph, Loading, Select};

#[component]
pub fn AuditPage() -> impl IntoView {
    let deed = RwSignal::new(String::new());
    let person = RwSignal::new(String::new());
    // The times before which a page begins, the newest page first.
    let before = RwSignal::new(Vec::<i64>::new());
    let people = Resource::new(|| (), |()| list_people());
    let asked = move || {
        let deed: Option<Deed> = deed.read().parse().ok();
        let person: Option<PersonId> = person.read().parse().ok();
        (deed, person, before.read().last().copied())
    };
    let rows = Resource::new(asked, |(deed, person, before)| list_audit(deed, person, before));
    let deeds: Vec<(String, String)> = [(String::new(), "everything".to_owned())]
        .into_iter()
        .chain(Deed::ALL.map(|deed| (deed.slug().to_owned(), deed.words().to_owned())))
        .collect();
    let choose = move |of: RwSignal<String>| {
        move |word: String| {
            before.set(Vec::new());
            of.set(word);
        }
    };
    let who = move || {
        Suspend::new(async move {
            let all = [(String::new(), "everybody".to_owned())];
            let people = people.await.unwrap_or_default().into_iter();
            let names = people.map(|row| (row.person.person_id.to_string(), row.person.name));
            let choices: Vec<(String, String)> = all.into_iter().chain(names).collect();
            view! { <Select label="Who" name="person" choices value=person on_change=choose(person)/> }
        })
    };
    let table = move || {
        Suspend::new(async move {
            match rows.await {
                Ok(rows) => {
                    let oldest = rows.last().map(|row| row.at).filter(|_| rows.len() == PAGE as usize);
                    view! {
                        {trail(rows, true)}
                        <div class="form__row">
                            <Show when=move || before.with(|before| !before.is_empty())>
                                <Button on:click=move |_| before.update(|before| { before.pop(); })>"Newer"</Button>
                            </Show>
                            {oldest.map(|at| view! {
                                <Button on:click=move |_| before.update(|before| before.push(at))>"Older"</Button>
                            })}
                        </div>
                    }
                    .into_any()
                }
                Err(error) => view! { <Failure error retry=move |()| rows.refetch()/> }.into_any(),
            }
        })
    };
    view! {
        <Title text="Audit trail"/>
        <StudioFrame>
            <header class="page__head"><h1>"Audit trail"</h1></header>
            <p class="muted">"What people did that the studio may have to answer for. Lines are never changed. Decisions are in the history of their shot."</p>
            <div class="audit__filters">
                <Select label="What" name="deed" choices=deeds value=deed on_change=choose(deed)/>
                <Transition>{who}</Transition>
            </div>
            <Transition fallback=Loading>{table}</Transition>
        </StudioFrame>
    }
}

/// The lines as a table. `named`: with who did it.
pub(super) fn trail(rows: Vec<AuditRow>, named: bool) -> impl IntoView {
    if rows.is_empty() {
        return view! {
            <Empty icon=Glyph::Jobs title="Nothing yet" text="Lines appear here as people sign in and change things."/>
        }
        .into_any();
    }
    let line = move |row: AuditRow| {
        let AuditRow { at, deed, who, project_name, about, address } = row;
        let failed = deed == Deed::SignInFailed;
        let about = match project_name.filter(|name| *name != about) {
            Some(project) if about.is_empty() => project,
            Some(project) => format!("{project} · {about}"),
            None => about,
        };
        view! {
            <tr data-tone=failed.then_some("failed")>
                <td class="audit__when"><Ago at=Signal::stored(at)/></td>
                <td>
                    {named.then(|| view! { <strong>{who}</strong> " " })}
                    <span class=failed.then_some("toned")>{failed.then_some("✕ ")} {deed.words()}</span>
                </td>
                <td class="muted">{about}</td>
                <td class="faint mono">{address}</td>
            </tr>
        }
    };
    view! {
        <div class="table-scroll">
            <table class="table audit">
                <thead>
                    <tr>
                        <th scope="col">"When"</th>
                        <th scope="col">"What"</th>
                        <th scope="col">"About"</th>
                        <th scope="col">"From"</th>
                    </tr>
                </thead>
                <tbody>{rows.into_iter().map(line).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}
