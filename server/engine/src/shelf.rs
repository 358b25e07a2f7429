//! Networks that stay loaded between jobs, within a budget of memory: a slot for each, and what was used longest ago goes
//! first. What a network is and how one is opened is not known here; whoever keeps something that took long to load or to
//! compute can use it.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The networks of a process. Cheap to clone; the default keeps nothing.
#[derive(Clone, Default)]
pub struct Shelf {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Told whenever something comes back.
    back: Condvar,
}

#[derive(Default)]
struct State {
    budget: u64,
    slots: BTreeMap<&'static str, Slot>,
    /// Counts what came back.
    clock: u64,
}

enum Slot {
    /// Somebody works with it: so many bytes.
    Lent(u64),
    Kept(Kept),
}

struct Kept {
    /// Whatever must be the same for it to be used again.
    key: String,
    bytes: u64,
    used: u64,
    what: Box<dyn Any + Send>,
}

/// Something of the shelf that is worked with. It goes back when this is dropped, unless a panic drops it.
pub struct Lent<T: Any + Send> {
    shelf: Shelf,
    slot: &'static str,
    key: String,
    bytes: u64,
    is_fresh: bool,
    /// `None` while it is being opened.
    what: Option<Box<T>>,
}

impl Shelf {
    /// `budget`: bytes that are kept between jobs at most.
    pub fn new(budget: u64) -> Self {
        let shelf = Self::default();
        shelf.state().budget = budget;
        shelf
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What lies in a slot under this key, or what `open` gives, with its bytes. Waits while somebody else works with the slot;
    /// what lay there under another key is gone before anything is opened.
    ///
    /// # Errors
    /// What `open` ends with.
    pub fn lend<T: Any + Send, E>(
        &self,
        slot: &'static str,
        key: &str,
        open: impl FnOnce() -> Result<(T, u64), E>,
    ) -> Result<Lent<T>, E> {
        let before = {
            let is_lent = |state: &mut State| matches!(state.slots.get(slot), Some(Slot::Lent(_)));
            let free = self.shared.back.wait_while(self.state(), is_lent);
            free.unwrap_or_else(PoisonError::into_inner).slots.insert(slot, Slot::Lent(0))
        };
        let mut lent =
            Lent { shelf: self.clone(), slot, key: key.to_owned(), bytes: 0, is_fresh: false, what: None };
        if let Some(Slot::Kept(kept)) = before
            && kept.key == key
        {
            (lent.bytes, lent.what) = (kept.bytes, kept.what.downcast().ok());
        }
        if lent.what.is_none() {
            let (what, bytes) = open()?;
            (lent.bytes, lent.is_fresh, lent.what) = (bytes, true, Some(Box::new(what)));
        }
        self.state().slots.insert(slot, Slot::Lent(lent.bytes));
        Ok(lent)
    }

    /// Bytes of all that is here, lent or not.
    pub fn held_bytes(&self) -> u64 {
        self.state().slots.values().map(Slot::bytes).sum()
    }

    /// Bytes of what somebody works with.
    pub fn lent_bytes(&self) -> u64 {
        self.state().lent(&[])
    }

    /// Gives up what nobody works with until `needed` bytes fit into `room`, what was used longest ago first. `room`: what the
    /// device would have without anything that is held here; `spared`: slots that are part of what is needed.
    pub fn make_room(&self, room: u64, needed: u64, spared: &[&str]) {
        let gone = {
            let mut state = self.state();
            let most = room.saturating_sub(needed).saturating_sub(state.lent(spared));
            state.shrink(most, spared)
        };
        drop(gone); // not while others wait for the lock
    }

    /// Gives up all that nobody works with.
    pub fn clear(&self) {
        self.make_room(0, 0, &[]);
    }

    /// The slots in which something waits.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> Vec<&'static str> {
        let state = self.state();
        let waiting = state.slots.iter().filter(|(_, slot)| matches!(slot, Slot::Kept(_)));
        waiting.map(|(name, _)| *name).collect()
    }

    fn give_back(&self, slot: &'static str, kept: Option<Kept>) {
        let mut gone = Vec::new();
        {
            let mut state = self.state();
            state.slots.remove(slot);
            match kept {
                // What is larger than all that may be kept pushes nothing else out.
                Some(kept) if kept.bytes > state.budget => gone.push(Slot::Kept(kept)),
                Some(kept) => {
                    state.clock += 1;
                    let used = state.clock;
                    state.slots.insert(slot, Slot::Kept(Kept { used, ..kept }));
                    let budget = state.budget;
                    gone.extend(state.shrink(budget, &[]));
                }
                None => {}
            }
        }
        drop(gone);
        self.shared.back.notify_all();
    }
}

impl Slot {
    fn bytes(&self) -> u64 {
        match self {
            Self::Lent(bytes) | Self::Kept(Kept { bytes, .. }) => *bytes,
        }
    }
}

impl State {
    fn lent(&self, spared: &[&str]) -> u64 {
        let lent =
            self.slots.iter().filter(|(name, slot)| matches!(slot, Slot::Lent(_)) && !spared.contains(*name));
        lent.map(|(_, slot)| slot.bytes()).sum()
    }

    /// Takes out what was used longest ago until what waits, but for `spared`, has at most `most` bytes.
    fn shrink(&mut self, most: u64, spared: &[&str]) -> Vec<Slot> {
        let mut gone = Vec::new();
        loop {
            let waiting = || {
                self.slots.iter().filter_map(|(name, slot)| match slot {
                    Slot::Kept(kept) if !spared.contains(name) => Some((*name, kept)),
                    _ => None,
                })
            };
            let total: u64 = waiting().map(|(_, kept)| kept.bytes).sum();
            let oldest = waiting().min_by_key(|(_, kept)| kept.used).map(|(name, _)| name);
            let Some(oldest) = oldest.filter(|_| total > most) else { return gone };
            gone.extend(self.slots.remove(oldest));
        }
    }
}

impl<T: Any + Send> Lent<T> {
    /// Whether it had to be opened.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }
}

impl<T: Any + Send> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.what.as_ref().expect("it is there once it was lent")
    }
}

impl<T: Any + Send> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.what.as_mut().expect("it is there once it was lent")
    }
}

impl<T: Any + Send> Drop for Lent<T> {
    fn drop(&mut self) {
        // What broke off in the middle of something is not kept.
        let what = self.what.take().filter(|_| !std::thread::panicking());
        let key = std::mem::take(&mut self.key);
        let kept = what.map(|what| Kept { key, bytes: self.bytes, used: 0, what });
        self.shelf.give_back(self.slot, kept);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Something of so many bytes; whether it had to be opened.
    fn used(shelf: &Shelf, slot: &'static str, key: &str, bytes: u64) -> bool {
        let lent = shelf.lend(slot, key, || Ok::<_, ()>((key.to_owned(), bytes))).unwrap();
        assert_eq!(*lent, key);
        lent.is_fresh()
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let shelf = Shelf::new(10);
        assert!(used(&shelf, "a", "1", 4) && used(&shelf, "b", "1", 4));
        assert!(!used(&shelf, "a", "1", 4) && !used(&shelf, "b", "1", 4) && !used(&shelf, "a", "1", 4));
        assert!(used(&shelf, "c", "1", 4));
        assert_eq!(shelf.waiting(), ["a", "c"]);
        // Larger than all that may be kept: it goes, and the others stay.
        assert!(used(&shelf, "d", "1", 11) && used(&shelf, "d", "1", 11));
        assert_eq!((shelf.waiting(), shelf.held_bytes()), (vec!["a", "c"], 8));
    }

    #[test]
    fn another_key_takes_the_place_of_what_lay_there() {
        let shelf = Shelf::new(10);
        assert!(used(&shelf, "a", "before", 3) && used(&shelf, "a", "after", 5));
        assert_eq!(shelf.held_bytes(), 5);
        assert!(!used(&shelf, "a", "after", 5) && used(&shelf, "a", "before", 3));
        // Of another type under the same key: opened as well.
        let number = shelf.lend("a", "before", || Ok::<_, ()>((7_u32, 1))).unwrap();
        assert!(number.is_fresh() && *number == 7);
    }

    #[test]
    fn without_a_budget_nothing_is_kept() {
        let shelf = Shelf::default();
        assert!(used(&shelf, "a", "1", 1) && used(&shelf, "a", "1", 1));
        assert_eq!(shelf.held_bytes(), 0);
    }

    #[test]
    fn a_job_gets_the_room_that_it_needs() {
        let shelf = Shelf::new(100);
        for slot in ["a", "b", "c"] {
            used(&shelf, slot, "1", 10);
        }
        shelf.make_room(60, 30, &[]);
        assert_eq!(shelf.waiting(), ["a", "b", "c"], "30 and 30 fit into 60");
        shelf.make_room(60, 45, &["a"]);
        assert_eq!(shelf.waiting(), ["a", "c"], "a is part of the 45; b was used longest ago");
        let other = shelf.lend("c", "1", || Err::<(String, u64), ()>(())).unwrap();
        assert_eq!((shelf.lent_bytes(), shelf.held_bytes()), (10, 20));
        shelf.make_room(60, 45, &[]);
        assert_eq!(shelf.waiting(), Vec::<&str>::new(), "what somebody works with stays and counts");
        drop(other);
        assert_eq!(shelf.waiting(), ["c"]);
        shelf.clear();
        assert_eq!(shelf.held_bytes(), 0);
    }

    #[test]
    fn what_fails_or_panics_leaves_its_slot_free() {
        let shelf = Shelf::new(10);
        assert!(shelf.lend("a", "1", || Err::<(u8, u64), _>("no")).is_err());
        let broken = catch_unwind(AssertUnwindSafe(|| {
            let _lent = shelf.lend("a", "1", || Ok::<_, ()>((1_u8, 1))).unwrap();
            panic!("in the middle");
        }));
        assert!(broken.is_err());
        assert!(used(&shelf, "a", "1", 1), "it was not kept");
    }

    #[test]
    fn one_at_a_time_works_with_a_slot() {
        let (shelf, opened) = (Shelf::new(10), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let open = || Ok::<_, ()>((opened.fetch_add(1, Ordering::SeqCst), 1));
                    let mut lent = shelf.lend("a", "1", open).unwrap();
                    *lent += 1;
                });
            }
        });
        assert_eq!(opened.load(Ordering::SeqCst), 1);
        assert_eq!(*shelf.lend("a", "1", || Err::<(u32, u64), ()>(())).unwrap(), 8);
    }
}
