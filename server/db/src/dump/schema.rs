//! What tables a database has, asked of the engine, and which rows are of no use in another place.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use super::{Column, Kind, Table, quoted};
use crate::row::Cells;
use crate::{Engine, Error, Result};

/// Rows that a copy does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    pub table: &'static str,
    /// SQL: of the table's rows these.
    pub which: &'static str,
    /// Ends the sentence “Left out are …”.
    pub what: &'static str,
}

/// All rows that a copy leaves out: what belongs to a process, a browser or a file that is no part of it.
pub const LEFT_OUT: [Left; 5] = [
    Left { table: "session", which: "1 = 1", what: "sessions: everybody signs in again" },
    Left { table: "upload", which: "state = 'open'", what: "uploads on their way: they are sent again" },
    Left { table: "worker", which: "1 = 1", what: "workers, which register by themselves" },
    Left { table: "exact_frame", which: "1 = 1", what: "pictures at full size that somebody waits for" },
    Left { table: "click", which: "1 = 1", what: "clicks that wait for their frame’s mask" },
];

pub fn left_out(table: &str) -> Option<Left> {
    LEFT_OUT.into_iter().find(|left| left.table == table)
}

/// The table in which migrations are written down.
pub const MIGRATIONS_TABLE: &str = "_sqlx_migrations";

const SQLITE_TABLES: &str =
    "select cast(name as text) as name from sqlite_master where type = 'table' and name not like 'sqlite!_%' escape '!'
     order by name";
const POSTGRES_TABLES: &str = r#"select cast(tablename as text) as name from pg_tables where schemaname = current_schema() order by tablename collate "C""#;

const SQLITE_COLUMNS: &str =
    "select cast(name as text) as name, cast(type as text) as type, cast(pk as bigint) as pk
     from pragma_table_info($1) order by cid";
const POSTGRES_COLUMNS: &str =
    "select cast(c.column_name as text) as name, cast(c.data_type as text) as type, cast(coalesce(k.ordinal_position, 0) as bigint) as pk
     from information_schema.columns c
     left join information_schema.table_constraints t on t.table_schema = c.table_schema and t.table_name = c.table_name
       and t.constraint_type = 'PRIMARY KEY'
     left join information_schema.key_column_usage k on k.constraint_schema = t.constraint_schema
       and k.constraint_name = t.constraint_name and k.table_name = c.table_name and k.column_name = c.column_name
     where c.table_schema = current_schema() and c.table_name = $1 order by c.ordinal_position";

/// Names of all tables, that of the migrations among them.
pub async fn table_names(tx: &mut AnyConnection, engine: Engine) -> Result<BTreeSet<String>> {
    let sql = match engine {
        Engine::Sqlite => SQLITE_TABLES,
        Engine::Postgres => POSTGRES_TABLES,
    };
    let rows = sqlx::query(sql).persistent(false).fetch_all(&mut *tx).await?;
    rows.iter().map(|row| row.text("name")).collect()
}

/// Numbers of the migrations that ran, in order; none for a database without tables.
pub async fn applied(tx: &mut AnyConnection, engine: Engine) -> Result<Vec<i64>> {
    if !table_names(tx, engine).await?.contains(MIGRATIONS_TABLE) {
        return Ok(Vec::new());
    }
    let rows =
        sqlx::query("select version from _sqlx_migrations order by version").fetch_all(&mut *tx).await?;
    rows.iter().map(|row| row.int("version")).collect()
}

/// Every table but that of the migrations, by name.
pub async fn tables(tx: &mut AnyConnection, engine: Engine) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for name in table_names(tx, engine).await? {
        if name != MIGRATIONS_TABLE {
            tables.push(table(tx, engine, name).await?);
        }
    }
    Ok(tables)
}

async fn table(tx: &mut AnyConnection, engine: Engine, name: String) -> Result<Table> {
    let sql = match engine {
        Engine::Sqlite => SQLITE_COLUMNS,
        Engine::Postgres => POSTGRES_COLUMNS,
    };
    let rows = sqlx::query(sql).bind(&name).persistent(false).fetch_all(&mut *tx).await?;
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    for row in &rows {
        let (column, said, place) = (row.text("name")?, row.text("type")?, row.int("pk")?);
        let kind = kind(&said).ok_or_else(|| {
            Error::Corrupt(format!("{name}.{column} is of the type “{said}”, which only one engine has"))
        })?;
        if place > 0 {
            key.push((place, column.clone()));
        }
        columns.push(Column { name: column, kind });
    }
    key.sort();
    Ok(Table { name, columns, key: key.into_iter().map(|(_, column)| column).collect() })
}

fn kind(said: &str) -> Option<Kind> {
    Some(match said.to_ascii_lowercase().as_str() {
        "text" | "varchar" | "character varying" => Kind::Text,
        "bigint" | "integer" | "int" | "smallint" => Kind::Integer,
        "double precision" | "real" => Kind::Float,
        "bytea" | "blob" => Kind::Bytes,
        _ => return None,
    })
}

/// The first of `tables` that holds a row which a copy would hold.
pub async fn first_with_rows(tx: &mut AnyConnection, tables: &[Table]) -> Result<Option<String>> {
    for Table { name, .. } in tables {
        let wanted = left_out(name).map(|left| format!(" where not ({})", left.which)).unwrap_or_default();
        let sql = format!("select 1 as one from {}{wanted} limit 1", quoted(name));
        let found = sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(false).fetch_optional(&mut *tx).await?;
        if found.is_some() {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_the_same_on_both_engines() {
        assert_eq!(
            ["text", "BIGINT", "double precision", "bytea", "blob"].map(kind),
            [Some(Kind::Text), Some(Kind::Integer), Some(Kind::Float), Some(Kind::Bytes), Some(Kind::Bytes),]
        );
        assert_eq!(kind("boolean"), None);
    }
}
