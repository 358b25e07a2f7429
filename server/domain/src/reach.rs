//! Who can open links of a server: where it listens and what its links begin with, looked at together.

use std::net::{IpAddr, SocketAddr};

/// Where the server itself answers: whoever runs it knows, and no page is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    pub at: SocketAddr,
    /// It speaks https by itself.
    pub is_tls: bool,
    /// It was told that requests come through a proxy.
    pub is_behind_proxy: bool,
}

impl Listening {
    /// Of a program that answers nobody.
    pub fn nowhere() -> Self {
        Self { at: SocketAddr::from(([127, 0, 0, 1], 0)), is_tls: false, is_behind_proxy: false }
    }
}

/// Who can open links that begin with the server's public address. Pages get the [`sentence`](Self::sentence) alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// The address is this machine's own name for itself; whether the server listens to others all the same.
    ThisMachine { listens_to_others: bool },
    /// Plain http under a name or number of the network.
    Network(String),
    /// https: made for the outside.
    Anybody(String),
    /// The server does not answer at the address itself, and nobody said that there is a proxy.
    Forwarded(String),
}

/// `http://studio.test:8998`: whether it is https, the name in small letters, the port.
fn read(public_url: &str) -> (bool, String, Option<u16>) {
    let (scheme, rest) = public_url.split_once("://").unwrap_or(("http", public_url));
    let is_https = scheme.eq_ignore_ascii_case("https");
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (name, port) = match host.strip_prefix('[').and_then(|six| six.split_once(']')) {
        Some((name, port)) => (name, port.strip_prefix(':')),
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok(),
        None => Some(if is_https { 443 } else { 80 }),
    };
    (is_https, name.to_ascii_lowercase(), port)
}

/// A machine's own name for itself.
fn is_here(name: &str) -> bool {
    let is_number =
        name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback() || ip.is_unspecified());
    is_number || name == "localhost" || name.ends_with(".localhost") || name.is_empty()
}

impl Reach {
    /// `public_url`: scheme and host, maybe a port.
    pub fn of(public_url: &str, listening: Listening) -> Self {
        let Listening { at, is_tls, is_behind_proxy } = listening;
        let (is_https, host, port) = read(public_url);
        let is_for_this_machine = at.ip().to_canonical().is_loopback();
        if is_here(&host) {
            return Self::ThisMachine { listens_to_others: !is_for_this_machine };
        }
        // A number that is not the one it listens on; what a name stands for is not known here.
        let is_other_number =
            host.parse::<IpAddr>().is_ok_and(|ip| !at.ip().is_unspecified() && ip != at.ip());
        let answers_there =
            !is_for_this_machine && is_https == is_tls && port == Some(at.port()) && !is_other_number;
        match (answers_there || is_behind_proxy, is_https) {
            (false, _) => Self::Forwarded(host),
            (true, true) => Self::Anybody(host),
            (true, false) => Self::Network(host),
        }
    }

    /// Who can open a link and, where that is nobody else or not sure, what to do about it. Where the server listens is not said.
    pub fn sentence(&self) -> String {
        match self {
            Self::ThisMachine { .. } => {
                "Only this machine can open links: they begin with localhost. Start the server with \
                 --listen 0.0.0.0:8998 --public-url http://NAME:8998 to let others in the network in."
                    .to_owned()
            }
            Self::Network(host) => {
                format!("Everybody in your network who has the link and reaches {host} can open it.")
            }
            Self::Anybody(host) => format!("Anybody who has the link and reaches {host} can open it."),
            Self::Forwarded(host) => format!(
                "The server itself answers elsewhere than its links say: others can open a link at {host} only if a proxy forwards \
                 it there. Start the server with --behind-proxy where one does, else with --listen and --public-url of one and the \
                 same address."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_can_open_a_link_follows_from_both_addresses() {
        let listening = |at: &str, is_tls, is_behind_proxy| Listening {
            at: at.parse().expect("an address"),
            is_tls,
            is_behind_proxy,
        };
        let plain = |at: &str| listening(at, false, false);
        let here = Reach::ThisMachine { listens_to_others: false };
        let misnamed = Reach::ThisMachine { listens_to_others: true };
        let network = |host: &str| Reach::Network(host.to_owned());
        let anybody = |host: &str| Reach::Anybody(host.to_owned());
        let forwarded = |host: &str| Reach::Forwarded(host.to_owned());
        let (loopback, all) = (plain("127.0.0.1:8998"), plain("0.0.0.0:8998"));
        let proxied = listening("127.0.0.1:8998", false, true);
        let tls = listening("0.0.0.0:443", true, false);
        for (url, listening, reach) in [
            // The machine's own name.
            ("http://localhost:8998", loopback, here.clone()),
            ("https://localhost", proxied, here.clone()),
            ("http://127.0.0.1:80", loopback, here.clone()),
            ("http://127.3.2.1:80", loopback, here.clone()),
            ("http://[::1]:8998", plain("[::1]:8998"), here),
            ("http://localhost:8998", all, misnamed.clone()),
            ("http://studio.localhost:8998", plain("192.168.1.20:8998"), misnamed),
            // It answers there by itself.
            ("http://studio.test:8998", all, network("studio.test")),
            ("http://192.168.1.20:8998", all, network("192.168.1.20")),
            ("http://192.168.1.20:8998", plain("192.168.1.20:8998"), network("192.168.1.20")),
            ("http://[fd00::7]:8998", plain("[::]:8998"), network("fd00::7")),
            ("http://Render-01", plain("0.0.0.0:80"), network("render-01")),
            ("https://minus-one.studio.example", tls, anybody("minus-one.studio.example")),
            // A proxy was named, which may be on this machine.
            ("https://minus-one.studio.example", proxied, anybody("minus-one.studio.example")),
            ("http://studio.test", proxied, network("studio.test")),
            // Nobody else comes to what listens on this machine alone.
            ("http://studio.test:8998", loopback, forwarded("studio.test")),
            ("https://minus-one.studio.example", loopback, forwarded("minus-one.studio.example")),
            ("http://studio.test:8998", plain("[::1]:8998"), forwarded("studio.test")),
            // It listens elsewhere, or speaks something else, than its links say.
            ("http://studio.test", all, forwarded("studio.test")),
            ("https://studio.test:8998", all, forwarded("studio.test")),
            ("http://studio.test:443", tls, forwarded("studio.test")),
            ("http://192.168.1.21:8998", plain("192.168.1.20:8998"), forwarded("192.168.1.21")),
        ] {
            assert_eq!(Reach::of(url, listening), reach, "{url} {listening:?}");
        }
        for (reach, words) in [
            (Reach::of("http://localhost:8998", loopback), "Only this machine"),
            (Reach::of("http://localhost:8998", all), "--public-url http://NAME"),
            (Reach::of("http://studio.test:8998", all), "Everybody in your network"),
            (Reach::of("https://m1.example", proxied), "Anybody who has the link"),
            (Reach::of("https://m1.example", loopback), "at m1.example only if a proxy forwards it"),
        ] {
            assert!(reach.sentence().contains(words), "{}", reach.sentence());
        }
        // Wherever it listens, what is said is the same.
        for (url, one, other) in [
            ("http://localhost:8998", loopback, all),
            ("https://m1.example", loopback, all),
            ("https://m1.example", plain("10.7.0.3:4711"), plain("[::1]:8998")),
            ("https://m1.example", tls, proxied),
        ] {
            let said = Reach::of(url, one).sentence();
            assert_eq!(said, Reach::of(url, other).sentence(), "{url}");
            assert!(!said.contains("10.7") && !said.contains("4711") && !said.contains("127.0"), "{said}");
        }
    }
}
