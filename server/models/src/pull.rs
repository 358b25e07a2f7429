//! Fetching what is missing of a part: on from where it stopped, each file held against its SHA-256 before it gets its name.
//! What is not whole lies in `.fetching` in the part's folder, where no worker looks.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::Hash;
use futures::StreamExt;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, RANGE};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::book::{Lock, now};
use crate::remote::{Hub, Remote, Sum, good, network};
use crate::{Book, Error, Fetched, Part, Result, Wanted, io};

/// The folder of what is not whole, in the part's own, so that a finished file only changes its name.
pub(crate) const BEGUN: &str = ".fetching";
/// Kept free on the disk, which may be the database's too.
const SPARE: u64 = 1 << 30;
/// The disk is asked again after so many bytes: others write to it meanwhile.
const LOOK_AFTER: u64 = 256 << 20;
/// Tries without a single byte more.
const TRIES: u32 = 5;
const SECOND: Duration = Duration::from_secs(1);
/// Between two tellings of how far it is.
const PAUSE: Duration = Duration::from_millis(250);

/// What to fetch and as whom.
#[derive(Clone)]
pub struct Pull {
    /// The folder of the models.
    pub folder: PathBuf,
    /// `https://huggingface.co`, or a mirror.
    pub endpoint: String,
    /// Goes to the hub alone, and into no message.
    pub token: Option<String>,
}

impl std::fmt::Debug for Pull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { folder, endpoint, token } = self;
        f.debug_struct("Pull")
            .field("folder", folder)
            .field("endpoint", endpoint)
            .field("has_token", &token.is_some())
            .finish()
    }
}

/// Where it stands; told a few times a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The file's path in its source.
    pub file: String,
    /// Bytes of all files that are here.
    pub done: u64,
    /// Bytes of all files, as far as they are known.
    pub total: u64,
}

/// Once for the process, before any client is made: which cryptography https speaks with. Whoever was first has chosen.
pub fn provide_tls() {
    rustls::crypto::ring::default_provider().install_default().ok();
}

/// Fetches what is missing. Stopped anywhere and begun again, it goes on from there.
///
/// # Errors
/// Before anything is fetched: [`Error::NotAccepted`], [`Error::Gated`], [`Error::Full`], [`Error::Busy`] where somebody else
/// fetches the same. Later: [`Error::Network`] after some tries, [`Error::Damaged`] where bytes are not what the publisher
/// says, [`Error::Stopped`].
pub async fn pull(
    part: &Part,
    order: &Pull,
    stop: &CancellationToken,
    told: impl FnMut(&Progress) + Send,
) -> Result<()> {
    // Hashing goes on in a thread of its own until it hears of this, also where the future is dropped.
    let over = stop.child_token();
    let _over = over.clone().drop_guard();
    tokio::select! {
        () = stop.cancelled() => Err(Error::Stopped),
        ended = all_of(part, order, &over, told) => ended,
    }
}

async fn all_of(
    part: &Part,
    order: &Pull,
    over: &CancellationToken,
    mut told: impl FnMut(&Progress) + Send,
) -> Result<()> {
    let Pull { folder, endpoint, token } = order;
    let book = Book::read(folder)?;
    if !book.licences.contains_key(part.slug) {
        let (slug, title, url) = (part.slug, part.title, part.licence.url);
        return Err(Error::NotAccepted { slug, title, url });
    }
    let root = folder.join(part.folder);
    let _alone = Lock::of_part(&root.join(BEGUN), part)?;
    provide_tls();
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(20))
        .read_timeout(Duration::from_secs(60))
        .build()
        .map_err(|error| network(endpoint, &error))?;
    let endpoint = endpoint.trim_end_matches('/').to_owned();
    let hub = Hub { client, endpoint, token: token.clone() };
    let files = listed(&hub, part).await?;
    // What belongs to it is written down first, so that half of it never counts as all.
    let wanted = files.iter().map(|file| Wanted { path: file.path.clone(), bytes: file.bytes }).collect();
    Book::change(folder, |book| {
        book.wanted.insert(part.slug.to_owned(), wanted);
    })?;
    let mut left = Vec::new();
    let mut progress = Progress { file: String::new(), done: 0, total: 0 };
    for file in files {
        let bytes = file.bytes.unwrap_or(part.bytes);
        progress.total += bytes;
        if is_here(folder, part, &book, &file) {
            progress.done += bytes;
        } else {
            left.push(file);
        }
    }
    let begun = |file: &Remote| std::fs::metadata(begun_of(&root, file)).map_or(0, |about| about.len());
    let needed = left.iter().map(|file| file.bytes.unwrap_or(part.bytes).saturating_sub(begun(file))).sum();
    check_room(&root, needed)?;
    let mut last = None::<Instant>;
    for file in left {
        progress.file.clone_from(&file.path);
        told(&progress);
        let before = progress.done;
        let mut got = |bytes: u64| {
            progress.done = before + bytes;
            if last.is_none_or(|last| last.elapsed() >= PAUSE) {
                last = Some(Instant::now());
                told(&progress);
            }
        };
        let (sha256, bytes) = fetch(&hub, part, &root, &file, over, &mut got).await?;
        progress.done = before + file.bytes.unwrap_or(bytes);
        let name = format!("{}/{}", part.folder, file.path);
        let fetched = Fetched { sha256, bytes, from: file.url.clone(), at: now() };
        // Before it has its name: a kill between the two costs one more look at its bytes and nothing else.
        Book::change(folder, |book| {
            book.files.insert(name, fetched);
        })?;
        let to = root.join(&file.path);
        let parent = to.parent().unwrap_or(&root);
        std::fs::create_dir_all(parent).map_err(io(parent))?;
        std::fs::rename(begun_of(&root, &file), &to).map_err(io(&to))?;
    }
    told(&progress);
    Ok(())
}

/// What the publisher has, with some tries.
async fn listed(hub: &Hub, part: &Part) -> Result<Vec<Remote>> {
    let mut tries = 1;
    loop {
        match hub.files(part).await {
            Err(error) if error.passes() && tries < TRIES => {
                tokio::time::sleep(SECOND * 2_u32.pow(tries - 1)).await;
                tries += 1;
            }
            ended => return ended,
        }
    }
}

/// Whether a file is here already: as long as it should be, and, where it was fetched, with the sum that it had then.
fn is_here(folder: &Path, part: &Part, book: &Book, file: &Remote) -> bool {
    let Ok(about) = std::fs::metadata(folder.join(part.folder).join(&file.path)) else { return false };
    let is_long_enough = file.bytes.is_none_or(|bytes| bytes == about.len());
    let fetched = book.files.get(&format!("{}/{}", part.folder, file.path));
    is_long_enough && fetched.is_none_or(|fetched| file.sum.fits(fetched.sha256))
}

fn check_room(root: &Path, needed: u64) -> Result<()> {
    let found = rustix::fs::statvfs(root).map_err(|error| io(root)(error.into()))?;
    let free = found.f_bavail * found.f_frsize;
    if needed > 0 && free < needed + SPARE {
        return Err(Error::Full { at: root.to_owned(), needed: needed + SPARE, free });
    }
    Ok(())
}

fn begun_of(root: &Path, file: &Remote) -> PathBuf {
    root.join(BEGUN).join(&file.path)
}

/// The bytes of one file, whole and with the sum that they should have, but not under their name yet; sum and length.
async fn fetch(
    hub: &Hub,
    part: &Part,
    root: &Path,
    file: &Remote,
    over: &CancellationToken,
    told: &mut (dyn FnMut(u64) + Send),
) -> Result<(Hash, u64)> {
    let begun = begun_of(root, file);
    let parent = begun.parent().unwrap_or(root);
    std::fs::create_dir_all(parent).map_err(io(parent))?;
    if file.sum == Sum::Unknown {
        remove(&begun)?; // nothing would tell whether what lies there belongs to it
    }
    let length = || std::fs::metadata(&begun).map_or(0, |about| about.len());
    let (mut tries, mut most) = (1, length());
    loop {
        match go_on(hub, part, root, &begun, file, told).await {
            Ok(()) => break,
            Err(error) if error.passes() => {
                let now = length();
                (tries, most) = if now > most { (1, now) } else { (tries + 1, most) };
                if tries > TRIES {
                    return Err(error);
                }
                tokio::time::sleep(SECOND * 2_u32.pow(tries - 1)).await;
            }
            Err(error) => return Err(error),
        }
    }
    let (at, over) = (begun.clone(), over.clone());
    let read = move || -> Result<(Hash, u64)> {
        let found = hash_until(&at, || over.is_cancelled())?;
        let file = File::open(&at).map_err(io(&at))?;
        file.sync_all().map_err(io(&at))?;
        Ok((found, file.metadata().map_err(io(&at))?.len()))
    };
    let (found, bytes) = tokio::task::spawn_blocking(read).await.expect("hashing does not panic")?;
    if !file.sum.fits(found) || file.bytes.is_some_and(|wanted| wanted != bytes) {
        remove(&begun)?;
        return Err(Error::Damaged { at: root.join(&file.path), wanted: file.sum.to_string(), found });
    }
    Ok((found, bytes))
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(path)(error)),
        _ => Ok(()),
    }
}

/// Appends to what was begun until the answer ends.
async fn go_on(
    hub: &Hub,
    part: &Part,
    root: &Path,
    begun: &Path,
    file: &Remote,
    told: &mut (dyn FnMut(u64) + Send),
) -> Result<()> {
    let mut have = std::fs::metadata(begun).map_or(0, |about| about.len());
    if file.bytes.is_some_and(|bytes| have > bytes) {
        have = 0; // something else lay there
    } else if file.bytes == Some(have) && have > 0 {
        return Ok(());
    }
    let mut asked = hub.get(part, &file.url);
    if have > 0 {
        asked = asked.header(RANGE, format!("bytes={have}-"));
    }
    let answer = asked.send().await.map_err(|error| network(&file.url, &error))?;
    if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE && have > 0 {
        return Ok(()); // no more of it is there: length and sum decide
    }
    let answer = good(hub, answer, part, &file.url)?;
    let goes_on = answer.status() == StatusCode::PARTIAL_CONTENT;
    if goes_on {
        let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        if !range.is_some_and(|range| range.starts_with(&format!("bytes {have}-"))) {
            remove(begun)?;
            return Err(Error::network(&file.url, "another part of the file than was asked for"));
        }
    } else {
        have = 0; // all of it comes again
    }
    let whole = file.bytes.or(answer.content_length().map(|length| have + length));
    let mut to = File::options()
        .create(true)
        .append(goes_on)
        .write(true)
        .truncate(!goes_on)
        .open(begun)
        .map_err(io(begun))?;
    let (mut body, mut looked) = (answer.bytes_stream(), have);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| network(&file.url, &error))?;
        if whole.is_some_and(|whole| have + piece.len() as u64 > whole) {
            drop(to);
            remove(begun)?;
            return Err(Error::network(&file.url, "more bytes than the file has"));
        }
        // Some tens of kilobytes: where the disk is slow, other tasks have other threads.
        to.write_all(&piece).map_err(io(begun))?;
        have += piece.len() as u64;
        if have - looked >= LOOK_AFTER {
            looked = have;
            check_room(root, 1)?;
        }
        told(have);
    }
    match whole {
        Some(whole) if have < whole => {
            Err(Error::network(&file.url, &format!("the connection ended after {have} of {whole} bytes")))
        }
        _ => Ok(()),
    }
}

/// SHA-256 of a file. Blocking.
pub(crate) fn hash_of(path: &Path) -> Result<Hash> {
    hash_until(path, || false)
}

fn hash_until(path: &Path, is_over: impl Fn() -> bool) -> Result<Hash> {
    let mut file = File::open(path).map_err(io(path))?;
    let mut sum = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        if is_over() {
            return Err(Error::Stopped);
        }
        match file.read(&mut piece).map_err(io(path))? {
            0 => return Ok(Hash::from_digest(sum.finalize().into())),
            read => sum.update(&piece[..read]),
        }
    }
}
