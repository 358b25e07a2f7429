//! Logs: text for people on a terminal, JSON where `LOG_FORMAT=json`. Nothing leaves the machine.

use tracing_subscriber::EnvFilter;

/// What the S3 client's crates say of each request names the access key: only their warnings are heard, whatever `LOG` asks for.
const QUIET: &str = "aws=warn";

pub fn start() {
    let filter =
        EnvFilter::try_from_env("LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,tower_http=warn"));
    let filter = filter.add_directive(QUIET.parse().expect("a directive"));
    let logs =
        tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first subscriber.
    let outcome = if std::env::var("LOG_FORMAT").is_ok_and(|f| f == "json") {
        logs.json().try_init()
    } else {
        logs.try_init()
    };
    outcome.ok();
}
