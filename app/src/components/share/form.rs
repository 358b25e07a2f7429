//! A new link: which versions, what is allowed, until when.

use domain::{Grants, ProjectId, VersionId};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address::Address;
use crate::api::shares::{Shareable, create_link};
use crate::components::ui::{Button, Check, ErrorLine, Field, Kind, Select};

/// Days that a link is open; 0: until it is withdrawn.
pub(super) const DAYS: [(u32, &str); 6] = [
    (1, "one day"),
    (3, "three days"),
    (7, "a week"),
    (14, "two weeks"),
    (30, "30 days"),
    (0, "until it is withdrawn"),
];

/// `chosen`: the version that was looked at; `name`: of its shot.
#[component]
pub fn NewLink(
    project: ProjectId,
    versions: Memo<Vec<Shareable>>,
    chosen: Option<VersionId>,
    name: String,
    #[prop(into)] done: Callback<()>,
) -> impl IntoView {
    let picked = RwSignal::new(chosen.into_iter().collect::<Vec<VersionId>>());
    let title = RwSignal::new(format!("{name} for the client"));
    let grants = RwSignal::new(Grants { comment: true, approve: true, download: false });
    let password = RwSignal::new(String::new());
    let days = RwSignal::new("7".to_owned());
    let (error, busy) = (RwSignal::new(None::<String>), RwSignal::new(false));
    let made = RwSignal::new(None::<String>);
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        // In the order in which they are listed.
        let wanted = picked.get_untracked();
        let chosen: Vec<VersionId> = versions.with_untracked(|all| {
            all.iter().map(|v| v.version_id).filter(|id| wanted.contains(id)).collect()
        });
        let secret = Some(password.get_untracked()).filter(|p| !p.is_empty());
        let days = days.get_untracked().parse().ok().filter(|days| *days > 0);
        busy.set(true);
        error.set(None);
        made.set(None);
        spawn_local(async move {
            let (title, grants) = (title.get_untracked(), grants.get_untracked());
            match create_link(project, title, chosen, grants, secret, days).await {
                Ok(address) => {
                    made.try_set(Some(address));
                    password.try_set(String::new());
                    done.run(());
                }
                Err(why) => {
                    error.try_set(Some(why.to_string()));
                }
            }
            busy.try_set(false);
        });
    };
    let choices: Vec<(String, String)> =
        DAYS.iter().map(|(days, words)| (days.to_string(), (*words).to_owned())).collect();
    let words = move || format!("Whoever opens it may {}.", grants.get().words());
    view! {
        <form class="form share__form" aria-label="New link" on:submit=send>
            <Field
                label="Name, which the client reads" name="title" max_length=80
                value=title on_input=move |text| title.set(text)
            />
            <fieldset class="share__versions">
                <legend class="field__label">
                    {move || format!("Versions that it shows: {} chosen", picked.with(Vec::len))}
                </legend>
                {move || by_shot(&versions.get()).into_iter().map(|(shot, all)| view! {
                    <div class="share__shot">
                        <span class="share__shot-name">{shot}</span>
                        {all.into_iter().map(|v| view! { <Version picked id=v.version_id n=v.n/> }).collect_view()}
                    </div>
                }).collect_view()}
            </fieldset>
            <fieldset class="share__grants">
                <legend class="field__label">"What is allowed"</legend>
                <Check label="Comment and draw" checked=Signal::derive(move || grants.get().comment) on_change=move |on| grants.update(|g| g.comment = on)/>
                <Check label="Approve or ask for changes" checked=Signal::derive(move || grants.get().approve) on_change=move |on| grants.update(|g| g.approve = on)/>
                <Check label="Download the full-size result" checked=Signal::derive(move || grants.get().download) on_change=move |on| grants.update(|g| g.download = on)/>
            </fieldset>
            <div class="share__limits">
                <Field
                    label="Password (optional)" name="password" kind="password" autocomplete="new-password" required=false
                    max_length=256 value=password on_input=move |text| password.set(text)
                    hint=Signal::stored("At least 6 characters".to_owned())
                />
                <Select label="Open for" name="days" choices value=days on_change=move |to| days.set(to)/>
            </div>
            <ErrorLine error/>
            <div class="form__end share__end-row">
                <p class="faint">{words}</p>
                <Button kind=Kind::Primary submit=true disabled=busy>"Make the link"</Button>
            </div>
        </form>
        {move || made.get().map(|address| view! { <Address address/> })}
    }
    .into_any()
}

/// Versions by the name of their shot, in the order of the list.
fn by_shot(all: &[Shareable]) -> Vec<(String, Vec<Shareable>)> {
    let mut shots: Vec<(String, Vec<Shareable>)> = Vec::new();
    let mut last = None;
    for version in all {
        if last != Some(version.shot_id) {
            shots.push((version.shot_name.clone(), Vec::new()));
            last = Some(version.shot_id);
        }
        if let Some((_, versions)) = shots.last_mut() {
            versions.push(version.clone());
        }
    }
    shots
}

#[component]
fn Version(picked: RwSignal<Vec<VersionId>>, id: VersionId, n: u32) -> impl IntoView {
    let is_on = Signal::derive(move || picked.with(|all| all.contains(&id)));
    let change = move |on: bool| {
        picked.update(|all| {
            all.retain(|other| *other != id);
            if on {
                all.push(id);
            }
        });
    };
    view! { <Check label=format!("v{n}") checked=is_on on_change=change/> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ShotId;

    #[test]
    fn versions_stand_under_their_shot_even_where_two_have_one_name() {
        let version = |shot: u8, n| Shareable {
            version_id: format!("00000000-0000-0000-0000-0000000001{shot}{n}").parse().expect("an id"),
            n,
            shot_id: format!("00000000-0000-0000-0000-00000000000{shot}").parse::<ShotId>().expect("an id"),
            shot_name: "pillow".into(),
        };
        let shots = by_shot(&[version(1, 2), version(1, 1), version(2, 1)]);
        let counts: Vec<usize> = shots.iter().map(|(_, all)| all.len()).collect();
        assert_eq!(counts, [2, 1]);
    }
}
