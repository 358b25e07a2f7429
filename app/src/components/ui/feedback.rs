//! What the page says back: an error beside a form, a short message, an empty, loading or failed screen.

use std::time::Duration;

use leptos::prelude::*;

use super::{Button, Glyph, Icon, IconButton};
use crate::error::ApiError;

/// One sentence under a form; nothing while there is no error.
#[component]
pub fn ErrorLine(#[prop(into)] error: Signal<Option<String>>) -> impl IntoView {
    view! { <div role="alert">{move || error.get().map(|text| view! { <p class="error-line">{text}</p> })}</div> }
}

/// A screen with nothing on it yet: says what belongs here and how to begin.
#[component]
pub fn Empty(
    icon: Glyph,
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    /// Buttons.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <section class="empty">
            <div class="empty__icon"><Icon glyph=icon/></div>
            <h2 class="empty__title">{title}</h2>
            <p class="empty__text">{text}</p>
            {children.map(|children| view! { <div class="empty__actions">{children()}</div> })}
        </section>
    }
}

/// A screen that could not be read.
#[component]
pub fn Failure(error: ApiError, #[prop(into, optional)] retry: Option<Callback<()>>) -> impl IntoView {
    let title = match error {
        ApiError::NotFound => "Not here",
        ApiError::Forbidden => "Not allowed",
        ApiError::SignedOut => "Signed out",
        ApiError::Network(_) => "No answer",
        _ => "That did not work",
    };
    view! {
        <section class="empty" role="alert">
            <div class="empty__icon"><Icon glyph=Glyph::Warning/></div>
            <h2 class="empty__title">{title}</h2>
            <p class="empty__text">{error.to_string()}</p>
            <div class="empty__actions">
                {retry.map(|retry| view! { <Button on:click=move |_| retry.run(())>"Try again"</Button> })}
                <a class="button" data-kind="plain" href="/">"All projects"</a>
            </div>
        </section>
    }
}

/// Says “Loading” only when it takes long enough to notice.
#[component]
pub fn Loading() -> impl IntoView {
    view! { <div class="loading" role="status"><span class="loading__text">"Loading…"</span></div> }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Toast {
    number: u32,
    text: String,
    failed: bool,
}

/// Short messages at the bottom of the page. Good news goes by itself, failures stay until closed.
#[derive(Clone, Copy)]
pub struct Toasts {
    list: RwSignal<Vec<Toast>>,
    next: StoredValue<u32>,
}

impl Toasts {
    pub fn say(self, text: impl Into<String>) {
        let number = self.push(text.into(), false);
        set_timeout(move || self.close(number), Duration::from_secs(5));
    }

    pub fn fail(self, error: impl ToString) {
        self.push(error.to_string(), true);
    }

    fn push(self, text: String, failed: bool) -> u32 {
        let number = self.next.get_value();
        self.next.set_value(number + 1);
        self.list.update(|list| {
            list.retain(|toast| toast.text != text);
            list.push(Toast { number, text, failed });
            let over = list.len().saturating_sub(4);
            list.drain(..over);
        });
        number
    }

    fn close(self, number: u32) {
        self.list.try_update(|list| list.retain(|toast| toast.number != number));
    }
}

pub fn provide_toasts() {
    provide_context(Toasts { list: RwSignal::new(Vec::new()), next: StoredValue::new(0) });
}

/// Only below `App`.
pub fn use_toasts() -> Toasts {
    expect_context()
}

#[component]
pub fn ToastList() -> impl IntoView {
    let toasts = use_toasts();
    view! {
        <div class="toasts" role="status">
            <For each=move || toasts.list.get() key=|toast| toast.number let:toast>
                <div class="toast" data-tone=if toast.failed { "failed" } else { "approved" }>
                    <span class="toast__icon" aria-hidden="true">{if toast.failed { "✕" } else { "✓" }}</span>
                    <span>{toast.text}</span>
                    <IconButton icon=Glyph::Close label="Close message" small=true on:click=move |_| toasts.close(toast.number)/>
                </div>
            </For>
        </div>
    }
}
