//! The server through HTTP: on SQLite, on PostgreSQL where `TEST_DATABASE_URL` names one, and on SQLite with blobs in a bucket, that
//! of `TEST_STORAGE_URL` or one in this process.

mod audit;
mod backup;
mod bucket;
mod checks;
mod closed;
mod decisions;
mod deliveries;
mod doctor;
mod draft;
mod engines;
mod find;
mod functions;
mod handed_out;
mod harness;
mod imports;
mod licences;
mod life;
mod links;
mod live;
mod mistakes;
mod names;
mod outside;
mod paper;
mod proposals;
mod react;
mod rights;
mod routes;
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
mod stale;
mod studio;
mod table;
mod threads;
mod uploads;
mod void_marks;
mod watch;
