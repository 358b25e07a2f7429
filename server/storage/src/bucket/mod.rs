//! Blobs in an S3 bucket, under their hashes. Everything runs on threads of its own, so that blocking callers may wait
//! anywhere and a caller's runtime may end before the store does.

mod address;
mod sweep;

use std::error::Error as _;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_http_client::tls;
use bytes::Bytes;
use domain::Hash;
use tokio::runtime::Runtime;

pub use address::Address;

use crate::{Error, Result};

/// Larger files go in parts, so that one that is lost is sent again alone.
const WHOLE_BYTES: u64 = 16 << 20;
/// S3 takes 10,000 parts.
const MOST_PARTS: u64 = 9000;
/// How slowly bytes may be on their way, a second: between here and the bucket, and within it.
const SLOWEST_SENT: u64 = 256 << 10;
const SLOWEST_MOVED: u64 = 16 << 20;
/// Longest that what a bucket does within itself is waited for beyond its patience.
const LONGEST_MOVE: u64 = 300;
/// A blob that is gone so often after it was put is not kept there.
const MOST_ROUNDS: u32 = 5;

/// What services say when keys are wrong or may not do it.
const REFUSALS: [&str; 3] = ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"];

static THREADS: LazyLock<Runtime> = LazyLock::new(|| {
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    threads.worker_threads(2).thread_name("bucket").enable_all().build().expect("threads can be started")
});

/// A bucket.
#[derive(Debug)]
pub struct Bucket {
    client: Client,
    pub address: Address,
}

/// What keeps a bucket from being used, in words for everybody: they say nothing of where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ailment {
    #[error("The bucket does not answer")]
    Silent,
    #[error("The bucket is not there")]
    Missing,
    #[error("The bucket refuses the server’s keys")]
    Refused,
    #[error("The bucket answers with an error")]
    Failing,
}

/// Part of a blob, on its way.
#[derive(Debug)]
pub struct Opened {
    /// Bytes of the whole blob.
    pub total: u64,
    /// First and last byte of what comes; `None`: all.
    pub part: Option<(u64, u64)>,
    pub body: ByteStream,
}

impl Bucket {
    /// Speaks to nobody yet. Keys come from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    pub fn new(address: Address) -> Result<Self> {
        let key = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(id), Some(secret)) = (key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY")) else {
            return Err(Error::Address(
                "the store is a bucket: give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
                    .into(),
            ));
        };
        let keys = Credentials::new(id, secret, key("AWS_SESSION_TOKEN"), None, "environment");
        let region =
            address.region.clone().or_else(|| key("AWS_REGION")).unwrap_or_else(|| "us-east-1".into());
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let patience = TimeoutConfig::builder()
            .connect_timeout(address.patience.min(Duration::from_secs(5)))
            .read_timeout(address.patience)
            .build();
        let sums = match address.checksums {
            true => RequestChecksumCalculation::WhenSupported,
            false => RequestChecksumCalculation::WhenRequired,
        };
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(keys)
            .region(Region::new(region))
            .http_client(http)
            .timeout_config(patience)
            .request_checksum_calculation(sums)
            // What comes whole is compared with its SHA-256 here.
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(address.path_style);
        if let Some(endpoint) = &address.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Ok(Self { client: Client::from_conf(config.build()), address })
    }

    /// Under the studio's own prefix.
    fn place(&self, below: &str) -> String {
        let prefix = &self.address.prefix;
        let slash = if prefix.is_empty() { "" } else { "/" };
        format!("{prefix}{slash}{below}")
    }

    fn key(&self, hash: Hash) -> String {
        let name = hash.to_string();
        self.place(&format!("blobs/{}/{}/{name}", &name[..2], &name[2..4]))
    }

    /// Bytes of a blob; `None` where there is none.
    pub async fn size(&self, hash: Hash) -> Result<Option<u64>> {
        self.head(hash).await?.map(|found| self.length(found.content_length())).transpose()
    }

    async fn head(&self, hash: Hash) -> Result<Option<HeadObjectOutput>> {
        let asked = self.client.head_object().bucket(&self.address.bucket).key(self.key(hash)).send().await;
        match asked {
            Ok(found) => Ok(Some(found)),
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 404 => Ok(None),
            Err(error) => Err(self.failed("asked for a blob", &error)),
        }
    }

    /// Sends a file whose hash is known; under its name only when it is whole.
    pub async fn put(&self, path: &Path, hash: Hash, size: u64) -> Result<()> {
        for _ in 0..MOST_ROUNDS {
            self.put_once(path, hash, size).await?;
            // A sweep may have judged these bytes by an earlier put.
            if self.is_settled(hash, size).await? {
                return Ok(());
            }
        }
        let bucket = &self.address.bucket;
        Err(Error::Bucket(format!("the bucket “{bucket}” does not keep a blob that it was given")))
    }

    async fn put_once(&self, path: &Path, hash: Hash, size: u64) -> Result<()> {
        if size > WHOLE_BYTES {
            return self.put_in_parts(path, hash, size).await;
        }
        let body = ByteStream::from_path(path).await.map_err(|error| unreadable(path, error))?;
        let request = self.client.put_object().bucket(&self.address.bucket).key(self.key(hash)).body(body);
        let sent = request.customize().config_override(self.patient(sending(size))).send().await;
        sent.map(|_| ()).map_err(|error| self.failed("given a blob", &error))
    }

    async fn put_in_parts(&self, path: &Path, hash: Hash, size: u64) -> Result<()> {
        let (bucket, key) = (&self.address.bucket, self.key(hash));
        let begun = self.client.create_multipart_upload().bucket(bucket).key(&key).send().await;
        let begun = begun.map_err(|error| self.failed("given a blob in parts", &error))?;
        let id = begun.upload_id().ok_or_else(|| self.silent("what the upload is called"))?.to_owned();
        let sent = self.send_parts(path, &key, &id, size).await;
        let outcome = match sent {
            Ok(parts) => {
                let all = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
                let request = self.client.complete_multipart_upload().bucket(bucket).key(&key).upload_id(&id);
                let request = request.multipart_upload(all).customize();
                let done = request.config_override(self.patient(moving(size))).send().await;
                done.map(|_| ()).map_err(|error| self.failed("given a blob in parts", &error))
            }
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            // What was sent would be paid for; the bucket's own rules clear what even this does not reach.
            self.client.abort_multipart_upload().bucket(bucket).key(&key).upload_id(&id).send().await.ok();
            return outcome;
        }
        match self.size(hash).await? {
            Some(found) if found != size => {
                // What is not whole must not pass for the blob: not every reading compares it with its hash. Under a mark and by
                // its size, since somebody else may have put the whole of it meanwhile, and been told that it is there.
                self.remove_if(hash, |bytes, _| bytes != size).await.ok();
                Err(Error::Bucket(format!(
                    "the bucket “{bucket}” says it has {found} bytes of a blob of {size}"
                )))
            }
            // Gone already: a sweep took it, which whoever puts it looks for next.
            _ => Ok(()),
        }
    }

    async fn send_parts(&self, path: &Path, key: &str, id: &str, size: u64) -> Result<Vec<CompletedPart>> {
        let length = WHOLE_BYTES.max(size.div_ceil(MOST_PARTS));
        let mut parts = Vec::new();
        for (number, offset) in (1..).zip((0..size).step_by(length as usize)) {
            let length = length.min(size - offset);
            let body = ByteStream::read_from()
                .path(path)
                .offset(offset)
                .length(Length::Exact(length))
                .build()
                .await
                .map_err(|error| unreadable(path, error))?;
            let request = self.client.upload_part().bucket(&self.address.bucket).key(key).upload_id(id);
            let request = request.part_number(number).body(body).customize();
            let sent = request.config_override(self.patient(sending(length))).send().await;
            let sent = sent.map_err(|error| self.failed("given a part of a blob", &error))?;
            let part =
                CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag().map(str::to_owned));
            let part = part
                .set_checksum_crc32(sent.checksum_crc32().map(str::to_owned))
                .set_checksum_crc64_nvme(sent.checksum_crc64_nvme().map(str::to_owned));
            parts.push(part.build());
        }
        Ok(parts)
    }

    /// Opens a blob, or the one part of it that `range` (as HTTP writes it: `bytes=0-99`) names.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Range`] for a part that the blob does not have.
    pub async fn get(&self, hash: Hash, range: Option<String>) -> Result<Opened> {
        let request = self.client.get_object().bucket(&self.address.bucket).key(self.key(hash));
        let answer = request.set_range(range).send().await;
        let GetObjectOutput { body, content_range, content_length, .. } = match answer {
            Ok(answer) => answer,
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 404 => {
                return Err(Error::Missing(hash));
            }
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 416 => {
                return Err(Error::Range(self.size(hash).await?.ok_or(Error::Missing(hash))?));
            }
            Err(error) => return Err(self.failed("asked for a blob", &error)),
        };
        let (total, part) = match content_range {
            Some(text) => {
                let (from, to, total) = placed(&text).ok_or_else(|| self.silent("which part it sent"))?;
                (total, Some((from, to)))
            }
            None => (self.length(content_length)?, None),
        };
        Ok(Opened { total, part, body })
    }

    /// An address at which a browser begins to fetch the blob itself within `open`, at least a second, as a file called `name`.
    pub async fn presigned(&self, hash: Hash, name: &str, kind: &str, open: Duration) -> Result<String> {
        let soon = PresigningConfig::expires_in(open).map_err(|error| Error::Bucket(error.to_string()))?;
        let request = self.client.get_object().bucket(&self.address.bucket).key(self.key(hash));
        let request = request.response_content_disposition(name).response_content_type(kind);
        let signed =
            request.presigned(soon).await.map_err(|error| self.failed("asked for an address", &error))?;
        Ok(signed.uri().to_owned())
    }

    /// Whether it can be used, asked once and for no longer than `patience`.
    pub async fn answers(&self, patience: Duration) -> std::result::Result<(), (Ailment, Error)> {
        let request = self.client.list_objects_v2().bucket(&self.address.bucket).max_keys(1);
        let request = request.prefix(self.place("blobs/"));
        let answer = request.customize().config_override(once(patience)).send().await;
        answer.map(|_| ()).map_err(|error| {
            let ailment = match error.as_service_error().and_then(|service| service.code()) {
                None => Ailment::Silent,
                Some("NoSuchBucket") => Ailment::Missing,
                Some(code) if REFUSALS.contains(&code) => Ailment::Refused,
                Some(_) => Ailment::Failing,
            };
            (ailment, self.failed("asked what it holds", &error))
        })
    }

    /// For what takes longer the more bytes there are: each try gets so much `more` time.
    fn patient(&self, more: Duration) -> aws_sdk_s3::config::Builder {
        // The client's limit on an answer runs while the body is still being sent. And it keeps connections for every limit of
        // that kind apart, so here it has none, and the try as a whole has one.
        let limit = self.address.patience + more;
        let limits = TimeoutConfig::builder().disable_read_timeout().operation_attempt_timeout(limit).build();
        aws_sdk_s3::config::Builder::new().timeout_config(limits)
    }

    /// A length that an answer must have: taken as 0, a blob would come out empty.
    fn length(&self, told: Option<i64>) -> Result<u64> {
        told.and_then(|length| u64::try_from(length).ok()).ok_or_else(|| self.silent("how long a blob is"))
    }

    fn silent(&self, what: &str) -> Error {
        Error::Bucket(format!("the bucket “{}” does not say {what}", self.address.bucket))
    }

    /// In words, without what was sent: that is signed.
    fn failed<E>(&self, doing: &str, error: &SdkError<E>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let bucket = &self.address.bucket;
        let code = error.as_service_error().and_then(|service| service.code()).unwrap_or_default();
        // Answers to HEAD have no words.
        let status = error.raw_response().map(|raw| raw.status().as_u16());
        let why = match code {
            "" if matches!(status, Some(401 | 403)) => {
                "refuses these keys: they need to read, list, write and delete there".to_owned()
            }
            "" if status.is_some() => format!("answers with the error {}", status.unwrap_or_default()),
            "" => {
                let mut why = error.to_string();
                let mut source = error.source();
                while let Some(inner) = source {
                    why = format!("{why}: {inner}");
                    source = inner.source();
                }
                format!("does not answer ({why})")
            }
            "NoSuchBucket" => "is not there".to_owned(),
            code if REFUSALS.contains(&code) => {
                format!("refuses these keys ({code}): they need to read, list, write and delete there")
            }
            code => format!("refuses ({code})"),
        };
        Error::Bucket(format!("the bucket “{bucket}”, {doing}, {why}"))
    }
}

/// For so many bytes on their way to the bucket.
fn sending(bytes: u64) -> Duration {
    Duration::from_secs(bytes / SLOWEST_SENT)
}

/// For so many bytes that a bucket puts together or copies.
fn moving(bytes: u64) -> Duration {
    Duration::from_secs((bytes / SLOWEST_MOVED).min(LONGEST_MOVE))
}

/// One try, and no longer than that.
fn once(limit: Duration) -> aws_sdk_s3::config::Builder {
    let limits = TimeoutConfig::builder().operation_timeout(limit).build();
    aws_sdk_s3::config::Builder::new().timeout_config(limits).retry_config(RetryConfig::disabled())
}

fn unreadable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Io { at: path.to_owned(), source: io::Error::other(error) }
}

/// `bytes 0-99/1234`
fn placed(text: &str) -> Option<(u64, u64, u64)> {
    let (part, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (from, to) = part.split_once('-')?;
    Some((from.parse().ok()?, to.parse().ok()?, total.parse().ok()?))
}

/// Does something on the bucket's threads and waits for it, wherever the caller is.
pub fn wait<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let (told, heard) = std::sync::mpsc::sync_channel(1);
    THREADS.spawn(async move { told.send(work.await).ok() });
    heard.recv().expect("what runs there does not panic")
}

/// Does something on the bucket's threads.
pub async fn there<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match THREADS.spawn(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// A blob's bytes for callers that block.
pub struct Reader {
    body: Arc<tokio::sync::Mutex<ByteStream>>,
    piece: Bytes,
}

impl Reader {
    pub fn open(bucket: &Arc<Bucket>, hash: Hash) -> Result<Self> {
        let bucket = Arc::clone(bucket);
        let opened = wait(async move { bucket.get(hash, None).await })?;
        Ok(Self { body: Arc::new(tokio::sync::Mutex::new(opened.body)), piece: Bytes::new() })
    }
}

impl Read for Reader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let body = Arc::clone(&self.body);
            match wait(async move { body.lock().await.next().await }) {
                Some(piece) => self.piece = piece.map_err(io::Error::other)?,
                None => return Ok(0),
            }
        }
        let taken = self.piece.split_to(to.len().min(self.piece.len()));
        to[..taken.len()].copy_from_slice(&taken);
        Ok(taken.len())
    }
}
