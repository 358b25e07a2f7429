//! Decisions: rows that are never changed, chained per shot, and what they set in motion.

use std::collections::HashMap;

use domain::inbox::EntryKind;
use domain::policy::{Cast, NotCounted, has_approved};
use domain::version::{Decision, Version};
use domain::{
    ApprovalPolicy, Cause, DecisionId, EventKind, Hash, JobId, LinkId, PersonId, Phase, ProjectId, Role,
    RunId, ShotId, ShotStep, Verdict, VersionId,
};
use domain::{PlateRecipe, QuadmaskId};
use provenance::{BrokenChain, FIRST_PREV, Link};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::row::Cells;
use crate::shots::{self, Locked};
use crate::{Db, Error, Result, brief, events, inbox, new_uuid, now, projects, quadmasks, runs, versions};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Quadmask,
    Version,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Quadmask => "quadmask",
            Self::Version => "version",
        }
    }
}

/// One person's verdict on the hash they saw.
#[derive(Debug, Clone, Copy)]
pub struct Ballot<'a> {
    pub person_id: PersonId,
    /// The person's role now; kept with the decision.
    pub role: Role,
    pub seen: Hash,
    pub verdict: Verdict,
    /// Required with `changes`.
    pub note: &'a str,
}

/// Where the shot stands after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub phase: Phase,
    /// The removal that the decision set in motion.
    pub run: Option<(RunId, JobId)>,
}

const STALE: &str = "This was changed since you looked at it: your decision would be about something else. Look at the newest one.";

/// Decides about the quadmask in review: decision, phase and, when the policy is met, the queued removal, all or none.
/// The draft is read-only in review, so the stored subject of the newest quadmask is the subject of what would run. What
/// only a model can run (`react` without a path) is approved and queues nothing: somebody starts it on the removal step.
pub async fn on_quadmask(
    tx: &mut AnyConnection,
    quadmask_id: QuadmaskId,
    ballot: &Ballot<'_>,
) -> Result<Outcome> {
    let shot_id = quadmasks::get(&mut *tx, quadmask_id).await?.shot_id;
    let shot = shots::lock(tx, shot_id).await?;
    let newest = quadmasks::newest(&mut *tx, shot_id).await?.ok_or(Error::NotFound)?;
    if newest.quadmask_id != quadmask_id || newest.subject != ballot.seen {
        return Err(Error::Conflict(STALE.into()));
    }
    let policy = projects::get(&mut *tx, shot.project_id).await?.policy;
    policy
        .counts(ballot.person_id, ballot.role, newest.author)
        .map_err(|why| Error::Invalid(format!("Your decision would not count: {why}.")))?;
    let asked = match ballot.verdict {
        Verdict::Approve => ShotStep::ApproveQuadmask,
        Verdict::Changes => ShotStep::AskQuadmaskChanges,
    };
    // Before the row is written: a decision that comes too late is no decision.
    if shot.phase.step(asked).is_err() {
        shots::step(tx, &shot, asked).await?;
    }
    let decision_id = append(tx, shot_id, Kind::Quadmask, &quadmask_id.to_string(), ballot).await?;
    let to = inbox::makers(tx, shot_id, &[newest.author]).await?;
    tell_makers(tx, shot_id, EntryKind::Quadmask, decision_id, &to, ballot).await?;
    events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Quadmask).await?;
    if ballot.verdict == Verdict::Changes {
        let phase = shots::step(tx, &shot, asked).await?;
        return Ok(Outcome { phase, run: None });
    }
    if !is_met(tx, &shot, &newest).await? {
        return Ok(Outcome { phase: shot.phase, run: None });
    }
    approved(tx, &shot, quadmask_id, ballot.person_id).await
}

/// The policy is met: the shot moves on, and the plate engine's removal is queued where that engine can run it.
async fn approved(
    tx: &mut AnyConnection,
    shot: &Locked,
    quadmask_id: QuadmaskId,
    person_id: PersonId,
) -> Result<Outcome> {
    let phase = shots::step(tx, shot, ShotStep::ApproveQuadmask).await?;
    if brief::causes(&mut *tx, shot.shot_id).await?.iter().any(Cause::lacks_path) {
        return Ok(Outcome { phase, run: None });
    }
    let shots::Size { width, height, .. } = shot.size()?;
    let recipe = PlateRecipe::for_plate(width, height).into();
    let run = runs::queue(tx, shot, quadmask_id, &recipe, person_id).await?;
    Ok(Outcome { phase, run: Some(run) })
}

/// After a project's policy changed: what is in review and meets it now moves on, as the last approval that counted would
/// have moved it. What was approved stays approved, and what somebody wants changed stays with whoever changes it.
pub(crate) async fn recount(tx: &mut AnyConnection, project_id: ProjectId) -> Result<()> {
    let waiting: Vec<String> = sqlx::query_scalar(
        "select shot_id from shot where project_id = $1 and phase in ($2, $3) and binned_at is null order by shot_id",
    )
    .bind(project_id.to_string())
    .bind(Phase::QuadmaskReview.slug())
    .bind(Phase::ResultReview.slug())
    .fetch_all(&mut *tx)
    .await?;
    for id in waiting {
        let shot = shots::lock(tx, crate::parse("shot_id", &id)?).await?;
        match shot.phase {
            Phase::QuadmaskReview => recount_quadmask(tx, &shot).await?,
            Phase::ResultReview => recount_result(tx, &shot).await?,
            _ => {} // it moved before it was locked
        }
    }
    Ok(())
}

async fn recount_quadmask(tx: &mut AnyConnection, shot: &Locked) -> Result<()> {
    let Some(newest) = quadmasks::newest(&mut *tx, shot.shot_id).await? else { return Ok(()) };
    if !is_met(tx, shot, &newest).await? {
        return Ok(());
    }
    let rows = links(&mut *tx, shot.shot_id).await?;
    let last =
        rows.iter().rev().map(|(link, _)| link).find(|link| {
            link.verdict == Verdict::Approve && link.subject_id == newest.quadmask_id.to_string()
        });
    let Some(last) = last else { return Ok(()) };
    approved(tx, shot, newest.quadmask_id, last.person_id).await?;
    events::tell(tx, Some(shot.project_id), Some(shot.shot_id), &EventKind::Quadmask).await
}

async fn recount_result(tx: &mut AnyConnection, shot: &Locked) -> Result<()> {
    let Some(newest) = versions::newest(tx, shot.shot_id).await? else { return Ok(()) };
    let policy = projects::get(&mut *tx, shot.project_id).await?.policy;
    if !stands(tx, &policy, &newest).await? {
        return Ok(());
    }
    shots::step(tx, shot, ShotStep::ApproveResult).await?;
    versions::set_approved(tx, newest.version_id, Some(now())).await?;
    let about = events::ForGuests { version_id: Some(newest.version_id) };
    events::tell_guests(tx, shot.project_id, shot.shot_id, &EventKind::Version, about).await
}

/// Decides about a version, of those that the voter sees the newest. Whoever may decide is recorded; the shot moves with the
/// word of those whom the project's policy counts, and an approval when the policy is met.
pub async fn on_version(
    tx: &mut AnyConnection,
    version_id: VersionId,
    ballot: &Ballot<'_>,
) -> Result<Outcome> {
    decide(tx, version_id, ballot, None).await
}

/// As [`on_version`], by somebody who sees what is behind a link.
pub async fn on_version_of_link(
    tx: &mut AnyConnection,
    version_id: VersionId,
    link_id: LinkId,
    ballot: &Ballot<'_>,
) -> Result<Outcome> {
    decide(tx, version_id, ballot, Some(link_id)).await
}

async fn decide(
    tx: &mut AnyConnection,
    version_id: VersionId,
    ballot: &Ballot<'_>,
    link: Option<LinkId>,
) -> Result<Outcome> {
    let shot_id = versions::get(&mut *tx, version_id).await?.shot_id;
    let shot = shots::lock(tx, shot_id).await?;
    let version = versions::get(&mut *tx, version_id).await?; // another may have decided until it was locked
    if version.subject != ballot.seen {
        return Err(Error::Conflict(STALE.into()));
    }
    let policy = projects::get(&mut *tx, shot.project_id).await?.policy;
    let moves = match policy.counts(ballot.person_id, ballot.role, version.author) {
        Ok(()) => true,
        Err(NotCounted::Role) => false,
        Err(why) => return Err(Error::Invalid(format!("Your decision would not count: {why}."))),
    };
    let newest = if moves {
        versions::newest_n(&mut *tx, shot.shot_id).await?
    } else {
        versions::newest_shown(tx, shot.shot_id, link).await?
    };
    let newest = newest.ok_or(Error::NotFound)?; // nothing of the shot is shown to them
    if newest != version.n {
        return Err(Error::Conflict(format!(
            "Version {} is not the newest: decide about version {newest}.",
            version.n
        )));
    }
    if version.is_preview() && ballot.verdict == Verdict::Approve {
        return Err(Error::Invalid(format!(
            "Version {} is a quick preview and cannot be approved: run it with all its steps.",
            version.n
        )));
    }
    let (step, there) = match ballot.verdict {
        Verdict::Approve => (ShotStep::ApproveResult, Phase::Approved),
        Verdict::Changes => (ShotStep::AskResultChanges, Phase::ResultChanges),
    };
    // Before the row is written: a decision that comes too late is no decision.
    if moves && shot.phase != there && shot.phase.step(step).is_err() {
        shots::step(tx, &shot, step).await?;
    }
    let decision_id = append(tx, shot.shot_id, Kind::Version, &version_id.to_string(), ballot).await?;
    let mut phase = shot.phase;
    if moves {
        let is_over = match ballot.verdict {
            Verdict::Approve => stands(tx, &policy, &version).await?,
            Verdict::Changes => true,
        };
        if is_over && shot.phase != there {
            phase = shots::step(tx, &shot, step).await?;
        }
        // Approved once, it stays so until somebody asks for changes, however many the policy wants by now.
        let approved = (ballot.verdict == Verdict::Approve).then(now);
        if is_over && (approved.is_none() || version.approved_at.is_none()) {
            versions::set_approved(tx, version_id, approved).await?;
        }
    }
    let to = match moves {
        true => inbox::makers_of_run(tx, version.run_id).await?,
        false => inbox::hosts(tx, shot.shot_id, Some(version_id), ballot.person_id).await?,
    };
    tell_makers(tx, shot.shot_id, EntryKind::Version, decision_id, &to, ballot).await?;
    let about = events::ForGuests { version_id: Some(version_id) };
    events::tell_guests(tx, shot.project_id, shot.shot_id, &EventKind::Version, about).await?;
    Ok(Outcome { phase, run: None })
}

/// Whether the decisions about this version meet the policy now.
async fn stands(tx: &mut AnyConnection, policy: &ApprovalPolicy, version: &Version) -> Result<bool> {
    let of = version.version_id.to_string();
    let casts = casts(tx, version.shot_id, Kind::Version, &of, version.subject).await?;
    Ok(policy.stands(&casts, version.author))
}

/// How a shot goes back to its newest version as people left it, where nothing came of refining it.
pub(crate) async fn kept(tx: &mut AnyConnection, shot_id: ShotId) -> Result<ShotStep> {
    let Some(version) = versions::newest(tx, shot_id).await? else { return Ok(ShotStep::KeepResult) };
    let shot = shots::lock(tx, shot_id).await?;
    let policy = projects::get(&mut *tx, shot.project_id).await?.policy;
    let of = version.version_id.to_string();
    let casts = casts(tx, shot_id, Kind::Version, &of, version.subject).await?;
    let counts = |cast: &&Cast| policy.counts(cast.person, cast.role, version.author).is_ok();
    let last = casts.iter().rfind(counts).map(|cast| cast.verdict);
    Ok(if last == Some(Verdict::Changes) { ShotStep::KeepChanges } else { ShotStep::KeepResult })
}

/// Tells those whose work was decided about.
async fn tell_makers(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    kind: EntryKind,
    decision_id: DecisionId,
    to: &[PersonId],
    ballot: &Ballot<'_>,
) -> Result<()> {
    let about = inbox::New::about(shot_id, kind);
    let new = inbox::New { by: Some(ballot.person_id), decision_id: Some(decision_id), ..about };
    inbox::put(tx, to, &new).await
}

/// Whether the decisions about this quadmask meet the project's policy as it is now.
pub(crate) async fn is_met(tx: &mut AnyConnection, shot: &Locked, quadmask: &quadmasks::Row) -> Result<bool> {
    let policy = projects::get(&mut *tx, shot.project_id).await?.policy;
    let of = quadmask.quadmask_id.to_string();
    let casts = casts(tx, shot.shot_id, Kind::Quadmask, &of, quadmask.subject).await?;
    Ok(policy.is_met(&casts, quadmask.author))
}

/// The decisions about one thing as it is now, oldest first.
async fn casts(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    kind: Kind,
    subject_id: &str,
    subject: Hash,
) -> Result<Vec<Cast>> {
    let rows = sqlx::query(
        "select person_id, role, verdict from decision
         where shot_id = $1 and subject_kind = $2 and subject_id = $3 and subject = $4 order by n",
    )
    .bind(shot_id.to_string())
    .bind(kind.word())
    .bind(subject_id)
    .bind(subject.to_string())
    .fetch_all(&mut *tx)
    .await?;
    let read = |row: &AnyRow| {
        Ok(Cast { person: row.word("person_id")?, role: row.word("role")?, verdict: row.word("verdict")? })
    };
    rows.iter().map(read).collect()
}

/// Writes the next link of the shot's chain. The shot is locked, so nobody else writes one now.
async fn append(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    kind: Kind,
    subject_id: &str,
    ballot: &Ballot<'_>,
) -> Result<DecisionId> {
    let note = ballot.note.trim();
    if ballot.verdict == Verdict::Changes && note.is_empty() {
        return Err(Error::Invalid("Say in the note what should change.".into()));
    }
    if note.chars().count() > 4_000 {
        return Err(Error::Invalid("A note has at most 4,000 characters: shorten it.".into()));
    }
    let rows = links(&mut *tx, shot_id).await?;
    // An approval is said again only after somebody asked for changes.
    let of_it = rows.iter().map(|(link, _)| link);
    let of_it = of_it.filter(|link| link.subject_kind == kind.word() && link.subject_id == subject_id);
    let said = of_it.map(|link| (link.person_id, link.verdict));
    if ballot.verdict == Verdict::Approve && has_approved(said, ballot.person_id) {
        return Err(Error::Conflict("You have approved this already.".into()));
    }
    let (last_n, prev) =
        rows.last().map_or((0, FIRST_PREV.to_owned()), |(link, hash)| (link.n, hash.to_string()));
    let link = Link {
        decision_id: DecisionId(new_uuid()),
        shot_id,
        n: last_n + 1,
        subject_kind: kind.word().to_owned(),
        subject_id: subject_id.to_owned(),
        subject: ballot.seen,
        person_id: ballot.person_id,
        role: ballot.role,
        verdict: ballot.verdict,
        note: note.to_owned(),
        at: now(),
        prev,
    };
    sqlx::query(
        "insert into decision (decision_id, shot_id, n, subject_kind, subject_id, subject, person_id, role, verdict, note,
             at, prev, row_hash) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(link.decision_id.to_string())
    .bind(shot_id.to_string())
    .bind(link.n)
    .bind(&link.subject_kind)
    .bind(&link.subject_id)
    .bind(link.subject.to_string())
    .bind(link.person_id.to_string())
    .bind(link.role.word())
    .bind(link.verdict.word())
    .bind(&link.note)
    .bind(link.at)
    .bind(&link.prev)
    .bind(link.row_hash().to_string())
    .execute(&mut *tx)
    .await?;
    Ok(link.decision_id)
}

pub(crate) fn read_link(row: &AnyRow) -> Result<(Link, Hash)> {
    let link = Link {
        decision_id: row.word("decision_id")?,
        shot_id: row.word("shot_id")?,
        n: row.int("n")?,
        subject_kind: row.text("subject_kind")?,
        subject_id: row.text("subject_id")?,
        subject: row.word("subject")?,
        person_id: row.word("person_id")?,
        role: row.word("role")?,
        verdict: row.word("verdict")?,
        note: row.text("note")?,
        at: row.int("at")?,
        prev: row.text("prev")?,
    };
    Ok((link, row.word("row_hash")?))
}

/// The shot's decisions as links with their stored hashes, oldest first.
pub async fn links<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Vec<(Link, Hash)>> {
    let rows = sqlx::query(
        "select decision_id, shot_id, n, subject_kind, subject_id, subject, person_id, role, verdict, note, at, prev, row_hash
         from decision where shot_id = $1 order by n",
    )
    .bind(shot_id.to_string())
    .fetch_all(executor)
    .await?;
    rows.iter().map(read_link).collect()
}

/// How many decisions the shot has, if none of them is missing or changed.
pub async fn verify_chain(db: &Db, shot_id: ShotId) -> Result<std::result::Result<usize, BrokenChain>> {
    let rows = links(&db.pool, shot_id).await?;
    Ok(provenance::verify(&rows).map(|()| rows.len()))
}

/// The shot's decisions of one kind by what they are about, oldest first.
pub async fn by_subject(db: &Db, shot_id: ShotId, kind: Kind) -> Result<HashMap<String, Vec<Decision>>> {
    let rows = sqlx::query(
        "select d.decision_id, d.subject_id, d.person_id, p.name, d.role, d.verdict, d.note, d.subject, d.at, g.guest_id
         from decision d join person p on p.person_id = d.person_id left join guest g on g.guest_id = d.person_id
         where d.shot_id = $1 and d.subject_kind = $2 order by d.n",
    )
    .bind(shot_id.to_string())
    .bind(kind.word())
    .fetch_all(&db.pool)
    .await?;
    let mut found: HashMap<String, Vec<Decision>> = HashMap::new();
    for row in &rows {
        found.entry(row.text("subject_id")?).or_default().push(Decision {
            decision_id: row.word("decision_id")?,
            person_id: row.word("person_id")?,
            person_name: row.text("name")?,
            role: row.word("role")?,
            is_guest: row.maybe_text("guest_id")?.is_some(),
            verdict: row.word("verdict")?,
            note: row.text("note")?,
            subject: row.word("subject")?,
            at: row.int("at")?,
        });
    }
    Ok(found)
}
