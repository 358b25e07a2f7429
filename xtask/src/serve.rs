//! `cargo xtask run`: starts the server that was just built and says where it is.

use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::build::Options;
use crate::{http, place, sh};

/// The command by which this program waits beside the server; not for people.
pub const ANNOUNCE: &str = "announce-when-ready";
const LISTEN: &str = "127.0.0.1:8998";
/// The first start renders the demo shots.
const PATIENCE: Duration = Duration::from_secs(300);

/// Becomes the server: Ctrl-C and `kill` reach it directly, and its exit status is ours.
pub fn serve(options: Options, passed_on: Vec<String>) -> Result<()> {
    let mut words: Vec<String> = vec!["serve".into(), "--demo".into()];
    let mut or_else = |name: &str, value: String| {
        let given = passed_on.iter().any(|word| word == name || word.starts_with(&format!("{name}=")));
        if !given {
            words.extend([name.to_owned(), value]);
        }
    };
    or_else("--listen", LISTEN.into());
    or_else("--data", place::root().join("data").display().to_string());
    or_else("--site-root", place::site().display().to_string());
    if options.worker {
        or_else("--worker-bin", place::binary("minus-one-worker", options.release).display().to_string());
    } else if !passed_on.iter().any(|word| word == "--no-worker") {
        words.push("--no-worker".into());
    }
    words.extend(passed_on);
    words.dedup_by(|one, other| one == other && one == "--demo");

    let listen = value_of(&words, "--listen").unwrap_or(LISTEN).to_owned();
    let address = value_of(&words, "--public-url").map_or_else(|| people_address(&listen), str::to_owned);
    Command::new(std::env::current_exe()?)
        .args([ANNOUNCE, &listen, &address, &std::process::id().to_string()])
        .stdin(Stdio::null())
        .spawn()
        .context("starting the part that says when the server is ready")?;

    let mut server = Command::new(place::binary("minus-one", options.release));
    server.args(&words).current_dir(place::root());
    sh::say(&format!("$ {}", sh::line(&server)));
    Err(server.exec()).context("starting minus-one")
}

/// Waits until the server answers, says so, and opens a browser where there is a screen.
pub fn announce(words: &[String]) -> Result<()> {
    let [listen, address, server] = words else { bail!("{ANNOUNCE} is not for people") };
    let start = Instant::now();
    while start.elapsed() < PATIENCE && Path::new("/proc").join(server).exists() {
        if let Some(to) = reachable(listen)
            && http::status(to, "/healthz") == Some(200)
        {
            sh::say(&format!("\nMinus One is ready: {address}\n"));
            let screen =
                std::env::var_os("DISPLAY").is_some() || std::env::var_os("WAYLAND_DISPLAY").is_some();
            if screen && std::env::var_os("CI").is_none() && sh::which("xdg-open").is_some() {
                Command::new("xdg-open").arg(address).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
            }
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(150));
    }
    Ok(())
}

fn value_of<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    words.iter().enumerate().rev().find_map(|(at, word)| {
        if word == name {
            return words.get(at + 1).map(String::as_str);
        }
        word.strip_prefix(name)?.strip_prefix('=')
    })
}

/// A wildcard address is reached through the loopback one.
fn reachable(listen: &str) -> Option<SocketAddr> {
    let mut address = listen.to_socket_addrs().ok()?.next()?;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    Some(address)
}

fn people_address(listen: &str) -> String {
    match listen.rsplit_once(':') {
        Some(("127.0.0.1" | "0.0.0.0" | "[::]" | "[::1]", port)) => format!("http://localhost:{port}"),
        _ => format!("http://{listen}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_wildcard_addresses_are_shown_as_localhost() {
        for (listen, shown) in [
            ("127.0.0.1:8998", "http://localhost:8998"),
            ("0.0.0.0:80", "http://localhost:80"),
            ("10.1.2.3:8998", "http://10.1.2.3:8998"),
        ] {
            assert_eq!(people_address(listen), shown);
        }
    }

    #[test]
    fn the_last_value_of_an_option_counts_in_both_spellings() {
        let words = ["serve", "--listen", "a:1", "--listen=b:2"].map(str::to_owned);
        assert_eq!(value_of(&words, "--listen"), Some("b:2"));
        assert_eq!(value_of(&words, "--data"), None);
    }
}
