//! The server through HTTP, on SQLite and, where `TEST_DATABASE_URL` names one, on PostgreSQL.

mod functions;
mod harness;
mod rights;
mod sign_in;
mod uploads;
