//! For the proof that kills processes at bad moments: between bytes that are in the store and the rows that name them lie
//! microseconds, a step of a short job is over in a fraction of a second, and a blow just there should not be luck.

use std::path::Path;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(300);

/// Does nothing unless `MINUS_ONE_LINGER` names a folder: then a file `PID-PLACE` lies there while this process waits a moment.
pub fn linger_blocking(place: &str) {
    let Some(folder) = std::env::var_os("MINUS_ONE_LINGER") else { return };
    let mark = Path::new(&folder).join(format!("{}-{place}", std::process::id()));
    if std::fs::write(&mark, []).is_ok() {
        std::thread::sleep(PAUSE);
        std::fs::remove_file(&mark).ok();
    }
}
