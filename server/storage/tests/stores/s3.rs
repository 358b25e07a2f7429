//! A server of S3 in this process, with one bucket in a temporary folder; and the place for tests in the bucket that
//! `TEST_STORAGE_URL` names, as `--storage-url` does. Include it with `#[path]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::Hash;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

const KEY: &str = "test-key";
const SECRET: &str = "test-secret-that-nobody-may-see";
/// How long a slow server waits.
pub const SLOW: Duration = Duration::from_secs(5);

/// Key and secret in the environment, where the product looks for them: those of the bucket that was given, else put there.
fn keys() -> (&'static str, &'static str) {
    static KEYS: LazyLock<(String, String)> = LazyLock::new(|| {
        let told = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (id, secret) = (told("AWS_ACCESS_KEY_ID"), told("AWS_SECRET_ACCESS_KEY"));
        if let (Some(_), Some(id), Some(secret)) = (told("TEST_STORAGE_URL"), id, secret) {
            return (id, secret);
        }
        // SAFETY: done once, before the first store is opened; nothing of the tests reads the environment in C meanwhile.
        unsafe {
            std::env::set_var("AWS_ACCESS_KEY_ID", KEY);
            std::env::set_var("AWS_SECRET_ACCESS_KEY", SECRET);
        }
        (KEY.to_owned(), SECRET.to_owned())
    });
    (KEYS.0.as_str(), KEYS.1.as_str())
}

/// What no answer may hold.
pub fn secret() -> &'static str {
    keys().1
}

/// The address of an empty place in the bucket of `TEST_STORAGE_URL`, with more `options`, which begin with `&`; `None` where
/// none is named. What tests put there stays there.
pub fn given(options: &str) -> Option<String> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let url = std::env::var("TEST_STORAGE_URL").ok().filter(|url| !url.is_empty())?;
    let (bucket, more) = url.split_once('?').unwrap_or((url.as_str(), ""));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    Some(format!("{}/test-{now:x}-{process:x}-{count:x}?{more}{options}", bucket.trim_end_matches('/')))
}

/// What a server of S3 may do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It takes requests and answers none.
    Silent,
    /// It refuses everybody, as when keys were withdrawn.
    Refuses,
    /// It fails at the second part of a blob, each time.
    LosesPart,
    /// It takes every part, and puts the blob together without the end of the last.
    CutsPart,
    /// It takes its time before it takes a blob.
    Slow,
    /// Its keys may not remove anything.
    Keeps,
    /// It makes no copies.
    CopiesNot,
    /// The first blob that it is asked for and has is gone before it answers, as when a sweep takes it; then it is well.
    Takes,
}

/// A folder in which one thing is removed at a time: of two who remove the same at once, `s3s-fs` fails one, which S3 does not.
struct Files {
    folder: FileSystem,
    removing: tokio::sync::Mutex<()>,
}

macro_rules! passed_on {
    ($($name:ident: $input:ident -> $output:ident,)*) => {
        #[async_trait::async_trait]
        impl S3 for Files {
            $(
                async fn $name(
                    &self,
                    request: S3Request<s3s::dto::$input>,
                ) -> S3Result<S3Response<s3s::dto::$output>> {
                    self.folder.$name(request).await
                }
            )*

            async fn delete_object(
                &self,
                request: S3Request<s3s::dto::DeleteObjectInput>,
            ) -> S3Result<S3Response<s3s::dto::DeleteObjectOutput>> {
                let _alone = self.removing.lock().await;
                self.folder.delete_object(request).await
            }
        }
    };
}

passed_on! {
    head_object: HeadObjectInput -> HeadObjectOutput,
    get_object: GetObjectInput -> GetObjectOutput,
    put_object: PutObjectInput -> PutObjectOutput,
    copy_object: CopyObjectInput -> CopyObjectOutput,
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output,
    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput,
    upload_part: UploadPartInput -> UploadPartOutput,
    complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput,
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput,
}

/// Where every request passes.
#[derive(Clone)]
struct Door {
    root: PathBuf,
    fault: Arc<Mutex<Option<Fault>>>,
    asked: Arc<AtomicU64>,
}

impl Door {
    fn cut_last_part(&self) {
        let files = std::fs::read_dir(&self.root).expect("a folder").flatten().map(|entry| entry.path());
        let is_part = |path: &PathBuf| path.to_str().is_some_and(|path| path.contains(".part-"));
        let last = files.filter(is_part).max().expect("a part");
        let file = std::fs::File::options().write(true).open(&last).expect("there");
        file.set_len(file.metadata().expect("read").len() - 1).expect("cut");
    }
}

#[async_trait::async_trait]
impl S3Access for Door {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        if cx.credentials().is_none() {
            return Err(s3_error!(AccessDenied));
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        let fault = *self.fault.lock().expect("nobody panicked");
        let (what, query) = (cx.s3_op().name(), cx.uri().query().unwrap_or_default());
        match fault {
            Some(Fault::Silent) => std::future::pending().await,
            Some(Fault::Refuses) => Err(s3_error!(AccessDenied)),
            Some(Fault::LosesPart) if what == "UploadPart" && query.contains("partNumber=2") => {
                Err(s3_error!(InternalError))
            }
            Some(Fault::CutsPart) if what == "CompleteMultipartUpload" => {
                self.cut_last_part();
                Ok(())
            }
            Some(Fault::Slow) if what == "PutObject" => {
                tokio::time::sleep(SLOW).await;
                Ok(())
            }
            Some(Fault::Keeps) if what == "DeleteObject" => Err(s3_error!(AccessDenied)),
            Some(Fault::CopiesNot) if what == "CopyObject" => Err(s3_error!(NotImplemented)),
            Some(Fault::Takes) if what == "HeadObject" => {
                if std::fs::remove_dir_all(self.root.join("plates/studio/blobs")).is_ok() {
                    *self.fault.lock().expect("nobody panicked") = None;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

pub struct Server {
    address: SocketAddr,
    root: tempfile::TempDir,
    door: Door,
    threads: Option<tokio::runtime::Runtime>,
}

impl Server {
    /// On threads of its own, until it is dropped. It knows the keys that the product finds in the environment.
    pub fn start() -> Self {
        let (key, secret) = keys();
        let root = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(root.path().join("plates")).expect("a bucket");
        let folder = FileSystem::new(root.path()).expect("a folder");
        let files = Files { folder, removing: tokio::sync::Mutex::new(()) };
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(key, secret));
        let door = Door { root: root.path().to_owned(), fault: Arc::default(), asked: Arc::default() };
        service.set_access(door.clone());
        let service = service.build();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("set");
        let address = listener.local_addr().expect("bound");
        let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let threads = threads.expect("threads");
        threads.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    http.serve_connection(TokioIo::new(socket), service).await.ok();
                });
            }
        });
        Self { address, root, door, threads: Some(threads) }
    }

    /// The store's address; `options` begin with `&`.
    pub fn url(&self, options: &str) -> String {
        format!("s3://plates/studio?endpoint=http://{}&path_style=true{options}", self.address)
    }

    /// Where the server keeps what lies under that name below the studio's prefix.
    pub fn place(&self, name: &str) -> PathBuf {
        self.root.path().join("plates/studio").join(name)
    }

    /// Where the server keeps a blob.
    pub fn file(&self, hash: Hash) -> PathBuf {
        let name = hash.to_string();
        self.place("blobs").join(&name[..2]).join(&name[2..4]).join(name)
    }
}

impl Server {
    /// From now on it does this wrong, or nothing.
    pub fn does(&self, fault: Option<Fault>) {
        *self.door.fault.lock().expect("nobody panicked") = fault;
    }

    /// How often it was asked something.
    pub fn asked(&self) -> u64 {
        self.door.asked.load(Ordering::Relaxed)
    }

    /// Files that it keeps, parts of uploads too; its own notes left out.
    pub fn files(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut folders = vec![self.root.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
                let name = path.display().to_string();
                if path.is_dir() {
                    folders.push(path);
                } else if !name.ends_with(".json") {
                    all.push(name);
                }
            }
        }
        all
    }

    /// As if the blob had been put two days ago.
    pub fn age(&self, hash: Hash) {
        let then = SystemTime::now() - Duration::from_secs(48 * 3600);
        let file = std::fs::File::open(self.file(hash)).expect("in the bucket");
        file.set_modified(then).expect("older");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background(); // may be dropped where waiting is not allowed
        }
    }
}

/// Status and body of a plain GET.
pub async fn fetch(address: &str) -> (u16, Vec<u8>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let rest = address.strip_prefix("http://").expect("plain http");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut socket = tokio::net::TcpStream::connect(host).await.expect("answers");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.expect("read");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let status = std::str::from_utf8(&answer[9..12]).expect("digits").parse().expect("a status");
    (status, answer[end + 4..].to_vec())
}
