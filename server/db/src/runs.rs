//! Runs: one execution of a recipe on an approved quadmask.

use domain::inbox::EntryKind;
use domain::{EventKind, Job, JobId, PersonId, Phase, PlateRecipe, QuadmaskId, RunId, ShotId, ShotStep};
use sqlx::AnyConnection;
use sqlx::any::AnyExecutor;

use crate::row::Cells;
use crate::shots::{self, Locked};
use crate::{Db, Error, Result, decisions, events, inbox, new_uuid, now, quadmasks, to_json};

/// The engine that is always there.
pub const PLATE_ENGINE: &str = "plate";

#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub run_id: RunId,
    pub shot_id: ShotId,
    pub quadmask_id: QuadmaskId,
    pub engine: String,
    pub recipe: PlateRecipe,
    pub started_by: PersonId,
    pub created_at: i64,
}

pub async fn get<'e>(executor: impl AnyExecutor<'e>, run_id: RunId) -> Result<Run> {
    let row = sqlx::query(
        "select run_id, shot_id, quadmask_id, engine, recipe, started_by, created_at from run where run_id = $1",
    )
    .bind(run_id.to_string())
    .fetch_optional(executor)
    .await?
    .ok_or(Error::NotFound)?;
    Ok(Run {
        run_id: row.word("run_id")?,
        shot_id: row.word("shot_id")?,
        quadmask_id: row.word("quadmask_id")?,
        engine: row.text("engine")?,
        recipe: row.json("recipe")?,
        started_by: row.word("started_by")?,
        created_at: row.int("created_at")?,
    })
}

/// Writes the run and queues its job. One removal per shot is open at a time.
pub(crate) async fn queue(
    tx: &mut AnyConnection,
    shot: &Locked,
    quadmask_id: QuadmaskId,
    recipe: &PlateRecipe,
    person_id: PersonId,
) -> Result<(RunId, JobId)> {
    let run_id = RunId(new_uuid());
    sqlx::query(
        "insert into run (run_id, shot_id, quadmask_id, engine, recipe, started_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(run_id.to_string())
    .bind(shot.shot_id.to_string())
    .bind(quadmask_id.to_string())
    .bind(PLATE_ENGINE)
    .bind(to_json(recipe))
    .bind(person_id.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    let dedupe = format!("remove:{}", shot.shot_id);
    let job = Job::Remove { run_id };
    let queued =
        crate::queue::enqueue(tx, &job, Some(shot.project_id), Some(shot.shot_id), Some(&dedupe), 0).await?;
    if !queued.is_new {
        return Err(Error::Conflict("A removal of this shot is in the queue or running already.".into()));
    }
    Ok((run_id, queued.job_id))
}

/// Runs the newest quadmask with a recipe. Refused unless its decisions meet the policy as it is now.
pub async fn start(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    recipe: PlateRecipe,
    person_id: PersonId,
) -> Result<(RunId, JobId)> {
    let recipe = recipe.checked().map_err(|bad| Error::Invalid(format!("The recipe cannot run: {bad}.")))?;
    let shot = shots::lock(tx, shot_id).await?;
    let quadmask_id = approved(tx, &shot).await?;
    let queued = queue(tx, &shot, quadmask_id, &recipe, person_id).await?;
    shots::step(tx, &shot, ShotStep::StartRun).await?;
    Ok(queued)
}

/// The newest quadmask, if its decisions meet the policy.
async fn approved(tx: &mut AnyConnection, shot: &Locked) -> Result<QuadmaskId> {
    if shot.phase.step(ShotStep::StartRun).is_err() && shot.phase != Phase::Running {
        shots::step(tx, shot, ShotStep::StartRun).await?;
    }
    let newest = quadmasks::newest(&mut *tx, shot.shot_id).await?;
    let newest =
        newest.ok_or_else(|| Error::Conflict("There is no quadmask to run: send one to review.".into()))?;
    if !decisions::is_met(tx, shot, &newest).await? {
        return Err(Error::Conflict(format!(
            "Quadmask {} is not approved as this project's policy asks. Re-open it and send it to review again.",
            newest.n
        )));
    }
    Ok(newest.quadmask_id)
}

/// The run that was asked for last.
pub async fn newest(db: &Db, shot_id: ShotId) -> Result<Option<RunId>> {
    let id: Option<String> = sqlx::query_scalar(
        "select run_id from run where shot_id = $1 order by created_at desc, run_id desc limit 1",
    )
    .bind(shot_id.to_string())
    .fetch_optional(&db.pool)
    .await?;
    id.map(|id| crate::parse("run_id", &id)).transpose()
}

/// The shot's newest run: only it moves the shot.
async fn is_newest(tx: &mut AnyConnection, run: &Run) -> Result<bool> {
    let newest: Option<String> = sqlx::query_scalar(
        "select run_id from run where shot_id = $1 order by created_at desc, run_id desc limit 1",
    )
    .bind(run.shot_id.to_string())
    .fetch_optional(&mut *tx)
    .await?;
    Ok(newest == Some(run.run_id.to_string()))
}

/// The worker begins. A second beginning (after a take-over) changes nothing; a run whose quadmask is no longer the
/// approved one is a [`Error::Conflict`] and must not run.
pub async fn started(tx: &mut AnyConnection, run_id: RunId) -> Result<Run> {
    let run = get(&mut *tx, run_id).await?;
    let shot = shots::lock(tx, run.shot_id).await?;
    let quadmask_id = approved(tx, &shot).await?;
    if quadmask_id != run.quadmask_id || !is_newest(tx, &run).await? {
        return Err(Error::Conflict(
            "This removal was overtaken by a newer quadmask or a newer removal.".into(),
        ));
    }
    if shot.phase != Phase::Running {
        shots::step(tx, &shot, ShotStep::StartRun).await?;
    }
    Ok(run)
}

/// A failed or cancelled run is tried again.
pub(crate) async fn again(tx: &mut AnyConnection, run_id: RunId) -> Result<()> {
    let run = get(&mut *tx, run_id).await?;
    let shot = shots::lock(tx, run.shot_id).await?;
    let quadmask_id = approved(tx, &shot).await?;
    if quadmask_id != run.quadmask_id || !is_newest(tx, &run).await? {
        return Err(Error::Conflict(
            "This removal was overtaken by a newer one: start that one again instead.".into(),
        ));
    }
    shots::step(tx, &shot, ShotStep::StartRun).await?;
    Ok(())
}

/// The run failed; `sentence` says why and what to do. Nothing happens when the shot has moved on.
pub async fn failed(tx: &mut AnyConnection, run_id: RunId, sentence: &str) -> Result<()> {
    over(tx, run_id, ShotStep::RunFails, Some(sentence)).await
}

/// The run was cancelled: the quadmask stays approved.
pub async fn cancelled(tx: &mut AnyConnection, run_id: RunId) -> Result<()> {
    over(tx, run_id, ShotStep::CancelRun, None).await
}

async fn over(tx: &mut AnyConnection, run_id: RunId, step: ShotStep, problem: Option<&str>) -> Result<()> {
    let run = get(&mut *tx, run_id).await?;
    let shot = shots::lock(tx, run.shot_id).await?;
    if shot.phase.step(step).is_ok() && is_newest(tx, &run).await? {
        shots::step_with(tx, &shot, step, problem).await?;
        events::tell(tx, Some(shot.project_id), Some(shot.shot_id), &EventKind::Shot).await?;
        if let Some(words) = problem {
            let to = inbox::makers_of_run(tx, run_id).await?;
            let new = inbox::New { words, ..inbox::New::about(shot.shot_id, EntryKind::RunFailed) };
            inbox::put(tx, &to, &new).await?;
        }
    }
    Ok(())
}
