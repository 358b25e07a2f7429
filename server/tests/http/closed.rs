//! The tables of rights leave nothing out: every server function stands in one of them, or here with the place where it is tried.

use std::collections::BTreeSet;

use domain::{CommentId, ProjectId, ShotId, ThreadId};
use leptos::server_fn::ServerFn;
use leptos::server_fn::axum::server_fn_paths;

use crate::decisions::Reviewed;
use crate::functions::{about_project, about_shot, about_studio};
use crate::share_rights;

/// Functions for everybody, and those whose rights are tried where what they work on is made.
fn elsewhere() -> Vec<(&'static str, &'static str)> {
    vec![]
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
    }
    let all: BTreeSet<&str> = server_fn_paths().map(|(path, _)| path).collect();
    assert!(all.len() > 100, "{} functions", all.len());
    let unknown: Vec<&&str> = all.difference(&known).collect();
    assert!(unknown.is_empty(), "in no table: {unknown:#?}");
}
