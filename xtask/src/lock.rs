//! One at a time where two of us would write the same place: a file in the target folder stays locked meanwhile. The system
//! lets go of it when its holder ends, however that comes.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result};

use crate::{place, sh};

/// The place is ours until this is dropped.
#[must_use]
pub struct Held {
    _file: File,
}

/// Waits until no other `cargo xtask` with this target folder holds `name`; `doing` is what they do then, in words.
pub fn hold(name: &str, doing: &str) -> Result<Held> {
    hold_in(&place::target(), name, doing)
}

fn hold_in(folder: &Path, name: &str, doing: &str) -> Result<Held> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let path = folder.join(format!("{name}.lock"));
    let file = File::options().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            sh::say(&format!("Waiting: another `cargo xtask` {doing} right now"));
            file.lock()
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
    .with_context(|| format!("locking {}", path.display()))?;
    Ok(Held { _file: file })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_second_waits_for_the_first_and_for_nobody_elsewhere() {
        let folder = std::env::temp_dir().join(format!("xtask-lock-{}", std::process::id()));
        let first = hold_in(&folder, "here", "is tested").unwrap();
        drop(hold_in(&folder, "there", "is tested").unwrap());
        let (tell, heard) = channel();
        let of_second = folder.clone();
        let second = thread::spawn(move || {
            let held = hold_in(&of_second, "here", "is tested").unwrap();
            tell.send(()).unwrap();
            drop(held);
        });
        assert!(heard.recv_timeout(Duration::from_millis(300)).is_err(), "two at once");
        drop(first);
        heard.recv_timeout(Duration::from_secs(30)).expect("its turn came");
        second.join().unwrap();
        drop(hold_in(&folder, "here", "is tested").unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }
}
