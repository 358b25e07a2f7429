//! The rules of the rows, each on SQLite and on PostgreSQL.

#[path = "../harness/mod.rs"]
mod harness;

mod decisions;
mod draft;
mod engines;
mod history;
mod people;
mod share;
mod shots;
mod studio;
mod threads;
