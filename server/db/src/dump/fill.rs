//! Rows into a database, all of them or none: tables are made as they were, filled, and brought up to date in one transaction.

use std::collections::BTreeSet;

use sqlx::any::{Any, AnyArguments, AnyPoolOptions};
use sqlx::migrate::{Migration, Migrator};
use sqlx::{AnyPool, Arguments, Executor, Transaction};

use super::schema::{self, MIGRATIONS_TABLE};
use super::{Cell, Kind, Row, Table, names, quoted, run};
use crate::row::Cells;
use crate::{Engine, Error, Result, dialect, now};

/// Values in one statement; SQLite takes 32,766, PostgreSQL 65,535.
const MOST_VALUES: usize = 8000;
/// A worker that was heard of in the last minute has a server.
const RECENT: i64 = 60 * 1_000_000;

/// A database that may be filled. Foreign keys are looked at once, at the end.
#[derive(Debug)]
pub struct Target {
    pool: AnyPool,
    engine: Engine,
    migrator: Migrator,
    url: String,
}

/// The transaction that fills it; nothing has happened when it is dropped.
#[derive(Debug)]
pub struct Fill {
    tx: Transaction<'static, Any>,
    pool: AnyPool,
    engine: Engine,
    migrator: Migrator,
    /// Of PostgreSQL: table and constraint.
    foreign_keys: Vec<(String, String)>,
}

impl Target {
    /// Opens `url`; a SQLite file is made when missing.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, plain(dialect::MIGRATIONS.iter().cloned().collect())).await
    }

    pub(super) async fn open_with(url: &str, migrator: Migrator) -> Result<Self> {
        let (engine, options) = dialect::address(url)?;
        let pool = AnyPoolOptions::new().max_connections(1).connect_with(options).await;
        let url = dialect::without_password(url);
        match pool {
            Ok(pool) => Ok(Self { pool, engine, migrator, url }),
            Err(source) => Err(Error::Open { url, source }),
        }
    }

    /// The transaction, while nobody else may have a SQLite file open: a server would go on from what it remembers.
    async fn begin(&self) -> Result<Transaction<'static, Any>> {
        if self.engine == Engine::Postgres {
            return Ok(self.pool.begin().await?);
        }
        let alone = async || {
            let mut only = self.pool.acquire().await?;
            for pragma in [
                "pragma busy_timeout = 2000",
                "pragma locking_mode = exclusive",
                "pragma journal_mode = wal",
                "pragma synchronous = full",
                "pragma foreign_keys = off",
            ] {
                only.execute(pragma).await?;
            }
            drop(only);
            self.pool.begin_with("begin exclusive").await
        };
        alone().await.map_err(|error| match error {
            sqlx::Error::Database(inner) if inner.code().as_deref() == Some("5") => Error::Invalid(format!(
                "Somebody has the database at {} open: stop its server and workers first",
                self.url
            )),
            other => other.into(),
        })
    }

    /// Begins: the tables that are there go, and those of the migrations `applied` are made, empty.
    ///
    /// # Errors
    /// [`Error::Invalid`], in words for people: rows are there and `replace` is not said; a server uses the database; it, or what
    /// `applied` says, is of a newer program.
    pub async fn fill(self, applied: &[i64], replace: bool) -> Result<Fill> {
        newer(&self.migrator, applied, "This back-up")?;
        let mut tx = self.begin().await?;
        let Self { pool, engine, migrator, url } = self;
        let there = schema::applied(&mut tx, engine).await?;
        newer(&migrator, &there, &format!("The database at {url}"))?;
        let ours = tables_of(&migrator, &there).await?;
        let mut old = schema::tables(&mut tx, engine).await?;
        old.retain(|table| ours.contains(&table.name));
        if let Some(table) = schema::first_with_rows(&mut tx, &old).await? {
            if !replace {
                return Err(Error::Invalid(format!(
                    "The database at {url} is not empty (there are rows in “{table}”): restore into an empty one, or say --replace to lose what is there"
                )));
            }
            alone(&mut tx, &old).await?;
        }
        let mut dropped: Vec<String> = old.iter().map(|table| quoted(&table.name)).collect();
        if !there.is_empty() {
            dropped.push(quoted(MIGRATIONS_TABLE));
        }
        match engine {
            Engine::Postgres if !dropped.is_empty() => {
                run(&mut tx, format!("drop table {}", dropped.join(", "))).await?;
            }
            Engine::Postgres => {}
            Engine::Sqlite => {
                for table in dropped {
                    run(&mut tx, format!("drop table {table}")).await?;
                }
            }
        }
        let then = plain(migrator.iter().filter(|one| applied.contains(&one.version)).cloned().collect());
        then.run_direct(None, &mut *tx, false).await?;
        let mut fill = Fill { tx, pool, engine, migrator, foreign_keys: Vec::new() };
        fill.open_gates().await?;
        Ok(fill)
    }
}

impl Fill {
    /// Tables that wait for their rows.
    pub async fn tables(&mut self) -> Result<Vec<Table>> {
        schema::tables(&mut self.tx, self.engine).await
    }

    /// Migrations may have written rows, and foreign keys wait until everything is there.
    async fn open_gates(&mut self) -> Result<()> {
        if self.engine == Engine::Postgres {
            let found = sqlx::query(
                "select cast(cast(conrelid as regclass) as text) as relation, cast(conname as text) as name from pg_constraint
                 where contype = 'f' and connamespace = cast(current_schema() as regnamespace)",
            );
            for row in found.fetch_all(&mut *self.tx).await? {
                self.foreign_keys.push((row.text("relation")?, row.text("name")?));
            }
            self.defer("deferrable initially deferred").await?;
        }
        for table in self.tables().await? {
            run(&mut self.tx, format!("delete from {}", quoted(&table.name))).await?;
        }
        Ok(())
    }

    async fn defer(&mut self, how: &str) -> Result<()> {
        for (table, name) in self.foreign_keys.clone() {
            run(&mut self.tx, format!("alter table {table} alter constraint {} {how}", quoted(&name)))
                .await?;
        }
        Ok(())
    }

    /// Writes rows of `table`, whose columns may be in another order than the database's.
    pub async fn insert(&mut self, table: &Table, rows: &[Row]) -> Result<()> {
        let width = table.columns.len();
        for rows in rows.chunks((MOST_VALUES / width.max(1)).max(1)) {
            let mut arguments = AnyArguments::default();
            let mut places = Vec::with_capacity(rows.len());
            for (at, row) in rows.iter().enumerate() {
                if row.len() != width {
                    return Err(Error::Corrupt(format!(
                        "a row of {} has {} cells of {width}",
                        table.name,
                        row.len()
                    )));
                }
                for (cell, column) in row.iter().zip(&table.columns) {
                    bind(&mut arguments, cell, column.kind).map_err(|error| {
                        Error::Corrupt(format!("{}.{}: {error}", table.name, column.name))
                    })?;
                }
                places.push(format!("({})", crate::row::places(at * width + 1, width)));
            }
            let (name, columns) = (quoted(&table.name), names(&table.columns));
            let sql = format!("insert into {name} ({columns}) values {}", places.join(", "));
            sqlx::query_with(sqlx::AssertSqlSafe(sql), arguments)
                .persistent(false)
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(())
    }

    /// Looks at every foreign key, brings the tables up to date, and makes it all true at once.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where a row names one that is not there; nothing has happened then.
    pub async fn finish(mut self) -> Result<()> {
        match self.engine {
            Engine::Postgres => {
                run(&mut self.tx, "set constraints all immediate").await.map_err(|error| match error {
                    Error::Sqlx(sqlx::Error::Database(inner)) => Error::Corrupt(inner.message().to_owned()),
                    other => other,
                })?;
                self.defer("not deferrable").await?;
            }
            Engine::Sqlite => self.check().await?,
        }
        self.migrator.run_direct(None, &mut *self.tx, false).await?;
        if self.engine == Engine::Sqlite {
            self.check().await?;
        }
        crate::guard::decisions(&mut self.tx, self.engine).await?;
        self.tx.commit().await?;
        self.pool.close().await;
        Ok(())
    }

    /// Nothing of it happens, and the database is free for others at once.
    pub async fn give_up(self) -> Result<()> {
        self.tx.rollback().await?;
        self.pool.close().await;
        Ok(())
    }

    async fn check(&mut self) -> Result<()> {
        let found = sqlx::query(
            r#"select cast("table" as text) as rows, cast(parent as text) as parent from pragma_foreign_key_check limit 1"#,
        );
        match found.persistent(false).fetch_optional(&mut *self.tx).await? {
            None => Ok(()),
            Some(row) => Err(Error::Corrupt(format!(
                "a row of {} names one of {} that is not there",
                row.text("rows")?,
                row.text("parent")?
            ))),
        }
    }
}

fn plain(migrations: Vec<Migration>) -> Migrator {
    Migrator::with_migrations(migrations)
}

/// Refuses what a newer program made.
fn newer(migrator: &Migrator, applied: &[i64], what: &str) -> Result<()> {
    match applied.iter().find(|version| !migrator.version_exists(**version)) {
        None => Ok(()),
        Some(version) => {
            let newest = migrator.iter().map(|one| one.version).max().unwrap_or_default();
            Err(Error::Invalid(format!(
                "{what} was made by a newer Minus One (its tables are at number {version}, this program knows them up to {newest}): use that one, or a later one"
            )))
        }
    }
}

/// Names of the tables that these migrations make, found by running them: other tables of the database are not ours.
async fn tables_of(migrator: &Migrator, applied: &[i64]) -> Result<BTreeSet<String>> {
    let pool = AnyPoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
    let then = plain(migrator.iter().filter(|one| applied.contains(&one.version)).cloned().collect());
    let mut connection = pool.acquire().await?;
    then.run_direct(None, &mut *connection, false).await?;
    schema::table_names(&mut connection, Engine::Sqlite).await
}

/// Workers say that they are there; a server without one is found by the file's lock on SQLite alone.
async fn alone(tx: &mut sqlx::AnyConnection, tables: &[Table]) -> Result<()> {
    if !tables.iter().any(|table| table.name == "worker") {
        return Ok(());
    }
    let row = sqlx::query("select count(*) as many from worker where seen_at > $1").bind(now() - RECENT);
    match row.fetch_one(&mut *tx).await?.int("many")? {
        0 => Ok(()),
        _ => Err(Error::Invalid(
            "A worker of this studio was heard of within the last minute: stop its server and workers first"
                .into(),
        )),
    }
}

fn bind(to: &mut AnyArguments, cell: &Cell, kind: Kind) -> std::result::Result<(), sqlx::error::BoxDynError> {
    match (cell, kind) {
        (Cell::Text(text), Kind::Text) => to.add(text.clone()),
        (Cell::Integer(number), Kind::Integer) => to.add(*number),
        (Cell::Float(number), Kind::Float) => to.add(*number),
        (Cell::Bytes(bytes), Kind::Bytes) => to.add(bytes.clone()),
        (Cell::Null, Kind::Text) => to.add(None::<String>),
        (Cell::Null, Kind::Integer) => to.add(None::<i64>),
        (Cell::Null, Kind::Float) => to.add(None::<f64>),
        (Cell::Null, Kind::Bytes) => to.add(None::<Vec<u8>>),
        _ => Err("a cell of another kind than its column".into()),
    }
}
