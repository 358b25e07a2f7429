//! Runs: one execution of a recipe on an approved quadmask.

use domain::inbox::EntryKind;
use domain::{
    EventKind, Job, JobId, PersonId, Phase, QuadmaskId, Recipe, RunId, ShotId, ShotStep, VoidOrder, Words,
};
use serde::Deserialize;
use sqlx::AnyConnection;
use sqlx::any::AnyExecutor;

use crate::row::Cells;
use crate::shots::{self, Locked};
use crate::{Db, Error, Result, decisions, events, inbox, new_uuid, now, quadmasks, to_json, versions};

#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub run_id: RunId,
    pub shot_id: ShotId,
    pub quadmask_id: QuadmaskId,
    pub recipe: Recipe,
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
        recipe: Recipe::read(&row.text("engine")?, row.json("recipe")?)
            .map_err(|why| Error::Corrupt(format!("run.recipe: {why}")))?,
        started_by: row.word("started_by")?,
        created_at: row.int("created_at")?,
    })
}

/// Writes the run and queues its job. One removal per shot is open at a time.
pub(crate) async fn queue(
    tx: &mut AnyConnection,
    shot: &Locked,
    quadmask_id: QuadmaskId,
    recipe: &Recipe,
    person_id: PersonId,
) -> Result<(RunId, JobId)> {
    let waiting: i64 = sqlx::query_scalar(
        "select count(*) from job where shot_id = $1 and kind = 'remove' and state in ('queued', 'running')",
    )
    .bind(shot.shot_id.to_string())
    .fetch_one(&mut *tx)
    .await?;
    if waiting > 0 {
        return Err(Error::Conflict("A removal of this shot is in the queue or running already.".into()));
    }
    put(tx, shot, quadmask_id, recipe, person_id, &format!("remove:{}", shot.shot_id)).await
}

/// Queues pass 2 right behind the run that made its pass 1, whose job is not over yet. Nothing is queued where the quadmask
/// is not the approved one any more, or the run was overtaken.
pub(crate) async fn follow(tx: &mut AnyConnection, first: &Run, order: VoidOrder) -> Result<()> {
    let shot = shots::lock(tx, first.shot_id).await?;
    let is_current = match approved(tx, &shot).await {
        Ok(quadmask_id) => quadmask_id == first.quadmask_id,
        Err(Error::Conflict(_)) => false,
        Err(error) => return Err(error),
    };
    if !is_current || !is_newest(tx, first).await? {
        return Ok(());
    }
    let dedupe = format!("remove:{}:after:{}", shot.shot_id, first.run_id);
    put(tx, &shot, first.quadmask_id, &order.into(), first.started_by, &dedupe).await?;
    shots::step(tx, &shot, ShotStep::StartRun).await?;
    Ok(())
}

async fn put(
    tx: &mut AnyConnection,
    shot: &Locked,
    quadmask_id: QuadmaskId,
    recipe: &Recipe,
    person_id: PersonId,
    dedupe: &str,
) -> Result<(RunId, JobId)> {
    let run_id = RunId(new_uuid());
    sqlx::query(
        "insert into run (run_id, shot_id, quadmask_id, engine, recipe, started_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(run_id.to_string())
    .bind(shot.shot_id.to_string())
    .bind(quadmask_id.to_string())
    .bind(recipe.engine())
    .bind(to_json(&recipe.knobs()))
    .bind(person_id.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    let job = Job::Remove { run_id };
    let queued =
        crate::queue::enqueue(tx, &job, Some(shot.project_id), Some(shot.shot_id), Some(dedupe), 0).await?;
    if !queued.is_new {
        return Err(Error::Conflict("A removal of this shot is in the queue or running already.".into()));
    }
    if let Some(need) = recipe.need() {
        crate::queue::demand(tx, queued.job_id, need).await?;
    }
    Ok((run_id, queued.job_id))
}

/// Runs the newest quadmask with a recipe. Refused unless its decisions meet the policy as it is now, and when the engine
/// could not begin. Whether a worker has the engine is not asked here.
pub async fn start(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    recipe: impl Into<Recipe>,
    person_id: PersonId,
) -> Result<(RunId, JobId)> {
    let recipe = recipe.into().checked();
    let recipe = recipe.map_err(|bad| Error::Invalid(format!("The recipe cannot run: {bad}.")))?;
    let shot = shots::lock(tx, shot_id).await?;
    let quadmask_id = approved(tx, &shot).await?;
    if let Recipe::Void(order) = &recipe {
        can_begin(tx, &shot, quadmask_id, order).await?;
    }
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

/// Whether VOID has what it begins with: a prompt in what was approved, and for pass 2 a result of pass 1 that lies on the
/// canvas as it will.
async fn can_begin(
    tx: &mut AnyConnection,
    shot: &Locked,
    quadmask_id: QuadmaskId,
    order: &VoidOrder,
) -> Result<()> {
    #[derive(Deserialize)]
    struct Approved {
        words: Words,
    }
    let approved: Approved =
        crate::from_json("quadmask.subject_json", &quadmasks::subject_json(&mut *tx, quadmask_id).await?)?;
    if approved.words.after.trim().is_empty() {
        return Err(Error::Invalid(
            "VOID needs a prompt, and the approved quadmask says nothing of what the scene shows afterwards. Re-open it, \
             write that on the targets step, and send it to review again."
                .into(),
        ));
    }
    let Some(version_id) = order.first_pass else { return Ok(()) };
    let first = match versions::get(&mut *tx, version_id).await {
        Err(Error::NotFound) => None,
        found => Some(found?),
    };
    let Some(first) = first.filter(|first| first.shot_id == shot.shot_id) else {
        return Err(Error::Invalid(
            "Pass 2 needs a result of VOID’s pass 1 of this shot: choose one.".into(),
        ));
    };
    let wrong =
        |what: &str| Err(Error::Conflict(format!("Pass 2 cannot start from version {}: {what}", first.n)));
    if !first.is_first_pass() {
        return wrong("it was not made by VOID’s pass 1. Run pass 1 first.");
    }
    if first.quadmask_id != quadmask_id {
        return wrong("it was made with another quadmask. Run pass 1 with the one that is approved now.");
    }
    match Recipe::read(&first.engine, first.recipe.clone()) {
        Ok(Recipe::Void(before)) if before.knobs.layout() == order.knobs.layout() => Ok(()),
        _ => wrong("the plate lay on another canvas there. Give canvas, fit and region of that version."),
    }
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

/// Which of these runs may still go on, or be tried again: the newest of their shots that made no version and were not
/// cancelled.
pub async fn unfinished(db: &Db, runs: &[RunId]) -> Result<Vec<RunId>> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(format!(
        "select r.run_id from run r where r.run_id in ({})
         and not exists (select 1 from version v where v.run_id = r.run_id)
         and not exists (select 1 from run o where o.shot_id = r.shot_id
                         and (o.created_at > r.created_at or (o.created_at = r.created_at and o.run_id > r.run_id)))
         and exists (select 1 from job j where j.shot_id = r.shot_id and j.kind = 'remove' and j.state <> 'cancelled'
                     and j.payload like '%' || r.run_id || '%')",
        crate::row::places(1, runs.len())
    )));
    for run in runs {
        query = query.bind(run.to_string());
    }
    let ids = query.fetch_all(&db.pool).await?;
    ids.iter().map(|id| crate::parse("run_id", id)).collect()
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

/// The run was cancelled: the quadmask stays approved, and a result that was to be refined stays in review.
pub async fn cancelled(tx: &mut AnyConnection, run_id: RunId) -> Result<()> {
    over(tx, run_id, ShotStep::CancelRun, None).await
}

async fn over(tx: &mut AnyConnection, run_id: RunId, step: ShotStep, problem: Option<&str>) -> Result<()> {
    let run = get(&mut *tx, run_id).await?;
    let shot = shots::lock(tx, run.shot_id).await?;
    let step = match &run.recipe {
        // A good result of pass 1 is not lost with what was to refine it.
        Recipe::Void(VoidOrder { first_pass: Some(_), .. }) => decisions::kept(tx, shot.shot_id).await?,
        _ => step,
    };
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
