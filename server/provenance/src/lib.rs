//! What a decision is about and how decisions hold together: canonical JSON, subject hashes, the decision chain, a shot's
//! history.
//! No rows and no files here.

mod canonical;
mod chain;
pub mod history;
mod subject;

pub use canonical::{canonical_json, hash_of, respelled};
pub use chain::{BrokenChain, FIRST_PREV, Link, faults, verify};
pub use history::History;
pub use subject::QuadmaskSubject;
