//! Exact frames for who looks closely: fetched one at a time once the playhead rests, a few kept. The stage decides when.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::ImageBitmap;
use wasm_bindgen_futures::JsFuture;

use super::fetch;
use crate::state::looking::Exactness;

/// Pictures that are kept: at 8K one takes 140 MB.
const MOST: usize = 3;
/// The playhead has to rest this long.
const REST: Duration = Duration::from_millis(180);
const AGAIN: Duration = Duration::from_millis(3000);

/// A handle on the exact frames of a stage; clones share them.
#[derive(Clone)]
pub struct Exact(Rc<RefCell<Inner>>);

struct Inner {
    wanted: Vec<String>,
    /// Oldest first.
    pictures: Vec<(String, ImageBitmap)>,
    fetching: Option<String>,
    /// Why an address gave no picture.
    failed: Vec<(String, String)>,
    /// Raised by every new wish.
    wish: u64,
    changed: Rc<dyn Fn()>,
    is_closed: bool,
}

impl Exact {
    pub fn new(changed: Rc<dyn Fn()>) -> Self {
        Self(Rc::new(RefCell::new(Inner {
            wanted: Vec::new(),
            pictures: Vec::new(),
            fetching: None,
            failed: Vec::new(),
            wish: 0,
            changed,
            is_closed: false,
        })))
    }

    pub fn picture(&self, url: &str) -> Option<ImageBitmap> {
        self.0.borrow().pictures.iter().find(|p| p.0 == url).map(|p| p.1.clone())
    }

    /// The addresses that are looked at from now on; none while nobody looks closely.
    pub fn want(&self, urls: Vec<String>) {
        let wish = {
            let mut inner = self.0.borrow_mut();
            if inner.wanted == urls {
                return;
            }
            inner.wanted = urls;
            inner.failed.clear();
            inner.wish += 1;
            inner.wish
        };
        let this = self.clone();
        set_timeout(
            move || {
                if this.0.borrow().wish == wish {
                    this.pump();
                }
            },
            REST,
        );
    }

    pub fn exactness(&self) -> Exactness {
        let inner = self.0.borrow();
        if inner.wanted.is_empty() {
            return Exactness::NotAsked;
        }
        let is_here = |url: &String| inner.pictures.iter().any(|p| p.0 == *url);
        if inner.wanted.iter().all(is_here) {
            return Exactness::Exact;
        }
        let why = inner.failed.iter().find(|(url, _)| inner.wanted.contains(url));
        why.map_or(Exactness::Coming, |(_, why)| Exactness::Proxy(why.clone()))
    }

    pub fn close(&self) {
        let mut inner = self.0.borrow_mut();
        inner.is_closed = true;
        inner.wanted.clear();
        for (_, picture) in inner.pictures.drain(..) {
            picture.close();
        }
    }

    fn pump(&self) {
        let url = {
            let mut inner = self.0.borrow_mut();
            if inner.is_closed || inner.fetching.is_some() {
                return;
            }
            let is_open = |url: &&String| {
                !inner.pictures.iter().any(|p| p.0 == **url) && !inner.failed.iter().any(|f| f.0 == **url)
            };
            let Some(url) = inner.wanted.iter().find(is_open).cloned() else { return };
            inner.fetching = Some(url.clone());
            url
        };
        let this = self.clone();
        spawn_local(async move {
            let answer = match fetch::picture(&url).await {
                Ok(blob) => match window().create_image_bitmap_with_blob(&blob) {
                    Ok(promise) => JsFuture::from(promise)
                        .await
                        .map(|bitmap| bitmap.unchecked_into::<ImageBitmap>())
                        .map_err(|_| "the exact frame cannot be read".to_owned()),
                    Err(_) => Err("this browser cannot read pictures".to_owned()),
                },
                Err(why) => Err(why),
            };
            this.arrived(url, answer);
        });
    }

    fn arrived(&self, url: String, answer: Result<ImageBitmap, String>) {
        let changed = {
            let inner = &mut *self.0.borrow_mut();
            inner.fetching = None;
            match answer {
                Ok(picture) if inner.is_closed => picture.close(),
                Ok(picture) => {
                    inner.pictures.push((url, picture));
                    while inner.pictures.len() > MOST {
                        let over = inner.pictures.iter().position(|p| !inner.wanted.contains(&p.0));
                        let Some(over) = over else { break };
                        inner.pictures.remove(over).1.close();
                    }
                }
                Err(why) => {
                    inner.failed.push((url.clone(), why));
                    let this = self.clone();
                    // Asked again while it is looked at: a worker may be started, or be done with something.
                    set_timeout(
                        move || {
                            this.0.borrow_mut().failed.retain(|f| f.0 != url);
                            this.pump();
                        },
                        AGAIN,
                    );
                }
            }
            inner.changed.clone()
        };
        changed();
        self.pump();
    }
}
