//! One question over HTTP: sent again where that helps, with pauses that grow or that the endpoint asks for; its answer read to a
//! limit. The key goes to the endpoint's own address alone: nobody is followed elsewhere.

use std::time::Duration;

use bytes::Bytes;
use domain::Step;
use domain::affected::one_line;
use pipeline::Reporter;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use super::{Key, Limits, Setting};
use crate::{Error, Result};

/// How often whoever waits asks whether to stop.
const LOOK: Duration = Duration::from_millis(200);
/// Characters of an endpoint's own words that are passed on, and bytes of a refusal that are read for them.
const SAID: usize = 160;
const REFUSAL: usize = 64 << 10;

/// The line to one endpoint.
pub struct Line<'a> {
    client: Client,
    url: String,
    host: &'a str,
    model: &'a str,
    key: Option<&'a Key>,
    limits: &'a Limits,
}

/// What came back, good or not.
struct Back {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

/// Why nothing came back.
enum Lost {
    /// Before the question was heard.
    Unreachable(String),
    Slow,
    TooLong,
}

impl<'a> Line<'a> {
    pub fn new(setting: &'a Setting) -> Result<Self> {
        let Setting { outside, key, limits } = setting;
        // Once for the process: which cryptography https speaks with. Whoever was first has chosen.
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut client =
            Client::builder().connect_timeout(limits.connect).timeout(limits.answer).redirect(Policy::none());
        if outside.is_local() {
            client = client.no_proxy();
        }
        let host = outside.host();
        let client = client
            .build()
            .map_err(|error| Error::Unreachable { host: host.to_owned(), reason: innermost(&error) })?;
        let url = format!("{}/chat/completions", outside.endpoint);
        Ok(Self { client, url, host, model: &outside.model, key: key.as_ref(), limits })
    }

    /// The body of a good answer.
    pub async fn ask(&self, body: &Bytes, report: &mut dyn Reporter) -> Result<Vec<u8>> {
        let (mut tries, mut pause) = (1, self.limits.first_pause);
        loop {
            let (error, wait) = match unless_stopped(self.once(body.clone()), report).await? {
                Ok(back) if back.status.is_success() => return Ok(back.body),
                Ok(back) => {
                    let passes = back.status == StatusCode::TOO_MANY_REQUESTS
                        || back.status == StatusCode::REQUEST_TIMEOUT
                        || back.status.is_server_error();
                    let error = self.refused(&back);
                    if !passes {
                        return Err(error);
                    }
                    (error, back.retry_after)
                }
                Err(Lost::Unreachable(reason)) => {
                    (Error::Unreachable { host: self.host.to_owned(), reason }, None)
                }
                // It may be thinking all the same, and is paid for that: nobody asks twice.
                Err(Lost::Slow) => {
                    let seconds = self.limits.answer.as_secs().max(1);
                    return Err(Error::Slow { host: self.host.to_owned(), seconds });
                }
                Err(Lost::TooLong) => {
                    let reason = format!("it is longer than {} bytes", self.limits.most_answered);
                    return Err(Error::NoAnswer { host: self.host.to_owned(), reason });
                }
            };
            let wait = wait.unwrap_or(pause);
            if tries >= self.limits.tries || wait > self.limits.longest_pause {
                return Err(error);
            }
            unless_stopped(tokio::time::sleep(wait), report).await?;
            tries += 1;
            pause = (pause * 2).min(self.limits.longest_pause);
        }
    }

    async fn once(&self, body: Bytes) -> std::result::Result<Back, Lost> {
        let mut asked = self.client.post(&self.url).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(Key(key)) = self.key {
            asked = asked.bearer_auth(key);
        }
        let lost = |error: reqwest::Error| {
            if error.is_timeout() && !error.is_connect() {
                Lost::Slow
            } else {
                Lost::Unreachable(innermost(&error))
            }
        };
        let mut answer = asked.send().await.map_err(lost)?;
        let status = answer.status();
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| {
            let seconds: u64 = value.to_str().ok()?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds))
        });
        let most = if status.is_success() { self.limits.most_answered } else { REFUSAL };
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(lost)? {
            if body.len() + piece.len() > most {
                if status.is_success() {
                    return Err(Lost::TooLong);
                }
                break; // enough of a refusal
            }
            body.extend_from_slice(&piece);
        }
        Ok(Back { status, retry_after, body })
    }

    fn refused(&self, back: &Back) -> Error {
        let (host, status) = (self.host.to_owned(), back.status.as_u16());
        let said = match self.said(&back.body) {
            said if said.is_empty() => said,
            said => format!(": “{said}”"),
        };
        match back.status {
            StatusCode::TOO_MANY_REQUESTS => {
                let wait = back.retry_after.map_or_else(String::new, |wait| match wait.as_secs() {
                    seconds @ ..120 => format!(" {seconds} s"),
                    seconds => format!(" {} min", seconds.div_ceil(60)),
                });
                Error::Busy { host, wait }
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Denied { host, status, said },
            StatusCode::NOT_FOUND => Error::NoModel { host, model: self.model.to_owned(), status, said },
            StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge { host },
            status if status.is_redirection() => {
                let reason = "it leads to another address, and nobody is followed there".to_owned();
                Error::NoAnswer { host, reason }
            }
            code if code.is_server_error() || code == StatusCode::REQUEST_TIMEOUT => {
                Error::Broken { host, status, said }
            }
            _ => Error::Refused { host, status, said },
        }
    }

    /// An endpoint's own words about a refusal: short, on one line, and without our key where it repeats that.
    fn said(&self, body: &[u8]) -> String {
        let text = match serde_json::from_slice::<serde_json::Value>(body) {
            // Gemini puts its error into a list.
            Ok(value) => {
                let value = if value.is_array() { value[0].clone() } else { value };
                let error = &value["error"];
                let words = error["message"].as_str().or(error.as_str()).or(value["message"].as_str());
                words.unwrap_or_default().to_owned()
            }
            Err(_) => String::new(), // a page for people, or nothing at all
        };
        let text = match self.key {
            Some(Key(key)) => text.replace(key.as_str(), "…"),
            None => text,
        };
        one_line(&text, SAID)
    }
}

/// Waits for `work`, unless whoever hears the report wants to stop.
async fn unless_stopped<T>(work: impl Future<Output = T>, report: &mut dyn Reporter) -> Result<T> {
    tokio::pin!(work);
    loop {
        report.step(Step::Ask, 0, 1)?;
        tokio::select! {
            done = &mut work => return Ok(done),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// The sentence of the innermost cause says most, and names no address.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    one_line(&cause.to_string(), SAID)
}
