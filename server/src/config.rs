//! What the server was told to do. Every value has a default that works on a laptop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use domain::reach::Listening;

/// `minus-one serve`
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Address and port to listen on; 0.0.0.0:8998 makes it reachable from the network.
    #[arg(long, default_value = "127.0.0.1:8998", env = "LISTEN")]
    pub listen: SocketAddr,

    #[command(flatten)]
    pub place: Place,

    /// Folder with the built client (wasm, style sheet, icons).
    #[arg(long, default_value = "target/site", env = "LEPTOS_SITE_ROOT")]
    pub site_root: PathBuf,

    /// Make the demo project at the first start.
    #[arg(long)]
    pub demo: bool,

    /// Start no worker here; others do the work.
    #[arg(long)]
    pub no_worker: bool,

    /// The worker program; default: minus-one-worker beside this program.
    #[arg(long, env = "WORKER_BIN")]
    pub worker_bin: Option<PathBuf>,

    /// Folder of the models' weights, VOID's in its `void`; default: `models` in the data folder.
    #[arg(long, env = "MODELS_DIR")]
    pub models: Option<PathBuf>,

    /// Certificate chain (PEM) for https; read again on SIGHUP. Without it the server speaks plain http.
    #[arg(long, env = "TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key (PEM) of the certificate.
    #[arg(long, env = "TLS_KEY", requires = "tls_cert", hide_env_values = true)]
    pub tls_key: Option<PathBuf>,

    /// Requests come through one proxy on the way: believe the last address in its X-Forwarded-For.
    #[arg(long, env = "BEHIND_PROXY")]
    pub behind_proxy: bool,

    /// Who sends this word (Authorization: Bearer …) may read /metrics; default: programs on this machine.
    #[arg(long, env = "METRICS_TOKEN", hide_env_values = true)]
    pub metrics_token: Option<String>,
}

/// Where a studio's data lies, and the address its links begin with.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The address people open, e.g. https://minus-one.studio.example; links are built from it.
    /// Default: localhost and the port.
    #[arg(long, env = "PUBLIC_URL")]
    pub public_url: Option<String>,

    /// Folder for the database file and the blobs; with --storage-url, for copies of those that are used.
    #[arg(long, default_value = "data", env = "DATA_DIR")]
    pub data: PathBuf,

    /// postgres://USER@HOST/NAME for many servers; default: a SQLite file in the data folder.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// s3://BUCKET/PREFIX?endpoint=…&region=…&path_style=true for blobs in a bucket, with keys in AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY; default: the data folder.
    #[arg(long, env = "STORAGE_URL")]
    pub storage_url: Option<String>,
}

impl Place {
    /// The address links are built from, without a slash at the end. The real port when 0 was asked for. `scheme`: `http` or
    /// `https`, where no address was given.
    pub fn public_url(&self, scheme: &str, port: u16) -> anyhow::Result<String> {
        let Some(url) = &self.public_url else { return Ok(format!("{scheme}://localhost:{port}")) };
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let valid = rest.is_some_and(|rest| {
            let host = rest.trim_end_matches('/');
            !host.is_empty() && !host.contains(['/', '?', '#', ' ', '@'])
        });
        anyhow::ensure!(
            valid,
            "--public-url “{url}” is not an address like https://minus-one.example: give scheme and host only"
        );
        Ok(url.trim_end_matches('/').to_owned())
    }

    /// The database's address. SQLite on a network mount is refused: its locks do not hold there.
    pub fn database_url(&self) -> anyhow::Result<String> {
        if let Some(url) = &self.database_url {
            return Ok(url.clone());
        }
        anyhow::ensure!(
            !is_on_network(&self.data),
            "The data folder {} lies on a network mount, where SQLite can lose data. Use a local folder, or set DATABASE_URL to a PostgreSQL server.",
            self.data.display()
        );
        Ok(format!("sqlite://{}", self.file().display()))
    }

    /// The file of the embedded database.
    fn file(&self) -> PathBuf {
        self.data.join("minus-one.db")
    }

    /// Whether the embedded database was made already.
    pub fn has_file(&self) -> bool {
        self.file().is_file()
    }

    /// Opens the database of a studio that is there: a mistyped folder must not become a new one.
    pub async fn open_existing(&self) -> anyhow::Result<db::Db> {
        anyhow::ensure!(
            self.database_url.is_some() || self.has_file(),
            "There is no studio in {}: give its folder with --data, or its database with --database-url",
            self.data.display()
        );
        self.open().await
    }

    /// Opens the database, as the server does: before it is brought up to date, its rows are copied.
    pub async fn open(&self) -> anyhow::Result<db::Db> {
        backup::open(&self.database_url()?, &self.data).await.context("The database cannot be opened")
    }

    /// Opens the store.
    pub fn store(&self) -> anyhow::Result<storage::Store> {
        storage::Store::open_at(&self.data, self.storage_url.as_deref()).context("The store cannot be opened")
    }
}

impl Config {
    /// `https` with a certificate, else `http`.
    pub fn scheme(&self) -> &'static str {
        if self.tls_cert.is_some() { "https" } else { "http" }
    }

    /// Where the server answers that listens at this address.
    pub fn listening(&self, at: SocketAddr) -> Listening {
        Listening { at, is_tls: self.tls_cert.is_some(), is_behind_proxy: self.behind_proxy }
    }

    /// Folder of the models' weights.
    pub fn models_folder(&self) -> PathBuf {
        self.models.clone().unwrap_or_else(|| self.place.data.join("models"))
    }

    /// The worker program to supervise; `None` with a reason when there is none.
    pub fn worker_program(&self) -> Result<PathBuf, String> {
        let at = match &self.worker_bin {
            Some(path) => path.clone(),
            None => std::env::current_exe()
                .ok()
                .and_then(|exe| exe.parent().map(|folder| folder.join("minus-one-worker")))
                .unwrap_or_default(),
        };
        if at.is_file() { Ok(at) } else { Err(format!("no worker program at {}", at.display())) }
    }
}

/// Whether the folder's file system is NFS, SMB, CIFS, or a FUSE mount of one.
fn is_on_network(at: &Path) -> bool {
    const NFS: i64 = 0x6969;
    const SMB: i64 = 0x517b;
    const CIFS: i64 = 0xff53_4d42;
    const SMB2: i64 = 0xfe53_4d42;
    let existing = at.ancestors().find(|a| a.exists()).unwrap_or(Path::new("."));
    let Ok(stat) = rustix::fs::statfs(existing) else { return false };
    #[expect(clippy::unnecessary_cast, reason = "the field's type differs between platforms")]
    [NFS, SMB, CIFS, SMB2].contains(&(stat.f_type as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        config: Config,
    }

    fn config(args: &[&str]) -> Config {
        Line::parse_from(std::iter::once("serve").chain(args.iter().copied())).config
    }

    #[test]
    fn links_are_built_from_the_public_url_only() {
        assert_eq!(config(&[]).place.public_url("http", 8998).expect("default"), "http://localhost:8998");
        let url = config(&["--public-url", "https://m1.example/"]).place.public_url("http", 1).expect("fine");
        assert_eq!(url, "https://m1.example");
        for bad in ["m1.example", "ftp://m1", "https://", "https://a/b", "https://u@h"] {
            assert!(config(&["--public-url", bad]).place.public_url("http", 1).is_err(), "{bad}");
        }
    }
}
