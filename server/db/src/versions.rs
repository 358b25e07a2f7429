//! Versions: the reviewable results of runs.

use domain::inbox::EntryKind;
use domain::version::{MadeBy, Proof, Version};
use domain::{EventKind, Hash, LinkId, RunId, ShotId, ShotStep, VersionId, VoidOrder};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::row::Cells;
use crate::{Db, Error, Result, comments, decisions, events, inbox, new_uuid, now, runs, shots, to_json};

const COLUMNS: &str =
    "select v.version_id, v.shot_id, v.run_id, v.n, v.quadmask_id, q.n as quadmask_n, r.engine, r.recipe,
         v.proof, v.result, v.matte, v.proxy, v.subject, v.client_visible, v.approved_at, v.created_at, v.made_by, v.model_output, q.author
     from version v join quadmask q on q.quadmask_id = v.quadmask_id join run r on r.run_id = v.run_id";

fn read(row: &AnyRow) -> Result<Version> {
    let recipe: serde_json::Value = row.json("recipe")?;
    let mut made_by: Option<MadeBy> = row.maybe_json("made_by")?;
    if let Some(made_by) = &mut made_by {
        // Versions of before said so in their recipe alone.
        made_by.is_preview |= recipe["knobs"]["preview"] == true;
    }
    Ok(Version {
        version_id: row.word("version_id")?,
        shot_id: row.word("shot_id")?,
        run_id: row.word("run_id")?,
        n: row.count("n")?,
        quadmask_id: row.word("quadmask_id")?,
        quadmask_n: row.count("quadmask_n")?,
        author: row.word("author")?,
        engine: row.text("engine")?,
        recipe,
        made_by,
        model_output: row.maybe_word("model_output")?,
        proof: row.json("proof")?,
        result: row.word("result")?,
        matte: row.word("matte")?,
        proxy: row.word("proxy")?,
        subject: row.word("subject")?,
        client_visible: row.flag("client_visible")?,
        approved_at: row.maybe_int("approved_at")?,
        created_at: row.int("created_at")?,
        decisions: Vec::new(),
    })
}

/// Without its decisions.
pub async fn get<'e>(executor: impl AnyExecutor<'e>, version_id: VersionId) -> Result<Version> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} where v.version_id = $1")))
        .bind(version_id.to_string())
        .fetch_optional(executor)
        .await?;
    read(&row.ok_or(Error::NotFound)?)
}

/// Newest first, with decisions; `client`: only those shown to clients.
pub async fn list(db: &Db, shot_id: ShotId, client: bool) -> Result<Vec<Version>> {
    let only = if client { "and v.client_visible = 1" } else { "" };
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} where v.shot_id = $1 {only} order by v.n desc")))
            .bind(shot_id.to_string())
            .fetch_all(&db.pool)
            .await?;
    let mut decided = decisions::by_subject(db, shot_id, decisions::Kind::Version).await?;
    rows.iter()
        .map(|row| {
            let mut version = read(row)?;
            version.decisions = decided.remove(&version.version_id.to_string()).unwrap_or_default();
            Ok(version)
        })
        .collect()
}

/// The manifest whose canonical JSON has the version's subject as its SHA-256.
pub async fn manifest<'e>(
    executor: impl AnyExecutor<'e>,
    version_id: VersionId,
) -> Result<serde_json::Value> {
    let row = sqlx::query("select manifest from version where version_id = $1")
        .bind(version_id.to_string())
        .fetch_optional(executor)
        .await?;
    row.ok_or(Error::NotFound)?.json("manifest")
}

/// The highest number; `None` before the first version.
pub async fn newest_n<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Option<u32>> {
    let row = sqlx::query("select max(n) as n from version where shot_id = $1")
        .bind(shot_id.to_string())
        .fetch_one(executor)
        .await?;
    row.maybe_count("n")
}

/// The shot's newest version without its decisions.
pub(crate) async fn newest(tx: &mut AnyConnection, shot_id: ShotId) -> Result<Option<Version>> {
    let text = format!("{COLUMNS} where v.shot_id = $1 order by v.n desc limit 1");
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(shot_id.to_string()).fetch_optional(tx).await?;
    row.as_ref().map(read).transpose()
}

/// The highest number among the shot's versions that clients see, or, of a link, those behind it.
pub(crate) async fn newest_shown(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    link: Option<LinkId>,
) -> Result<Option<u32>> {
    let query = match link {
        None => sqlx::query("select max(n) as n from version where shot_id = $1 and client_visible = 1")
            .bind(shot_id.to_string()),
        Some(link) => sqlx::query(
            "select max(v.n) as n from version v join share_version x on x.version_id = v.version_id
             where v.shot_id = $1 and x.link_id = $2",
        )
        .bind(shot_id.to_string())
        .bind(link.to_string()),
    };
    query.fetch_one(tx).await?.maybe_count("n")
}

/// Keeps when the policy was met, or takes the approval back.
pub(crate) async fn set_approved(
    tx: &mut AnyConnection,
    version_id: VersionId,
    at: Option<i64>,
) -> Result<()> {
    sqlx::query("update version set approved_at = $2 where version_id = $1")
        .bind(version_id.to_string())
        .bind(at)
        .execute(tx)
        .await?;
    Ok(())
}

/// The version that a run made, if it is done.
pub async fn of_run<'e>(executor: impl AnyExecutor<'e>, run_id: RunId) -> Result<Option<VersionId>> {
    let made: Option<String> = sqlx::query_scalar("select version_id from version where run_id = $1")
        .bind(run_id.to_string())
        .fetch_optional(executor)
        .await?;
    made.map(|id| crate::parse("version_id", &id)).transpose()
}

/// What a finished run leaves behind.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Everything that was used, from the values that ran.
    pub manifest: serde_json::Value,
    pub proof: Proof,
    pub result: Hash,
    pub matte: Hash,
    /// Motion JPEG proxy of the result and where its pictures lie, `[[offset, size], …]` in JSON.
    pub proxy: Hash,
    pub proxy_index: String,
    /// Where networks made it: how, and what they made on their canvas.
    pub made_by: Option<MadeBy>,
    pub model_output: Option<Hash>,
    /// Pass 2, where it is to follow by itself; the version that it starts from is this one.
    pub follow: Option<VoidOrder>,
}

/// Makes the shot's next version, puts it in review and says so in the shot's thread; where pass 2 follows, it is queued with it. A run makes one version: asked again, it answers with that one.
/// Record the blobs first.
pub async fn create(tx: &mut AnyConnection, run_id: RunId, finished: &Finished) -> Result<VersionId> {
    let run = runs::get(&mut *tx, run_id).await?;
    let shot = shots::lock(tx, run.shot_id).await?;
    if let Some(made) = of_run(&mut *tx, run_id).await? {
        return Ok(made);
    }
    shots::step(tx, &shot, ShotStep::RunDone).await?;
    let Finished { manifest, proof, result, matte, proxy, proxy_index, made_by, model_output, follow } =
        finished;
    let n = newest_n(&mut *tx, run.shot_id).await?.unwrap_or(0) + 1;
    let version_id = VersionId(new_uuid());
    sqlx::query(
        "insert into version (version_id, shot_id, run_id, quadmask_id, n, manifest, subject, proof, result, matte, proxy,
             proxy_index, created_at, made_by, model_output)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(version_id.to_string())
    .bind(run.shot_id.to_string())
    .bind(run_id.to_string())
    .bind(run.quadmask_id.to_string())
    .bind(i64::from(n))
    .bind(to_json(manifest))
    .bind(provenance::hash_of(manifest).to_string())
    .bind(to_json(proof))
    .bind(result.to_string())
    .bind(matte.to_string())
    .bind(proxy.to_string())
    .bind(proxy_index)
    .bind(now())
    .bind(made_by.as_ref().map(to_json))
    .bind(model_output.map(|hash| hash.to_string()))
    .execute(&mut *tx)
    .await?;
    comments::post_version(tx, run.shot_id, version_id).await?;
    // Where pass 2 follows nobody can decide yet: they hear of what comes of it.
    if follow.is_none() {
        let to = inbox::makers_of_run(tx, run_id).await?;
        let about = inbox::New::about(run.shot_id, EntryKind::RunDone);
        inbox::put(tx, &to, &inbox::New { version_id: Some(version_id), ..about }).await?;
    }
    events::tell(tx, Some(shot.project_id), Some(run.shot_id), &EventKind::Version).await?;
    if let Some(order) = follow {
        let order = VoidOrder { first_pass: Some(version_id), ..order.clone() };
        runs::follow(tx, &run, order).await?;
    }
    Ok(version_id)
}

/// What the newest versions that networks made took, newest first, at most 60: what forecasts are made of.
pub async fn measured(db: &Db) -> Result<Vec<MadeBy>> {
    let rows = sqlx::query(
        "select made_by from version where made_by is not null order by created_at desc, version_id limit 60",
    )
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(|row| row.json("made_by")).collect()
}

/// Shows the version to clients of the project, or hides it again.
pub async fn show_client(tx: &mut AnyConnection, version_id: VersionId, on: bool) -> Result<()> {
    let version = get(&mut *tx, version_id).await?;
    let shot = shots::lock(tx, version.shot_id).await?;
    sqlx::query("update version set client_visible = $2 where version_id = $1")
        .bind(version_id.to_string())
        .bind(i64::from(on))
        .execute(&mut *tx)
        .await?;
    events::tell(tx, Some(shot.project_id), Some(version.shot_id), &EventKind::Version).await
}
