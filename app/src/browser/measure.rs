//! Sizes of elements as they change.

use leptos::prelude::*;
use leptos::web_sys::{Element, ResizeObserver};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use super::HERE;

/// Calls `seen` with width and height of the element's inside, now and whenever they change, as long as the calling
/// effect lives.
pub fn on_resize(element: &Element, seen: impl Fn(f64, f64) + 'static) {
    if !HERE {
        return;
    }
    let watched = element.clone();
    seen(f64::from(element.client_width()), f64::from(element.client_height()));
    let told = Closure::<dyn Fn()>::new(move || {
        seen(f64::from(watched.client_width()), f64::from(watched.client_height()));
    });
    let Ok(observer) = ResizeObserver::new(told.into_js_value().unchecked_ref()) else { return };
    observer.observe(element);
    let observer = StoredValue::new_local(observer);
    on_cleanup(move || {
        observer.try_with_value(ResizeObserver::disconnect);
    });
}
