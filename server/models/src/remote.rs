//! What a publisher says it has: the files of a repository of the Hugging Face hub, by its `tree` endpoint, or one file.

use domain::Hash;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;

use crate::{Error, Part, Result, Source};

/// A file to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its path in the source, and in the folder of the part.
    pub path: String,
    pub url: String,
    /// `None`: known once it is asked for.
    pub bytes: Option<u64>,
    pub sum: Sum,
}

/// What is known of a file's SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sum {
    Whole(Hash),
    /// The first eight digits.
    Begins(String),
    /// Small files of a repository have none.
    Unknown,
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(hash) => write!(f, "SHA-256 {hash}"),
            Self::Begins(digits) => write!(f, "SHA-256 {digits}…"),
            Self::Unknown => f.write_str("another length"),
        }
    }
}

impl Sum {
    pub fn fits(&self, found: Hash) -> bool {
        match self {
            Self::Whole(wanted) => *wanted == found,
            Self::Begins(digits) => found.to_string().starts_with(digits.as_str()),
            Self::Unknown => true,
        }
    }
}

/// Who is asked, and as whom.
#[derive(Clone)]
pub struct Hub {
    pub client: Client,
    /// `https://huggingface.co`, or a mirror.
    pub endpoint: String,
    pub token: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    oid: String,
    size: u64,
}

impl Hub {
    /// A request with the token, which goes to the hub alone and not to where it sends on to.
    pub fn get(&self, part: &Part, url: &str) -> RequestBuilder {
        let asked = self.client.get(url);
        match (&self.token, part.source) {
            (Some(token), Source::Hub { .. }) => asked.bearer_auth(token),
            _ => asked,
        }
    }

    /// The files of a part.
    ///
    /// # Errors
    /// [`Error::Gated`], [`Error::Gone`], [`Error::Refused`] or [`Error::Network`]; [`Error::Lacks`] where the publisher has no
    /// file that is needed.
    pub async fn files(&self, part: &Part) -> Result<Vec<Remote>> {
        let repo = match part.source {
            Source::File { url } => return Ok(vec![one(url)]),
            Source::Hub { repo } => repo,
        };
        let url = format!("{}/api/models/{repo}/tree/main?recursive=true", self.endpoint);
        let answer = self.get(part, &url).send().await.map_err(|error| network(&url, &error))?;
        let answer = good(self, answer, part, &url)?;
        let entries: Vec<Entry> = answer.json().await.map_err(|error| network(&url, &error))?;
        let wanted = entries.into_iter().filter(|entry| entry.kind == "file" && part.wants(&entry.path));
        let mut files: Vec<Remote> = wanted
            .map(|entry| {
                let sum = match &entry.lfs {
                    None => Sum::Unknown,
                    Some(lfs) => Sum::Whole(
                        lfs.oid
                            .parse()
                            .map_err(|_| Error::network(&url, &format!("no SHA-256 of {}", entry.path)))?,
                    ),
                };
                Ok(Remote {
                    url: format!("{}/{repo}/resolve/main/{}", self.endpoint, entry.path),
                    bytes: Some(entry.lfs.as_ref().map_or(entry.size, |lfs| lfs.size)),
                    sum,
                    path: entry.path,
                })
            })
            .collect::<Result<_>>()?;
        // A path that leads out of the folder is none of ours, whoever says it.
        files.retain(|file| file.path.split('/').all(|name| !matches!(name, "" | "." | "..")));
        for pattern in part.needed {
            if !files.iter().any(|file| crate::catalogue::matches(pattern, &file.path)) {
                return Err(Error::Lacks { repo: repo.to_owned(), pattern });
            }
        }
        // Small ones first: a configuration that cannot be fetched is known before gigabytes are.
        files.sort_by_key(|file| file.bytes);
        Ok(files)
    }
}

fn one(url: &str) -> Remote {
    let path = url.rsplit('/').next().unwrap_or_default().to_owned();
    let digits = path.rsplit_once('.').and_then(|(stem, _)| stem.rsplit_once('-')).map(|(_, digits)| digits);
    let sum = digits.map_or(Sum::Unknown, |digits| Sum::Begins(digits.to_owned()));
    Remote { path, url: url.to_owned(), bytes: None, sum }
}

/// Turns a refusal into what a person can do about it.
pub fn good(hub: &Hub, answer: Response, part: &Part, url: &str) -> Result<Response> {
    // Elsewhere than at the hub it is not the gate that refuses.
    let is_of_hub = answer.url().as_str().starts_with(&format!("{}/", hub.endpoint));
    let status = answer.status();
    match (status, part.source) {
        (status, _) if status.is_success() => Ok(answer),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Source::Hub { repo }) if is_of_hub => {
            Err(Error::Gated { repo })
        }
        (StatusCode::NOT_FOUND, _) => Err(Error::Gone { url: url.to_owned() }),
        _ => Err(Error::Refused { host: host(url), status: status.as_u16() }),
    }
}

pub fn network(url: &str, error: &reqwest::Error) -> Error {
    // The sentence of the innermost cause says most.
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Error::Network { host: host(url), reason: cause.to_string() }
}

pub(crate) fn host(url: &str) -> String {
    url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(url).to_owned()
}
