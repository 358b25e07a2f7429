//! Projects, their members and sequences.

use domain::outside::Consent;
use domain::project::{ARCHIVED, Project, Sequence, Sharing, clean_name};
use domain::run::Need;
use domain::{ApprovalPolicy, EventKind, Person, PersonId, Phase, ProjectId, Role, SequenceId, ShotId};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::row::Cells;
use crate::{Db, Error, Result, decisions, events, new_uuid, now, queue, to_json};

const COLUMNS: &str =
    "select project_id, name, policy, first_frame, is_demo, created_at, archived_at, sharers, clients_apart, outside,
         causes_first
     from project
     where binned_at is null";

fn read(row: &AnyRow) -> Result<Project> {
    Ok(Project {
        project_id: row.word("project_id")?,
        name: row.text("name")?,
        policy: row.json("policy")?,
        first_frame: row.count("first_frame")?,
        is_demo: row.flag("is_demo")?,
        created_at: row.int("created_at")?,
        archived_at: row.maybe_int("archived_at")?,
        sharing: Sharing { sharers: row.json("sharers")?, clients_apart: row.flag("clients_apart")? },
        outside: row.maybe_json("outside")?,
        causes_first: row.flag("causes_first")?,
    })
}

pub(crate) fn named(name: &str) -> Result<String> {
    clean_name(name).map_err(|bad| Error::Invalid(format!("Choose another name: {bad}.")))
}

/// A project with the default policy; who made it belongs to it.
pub async fn create(tx: &mut AnyConnection, name: &str, by: PersonId, is_demo: bool) -> Result<ProjectId> {
    let project_id = ProjectId(new_uuid());
    sqlx::query(
        "insert into project (project_id, name, policy, is_demo, created_by, created_at) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(project_id.to_string())
    .bind(named(name)?)
    .bind(to_json(&ApprovalPolicy::default()))
    .bind(i64::from(is_demo))
    .bind(by.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    set_member(tx, project_id, by, true).await?;
    Ok(project_id)
}

/// What lies in the bin is not there.
pub async fn get<'e>(executor: impl AnyExecutor<'e>, project_id: ProjectId) -> Result<Project> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} and project_id = $1")))
        .bind(project_id.to_string())
        .fetch_optional(executor)
        .await?;
    read(&row.ok_or(Error::NotFound)?)
}

/// Every project, newest first.
pub async fn list(db: &Db) -> Result<Vec<Project>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} order by created_at desc, project_id")))
        .fetch_all(&db.pool)
        .await?;
    rows.iter().map(read).collect()
}

/// The demo project, if it was made.
pub async fn demo(db: &Db) -> Result<Option<Project>> {
    let row =
        sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} and is_demo = 1 order by created_at limit 1")))
            .fetch_optional(&db.pool)
            .await?;
    row.as_ref().map(read).transpose()
}

/// Whether a demo project was ever made and is not deleted for good: one that lies in the bin is not made again.
pub async fn has_demo(db: &Db) -> Result<bool> {
    let rows: i64 =
        sqlx::query_scalar("select count(*) from project where is_demo = 1").fetch_one(&db.pool).await?;
    Ok(rows > 0)
}

/// Takes the project for this transaction, to change it or to add to it.
///
/// # Errors
/// [`Error::NotFound`] for what lies in the bin, [`Error::Conflict`] with a sentence for what is archived.
pub(crate) async fn lock_open(tx: &mut AnyConnection, project_id: ProjectId) -> Result<()> {
    let row = sqlx::query(
        "update project set name = name where project_id = $1 and binned_at is null returning archived_at",
    )
    .bind(project_id.to_string())
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound)?;
    match row.maybe_int("archived_at")? {
        Some(_) => Err(Error::Conflict(ARCHIVED.into())),
        None => Ok(()),
    }
}

/// Projects the person was added to.
pub async fn ids_of(db: &Db, person_id: PersonId) -> Result<Vec<ProjectId>> {
    let ids: Vec<String> = sqlx::query_scalar(
        "select m.project_id from project_member m join project p on p.project_id = m.project_id
         where m.person_id = $1 and p.binned_at is null",
    )
    .bind(person_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    ids.iter().map(|id| crate::parse("project_id", id)).collect()
}

pub async fn all_ids(db: &Db) -> Result<Vec<ProjectId>> {
    let ids: Vec<String> = sqlx::query_scalar("select project_id from project where binned_at is null")
        .fetch_all(&db.pool)
        .await?;
    ids.iter().map(|id| crate::parse("project_id", id)).collect()
}

pub async fn is_member(db: &Db, project_id: ProjectId, person_id: PersonId) -> Result<bool> {
    let rows: i64 =
        sqlx::query_scalar("select count(*) from project_member where project_id = $1 and person_id = $2")
            .bind(project_id.to_string())
            .bind(person_id.to_string())
            .fetch_one(&db.pool)
            .await?;
    Ok(rows > 0)
}

/// Name, number of frame 0 (0 to 1,000,000) and policy. The people a policy names must be able to meet it; quadmasks in
/// review that meet it now are approved.
pub async fn update(
    tx: &mut AnyConnection,
    project_id: ProjectId,
    name: &str,
    first_frame: u32,
    policy: &ApprovalPolicy,
) -> Result<()> {
    if first_frame > 1_000_000 {
        return Err(Error::Invalid("The first frame is a number from 0 to 1,000,000.".into()));
    }
    lock_open(tx, project_id).await?;
    check_policy(tx, policy).await?;
    let done =
        sqlx::query("update project set name = $2, first_frame = $3, policy = $4 where project_id = $1")
            .bind(project_id.to_string())
            .bind(named(name)?)
            .bind(i64::from(first_frame))
            .bind(to_json(policy))
            .execute(&mut *tx)
            .await?;
    if done.rows_affected() == 0 {
        return Err(Error::NotFound);
    }
    decisions::recount(tx, project_id).await?;
    events::tell(tx, Some(project_id), None, &EventKind::Project).await
}

async fn check_policy(tx: &mut AnyConnection, policy: &ApprovalPolicy) -> Result<()> {
    let ApprovalPolicy { needed, of, not_author: _ } = policy;
    if !(1..=10).contains(needed) {
        return Err(Error::Invalid("A policy asks for 1 to 10 approvals.".into()));
    }
    let mut people = of.clone();
    people.sort_unstable();
    people.dedup();
    if people.len() != of.len() {
        return Err(Error::Invalid("The policy names somebody twice.".into()));
    }
    if !of.is_empty() && (of.len() as u32) < *needed {
        return Err(Error::Invalid(format!(
            "The policy asks for {needed} approvals but names {}: name more people or ask for fewer.",
            of.len()
        )));
    }
    for person_id in of {
        let row = sqlx::query("select name, role, active from person where person_id = $1")
            .bind(person_id.to_string())
            .fetch_optional(&mut *tx)
            .await?
            .ok_or_else(|| Error::Invalid("The policy names somebody who is not here.".into()))?;
        if !row.flag("active")? || !domain::may(row.word("role")?, domain::Action::DecideQuadmask) {
            return Err(Error::Invalid(format!(
                "{} cannot approve quadmasks: name supervisors, producers or owners.",
                row.text("name")?
            )));
        }
    }
    Ok(())
}

/// Adds a person or takes them out.
pub async fn set_member(
    tx: &mut AnyConnection,
    project_id: ProjectId,
    person_id: PersonId,
    on: bool,
) -> Result<()> {
    lock_open(tx, project_id).await?;
    if on {
        return join(tx, project_id, person_id).await;
    }
    sqlx::query("delete from project_member where project_id = $1 and person_id = $2")
        .bind(project_id.to_string())
        .bind(person_id.to_string())
        .execute(&mut *tx)
        .await?;
    crate::assignments::drop_unseen(tx, person_id).await?;
    events::tell(tx, Some(project_id), None, &EventKind::Project).await
}

/// As an invitation promised, whatever became of the project since: an account is not refused because a project rests.
pub(crate) async fn join(tx: &mut AnyConnection, project_id: ProjectId, person_id: PersonId) -> Result<()> {
    sqlx::query(
        "insert into project_member (project_id, person_id) select project_id, $2 from project where project_id = $1
         on conflict (project_id, person_id) do nothing",
    )
    .bind(project_id.to_string())
    .bind(person_id.to_string())
    .execute(&mut *tx)
    .await?;
    events::tell(tx, Some(project_id), None, &EventKind::Project).await
}

pub async fn members(db: &Db, project_id: ProjectId) -> Result<Vec<Person>> {
    let rows = sqlx::query(
        "select p.person_id, p.name, p.email, p.role, p.active from person p
         join project_member m on m.person_id = p.person_id where m.project_id = $1 order by lower(p.name), p.person_id",
    )
    .bind(project_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Person {
                person_id: row.word("person_id")?,
                name: row.text("name")?,
                email: row.text("email")?,
                role: row.word("role")?,
                active: row.flag("active")?,
            })
        })
        .collect()
}

pub async fn create_sequence(
    tx: &mut AnyConnection,
    project_id: ProjectId,
    name: &str,
) -> Result<SequenceId> {
    lock_open(tx, project_id).await?;
    let sequence_id = SequenceId(new_uuid());
    let made = sqlx::query(
        "insert into sequence (sequence_id, project_id, name) values ($1, $2, $3) on conflict (project_id, name) do nothing",
    )
    .bind(sequence_id.to_string())
    .bind(project_id.to_string())
    .bind(named(name)?)
    .execute(&mut *tx)
    .await?;
    if made.rows_affected() == 0 {
        return Err(Error::Invalid("This project has a sequence with that name already.".into()));
    }
    events::tell(tx, Some(project_id), None, &EventKind::Project).await?;
    Ok(sequence_id)
}

/// Gives a sequence of the project another name.
pub async fn rename_sequence(
    tx: &mut AnyConnection,
    project_id: ProjectId,
    sequence_id: SequenceId,
    name: &str,
) -> Result<()> {
    lock_open(tx, project_id).await?;
    let name = named(name)?;
    let clash: i64 = sqlx::query_scalar(
        "select count(*) from sequence where project_id = $1 and name = $2 and sequence_id <> $3",
    )
    .bind(project_id.to_string())
    .bind(&name)
    .bind(sequence_id.to_string())
    .fetch_one(&mut *tx)
    .await?;
    if clash > 0 {
        return Err(Error::Invalid("This project has a sequence with that name already.".into()));
    }
    let done = sqlx::query("update sequence set name = $3 where sequence_id = $1 and project_id = $2")
        .bind(sequence_id.to_string())
        .bind(project_id.to_string())
        .bind(name)
        .execute(&mut *tx)
        .await?;
    if done.rows_affected() == 0 {
        return Err(Error::NotFound);
    }
    events::tell(tx, Some(project_id), None, &EventKind::Project).await
}

/// Who may make links, and whether clients see each other. Owners always may; roles that may not anywhere are refused.
pub async fn set_sharing(tx: &mut AnyConnection, project_id: ProjectId, sharing: &Sharing) -> Result<()> {
    lock_open(tx, project_id).await?;
    let Sharing { sharers, clients_apart } = sharing;
    if let Some(role) = sharers.iter().find(|role| !domain::may(**role, domain::Action::Share)) {
        return Err(Error::Invalid(format!(
            "{}s never make links: choose among owners, producers and supervisors.",
            role.word()
        )));
    }
    let sharers: Vec<Role> =
        Sharing::all().into_iter().filter(|role| *role == Role::Owner || sharers.contains(role)).collect();
    sqlx::query("update project set sharers = $2, clients_apart = $3 where project_id = $1")
        .bind(project_id.to_string())
        .bind(to_json(&sharers))
        .bind(i64::from(*clients_apart))
        .execute(&mut *tx)
        .await?;
    events::tell(tx, Some(project_id), None, &EventKind::Project).await?;
    // Guests look again at what their link shows.
    events::tell(tx, Some(project_id), None, &EventKind::Share).await
}

/// Allows the project to ask a model outside, or takes that back (`None`). What waits for a worker to be asked is taken back
/// with it, and what is being asked is stopped.
pub async fn set_outside(
    tx: &mut AnyConnection,
    project_id: ProjectId,
    consent: Option<&Consent>,
) -> Result<()> {
    lock_open(tx, project_id).await?;
    sqlx::query("update project set outside = $2 where project_id = $1")
        .bind(project_id.to_string())
        .bind(consent.map(to_json))
        .execute(&mut *tx)
        .await?;
    queue::withdraw_needing(tx, project_id, Need::Outside).await?;
    events::tell(tx, Some(project_id), None, &EventKind::Project).await
}

/// Sequences by name, with how many shots each has.
pub async fn sequences(db: &Db, project_id: ProjectId) -> Result<Vec<Sequence>> {
    let rows = sqlx::query(
        "select q.sequence_id, q.name, count(s.shot_id) as shots from sequence q
         left join shot s on s.sequence_id = q.sequence_id and s.binned_at is null where q.project_id = $1
         group by q.sequence_id, q.name order by q.name",
    )
    .bind(project_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Sequence {
                sequence_id: row.word("sequence_id")?,
                name: row.text("name")?,
                shots: row.count("shots")?,
            })
        })
        .collect()
}

/// Whether the sequence belongs to the project.
pub async fn has_sequence<'e>(
    executor: impl AnyExecutor<'e>,
    project_id: ProjectId,
    sequence_id: SequenceId,
) -> Result<bool> {
    let rows: i64 =
        sqlx::query_scalar("select count(*) from sequence where project_id = $1 and sequence_id = $2")
            .bind(project_id.to_string())
            .bind(sequence_id.to_string())
            .fetch_one(executor)
            .await?;
    Ok(rows > 0)
}

/// Shots per project and phase; `client` counts only shots with a version shown to clients.
pub async fn counts(db: &Db, client: bool) -> Result<Vec<(ProjectId, Phase, u32)>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select s.project_id, s.phase, count(*) as shots from shot s where {} group by s.project_id, s.phase",
        crate::board::shown(client)
    )))
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(|row| Ok((row.word("project_id")?, row.word("phase")?, row.count("shots")?))).collect()
}

/// Up to four shots with a poster, newest first.
pub async fn posters(db: &Db, project_id: ProjectId, client: bool) -> Result<Vec<ShotId>> {
    let ids: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "select s.shot_id from shot s where s.project_id = $1 and s.poster is not null and {}
         order by s.updated_at desc limit 4",
        crate::board::shown(client)
    )))
    .bind(project_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    ids.iter().map(|id| crate::parse("shot_id", id)).collect()
}
