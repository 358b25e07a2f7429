//! Causes as a thing of their own: where a project asks for it, they are approved before a quadmask is made of them. Decisions are
//! about the hash of what was seen, are never changed, and hold for nothing else.

use domain::cause::CausesReview;
use domain::policy::{Cast, has_approved};
use domain::project::Project;
use domain::version::Decision;
use domain::{Cause, DecisionId, EventKind, Hash, PersonId, ShotId, Verdict};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::decisions::Ballot;
use crate::row::Cells;
use crate::shots::{self, Locked};
use crate::{Db, Error, Result, brief, events, new_uuid, now, projects, to_json};

const MOST_NOTE: usize = 4_000;

/// What a decision about these causes is about.
pub fn subject(causes: &[Cause]) -> Hash {
    Hash::of(to_json(&causes).as_bytes())
}

fn read(row: &AnyRow) -> Result<Decision> {
    Ok(Decision {
        decision_id: row.word("decision_id")?,
        person_id: row.word("person_id")?,
        person_name: row.text("name")?,
        role: row.word("role")?,
        is_guest: false,
        verdict: row.word("verdict")?,
        note: row.text("note")?,
        subject: row.word("subject")?,
        at: row.int("at")?,
    })
}

/// Oldest first.
async fn decisions<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Vec<Decision>> {
    let rows = sqlx::query(
        "select d.decision_id, d.person_id, p.name, d.role, d.verdict, d.note, d.subject, d.at
         from causes_decision d join person p on p.person_id = d.person_id where d.shot_id = $1 order by d.n",
    )
    .bind(shot_id.to_string())
    .fetch_all(executor)
    .await?;
    rows.iter().map(read).collect()
}

/// Who changed a cause last, as far as undo knows.
async fn author<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<PersonId> {
    let row = sqlx::query(
        "select person_id from draft_edit where shot_id = $1 and item like 'cause:%' order by edit desc limit 1",
    )
    .bind(shot_id.to_string())
    .fetch_optional(executor)
    .await?;
    row.map_or_else(|| Ok(PersonId(Default::default())), |row| row.word("person_id"))
}

fn standing(project: &Project, causes: &[Cause], author: PersonId, decisions: Vec<Decision>) -> CausesReview {
    let subject = subject(causes);
    let casts: Vec<Cast> = decisions
        .iter()
        .filter(|said| said.subject == subject)
        .map(|said| Cast { person: said.person_id, role: said.role, verdict: said.verdict })
        .collect();
    let is_approved = project.policy.stands(&casts, author);
    CausesReview { subject, author, decisions, is_approved }
}

/// How the causes of a shot stand; `None`: its project does not ask for it.
pub async fn review(db: &Db, project: &Project, shot_id: ShotId) -> Result<Option<CausesReview>> {
    if !project.causes_first {
        return Ok(None);
    }
    let causes = brief::causes(db.pool(), shot_id).await?;
    let (author, decisions) = (author(db.pool(), shot_id).await?, decisions(db.pool(), shot_id).await?);
    Ok(Some(standing(project, &causes, author, decisions)))
}

/// One decision about the causes as they were seen.
///
/// # Errors
/// [`Error::Conflict`] where they changed since, where they are no thing of their own, or after the quadmask was sent to review;
/// [`Error::Invalid`] where the word would not count, or changes are asked for without a note.
pub async fn decide(tx: &mut AnyConnection, shot_id: ShotId, ballot: &Ballot<'_>) -> Result<()> {
    let shot = shots::lock(tx, shot_id).await?;
    let project = projects::get(&mut *tx, shot.project_id).await?;
    if !project.causes_first {
        return Err(Error::Conflict(
            "In this project causes are approved together with the quadmask.".into(),
        ));
    }
    if !shot.phase.is_editable() {
        return Err(Error::Conflict(
            "The quadmask was sent to review, and its causes with it: decide about the quadmask.".into(),
        ));
    }
    let causes = brief::causes(&mut *tx, shot_id).await?;
    if subject(&causes) != ballot.seen {
        return Err(Error::Conflict(
            "The causes were changed since you looked at them: look at them again, then decide.".into(),
        ));
    }
    let author = author(&mut *tx, shot_id).await?;
    project
        .policy
        .counts(ballot.person_id, ballot.role, author)
        .map_err(|why| Error::Invalid(format!("Your decision would not count: {why}.")))?;
    let note = ballot.note.trim();
    if ballot.verdict == Verdict::Changes && note.is_empty() {
        return Err(Error::Invalid("Say in the note what should change.".into()));
    }
    if note.chars().count() > MOST_NOTE {
        return Err(Error::Invalid("A note has at most 4,000 characters: shorten it.".into()));
    }
    let before = decisions(&mut *tx, shot_id).await?;
    let said = before.iter().filter(|said| said.subject == ballot.seen);
    if ballot.verdict == Verdict::Approve
        && has_approved(said.map(|said| (said.person_id, said.verdict)), ballot.person_id)
    {
        return Err(Error::Conflict("You have approved these causes already.".into()));
    }
    sqlx::query(
        "insert into causes_decision (decision_id, shot_id, n, subject, person_id, role, verdict, note, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(DecisionId(new_uuid()).to_string())
    .bind(shot_id.to_string())
    .bind(before.len() as i64 + 1)
    .bind(ballot.seen.to_string())
    .bind(ballot.person_id.to_string())
    .bind(ballot.role.word())
    .bind(ballot.verdict.word())
    .bind(note)
    .bind(now())
    .execute(&mut *tx)
    .await?;
    events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Brief).await
}

/// Refuses what needs approved causes, where the project asks for them.
pub(crate) async fn check(tx: &mut AnyConnection, shot: &Locked) -> Result<()> {
    let project = projects::get(&mut *tx, shot.project_id).await?;
    if !project.causes_first {
        return Ok(());
    }
    let causes = brief::causes(&mut *tx, shot.shot_id).await?;
    let author = author(&mut *tx, shot.shot_id).await?;
    let decisions = decisions(&mut *tx, shot.shot_id).await?;
    if standing(&project, &causes, author, decisions).is_approved {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "This project has causes approved first, and these are not yet. {}. Have them approved on this step, then send the \
         quadmask to review.",
        project.policy.sentence()
    )))
}

/// Whether causes are approved before the quadmask.
pub async fn set_first(tx: &mut AnyConnection, project_id: domain::ProjectId, on: bool) -> Result<()> {
    projects::lock_open(tx, project_id).await?;
    sqlx::query("update project set causes_first = $2 where project_id = $1")
        .bind(project_id.to_string())
        .bind(i64::from(on))
        .execute(&mut *tx)
        .await?;
    events::tell(tx, Some(project_id), None, &EventKind::Project).await
}
