//! Marking on the picture: tools, gestures and the lines over it.

mod gestures;
mod palette;
mod tool_bar;
mod tool_icon;
mod vectors;

pub use gestures::Gestures;
pub use palette::Palette;
pub use tool_bar::ToolBar;
pub use tool_icon::{Mark, ToolIcon};
pub use vectors::Vectors;
