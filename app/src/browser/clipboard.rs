//! Copying text. Browsers give the clipboard only to https and localhost; elsewhere the text is selected instead.

use leptos::prelude::*;
use leptos::web_sys::HtmlInputElement;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Whether the field's text is in the clipboard now; if not, it is selected so that Ctrl+C copies it.
pub async fn copy(field: HtmlInputElement) -> bool {
    field.focus().ok();
    field.select();
    let offered = js_sys::Reflect::get(&window().navigator(), &JsValue::from_str("clipboard"));
    let Some(clipboard) = offered.ok().and_then(|value| value.dyn_into::<leptos::web_sys::Clipboard>().ok())
    else {
        return false;
    };
    JsFuture::from(clipboard.write_text(&field.value())).await.is_ok()
}
