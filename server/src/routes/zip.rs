//! Archives that are made while they are sent: a quadmask as 8-bit grey PNGs, one frame in memory at a time, and others.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use domain::{Hash, Levels};
use storage::Store;
use tokio::sync::mpsc;
use zip::write::{SimpleFileOptions, ZipWriter};

/// Hands what is written to the answer's body; waits while the browser is slow.
pub struct ToBody(mpsc::Sender<io::Result<Bytes>>);

impl Write for ToBody {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the archive holds.
pub struct Frames {
    /// Per frame the stored picture; `None`: background only.
    pub pictures: Vec<Option<Hash>>,
    /// Pixels.
    pub width: u32,
    pub height: u32,
    /// Number of the first frame in file names.
    pub first_frame: u32,
}

/// `quadmask.1001.png`, … without compression: PNGs are compressed already.
pub fn stream(store: Store, frames: Frames) -> Body {
    body(move |to| write(&store, &frames, to))
}

/// What `make` writes, as it writes it, on a thread of its own.
pub fn body(make: impl FnOnce(ToBody) -> io::Result<()> + Send + 'static) -> Body {
    let (sender, receiver) = mpsc::channel(16);
    tokio::task::spawn_blocking(move || {
        let failed = sender.clone();
        if let Err(error) = make(ToBody(sender)) {
            if error.kind() != io::ErrorKind::BrokenPipe {
                tracing::error!(%error, "An archive could not be made");
            }
            failed.blocking_send(Err(error)).ok(); // the browser sees a broken download, not a short archive
        }
    });
    Body::from_stream(futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    }))
}

fn write(store: &Store, frames: &Frames, to: ToBody) -> io::Result<()> {
    let mut archive = ZipWriter::new_stream(io::BufWriter::with_capacity(1 << 16, to));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let background = Levels::background(frames.width, frames.height).to_grey_png();
    for (at, picture) in (0u32..).zip(&frames.pictures) {
        let png = match picture {
            Some(hash) => {
                let stored = store.get_blocking(*hash).map_err(io::Error::other)?;
                Levels::from_png(&stored).map_err(io::Error::other)?.to_grey_png()
            }
            None => background.clone(),
        };
        archive.start_file(format!("quadmask.{:04}.png", frames.first_frame + at), options)?;
        archive.write_all(&png)?;
    }
    archive.finish()?.flush()?;
    Ok(())
}
