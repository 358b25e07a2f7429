//! What the built-in reasoner proposes for a shot, and what people decided on it. Accepting one makes a cause; nothing here
//! touches what is painted.

use domain::proposal::{Judged, ProposalState, Reasoning};
use domain::{Cause, CauseId, Hash, PersonId, Proposal, ProposalId, ShotId};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::row::Cells;
use crate::{Error, Result, brief, draft, events, new_uuid, now, shots, to_json};

/// Part of every input hash: raised where the same shot would come to other proposals.
const REASONER: &str = "built-in reasoner 1";

/// Overlap of cells from which on two proposals are about the same thing.
const SAME: f64 = 0.5;

/// A proposal with its small picture, as a search made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub proposal: Proposal,
    /// A data address.
    pub picture: Option<String>,
}

/// The hash of all that a search of this shot looks at: plate, part of it, and the levels of every frame.
pub fn inputs(shot: &domain::project::Shot, frames: &[draft::Frame]) -> Hash {
    let levels =
        frames.iter().filter_map(|frame| frame.levels.map(|levels| (frame.frame, levels.to_string())));
    let levels: Vec<(u32, String)> = levels.collect();
    Hash::of(to_json(&(REASONER, shot.plate.to_string(), shot.trim, levels)).as_bytes())
}

fn read(row: &AnyRow) -> Result<(Judged, String)> {
    let state: ProposalState = row.word("state")?;
    let cause_id: Option<CauseId> = row.maybe_word("cause_id")?;
    let is_there = row.maybe_text("cause_now")?.is_some();
    // Whoever deletes the cause says that it was not meant.
    let state = if state == ProposalState::Accepted && !is_there { ProposalState::Rejected } else { state };
    let judged = Judged {
        proposal_id: row.word("proposal_id")?,
        proposal: row.json("content")?,
        picture: row.maybe_text("picture")?,
        state,
        cause_id: cause_id.filter(|_| is_there),
    };
    Ok((judged, row.text("inputs")?))
}

const SELECT: &str =
    "select p.proposal_id, p.inputs, p.content, p.picture, p.state, p.cause_id, c.cause_id as cause_now
     from proposal p left join cause c on c.cause_id = p.cause_id";

async fn rows(tx: &mut AnyConnection, shot_id: ShotId) -> Result<Vec<(Judged, String)>> {
    let text = format!("{SELECT} where p.shot_id = $1 order by p.position, p.proposal_id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(text)).bind(shot_id.to_string()).fetch_all(&mut *tx).await?;
    rows.iter().map(read).collect()
}

/// What the last search came to, with what was decided; `None` before the first one.
pub async fn of_shot(db: &crate::Db, shot_id: ShotId) -> Result<Option<Reasoning>> {
    let Some((inputs, notes, at)) = last(db.pool(), shot_id).await? else { return Ok(None) };
    let text = format!("{SELECT} where p.shot_id = $1 and p.inputs = $2 order by p.position, p.proposal_id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(shot_id.to_string())
        .bind(&inputs)
        .fetch_all(db.pool())
        .await?;
    let all = rows.iter().map(|row| Ok(read(row)?.0)).collect::<Result<Vec<_>>>()?;
    Ok(Some(Reasoning { all, notes, at }))
}

/// What of the last search nobody decided on, without pictures; `None` before the first one.
pub async fn undecided(db: &crate::Db, shot_id: ShotId) -> Result<Option<Vec<(ProposalId, Proposal)>>> {
    let Some((inputs, ..)) = last(db.pool(), shot_id).await? else { return Ok(None) };
    let rows = sqlx::query(
        "select proposal_id, content from proposal where shot_id = $1 and inputs = $2 and state = 'proposed'
         order by position, proposal_id",
    )
    .bind(shot_id.to_string())
    .bind(inputs)
    .fetch_all(db.pool())
    .await?;
    let all: Result<Vec<_>> =
        rows.iter().map(|row| Ok((row.word("proposal_id")?, row.json("content")?))).collect();
    all.map(Some)
}

async fn last<'e>(
    executor: impl AnyExecutor<'e>,
    shot_id: ShotId,
) -> Result<Option<(String, Vec<String>, i64)>> {
    let row = sqlx::query("select inputs, notes, at from reasoning where shot_id = $1")
        .bind(shot_id.to_string())
        .fetch_optional(executor)
        .await?;
    row.map(|row| Ok((row.text("inputs")?, row.json("notes")?, row.int("at")?))).transpose()
}

/// Whether the last search looked at just this.
pub async fn is_done<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId, inputs: Hash) -> Result<bool> {
    Ok(last(executor, shot_id).await?.is_some_and(|(before, _, _)| before == inputs.to_string()))
}

/// Keeps what a search found. Proposals nobody decided on make room. What was rejected before, and what became a cause, is
/// known again by its cells: the one stays rejected, the other is not proposed twice.
pub async fn put(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    inputs: Hash,
    found: &[Found],
    notes: &[String],
) -> Result<()> {
    let shot = shots::lock(tx, shot_id).await?;
    if is_done(&mut *tx, shot_id, inputs).await? {
        return Ok(());
    }
    let before = rows(tx, shot_id).await?;
    sqlx::query("delete from proposal where shot_id = $1 and state = 'proposed'")
        .bind(shot_id.to_string())
        .execute(&mut *tx)
        .await?;
    for (position, found) in (0_i64..).zip(found) {
        let mut decided = before.iter().map(|(judged, _)| judged).filter(|judged| {
            judged.state != ProposalState::Proposed && judged.proposal.is_like(&found.proposal, SAME)
        });
        let decided = decided.next_back();
        sqlx::query(
            "insert into proposal (proposal_id, shot_id, position, inputs, content, picture, state, cause_id, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(new_uuid().to_string())
        .bind(shot_id.to_string())
        .bind(position)
        .bind(inputs.to_string())
        .bind(to_json(&found.proposal))
        .bind(found.picture.clone())
        .bind(decided.map_or(ProposalState::Proposed, |judged| judged.state).word())
        .bind(decided.and_then(|judged| judged.cause_id).map(|id| id.to_string()))
        .bind(now())
        .execute(&mut *tx)
        .await?;
    }
    sqlx::query(
        "insert into reasoning (shot_id, inputs, notes, at) values ($1, $2, $3, $4)
         on conflict (shot_id) do update set inputs = excluded.inputs, notes = excluded.notes, at = excluded.at",
    )
    .bind(shot_id.to_string())
    .bind(inputs.to_string())
    .bind(to_json(&notes))
    .bind(now())
    .execute(&mut *tx)
    .await?;
    events::tell(tx, Some(shot.project_id), Some(shot_id), &domain::EventKind::Brief).await
}

async fn one(tx: &mut AnyConnection, shot_id: ShotId, proposal_id: ProposalId) -> Result<Judged> {
    let text = format!("{SELECT} where p.shot_id = $1 and p.proposal_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(shot_id.to_string())
        .bind(proposal_id.to_string())
        .fetch_optional(&mut *tx)
        .await?;
    Ok(read(&row.ok_or(Error::NotFound)?)?.0)
}

async fn decide(
    tx: &mut AnyConnection,
    proposal_id: ProposalId,
    state: ProposalState,
    cause_id: Option<CauseId>,
    person_id: PersonId,
) -> Result<()> {
    sqlx::query(
        "update proposal set state = $2, cause_id = $3, decided_by = $4, decided_at = $5 where proposal_id = $1",
    )
    .bind(proposal_id.to_string())
    .bind(state.word())
    .bind(cause_id.map(|id| id.to_string()))
    .bind(person_id.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Makes a cause of a proposal, with its cells; frames in its words are numbered from `first_frame`. One that is a cause
/// already gives that cause.
pub async fn accept(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    proposal_id: ProposalId,
    person_id: PersonId,
    first_frame: u32,
) -> Result<Cause> {
    let shot = shots::edit(tx, shot_id).await?;
    let judged = one(tx, shot_id, proposal_id).await?;
    if let Some(cause_id) = judged.cause_id {
        let causes = brief::causes(&mut *tx, shot_id).await?;
        return causes.into_iter().find(|c| c.cause_id == cause_id).ok_or(Error::NotFound);
    }
    let proposal = judged.proposal;
    let number = |frame: u32| frame + first_frame;
    let cause = Cause {
        cause_id: CauseId(new_uuid()),
        name: proposal.name(number),
        reason: proposal.reason(number),
        consequence: proposal.consequence,
        path: Vec::new(),
        spans: proposal.spans,
    };
    brief::insert_cause(tx, &shot, person_id, &cause).await?;
    decide(tx, proposal_id, ProposalState::Accepted, Some(cause.cause_id), person_id).await?;
    Ok(cause)
}

/// Puts a proposal aside, or brings it back. One that is a cause is refused: the cause is deleted instead.
pub async fn reject(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    proposal_id: ProposalId,
    person_id: PersonId,
    rejected: bool,
) -> Result<()> {
    let shot = shots::edit(tx, shot_id).await?;
    let judged = one(tx, shot_id, proposal_id).await?;
    if judged.cause_id.is_some() {
        return Err(Error::Conflict("It is a cause already: delete the cause instead.".into()));
    }
    let state = if rejected { ProposalState::Rejected } else { ProposalState::Proposed };
    decide(tx, proposal_id, state, None, person_id).await?;
    events::tell(tx, Some(shot.project_id), Some(shot_id), &domain::EventKind::Brief).await
}
