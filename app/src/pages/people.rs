//! People of the studio: roles, who may still come in, invitations by link.

mod invitations;
mod leaving;

use domain::{Action, EventKind, Person, PersonId, Role};
use leptos::prelude::*;
use leptos_meta::Title;

use self::invitations::Invitations;
use self::leaving::{Leaving, LeavingDialog};
use super::projects::StudioFrame;
use crate::api::people::{Invite, MakeResetLink, PersonRow, SetActive, SetRole, list_people};
use crate::api::projects::{ProjectCard, list_projects};
use crate::components::ui::{
    Avatar, Button, CopyField, Dialog, ErrorLine, Failure, Glyph, Icon, Kind, Loading, Select, use_toasts,
};
use crate::components::words;
use crate::state::live::use_live;
use crate::state::session::{error_of, use_me};
use crate::state::settled::settled;

#[derive(Clone, Copy)]
struct Changes {
    role: ServerAction<SetRole>,
    active: ServerAction<SetActive>,
    reset: ServerAction<MakeResetLink>,
    /// Who is about to be deactivated.
    leaving: RwSignal<Option<Leaving>>,
    /// Whose reset link is being shown.
    resetting: RwSignal<Option<Person>>,
}

#[component]
pub fn PeoplePage() -> impl IntoView {
    let me = use_me();
    let changes = Changes {
        role: ServerAction::new(),
        active: ServerAction::new(),
        reset: ServerAction::new(),
        leaving: RwSignal::new(None),
        resetting: RwSignal::new(None),
    };
    let heard = use_live().changes(300, |event| event.kind == EventKind::People);
    let people = Resource::new(
        move || (changes.role.version().get(), changes.active.version().get(), heard.get()),
        |_| list_people(),
    );
    let projects = Resource::new(|| (), |()| list_projects());
    let inviting = RwSignal::new(false);
    let invited = ServerAction::<Invite>::new();
    Effect::new(move |_| {
        if !inviting.get() {
            invited.value().set(None); // the dialog starts fresh each time
        }
    });
    let may_manage = settled(move |_| me.may(Action::ManagePeople));
    let toasts = use_toasts();
    for error in [error_of(changes.role), error_of(changes.active)] {
        Effect::new(move |_| {
            if let Some(error) = error.get() {
                toasts.fail(error);
            }
        });
    }
    let table = move || {
        Suspend::new(async move {
            let names = projects.await.unwrap_or_default();
            match people.await {
                Ok(rows) => {
                    let manage = may_manage.get_untracked();
                    let me = me.0.with_untracked(|me| me.person_id);
                    let all = rows.clone();
                    let rows = rows
                        .into_iter()
                        .map(|row| {
                            let leaving = Leaving::of(&row, &all);
                            person(row, &names, changes, manage, me, leaving)
                        })
                        .collect_view();
                    view! {
                        <div class="table-scroll">
                            <table class="table">
                                <thead>
                                    <tr>
                                        <th scope="col">"Name"</th>
                                        <th scope="col">"Role"</th>
                                        <th scope="col">"Projects"</th>
                                        <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                                    </tr>
                                </thead>
                                <tbody>{rows}</tbody>
                            </table>
                        </div>
                    }
                    .into_any()
                }
                Err(error) => view! { <Failure error retry=move |()| people.refetch()/> }.into_any(),
            }
        })
    };
    view! {
        <Title text="People"/>
        <StudioFrame>
            <header class="page__head">
                <h1>"People"</h1>
                <Show when=move || may_manage.get()>
                    <Button kind=Kind::Primary on:click=move |_| inviting.set(true)>
                        <Icon glyph=Glyph::Add/> "Invite"
                    </Button>
                </Show>
            </header>
            <Transition fallback=Loading>{table}</Transition>
            <Show when=move || may_manage.get()><Invitations invited/></Show>
        </StudioFrame>
        <ResetDialog changes/>
        <LeavingDialog leaving=changes.leaving active=changes.active/>
        <Dialog open=inviting title="Invite somebody".to_owned()>
            <Transition>
                {move || Suspend::new(async move {
                    let projects = projects.await.unwrap_or_default();
                    view! { <InviteForm projects action=invited/> }
                })}
            </Transition>
        </Dialog>
    }
}

fn person(
    row: PersonRow,
    projects: &[ProjectCard],
    changes: Changes,
    manage: bool,
    me: PersonId,
    leaving: Leaving,
) -> impl IntoView + use<> {
    let PersonRow { person, projects: of, shots } = row;
    let id = person.person_id;
    let names: Vec<String> = projects
        .iter()
        .filter(|card| of.contains(&card.project.project_id))
        .map(|card| card.project.name.clone())
        .collect();
    let names =
        if domain::may(person.role, Action::SeeEveryProject) { "all".to_owned() } else { names.join(", ") };
    let roles: Vec<(String, String)> =
        Role::ALL.into_iter().map(|role| (role.word().to_owned(), role.word().to_owned())).collect();
    let role = person.role;
    let on_change = move |word: String| {
        if let Ok(role) = word.parse::<Role>() {
            changes.role.dispatch(SetRole { person_id: id, role });
        }
    };
    let role_cell = if manage && person.active {
        view! {
            <Select
                bare=true
                label=format!("Role of {}", person.name)
                name="role"
                choices=roles
                value=Signal::stored(role.word().to_owned())
                on_change
            />
        }
        .into_any()
    } else {
        view! { <span>{role.word()}</span> }.into_any()
    };
    let (word, kind) = if person.active { ("Deactivate…", Kind::Quiet) } else { ("Activate", Kind::Plain) };
    let active = person.active;
    let whose = StoredValue::new(person.clone());
    let actions = (manage && id != me).then(|| {
        view! {
            {active.then(|| view! {
                <Button small=true kind=Kind::Quiet on:click=move |_| {
                    changes.reset.dispatch(MakeResetLink { person_id: id });
                    changes.resetting.set(Some(whose.get_value()));
                }>"Reset password"</Button>
            })}
            <Button small=true kind on:click=move |_| {
                if active {
                    changes.leaving.set(Some(leaving.clone()));
                } else {
                    changes.active.dispatch(SetActive { person_id: id, active: true, heir: None });
                }
            }>{word}</Button>
        }
    });
    view! {
        <tr data-active=active.to_string()>
            <td>
                <div class="person">
                    <Avatar name=person.name.clone()/>
                    <div>
                        <div class="person__name">
                            {person.name.clone()} {(id == me).then_some(" (you)")}
                            {(!active).then(|| view! { <span class="badge">"deactivated"</span> })}
                        </div>
                        <div class="faint">{person.email.clone()}</div>
                    </div>
                </div>
            </td>
            <td title=role.sentence()>{role_cell}</td>
            <td class="muted">
                {if names.is_empty() { "none yet".to_owned() } else { names }}
                {(shots > 0).then(|| format!(" · {} assigned", words::count(shots, "shot")))}
            </td>
            <td class="table__actions">{actions}</td>
        </tr>
    }
}

#[component]
fn InviteForm(projects: Vec<ProjectCard>, action: ServerAction<Invite>) -> impl IntoView {
    let error = error_of(action);
    let role = RwSignal::new(Role::Artist.word().to_owned());
    let sentence = move || role.with(|role| role.parse::<Role>().map(Role::sentence).unwrap_or_default());
    let project =
        RwSignal::new(projects.first().map(|card| card.project.project_id.to_string()).unwrap_or_default());
    let roles: Vec<(String, String)> =
        Role::ALL.into_iter().skip(1).map(|role| (role.word().to_owned(), role.word().to_owned())).collect();
    let places: Vec<(String, String)> = projects
        .iter()
        .map(|card| (card.project.project_id.to_string(), card.project.name.clone()))
        .chain([(String::new(), "no project yet".to_owned())])
        .collect();
    let on_submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Ok(role) = role.get_untracked().parse::<Role>() {
            let project_id = project.get_untracked().parse().ok();
            action.dispatch(Invite { role, project_id });
        }
    };
    let link =
        move || action.value().with(|value| value.as_ref().and_then(|value| value.as_ref().ok().cloned()));
    view! {
        <form class="form" on:submit=on_submit>
            <Select label="Role" name="role" choices=roles value=role on_change=move |word| role.set(word)/>
            <p class="faint">{sentence} "."</p>
            <Select label="Project" name="project_id" choices=places value=project on_change=move |id| project.set(id)/>
            <ErrorLine error/>
            <div class="form__end">
                <Button kind=Kind::Primary submit=true disabled=action.pending()>"Make a link"</Button>
            </div>
        </form>
        {move || link().map(|link| view! {
            <CopyField
                label="Invitation link" value=link
                note="Whoever opens it makes one account; it is valid for seven days."
                copied="Copied. Send it to the person."
            />
         })}
    }
}

/// The link with which somebody who forgot the password chooses a new one.
#[component]
fn ResetDialog(changes: Changes) -> impl IntoView {
    let Changes { reset, resetting, .. } = changes;
    let open = RwSignal::new(false);
    Effect::new(move |_| {
        if resetting.with(Option::is_some) {
            open.set(true);
        }
    });
    Effect::new(move |_| {
        if !open.get() {
            resetting.set(None);
            reset.value().set(None);
        }
    });
    let error = error_of(reset);
    let name = move || resetting.with(|whose| whose.as_ref().map(|whose| whose.name.clone()));
    let link = move || reset.value().with(|value| value.as_ref()?.as_ref().ok().cloned());
    view! {
        <Dialog open title="Reset a password".to_owned()>
            <p>{move || name().map(|name| format!("With this link {name} chooses a new password. The old one works until then."))}</p>
            <ErrorLine error/>
            {move || link().map(|link| view! {
                <CopyField
                    label="Reset link" value=link
                    note="It works once, for a day; a link made before for the same person opens nothing any more."
                    copied="Copied. Send it to the person."
                />
            })}
        </Dialog>
    }
}
