//! What pages are made of, by what the viewer sees.

pub mod board;
pub mod layout;
pub mod ui;
pub mod upload;
pub mod words;
