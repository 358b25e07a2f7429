//! Findings of a draft's checks that somebody looked at. What is to be found is told by `domain::checks`; nothing here stops a run.

use domain::checks::Code;
use domain::{EventKind, Hash, PersonId, ShotId};
use sqlx::AnyConnection;
use sqlx::any::AnyExecutor;

use crate::row::Cells;
use crate::{Result, events, now, shots};

/// Somebody looked at a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub code: Code,
    pub subject: String,
    /// Of what they saw.
    pub print: Hash,
    /// Their name.
    pub by: String,
    /// Microseconds UTC.
    pub at: i64,
}

pub async fn of_shot<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Vec<Look>> {
    let rows = sqlx::query(
        "select l.code, l.subject, l.print, p.name, l.at from looked_at l join person p on p.person_id = l.person_id
         where l.shot_id = $1 order by l.code, l.subject",
    )
    .bind(shot_id.to_string())
    .fetch_all(executor)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Look {
                code: row.word("code")?,
                subject: row.text("subject")?,
                print: row.word("print")?,
                by: row.text("name")?,
                at: row.int("at")?,
            })
        })
        .collect()
}

/// Says that somebody looked at what has this print, or takes it back.
pub async fn tick(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    person_id: PersonId,
    (code, subject): (Code, &str),
    print: Option<Hash>,
) -> Result<()> {
    let shot = shots::lock(tx, shot_id).await?;
    match print {
        Some(print) => {
            sqlx::query(
                "insert into looked_at (shot_id, code, subject, print, person_id, at) values ($1, $2, $3, $4, $5, $6)
                 on conflict (shot_id, code, subject) do update set print = excluded.print,
                     person_id = excluded.person_id, at = excluded.at",
            )
            .bind(shot_id.to_string())
            .bind(code.word())
            .bind(subject)
            .bind(print.to_string())
            .bind(person_id.to_string())
            .bind(now())
            .execute(&mut *tx)
            .await?;
        }
        None => {
            sqlx::query("delete from looked_at where shot_id = $1 and code = $2 and subject = $3")
                .bind(shot_id.to_string())
                .bind(code.word())
                .bind(subject)
                .execute(&mut *tx)
                .await?;
        }
    }
    events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Brief).await
}
