//! The rows of the table: every address, page and server function, asked in an order in which none takes away what a later one
//! needs.

use std::collections::HashMap;

use app::api::guests::UnlockShare;
use app::api::life::{DeleteForGood, PutIntoBin, RenameSequence, RestoreFromBin};
use app::api::models::{AcceptLicence, FetchModel, StopFetching};
use app::api::people::{MakeResetLink, SetActive, SetRole, WithdrawInvitation};
use app::api::projects::{ListProjects, SetMember};
use app::api::session::{
    AcceptInvitation, ChangeName, ChangePassword, CreateOwner, GetInvitation, GetReset, GetViewer, MySignIns,
    ResetPassword, SignIn, SignOut, SignOutEverywhere,
};
use app::api::shares::{ChangeLink, GetShares, RenewLink, RevokeLink};
use app::api::threads::{DeleteComment, EditComment, Reply, ResolveThread, SeeThread, ShowThread};
use app::api::work::ReadEntry;
use app::routes::href;
use domain::{Action, Role, Thing};
use reqwest::Method;

use super::row::{Ask, Of, Row, call};
use super::stage::{Stage, Studio};
use crate::functions::{Call, about_project, about_shot, about_studio, form, json};
use crate::share::{ALL, new_link};
use crate::share_rights;
use crate::uploads::base64;

/// With the right that the call itself says.
fn with_right(of: Of, asked: Call) -> Row {
    let action = asked.action;
    call(of, Some(action), asked)
}

/// What needs nothing but to be signed in, or is for everybody: the call's own right says nothing.
const ANY: Action = Action::ViewClientVersions;

impl Stage {
    /// All rows; a function that is there twice has a number behind its name.
    pub fn rows(&self, studio: &Studio) -> Vec<Row> {
        let mut rows = self.routes();
        rows.extend(self.pages());
        rows.extend(self.of_link());
        rows.extend(self.of_everybody());
        rows.extend(self.of_team());
        rows.extend(self.of_studio(studio));
        rows.extend(self.last());
        let mut times: HashMap<String, u32> = HashMap::new();
        for row in &mut rows {
            let n = times.entry(row.name.clone()).or_default();
            *n += 1;
            if *n > 1 {
                row.name = format!("{} ({n})", row.name);
            }
        }
        rows
    }

    /// An address with places for the ids in it.
    fn plain(&self, path: &str) -> String {
        let ids = [
            (self.token.clone(), "{token}"),
            (self.upload.clone(), "/api/uploads/{upload}"),
            (self.project_id.to_string(), "{project}"),
            (self.made.shot_id.to_string(), "{shot}"),
            (self.made.quadmask_id.to_string(), "{quadmask}"),
            (self.made.version_id.to_string(), "{version}"),
            (self.invitation.clone(), "{invitation}"),
            (self.reset.clone(), "{reset}"),
        ];
        ids.iter().fold(path.to_owned(), |text, (id, place)| text.replace(id.as_str(), place))
    }

    fn send(
        &self,
        of: Of,
        action: Option<Action>,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: &'static [u8],
    ) -> Row {
        let mut name = format!("{method} {}", self.plain(path));
        if let Some((_, range)) = headers.iter().find(|(name, _)| *name == "range") {
            name = format!("{name}, {range}");
        }
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Row { name, of, path: path.to_owned(), action, ask: Ask::Send { method, headers, body } }
    }

    fn get(&self, of: Of, action: Option<Action>, path: &str) -> Row {
        self.send(of, action, Method::GET, path, &[], b"")
    }

    fn routes(&self) -> Vec<Row> {
        let (shot, version) = (self.made.shot_id, self.made.version_id);
        let mut rows: Vec<Row> =
            ["/healthz", "/readyz", "/metrics"].map(|path| self.get(Of::Everybody, None, path)).into();
        rows.push(self.get(Of::Studio, Some(ANY), "/events"));
        for (path, is_for_clients) in self.made.files() {
            let action = if is_for_clients { ANY } else { Action::ViewShot };
            rows.push(self.get(Of::Project, Some(action), &path));
        }
        for file in ["poster.jpg", "strip.jpg", "proxy.json"] {
            rows.push(self.get(Of::Project, Some(ANY), &format!("/media/shots/{shot}/{file}")));
        }
        rows.push(self.get(Of::Project, Some(Action::ViewShot), &format!("/media/shots/{shot}/draft/0.png")));
        let part = |of, action, path: &str| {
            self.send(of, Some(action), Method::GET, path, &[("range", "bytes=1-3")], b"")
        };
        rows.push(part(Of::Project, ANY, &format!("/media/shots/{shot}/proxy.mov")));
        rows.push(part(Of::Project, Action::ViewShot, &format!("/media/versions/{version}/result.mkv")));
        for file in ["h264.mov", "h264.zip"] {
            let path = format!("/media/versions/{version}/deliveries/{file}");
            rows.push(self.get(Of::Project, Some(Action::ViewShot), &path));
        }
        rows.extend(self.files_of_link());
        let tus = ("tus-resumable", "1.0.0");
        let upload = self.upload.as_str();
        for path in ["/api/uploads", upload] {
            rows.push(self.send(Of::Everybody, None, Method::OPTIONS, path, &[tus], b""));
        }
        let project = base64(&self.project_id.to_string());
        let metadata = format!("filename {},project {project}", base64("plate_4.mov"));
        let headers = [tus, ("upload-length", "4"), ("upload-metadata", metadata.as_str())];
        let right = Some(Action::Upload);
        rows.push(self.send(Of::Project, right, Method::POST, "/api/uploads", &headers, b""));
        rows.push(self.send(Of::Project, right, Method::HEAD, upload, &[tus], b""));
        rows.push(self.get(Of::Project, right, upload));
        let headers = [tus, ("content-type", "application/offset+octet-stream"), ("upload-offset", "0")];
        rows.push(self.send(Of::Project, right, Method::PATCH, upload, &headers, b"12"));
        let [tus, kind, _] = headers;
        let headers = [tus, kind, ("upload-offset", "2"), ("x-http-method-override", "PATCH")];
        rows.push(self.send(Of::Project, right, Method::POST, upload, &headers, b"3"));
        rows.push(self.send(Of::Project, right, Method::DELETE, upload, &[tus], b""));
        let import = format!("/api/shots/{shot}/import-quadmask?name=masks.zip");
        rows.push(self.send(Of::Project, Some(Action::EditShot), Method::POST, &import, &[], b"PK"));
        rows
    }

    fn files_of_link(&self) -> Vec<Row> {
        let (token, version) = (&self.token, self.made.version_id);
        let mut rows: Vec<Row> = share_rights::files(token, &self.made)
            .iter()
            .map(|path| self.get(Of::Link, None, path))
            .collect();
        let base = format!("/share-media/{token}");
        let range = [("range", "bytes=1-3")];
        for path in [
            format!("{base}/shots/{}/proxy.mov", self.made.shot_id),
            format!("{base}/versions/{version}/result.mkv"),
        ] {
            rows.push(self.send(Of::Link, None, Method::GET, &path, &range, b""));
        }
        for file in ["h264.mov", "h264.zip"] {
            rows.push(self.get(Of::Link, None, &format!("{base}/versions/{version}/deliveries/{file}")));
        }
        rows
    }

    /// At the addresses that views link to.
    fn pages(&self) -> Vec<Row> {
        let (project, shot) = (self.project_id, self.made.shot_id);
        let page = |of, path: String, mark: Option<&String>| Row {
            name: format!("page {}", self.plain(&path)),
            of,
            path,
            action: None,
            ask: Ask::Page(mark.cloned()),
        };
        let mut rows = vec![
            page(Of::Everybody, "/setup".into(), None),
            page(Of::Everybody, href::sign_in("/"), None),
            page(Of::Everybody, format!("/invite/{}", self.invitation), None),
            page(Of::Everybody, href::reset(&self.reset), None),
            page(Of::Link, href::share(&self.token, None), Some(&self.shot_name)),
            page(Of::Link, href::share(&self.token, Some(shot)), Some(&self.shot_name)),
            page(Of::Project, href::project(project), Some(&self.project_name)),
            page(Of::Project, href::project_settings(project), Some(&self.project_name)),
            page(Of::Project, href::shot(shot, "review"), Some(&self.shot_name)),
            page(Of::Project, href::shot(shot, "quadmask"), Some(&self.shot_name)),
        ];
        let studio = [
            "/",
            href::PEOPLE,
            href::PROFILE,
            href::AUDIT,
            href::NEEDS,
            href::INBOX,
            href::BIN,
            href::DISK,
            href::JOBS,
            href::MODELS,
        ];
        rows.extend(studio.map(|path| page(Of::Studio, path.into(), None)));
        rows
    }

    /// The one that deletes is the last of them.
    fn of_link(&self) -> Vec<Row> {
        let calls = share_rights::calls(&self.token, &self.made, self.thread_id, self.comment_id);
        calls.into_iter().map(|asked| call(Of::Link, None, asked)).collect()
    }

    /// Nothing of it is done: the words are wrong, or too short.
    fn of_everybody(&self) -> Vec<Row> {
        let (email, wrong) = ("nobody@studio.test".to_owned(), "a wrong password".to_owned());
        let (name, guess) = ("Somebody".to_owned(), domain::Hash::of(b"a guess").to_string());
        let accept = AcceptInvitation {
            token: guess,
            name: name.clone(),
            email: email.clone(),
            password: wrong.clone(),
        };
        [
            form(ANY, &CreateOwner { name, email: email.clone(), password: wrong.clone() }),
            form(ANY, &SignIn { email, password: wrong.clone() }),
            form(ANY, &GetViewer {}),
            form(ANY, &GetInvitation { token: self.invitation.clone() }),
            form(ANY, &accept),
            form(ANY, &GetReset { token: self.reset.clone() }),
            form(ANY, &ResetPassword { token: self.reset.clone(), password: "short".into() }),
            form(ANY, &UnlockShare { token: self.token.clone(), password: wrong }),
        ]
        .map(|asked| call(Of::Everybody, None, asked))
        .into()
    }

    fn of_team(&self) -> Vec<Row> {
        let Self { project_id, sequence_id, thread_id, comment_id, link_id, .. } = *self;
        let (person_id, text) = (self.spare, || "words".to_owned());
        let known = [
            form(Action::Comment, &EditComment { comment_id, text: text() }),
            json(Action::Comment, &Reply { thread_id, text: text(), drawing: None }),
            form(ANY, &SeeThread { thread_id, n: 1 }),
            form(Action::ResolveThread, &ResolveThread { thread_id, resolved: true }),
            form(Action::Comment, &DeleteComment { comment_id }),
            form(Action::Upload, &RenameSequence { project_id, sequence_id, name: "S020".into() }),
            form(Action::ManageProject, &SetMember { project_id, person_id, on: true }),
            form(Action::Share, &GetShares { project_id }),
            json(Action::Share, &new_link(project_id, &[self.made.version_id], ALL)),
            json(Action::Share, &ChangeLink { link_id, grants: ALL, days: None, password: None }),
            form(Action::Share, &RenewLink { link_id }),
            form(Action::Withdraw, &RevokeLink { link_id }),
        ];
        let own: Vec<&str> = known.iter().map(|asked| asked.path).collect();
        let of_project = about_project(project_id).into_iter().filter(|asked| !own.contains(&asked.path));
        let of_project: Vec<Call> = of_project.collect();
        // What is about a version comes before the quadmask is re-opened.
        let calls = self.made.calls().into_iter().chain(about_shot(self.made.shot_id)).chain(known);
        calls.chain(of_project).map(|asked| with_right(Of::Project, asked)).collect()
    }

    fn of_studio(&self, studio: &Studio) -> Vec<Row> {
        let [never, other] = studio.models.clone();
        let (person_id, thing, invitation_id) = (self.spare, self.binned, self.invitation_id);
        let known = [
            json(Action::DeleteForGood, &DeleteForGood { thing, typed: "x".into() }),
            json(Action::UseBin, &RestoreFromBin { thing }),
            form(Action::ManageDisk, &FetchModel { slug: never.clone(), token: String::new() }),
            form(Action::ManageDisk, &StopFetching { slug: never }),
            form(Action::ManageDisk, &AcceptLicence { slug: other }),
            form(Action::ManagePeople, &SetRole { person_id, role: Role::Artist }),
            form(Action::ManagePeople, &SetActive { person_id, active: true, heir: None }),
            form(Action::ManagePeople, &MakeResetLink { person_id }),
            form(Action::ManagePeople, &WithdrawInvitation { invitation_id }),
            form(ANY, &ListProjects {}),
            form(ANY, &MySignIns {}),
            form(ANY, &ReadEntry { entry_id: self.entry_id }),
            form(ANY, &ChangeName { name: "Somebody".into() }),
            form(
                ANY,
                &ChangePassword {
                    current: "a wrong password".into(),
                    password: "five slow grey mules".into(),
                },
            ),
        ];
        let own: Vec<&str> = known.iter().map(|asked| asked.path).collect();
        let others: Vec<Call> =
            about_studio().into_iter().filter(|asked| !own.contains(&asked.path)).collect();
        others.into_iter().chain(known).map(|asked| with_right(Of::Studio, asked)).collect()
    }

    /// After these nothing is as it was.
    fn last(&self) -> Vec<Row> {
        let thread_id = self.thread_id;
        let thing = Thing::Shot(self.made.shot_id);
        vec![
            with_right(Of::Project, form(Action::ShowClient, &ShowThread { thread_id, on: false })),
            with_right(Of::Project, json(Action::UseBin, &PutIntoBin { thing })),
            with_right(Of::Studio, form(ANY, &SignOutEverywhere {})),
            call(Of::Everybody, None, form(ANY, &SignOut {})),
        ]
    }
}
