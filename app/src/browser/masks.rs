//! Pictures of quadmask levels by address, decoded and kept while memory allows. Addresses carry a revision, so what is
//! kept never grows old.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use domain::Levels;
use leptos::task::spawn_local;

use super::fetch::{self, Missing};

/// Decoded levels that are kept: one byte a pixel.
const MOST_BYTES: usize = 192 << 20;
const MOST_REQUESTS: usize = 3;

/// What is known about the levels at an address.
#[derive(Clone)]
pub enum Mask {
    Levels(Rc<Levels>),
    /// There is no picture: background only.
    Blank,
    Damaged(String),
}

/// A handle; clones share the pictures.
#[derive(Clone)]
pub struct Masks(Rc<RefCell<Inner>>);

struct Inner {
    /// Oldest use first.
    known: Vec<(String, Mask)>,
    fetching: HashSet<String>,
    queue: Vec<String>,
    changed: Rc<dyn Fn()>,
}

impl Masks {
    pub fn new(changed: Rc<dyn Fn()>) -> Self {
        Self(Rc::new(RefCell::new(Inner {
            known: Vec::new(),
            fetching: HashSet::new(),
            queue: Vec::new(),
            changed,
        })))
    }

    pub fn get(&self, url: &str) -> Option<Mask> {
        let mut inner = self.0.borrow_mut();
        let at = inner.known.iter().position(|(u, _)| u == url)?;
        let used = inner.known.remove(at);
        let mask = used.1.clone();
        inner.known.push(used);
        Some(mask)
    }

    /// Fetches `urls` in this order and forgets what was asked for before and has not begun.
    pub fn follow(&self, urls: Vec<String>) {
        self.0.borrow_mut().queue = urls;
        self.pump();
    }

    fn pump(&self) {
        while let Some(url) = self.next() {
            let this = self.clone();
            spawn_local(async move {
                let answer = fetch::bytes(&url).await;
                let mask = match answer {
                    Ok(bytes) => match Levels::from_png(&bytes) {
                        Ok(levels) => Some(Mask::Levels(Rc::new(levels))),
                        Err(error) => Some(Mask::Damaged(error.to_string())),
                    },
                    Err(Missing::NotThere) => Some(Mask::Blank),
                    Err(Missing::Because(_)) => None, // asked for again with the next wish
                };
                {
                    let mut inner = this.0.borrow_mut();
                    inner.fetching.remove(&url);
                    if let Some(mask) = mask {
                        inner.keep(url, mask);
                    }
                }
                let changed = this.0.borrow().changed.clone();
                changed();
                this.pump();
            });
        }
    }

    fn next(&self) -> Option<String> {
        let mut inner = self.0.borrow_mut();
        if inner.fetching.len() >= MOST_REQUESTS {
            return None;
        }
        loop {
            if inner.queue.is_empty() {
                return None;
            }
            let url = inner.queue.remove(0);
            if inner.fetching.contains(&url) || inner.known.iter().any(|(u, _)| *u == url) {
                continue;
            }
            inner.fetching.insert(url.clone());
            return Some(url);
        }
    }
}

impl Inner {
    fn keep(&mut self, url: String, mask: Mask) {
        self.known.push((url, mask));
        let size = |mask: &Mask| match mask {
            Mask::Levels(levels) => levels.codes().len(),
            Mask::Blank | Mask::Damaged(_) => 64,
        };
        let mut total: usize = self.known.iter().map(|(_, m)| size(m)).sum();
        while total > MOST_BYTES && self.known.len() > 2 {
            total -= size(&self.known.remove(0).1);
        }
    }
}
