//! Weights of networks on this server: what there is, whose licence was accepted, and fetching.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::engines::Engines;
use crate::error::ApiError;

/// One model as the page shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    pub slug: String,
    pub title: String,
    /// What works with it.
    pub serves: String,
    pub licence: String,
    /// Where the licence is read.
    pub licence_url: String,
    /// Who accepted it and when, microseconds UTC.
    pub accepted: Option<(String, i64)>,
    /// About as many, of all files.
    pub bytes: u64,
    /// Of what is here, begun files included.
    pub here_bytes: u64,
    pub is_whole: bool,
    /// Names of what is not here, as patterns.
    pub missing: Vec<String>,
    pub fetching: Option<Fetching>,
    /// Why the last fetching ended.
    pub problem: Option<String>,
    /// A token of the hub may help.
    pub is_gated: bool,
    /// What the publisher asks for, and how to get it.
    #[serde(default)]
    pub access: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetching {
    pub file: String,
    pub done_bytes: u64,
    pub total_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelsView {
    /// Where they lie on the server.
    pub folder: String,
    pub models: Vec<ModelRow>,
    pub may_change: bool,
    /// What the workers that run can do, without what earlier runs took and whom a project lets them ask.
    #[serde(default)]
    pub engines: Engines,
}

#[cfg(feature = "ssr")]
impl From<models::Error> for ApiError {
    fn from(error: models::Error) -> Self {
        match error {
            models::Error::Unknown(_) => Self::NotFound,
            models::Error::NotAccepted { .. } => {
                Self::Conflict("Read the licence and accept it first.".into())
            }
            models::Error::Io { .. } => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "The folder of the models cannot be used"
                );
                Self::Invalid(error.to_string())
            }
            error => Self::Invalid(error.to_string()),
        }
    }
}

/// Looks at a folder off the runtime's threads.
#[cfg(feature = "ssr")]
async fn off<T: Send + 'static>(
    look: impl FnOnce() -> models::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    Ok(tokio::task::spawn_blocking(look).await.map_err(|_| ApiError::Internal)??)
}

#[server]
pub async fn list_models() -> Result<ModelsView, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ViewJobs)?;
    let room = cx.state.models.clone();
    let folder = room.folder().to_path_buf();
    let rows = off(move || {
        let book = models::Book::read(room.folder())?;
        models::ALL.iter().map(|part| row(&room, &book, part)).collect::<models::Result<Vec<_>>>()
    });
    let mut models = rows.await?;
    let may_change = cx.allowed(domain::Action::ManageDisk).is_ok();
    if !may_change {
        for model in &mut models {
            model.problem = model.problem.take().map(|_| "It was not fetched.".to_owned());
        }
    }
    // Where a server keeps its files concerns those who look after it.
    let folder = if may_change { folder.display().to_string() } else { String::new() };
    let engines = Engines { measured: Vec::new(), outside: None, ..Engines::now(&cx).await? };
    Ok(ModelsView { folder, models, may_change, engines })
}

#[cfg(feature = "ssr")]
fn row(room: &models::Room, book: &models::Book, part: &models::Part) -> models::Result<ModelRow> {
    let standing = models::standing(room.folder(), part)?;
    let state = room.state(part);
    let fetching = match &state {
        Some(models::State::Fetching(progress)) => Some(Fetching {
            file: progress.file.clone(),
            done_bytes: progress.done,
            total_bytes: progress.total,
        }),
        _ => None,
    };
    let (problem, is_gated) = match state {
        Some(models::State::Failed { why, is_gated }) => (Some(why), is_gated),
        _ => (None, false),
    };
    let accepted = book.licences.get(part.slug);
    Ok(ModelRow {
        slug: part.slug.to_owned(),
        title: part.title.to_owned(),
        serves: part.serves.to_owned(),
        licence: part.licence.name.to_owned(),
        licence_url: part.licence.url.to_owned(),
        accepted: accepted.map(|one| (one.by.clone(), one.at as i64 * 1_000_000)),
        bytes: part.bytes,
        here_bytes: standing.there.iter().map(|(_, bytes)| bytes).sum::<u64>() + standing.begun,
        is_whole: standing.missing.is_empty(),
        missing: standing.missing,
        fetching,
        problem,
        is_gated: is_gated || part.access.is_some(),
        access: part.access.map(str::to_owned),
    })
}

/// Writes down that the viewer read a model's licence and accepts it; once more changes nothing. The book of the models comes
/// first: what the trail tells of has happened. A line that could not be written is written when somebody accepts again.
#[server]
pub async fn accept_licence(slug: String) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManageDisk)?;
    let part = models::find(&slug)?;
    let note =
        cx.note(domain::Deed::LicenceAccepted, None, format!("{} ({})", part.title, part.licence.name));
    let (room, by) = (cx.state.models.clone(), cx.viewer.name.clone());
    off(move || models::Book::accept(room.folder(), part, &by)).await?;
    cx.db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move { db::audit::add_first(tx, &note).await })
        })
        .await?;
    Ok(())
}

/// Begins to fetch what is missing of a model; `token`: of the hub, for what is behind a gate, kept nowhere.
#[server]
pub async fn fetch_model(slug: String, token: String) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManageDisk)?;
    let part = models::find(&slug)?;
    let room = cx.state.models.clone();
    let here = room.clone();
    let book = off(move || models::Book::read(here.folder())).await?;
    if !book.licences.contains_key(part.slug) {
        return Err(ApiError::Conflict("Read the licence and accept it first.".into()));
    }
    let token = Some(token.trim().to_owned()).filter(|token| !token.is_empty());
    let token = token.or_else(|| std::env::var("HF_TOKEN").ok());
    room.begin(part, models::endpoint(), token);
    Ok(())
}

/// Stops fetching; what is here stays.
#[server]
pub async fn stop_fetching(slug: String) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManageDisk)?;
    cx.state.models.stop(models::find(&slug)?);
    Ok(())
}
