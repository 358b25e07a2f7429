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

/// Words for the head of a page, which the server writes last: by then a drawing that was begun anew on another thread may have
/// taken along what they are read from, so that there they are read at once.
pub fn said_now(
    read: impl Fn() -> String + Send + Sync + 'static,
) -> impl Fn() -> String + Send + Sync + 'static {
    let now = cfg!(feature = "ssr").then(|| untrack(&read));
    move || now.clone().unwrap_or_else(&read)
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_head_outlive_what_they_were_read_from() {
        let page = Owner::new();
        let words = page.with(|| {
            let name = RwSignal::new("pillow".to_owned());
            said_now(move || name.get())
        });
        page.cleanup();
        drop(page);
        assert_eq!(words(), "pillow");
    }
}
