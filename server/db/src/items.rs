//! Targets and causes as undo knows them: what one was before and after an edit, with its place in the list.

use domain::{Cause, CauseId, Target, TargetId};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use crate::row::Cells;
use crate::{Result, brief, parse, to_json};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    Target(Target),
    Cause(Cause),
}

impl Item {
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Target(target) => Some(target),
            Self::Cause(_) => None,
        }
    }
}

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Target(TargetId),
    Cause(CauseId),
}

impl Key {
    /// As in rows.
    pub fn word(self) -> String {
        match self {
            Self::Target(id) => format!("target:{id}"),
            Self::Cause(id) => format!("cause:{id}"),
        }
    }

    pub fn of_word(word: &str) -> Result<Self> {
        match word.split_once(':') {
            Some(("target", id)) => Ok(Self::Target(parse("draft_edit.item", id)?)),
            Some(("cause", id)) => Ok(Self::Cause(parse("draft_edit.item", id)?)),
            _ => Err(crate::Error::Corrupt(format!("draft_edit.item = “{word}”"))),
        }
    }

    pub fn table(self) -> &'static str {
        match self {
            Self::Target(_) => "target",
            Self::Cause(_) => "cause",
        }
    }

    fn id(self) -> String {
        match self {
            Self::Target(id) => id.to_string(),
            Self::Cause(id) => id.to_string(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placed {
    pub position: i64,
    pub item: Item,
}

/// As it stands; `None`: it is not there. The shot is locked.
pub(crate) async fn read(tx: &mut AnyConnection, shot: &str, key: Key) -> Result<Option<Placed>> {
    let table = key.table();
    let text = format!("select * from {table} where {table}_id = $1 and shot_id = $2");
    let row =
        sqlx::query(sqlx::AssertSqlSafe(text)).bind(key.id()).bind(shot).fetch_optional(&mut *tx).await?;
    let Some(row) = row else { return Ok(None) };
    let item = match key {
        Key::Target(_) => Item::Target(brief::read_target(&row)?),
        Key::Cause(_) => Item::Cause(brief::read_cause(&row)?),
    };
    Ok(Some(Placed { position: row.int("position")?, item }))
}

/// Makes it what it was, in its old place; `None` takes it away. The shot is locked for an edit.
pub(crate) async fn write(
    tx: &mut AnyConnection,
    shot: &str,
    key: Key,
    placed: Option<&Placed>,
) -> Result<()> {
    let table = key.table();
    let text = format!("delete from {table} where {table}_id = $1 and shot_id = $2");
    sqlx::query(sqlx::AssertSqlSafe(text)).bind(key.id()).bind(shot).execute(&mut *tx).await?;
    let Some(Placed { position, item }) = placed else { return Ok(()) };
    match item {
        Item::Target(Target { target_id, name, colour, points, boxes, found }) => sqlx::query(
            "insert into target (target_id, shot_id, position, name, colour, points, boxes, found)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(target_id.to_string())
        .bind(shot)
        .bind(position)
        .bind(name)
        .bind(colour)
        .bind(to_json(points))
        .bind(to_json(boxes))
        .bind(found.as_ref().map(to_json)),
        Item::Cause(Cause { cause_id, name, reason, consequence, path, spans }) => sqlx::query(
            "insert into cause (cause_id, shot_id, position, name, reason, consequence, path, spans)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(cause_id.to_string())
        .bind(shot)
        .bind(position)
        .bind(name)
        .bind(reason)
        .bind(consequence.word())
        .bind(to_json(path))
        .bind(to_json(spans)),
    }
    .execute(&mut *tx)
    .await?;
    Ok(())
}
