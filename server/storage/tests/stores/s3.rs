//! A server of S3 in this process, with one bucket in a temporary folder. Include it with `#[path]`.

use std::net::SocketAddr;
use std::path::PathBuf;

use domain::Hash;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;

pub const KEY: &str = "test-key";
pub const SECRET: &str = "test-secret-that-nobody-may-see";

pub struct Server {
    address: SocketAddr,
    root: tempfile::TempDir,
    threads: Option<tokio::runtime::Runtime>,
}

impl Server {
    /// On threads of its own, until the process ends. Puts its keys where the product looks for them.
    pub fn start() -> Self {
        static KEYS: std::sync::Once = std::sync::Once::new();
        // SAFETY: done once, before the first store is opened; nothing of the tests reads the environment in C meanwhile.
        KEYS.call_once(|| unsafe {
            std::env::set_var("AWS_ACCESS_KEY_ID", KEY);
            std::env::set_var("AWS_SECRET_ACCESS_KEY", SECRET);
        });
        let root = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(root.path().join("plates")).expect("a bucket");
        let files = FileSystem::new(root.path()).expect("a folder");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
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
        Self { address, root, threads: Some(threads) }
    }

    /// The store's address; `options` begin with `&`.
    pub fn url(&self, options: &str) -> String {
        format!("s3://plates/studio?endpoint=http://{}&path_style=true{options}", self.address)
    }

    /// Where the server keeps a blob.
    pub fn file(&self, hash: Hash) -> PathBuf {
        let name = hash.to_string();
        self.root.path().join("plates/studio/blobs").join(&name[..2]).join(&name[2..4]).join(name)
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
