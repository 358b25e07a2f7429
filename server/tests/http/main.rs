//! The server through HTTP, on SQLite and, where `TEST_DATABASE_URL` names one, on PostgreSQL.

mod audit;
mod decisions;
mod deliveries;
mod functions;
mod harness;
mod paper;
mod proposals;
mod rights;
#[path = "../../db/tests/harness/mod.rs"]
#[expect(dead_code, reason = "these tests need only a part of it")]
mod rows;
mod share;
mod share_rights;
mod sign_in;
mod studio;
mod threads;
mod uploads;
mod watch;
