//! What pages are made of, by what the viewer sees.

pub mod board;
pub mod canvas;
pub mod causes;
pub mod checks;
pub mod compare;
pub mod find;
pub mod layout;
pub mod player;
pub mod range;
pub mod recipe;
pub mod run;
pub mod search;
pub mod share;
pub mod targets;
pub mod threads;
pub mod timeline;
pub mod ui;
pub mod upload;
pub mod versions;
pub mod words;
pub mod work;
