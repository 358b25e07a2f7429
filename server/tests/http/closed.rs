//! The tables of rights leave nothing out: every server function stands in one of them, or here with the place where it is tried.

use std::collections::BTreeSet;

use app::api::guests::UnlockShare;
use app::api::life::PutIntoBin;
use app::api::projects::ListProjects;
use app::api::session::{
    AcceptInvitation, ChangeName, ChangePassword, CreateOwner, GetInvitation, GetReset, GetViewer, MySignIns,
    ResetPassword, SignIn, SignOut, SignOutEverywhere,
};
use app::api::shares::{ChangeLink, CreateLink, GetShares, RenewLink, RevokeLink};
use app::api::threads::{DeleteComment, EditComment, Reply, ResolveThread, SeeThread, ShowThread};
use app::api::work::ReadEntry;
use domain::{CommentId, ProjectId, ShotId, ThreadId};
use leptos::server_fn::ServerFn;
use leptos::server_fn::axum::server_fn_paths;

use crate::decisions::Reviewed;
use crate::functions::{about_project, about_shot, about_studio};
use crate::share_rights;

/// Functions for everybody, and those that are tried with every role where what they work on is made; by the file.
fn elsewhere() -> Vec<(&'static str, &'static str)> {
    vec![
        // Before anybody is signed in, and what one does to oneself.
        (CreateOwner::PATH, "sign_in.rs"),
        (SignIn::PATH, "sign_in.rs"),
        (SignOut::PATH, "sign_in.rs"),
        (SignOutEverywhere::PATH, "sign_in.rs"),
        (GetViewer::PATH, "sign_in.rs"),
        (GetInvitation::PATH, "sign_in.rs"),
        (AcceptInvitation::PATH, "harness.rs"),
        (GetReset::PATH, "audit.rs"),
        (ResetPassword::PATH, "audit.rs"),
        (ChangePassword::PATH, "audit.rs"),
        (ChangeName::PATH, "audit.rs"),
        (MySignIns::PATH, "audit.rs"),
        (ReadEntry::PATH, "studio.rs"),
        // Everybody's own projects.
        (ListProjects::PATH, "life.rs"),
        // Threads that exist: who may depends on who began them.
        (Reply::PATH, "threads.rs"),
        (EditComment::PATH, "threads.rs"),
        (DeleteComment::PATH, "threads.rs"),
        (ResolveThread::PATH, "threads.rs"),
        (ShowThread::PATH, "threads.rs"),
        (SeeThread::PATH, "threads.rs"),
        // Links that exist: who may is the project's to say.
        (GetShares::PATH, "share_rights.rs"),
        (CreateLink::PATH, "share_rights.rs"),
        (RenewLink::PATH, "share_rights.rs"),
        (RevokeLink::PATH, "share_rights.rs"),
        (ChangeLink::PATH, "life.rs"),
        (UnlockShare::PATH, "share_rights.rs"),
        (PutIntoBin::PATH, "life.rs"),
    ]
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http");

/// `/api/sign_out123` is made by `SignOut`.
pub fn type_name(path: &str) -> String {
    let words = path.trim_start_matches("/api/").trim_end_matches(|c: char| c.is_ascii_digit()).split('_');
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

#[test]
fn every_server_function_is_in_a_table_of_rights() {
    let made = Reviewed::nothing();
    let (thread_id, comment_id) = (ThreadId(db::new_uuid()), CommentId(db::new_uuid()));
    let tables = about_shot(ShotId(db::new_uuid()))
        .into_iter()
        .chain(about_project(ProjectId(db::new_uuid())))
        .chain(about_studio())
        .chain(made.calls())
        .chain(share_rights::calls("token", &made, thread_id, comment_id));
    let mut known: BTreeSet<&str> = tables.map(|call| call.path).collect();
    for (path, file) in elsewhere() {
        assert!(known.insert(path), "{path} stands in a table and with {file}");
        let name = type_name(path);
        let text = std::fs::read_to_string(format!("{FOLDER}/{file}")).expect("a file of these tests");
        assert!(text.contains(&name), "{file} does not try {name}");
    }
    let all: BTreeSet<&str> = server_fn_paths().map(|(path, _)| path).collect();
    assert!(all.len() > 100, "{} functions", all.len());
    let unknown: Vec<&&str> = all.difference(&known).collect();
    assert!(unknown.is_empty(), "in no table: {unknown:#?}");
}
