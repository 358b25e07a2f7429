//! The one card of pages without an account: set-up, sign-in, invitation.

use leptos::prelude::*;

#[component]
pub fn EntryCard(
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    children: Children,
) -> impl IntoView {
    view! {
        <main class="entry">
            <div class="entry__logo" aria-label="Minus One">"minus"<span class="logo__dash">"–"</span>"one"</div>
            <section class="entry__card">
                <h1>{title}</h1>
                <p class="muted">{text}</p>
                {children()}
            </section>
        </main>
    }
}
