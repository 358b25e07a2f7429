//! A server of its own per test, and people who talk to it. No worker: what jobs do is tested where jobs are done.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use app::api::people::Invite;
use app::api::projects::CreateProject;
use app::api::session::{AcceptInvitation, CreateOwner};
use clap::Parser;
use domain::{Hash, ProjectId, Role};
use leptos::server_fn::ServerFn;
use reqwest::{Client, ClientBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use server::config::Config;
use server::state::ServerState;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::s3::{self, Server as Bucket};

pub const PASSWORD: &str = "four quiet brown horses";
/// Of a bucket: no room for copies, so that what is answered comes from there.
const NO_COPIES: &str = "&cache_gb=0.000000001";

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    config: Config,
}

pub struct TestApp {
    pub url: String,
    pub state: ServerState,
    data: TempDir,
    _stop: watch::Sender<bool>,
    engine: &'static str,
    database_url: Option<String>,
    storage_url: Option<String>,
    /// Lives as long as the server that uses it.
    bucket: Option<Bucket>,
}

impl TestApp {
    /// One server per engine that is there, and one whose blobs are in a bucket: that of `TEST_STORAGE_URL`, in a place of its
    /// own, else one in this process.
    pub async fn each() -> Vec<Self> {
        let Some(url) = s3::given(NO_COPIES) else { return Self::each_in_reach("nobody gave another").await };
        let mut apps = Self::each_in_a_folder("the bucket follows").await;
        apps.push(Self::beside(url, None).await);
        apps
    }

    /// As [`Self::each`], with the bucket always in this process, since the test needs more of it than S3 can do: `_why`.
    pub async fn each_in_reach(_why: &str) -> Vec<Self> {
        let mut apps = Self::each_in_a_folder("the bucket follows").await;
        let bucket = Bucket::start();
        apps.push(Self::beside(bucket.url(NO_COPIES), Some(bucket)).await);
        apps
    }

    /// As [`Self::each`] without the bucket, since the test has nothing to say of one: `_why`.
    pub async fn each_in_a_folder(_why: &str) -> Vec<Self> {
        let folder = || tempfile::tempdir().expect("a folder");
        let mut apps = vec![Self::at("SQLite", folder(), None).await];
        if let Some(url) = crate::rows::postgres_url().await {
            apps.push(Self::at("PostgreSQL", folder(), Some(url)).await);
        }
        apps
    }

    async fn beside(storage_url: String, bucket: Option<Bucket>) -> Self {
        Self { engine: "SQLite and a bucket", bucket, ..Self::on_bucket(storage_url).await }
    }

    /// A server on what is there already, with its blobs in that folder.
    pub async fn at(engine: &'static str, data: TempDir, database_url: Option<String>) -> Self {
        Self::with(engine, data, database_url, None).await
    }

    /// A server on SQLite with its blobs in a bucket.
    pub async fn on_bucket(storage_url: String) -> Self {
        Self::with("SQLite", tempfile::tempdir().expect("a folder"), None, Some(storage_url)).await
    }

    async fn with(
        engine: &'static str,
        data: TempDir,
        database_url: Option<String>,
        storage_url: Option<String>,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let folder = data.path().display().to_string();
        let mut config = Line::parse_from(["serve", "--no-worker", "--data", &folder]).config;
        config.place.database_url = database_url.clone();
        config.place.storage_url = storage_url.clone();
        let (stop, stopping) = watch::channel(false);
        let (state, router) = server::cli::start(&config, address, stopping).await.expect("started");
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self {
            url: format!("http://{address}"),
            state,
            data,
            _stop: stop,
            engine,
            database_url,
            storage_url,
            bucket: None,
        }
    }

    pub fn engine(&self) -> &'static str {
        self.engine
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// `None`: the file in the data folder.
    pub fn database_url(&self) -> Option<&str> {
        self.database_url.as_deref()
    }

    /// `None`: the blobs are in the data folder.
    pub fn storage_url(&self) -> Option<&str> {
        self.storage_url.as_deref()
    }

    /// As if the blob had been put two days ago; see [`Self::each_in_reach`].
    pub fn age(&self, hash: Hash) {
        match &self.bucket {
            Some(bucket) => bucket.age(hash),
            None => older(&self.state.app.store.path_of(hash)),
        }
    }

    pub fn nobody(&self) -> Actor {
        let client = client().cookie_store(true).build().expect("a client");
        Actor { client, url: self.url.clone() }
    }

    pub async fn owner(&self) -> Actor {
        let actor = self.nobody();
        let owner = CreateOwner {
            name: "Owner".into(),
            email: "owner@studio.test".into(),
            password: PASSWORD.into(),
        };
        actor.ask::<CreateOwner, ()>(&owner).await.expect("the first owner");
        actor
    }

    /// Somebody with a role who belongs to `project`, through an invitation.
    pub async fn member(&self, owner: &Actor, role: Role, project: Option<ProjectId>) -> Actor {
        let link: String = owner.ask(&Invite { role, project_id: project }).await.expect("a link");
        let token = link.rsplit('/').next().expect("a token").to_owned();
        let actor = self.nobody();
        let email = format!("{}-{}@studio.test", role.word(), db::new_uuid());
        let accept = AcceptInvitation { token, name: role.word().into(), email, password: PASSWORD.into() };
        actor.ask::<AcceptInvitation, ()>(&accept).await.expect("joined");
        actor
    }
}

/// What talks to a server, and gives up on one that says nothing for three minutes: a test that hangs says nothing.
pub fn client() -> ClientBuilder {
    Client::builder().read_timeout(Duration::from_secs(180))
}

/// As if the file had been written two days ago.
pub fn older(path: &Path) {
    let then = SystemTime::now() - Duration::from_secs(48 * 3600);
    File::open(path).and_then(|file| file.set_modified(then)).expect("older");
}

/// One browser.
#[derive(Clone)]
pub struct Actor {
    pub client: Client,
    pub url: String,
}

impl Actor {
    /// Calls a server function as the page does; the error is the answer's text.
    pub async fn ask<F, T>(&self, call: &F) -> Result<T, String>
    where
        F: ServerFn + Serialize,
        T: DeserializeOwned,
    {
        let body = serde_qs(call);
        let answer = self
            .client
            .post(format!("{}{}", self.url, F::PATH))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(body)
            .send()
            .await
            .expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        if status == StatusCode::OK {
            serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))
        } else {
            Err(text)
        }
    }

    /// As [`Actor::ask`], for functions that take JSON; the error is the answer's status and text.
    pub async fn send<F, T>(&self, call: &F) -> Result<T, (StatusCode, String)>
    where
        F: ServerFn + Serialize,
        T: DeserializeOwned,
    {
        let body = serde_json::to_string(call).expect("plain values");
        self.post(F::PATH, "application/json", body).await
    }

    /// As [`Actor::ask`], with the status of a refusal.
    pub async fn form<F, T>(&self, call: &F) -> Result<T, (StatusCode, String)>
    where
        F: ServerFn + Serialize,
        T: DeserializeOwned,
    {
        self.post(F::PATH, "application/x-www-form-urlencoded", serde_qs(call)).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        kind: &str,
        body: String,
    ) -> Result<T, (StatusCode, String)> {
        let request = self.client.post(format!("{}{path}", self.url)).header("content-type", kind);
        let answer = request.header("accept", "application/json").body(body).send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        if status == StatusCode::OK {
            Ok(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}")))
        } else {
            Err((status, text))
        }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.expect("an answer")
    }

    pub async fn project(&self, name: &str) -> ProjectId {
        self.ask(&CreateProject { name: name.into() }).await.expect("a project")
    }
}

/// Flat structs only: what an HTML form sends.
pub fn serde_qs(value: &impl Serialize) -> String {
    let serde_json::Value::Object(fields) = serde_json::to_value(value).expect("plain values") else {
        return String::new();
    };
    let mut text = String::new();
    for (name, value) in fields {
        let value = match value {
            serde_json::Value::Null => continue,
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let encoded: String = value
            .bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect();
        text += &format!("{name}={encoded}&");
    }
    text.trim_end_matches('&').to_owned()
}
