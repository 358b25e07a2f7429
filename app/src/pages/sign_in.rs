//! Signing in. Leads back to where one was going.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_query_map;

use crate::components::layout::EntryCard;
use crate::components::ui::{Button, ErrorLine, Field, Kind};
use crate::state::session::{error_of, use_session};

#[component]
pub fn SignInPage() -> impl IntoView {
    let session = use_session();
    let query = use_query_map();
    let next =
        move || query.read().get("next").filter(|next| is_ours(next)).unwrap_or_else(|| "/".to_owned());
    let error = error_of(session.sign_in);
    let busy = session.sign_in.pending();
    view! {
        <Title text="Sign in"/>
        <Transition>
            {move || {
                let viewer = session.viewer.get()?.ok()?;
                if !viewer.has_owner {
                    Some(view! { <Redirect path="/setup".to_owned()/> })
                } else {
                    viewer.person.map(|_| view! { <Redirect path=next()/> })
                }
            }}
        </Transition>
        <EntryCard title="Sign in" text="To your studio's Minus One.">
            <ActionForm action=session.sign_in>
                <div class="form">
                    <Field label="E-mail" name="email" kind="email" autocomplete="username" autofocus=true/>
                    <Field label="Password" name="password" kind="password" autocomplete="current-password"/>
                    <ErrorLine error/>
                    <Button kind=Kind::Primary submit=true disabled=busy>"Sign in"</Button>
                </div>
            </ActionForm>
            <p class="faint entry__note">"No account, or the password is lost? A producer or the owner of your studio can send you a link."</p>
        </EntryCard>
    }
}

/// Only addresses of this server: a link must not lead elsewhere after the password was typed.
fn is_ours(next: &str) -> bool {
    next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\n', '\r', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_nowhere_else() {
        assert!(is_ours("/projects/1?q=a"));
        for next in ["https://else.example", "//else.example", "/\\else.example", "javascript:alert(1)", ""] {
            assert!(!is_ours(next), "{next}");
        }
    }
}
