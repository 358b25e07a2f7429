//! `minus-one doctor`: what works here now, what is missing, and the exact next step, in one screen. Nothing of the
//! studio is changed; a bucket's folder of copies is made where it is missing.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use domain::reach::Reach;
use domain::run::{AbleReport, Need, Network, Weights};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::Config;
use crate::routes::tus::gigabytes;

/// Less is worth a word: lossless results of 4K shots take gigabytes.
const LITTLE_ROOM: u64 = 20 << 30;
/// Opening a checkpoint's table of contents takes less.
const PATIENCE: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(3);
/// How long a bucket may take to say what it holds.
const BUCKET: Duration = Duration::from_secs(10);

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Works,
    /// Everything else works without it.
    Without,
    Broken,
}

/// One line and, where something is to be done, another.
#[derive(Debug)]
struct Finding {
    state: State,
    what: &'static str,
    words: String,
    next: Option<String>,
}

impl Finding {
    fn works(what: &'static str, words: impl Into<String>) -> Self {
        Self { state: State::Works, what, words: words.into(), next: None }
    }

    fn without(what: &'static str, words: impl Into<String>, next: impl Into<String>) -> Self {
        Self { state: State::Without, what, words: words.into(), next: Some(next.into()) }
    }

    fn broken(what: &'static str, words: impl Into<String>, next: impl Into<String>) -> Self {
        Self { state: State::Broken, what, words: words.into(), next: Some(next.into()) }
    }
}

/// Ends with 1 when something that everybody needs does not work.
pub async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let mut all = vec![folder(config), database(config).await, store(config).await, client(config)];
    all.extend(worker(config).await);
    all.push(reach(config));
    all.push(server(config).await);
    let mut text = format!("Minus One {}\n\n", env!("CARGO_PKG_VERSION"));
    for Finding { state, what, words, next } in &all {
        let mark = match state {
            State::Works => "✓",
            State::Without => "○",
            State::Broken => "✕",
        };
        text += &format!("{mark} {what:<13} {words}\n");
        if let Some(next) = next {
            text += &format!("{:<16}→ {next}\n", "");
        }
    }
    let broken = all.iter().filter(|finding| finding.state == State::Broken).count();
    text += match broken {
        0 => "\nEverything that a studio needs works. ○ can be added at any time.\n",
        1 => "\nOne thing is in the way: ✕.\n",
        _ => "\nThese are in the way: ✕.\n",
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn folder(config: &Config) -> Finding {
    const WHAT: &str = "Data folder";
    let data = &config.place.data;
    let at = data.display();
    let there = data.ancestors().find(|folder| folder.is_dir()).unwrap_or(data);
    let free = rustix::fs::statvfs(there).map(|found| found.f_bavail * found.f_frsize);
    if let Err(error) = tempfile::tempfile_in(there) {
        return Finding::broken(
            WHAT,
            format!("{at} cannot be written: {error}"),
            "give the folder to whoever runs the server, or name another with --data",
        );
    }
    match free {
        Ok(free) if free < LITTLE_ROOM => Finding::without(
            WHAT,
            format!("{at}, only {} free", gigabytes(free)),
            "free some space, or name a folder on a larger disk with --data",
        ),
        Ok(free) => Finding::works(WHAT, format!("{at}, {} free", gigabytes(free))),
        Err(_) => Finding::works(WHAT, at.to_string()),
    }
}

async fn database(config: &Config) -> Finding {
    const WHAT: &str = "Database";
    let place = &config.place;
    if place.database_url.is_none() && !place.has_file() {
        return Finding::works(WHAT, "SQLite; the first start makes its file");
    }
    let opened = async {
        let db = db::connect(&place.database_url()?).await?;
        let ahead = db::dump::ahead(&db).await?;
        let has_owner = if ahead.is_some() { None } else { Some(db::people::has_owner(&db).await?) };
        anyhow::Ok((db.engine(), ahead.map(|ahead| ahead.has_rows), has_owner))
    };
    match opened.await {
        Ok((engine, ahead, has_owner)) => {
            let name = match engine {
                db::Engine::Sqlite => "SQLite",
                db::Engine::Postgres => "PostgreSQL",
            };
            let words = match (ahead, has_owner) {
                (Some(true), _) => {
                    format!("{name}, of an older Minus One: the next start copies and upgrades it")
                }
                (Some(false), _) => format!("{name}, empty: the next start makes its tables"),
                (_, Some(false)) => format!("{name}; nobody has an account yet"),
                _ => format!("{name}, up to date"),
            };
            Finding::works(WHAT, words)
        }
        Err(error) => Finding::broken(
            WHAT,
            format!("cannot be opened: {error:#}"),
            "see that it runs and that DATABASE_URL names it, or leave DATABASE_URL out to use a file",
        ),
    }
}

async fn store(config: &Config) -> Finding {
    const WHAT: &str = "Store";
    let place = config.place.clone();
    let Some(url) = place.storage_url.clone() else {
        return Finding::works(WHAT, "the data folder");
    };
    let asked = async {
        let store = tokio::task::spawn_blocking(move || place.store()).await??;
        store.ask_bucket(BUCKET).await.map_err(|(_, error)| error)?;
        anyhow::Ok(())
    };
    let bucket = url.split('?').next().unwrap_or_default().to_owned();
    match asked.await {
        Ok(()) => Finding::works(WHAT, format!("{bucket} answers")),
        Err(error) => Finding::broken(
            WHAT,
            format!("{bucket}: {error:#}"),
            "see that endpoint and region are right and that AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set",
        ),
    }
}

fn client(config: &Config) -> Finding {
    const WHAT: &str = "Client";
    let wasm = config.site_root.join("pkg/minus-one_bg.wasm");
    if wasm.is_file() {
        return Finding::works(WHAT, config.site_root.display().to_string());
    }
    Finding::broken(
        WHAT,
        format!("{} is not there, so pages stay still", wasm.display()),
        "`cargo xtask build`, or name the folder with --site-root",
    )
}

async fn worker(config: &Config) -> Vec<Finding> {
    const WHAT: &str = "Worker";
    if config.no_worker {
        return vec![Finding::without(
            WHAT,
            "none here (--no-worker): shots wait until one elsewhere takes them",
            "on another machine, `minus-one-worker run` with the same DATABASE_URL and STORAGE_URL",
        )];
    }
    let report = match ask_worker(config).await {
        Ok(report) => report,
        Err(why) => {
            return vec![Finding::broken(
                WHAT,
                why,
                "`cargo xtask build`, or name the program with --worker-bin",
            )];
        }
    };
    let mut all = Vec::new();
    if report.version == env!("CARGO_PKG_VERSION") {
        all.push(Finding::works(WHAT, format!("{} threads", report.threads)));
    } else {
        let words = format!("is of version {}, the server of {}", report.version, env!("CARGO_PKG_VERSION"));
        all.push(Finding::broken(WHAT, words, "build both together: `cargo xtask build`"));
    }
    all.push(Finding::works(
        "Plate engine",
        "removes without weights; masks grow from clicks without weights",
    ));
    all.push(match report.device.as_deref() {
        Some("cuda") => Finding::works("Networks", "on the first GPU"),
        Some(device) => Finding::without(
            "Networks",
            format!("on the {}, for which VOID was not made", device.to_uppercase()),
            "a machine with an NVIDIA driver: `cargo xtask run` there builds for its GPU",
        ),
        None => Finding::without("Networks", "not built in", "`cargo xtask run` without --without-void"),
    });
    let void = &report.abilities.void;
    all.push(model("VOID pass 1", void.weights(Need::VoidPass1).map(of_weights)));
    all.push(model("VOID pass 2", void.weights(Need::VoidPass2).map(of_weights)));
    all.push(model("SAM 2", report.abilities.sam2.network().map(of_network)));
    all.push(model("SAM 3", report.abilities.sam3.network().map(of_network)));
    all
}

fn of_weights(weights: &Weights) -> (String, bool) {
    (format!("{} on {}", weights.name, weights.device), weights.is_test_model)
}

fn of_network(network: &Network) -> (String, bool) {
    (format!("{} on {}", network.name, network.device), network.is_test_model)
}

fn model(what: &'static str, found: Result<(String, bool), String>) -> Finding {
    match found {
        Ok((words, false)) => Finding::works(what, words),
        Ok((words, true)) => Finding::without(
            what,
            format!("{words}: random weights, for tests"),
            "put the published weights there",
        ),
        Err(why) => {
            let (is, next) = why.split_once(". ").unwrap_or((&why, "see the README, “VOID” and “SAM 2”"));
            Finding::without(what, is, next.trim_end_matches('.'))
        }
    }
}

async fn ask_worker(config: &Config) -> Result<AbleReport, String> {
    let program = config.worker_program()?;
    let asked = tokio::process::Command::new(&program)
        .args(["able", "--models"])
        .arg(config.models_folder())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let answer = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(format!("{} cannot be started: {error}", program.display())),
        Err(_) => return Err(format!("{} did not answer within a minute", program.display())),
    };
    if !answer.status.success() {
        let said = String::from_utf8_lossy(&answer.stderr);
        let last = said.lines().last().unwrap_or("it said nothing").trim();
        return Err(format!("{} ended with {}: {last}", program.display(), answer.status));
    }
    serde_json::from_slice(&answer.stdout)
        .map_err(|error| format!("{} is another program or version: {error}", program.display()))
}

fn reach(config: &Config) -> Finding {
    const WHAT: &str = "Address";
    let url = match config.place.public_url(config.scheme(), config.listen.port()) {
        Ok(url) => url,
        Err(error) => return Finding::broken(WHAT, error.to_string(), "mend --public-url"),
    };
    let (port, at) = (config.listen.port(), config.listen);
    let open = format!("for others: --listen 0.0.0.0:{port} --public-url http://NAME:{port}");
    match Reach::of(&url, config.listening(at)) {
        Reach::Network(_) | Reach::Anybody(_) => Finding::works(WHAT, url),
        Reach::ThisMachine { listens_to_others: false } => {
            Finding::without(WHAT, format!("{url}, for this machine only"), open)
        }
        Reach::ThisMachine { listens_to_others: true } => Finding::without(
            WHAT,
            format!("{url}, for this machine only, although it listens on {at}"),
            format!("for others: --public-url http://NAME:{port}"),
        ),
        Reach::Forwarded(_) => Finding::without(
            WHAT,
            format!("{url}, if a proxy forwards it to {at}"),
            format!("--behind-proxy where one does; else, {open}"),
        ),
    }
}

async fn server(config: &Config) -> Finding {
    const WHAT: &str = "Server";
    let mut to = config.listen;
    if to.ip().is_unspecified() {
        to = SocketAddr::from(([127, 0, 0, 1], to.port()));
    }
    match tokio::time::timeout(ANSWER, ready(to, config.tls_cert.is_some())).await {
        Ok(Ok(words)) => Finding::works(WHAT, words),
        Ok(Err(_)) => Finding::without(WHAT, "does not run", "`minus-one serve`, or `cargo xtask run`"),
        Err(_) => Finding::broken(
            WHAT,
            format!("something holds {to} and does not answer"),
            "stop that program, or listen elsewhere with --listen",
        ),
    }
}

/// What answers at the address.
async fn ready(to: SocketAddr, is_tls: bool) -> std::io::Result<String> {
    let mut line = TcpStream::connect(to).await?;
    if is_tls {
        return Ok(format!("something answers at {to}"));
    }
    let mut said = Vec::new();
    // A program that hangs up in the middle is there too, and is not ours.
    if line.write_all(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n").await.is_ok() {
        line.take(64 << 10).read_to_end(&mut said).await.ok();
    }
    let said = String::from_utf8_lossy(&said);
    Ok(match said.split(' ').nth(1) {
        Some("200") => "runs and is ready".to_owned(),
        Some("503") => "runs and is not ready: /readyz says why".to_owned(),
        _ => format!("another program answers at {to}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_to_do_are_two_lines() {
        let why = "There are no weights of VOID: the folder m/void is missing. Put them there.".to_owned();
        let Finding { state, words, next, .. } = model("VOID pass 1", Err(why));
        assert_eq!(state, State::Without);
        assert_eq!(words, "There are no weights of VOID: the folder m/void is missing");
        assert_eq!(next.as_deref(), Some("Put them there"));
        assert_eq!(model("SAM 2", Ok(("x on cpu".into(), true))).state, State::Without);
        assert_eq!(model("SAM 2", Ok(("x on cpu".into(), false))).state, State::Works);
    }

    #[tokio::test]
    async fn another_program_at_the_address_is_told_from_ours() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            let (mut line, _) = listener.accept().await.expect("asked");
            line.write_all(b"220 mail.example ESMTP\r\n").await.expect("sent");
        });
        assert!(ready(at, false).await.expect("an answer").contains("another program"));
        assert!(ready(at, false).await.is_err(), "nobody listens any more");
    }
}
