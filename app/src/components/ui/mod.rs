//! The parts every page is made of: buttons, fields, dialogs, statuses, messages, keys. Nothing here knows a shot.

mod button;
mod copy;
mod dialog;
mod feedback;
mod field;
mod icon;
mod keys;
mod menu;
mod person;
mod renaming;
mod status;
mod tabs;
mod time;

pub use button::{Button, IconButton, Kind};
pub use copy::CopyField;
pub use dialog::Dialog;
pub use feedback::{Empty, ErrorLine, Failure, Loading, ToastList, Toasts, provide_toasts, use_toasts};
pub use field::{Check, Field, Select, TextArea};
pub use icon::{Glyph, Icon};
pub use keys::{KeyMap, KeySheet, provide_key_map, use_key_map};
pub use menu::Menu;
pub use person::{Avatar, tint_of};
pub use renaming::Renaming;
pub use status::{ProgressBar, StatusChip};
pub use tabs::{Tab, Tabs};
pub use time::{Ago, Until, date};
