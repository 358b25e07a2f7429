//! The model outside that this worker may ask, from its options and its environment. The key comes from the environment alone:
//! options show in the list of processes.

use std::time::Duration;

use anyhow::Context;
use domain::outside::{Outside, Prices, Sends};
use reasoner::{Key, Limits, Setting};

/// Where the key is.
const KEY: &str = "OUTSIDE_KEY";

/// A vision-language model that projects may allow to be asked; its key is taken from OUTSIDE_KEY. All of it is words here: what
/// cannot be used keeps nobody from their other work.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Base address of an interface like OpenAI's, e.g. https://models.example/v1; without it nobody outside is asked.
    #[arg(long, env = "OUTSIDE_ENDPOINT")]
    outside_endpoint: Option<String>,
    /// The model's name there.
    #[arg(long, env = "OUTSIDE_MODEL")]
    outside_model: Option<String>,
    /// What is sent of a shot: `pictures`, or `clip` for a small movie as well; default: pictures.
    #[arg(long, env = "OUTSIDE_SENDS")]
    outside_sends: Option<String>,
    /// What a million tokens cost, sent and answered, e.g. `0.30/2.50 USD`; without it tokens are shown without a cost.
    #[arg(long, env = "OUTSIDE_PRICES")]
    outside_prices: Option<String>,
    /// Seconds until an answer is given up, 1 to 3600; default: 180.
    #[arg(long, env = "OUTSIDE_TIMEOUT_S")]
    outside_timeout_s: Option<String>,
}

/// What was said; an empty word is none.
fn said(word: Option<&String>) -> Option<&str> {
    word.map(|word| word.trim()).filter(|word| !word.is_empty())
}

impl Args {
    /// `None`: there is no endpoint.
    ///
    /// # Errors
    /// An endpoint without a model; an address, a price, a time or a key that cannot be one. The key is not repeated.
    pub fn setting(&self) -> anyhow::Result<Option<Setting>> {
        self.setting_with(&std::env::var(KEY).unwrap_or_default())
    }

    fn setting_with(&self, key: &str) -> anyhow::Result<Option<Setting>> {
        let Self { outside_endpoint, outside_model, outside_sends, outside_prices, outside_timeout_s } = self;
        let Some(endpoint) = said(outside_endpoint.as_ref()) else { return Ok(None) };
        let model = said(outside_model.as_ref()).context(
            "OUTSIDE_ENDPOINT is set and OUTSIDE_MODEL is not: name the model that is to be asked there",
        )?;
        let sends = said(outside_sends.as_ref()).map(str::parse::<Sends>).transpose();
        let sends = sends.map_err(|why| anyhow::anyhow!("OUTSIDE_SENDS cannot be used: {why}"))?;
        let prices = said(outside_prices.as_ref()).map(str::parse::<Prices>).transpose();
        let prices = prices.map_err(|why| anyhow::anyhow!("OUTSIDE_PRICES cannot be used: {why}"))?;
        let seconds: u64 = match said(outside_timeout_s.as_ref()) {
            None => Limits::default().answer.as_secs(),
            Some(word) => word
                .parse::<u64>()
                .ok()
                .filter(|seconds| (1..=3600).contains(seconds))
                .context("OUTSIDE_TIMEOUT_S cannot be used: it is a number of seconds, 1 to 3600")?,
        };
        let outside = Outside::new(endpoint, model, sends.unwrap_or_default(), prices)
            .context("OUTSIDE_ENDPOINT and OUTSIDE_MODEL cannot be used")?;
        let key = Key::new(key).map_err(|why| anyhow::anyhow!("{KEY} cannot be used: {why}"))?;
        let limits = Limits { answer: Duration::from_secs(seconds), ..Limits::default() };
        Ok(Some(Setting { outside, key, limits }))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        outside: Args,
    }

    fn args(words: &[&str]) -> Args {
        Line::parse_from(std::iter::once("run").chain(words.iter().copied())).outside
    }

    #[test]
    fn without_an_endpoint_nobody_is_asked_and_a_key_alone_changes_nothing() {
        assert_eq!(Args::default().setting_with("sk-1").expect("nothing"), None);
        assert_eq!(args(&["--outside-endpoint", " "]).setting_with("sk-1").expect("nothing"), None);
    }

    #[test]
    fn what_cannot_be_used_is_said_without_the_key() {
        let words = ["--outside-endpoint", "https://models.example/v1", "--outside-model", "m"];
        let setting = args(&words).setting_with("sk-1").expect("fine").expect("an endpoint");
        assert_eq!((setting.outside.sends, setting.limits.answer.as_secs()), (Sends::Pictures, 180));
        let with = |more: [&'static str; 2]| [&words[..], &more[..]].concat();
        for (words, key) in [
            (words[..2].to_vec(), "sk-1"),
            (words.to_vec(), "sk 1"),
            (vec!["--outside-endpoint", "x", "--outside-model", "m"], ""),
            (with(["--outside-sends", "everything"]), "sk-1"),
            (with(["--outside-prices", "cheap"]), "sk-1"),
            (with(["--outside-timeout-s", "0"]), "sk-1"),
        ] {
            let error = format!("{:#}", args(&words).setting_with(key).expect_err("refused"));
            assert!(
                error.contains("OUTSIDE_") && !error.contains("sk-1") && !error.contains("sk 1"),
                "{error}"
            );
        }
    }
}
