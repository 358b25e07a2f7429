//! The rules of the rows, each on SQLite and on PostgreSQL.

#[path = "../harness/mod.rs"]
mod harness;

mod decisions;
mod draft;
mod history;
mod people;
mod proposals;
mod share;
mod shots;
mod studio;
mod threads;
