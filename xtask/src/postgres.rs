//! A private PostgreSQL for one run of the tests: made in a temporary folder, on a free loopback port, gone afterwards.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{http, sh};

/// In the name of the folder, so that what a killed run left behind is known and cleared by the next one.
const PREFIX: &str = "minus-one-postgres-";

/// A running instance, or the one that `TEST_DATABASE_URL` names already.
pub enum Postgres {
    Given(String),
    Private { url: String, folder: PathBuf, server: Child },
}

impl Postgres {
    pub fn url(&self) -> &str {
        match self {
            Self::Given(url) | Self::Private { url, .. } => url,
        }
    }
}

/// Starts it; about a second. Nothing is flushed to disk, because nothing is kept.
pub fn start() -> Result<Postgres> {
    if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
        sh::say("Using the database of TEST_DATABASE_URL");
        return Ok(Postgres::Given(url));
    }
    clear_left_behind();
    let tools = tools()?;
    // Not under the target folder: the database's own user must be able to reach it, and a socket's path is short.
    let folder = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    if sh::is_root() {
        sh::quiet(Command::new("chown").arg("postgres:").arg(&folder))?;
    }
    let data = folder.join("data");
    let mut make = as_database_user(&tools.join("initdb"));
    make.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D"])
        .arg(&data);
    sh::read(make.current_dir(&folder)).context("making the private PostgreSQL")?;

    let port = http::free_port()?;
    let log = std::fs::File::create(folder.join("log"))?;
    let mut serve = as_database_user(&tools.join("postgres"));
    serve.arg("-D").arg(&data).arg("-k").arg(&folder).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    for setting in [
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "max_connections=300",
        "shared_buffers=64MB",
        "autovacuum=off",
    ] {
        serve.args(["-c", setting]);
    }
    let server = serve
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("starting the private PostgreSQL")?;
    let mut private =
        Postgres::Private { url: format!("postgres://postgres@127.0.0.1:{port}/postgres"), folder, server };
    wait(&mut private, &tools, port)?;
    Ok(private)
}

fn wait(private: &mut Postgres, tools: &Path, port: u16) -> Result<()> {
    let Postgres::Private { folder, server, .. } = private else { return Ok(()) };
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        let mut ask = Command::new(tools.join("pg_isready"));
        ask.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
        if ask.status().is_ok_and(|status| status.success()) {
            return Ok(());
        }
        if let Some(status) = server.try_wait()? {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            bail!("the private PostgreSQL stopped at once ({status}): {}", log.trim());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("the private PostgreSQL did not answer within 30 seconds");
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Self::Private { folder, server, .. } = self else { return };
        let stopped = Command::new("kill").args(["-INT", &server.id().to_string()]).status();
        if stopped.is_ok_and(|status| status.success())
            && let Err(error) = server.wait()
        {
            eprintln!("waiting for the private PostgreSQL: {error}");
        }
        if let Err(error) = std::fs::remove_dir_all(&*folder) {
            eprintln!("removing {}: {error}", folder.display());
        }
    }
}

/// `initdb` and `postgres` refuse root. It ends with us, also when we are killed.
fn as_database_user(tool: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if sh::is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command.args(["--pdeathsig", "INT"]).arg(tool);
    command
}

/// The newest installed version; Debian keeps these off `PATH`.
fn tools() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").is_file())
        .max();
    match (newest, sh::which("initdb")) {
        (Some((_, folder)), _) => Ok(folder),
        (None, Some(file)) => Ok(file.parent().context("a program is in a folder")?.to_owned()),
        (None, None) => bail!("there is no initdb; `cargo xtask setup` installs PostgreSQL"),
    }
}

fn clear_left_behind() {
    let folders = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for entry in folders {
        let name = entry.file_name();
        let Some(owner) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        if !Path::new("/proc").join(owner).exists()
            && let Err(error) = std::fs::remove_dir_all(entry.path())
        {
            eprintln!("an earlier run left {} behind: {error}", entry.path().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_instance_answers_and_leaves_nothing_behind() {
        let instance = start().expect("PostgreSQL is installed by `cargo xtask setup`");
        let Postgres::Private { url, folder, .. } = &instance else { return };
        let tools = tools().expect("found above");
        let asked =
            Command::new(tools.join("psql")).args([url.as_str(), "-Atc", "select 40 + 2"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&asked.stdout).trim(), "42");
        let folder = folder.clone();
        drop(instance);
        assert!(!folder.exists());
    }
}
