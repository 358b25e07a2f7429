//! Who works on a shot and until when: the mark on cards and in the header, the dialog that changes it.

mod button;
mod mark;
mod menus;

pub use button::WorkButton;
pub use mark::{DueMark, WorkMark};
pub use menus::WorkFilter;
