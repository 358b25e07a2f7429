//! A person as a round badge.

use leptos::prelude::*;

/// One of eight colours, always the same for the same name.
pub fn tint_of(name: &str) -> u32 {
    name.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 8
}

/// Up to two letters of the name; the whole name on hover.
#[component]
pub fn Avatar(#[prop(into)] name: String) -> impl IntoView {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().next());
    let letters: String =
        words.next().into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect();
    view! {
        <span class="avatar" data-person=tint_of(&name).to_string() title=name.clone() role="img" aria-label=name.clone()>
            {letters}
        </span>
    }
}
