//! The frame around pages: top bar, side navigation, bottom strip, and the small card of sign-in pages.

mod entry;
mod nav;
mod strip;
mod top_bar;

pub use entry::EntryCard;
pub use nav::{NavLink, SideNav};
pub use strip::Strip;
pub use top_bar::{Crumb, Logo, TopBar};
