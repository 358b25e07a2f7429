//! What guests of a link ask for and do. Nothing is answered here that the link does not show: no internal versions or
//! threads, no files and hashes but those of what is shown.

use domain::{CommentId, Drawing, FrameRange, Hash, PersonId, ShotId, ThreadId, Verdict, VersionId};
use leptos::prelude::*;

use super::shared::{ShareView, SharedShot};
use super::threads::ThreadsView;
use crate::error::ApiError;

/// What the link shows, with the shot that is asked for or its first.
#[server]
pub async fn get_share(token: String, shot_id: Option<ShotId>) -> Result<ShareView, ApiError> {
    let answer = share_view(&token, shot_id).await;
    // The page that says so says it to machines too.
    if let Err(error @ (ApiError::NotFound | ApiError::Gone(_))) = &answer
        && let Some(options) = use_context::<leptos_axum::ResponseOptions>()
    {
        options.set_status(error.status());
    }
    answer
}

#[cfg(feature = "ssr")]
async fn share_view(token: &str, shot_id: Option<ShotId>) -> Result<ShareView, ApiError> {
    use super::shared::SharedItem;
    let guest = crate::context::guest::Guest::here(token).await?;
    let link = guest.link().clone();
    let mut shots: Vec<SharedItem> = Vec::new();
    for shown in db::share::shown(guest.db(), link.link_id).await? {
        match shots.iter_mut().find(|s| s.shot_id == shown.shot_id) {
            Some(item) => item.versions += 1,
            None => shots.push(SharedItem { shot_id: shown.shot_id, name: shown.shot_name, versions: 1 }),
        }
    }
    let first = shots.first().ok_or(ApiError::NotFound)?.shot_id;
    let shot = shared_shot(&guest, shot_id.unwrap_or(first)).await?;
    Ok(ShareView {
        name: link.name,
        grants: link.grants,
        expires_at: link.expires_at,
        guest: guest.named().map(|(_, name)| name.to_owned()),
        is_preview: guest.is_preview(),
        shots,
        shot,
    })
}

/// One shot of the link again.
#[server]
pub async fn get_shared_shot(token: String, shot_id: ShotId) -> Result<SharedShot, ApiError> {
    let guest = crate::context::guest::Guest::here(&token).await?;
    shared_shot(&guest, shot_id).await
}

#[cfg(feature = "ssr")]
async fn shared_shot(guest: &crate::context::guest::Guest, shot_id: ShotId) -> Result<SharedShot, ApiError> {
    use super::shared::SharedVersion;
    use domain::Role;
    let (shot, versions) = guest.shot(shot_id).await?;
    let (previous, next) = guest.neighbours(shot_id).await?;
    let project = db::projects::get(guest.db().pool(), shot.project_id).await?;
    let facts = shot.facts.ok_or(ApiError::NotFound)?;
    let link_id = guest.link().link_id;
    let stamp = |hash: Option<Hash>| hash.map(|hash| Hash::of(format!("{link_id} {hash}").as_bytes()));
    let grants_download = guest.granted(domain::Grant::Download).is_ok();
    let movies = if grants_download { movies(guest.db(), shot_id).await? } else { Vec::new() };
    // Where clients are kept apart, those who came through this link are one client.
    let heard = match project.sharing.clients_apart {
        true => Some(db::share::guests::ids(guest.db(), link_id).await?),
        false => None,
    };
    let is_heard = |id: &PersonId| heard.as_ref().is_none_or(|ids| ids.contains(id));
    let versions = versions.into_iter().map(|version| SharedVersion {
        has_movies: grants_download && version.is_approved(),
        movies: movies
            .iter()
            .filter(|(of, _)| *of == version.version_id && version.is_approved())
            .map(|(_, movie)| movie.clone())
            .collect(),
        version_id: version.version_id,
        n: version.n,
        pass: version.made_by.as_ref().map(|made_by| made_by.pass),
        is_of_test_model: version.is_of_test_model(),
        is_preview: version.is_preview(),
        engine: version.engine,
        subject: version.subject,
        created_at: version.created_at,
        decisions: version
            .decisions
            .into_iter()
            .filter(|d| d.role == Role::Client && is_heard(&d.person_id))
            .collect(),
    });
    Ok(SharedShot {
        shot_id,
        name: shot.name,
        first_frame: project.first_frame,
        frames: facts.frames,
        width: facts.width(),
        height: facts.height(),
        rate: facts.rate,
        start_timecode: facts.start_timecode,
        proxy: stamp(shot.proxy),
        poster: stamp(shot.poster),
        strip: stamp(shot.strip),
        sound: stamp(shot.sound),
        versions: versions.collect(),
        may: guest.rights(),
        viewer: guest.viewer(),
        previous,
        next,
    })
}

/// Movies of the shot's versions that are there, then those that are being made.
#[cfg(feature = "ssr")]
async fn movies(
    db: &db::Db,
    shot_id: ShotId,
) -> Result<Vec<(VersionId, super::shared::SharedMovie)>, ApiError> {
    use super::shared::SharedMovie;
    use domain::package::What;
    let made = db::deliveries::of_shot(db, shot_id).await?.into_iter().filter(|d| d.what == What::Movie);
    let mut movies: Vec<(VersionId, SharedMovie)> = made
        .map(|d| (d.version_id, SharedMovie { movie: d.movie, size_bytes: Some(d.size_bytes) }))
        .collect();
    // Who packs a version makes its movie first.
    for (job, progress) in jobs::of_shot(db, shot_id, "package").await? {
        let domain::Job::Package { version_id, movie, what: _ } = job else { continue };
        let is_known = movies.iter().any(|(id, known)| *id == version_id && known.movie == movie);
        if !progress.state.is_over() && !is_known {
            movies.push((version_id, SharedMovie { movie, size_bytes: None }));
        }
    }
    Ok(movies)
}

/// Gives the link's password for this session. Wrong ones are counted, and after five one waits.
#[server]
pub async fn unlock_share(token: String, password: String) -> Result<(), ApiError> {
    use crate::context::{ClientAddress, guest::Door};
    let door = Door::here(&token).await?;
    let Some(hash) = door.password_hash() else { return Ok(()) };
    let ClientAddress(address) = ClientAddress::here();
    let link_id = door.link_id();
    let from = address.clone();
    let wait = door
        .db()
        .write(move |tx| {
            let from = from.clone();
            Box::pin(async move { db::sign_in::may_try_link(tx, link_id, &from).await })
        })
        .await?;
    if let Some(seconds) = wait {
        return Err(ApiError::Throttled { seconds });
    }
    if !crate::password::is_right(password, Some(hash)).await? {
        return Err(ApiError::Invalid(
            "This is not the link’s password. Whoever sent you the link has it.".into(),
        ));
    }
    door.db()
        .write(move |tx| {
            let address = address.clone();
            Box::pin(async move { db::sign_in::opened_link(tx, link_id, &address).await })
        })
        .await?;
    door.unlock().await
}

/// The guest says what they are called; once. Their id on this link.
#[server]
pub async fn join_share(token: String, name: String) -> Result<PersonId, ApiError> {
    crate::context::guest::Guest::here(&token).await?.join(name).await
}

/// Threads for clients about what the link shows, and who speaks in them.
#[server]
pub async fn get_guest_threads(token: String, shot_id: ShotId) -> Result<ThreadsView, ApiError> {
    let guest = crate::context::guest::Guest::here(&token).await?;
    guest.shot(shot_id).await?;
    let mut threads = db::threads::list(guest.db(), shot_id, guest.viewer(), guest.eyes()).await?;
    // Of somebody without a name nothing is kept, so nothing is new to them either.
    if guest.named().is_none() {
        for thread in &mut threads {
            thread.seen = thread.newest();
        }
    }
    let people = db::threads::authors_seen(guest.db().pool(), shot_id, guest.eyes()).await?;
    Ok(ThreadsView { threads, people })
}

/// Starts a thread on a version that the link shows: on frames of it (from 0), or on the whole. Clients and the team read it.
#[server(input = server_fn::codec::Json)]
pub async fn start_guest_thread(
    token: String,
    version_id: VersionId,
    frames: Option<FrameRange>,
    text: String,
    drawing: Option<Drawing>,
) -> Result<ThreadId, ApiError> {
    let guest = crate::context::guest::Guest::here(&token).await?;
    let shot_id = guest.version(version_id).await?.shot_id;
    let author = guest.author(domain::Grant::Comment)?;
    let (link_id, eyes) = (guest.link().link_id, guest.eyes());
    let place = db::comments::Place { shot_id, version_id: Some(version_id), frames, client_visible: true };
    let said = db::comments::Said { text, drawing };
    let started = guest
        .db()
        .write(move |tx| {
            let said = said.clone();
            Box::pin(async move {
                db::share::check_open(tx, link_id).await?;
                db::share::check_pace(tx, link_id).await?;
                db::comments::start(tx, place, author, eyes, &said).await
            })
        })
        .await?;
    Ok(started)
}

/// Answers in a thread for clients.
#[server(input = server_fn::codec::Json)]
pub async fn guest_reply(
    token: String,
    thread_id: ThreadId,
    text: String,
    drawing: Option<Drawing>,
) -> Result<CommentId, ApiError> {
    let guest = crate::context::guest::Guest::here(&token).await?;
    guest.thread(thread_id).await?;
    let author = guest.author(domain::Grant::Comment)?;
    let (link_id, eyes) = (guest.link().link_id, guest.eyes());
    let said = db::comments::Said { text, drawing };
    let made = guest
        .db()
        .write(move |tx| {
            let said = said.clone();
            Box::pin(async move {
                db::share::check_open(tx, link_id).await?;
                db::share::check_pace(tx, link_id).await?;
                db::comments::reply(tx, thread_id, author, eyes, &said).await
            })
        })
        .await?;
    Ok(made)
}

/// Only one's own comment; it says “edited” from then on.
#[server]
pub async fn edit_guest_comment(token: String, comment_id: CommentId, text: String) -> Result<(), ApiError> {
    let guest = crate::context::guest::Guest::here(&token).await?;
    guest.comment(comment_id).await?;
    let author = guest.author(domain::Grant::Comment)?;
    let (link_id, eyes) = (guest.link().link_id, guest.eyes());
    guest
        .db()
        .write(move |tx| {
            let text = text.clone();
            Box::pin(async move {
                db::share::check_open(tx, link_id).await?;
                db::comments::edit(tx, comment_id, author, eyes, &text).await
            })
        })
        .await?;
    Ok(())
}

/// Only one's own comment; that it was there stays.
#[server]
pub async fn delete_guest_comment(token: String, comment_id: CommentId) -> Result<(), ApiError> {
    let guest = crate::context::guest::Guest::here(&token).await?;
    guest.comment(comment_id).await?;
    let author = guest.author(domain::Grant::Comment)?;
    let link_id = guest.link().link_id;
    guest
        .db()
        .write(move |tx| {
            Box::pin(async move {
                db::share::check_open(tx, link_id).await?;
                db::comments::delete(tx, comment_id, author).await
            })
        })
        .await?;
    Ok(())
}

/// The guest has read the thread up to comment `n`. Nothing is kept of somebody without a name.
#[server]
pub async fn see_guest_thread(token: String, thread_id: ThreadId, n: u32) -> Result<(), ApiError> {
    let guest = crate::context::guest::Guest::here(&token).await?;
    guest.thread(thread_id).await?;
    let Some((person_id, _)) = guest.named() else { return Ok(()) };
    Ok(guest.db().write(move |tx| Box::pin(db::threads::seen(tx, thread_id, person_id, n))).await?)
}

/// One decision on the version's hash. It is recorded and moves no phase, as a client's account does.
#[server]
pub async fn guest_decide(
    token: String,
    version_id: VersionId,
    seen: Hash,
    verdict: Verdict,
    note: String,
) -> Result<(), ApiError> {
    let guest = crate::context::guest::Guest::here(&token).await?;
    guest.version(version_id).await?;
    let (person_id, role) = guest.voter()?;
    let link_id = guest.link().link_id;
    guest
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                db::share::check_open(tx, link_id).await?;
                db::share::check_pace(tx, link_id).await?;
                let ballot = db::decisions::Ballot { person_id, role, seen, verdict, note: &note };
                db::decisions::on_version_of_link(tx, version_id, link_id, &ballot).await
            })
        })
        .await?;
    Ok(())
}
