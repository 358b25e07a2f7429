//! Every server function about a shot, a project or the studio, as each role inside and outside the project: what is
//! refused is what the table of rights refuses, and another project's ids open nothing.

use app::api::audit::ListAudit;
use app::api::causes::{DecideCauses, SetCausesFirst};
use app::api::checks::TickCheck;
use app::api::disk::{GetDisk, GetProjectUse, SweepNow};
use app::api::draft::{
    ChooseSegmenter, CopyFrame, DrawStroke, EditDraft, GetDraft, LockFrame, Redo, ReleasePaint, StartSegment,
    Undo,
};
use app::api::finding::{FindWords, GetFinding, KeepFound, MarkFound};
use app::api::jobs::ListJobs;
use app::api::life::{
    ArchiveProject, DeleteForGood, EmptyBin, ListBin, RenameSequence, RestoreFromBin, SetSharing,
};
use app::api::models::{AcceptLicence, FetchModel, ListModels, StopFetching};
use app::api::outside::{GetOutside, SetOutside};
use app::api::people::{
    Invite, ListInvitations, ListPeople, MakeResetLink, SetActive, SetRole, WithdrawInvitation,
};
use app::api::projects::{
    CreateProject, CreateSequence, GetProject, ListShots, ListUploads, SetMember, ShotFilter, UpdateProject,
};
use app::api::proposals::{AcceptProposal, LookForAffected, RejectProposal};
use app::api::quadmasks::{Reopen, SubmitQuadmask};
use app::api::shots::{
    AddCause, AddTarget, CutShot, DeleteCause, DeleteTarget, GetShot, RenameShot, RetryIngest, SaveCause,
    SaveTarget, SaveWords, SayColour, SetCells, SetSequence, TrimShot,
};
use app::api::threads::{GetThreads, StartThread};
use app::api::versions::StartRun;
use app::api::work::{ChangeWork, GetWaiting, ListInbox, ListNeeds, ReadInbox};
use domain::checks::Code;
use domain::stroke::Stroke;
use domain::{
    Action, ApprovalPolicy, Cause, CauseId, Consequence, FindingId, Hash, InvitationId, Level, PersonId,
    PlateRecipe, ProjectId, ProposalId, Purpose, Role, SequenceId, ShotId, Target, TargetId, Thing, Trim,
    Verdict, Words, WorkChange, may,
};
use leptos::server_fn::ServerFn;
use reqwest::StatusCode;
use serde::Serialize;

use crate::harness::{Actor, TestApp};
use crate::rights::shot;

/// What is asked for, and the right it needs.
pub struct Call {
    pub action: Action,
    pub path: &'static str,
    body: String,
    is_json: bool,
}

pub fn form<F: ServerFn + Serialize>(action: Action, call: &F) -> Call {
    Call { action, path: F::PATH, body: crate::harness::serde_qs(call), is_json: false }
}

pub fn json<F: ServerFn + Serialize>(action: Action, call: &F) -> Call {
    let body = serde_json::to_string(call).expect("plain values");
    Call { action, path: F::PATH, body, is_json: true }
}

impl Call {
    pub async fn status(&self, actor: &Actor) -> StatusCode {
        let kind = if self.is_json { "application/json" } else { "application/x-www-form-urlencoded" };
        let request = actor.client.post(format!("{}{}", actor.url, self.path));
        let request = request.header("content-type", kind).header("accept", "application/json");
        request.body(self.body.clone()).send().await.expect("an answer").status()
    }
}

pub fn about_shot(shot_id: ShotId) -> Vec<Call> {
    let part = Trim { first: 0, frames: 1 };
    let stroke = Stroke { frame: 0, level: Level::Primary, radius: 2.0, points: vec![(1.0, 1.0)] };
    let (target_id, cause_id) = (TargetId(db::new_uuid()), CauseId(db::new_uuid()));
    let proposal_id = ProposalId(db::new_uuid());
    let (finding_id, things, threshold) = (FindingId(db::new_uuid()), vec![1], 0.5);
    let words =
        FindWords { shot_id, words: "ball".into(), purpose: Purpose::Target, keys: true, frame: None };
    let target = Target {
        target_id,
        name: "ball".into(),
        colour: "#FF6B1A".into(),
        points: Vec::new(),
        boxes: Vec::new(),
        found: None,
    };
    let cause = Cause {
        cause_id,
        name: "shadow".into(),
        reason: String::new(),
        consequence: Consequence::Vanish,
        path: Vec::new(),
        spans: Vec::new(),
    };
    vec![
        form(Action::ViewClientVersions, &GetShot { shot_id }),
        form(Action::ViewShot, &GetDraft { shot_id }),
        form(Action::Upload, &RenameShot { shot_id, name: "Another".into() }),
        form(Action::Upload, &SetSequence { shot_id, sequence_id: None }),
        form(Action::Upload, &RetryIngest { shot_id }),
        json(Action::Upload, &TrimShot { shot_id, part: Some(part) }),
        json(Action::Upload, &CutShot { shot_id, part }),
        json(Action::Upload, &SayColour { shot_id, said: None }),
        form(Action::EditShot, &AddTarget { shot_id, name: "ball".into() }),
        json(Action::EditShot, &SaveTarget { shot_id, target }),
        form(Action::EditShot, &DeleteTarget { shot_id, target_id }),
        json(Action::EditShot, &SaveWords { shot_id, words: Words::default() }),
        form(Action::EditShot, &AddCause { shot_id, name: "shadow".into() }),
        json(Action::EditShot, &SaveCause { shot_id, cause }),
        form(Action::EditShot, &DeleteCause { shot_id, cause_id }),
        json(
            Action::EditShot,
            &SetCells { shot_id, cause_id, cells: vec![(0, 0)], on: true, from: 0, to: 0 },
        ),
        form(Action::EditShot, &LookForAffected { shot_id, by: Default::default() }),
        form(Action::EditShot, &AcceptProposal { shot_id, proposal_id }),
        form(Action::EditShot, &RejectProposal { shot_id, proposal_id, rejected: true }),
        json(Action::EditShot, &words),
        form(Action::ViewShot, &GetFinding { shot_id, finding_id }),
        json(Action::EditShot, &KeepFound { shot_id, finding_id, things: things.clone(), threshold }),
        json(Action::EditShot, &MarkFound { shot_id, finding_id, cause_id, things, threshold, near: true }),
        form(
            Action::DecideQuadmask,
            &DecideCauses {
                shot_id,
                seen: Hash::of(b"seen"),
                verdict: Verdict::Approve,
                note: String::new(),
            },
        ),
        form(Action::EditShot, &EditDraft { shot_id, take_over: false }),
        json(Action::EditShot, &DrawStroke { shot_id, stroke }),
        form(Action::EditShot, &LockFrame { shot_id, frame: 0, locked: true }),
        form(Action::EditShot, &ReleasePaint { shot_id, frame: 0 }),
        form(Action::EditShot, &CopyFrame { shot_id, from: 0, to: 1 }),
        json(
            Action::EditShot,
            &TickCheck {
                shot_id,
                code: Code::Specks,
                subject: String::new(),
                print: Hash::of(b"print"),
                on: false,
            },
        ),
        form(Action::EditShot, &Undo { shot_id }),
        form(Action::EditShot, &Redo { shot_id }),
        form(Action::EditShot, &ChooseSegmenter { shot_id, by: Default::default() }),
        form(Action::EditShot, &StartSegment { shot_id, by: Default::default() }),
        form(Action::EditShot, &SubmitQuadmask { shot_id, note: String::new() }),
        form(Action::EditShot, &Reopen { shot_id }),
        form(Action::ViewClientVersions, &GetThreads { shot_id }),
        json(Action::Comment, &about_whole(shot_id, false)),
        json(Action::ShowClient, &about_whole(shot_id, true)),
        json(Action::Assign, &ChangeWork { shots: vec![shot_id], change: WorkChange::NotDue }),
        json(Action::Run, &StartRun { shot_id, recipe: PlateRecipe::default().into() }),
    ]
}

fn about_whole(shot_id: ShotId, client_visible: bool) -> StartThread {
    let (version_id, frames, drawing) = (None, None, None);
    StartThread { shot_id, version_id, frames, client_visible, text: "words".into(), drawing }
}

pub fn about_project(project_id: ProjectId) -> Vec<Call> {
    let filter = ShotFilter::default();
    let policy = ApprovalPolicy::default();
    let settings = UpdateProject { project_id, name: "Ours".into(), first_frame: 1001, policy };
    vec![
        form(Action::ViewClientVersions, &GetProject { project_id }),
        json(Action::ViewClientVersions, &ListShots { project_id, filter, offset: 0, limit: 10 }),
        form(Action::Upload, &ListUploads { project_id }),
        form(Action::Upload, &CreateSequence { project_id, name: format!("S{}", db::new_uuid()) }),
        form(
            Action::Upload,
            &RenameSequence { project_id, sequence_id: SequenceId(db::new_uuid()), name: "S".into() },
        ),
        json(
            Action::ManageProject,
            &SetSharing { project_id, sharers: domain::project::Sharing::all(), clients_apart: false },
        ),
        form(Action::ManageProject, &GetProjectUse { project_id }),
        form(Action::ManageProject, &GetOutside { project_id }),
        json(Action::ManageProject, &SetOutside { project_id, seen: None }),
        form(Action::ManageProject, &SetCausesFirst { project_id, on: false }),
        json(Action::ManageProject, &settings),
        form(Action::ManageProject, &SetMember { project_id, person_id: PersonId(db::new_uuid()), on: true }),
        form(Action::ArchiveProject, &ArchiveProject { project_id, on: false }),
    ]
}

pub fn about_studio() -> Vec<Call> {
    let thing = Thing::Shot(ShotId(db::new_uuid()));
    let person_id = PersonId(db::new_uuid());
    vec![
        form(Action::UseBin, &ListBin {}),
        json(Action::UseBin, &RestoreFromBin { thing }),
        json(Action::DeleteForGood, &DeleteForGood { thing, typed: "x".into() }),
        form(Action::DeleteForGood, &EmptyBin { typed: "x".into() }),
        form(Action::ManageDisk, &GetDisk {}),
        form(Action::ManageDisk, &SweepNow {}),
        form(Action::ViewJobs, &ListJobs {}),
        form(Action::ViewJobs, &ListModels {}),
        form(Action::ManageDisk, &AcceptLicence { slug: "none".into() }),
        form(Action::ManageDisk, &FetchModel { slug: "none".into(), token: String::new() }),
        form(Action::ManageDisk, &StopFetching { slug: "none".into() }),
        form(Action::ViewClientVersions, &ListNeeds {}),
        form(Action::ViewClientVersions, &ListInbox {}),
        form(Action::ViewClientVersions, &GetWaiting {}),
        form(Action::ViewClientVersions, &ReadInbox { until: 0 }),
        form(Action::ViewClientVersions, &app::api::search::Search { q: "x".into() }),
        form(Action::CreateProject, &CreateProject { name: format!("P{}", db::new_uuid()) }),
        form(Action::ManagePeople, &ListPeople {}),
        form(Action::ManagePeople, &SetRole { person_id, role: Role::Artist }),
        form(Action::ManagePeople, &SetActive { person_id, active: true, heir: None }),
        form(Action::ManagePeople, &MakeResetLink { person_id }),
        form(Action::ManagePeople, &ListInvitations {}),
        form(Action::ManagePeople, &WithdrawInvitation { invitation_id: InvitationId(db::new_uuid()) }),
        form(Action::ManagePeople, &Invite { role: Role::Artist, project_id: None }),
        json(Action::ReadAudit, &ListAudit { deed: None, person_id: None, before: None }),
    ]
}

#[tokio::test]
async fn functions_refuse_what_the_table_of_rights_refuses() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let shot_id = shot(&app, &owner, ours).await;
        for role in Role::ALL {
            let inside =
                if role == Role::Owner { owner.clone() } else { app.member(&owner, role, Some(ours)).await };
            for call in about_shot(shot_id).into_iter().filter(|_| role == Role::Client) {
                let status = call.status(&inside).await;
                assert_eq!(status, StatusCode::NOT_FOUND, "nothing is shown to clients: {}", call.path);
            }
            let of_shot = about_shot(shot_id).into_iter().filter(|_| role != Role::Client);
            for call in of_shot.chain(about_project(ours)).chain(about_studio()) {
                let status = call.status(&inside).await;
                let is_refused = status == StatusCode::FORBIDDEN;
                let wanted = !may(role, call.action);
                assert_eq!(is_refused, wanted, "{} {role:?} {}: {status}", app.engine(), call.path);
                assert!(
                    status != StatusCode::UNAUTHORIZED && status != StatusCode::BAD_REQUEST,
                    "{} {status}",
                    call.path
                );
                assert!(!status.is_server_error(), "{} {role:?}: {status}", call.path);
            }
            if may(role, Action::SeeEveryProject) {
                continue;
            }
            let outside = app.member(&owner, role, Some(theirs)).await;
            for call in about_shot(shot_id).into_iter().chain(about_project(ours)) {
                let status = call.status(&outside).await;
                assert_eq!(
                    status,
                    StatusCode::NOT_FOUND,
                    "{} {role:?} of another project {}",
                    app.engine(),
                    call.path
                );
            }
        }
        let nobody = app.nobody();
        for call in about_shot(shot_id).into_iter().chain(about_project(ours)).chain(about_studio()) {
            assert_eq!(call.status(&nobody).await, StatusCode::UNAUTHORIZED, "{}", call.path);
        }
    }
}
