//! Reading resources without drawing again while what was read stays equal.

use leptos::prelude::*;

/// What `read` makes of resources; it gets what it made last, if that is known.
///
/// In the browser it is a memo. On the server it is read anew at every place: a resource tells a waiting page that it is
/// over before it tells its memos, so that on another thread the page could be drawn from what the memo said while nothing
/// was known, and be sent without its words.
pub fn settled<T>(read: impl Fn(Option<&T>) -> T + Send + Sync + 'static) -> Signal<T>
where
    T: PartialEq + Send + Sync + 'static,
{
    if cfg!(feature = "ssr") { Signal::derive(move || read(None)) } else { Memo::new(read).into() }
}
