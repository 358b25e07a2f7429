//! A shot's whole record, read at one moment and judged by `provenance`; and every shot there is, for checking them all.

use domain::{Phase, QuadmaskId, ShotId};
use provenance::History;
use provenance::history::{Named, Plate, Quadmask, Record, Row, Version};
use sqlx::AnyConnection;

use crate::decisions::read_link;
use crate::row::Cells;
use crate::{Db, Error, Result};

/// Everything that was made and decided about the shot, with the result of the check. Rows that somebody changed so that they
/// cannot be read at all are faults of the record, not an error.
///
/// # Errors
/// [`Error::NotFound`] for a shot that is not there.
pub async fn of_shot(db: &Db, shot_id: ShotId) -> Result<History> {
    let mut tx = db.snapshot().await?;
    Ok(History::of(record(&mut tx, shot_id).await?))
}

async fn record(tx: &mut AnyConnection, shot_id: ShotId) -> Result<Record> {
    let id = shot_id.to_string();
    let shot = sqlx::query(
        "select s.project_id, p.name as project, q.name as sequence, s.name, s.phase, s.file_name, s.plate
         from shot s join project p on p.project_id = s.project_id left join sequence q on q.sequence_id = s.sequence_id
         where s.shot_id = $1",
    )
    .bind(&id)
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound)?;
    let mut unreadable = Vec::new();
    let quadmasks = sqlx::query(
        "select q.quadmask_id, q.n, p.name as author, q.note, q.created_at, q.subject, q.subject_json
         from quadmask q join person p on p.person_id = q.author where q.shot_id = $1 order by q.n",
    )
    .bind(&id)
    .fetch_all(&mut *tx)
    .await?;
    let quadmasks = quadmasks.iter().map(|row| {
        Ok(Quadmask {
            quadmask_id: row.word("quadmask_id")?,
            n: row.count("n")?,
            author: row.text("author")?,
            note: row.text("note")?,
            made_at: row.int("created_at")?,
            subject: row.word("subject")?,
            content: row.text("subject_json")?,
        })
    });
    let quadmasks = readable(quadmasks, "quadmask", &mut unreadable)?;
    let versions = sqlx::query(
        "select v.version_id, v.n, q.n as quadmask_n, r.engine, v.created_at, v.subject, v.manifest
         from version v join quadmask q on q.quadmask_id = v.quadmask_id join run r on r.run_id = v.run_id
         where v.shot_id = $1 order by v.n",
    )
    .bind(&id)
    .fetch_all(&mut *tx)
    .await?;
    let versions = versions.iter().map(|row| {
        Ok(Version {
            version_id: row.word("version_id")?,
            n: row.count("n")?,
            quadmask_n: row.count("quadmask_n")?,
            engine: row.text("engine")?,
            made_at: row.int("created_at")?,
            subject: row.word("subject")?,
            content: provenance::respelled(&row.text("manifest")?),
        })
    });
    let versions = readable(versions, "version", &mut unreadable)?;
    // Whoever decided may be gone from the table in a record that was tampered with: the row is read all the same.
    let decisions = sqlx::query(
        "select d.decision_id, d.shot_id, d.n, d.subject_kind, d.subject_id, d.subject, d.person_id, d.role, d.verdict, d.note,
             d.at, d.prev, d.row_hash, p.name, l.link_id, l.name as link
         from decision d left join person p on p.person_id = d.person_id left join guest g on g.guest_id = d.person_id
         left join share_link l on l.link_id = g.link_id where d.shot_id = $1 order by d.n",
    )
    .bind(&id)
    .fetch_all(&mut *tx)
    .await?;
    let decisions = decisions.iter().map(|row| {
        let (link, row_hash) = read_link(row)?;
        let guest_of = match (row.maybe_text("link_id")?, row.maybe_text("link")?) {
            (Some(id), Some(name)) => Some(Named { id, name }),
            _ => None,
        };
        let name =
            row.maybe_text("name")?.unwrap_or_else(|| "somebody who is not in the studio's list".into());
        Ok(Row { link, row_hash, name, guest_of })
    });
    let decisions = readable(decisions, "decision", &mut unreadable)?;
    let run = sqlx::query("select distinct quadmask_id from run where shot_id = $1")
        .bind(&id)
        .fetch_all(&mut *tx)
        .await?;
    let run = run.iter().map(|row| row.word("quadmask_id")).collect::<Result<Vec<QuadmaskId>>>()?;
    Ok(Record {
        project: Named { id: shot.text("project_id")?, name: shot.text("project")? },
        sequence: shot.maybe_text("sequence")?,
        shot: Named { id, name: shot.text("name")? },
        phase: shot.word::<Phase>("phase")?,
        plate: Plate { file_name: shot.text("file_name")?, sha256: shot.word("plate")? },
        quadmasks,
        versions,
        decisions,
        run,
        unreadable,
    })
}

/// Those that can be read; of the others a sentence.
fn readable<T>(
    rows: impl Iterator<Item = Result<T>>,
    what: &str,
    unreadable: &mut Vec<String>,
) -> Result<Vec<T>> {
    let mut read = Vec::new();
    for row in rows {
        match row {
            Ok(row) => read.push(row),
            Err(Error::Corrupt(why)) => {
                unreadable.push(format!("A {what} was changed so that it cannot be read any more ({why})."));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// Shots that have a history by `Project/shot`, in that order. `wanted`: a project's name, `Project/shot` or a shot's id; of
/// `None` all.
pub async fn shots(db: &Db, wanted: Option<&str>) -> Result<Vec<(ShotId, String)>> {
    let rows = sqlx::query(
        "select s.shot_id, p.name as project, s.name from shot s join project p on p.project_id = s.project_id
         order by p.name, s.name, s.shot_id",
    )
    .fetch_all(&db.pool)
    .await?;
    let mut found = Vec::new();
    for row in &rows {
        let (id, project) = (row.text("shot_id")?, row.text("project")?);
        let place = format!("{project}/{}", row.text("name")?);
        if wanted.is_none_or(|wanted| wanted == project || wanted == place || wanted == id) {
            found.push((crate::parse("shot_id", &id)?, place));
        }
    }
    Ok(found)
}
