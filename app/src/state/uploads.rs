//! Uploads of this tab: which are waiting, sending, broken off or done. They go on while one moves between pages, and are
//! taken up again after a reload when the same file is dropped again. What goes over the wire is in `browser::tus`.

use domain::{ProjectId, SequenceId, ShotId};
use leptos::prelude::*;
use leptos::web_sys::File;
use serde::Deserialize;

use crate::browser::tus::{self, Sent, Trouble};
use crate::browser::{HERE, clock, store};

/// So many files travel at the same time; the others wait.
const AT_ONCE: usize = 2;
const STORED: &str = "minus-one:upload:";
/// Seconds to wait after the first, second, … failure in a row.
const WAITS: [u32; 6] = [1, 2, 4, 8, 15, 30];

#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    Waiting,
    Sending,
    /// The connection is lost; tried again by itself.
    Lost,
    /// The server says that it failed; tried again by itself.
    Failing,
    /// Refused; why, for people. May be tried again.
    Failed(String),
    Done(Option<Made>),
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Made {
    pub shot_id: ShotId,
    pub name: String,
    /// The project had exactly these bytes already: this is that shot, nothing was added.
    pub duplicate: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    pub number: u32,
    pub project_id: ProjectId,
    pub sequence_id: Option<SequenceId>,
    pub file_name: String,
    pub size: u64,
    pub sent: u64,
    /// Bytes a second; 0 until known.
    pub speed: f64,
    pub stage: Stage,
    /// Under which the browser remembers where it was being sent.
    fingerprint: String,
}

impl Upload {
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Done(_))
    }

    pub fn fraction(&self) -> f32 {
        self.sent as f32 / self.size.max(1) as f32
    }

    pub fn seconds_left(&self) -> Option<u32> {
        (self.speed > 1.0).then(|| (self.size.saturating_sub(self.sent) as f64 / self.speed).ceil() as u32)
    }
}

#[derive(Clone, Copy)]
pub struct Uploads {
    list: RwSignal<Vec<Upload>>,
    next: StoredValue<u32>,
    /// Raised when there is reason to try again now: the network is back, or somebody pressed a button.
    wake: StoredValue<u32>,
}

pub fn provide_uploads() {
    let uploads =
        Uploads { list: RwSignal::new(Vec::new()), next: StoredValue::new(1), wake: StoredValue::new(0) };
    provide_context(uploads);
    Effect::new(move |_| {
        let back = window_event_listener(leptos::ev::online, move |_| uploads.try_now());
        on_cleanup(move || back.remove());
    });
}

/// Only below `App`.
pub fn use_uploads() -> Uploads {
    expect_context()
}

impl Uploads {
    pub fn list(self) -> Signal<Vec<Upload>> {
        self.list.into()
    }

    /// Queues files for a project.
    pub fn add(self, project_id: ProjectId, sequence_id: Option<SequenceId>, files: Vec<File>) {
        for file in files {
            let (file_name, size) = (file.name(), file.size() as u64);
            let fingerprint = format!("{STORED}{project_id}:{size}:{}:{file_name}", file.last_modified());
            let is_known = |list: &Vec<Upload>| {
                list.iter().any(|upload| upload.fingerprint == fingerprint && !upload.is_over())
            };
            if self.list.with_untracked(is_known) {
                continue; // dropped twice
            }
            let number = self.next.get_value();
            self.next.set_value(number + 1);
            tus::keep_file(number, file);
            let upload = Upload {
                number,
                project_id,
                sequence_id,
                file_name,
                size,
                sent: 0,
                speed: 0.0,
                stage: Stage::Waiting,
                fingerprint,
            };
            self.list.update(|list| list.push(upload));
        }
        self.start();
    }

    /// Stops it and deletes what the server has of it.
    pub fn cancel(self, number: u32) {
        let Some(upload) = self.get(number) else { return };
        self.list.update(|list| list.retain(|one| one.number != number));
        tus::stop(number);
        tus::forget_file(number);
        if let Some(url) = store::get(&upload.fingerprint) {
            store::remove(&upload.fingerprint);
            leptos::task::spawn_local(async move {
                tus::cancel(number, &url).await.ok(); // the server sweeps what stays
            });
        }
        self.start();
    }

    /// Tries a refused one again, from where it was.
    pub fn retry(self, number: u32) {
        self.change(number, |upload| upload.stage = Stage::Waiting);
        self.start();
    }

    /// Ends the waiting of those that lost their connection.
    pub fn try_now(self) {
        self.wake.try_update_value(|wake| *wake += 1);
    }

    /// Takes finished ones off the list.
    pub fn clear(self) {
        self.list.update(|list| list.retain(|upload| !upload.is_over()));
    }

    fn get(self, number: u32) -> Option<Upload> {
        self.list.with_untracked(|list| list.iter().find(|one| one.number == number).cloned())
    }

    fn change(self, number: u32, change: impl FnOnce(&mut Upload)) {
        self.list.try_update(|list| {
            if let Some(upload) = list.iter_mut().find(|one| one.number == number) {
                change(upload);
            }
        });
    }

    fn start(self) {
        if !HERE {
            return;
        }
        loop {
            let next = self.list.with_untracked(|list| {
                let busy = list
                    .iter()
                    .filter(|one| matches!(one.stage, Stage::Sending | Stage::Lost | Stage::Failing))
                    .count();
                let next = list.iter().find(|one| one.stage == Stage::Waiting).map(|one| one.number);
                next.filter(|_| busy < AT_ONCE)
            });
            let Some(number) = next else { return };
            self.change(number, |upload| upload.stage = Stage::Sending);
            leptos::task::spawn_local(async move {
                self.run(number).await;
                self.start();
            });
        }
    }

    /// From here to the end of one file, through lost connections.
    async fn run(self, number: u32) {
        let mut failures = 0;
        loop {
            let Some(upload) = self.get(number) else { return };
            let before = upload.sent;
            let stage = match self.carry(&upload).await {
                Ok(answer) => {
                    store::remove(&upload.fingerprint);
                    tus::forget_file(number);
                    let made = serde_json::from_str(&answer).ok();
                    self.change(number, |upload| {
                        upload.sent = upload.size;
                        upload.stage = Stage::Done(made);
                    });
                    return;
                }
                Err(Trouble::Stopped) => return,
                Err(Trouble::Refused(why)) => {
                    self.change(number, |upload| upload.stage = Stage::Failed(why));
                    return;
                }
                // Swept, or finished by another tab: begin again; known bytes are recognised at the end.
                Err(Trouble::Gone) => {
                    store::remove(&upload.fingerprint);
                    Stage::Lost
                }
                Err(Trouble::Lost) => Stage::Lost,
                Err(Trouble::Failing) => Stage::Failing,
            };
            let moved = self.get(number).is_some_and(|now| now.sent > before);
            failures = if moved { 1 } else { failures + 1 };
            self.change(number, |upload| {
                upload.stage = stage;
                upload.speed = 0.0;
            });
            self.wait(WAITS[(failures - 1).min(WAITS.len() - 1)]).await;
        }
    }

    async fn wait(self, seconds: u32) {
        let wakes = self.wake.get_value();
        for _ in 0..seconds * 4 {
            if self.wake.try_get_value() != Some(wakes) {
                return;
            }
            clock::sleep(250).await;
        }
    }

    /// One try: find or announce it, then piece after piece.
    async fn carry(self, upload: &Upload) -> Result<String, Trouble> {
        let Upload { number, project_id, sequence_id, size, .. } = *upload;
        let (url, mut at) = match store::get(&upload.fingerprint) {
            Some(url) => {
                let at = tus::offset(number, &url).await?;
                (url, at)
            }
            None => {
                let url = tus::create(number, project_id, sequence_id, &upload.file_name, size)
                    .await
                    .map_err(|trouble| match trouble {
                        Trouble::Gone => Trouble::Refused(
                            "This project is not here, or not yours to add shots to.".to_owned(),
                        ),
                        other => other,
                    })?;
                store::set(&upload.fingerprint, &url);
                (url, 0)
            }
        };
        self.change(number, |upload| {
            upload.sent = at;
            upload.stage = Stage::Sending;
        });
        if at == size {
            return tus::made(number, &url).await; // all was there, only the answer had been lost
        }
        let speed = Speed::new(at);
        loop {
            let from = at;
            let meter = speed.clone();
            let told = move |bytes: u64| {
                let speed = meter.at(from + bytes);
                self.change(number, |upload| {
                    upload.sent = (from + bytes).min(upload.size);
                    upload.speed = speed;
                });
            };
            match tus::send(number, &url, from, told).await? {
                Sent::All => return tus::made(number, &url).await,
                Sent::Some(now) if now == from => return Err(Trouble::Lost),
                Sent::Some(now) => at = now,
            }
            self.change(number, |upload| upload.sent = at);
        }
    }
}

/// Bytes a second over the last few seconds.
#[derive(Clone)]
struct Speed(std::rc::Rc<std::cell::Cell<(f64, u64, f64)>>);

impl Speed {
    fn new(at: u64) -> Self {
        Self(std::rc::Rc::new(std::cell::Cell::new((clock::tick_ms(), at, 0.0))))
    }

    fn at(&self, bytes: u64) -> f64 {
        let (since, before, speed) = self.0.get();
        let seconds = (clock::tick_ms() - since) / 1000.0;
        if seconds < 0.5 {
            return speed;
        }
        let now = bytes.saturating_sub(before) as f64 / seconds;
        let smooth = if speed == 0.0 { now } else { speed * 0.7 + now * 0.3 };
        self.0.set((since + seconds * 1000.0, bytes, smooth));
        smooth
    }
}
