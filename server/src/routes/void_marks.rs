//! A shot's marks as VOID's own tools keep them, for people who see its masks: clients and guests have no address here.

use std::fs::File;
use std::io::{self, Write};

use app::context::{ClientAddress, Cx};
use app::error::ApiError;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use domain::package::stem_of_shot;
use domain::void_files::{BLACK, GREY, Marked, QUADMASK, files};
use domain::{Action, Deed, Hash, ShotId};
use storage::Store;
use tower_sessions::Session;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::Refused;
use super::media::{attachment, id};
use super::zip::{ToBody, body};
use crate::state::ServerState;

/// `GET /media/shots/{shot}/void.zip`: points, trajectories, `segmentation_info.json` and `prompt.json` as they are now; beside
/// them the newest quadmask's movies, as far as they were made.
pub async fn archive(
    State(state): State<ServerState>,
    session: Session,
    Path(shot): Path<String>,
    Extension(from): Extension<ClientAddress>,
    method: Method,
) -> Result<Response, Refused> {
    let cx = Cx::from_session(&state.app, &session).await?;
    let shot_id: ShotId = id(&shot)?;
    let shot = cx.shot(shot_id, Action::ViewShot).await?;
    let Some(facts) = &shot.facts else {
        return Err(Refused(ApiError::Conflict(
            "The plate is not read yet: wait until its film strip is there.".to_owned(),
        )));
    };
    let pool = state.app.db.pool();
    let targets = db::brief::targets(pool, shot_id).await?;
    let causes = db::brief::causes(pool, shot_id).await?;
    let words = db::brief::words(pool, shot_id).await?;
    let texts = files(&Marked {
        frames: facts.frames,
        size: (facts.width(), facts.height()),
        rate: facts.rate.per_second(),
        targets: &targets,
        causes: &causes,
        words: &words,
    });
    let mut movies: Vec<(&'static str, Hash)> = Vec::new();
    if let Some(newest) = db::quadmasks::newest(pool, shot_id).await? {
        let media = db::media::of_quadmask(&state.app.db, newest.quadmask_id).await?;
        let made = [(QUADMASK, media.movie), (BLACK, media.black), (GREY, media.grey)];
        movies.extend(made.into_iter().filter_map(|(name, movie)| Some((name, movie?))));
    }
    if method == Method::GET {
        cx.takes(Deed::MarksExported, shot.project_id, format!("“{}”", shot.name), from).await?;
    }
    let project = db::projects::get(pool, shot.project_id).await?;
    let place = stem_of_shot(&project.name, None, &shot.name);
    let name = if place.is_empty() { "void.zip".to_owned() } else { format!("{place}_void.zip") };
    let store = state.app.store.clone();
    let zip = body(move |to| write(&store, &texts, &movies, to));
    let mut answer = ([(header::CONTENT_TYPE, "application/zip")], zip).into_response();
    // The next click makes it another file.
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(attachment(answer, &name))
}

fn write(store: &Store, texts: &[(&str, String)], movies: &[(&str, Hash)], to: ToBody) -> io::Result<()> {
    let mut archive = ZipWriter::new_stream(io::BufWriter::with_capacity(1 << 16, to));
    // Movies are compressed already.
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, text) in texts {
        archive.start_file(*name, options)?;
        archive.write_all(text.as_bytes())?;
    }
    for (name, movie) in movies {
        let local = store.local_blocking(*movie).map_err(io::Error::other)?;
        let mut file = File::open(local.path())?;
        let is_large = file.metadata()?.len() >= u64::from(u32::MAX);
        archive.start_file(*name, options.large_file(is_large))?;
        io::copy(&mut file, &mut archive)?;
    }
    archive.finish()?.flush()?;
    Ok(())
}
