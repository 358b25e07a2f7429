//! The client's entry: readable panics and hydration of the page that the server sent. Everything visible is in `app`.
#![recursion_limit = "512"]

use wasm_bindgen::prelude::wasm_bindgen;

/// Called once by the page's script when the client has loaded.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
    // Browser tests wait for this before they type.
    if let Some(page) = leptos::prelude::document().document_element() {
        page.set_attribute("data-hydrated", "").expect("the name of the attribute is valid");
    }
}
