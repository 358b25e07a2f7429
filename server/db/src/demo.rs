//! The demo project and its people. Named by role; without passwords, so nobody can sign in as them.

use domain::{Job, PersonId, ProjectId, Role, SequenceId, ShotId};
use sqlx::AnyConnection;

use crate::{Db, Error, Result, people, projects, queue};

/// Project name.
pub const NAME: &str = "Demo";

const PEOPLE: [(&str, &str, Role); 3] = [
    ("Demo producer", "producer@demo.invalid", Role::Producer),
    ("Demo supervisor", "supervisor@demo.invalid", Role::Supervisor),
    ("Demo artist", "artist@demo.invalid", Role::Artist),
];

/// Makes people, project and the job that fills it, once.
pub async fn ensure(db: &Db) -> Result<()> {
    if projects::has_demo(db).await? {
        return Ok(());
    }
    db.write(|tx| Box::pin(async move { create(tx).await })).await
}

async fn create(tx: &mut AnyConnection) -> Result<()> {
    let mut ids = Vec::new();
    for (name, email, role) in PEOPLE {
        ids.push(people::create(tx, name, email, None, role).await?);
    }
    let project_id = projects::create(tx, NAME, ids[0], true).await?;
    for &person_id in &ids[1..] {
        projects::set_member(tx, project_id, person_id, true).await?;
    }
    go_on(tx, project_id).await
}

/// Queues the next demo shot, behind all real work.
pub async fn go_on(tx: &mut AnyConnection, project_id: ProjectId) -> Result<()> {
    queue::enqueue(tx, &Job::Demo { project_id }, Some(project_id), None, None, -50).await?;
    Ok(())
}

/// Who does what in the demo.
#[derive(Debug, Clone, Copy)]
pub struct Cast {
    pub project_id: ProjectId,
    pub supervisor: PersonId,
    pub artist: PersonId,
}

pub async fn cast(db: &Db, project_id: ProjectId) -> Result<Cast> {
    let id = |email: &'static str| async move {
        let account = people::by_email(db, email).await?.ok_or(Error::NotFound)?;
        Ok::<_, Error>(account.person.person_id)
    };
    Ok(Cast { project_id, supervisor: id(PEOPLE[1].1).await?, artist: id(PEOPLE[2].1).await? })
}

/// A shot of the project by its name.
pub async fn shot_named(db: &Db, project_id: ProjectId, name: &str) -> Result<Option<ShotId>> {
    let id: Option<String> =
        sqlx::query_scalar("select shot_id from shot where project_id = $1 and name = $2")
            .bind(project_id.to_string())
            .bind(name)
            .fetch_optional(&db.pool)
            .await?;
    id.map(|id| crate::parse("shot_id", &id)).transpose()
}

/// A sequence of the project by its name, made when missing.
pub async fn sequence(tx: &mut AnyConnection, project_id: ProjectId, name: &str) -> Result<SequenceId> {
    let id: Option<String> =
        sqlx::query_scalar("select sequence_id from sequence where project_id = $1 and name = $2")
            .bind(project_id.to_string())
            .bind(name)
            .fetch_optional(&mut *tx)
            .await?;
    match id {
        Some(id) => crate::parse("sequence_id", &id),
        None => projects::create_sequence(tx, project_id, name).await,
    }
}
