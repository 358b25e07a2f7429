//! The theme of the page. `public/theme.js` applies the stored one before the first picture.

use leptos::prelude::*;

use super::{HERE, store};

const STORED: &str = "minus-one:theme";

/// Name in `data-theme` and what people read. The first one is the default.
pub const THEMES: [(&str, &str); 3] = [("dark", "Dark"), ("light", "Light"), ("contrast", "High contrast")];

/// The theme in use.
pub fn current() -> String {
    store::get(STORED).unwrap_or_else(|| THEMES[0].0.to_owned())
}

pub fn choose(theme: &str) {
    store::set(STORED, theme);
    if !HERE {
        return;
    }
    if let Some(page) = document().document_element() {
        page.set_attribute("data-theme", theme).expect("the name of the attribute is valid");
    }
}
