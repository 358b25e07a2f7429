//! What a link opens for people without an account: its versions with the plate, what is said about them, and a decision on
//! record. Links that do not open say why and nothing else.

mod closed;
mod look;

use domain::ShotId;
use leptos::prelude::*;
use leptos_meta::{Meta, Title};
use leptos_router::hooks::use_params_map;

use self::closed::{Closed, Locked};
use self::look::Look;
use crate::api::guests::{UnlockShare, get_share};
use crate::components::ui::Loading;
use crate::error::ApiError;

#[component]
pub fn SharePage() -> impl IntoView {
    let params = use_params_map();
    let token = Memo::new(move |_| params.with(|p| p.get("token").unwrap_or_default()));
    // `Some(None)`: the address names a shot that cannot be.
    let shot = Memo::new(move |_| params.with(|p| p.get("shot").map(|id| id.parse::<ShotId>().ok())));
    let unlock = ServerAction::<UnlockShare>::new();
    let share = Resource::new(
        move || (token.get(), shot.get(), unlock.version().get()),
        |(token, shot, _)| async move {
            match shot {
                None => get_share(token, None).await,
                Some(Some(id)) => get_share(token, Some(id)).await,
                Some(None) => Err(ApiError::NotFound),
            }
        },
    );
    view! {
        <Meta name="robots" content="noindex, nofollow"/>
        <Transition fallback=|| view! { <main class="page"><Loading/></main> }>
            {move || Suspend::new(async move {
                let share = share.await;
                let token = token.get_untracked();
                match share {
                    Ok(share) => view! { <Look token share/> }.into_any(),
                    Err(ApiError::PasswordNeeded) => view! { <Title text="Password"/> <Locked token unlock/> }.into_any(),
                    Err(error) => view! { <Title text="Link"/> <Closed error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}
