//! The bar over what a link shows: whose link, which of its shots, until when, and what the guest is called.

use leptos::prelude::*;

use crate::api::shared::ShareView;
use crate::components::layout::Crumb;
use crate::components::ui::{Avatar, Until};
use crate::routes::href;
use crate::state::desk::use_desk;
use crate::state::visit::Visit;

#[component]
pub fn ShareBar(share: ShareView, visit: Visit, middle: AnyView) -> impl IntoView {
    let desk = use_desk();
    let ShareView { name, grants, expires_at, is_preview, shots, .. } = share;
    let shot = Signal::derive(move || desk.view.with(|v| v.shot.name.clone()));
    let at = shots.iter().position(|s| s.shot_id == desk.shot_id).unwrap_or(0);
    let count = shots.len();
    let step = move |to: Option<domain::ShotId>, sign: &'static str, label: &'static str| {
        to.map(|id| view! { <a class="share__step" href=href::share(&visit.token(), Some(id)) aria-label=label>{sign}</a> })
    };
    let others = (count > 1).then(|| {
        let (before, after) = desk.view.with_untracked(|v| (v.previous, v.next));
        view! {
            <span class="share__steps">
                {step(before, "‹", "Shot before")}
                <span class="chip">{format!("{} of {count}", at + 1)}</span>
                {step(after, "›", "Shot after")}
            </span>
        }
    });
    let downloads = if grants.download { "downloads on" } else { "downloads off" };
    view! {
        <header class="top-bar share__bar">
            <div class="top-bar__start">
                <span class="logo" role="img" aria-label="Minus One">"minus"<span class="logo__dash">"–"</span>"one"</span>
                <nav class="top-bar__crumbs" aria-label="Where you are">
                    <span class="crumb"><span class="crumb__slash" aria-hidden="true">"/"</span><span class="crumb__word">{name}</span></span>
                    <Crumb word=shot/>
                    {others}
                </nav>
            </div>
            <div class="top-bar__middle">{middle}</div>
            <div class="top-bar__end share__end">
                {is_preview.then(|| view! {
                    <span class="chip share__preview" role="status" title="What the client sees. Nothing is sent, and looking is not counted.">"Preview"</span>
                })}
                <span class="share__until">
                    {match expires_at {
                        Some(at) => view! { "Link expires " <Until at/> }.into_any(),
                        None => "Link without end".into_any(),
                    }}
                    {format!(" · {downloads}")}
                </span>
                {move || visit.guest.get().map(|name| view! { <Avatar name/> })}
            </div>
        </header>
    }
    .into_any()
}
