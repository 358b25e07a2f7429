//! Links for people without an account: the dialog that makes and lists them, and what the page behind a link has of its own.

mod address;
mod bar;
mod change;
mod dialog;
mod form;
mod hints;
mod links;
mod name;

pub use bar::ShareBar;
pub use dialog::ShareButton;
pub use hints::Hints;
pub use name::GuestName;
