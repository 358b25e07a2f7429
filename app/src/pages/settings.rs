//! A project's settings: name, first frame, who must approve, who shares, whether a model outside is asked, who belongs to it, and
//! its end.

mod life;
mod outside;
mod sharing;

use domain::project::Project;
use domain::{Action, ApprovalPolicy, Person, PersonId, ProjectId, Role};
use leptos::prelude::*;
use leptos_meta::Title;

use self::life::{DiskUse, Ending, Leaving, LeavingDialog, Sequences};
use self::outside::ModelOutside;
use self::sharing::{CausesFirst, Sharing};
use super::project::{InProject, use_project};
use crate::api::people::{PersonRow, list_people};
use crate::api::projects::{ProjectView, SetMember, UpdateProject, get_project};
use crate::components::ui::{Avatar, Button, Check, ErrorLine, Failure, Field, Kind, Loading, use_toasts};
use crate::error::ApiError;
use crate::state::session::error_of;
use crate::state::settled::settled;

#[component]
pub fn SettingsPage() -> impl IntoView {
    let InProject { id, .. } = use_project();
    let people = Resource::new(|| (), |()| list_people());
    // Read once: what somebody is typing must not go when a shot of the project moves.
    let settings = Resource::new(move || id.get(), get_project);
    let known = move || async move {
        people.await.unwrap_or_default().into_iter().map(|row| row.person).collect::<Vec<Person>>()
    };
    let forms = move || {
        Suspend::new(async move {
            let everybody = known().await;
            match settings.await {
                Ok(project) if project.project.is_archived() => ().into_any(),
                Ok(project) => {
                    let ProjectView { project: of, sequences, .. } = project.clone();
                    view! {
                        <Forms project everybody/>
                        <Sequences project_id=of.project_id sequences/>
                        <Sharing project_id=of.project_id rules=of.sharing/>
                        <CausesFirst project_id=of.project_id first=of.causes_first/>
                        <ModelOutside project_id=of.project_id/>
                    }
                    .into_any()
                }
                Err(error) => view! { <Failure error/> }.into_any(),
            }
        })
    };
    let leaving = Leaving::new();
    let disk = move || {
        let project_id = id.get();
        view! { <DiskUse project_id/> }
    };
    view! {
        <Title text="Project settings"/>
        <div class="page page--narrow">
            <header class="page__head"><h1>"Project settings"</h1></header>
            <Transition fallback=Loading>{forms}</Transition>
            <Transition><Members people/></Transition>
            {disk}
            <Transition><End leaving changed=move |()| settings.refetch()/></Transition>
        </div>
        <LeavingDialog leaving/>
    }
}

/// Drawn again only when the project itself is another: its shots move all the time.
#[component]
fn End(leaving: Leaving, #[prop(into)] changed: Callback<()>) -> impl IntoView {
    let InProject { view, .. } = use_project();
    let of = settled(move |last: Option<&Option<(Project, Vec<Action>)>>| {
        let last = || last.cloned().flatten();
        view.get().and_then(Result::ok).map(|known| (known.project, known.may)).or_else(last)
    });
    move || of.get().map(|(project, may)| view! { <Ending project may leaving changed/> })
}

#[component]
fn Forms(project: ProjectView, everybody: Vec<Person>) -> impl IntoView {
    let ProjectView { project, .. } = project;
    let project_id = project.project_id;
    let name = RwSignal::new(project.name);
    let first_frame = RwSignal::new(project.first_frame.to_string());
    let needed = RwSignal::new(project.policy.needed);
    let (named, gone) = still_able(project.policy.of, &everybody);
    let has_gone = gone.is_some();
    let everyone = RwSignal::new(false);
    let named = RwSignal::new(named);
    let not_author = RwSignal::new(project.policy.not_author);
    let policy = Memo::new(move |_| ApprovalPolicy {
        needed: needed.get(),
        of: named.get(),
        not_author: not_author.get(),
    });

    let action = ServerAction::<UpdateProject>::new();
    let toasts = use_toasts();
    Effect::new(move |_| {
        if action.value().with(|value| matches!(value, Some(Ok(())))) {
            toasts.say("Settings saved");
        }
    });
    let number_error = RwSignal::new(None::<String>);
    let on_submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if has_gone && named.with_untracked(Vec::is_empty) && !everyone.get_untracked() {
            number_error.set(Some(
                "Nobody who was named can approve any more: tick who does, or that everybody may who has the rights.".to_owned(),
            ));
            return;
        }
        match first_frame.get_untracked().trim().parse() {
            Ok(first_frame) => {
                number_error.set(None);
                let (name, policy) = (name.get_untracked(), policy.get_untracked());
                action.dispatch(UpdateProject { project_id, name, first_frame, policy });
            }
            Err(_) => number_error.set(Some("The first frame is a whole number, like 1001.".to_owned())),
        }
    };
    let server_error = error_of(action);
    let error = Signal::derive(move || number_error.get().or_else(|| server_error.get()));
    let deciders: Vec<Person> = everybody.iter().filter(|person| may_approve(person)).cloned().collect();
    view! {
        <form class="form" on:submit=on_submit>
            <section class="settings-panel">
                <h2>"Name and numbering"</h2>
                <div class="settings-panel__fields">
                    <Field label="Name" name="name" max_length=80 value=name on_input=move |text| name.set(text)/>
                    <Field
                        label="First frame"
                        name="first_frame"
                        kind="number"
                        min=0
                        max=1_000_000
                        value=first_frame
                        on_input=move |text| first_frame.set(text)
                        hint=Signal::stored("The number shown for the first picture of every shot.".to_owned())
                    />
                </div>
            </section>
            <section class="settings-panel">
                <h2>"Who must approve"</h2>
                <p class="muted">"Quadmasks and results are approved like this: " <strong>{move || policy.get().sentence()}</strong> "."</p>
                <label class="field field--number">
                    <span class="field__label">"People who must agree"</span>
                    <input
                        class="field__input"
                        type="number"
                        min="1"
                        max="10"
                        value=needed.get_untracked()
                        prop:value=move || needed.get()
                        on:input=move |event| {
                            if let Ok(n) = event_target_value(&event).parse::<u32>() {
                                needed.set(n.clamp(1, 10));
                            }
                        }
                    />
                </label>
                <Check label="Not the one who made the quadmask" checked=not_author on_change=move |on| not_author.set(on)/>
                <fieldset class="people-choice">
                    <legend class="field__label">"Only these people (nobody ticked: everyone who may approve)"</legend>
                    {deciders.into_iter().map(|person| named_person(person, named)).collect_view()}
                </fieldset>
                {gone.map(|gone| view! {
                    <p class="notice" role="note">{gone}</p>
                    <Show when=move || named.with(Vec::is_empty)>
                        <Check label="From now on everybody who may approve" checked=everyone on_change=move |on| everyone.set(on)/>
                    </Show>
                })}
                <Show when=move || { let of = named.with(Vec::len) as u32; of > 0 && needed.get() > of }>
                    <p class="error-line">"More people must agree than are ticked: nothing could ever be approved."</p>
                </Show>
            </section>
            <ErrorLine error/>
            <div class="form__row">
                <Button kind=Kind::Primary submit=true disabled=action.pending()>"Save settings"</Button>
            </div>
        </form>
    }
}

fn may_approve(person: &Person) -> bool {
    person.active && domain::may(person.role, Action::DecideQuadmask)
}

/// Those of `named` who can still approve, and a sentence about the others: a policy keeps whom it names until somebody
/// saves it anew, so that nothing is approved because a person left.
fn still_able(named: Vec<PersonId>, everybody: &[Person]) -> (Vec<PersonId>, Option<String>) {
    // Not known who is here: whom to drop is not known either.
    if everybody.is_empty() {
        return (named, None);
    }
    let find = |id: &PersonId| everybody.iter().find(|person| person.person_id == *id);
    let (able, others): (Vec<_>, Vec<_>) =
        named.into_iter().partition(|id| find(id).is_some_and(may_approve));
    let names: Vec<&str> =
        others.iter().map(|id| find(id).map_or("Somebody", |person| person.name.as_str())).collect();
    let sentence = (!names.is_empty()).then(|| {
        format!(
            "Named here until now, and unable to approve any more: {}. Tick who approves instead, then save.",
            names.join(", ")
        )
    });
    (able, sentence)
}

fn named_person(person: Person, named: RwSignal<Vec<PersonId>>) -> impl IntoView {
    let id = person.person_id;
    view! {
        <Check
            label=format!("{} · {}", person.name, person.role.word())
            checked=Signal::derive(move || named.with(|named| named.contains(&id)))
            on_change=move |on| named.update(|named| {
                named.retain(|one| *one != id);
                if on {
                    named.push(id);
                }
            })
        />
    }
}

/// Who can belong to a project, and who does.
type Belonging = (ProjectId, Vec<Person>, Vec<PersonId>);

/// Drawn again only when other people belong to it: what was refused stays said while the project's shots move.
#[component]
fn Members(people: Resource<Result<Vec<PersonRow>, ApiError>>) -> impl IntoView {
    let action = ServerAction::<SetMember>::new();
    let InProject { view, .. } = use_project();
    let error = error_of(action);
    let known = settled(move |last: Option<&Option<Belonging>>| {
        let (Some(people), Some(Ok(of))) = (people.get(), view.get()) else { return last.cloned().flatten() };
        let people = people.unwrap_or_default().into_iter().map(|row| row.person);
        let active = people.filter(|person| person.active).collect();
        let members = of.members.iter().map(|person| person.person_id).collect();
        (!of.project.is_archived()).then_some((of.project.project_id, active, members))
    });
    Effect::new(move |before: Option<()>| {
        action.version().track();
        if before.is_some() {
            view.refetch();
        }
    });
    let row = move |project_id: ProjectId, person: Person, is_member: bool| {
        let id = person.person_id;
        let sees_all = domain::may(person.role, Action::SeeEveryProject);
        let on = is_member || sees_all;
        view! {
            <li class="member">
                <Avatar name=person.name.clone()/>
                <span class="member__name">{person.name.clone()} <span class="muted">" · " {person.role.word()}</span></span>
                {if sees_all {
                    view! { <span class="faint">"sees every project"</span> }.into_any()
                } else {
                    let (word, kind) = if on { ("Remove", Kind::Quiet) } else { ("Add", Kind::Plain) };
                    view! {
                        <ActionForm action>
                            <input type="hidden" name="project_id" value=project_id.to_string()/>
                            <input type="hidden" name="person_id" value=id.to_string()/>
                            <input type="hidden" name="on" value=(!on).to_string()/>
                            <Button kind small=true submit=true>{word}</Button>
                        </ActionForm>
                    }
                    .into_any()
                }}
            </li>
        }
    };
    let panel = move |(project_id, everybody, members): Belonging| {
        let clients_note = everybody.iter().any(|person| person.role == Role::Client);
        let rows = everybody.into_iter().map(|person| {
            let is_member = members.contains(&person.person_id);
            row(project_id, person, is_member)
        });
        let rows = rows.collect_view();
        view! {
            <section class="settings-panel">
                <h2>"People in this project"</h2>
                <ErrorLine error/>
                <ul class="members">{rows}</ul>
                {clients_note.then(|| view! { <p class="faint">"Clients see only versions that were shown to the client."</p> })}
            </section>
        }
    };
    move || known.get().map(panel)
}
