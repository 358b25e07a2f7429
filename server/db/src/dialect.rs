//! The few places where SQLite and PostgreSQL differ: how they are opened.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, Connection, Executor};

use crate::{Db, Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// Opens `sqlite://path/to/file.db` (made when missing) or `postgres://…` and brings its tables up to date.
pub async fn open(url: &str) -> Result<Db> {
    let db = connect(url).await?;
    db.migrate().await?;
    Ok(db)
}

/// The engine of an address, and how to reach it.
pub(crate) fn address(url: &str) -> Result<(Engine, AnyConnectOptions)> {
    sqlx::any::install_default_drivers();
    let engine = match url.split_once(':') {
        Some(("sqlite", _)) => Engine::Sqlite,
        Some(("postgres" | "postgresql", _)) => Engine::Postgres,
        _ => {
            return Err(Error::Invalid(format!(
                "“{}” is not a database address: write sqlite://FILE or postgres://USER@HOST/NAME",
                without_password(url)
            )));
        }
    };
    let full = match engine {
        Engine::Sqlite if !url.contains('?') => format!("{url}?mode=rwc"),
        _ => url.to_owned(),
    };
    let options = AnyConnectOptions::from_str(&full)
        .map_err(|source| Error::Open { url: without_password(url), source })?;
    Ok((engine, options))
}

/// As [`open`], with the tables as they are: see [`Db::migrate`].
pub async fn connect(url: &str) -> Result<Db> {
    let (engine, options) = address(url)?;
    let pool = AnyPoolOptions::new()
        .max_connections(match engine {
            Engine::Sqlite => 8,
            Engine::Postgres => 12,
        })
        .acquire_timeout(Duration::from_secs(20))
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if engine == Engine::Sqlite {
                    for pragma in [
                        "pragma busy_timeout = 10000",
                        "pragma journal_mode = wal",
                        "pragma synchronous = full",
                        "pragma foreign_keys = on",
                    ] {
                        connection.execute(pragma).await?;
                    }
                }
                connection.ping().await
            })
        })
        // On a full disk SQLite ends the transaction itself. sqlx, which cannot end it again, would take the connection for
        // one inside a transaction ever after: it is closed. What was dropped is rolled back before the ping.
        .after_release(move |connection, _| {
            Box::pin(async move {
                if engine == Engine::Postgres {
                    return Ok(true);
                }
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(options)
        .await
        .map_err(|source| Error::Open { url: without_password(url), source })?;
    Ok(Db { pool, engine, written: Arc::default() })
}

impl Db {
    /// Brings the tables up to date. Two processes may start at once: the loser of the race on SQLite tries again.
    pub async fn migrate(&self) -> Result<()> {
        let mut tries = 0;
        loop {
            match MIGRATIONS.run(&self.pool).await {
                Ok(()) => return self.guard().await,
                Err(_) if self.engine == Engine::Sqlite && tries < 5 => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Db {
    /// Puts the triggers where they are missing; of two processes one makes them, the other finds them.
    async fn guard(&self) -> Result<()> {
        let engine = self.engine;
        if crate::guard::are_there(&self.pool, engine).await? {
            return Ok(());
        }
        self.write(move |tx| {
            Box::pin(async move {
                one_at_a_time(tx, Gate::Guards).await?;
                crate::guard::decisions(tx, engine).await
            })
        })
        .await
    }
}

/// Put behind the inner `select` of a claim on PostgreSQL: takers then pass each other instead of queueing up.
/// The claim is right without it.
pub const SKIP_LOCKED: &str = " for update skip locked";

/// Until this transaction ends, nobody else passes this point with the same `gate`. Needed where a rule spans many
/// rows (“one owner stays”): SQLite's writers are alone anyway, PostgreSQL's are not.
pub async fn one_at_a_time(tx: &mut AnyConnection, gate: Gate) -> Result<()> {
    if tx.backend_name() == "PostgreSQL" {
        sqlx::query("select pg_advisory_xact_lock($1)").bind(gate as i64).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Rules over many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// There is always an active owner, and the first start makes only one.
    Owners = 7_001,
    /// So many wrong passwords and no more.
    SignIns = 7_002,
    /// The triggers are made once.
    Guards = 7_003,
    /// A download is one line, however many pieces of it come at once.
    Downloads = 7_004,
    /// What is told once for good is one line.
    Firsts = 7_006,
}

/// The address as it may be shown in a message.
pub(crate) fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://…{}", &url[..scheme], &url[at..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(without_password("postgres://me:secret@db/x"), "postgres://…@db/x");
        assert_eq!(without_password("sqlite://a.db"), "sqlite://a.db");
    }

    #[tokio::test]
    async fn an_address_of_another_engine_is_refused_in_words() {
        let error = open("mysql://x").await.expect_err("not ours");
        assert!(error.to_string().contains("sqlite://FILE"), "{error}");
    }
}
