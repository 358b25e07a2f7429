//! The pictures of one Motion JPEG movie, by frame number: which bytes hold a frame, fetching them ahead of the
//! playhead, and decoding off the main thread. What is shown when, is the stage's business.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Blob, ImageBitmap};
use wasm_bindgen_futures::JsFuture;

use super::fetch;

/// Compressed bytes that are kept.
const MOST_BYTES: u64 = 256 << 20;
/// Decoded pictures that are kept, and the memory they may take.
const MOST_BITMAPS: usize = 48;
const MOST_BITMAP_BYTES: u64 = 400 << 20;
/// Frames asked for in one request ahead of the playhead.
const BATCH: usize = 12;
const MOST_REQUESTS: usize = 3;
const MOST_DECODES: usize = 3;
const MOST_TRIES: u32 = 5;

/// Frames in the order in which they are needed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// To be decoded; the first is the one to show.
    pub decode: Vec<u32>,
    /// To be fetched after those.
    pub fetch: Vec<u32>,
}

impl Plan {
    /// What is needed with the playhead on `now`, moving at `speed` within `low..=high`.
    pub fn of(now: u32, speed: i32, low: u32, high: u32) -> Self {
        let length = i64::from(high.max(low) - low) + 1;
        let around =
            |by: i64| (i64::from(low) + (i64::from(now) - i64::from(low) + by).rem_euclid(length)) as u32;
        let mut plan = Self { decode: vec![now], fetch: Vec::new() };
        let inside = (low..=high).contains(&now);
        if !inside {
            return plan;
        }
        if speed == 0 {
            plan.decode.extend([1, -1, 2, -2].map(around));
            plan.fetch.extend((1..=(length / 2 + 1)).flat_map(|n| [around(n), around(-n)]));
        } else {
            plan.decode.extend((1..=8).map(|n| around(n * i64::from(speed))));
            plan.fetch.extend((1..length).map(|n| around(n * i64::from(speed.signum()))));
        }
        plan.decode.dedup();
        plan
    }
}

/// Whether a frame can be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Coming,
    Here,
    Missing(String),
}

/// A handle on the pictures of one movie; clones share them.
#[derive(Clone)]
pub struct Pictures(Rc<RefCell<Inner>>);

struct Inner {
    movie: String,
    /// Offset and size of each frame's JPEG.
    index: Vec<(u64, u32)>,
    index_error: Option<String>,
    plan: Plan,
    bytes: HashMap<u32, Blob>,
    bytes_size: u64,
    fetching: HashSet<u32>,
    requests: usize,
    /// Oldest use first.
    bitmaps: Vec<(u32, ImageBitmap)>,
    decoding: HashSet<u32>,
    /// Requests that failed, per frame; and why the frame is given up for now.
    tries: HashMap<u32, u32>,
    failed: HashMap<u32, String>,
    changed: Rc<dyn Fn()>,
    is_closed: bool,
}

impl Pictures {
    /// Opens the movie at `movie` whose frames lie where `index` says; `changed` is called when more is here.
    pub fn open(movie: String, index: String, changed: Rc<dyn Fn()>) -> Self {
        let this = Self(Rc::new(RefCell::new(Inner {
            movie,
            index: Vec::new(),
            index_error: None,
            plan: Plan::default(),
            bytes: HashMap::new(),
            bytes_size: 0,
            fetching: HashSet::new(),
            requests: 0,
            bitmaps: Vec::new(),
            decoding: HashSet::new(),
            tries: HashMap::new(),
            failed: HashMap::new(),
            changed,
            is_closed: false,
        })));
        this.read_index(index, 0);
        this
    }

    fn read_index(&self, url: String, tries: u32) {
        let this = self.clone();
        spawn_local(async move {
            let answer = match fetch::text(&url).await {
                Ok(text) => serde_json::from_str::<Vec<(u64, u32)>>(&text)
                    .map_err(|_| "the list of frames is damaged".to_owned()),
                Err(why) => Err(why.to_string()),
            };
            match answer {
                Ok(index) => {
                    let mut inner = this.0.borrow_mut();
                    inner.index = index;
                    inner.index_error = None;
                }
                Err(why) => {
                    this.0.borrow_mut().index_error = Some(why);
                    if tries < MOST_TRIES && !this.0.borrow().is_closed {
                        let again = this.clone();
                        set_timeout(move || again.read_index(url, tries + 1), Duration::from_millis(1500));
                    }
                }
            }
            this.tell();
            this.pump();
        });
    }

    /// The decoded picture of `frame`, if it is here.
    pub fn picture(&self, frame: u32) -> Option<ImageBitmap> {
        let mut inner = self.0.borrow_mut();
        let at = inner.bitmaps.iter().position(|(f, _)| *f == frame)?;
        let used = inner.bitmaps.remove(at);
        let picture = used.1.clone();
        inner.bitmaps.push(used);
        Some(picture)
    }

    pub fn state(&self, frame: u32) -> State {
        let inner = self.0.borrow();
        if inner.bitmaps.iter().any(|(f, _)| *f == frame) {
            return State::Here;
        }
        if let Some(why) = &inner.index_error {
            return State::Missing(why.clone());
        }
        if !inner.index.is_empty() && frame as usize >= inner.index.len() {
            return State::Missing("the proxy ends before it".to_owned());
        }
        match inner.failed.get(&frame) {
            Some(why) => State::Missing(why.clone()),
            None => State::Coming,
        }
    }

    /// Fetches and decodes by `plan` from now on.
    pub fn follow(&self, plan: Plan) {
        {
            let mut inner = self.0.borrow_mut();
            if inner.plan == plan {
                return;
            }
            if let Some(now) = plan.decode.first() {
                // Coming back to a frame that failed is a new wish.
                inner.failed.remove(now);
                inner.tries.remove(now);
            }
            inner.plan = plan;
        }
        self.pump();
    }

    /// Frames whose bytes are here, as ranges.
    pub fn loaded(&self) -> Vec<(u32, u32)> {
        let inner = self.0.borrow();
        let mut frames: Vec<u32> = inner.bytes.keys().copied().collect();
        frames.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for frame in frames {
            match ranges.last_mut() {
                Some(last) if last.1 + 1 == frame => last.1 = frame,
                _ => ranges.push((frame, frame)),
            }
        }
        ranges
    }

    /// Gives decoded pictures back; nothing is fetched any more.
    pub fn close(&self) {
        let mut inner = self.0.borrow_mut();
        inner.is_closed = true;
        inner.bytes.clear();
        for (_, bitmap) in inner.bitmaps.drain(..) {
            bitmap.close();
        }
    }

    fn tell(&self) {
        let changed = self.0.borrow().changed.clone();
        changed();
    }

    fn pump(&self) {
        if self.0.borrow().is_closed {
            return;
        }
        while let Some((frame, blob)) = self.next_decode() {
            self.decode(frame, blob);
        }
        while let Some(run) = self.next_fetch() {
            self.fetch(run);
        }
    }

    fn next_decode(&self) -> Option<(u32, Blob)> {
        let mut inner = self.0.borrow_mut();
        if inner.decoding.len() >= MOST_DECODES {
            return None;
        }
        let wanted = inner.plan.decode.iter().copied().find(|frame| {
            inner.bytes.contains_key(frame)
                && !inner.decoding.contains(frame)
                && !inner.failed.contains_key(frame)
                && !inner.bitmaps.iter().any(|(f, _)| f == frame)
        })?;
        inner.decoding.insert(wanted);
        let blob = inner.bytes[&wanted].clone();
        Some((wanted, blob))
    }

    fn decode(&self, frame: u32, blob: Blob) {
        let this = self.clone();
        spawn_local(async move {
            let answer = match window().create_image_bitmap_with_blob(&blob) {
                Ok(promise) => JsFuture::from(promise).await,
                Err(error) => Err(error),
            };
            {
                let mut inner = this.0.borrow_mut();
                inner.decoding.remove(&frame);
                match answer {
                    Ok(bitmap) => inner.keep(frame, bitmap.unchecked_into()),
                    Err(_) => {
                        inner.tries.insert(frame, MOST_TRIES);
                        inner.failed.insert(frame, "its picture is damaged".to_owned());
                    }
                }
            }
            this.tell();
            this.pump();
        });
    }

    /// The next run of neighbouring frames to ask for in one request.
    fn next_fetch(&self) -> Option<Vec<u32>> {
        let mut inner = self.0.borrow_mut();
        if inner.index.is_empty() || inner.requests >= MOST_REQUESTS {
            return None;
        }
        let count = inner.index.len() as u32;
        let is_missing = |inner: &Inner, frame: u32| {
            frame < count
                && !inner.bytes.contains_key(&frame)
                && !inner.fetching.contains(&frame)
                && !inner.failed.contains_key(&frame)
        };
        let urgent = inner.plan.decode.iter().copied().find(|&f| is_missing(&inner, f));
        let has_room = inner.bytes_size < MOST_BYTES - (MOST_BYTES / 8);
        let first = match urgent {
            Some(frame) => frame,
            // One request at a time for what may be needed later, so that a jump is never behind a queue.
            None if has_room && inner.requests == 0 => {
                inner.plan.fetch.iter().copied().find(|&f| is_missing(&inner, f))?
            }
            None => return None,
        };
        let is_now = inner.plan.decode.first() == Some(&first) && inner.requests == 0;
        let most = if is_now { 2 } else { BATCH };
        let mut run = vec![first];
        for next in (first + 1..count).take(most - 1) {
            let end = |f: u32| inner.index[f as usize].0 + u64::from(inner.index[f as usize].1);
            let gap = inner.index[next as usize].0.checked_sub(end(next - 1));
            if !is_missing(&inner, next) || gap.is_none_or(|g| g > 65_536) {
                break;
            }
            run.push(next);
        }
        inner.fetching.extend(run.iter().copied());
        inner.requests += 1;
        Some(run)
    }

    fn fetch(&self, run: Vec<u32>) {
        let this = self.clone();
        let (movie, places): (String, Vec<(u64, u32)>) = {
            let inner = self.0.borrow();
            (inner.movie.clone(), run.iter().map(|&f| inner.index[f as usize]).collect())
        };
        spawn_local(async move {
            let start = places[0].0;
            let end = places.last().map_or(start, |p| p.0 + u64::from(p.1));
            let answer = fetch::part(&movie, start, end).await;
            {
                let mut inner = this.0.borrow_mut();
                inner.requests -= 1;
                for frame in &run {
                    inner.fetching.remove(frame);
                }
                match answer {
                    Ok(blob) => inner.cut(&blob, start, &run, &places),
                    Err(why) => {
                        let why = why.to_string();
                        for &frame in &run {
                            *inner.tries.entry(frame).or_default() += 1;
                            inner.failed.insert(frame, why.clone());
                        }
                        let again = this.clone();
                        set_timeout(move || again.retry(), Duration::from_millis(1500));
                    }
                }
            }
            this.tell();
            this.pump();
        });
    }

    /// Forgets failures that may have been the connection's.
    fn retry(&self) {
        {
            let inner = &mut *self.0.borrow_mut();
            inner.failed.retain(|frame, _| inner.tries.get(frame).is_some_and(|&tries| tries >= MOST_TRIES));
        }
        self.pump();
    }
}

impl Inner {
    fn cut(&mut self, blob: &Blob, start: u64, run: &[u32], places: &[(u64, u32)]) {
        for (&frame, &(offset, size)) in run.iter().zip(places) {
            let from = (offset - start) as f64;
            let part =
                blob.slice_with_f64_and_f64_and_content_type(from, from + f64::from(size), "image/jpeg");
            if let Ok(part) = part {
                self.bytes.insert(frame, part);
                self.bytes_size += u64::from(size);
            }
        }
        let now = self.plan.decode.first().copied().unwrap_or(0);
        while self.bytes_size > MOST_BYTES {
            let Some(farthest) = self.bytes.keys().copied().max_by_key(|f| f.abs_diff(now)) else { break };
            self.bytes.remove(&farthest);
            self.bytes_size -= u64::from(self.index[farthest as usize].1);
        }
    }

    fn keep(&mut self, frame: u32, bitmap: ImageBitmap) {
        if self.is_closed {
            bitmap.close();
            return;
        }
        let each = u64::from(bitmap.width()) * u64::from(bitmap.height()) * 4;
        let most = MOST_BITMAPS.min((MOST_BITMAP_BYTES / each.max(1)) as usize).max(12);
        self.bitmaps.push((frame, bitmap));
        let now = self.plan.decode.first().copied();
        while self.bitmaps.len() > most {
            let Some(at) = self.bitmaps.iter().position(|(f, _)| Some(*f) != now) else { break };
            self.bitmaps.remove(at).1.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_frame_comes_first_and_read_ahead_wraps_at_the_loop() {
        let still = Plan::of(5, 0, 0, 9);
        assert_eq!(still.decode, [5, 6, 4, 7, 3]);
        let playing = Plan::of(8, 1, 3, 9);
        assert_eq!(playing.decode[..4], [8, 9, 3, 4]);
        let back = Plan::of(4, -2, 3, 9);
        assert_eq!(back.decode[..3], [4, 9, 7]);
        assert_eq!(Plan::of(0, 0, 0, 0).decode[0], 0);
        assert_eq!(Plan::of(50, 1, 3, 9).decode, [50]);
    }
}
