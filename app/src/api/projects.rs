//! Projects, sequences and the board.

use domain::project::{Project, Sequence};
use domain::{
    Action, ApprovalPolicy, AssignedTo, Assignee, DueIn, Person, PersonId, Phase, Progress, ProjectId, Rate,
    SequenceId, ShotId, UploadId,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::work::Work;
use crate::error::ApiError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectCard {
    pub project: Project,
    pub shots: u32,
    pub in_review: u32,
    pub running: u32,
    /// Up to four shots whose posters make the card's picture.
    pub posters: Vec<ShotId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectView {
    pub project: Project,
    pub sequences: Vec<Sequence>,
    pub members: Vec<Person>,
    /// Who can be assigned here; for those who may look on at work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Assignee>,
    /// Shots per phase; phases without shots are left out.
    pub counts: Vec<(Phase, u32)>,
    /// What the viewer may do here.
    pub may: Vec<Action>,
}

/// The board's filter; lives in the URL (`?status=a,b&sequence=…&q=…&assigned=…&due=…&sort=…`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShotFilter {
    /// Empty: all.
    pub phases: Vec<Phase>,
    pub sequence_id: Option<SequenceId>,
    /// Part of a name, any case.
    pub q: String,
    pub sort: Sort,
    #[serde(default)]
    pub assigned: Option<AssignedTo>,
    #[serde(default)]
    pub due: Option<DueIn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    #[default]
    Updated,
    Name,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShotCard {
    pub shot_id: ShotId,
    pub name: String,
    pub phase: Phase,
    pub problem: Option<String>,
    /// The removal words, for the card's second line.
    pub removal: String,
    pub has_poster: bool,
    pub frames: Option<u32>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub rate: Option<Rate>,
    /// The newest version's number.
    pub version: Option<u32>,
    /// The newest quadmask's number.
    pub quadmask: Option<u32>,
    /// The open job, if any.
    pub job: Option<Progress>,
    /// `None`: not the viewer's business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    pub updated_at: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShotPage {
    /// Shots that match the filter.
    pub total: u32,
    pub cards: Vec<ShotCard>,
    /// Whether the viewer may add shots here, as the project stands now.
    #[serde(default)]
    pub may_upload: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UploadRow {
    pub upload_id: UploadId,
    pub file_name: String,
    pub size_bytes: i64,
    pub received_bytes: i64,
    pub person_name: String,
    pub is_mine: bool,
    /// Its sender and whoever runs the project.
    pub may_cancel: bool,
}

#[server]
pub async fn list_projects() -> Result<Vec<ProjectCard>, ApiError> {
    use std::collections::HashSet;
    let cx = crate::context::Cx::signed_in().await?;
    let mine: HashSet<ProjectId> = cx.project_ids().await?.into_iter().collect();
    let counts = db::projects::counts(cx.db(), cx.is_client()).await?;
    let mut cards = Vec::new();
    for project in db::projects::list(cx.db()).await?.into_iter().filter(|p| mine.contains(&p.project_id)) {
        let count = |wanted: &[Phase]| -> u32 {
            let of_project = counts.iter().filter(|(id, ..)| *id == project.project_id);
            of_project.filter(|(_, phase, _)| wanted.contains(phase)).map(|(.., shots)| shots).sum()
        };
        let (in_review, running) = if cx.is_client() {
            (0, 0)
        } else {
            (count(&[Phase::QuadmaskReview, Phase::ResultReview]), count(&[Phase::Running]))
        };
        let posters = db::projects::posters(cx.db(), project.project_id, cx.is_client()).await?;
        let shots = count(&Phase::ALL);
        let project = if cx.is_client() { project.for_clients() } else { project };
        cards.push(ProjectCard { shots, in_review, running, posters, project });
    }
    Ok(cards)
}

#[server]
pub async fn create_project(name: String) -> Result<ProjectId, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(Action::CreateProject)?;
    let by = cx.viewer.person_id;
    let note = cx.note(domain::Deed::ProjectMade, None, name.clone());
    let made = cx
        .db()
        .write(move |tx| {
            let (name, note) = (name.clone(), note.clone());
            Box::pin(async move {
                let project_id = db::projects::create(tx, &name, by, false).await?;
                let note = db::audit::Note { project_id: Some(project_id), ..note };
                db::audit::add(tx, &note).await?;
                Ok(project_id)
            })
        })
        .await?;
    Ok(made)
}

#[server]
pub async fn get_project(project_id: ProjectId) -> Result<ProjectView, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let project = cx.project(project_id, Action::ViewClientVersions).await?;
    let may = cx.rights_in(&project);
    let all = db::projects::counts(cx.db(), cx.is_client()).await?;
    let counts = all.into_iter().filter(|(id, ..)| *id == project_id);
    let mut counts: Vec<(Phase, u32)> = counts.map(|(_, phase, shots)| (phase, shots)).collect();
    if cx.is_client() {
        let approved = counts.iter().filter(|(phase, _)| *phase == Phase::Approved).map(|(_, n)| n).sum();
        let others = counts.iter().filter(|(phase, _)| *phase != Phase::Approved).map(|(_, n)| n).sum();
        counts = vec![(Phase::ResultReview, others), (Phase::Approved, approved)];
        counts.retain(|(_, shots)| *shots > 0);
        return Ok(ProjectView {
            project: project.for_clients(),
            sequences: Vec::new(),
            members: Vec::new(),
            people: Vec::new(),
            counts,
            may,
        });
    }
    let sequences = db::projects::sequences(cx.db(), project_id).await?;
    let members = db::projects::members(cx.db(), project_id).await?;
    let people = db::assignments::people(cx.db().pool(), project_id).await?;
    Ok(ProjectView { project, sequences, members, people, counts, may })
}

#[server(input = server_fn::codec::Json)]
pub async fn update_project(
    project_id: ProjectId,
    name: String,
    first_frame: u32,
    policy: ApprovalPolicy,
) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let before = cx.project(project_id, Action::ManageProject).await?;
    let named = if before.name == name.trim() { name.clone() } else { format!("{} → {name}", before.name) };
    let about = format!("name “{named}”, first frame {first_frame}, approval: {}", policy.sentence());
    let note = cx.note(domain::Deed::ProjectChanged, Some(project_id), about);
    cx.db()
        .write(move |tx| {
            let (name, policy, note) = (name.clone(), policy.clone(), note.clone());
            Box::pin(async move {
                db::projects::update(tx, project_id, &name, first_frame, &policy).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?;
    Ok(())
}

#[server]
pub async fn set_member(project_id: ProjectId, person_id: PersonId, on: bool) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.project(project_id, Action::ManageProject).await?;
    let person = db::people::account(cx.db(), person_id).await?.person;
    let deed = if on { domain::Deed::MemberAdded } else { domain::Deed::MemberRemoved };
    let note = cx.note(deed, Some(project_id), person.name);
    Ok(cx
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                db::projects::set_member(tx, project_id, person_id, on).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?)
}

#[server]
pub async fn create_sequence(project_id: ProjectId, name: String) -> Result<SequenceId, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.project(project_id, Action::Upload).await?;
    let made = cx
        .db()
        .write(move |tx| {
            let name = name.clone();
            Box::pin(async move { db::projects::create_sequence(tx, project_id, &name).await })
        })
        .await?;
    Ok(made)
}

/// At most 100 cards a call.
#[server(input = server_fn::codec::Json)]
pub async fn list_shots(
    project_id: ProjectId,
    filter: ShotFilter,
    offset: u32,
    limit: u32,
) -> Result<ShotPage, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let project = cx.project(project_id, Action::ViewClientVersions).await?;
    let may_upload = project.may(cx.viewer.role, Action::Upload);
    let client = cx.is_client();
    let ShotFilter { phases, sequence_id, q, sort, assigned, due } = filter;
    let today = domain::Day::of_micros(db::now());
    let filter = db::board::Filter {
        // Which step the studio is at is not the client's business.
        phases: if client { Vec::new() } else { phases },
        sequence_id,
        q,
        by_name: sort == Sort::Name,
        client,
        // Nor who works on it until when.
        assigned: assigned.filter(|_| !client).map(|to| match to {
            AssignedTo::Me => db::board::Assigned::To(cx.viewer.person_id),
            AssignedTo::Person(person_id) => db::board::Assigned::To(person_id),
            AssignedTo::Nobody => db::board::Assigned::ToNobody,
        }),
        due: due.filter(|_| !client).map(|due| due.days(today)),
    };
    let (total, cards) = db::board::page(cx.db(), project_id, &filter, offset, limit.min(100)).await?;
    let ids: Vec<ShotId> = cards.iter().map(|card| card.shot_id).collect();
    let mut jobs =
        if client { Default::default() } else { jobs::latest_of_shots(cx.db(), &ids, true).await? };
    let mut people =
        if client { Default::default() } else { db::assignments::of_shots(cx.db(), &ids).await? };
    let cards = cards.into_iter().map(|card| {
        let db::board::Card { shot_id, name, phase, problem, removal, has_poster, .. } = card;
        let db::board::Card { frames, width, height, rate, version, quadmask, due, updated_at, .. } = card;
        let job = jobs.remove(&shot_id);
        if client {
            let phase = phase_for_clients(phase);
            let (problem, removal, quadmask) = (None, String::new(), None);
            return ShotCard {
                shot_id,
                name,
                phase,
                problem,
                removal,
                has_poster,
                frames,
                width,
                height,
                rate,
                version,
                quadmask,
                job,
                work: None,
                updated_at,
            };
        }
        ShotCard {
            shot_id,
            name,
            phase,
            problem,
            removal,
            has_poster,
            frames,
            width,
            height,
            rate,
            version,
            quadmask,
            job,
            work: Some(Work {
                people: people.remove(&shot_id).unwrap_or_default(),
                due: due.map(|day| domain::Due::of(day, today, phase)),
            }),
            updated_at,
        }
    });
    Ok(ShotPage { total, cards: cards.collect(), may_upload })
}

/// Uploads that are not finished.
#[server]
pub async fn list_uploads(project_id: ProjectId) -> Result<Vec<UploadRow>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let project = cx.project_at_rest(project_id, Action::Upload).await?;
    let mut rows = Vec::new();
    for upload in db::uploads::open_in(cx.db(), project_id).await? {
        let part = cx.state.store.part_path(&upload.upload_id.to_string());
        let received = tokio::fs::metadata(&part).await.map_or(0, |part| part.len());
        rows.push(UploadRow {
            upload_id: upload.upload_id,
            file_name: upload.file_name,
            size_bytes: upload.size_bytes,
            received_bytes: i64::try_from(received).unwrap_or(i64::MAX),
            is_mine: upload.person_id == cx.viewer.person_id,
            may_cancel: upload.person_id == cx.viewer.person_id
                || project.may(cx.viewer.role, Action::ManageProject),
            person_name: upload.person_name,
        });
    }
    Ok(rows)
}

/// What a client is told of a shot's phase.
#[cfg(feature = "ssr")]
pub(crate) fn phase_for_clients(phase: Phase) -> Phase {
    if phase == Phase::Approved { Phase::Approved } else { Phase::ResultReview }
}
