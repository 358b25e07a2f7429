//! The rules of the rows, each on SQLite and on PostgreSQL.

#[path = "../harness/mod.rs"]
mod harness;

mod bin;
mod causes;
mod decisions;
mod disk;
mod draft;
mod engines;
mod finding;
mod history;
mod looked;
mod people;
mod proposals;
mod share;
mod shots;
mod studio;
mod threads;
