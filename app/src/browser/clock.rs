//! The browser's clock and timers. The server's views have neither.

use std::time::Duration;

use leptos::prelude::*;

use super::HERE;

/// Microseconds UTC; 0 on the server.
pub fn now_micros() -> i64 {
    if HERE { (js_sys::Date::now() * 1000.0) as i64 } else { 0 }
}

/// Milliseconds since the page was opened, for speeds and waits; 0 on the server.
pub fn tick_ms() -> f64 {
    if !HERE {
        return 0.0;
    }
    window().performance().map_or(0.0, |performance| performance.now())
}

/// The time now, renewed twice a minute; `None` on the server and until the page is live.
pub fn minute() -> Signal<Option<i64>> {
    let now = RwSignal::new(None);
    Effect::new(move |_| {
        now.set(Some(now_micros()));
        if let Ok(handle) = set_interval_with_handle(
            move || {
                now.try_set(Some(now_micros()));
            },
            Duration::from_secs(30),
        ) {
            on_cleanup(move || handle.clear());
        }
    });
    now.into()
}

/// Waits; at once over on the server.
pub async fn sleep(ms: u32) {
    if !HERE {
        return;
    }
    let promise = js_sys::Promise::new(&mut |done, _| {
        window()
            .set_timeout_with_callback_and_timeout_and_arguments_0(&done, ms.try_into().unwrap_or(i32::MAX))
            .expect("a timer can always be set");
    });
    wasm_bindgen_futures::JsFuture::from(promise).await.ok();
}

/// Microseconds UTC, while the server makes a page; empty in the browser, which never makes the head of one.
#[cfg(feature = "ssr")]
pub fn made_now() -> String {
    db::now().to_string()
}

#[cfg(not(feature = "ssr"))]
pub fn made_now() -> String {
    String::new()
}
