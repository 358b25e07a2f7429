//! Every SQL statement but the queue's: one text for SQLite and PostgreSQL, functions by noun. No files, no HTTP.

pub mod assignments;
pub mod audit;
pub mod bin;
pub mod blobs;
pub mod board;
pub mod brief;
pub mod causes;
pub mod clicks;
pub mod comments;
pub mod decisions;
pub mod deliveries;
pub mod demo;
mod dialect;
pub mod disk;
pub mod draft;
pub mod dump;
pub mod edits;
pub mod events;
pub mod exact;
pub mod finding;
mod guard;
pub mod history;
pub mod inbox;
pub mod items;
pub mod looked;
pub mod media;
pub mod needs;
pub mod people;
pub mod projects;
pub mod proposals;
pub mod quadmasks;
pub mod queue;
pub mod resets;
mod row;
pub mod runs;
pub mod search;
pub mod sessions;
pub mod share;
pub mod shots;
pub mod sign_in;
pub mod threads;
pub mod tracks;
pub mod upkeep;
pub mod uploads;
pub mod versions;
mod wanted;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub use dialect::{Engine, Gate, SKIP_LOCKED, connect, one_at_a_time, open};
use sqlx::{Any, AnyConnection, AnyPool, Transaction};
use tokio::sync::Notify;

/// A pool and the engine behind it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pub(crate) pool: AnyPool,
    pub(crate) engine: Engine,
    /// A transaction of this process was committed.
    pub(crate) written: Arc<Notify>,
}

/// What a caller decides on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no such row")]
    NotFound,
    /// A rule of the tables was broken: the name of the constraint or the columns.
    #[error("already there: {0}")]
    Taken(String),
    /// Somebody changed the row first.
    #[error("{0}")]
    Conflict(String),
    /// What was asked breaks a rule of the product; the sentence is for people.
    #[error("{0}")]
    Invalid(String),
    #[error("the database at {url} cannot be used")]
    Open { url: String, source: sqlx::Error },
    #[error("the database could not be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("a row holds what cannot be: {0}")]
    Corrupt(String),
    /// The disk under the database; nothing of what was to be written is there.
    #[error("the database's disk is full: free some space where it lies")]
    Full,
    #[error("the database failed")]
    Sqlx(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::Database(inner) if inner.is_unique_violation() => {
                Self::Taken(inner.constraint().map_or_else(|| inner.message().to_owned(), str::to_owned))
            }
            // SQLite: FULL; PostgreSQL: disk full.
            sqlx::Error::Database(inner) if matches!(inner.code().as_deref(), Some("13" | "53100")) => {
                Self::Full
            }
            _ => Self::Sqlx(error),
        }
    }
}

impl Error {
    /// Whether the same transaction may succeed when tried again.
    fn is_passing(&self) -> bool {
        let Self::Sqlx(sqlx::Error::Database(inner)) = self else { return false };
        // SQLite: BUSY and its kin (5, 6, 261, 517); PostgreSQL: serialization failure, deadlock.
        matches!(inner.code().as_deref(), Some("5" | "6" | "261" | "517" | "40001" | "40P01"))
    }
}

pub type Result<T> = std::result::Result<T, Error>;

/// What a writing transaction does; boxed so that [`Db::write`] can run it again.
pub type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'c>>;

impl Db {
    /// For reads.
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Resolves when this process has written something since the last call: for one reader of what is new. Other processes
    /// are not heard.
    pub async fn written(&self) {
        self.written.notified().await;
    }

    /// For several reads that must agree: what others write meanwhile is not seen. Ends when dropped.
    pub async fn snapshot(&self) -> Result<Transaction<'static, Any>> {
        Ok(match self.engine {
            Engine::Sqlite => self.pool.begin().await?,
            Engine::Postgres => {
                self.pool.begin_with("begin isolation level repeatable read read only").await?
            }
        })
    }

    /// The one way to write: one transaction, immediate on SQLite, tried again (up to eight times) when the engine says
    /// that it collided with another. `work` must do nothing but SQL.
    ///
    /// ```ignore
    /// db.write(|tx| Box::pin(async move { projects::create(tx, …).await })).await
    /// ```
    pub async fn write<T, F>(&self, mut work: F) -> Result<T>
    where
        T: Send,
        F: for<'c> FnMut(&'c mut AnyConnection) -> Work<'c, T> + Send,
    {
        let mut tries = 0u32;
        loop {
            match self.write_once(&mut work).await {
                Err(error) if error.is_passing() && tries < 8 => {
                    tries += 1;
                    let wait = u64::from(tries) * 15 + uuid::Uuid::now_v7().as_u128() as u64 % 20;
                    tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn write_once<T, F>(&self, work: &mut F) -> Result<T>
    where
        T: Send,
        F: for<'c> FnMut(&'c mut AnyConnection) -> Work<'c, T> + Send,
    {
        let mut tx: Transaction<'static, Any> = match self.engine {
            Engine::Sqlite => self.pool.begin_with("begin immediate").await?,
            Engine::Postgres => self.pool.begin().await?,
        };
        match work(&mut tx).await {
            Ok(value) => {
                tx.commit().await?;
                self.written.notify_one();
                Ok(value)
            }
            Err(error) => {
                tx.rollback().await.ok(); // the first error says more than a failed rollback
                Err(error)
            }
        }
    }
}

/// Microseconds since 1970, UTC.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    i64::try_from(since.as_micros()).expect("the year 292277 is far away")
}

/// A fresh id; later ids sort after earlier ones.
pub fn new_uuid() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}

/// Reads an id, hash or word back from a text column.
pub(crate) fn parse<T: std::str::FromStr>(column: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::Corrupt(format!("{column} = “{text}”")))
}

/// Reads JSON back from a text column.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(column: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::Corrupt(format!("{column}: {error}")))
}

pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our types have string keys and finite shapes")
}
