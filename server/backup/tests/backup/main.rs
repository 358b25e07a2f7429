//! Back-ups of whole studios, from each engine into each.

mod bench;
mod consistent;
mod every_table;
#[path = "../../../db/tests/harness/mod.rs"]
#[expect(dead_code, reason = "these tests need only a part of it")]
mod harness;
mod refused;
mod round_trip;
#[path = "../../../storage/tests/stores/s3.rs"]
#[expect(dead_code, reason = "these tests need only a part of it")]
mod s3;
mod upgrade;
