//! All rows of all tables, read at one moment and written again, into either engine. What tables and columns there are is
//! asked of the database itself, so that a new table is in every copy from the migration on that makes it. No files.

mod fill;
mod schema;
#[cfg(test)]
mod tests;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{Any, AnyConnection, Row as _, Transaction, TypeInfo, ValueRef};
use tokio::sync::mpsc;

pub use fill::{Fill, Target};
pub use schema::LEFT_OUT;

use crate::{Db, Engine, Error, Result, dialect, now};

/// What a column holds on either engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Text,
    /// 64 bits with a sign
    Integer,
    /// 64 bits
    Float,
    Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

/// A table as it is at one moment. Columns are in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// Columns of the primary key; rows are read in its order, so that equal tables are read equal on either engine.
    pub key: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Text(String),
    Integer(i64),
    Float(f64),
    Bytes(Vec<u8>),
}

/// One cell for each of a table's columns.
pub type Row = Vec<Cell>;

/// Bytes of rows that are handed on together.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_ROWS: usize = 2000;

/// The database as it was at one moment: what is written meanwhile is not seen, and nobody who writes has to wait.
#[derive(Debug)]
pub struct Moment {
    tx: Transaction<'static, Any>,
    engine: Engine,
    /// Microseconds since 1970: nothing in it was written later.
    pub at: i64,
}

impl Moment {
    pub async fn of(db: &Db) -> Result<Self> {
        let mut tx = db.snapshot().await?;
        // Both engines choose the moment at the first reading and not at `begin`.
        schema::applied(&mut tx, db.engine).await?;
        Ok(Self { tx, engine: db.engine, at: now() })
    }

    /// Numbers of the migrations that made the tables, in order.
    pub async fn migrations(&mut self) -> Result<Vec<i64>> {
        schema::applied(&mut self.tx, self.engine).await
    }

    /// Every table, by name.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a column of a type that neither engine's copy could hold.
    pub async fn tables(&mut self) -> Result<Vec<Table>> {
        schema::tables(&mut self.tx, self.engine).await
    }

    /// Hands a table's rows on in the order of its key, some at a time, without those of [`LEFT_OUT`]. How many; an early end
    /// when nobody listens any more.
    pub async fn read(&mut self, table: &Table, to: &mpsc::Sender<Vec<Row>>) -> Result<u64> {
        let sql = select(table, self.engine);
        let mut rows = sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(false).fetch(&mut *self.tx);
        let (mut batch, mut bytes, mut count) = (Vec::new(), 0, 0);
        while let Some(row) = rows.try_next().await? {
            let row = cells(table, &row)?;
            bytes += row.iter().map(Cell::bytes).sum::<usize>();
            batch.push(row);
            count += 1;
            if bytes >= BATCH_BYTES || batch.len() >= BATCH_ROWS {
                bytes = 0;
                if to.send(std::mem::take(&mut batch)).await.is_err() {
                    return Ok(count);
                }
            }
        }
        if !batch.is_empty() {
            to.send(batch).await.ok(); // who stopped listening knows why
        }
        Ok(count)
    }
}

impl Cell {
    fn bytes(&self) -> usize {
        16 + match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Null | Self::Integer(_) | Self::Float(_) => 0,
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
}

fn select(table: &Table, engine: Engine) -> String {
    let by = |name: &String| {
        let is_text = table.columns.iter().any(|column| column.name == *name && column.kind == Kind::Text);
        // By bytes, as SQLite does; a server's language would order letters otherwise.
        let collation = if is_text && engine == Engine::Postgres { " collate \"C\"" } else { "" };
        format!("{}{collation}", quoted(name))
    };
    let every: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    let key = if table.key.is_empty() { &every } else { &table.key };
    let order: Vec<String> = key.iter().map(by).collect();
    let wanted = match schema::left_out(&table.name) {
        Some(left) => format!(" where not ({})", left.which),
        None => String::new(),
    };
    format!(
        "select {} from {}{wanted} order by {}",
        names(&table.columns),
        quoted(&table.name),
        order.join(", ")
    )
}

fn cells(table: &Table, row: &AnyRow) -> Result<Row> {
    table.columns.iter().enumerate().map(|(at, column)| cell(table, column, row, at)).collect()
}

fn cell(table: &Table, column: &Column, row: &AnyRow, at: usize) -> Result<Cell> {
    let value = row.try_get_raw(at)?;
    let (held, is_null) = (value.type_info().kind(), value.is_null());
    Ok(match (column.kind, held) {
        _ if is_null => Cell::Null,
        (Kind::Text, AnyTypeInfoKind::Text) => Cell::Text(row.try_get(at)?),
        (Kind::Integer, kind) if kind.is_integer() => Cell::Integer(row.try_get(at)?),
        (Kind::Float, AnyTypeInfoKind::Double) => Cell::Float(row.try_get(at)?),
        (Kind::Float, AnyTypeInfoKind::Real) => Cell::Float(row.try_get::<f32, _>(at)?.into()),
        (Kind::Bytes, AnyTypeInfoKind::Blob) => Cell::Bytes(row.try_get(at)?),
        _ => {
            let (table, name, held) = (&table.name, &column.name, value.type_info());
            return Err(Error::Corrupt(format!(
                "{table}.{name} holds {} among {:?}",
                held.name(),
                column.kind
            )));
        }
    })
}

/// What an upgrade finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// The number of the first migration that has not run.
    pub first: i64,
    /// The database holds rows.
    pub has_rows: bool,
}

/// Whether [`Db::migrate`] would change the tables.
pub async fn ahead(db: &Db) -> Result<Option<Ahead>> {
    let mut tx = db.snapshot().await?;
    let applied = schema::applied(&mut tx, db.engine).await?;
    let Some(first) = known().into_iter().find(|version| !applied.contains(version)) else { return Ok(None) };
    let tables = schema::tables(&mut tx, db.engine).await?;
    let has_rows = schema::first_with_rows(&mut tx, &tables).await?.is_some();
    Ok(Some(Ahead { first, has_rows }))
}

/// Numbers of the migrations that this program has, in order.
pub fn known() -> Vec<i64> {
    dialect::MIGRATIONS.iter().map(|migration| migration.version).collect()
}

/// Writes a copy of a SQLite database, as it is at this moment, to a file that is not there yet. Not for PostgreSQL.
pub async fn copy_file(db: &Db, to: &str) -> Result<()> {
    sqlx::query("vacuum into $1").bind(to.to_owned()).execute(&db.pool).await?;
    Ok(())
}

/// Whether a row still says that the store holds these bytes.
pub async fn has_blob(db: &Db, hash: domain::Hash) -> Result<bool> {
    let found = sqlx::query("select 1 as one from blob where hash = $1").bind(hash.to_string());
    Ok(found.fetch_optional(&db.pool).await?.is_some())
}

async fn run(tx: &mut AnyConnection, sql: impl Into<String>) -> Result<u64> {
    let done = sqlx::query(sqlx::AssertSqlSafe(sql.into())).persistent(false).execute(&mut *tx).await?;
    Ok(done.rows_affected())
}
