//! What pages are made of, by what the viewer sees.

pub mod ui;
