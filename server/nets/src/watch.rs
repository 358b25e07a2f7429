//! What a network computes on the way, for tests that compare it layer by layer. Costs nothing when nobody watches.

use std::collections::BTreeMap;
use std::fmt;

use tch::Tensor;

#[derive(Default)]
pub struct Watch {
    seen: Option<BTreeMap<String, Tensor>>,
}

impl Watch {
    /// Keeps nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Keeps everything.
    pub fn all() -> Self {
        Self { seen: Some(BTreeMap::new()) }
    }

    pub(crate) fn see(&mut self, name: fmt::Arguments<'_>, tensor: &Tensor) {
        if let Some(seen) = &mut self.seen {
            seen.insert(name.to_string(), tensor.shallow_clone());
        }
    }

    /// What was seen, by name.
    pub fn seen(self) -> BTreeMap<String, Tensor> {
        self.seen.unwrap_or_default()
    }
}
