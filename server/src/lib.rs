//! The web process: router, sessions, uploads, range requests, events, command line. No FFmpeg, no tensors.
#![recursion_limit = "512"]

pub mod cli;
pub mod config;
pub mod live;
pub mod metrics;
pub mod middleware;
pub mod paper;
pub mod router;
pub mod routes;
pub mod sessions;
pub mod state;
pub mod supervisor;
pub mod telemetry;
mod tls;
pub mod upkeep;
pub mod uploads;
pub mod users;
