//! The server through HTTP, on SQLite and, where `TEST_DATABASE_URL` names one, on PostgreSQL.

mod audit;
mod backup;
mod bucket;
mod closed;
mod decisions;
mod deliveries;
mod doctor;
mod draft;
mod engines;
mod functions;
mod harness;
mod imports;
mod life;
mod live;
mod mistakes;
mod paper;
mod proposals;
mod react;
mod rights;
#[path = "../../db/tests/harness/mod.rs"]
#[expect(dead_code, reason = "these tests need only a part of it")]
mod rows;
#[path = "../../storage/tests/stores/s3.rs"]
#[expect(dead_code, reason = "these tests need only a part of it")]
mod s3;
mod settings;
mod share;
mod share_rights;
mod sign_in;
mod studio;
mod threads;
mod uploads;
mod watch;
