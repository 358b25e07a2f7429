//! What a reasoner proposes for a shot, and what people decided on it. Accepting one makes a cause, or a target of what belongs to
//! the target; nothing here touches what is painted.

use domain::outside::{Asked, Sends};
use domain::proposal::{Accepted, Judged, ProposalState, Reasoning};
use domain::question::Question;
use domain::{
    BoxPrompt, Cause, CauseId, Effect, Grid, Hash, PersonId, Proposal, ProposalId, ShotId, Target, TargetId,
};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::row::Cells;
use crate::{Error, Result, brief, draft, events, new_uuid, now, shots, to_json};

/// Part of every input hash: raised where the same shot would come to other proposals.
const REASONER: &str = "built-in reasoner 1";

/// Overlap of cells from which on two proposals are about the same thing.
const SAME: f64 = 0.5;

/// What came of asking a model outside, beside its proposals.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub asked: Asked,
    /// What the scene shows without the target; `None`: nothing was said.
    pub scene: Option<String>,
}

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

/// As [`inputs`], of asking a model outside: `key` is that of the question, with the model and what is sent in it.
pub fn inputs_outside(shot: &domain::project::Shot, frames: &[draft::Frame], key: Hash) -> Hash {
    Hash::of(to_json(&(inputs(shot, frames).to_string(), shot.said_colour, key.to_string())).as_bytes())
}

fn read(row: &AnyRow) -> Result<(Judged, String)> {
    let state: ProposalState = row.word("state")?;
    let cause_id: Option<CauseId> = row.maybe_word("cause_id")?;
    let target_id: Option<TargetId> = row.maybe_word("target_id")?;
    let (has_cause, has_target) =
        (row.maybe_text("cause_now")?.is_some(), row.maybe_text("target_now")?.is_some());
    let is_there = has_cause || has_target;
    // Whoever deletes the cause or the target says that it was not meant.
    let state = if state == ProposalState::Accepted && !is_there { ProposalState::Rejected } else { state };
    let judged = Judged {
        proposal_id: row.word("proposal_id")?,
        proposal: row.json("content")?,
        picture: row.maybe_text("picture")?,
        state,
        cause_id: cause_id.filter(|_| has_cause),
        target_id: target_id.filter(|_| has_target),
    };
    Ok((judged, row.text("inputs")?))
}

const SELECT: &str =
    "select p.proposal_id, p.inputs, p.content, p.picture, p.state, p.cause_id, c.cause_id as cause_now, p.target_id,
         t.target_id as target_now
     from proposal p left join cause c on c.cause_id = p.cause_id left join target t on t.target_id = p.target_id";

async fn rows(tx: &mut AnyConnection, shot_id: ShotId) -> Result<Vec<(Judged, String)>> {
    let text = format!("{SELECT} where p.shot_id = $1 order by p.position, p.proposal_id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(text)).bind(shot_id.to_string()).fetch_all(&mut *tx).await?;
    rows.iter().map(read).collect()
}

/// What the last search came to, with what was decided; `None` before the first one.
pub async fn of_shot(db: &crate::Db, shot_id: ShotId) -> Result<Option<Reasoning>> {
    let Some(Last { inputs, notes, at, asked, scene }) = last(db.pool(), shot_id).await? else {
        return Ok(None);
    };
    let text = format!("{SELECT} where p.shot_id = $1 and p.inputs = $2 order by p.position, p.proposal_id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(shot_id.to_string())
        .bind(&inputs)
        .fetch_all(db.pool())
        .await?;
    let all = rows.iter().map(|row| Ok(read(row)?.0)).collect::<Result<Vec<_>>>()?;
    Ok(Some(Reasoning { all, notes, at, asked, scene }))
}

/// What of the last search nobody decided on, without pictures; `None` before the first one.
pub async fn undecided(db: &crate::Db, shot_id: ShotId) -> Result<Option<Vec<(ProposalId, Proposal)>>> {
    let Some(Last { inputs, .. }) = last(db.pool(), shot_id).await? else { return Ok(None) };
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

/// The last search, without its proposals.
struct Last {
    inputs: String,
    notes: Vec<String>,
    at: i64,
    asked: Option<Asked>,
    scene: Option<String>,
}

async fn last<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Option<Last>> {
    let row = sqlx::query("select inputs, notes, at, asked, scene from reasoning where shot_id = $1")
        .bind(shot_id.to_string())
        .fetch_optional(executor)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Last {
        inputs: row.text("inputs")?,
        notes: row.json("notes")?,
        at: row.int("at")?,
        asked: row.maybe_json("asked")?,
        scene: row.maybe_text("scene")?,
    }))
}

/// Whether the last search looked at just this.
pub async fn is_done<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId, inputs: Hash) -> Result<bool> {
    Ok(last(executor, shot_id).await?.is_some_and(|last| last.inputs == inputs.to_string()))
}

/// Keeps what the built-in reasoner found; see [`put_told`].
pub async fn put(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    inputs: Hash,
    found: &[Found],
    notes: &[String],
) -> Result<()> {
    put_told(tx, shot_id, inputs, found, notes, None).await
}

/// Keeps what a search found. Proposals nobody decided on make room. What was rejected before, and what became a cause, is
/// known again by its cells: the one stays rejected, the other is not proposed twice.
pub async fn put_told(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    inputs: Hash,
    found: &[Found],
    notes: &[String],
    told: Option<&Told>,
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
            "insert into proposal (proposal_id, shot_id, position, inputs, content, picture, state, cause_id, target_id, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(new_uuid().to_string())
        .bind(shot_id.to_string())
        .bind(position)
        .bind(inputs.to_string())
        .bind(to_json(&found.proposal))
        .bind(found.picture.clone())
        .bind(decided.map_or(ProposalState::Proposed, |judged| judged.state).word())
        .bind(decided.and_then(|judged| judged.cause_id).map(|id| id.to_string()))
        .bind(decided.and_then(|judged| judged.target_id).map(|id| id.to_string()))
        .bind(now())
        .execute(&mut *tx)
        .await?;
    }
    sqlx::query(
        "insert into reasoning (shot_id, inputs, notes, at, asked, scene) values ($1, $2, $3, $4, $5, $6)
         on conflict (shot_id) do update set inputs = excluded.inputs, notes = excluded.notes, at = excluded.at,
             asked = excluded.asked, scene = excluded.scene",
    )
    .bind(shot_id.to_string())
    .bind(inputs.to_string())
    .bind(to_json(&notes))
    .bind(now())
    .bind(told.map(|told| to_json(&told.asked)))
    .bind(told.and_then(|told| told.scene.clone()))
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
    became: Option<&Accepted>,
    person_id: PersonId,
) -> Result<()> {
    let (cause_id, target_id) = match became {
        Some(Accepted::Cause(cause)) => (Some(cause.cause_id.to_string()), None),
        Some(Accepted::Target(target)) => (None, Some(target.target_id.to_string())),
        None => (None, None),
    };
    sqlx::query(
        "update proposal set state = $2, cause_id = $3, target_id = $4, decided_by = $5, decided_at = $6 where proposal_id = $1",
    )
    .bind(proposal_id.to_string())
    .bind(state.word())
    .bind(cause_id)
    .bind(target_id)
    .bind(person_id.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Makes a cause of a proposal, with its cells and its path, or a target of what belongs to the target; frames in its words are
/// numbered from `first_frame`. One that is accepted already gives what it became.
pub async fn accept(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    proposal_id: ProposalId,
    person_id: PersonId,
    first_frame: u32,
) -> Result<Accepted> {
    let shot = shots::edit(tx, shot_id).await?;
    let Judged { proposal, cause_id, target_id, .. } = one(tx, shot_id, proposal_id).await?;
    if let Some(cause_id) = cause_id {
        let causes = brief::causes(&mut *tx, shot_id).await?;
        let cause = causes.into_iter().find(|c| c.cause_id == cause_id).ok_or(Error::NotFound)?;
        return Ok(Accepted::Cause(cause));
    }
    if let Some(target_id) = target_id {
        let targets = brief::targets(&mut *tx, shot_id).await?;
        let target = targets.into_iter().find(|t| t.target_id == target_id).ok_or(Error::NotFound)?;
        return Ok(Accepted::Target(target));
    }
    let number = |frame: u32| frame + first_frame;
    let name = proposal.name(number);
    let became = if proposal.effect == Effect::Belonging {
        Accepted::Target(joined(tx, &shot, person_id, &name, &proposal).await?)
    } else {
        let reason = proposal.reason(number);
        let path = match proposal.consequence {
            domain::Consequence::React => proposal.said.map(|said| said.path).unwrap_or_default(),
            _ => Vec::new(),
        };
        let (consequence, spans) = (proposal.consequence, proposal.spans);
        let cause_id = CauseId(new_uuid());
        let cause = Cause { cause_id, name, reason, consequence, path, spans };
        brief::insert_cause(tx, &shot, person_id, &cause).await?;
        Accepted::Cause(cause)
    };
    decide(tx, proposal_id, ProposalState::Accepted, Some(&became), person_id).await?;
    Ok(became)
}

/// A belonging goes with the target: it becomes one more, with a box where it was seen, so that the mask grows over it too.
async fn joined(
    tx: &mut AnyConnection,
    shot: &shots::Locked,
    by: PersonId,
    name: &str,
    proposal: &Proposal,
) -> Result<Target> {
    let shots::Size { frames, width, height } = shot.size()?;
    let mut target = brief::add_target(tx, shot.shot_id, by, name).await?;
    let [left, top, right, bottom] = proposal.place;
    let (w, h) = (width as f32, height as f32);
    let shown = BoxPrompt { frame: proposal.shown, x0: left * w, y0: top * h, x1: right * w, y1: bottom * h };
    let boxes = match &proposal.said {
        Some(said) => said.boxes.clone(),
        None => vec![shown],
    };
    // Said without a place: whoever accepts it clicks it.
    let is_there = |b: &BoxPrompt| b.frame < frames && b.x1 - b.x0 >= 1.0 && b.y1 - b.y0 >= 1.0;
    target.boxes = boxes.into_iter().filter(is_there).collect();
    if !target.boxes.is_empty() {
        brief::save_target(tx, shot.shot_id, by, &target).await?;
    }
    Ok(target)
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
    if judged.target_id.is_some() {
        return Err(Error::Conflict("It is a target already: delete the target instead.".into()));
    }
    let state = if rejected { ProposalState::Rejected } else { ProposalState::Proposed };
    decide(tx, proposal_id, state, None, person_id).await?;
    events::tell(tx, Some(shot.project_id), Some(shot_id), &domain::EventKind::Brief).await
}

/// What a model outside would be asked about this shot now.
///
/// # Errors
/// [`Error::Conflict`] while the plate is not read.
pub async fn question(
    db: &crate::Db,
    shot: &domain::project::Shot,
    frames: &[draft::Frame],
    sends: Sends,
) -> Result<Question> {
    let facts = shot.facts.as_ref().ok_or_else(|| {
        Error::Conflict("The plate is not read yet: wait until its film strip is there.".into())
    })?;
    let words = brief::words(db.pool(), shot.shot_id).await?;
    let targets = brief::targets(db.pool(), shot.shot_id).await?;
    let areas = frames.iter().map(|frame| (frame.frame, frame.cover.primary_area));
    let grid = Grid::of(facts.width(), facts.height());
    let names = targets.into_iter().map(|target| target.name);
    Ok(Question::new((facts.frames, grid), sends, areas, &words.removal, names))
}
