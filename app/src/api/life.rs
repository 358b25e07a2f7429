//! The life of projects and shots beside their work: sequences' names, who shares, archive, bin, deleting for good.

use domain::{Binned, ProjectId, Role, SequenceId, Thing};
use leptos::prelude::*;

use crate::error::ApiError;

#[server]
pub async fn rename_sequence(
    project_id: ProjectId,
    sequence_id: SequenceId,
    name: String,
) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.project(project_id, domain::Action::Upload).await?;
    let all = db::projects::sequences(cx.db(), project_id).await?;
    let before = all.into_iter().find(|one| one.sequence_id == sequence_id).ok_or(ApiError::NotFound)?.name;
    let about = format!("“{before}” → “{}”", name.trim());
    let note = cx.note(domain::Deed::SequenceRenamed, Some(project_id), about);
    Ok(cx
        .db()
        .write(move |tx| {
            let (name, note) = (name.clone(), note.clone());
            Box::pin(async move {
                db::projects::rename_sequence(tx, project_id, sequence_id, &name).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?)
}

/// Who may make links in the project (owners always may), and whether clients see each other.
#[server(input = server_fn::codec::Json)]
pub async fn set_sharing(
    project_id: ProjectId,
    sharers: Vec<Role>,
    clients_apart: bool,
) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.project(project_id, domain::Action::ManageProject).await?;
    let words: Vec<&str> =
        sharers.iter().filter(|role| **role != Role::Owner).map(|role| role.word()).collect();
    let apart = if clients_apart { "clients kept apart" } else { "clients see each other" };
    let about = match words.as_slice() {
        [] => format!("only owners share, {apart}"),
        words => format!("owner, {} share, {apart}", words.join(", ")),
    };
    let note = cx.note(domain::Deed::ProjectChanged, Some(project_id), about);
    let sharing = domain::project::Sharing { sharers, clients_apart };
    Ok(cx
        .db()
        .write(move |tx| {
            let (sharing, note) = (sharing.clone(), note.clone());
            Box::pin(async move {
                db::projects::set_sharing(tx, project_id, &sharing).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?)
}

/// Lets the project rest, or wakes it.
#[server]
pub async fn archive_project(project_id: ProjectId, on: bool) -> Result<(), ApiError> {
    use domain::Deed;
    let cx = crate::context::Cx::signed_in().await?;
    let project = cx.project_at_rest(project_id, domain::Action::ArchiveProject).await?;
    let deed = if on { Deed::ProjectArchived } else { Deed::ProjectUnarchived };
    let note = cx.note(deed, Some(project_id), project.name);
    Ok(cx
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                db::bin::archive(tx, project_id, on).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?)
}

/// Puts a project or a shot into the bin.
#[server(input = server_fn::codec::Json)]
pub async fn put_into_bin(thing: Thing) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let (project_id, name) = match thing {
        Thing::Project(id) => (id, cx.project(id, domain::Action::UseBin).await?.name),
        Thing::Shot(id) => {
            let shot = cx.shot(id, domain::Action::UseBin).await?;
            (shot.project_id, shot.name)
        }
    };
    let by = cx.viewer.person_id;
    let note = cx.note(domain::Deed::Binned, Some(project_id), format!("{} “{name}”", thing.word()));
    Ok(cx
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                db::audit::add(tx, &note).await?;
                db::bin::put(tx, thing, by).await
            })
        })
        .await?)
}

/// What lies in the bin, the newest first.
#[server]
pub async fn list_bin() -> Result<Vec<Binned>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::UseBin)?;
    Ok(db::bin::list(cx.db()).await?)
}

#[server(input = server_fn::codec::Json)]
pub async fn restore_from_bin(thing: Thing) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::UseBin)?;
    let note = cx.note(domain::Deed::Restored, None, String::new());
    Ok(cx
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                let (name, project_id) = db::bin::named(tx, thing).await?;
                db::bin::restore(tx, thing).await?;
                let about = format!("{} “{name}”", thing.word());
                db::audit::add(tx, &db::audit::Note { about, project_id: Some(project_id), ..note }).await
            })
        })
        .await?)
}

/// Deletes what lies in the bin for good; `typed`: its name, as whoever deletes it typed it.
#[server(input = server_fn::codec::Json)]
pub async fn delete_for_good(thing: Thing, typed: String) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::DeleteForGood)?;
    let note = cx.note(domain::Deed::DeletedForGood, None, String::new());
    let because = db::bin::Because::Typed(&typed);
    Ok(crate::upkeep::delete_for_good(&cx.state, thing, because, &note).await?)
}

/// What has to be typed to empty the whole bin.
pub const EMPTY_WORD: &str = "empty the bin";

/// Deletes everything in the bin for good; how much. What is taken out meanwhile stays.
#[server]
pub async fn empty_bin(typed: String) -> Result<u32, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::DeleteForGood)?;
    if typed.trim() != EMPTY_WORD {
        return Err(ApiError::Invalid(format!("Type “{EMPTY_WORD}” to delete everything in it for good.")));
    }
    let note = cx.note(domain::Deed::DeletedForGood, None, String::new());
    let mut gone = 0;
    for binned in db::bin::list(cx.db()).await? {
        let because = db::bin::Because::Typed(&binned.name);
        match crate::upkeep::delete_for_good(&cx.state, binned.thing, because, &note).await {
            Ok(()) => gone += 1,
            Err(db::Error::Conflict(_) | db::Error::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(gone)
}
