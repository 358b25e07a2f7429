//! Models outside that may be asked about a shot: what a worker offers, what a project allows, what was asked and what it
//! cost. Keys are no part of any of it: only the worker's process knows them.

use serde::{Deserialize, Serialize};

use crate::PersonId;
use crate::run::Need;

/// Who looks for what else is affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reasoner {
    /// The one that needs neither network nor weights.
    #[default]
    BuiltIn,
    /// The model that the project allows.
    Outside,
}

impl Reasoner {
    /// What it needs of its worker.
    pub fn need(self) -> Option<Need> {
        match self {
            Self::BuiltIn => None,
            Self::Outside => Some(Need::Outside),
        }
    }
}

/// What is sent of a shot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sends {
    /// Small pictures of some frames.
    #[default]
    Pictures,
    /// The pictures, and the whole shot as a small movie.
    Clip,
}

impl Sends {
    pub const ALL: [Self; 2] = [Self::Pictures, Self::Clip];

    pub fn word(self) -> &'static str {
        match self {
            Self::Pictures => "pictures",
            Self::Clip => "clip",
        }
    }

    /// What leaves the building, for whoever decides about it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Pictures => {
                "For each shot that somebody has it look at: up to eleven small pictures of the plate, at most 768 pixels on \
                 their longer side, one of them with the target marked, what was written about the removal, and what the targets \
                 are called. No file, no names of people or of the project, no sound."
            }
            Self::Clip => {
                "For each shot that somebody has it look at: the whole shot as a small movie without sound, up to eleven small \
                 pictures of the plate, at most 768 pixels on their longer side, one of them with the target marked, what was \
                 written about the removal, and what the targets are called. No names of people or of the project."
            }
        }
    }
}

impl std::str::FromStr for Sends {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|sends| sends.word() == word)
            .ok_or_else(|| format!("“{word}” is neither “pictures” nor “clip”"))
    }
}

/// What a million tokens cost, kept as thousand-millionths of the currency for one token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    pub nanos_in: u64,
    pub nanos_out: u64,
    pub currency: String,
}

/// Dearest million that is believed.
const DEAREST: f64 = 1e6;

impl std::str::FromStr for Prices {
    type Err = String;

    /// Reads `0.30/2.50 USD`: a million tokens sent, a million answered, and the currency.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "“{text}” is no price: write what a million tokens cost, sent and answered, as in “0.30/2.50 USD”"
            )
        };
        let (both, currency) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let (sent, answered) = both.split_once('/').ok_or_else(wrong)?;
        let currency = currency.trim();
        let is_word = (1..=8).contains(&currency.chars().count()) && !currency.chars().any(char::is_control);
        let nanos = |text: &str| {
            let price: f64 = text.trim().parse().ok()?;
            (0.0..=DEAREST).contains(&price).then(|| (price * 1000.0).round() as u64)
        };
        match (nanos(sent), nanos(answered), is_word) {
            (Some(nanos_in), Some(nanos_out), true) => {
                Ok(Self { nanos_in, nanos_out, currency: currency.to_owned() })
            }
            _ => Err(wrong()),
        }
    }
}

impl Prices {
    /// What so many tokens cost, e.g. `0.0041 USD`.
    pub fn cost(&self, sent: u64, answered: u64) -> String {
        let nanos =
            u128::from(sent) * u128::from(self.nanos_in) + u128::from(answered) * u128::from(self.nanos_out);
        format!("{:.4} {}", nanos as f64 / 1e9, self.currency)
    }
}

/// A model that a worker was told to ask where a project allows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// Base address of an interface like OpenAI's, without a slash at the end and without `/chat/completions`.
    pub endpoint: String,
    pub model: String,
    #[serde(default)]
    pub sends: Sends,
    /// `None`: nobody said; tokens are shown without a cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
}

/// Why an endpoint or a model's name cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOutside {
    #[error(
        "“{0}” is no address of an endpoint: write it as in https://models.example/v1, without a name, a password, “?” or “#” in it"
    )]
    Endpoint(String),
    #[error("a model's name has 1 to 120 characters")]
    Model,
}

impl Outside {
    /// Checked: http or https, a host, nothing secret in the address.
    ///
    /// # Errors
    /// Says what is wrong with the address or the name. What looks like a password is not repeated.
    pub fn new(
        endpoint: &str,
        model: &str,
        sends: Sends,
        prices: Option<Prices>,
    ) -> Result<Self, BadOutside> {
        let endpoint = endpoint.trim().trim_end_matches('/');
        let shown = || match endpoint.rsplit_once('@') {
            Some((_, after)) => format!("…@{after}"),
            None => endpoint.split(['?', '#']).next().unwrap_or_default().chars().take(120).collect(),
        };
        let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
        let is_address = rest.is_some_and(|rest| {
            let host = rest.split('/').next().unwrap_or_default();
            !host.is_empty()
                && endpoint.len() <= 300
                && !rest.contains(['@', '?', '#', '\\'])
                && !rest.chars().any(|c| c.is_whitespace() || c.is_control())
        });
        if !is_address {
            return Err(BadOutside::Endpoint(shown()));
        }
        let model = model.trim();
        if !(1..=120).contains(&model.chars().count()) || model.chars().any(char::is_control) {
            return Err(BadOutside::Model);
        }
        Ok(Self { endpoint: endpoint.to_owned(), model: model.to_owned(), sends, prices })
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        host_of(&self.endpoint)
    }

    /// Whether it answers on the worker's own machine, so that nothing leaves it.
    pub fn is_local(&self) -> bool {
        let host = self.host();
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let is_loopback = name.parse().is_ok_and(|at: std::net::IpAddr| at.is_loopback());
        name == "localhost" || is_loopback
    }

    /// Where it goes, in words: which address, and whether others on the way could read it.
    pub fn whereto(&self) -> String {
        let host = self.host();
        match (self.is_local(), self.endpoint.starts_with("https://")) {
            (true, _) => {
                format!("It goes to {host}, which is a program on the worker's own machine.")
            }
            (false, true) => {
                format!(
                    "It goes to {host}, over an encrypted connection. What becomes of it there is up to whoever runs that host."
                )
            }
            (false, false) => {
                format!(
                    "It goes to {host} without encryption: everybody between here and there could read it. What becomes of it \
                     there is up to whoever runs that host."
                )
            }
        }
    }
}

fn host_of(endpoint: &str) -> &str {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// That somebody allowed a project to ask a model outside. It holds for that address, that model and what is sent, and for
/// nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub endpoint: String,
    pub model: String,
    pub sends: Sends,
    pub by: PersonId,
    /// The name that the person had then.
    pub who: String,
    /// Microseconds UTC.
    pub at: i64,
}

impl Consent {
    /// Whether it is about what is offered now.
    pub fn covers(&self, offered: &Outside) -> bool {
        let Self { endpoint, model, sends, by: _, who: _, at: _ } = self;
        (endpoint, model, sends) == (&offered.endpoint, &offered.model, &offered.sends)
    }
}

/// What was asked, kept with each proposal that came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub endpoint: String,
    pub model: String,
    pub sends: Sends,
    /// As the endpoint counted them; 0 where it did not say.
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// In words; `None`: no price was said, or nothing was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
}

impl Asked {
    pub fn new(outside: &Outside, tokens_in: u64, tokens_out: u64) -> Self {
        let Outside { endpoint, model, sends, prices } = outside.clone();
        let counted = tokens_in + tokens_out > 0;
        let cost = prices.filter(|_| counted).map(|prices| prices.cost(tokens_in, tokens_out));
        Self { endpoint, model, sends, tokens_in, tokens_out, cost }
    }

    /// Who answered: “model at host”.
    pub fn who(&self) -> String {
        format!("{} at {}", self.model, host_of(&self.endpoint))
    }

    /// What it took, for people.
    pub fn bill(&self) -> String {
        if self.tokens_in + self.tokens_out == 0 {
            return "it did not say how many tokens it counted".to_owned();
        }
        let tokens = format!("{} tokens sent, {} answered", self.tokens_in, self.tokens_out);
        match &self.cost {
            Some(cost) => format!("{tokens}: {cost}"),
            None => tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(endpoint: &str) -> Outside {
        Outside::new(endpoint, "a model", Sends::Pictures, None).expect("an address")
    }

    #[test]
    fn addresses_with_secrets_or_without_hosts_are_refused() {
        assert_eq!(offered(" https://models.example/v1/ ").endpoint, "https://models.example/v1");
        for bad in [
            "models.example",
            "ftp://models.example",
            "https://",
            "https:///v1",
            "https://me:word@models.example",
            "https://models.example/v1?key=abc",
            "https://models.example/#a",
            "https://models.example/a b",
        ] {
            let error = Outside::new(bad, "m", Sends::Pictures, None).expect_err(bad);
            let said = error.to_string();
            assert!(!said.contains("word@") && !said.contains("abc"), "{said}");
        }
        for bad in ["", "  ", "m".repeat(121).as_str(), "a\nb"] {
            assert_eq!(
                Outside::new("http://a", bad, Sends::Pictures, None),
                Err(BadOutside::Model),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn what_stays_on_the_machine_is_told_from_what_leaves_it() {
        for (endpoint, is_local, says) in [
            ("http://127.0.0.1:8080/v1", true, "own machine"),
            ("http://localhost/v1", true, "own machine"),
            ("http://[::1]:9/v1", true, "own machine"),
            ("http://10.0.0.4:8000/v1", false, "without encryption"),
            ("https://models.example/v1", false, "encrypted"),
            ("http://127.0.0.1.example/v1", false, "without encryption"),
        ] {
            let outside = offered(endpoint);
            assert_eq!(outside.is_local(), is_local, "{endpoint}");
            assert!(outside.whereto().contains(says), "{}", outside.whereto());
        }
    }

    #[test]
    fn consent_holds_for_one_model_at_one_address() {
        let outside = offered("https://models.example/v1");
        let Outside { endpoint, model, sends, .. } = outside.clone();
        let by = PersonId(Default::default());
        let consent = Consent { endpoint, model, sends, by, who: "Producer".into(), at: 1 };
        assert!(consent.covers(&outside));
        assert!(consent.covers(&Outside { prices: "1/2 USD".parse().ok(), ..outside.clone() }));
        assert!(!consent.covers(&Outside { model: "another".into(), ..outside.clone() }));
        assert!(!consent.covers(&Outside { sends: Sends::Clip, ..outside }));
        assert!(!consent.covers(&offered("https://models.example/v2")));
    }

    #[test]
    fn tokens_are_counted_in_money_where_a_price_is_known() {
        let prices: Prices = "0.30/2.50 USD".parse().expect("a price");
        assert_eq!(prices.cost(1_000_000, 1_000_000), "2.8000 USD");
        assert_eq!(prices.cost(5_000, 800), "0.0035 USD");
        for bad in ["", "0.3", "0.3/2.5", "a/b USD", "-1/2 USD", "1/2 ", "1/1e99 USD", "1/2 EURODOLLARS"] {
            assert!(bad.parse::<Prices>().is_err(), "{bad}");
        }
        let outside = Outside { prices: Some(prices), ..offered("https://models.example/v1") };
        let asked = Asked::new(&outside, 5_000, 800);
        assert_eq!(asked.who(), "a model at models.example");
        assert_eq!(asked.bill(), "5000 tokens sent, 800 answered: 0.0035 USD");
        assert!(Asked::new(&outside, 0, 0).cost.is_none());
    }
}
