//! Removing blobs from a bucket, beside others that put some, perhaps on other machines. A bucket has no locks. So whoever
//! removes a blob says so first by an object of its own, a mark, looks once more when the blob was put, and takes the mark away
//! after the deed; whoever puts a blob looks for marks afterwards, waits until they are gone, and puts it again if it went too.
//! Of the two at least one sees the other, since a bucket shows everybody what was written last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::MetadataDirective;
use domain::Hash;

use super::{Bucket, moving, once};
use crate::sweep::{Found, Removed};
use crate::{Error, Result};

/// What was put so lately need not be put again to count as put now: a sweep goes by a day.
const FRESH: Duration = Duration::from_secs(6 * 3600);
/// From mark to deed; who takes longer leaves it.
const LOOK: Duration = Duration::from_secs(15);
const DEED: Duration = Duration::from_secs(20);
/// Longest that a mark is waited for, longer than look and deed together: one that stays is of a process that died.
const PATIENCE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(200);
/// Marks that are older are of nobody who is still at it.
const STALE: Duration = Duration::from_secs(3600);
/// S3 copies no more at once.
const MOST_COPIED: u64 = 5_000_000_000;

/// A name that no other mark has.
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{now:x}-{:x}-{:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Whether what was put then counts as put now.
fn is_young(put_at: SystemTime) -> bool {
    put_at + FRESH > SystemTime::now()
}

impl Bucket {
    /// Where marks of a blob lie.
    fn marks(&self, hash: Hash) -> String {
        self.place(&format!("sweep/{hash}/"))
    }

    /// Bytes, and when they were put, by the bucket's clock.
    pub(super) async fn find(&self, hash: Hash) -> Result<Option<(u64, SystemTime)>> {
        let Some(found) = self.head(hash).await? else { return Ok(None) };
        Ok(Some((self.length(found.content_length())?, self.moment(found.last_modified())?)))
    }

    fn moment(&self, told: Option<&DateTime>) -> Result<SystemTime> {
        told.and_then(|at| SystemTime::try_from(*at).ok()).ok_or_else(|| self.silent("when a blob was put"))
    }

    /// Whether the blob, of so many bytes, is there and counts as put now; else it must be put.
    pub async fn is_fresh(&self, hash: Hash, size: u64) -> Result<bool> {
        let Some((found, at)) = self.find(hash).await? else { return Ok(false) };
        if found != size || (!is_young(at) && !self.touch(hash, size).await?) {
            return Ok(false);
        }
        self.is_settled(hash, size).await
    }

    /// Says that the blob was put now, by a copy onto itself; whether its time is a new one. One that is too large for a copy,
    /// or whose bucket makes none, must be sent again.
    async fn touch(&self, hash: Hash, size: u64) -> Result<bool> {
        if size > MOST_COPIED {
            return Ok(false);
        }
        let (bucket, key) = (&self.address.bucket, self.key(hash));
        let request = self.client.copy_object().bucket(bucket).key(&key);
        // Neither has a character that would have to be written otherwise. Nothing but the time may change, and S3 refuses to
        // change nothing: so what is said of the blob, which is nothing, is replaced.
        let request = request.copy_source(format!("{bucket}/{key}"));
        let request = request.metadata_directive(MetadataDirective::Replace).customize();
        let limits = self.patient(moving(size)).retry_config(RetryConfig::disabled());
        if request.config_override(limits).send().await.is_err() {
            return Ok(false);
        }
        Ok(self.find(hash).await?.is_some_and(|(_, at)| is_young(at)))
    }

    /// Whether the blob, which was just put, is there once everybody is done who was about to remove it.
    pub(super) async fn is_settled(&self, hash: Hash, size: u64) -> Result<bool> {
        let end = Instant::now() + PATIENCE;
        loop {
            let (marks, _) = self.list(&self.marks(hash), None).await?;
            // Also where none was seen: one that is gone already may have taken what was just put.
            if marks.is_empty() {
                return Ok(self.size(hash).await? == Some(size));
            }
            if Instant::now() > end {
                for mark in marks {
                    self.delete(&mark.key).await?;
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Whose the bucket is: the id that lies beside the blobs, from now on `id` where none does.
    pub async fn owner(&self, id: &str) -> Result<String> {
        let key = self.place("database");
        if let Some(owner) = self.said(&key).await? {
            return Ok(owner);
        }
        let request = self.client.put_object().bucket(&self.address.bucket).key(&key);
        let put = request.body(ByteStream::from(id.as_bytes().to_vec())).send().await;
        put.map_err(|error| self.failed("told whose it is", &error))?;
        // Of two who say so at once the last is heard.
        self.said(&key).await?.ok_or_else(|| self.silent("whose it is"))
    }

    /// A line of text; `None` where there is none.
    async fn said(&self, key: &str) -> Result<Option<String>> {
        let asked = self.client.get_object().bucket(&self.address.bucket).key(key).send().await;
        let answer = match asked {
            Ok(answer) => answer,
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 404 => return Ok(None),
            Err(error) => return Err(self.failed("asked whose it is", &error)),
        };
        let bytes = answer.body.collect().await.map_err(|_| self.silent("whose it is"))?.into_bytes();
        Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()))
    }

    /// Sees that what was put can be removed, before anything is marked: marks that nobody can take away would cost every put a
    /// minute. Then those go that killed sweeps left.
    pub async fn begin_sweep(&self) -> Result<()> {
        let probe = self.place("sweep/probe");
        let request = self.client.put_object().bucket(&self.address.bucket).key(&probe);
        let put = request.body(ByteStream::from_static(b"to be removed")).send().await;
        put.map_err(|error| self.failed("tried before a sweep", &error))?;
        self.delete(&probe).await?;
        let before = SystemTime::now() - STALE;
        let mut from = None;
        loop {
            let (page, next) = self.list(&self.place("sweep/"), from).await?;
            for mark in page.iter().filter(|mark| mark.put_at < before) {
                self.delete(&mark.key).await?;
            }
            match next {
                Some(_) => from = next,
                None => return Ok(()),
            }
        }
    }

    /// Removes a blob if nobody put it at or after `before`.
    pub async fn remove(&self, hash: Hash, before: SystemTime) -> Result<Removed> {
        self.remove_if(hash, |_, put_at| put_at < before).await
    }

    /// Removes a blob if it `goes` by its bytes and the moment it was put, also once more under a mark.
    pub(super) async fn remove_if(
        &self,
        hash: Hash,
        goes: impl Fn(u64, SystemTime) -> bool + Send + Sync,
    ) -> Result<Removed> {
        let judged = |found: Option<(u64, SystemTime)>| match found {
            None => Err(Removed::Missing),
            Some((bytes, at)) if goes(bytes, at) => Ok(bytes),
            Some(_) => Err(Removed::Young),
        };
        if let Err(stays) = judged(self.find(hash).await?) {
            return Ok(stays);
        }
        let mark = self.marks(hash) + &unique();
        let begun = Instant::now();
        let request = self.client.put_object().bucket(&self.address.bucket).key(&mark);
        let put = request.body(ByteStream::from_static(b"to be removed")).send().await;
        put.map_err(|error| self.failed("told of a removal", &error))?;
        let outcome = match self.find(hash).await.map(judged) {
            Err(error) => Err(error),
            Ok(Err(stays)) => Ok(stays),
            Ok(Ok(_)) if begun.elapsed() > LOOK => {
                let bucket = &self.address.bucket;
                Err(Error::Bucket(format!("the bucket “{bucket}” is too slow to remove anything safely")))
            }
            Ok(Ok(bytes)) => {
                // When it is not known what became of it, the mark stays for those who put the blob meanwhile.
                self.delete(&self.key(hash)).await?;
                Ok(Removed::Gone(bytes))
            }
        };
        self.delete(&mark).await.ok(); // one that stays costs a put of these bytes a minute, once
        outcome
    }

    /// One try and no more: one that is made again later could take what was put meanwhile.
    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        let request = self.client.delete_object().bucket(&self.address.bucket).key(key);
        let gone = request.customize().config_override(once(DEED)).send().await;
        gone.map(|_| ()).map_err(|error| self.failed("told to remove a blob", &error))
    }

    /// One page of what lies below `prefix`, and where the next begins.
    async fn list(&self, prefix: &str, from: Option<String>) -> Result<(Vec<Listed>, Option<String>)> {
        let request = self.client.list_objects_v2().bucket(&self.address.bucket).prefix(prefix);
        let page = request.set_continuation_token(from).send().await;
        let page = page.map_err(|error| self.failed("asked what it holds", &error))?;
        let mut all = Vec::new();
        for object in page.contents() {
            let key = object.key().ok_or_else(|| self.silent("what a blob is called"))?.to_owned();
            let (bytes, put_at) = (self.length(object.size())?, self.moment(object.last_modified())?);
            all.push(Listed { key, bytes, put_at });
        }
        let more = page.is_truncated().unwrap_or_default();
        Ok((all, page.next_continuation_token().filter(|_| more).map(str::to_owned)))
    }

    /// One page of the blobs, and where the next begins; what has no hash for a name is passed over.
    pub async fn blobs(&self, from: Option<String>) -> Result<(Vec<Found>, Option<String>)> {
        let (page, next) = self.list(&self.place("blobs/"), from).await?;
        let found = page.into_iter().filter_map(|Listed { key, bytes, put_at }| {
            let hash = key.rsplit('/').next()?.parse().ok()?;
            (self.key(hash) == key).then_some(Found { hash, bytes, put_at })
        });
        Ok((found.collect(), next))
    }
}

struct Listed {
    key: String,
    bytes: u64,
    put_at: SystemTime,
}
