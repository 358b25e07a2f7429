//! Logs: text for people on a terminal, JSON where `LOG_FORMAT=json`. Nothing leaves the machine.

use tracing_subscriber::EnvFilter;

pub fn start() {
    let filter =
        EnvFilter::try_from_env("LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,tower_http=warn"));
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
