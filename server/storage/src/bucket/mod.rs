//! Blobs in an S3 bucket, under their hashes. Everything runs on threads of its own, so that blocking callers may wait
//! anywhere and a caller's runtime may end before the store does.

mod address;

use std::error::Error as _;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
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
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(30))
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

    fn key(&self, hash: Hash) -> String {
        let (name, prefix) = (hash.to_string(), &self.address.prefix);
        let slash = if prefix.is_empty() { "" } else { "/" };
        format!("{prefix}{slash}blobs/{}/{}/{name}", &name[..2], &name[2..4])
    }

    /// Bytes of a blob; `None` where there is none.
    pub async fn size(&self, hash: Hash) -> Result<Option<u64>> {
        let asked = self.client.head_object().bucket(&self.address.bucket).key(self.key(hash)).send().await;
        match asked {
            Ok(found) => self.length(found.content_length()).map(Some),
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 404 => Ok(None),
            Err(error) => Err(self.failed("asked for a blob", &error)),
        }
    }

    /// Sends a file whose hash is known; under its name only when it is whole.
    pub async fn put(&self, path: &Path, hash: Hash, size: u64) -> Result<()> {
        if size > WHOLE_BYTES {
            return self.put_in_parts(path, hash, size).await;
        }
        let body = ByteStream::from_path(path).await.map_err(|error| unreadable(path, error))?;
        let request = self.client.put_object().bucket(&self.address.bucket).key(self.key(hash));
        request.body(body).send().await.map_err(|error| self.failed("given a blob", &error))?;
        Ok(())
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
                let done = request.multipart_upload(all).send().await;
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
            Some(found) if found == size => Ok(()),
            found => Err(Error::Bucket(format!(
                "the bucket “{bucket}” says it has {} bytes of a blob of {size}",
                found.unwrap_or_default()
            ))),
        }
    }

    async fn send_parts(&self, path: &Path, key: &str, id: &str, size: u64) -> Result<Vec<CompletedPart>> {
        let length = WHOLE_BYTES.max(size.div_ceil(MOST_PARTS));
        let mut parts = Vec::new();
        for (number, offset) in (1..).zip((0..size).step_by(length as usize)) {
            let body = ByteStream::read_from()
                .path(path)
                .offset(offset)
                .length(Length::Exact(length.min(size - offset)))
                .build()
                .await
                .map_err(|error| unreadable(path, error))?;
            let request = self.client.upload_part().bucket(&self.address.bucket).key(key).upload_id(id);
            let sent = request.part_number(number).body(body).send().await;
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

    /// An address at which a browser fetches the blob itself, for ten minutes, as a file called `name`.
    pub async fn presigned(&self, hash: Hash, name: &str, kind: &str) -> Result<String> {
        let soon = PresigningConfig::expires_in(Duration::from_secs(600))
            .map_err(|error| Error::Bucket(error.to_string()))?;
        let request = self.client.get_object().bucket(&self.address.bucket).key(self.key(hash));
        let request = request.response_content_disposition(name).response_content_type(kind);
        let signed =
            request.presigned(soon).await.map_err(|error| self.failed("asked for an address", &error))?;
        Ok(signed.uri().to_owned())
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
        let why = match code {
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
            "AccessDenied" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" => {
                format!("refuses these keys ({code}): they need to read and write there")
            }
            code => format!("refuses ({code})"),
        };
        Error::Bucket(format!("the bucket “{bucket}”, {doing}, {why}"))
    }
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
