//! What a decision is about and how decisions hold together: canonical JSON, subject hashes, the decision chain.
//! No rows and no files here.

mod canonical;
mod chain;
mod subject;

pub use canonical::{canonical_json, hash_of};
pub use chain::{BrokenChain, FIRST_PREV, Link, verify};
pub use subject::QuadmaskSubject;
