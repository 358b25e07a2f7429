//! The board of a project: filter, cards, and the window of cards that is in the page.

mod card;
mod chips;
mod choosing;
mod filter;
mod grid;
mod search;
mod shelf;
mod window;

pub use chips::FilterBar;
pub use choosing::{ChooseButton, Choosing, ChosenBar};
pub use filter::{filter_of, tab_of};
pub use grid::BoardGrid;
pub use search::SearchField;
