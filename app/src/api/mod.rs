//! Server functions by noun: who is asking, what they may touch, one call. Rules live in `domain`, SQL in `db`.

pub mod audit;
pub mod causes;
pub mod checks;
pub mod deliveries;
pub mod disk;
pub mod draft;
pub mod engines;
pub mod finding;
pub mod guests;
pub mod jobs;
pub mod life;
pub mod models;
pub mod outside;
pub mod people;
pub mod projects;
pub mod proposals;
pub mod quadmasks;
pub mod search;
pub mod session;
pub mod shared;
pub mod shares;
pub mod shots;
pub mod threads;
pub mod versions;
pub mod work;
