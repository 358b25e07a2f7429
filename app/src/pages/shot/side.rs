//! The panel beside the picture: the work of the step, and what was said about the shot, one at a time.

use leptos::prelude::*;

use super::{quadmask, removal, review, targets};
use crate::components::threads::ThreadsPanel;
use crate::components::ui::{Tab as Choice, Tabs};
use crate::state::desk::{Tab, use_desk};
use crate::state::talk::{COMMENTS, STEP};

#[component]
pub fn SidePanel() -> impl IntoView {
    let desk = use_desk();
    let side = desk.talk.side;
    let tab = desk.tab;
    let viewer = desk.view.with_untracked(|v| v.viewer);
    let news = Signal::derive(move || u32::try_from(desk.talk.unread(viewer)).ok().filter(|n| *n > 0));
    let tabs = move || {
        let comments = Choice { key: COMMENTS, word: "Comments", count: news };
        // A review is first of all a conversation.
        let all = match tab.get() {
            Tab::Review => vec![comments, Choice::new(STEP, "Result")],
            step => vec![Choice::new(STEP, step.word()), comments],
        };
        view! { <Tabs label="Panel" tabs=all chosen=side/> }
    };
    let is_review = move || tab.get() == Tab::Review;
    view! {
        <Show when=is_review><review::ReviewHead/></Show>
        {tabs}
        <div class="shot__side" role="tabpanel" id="panel-step" aria-labelledby="tab-step" hidden=move || side.get() != STEP>
            {move || match tab.get() {
                Tab::Targets => view! { <targets::TargetsPanel/> }.into_any(),
                Tab::Quadmask => view! { <quadmask::QuadmaskPanel/> }.into_any(),
                Tab::Removal => view! { <removal::RemovalPanel/> }.into_any(),
                Tab::Review => view! { <review::ReviewPanel/> }.into_any(),
            }}
        </div>
        <div
            class="shot__side" role="tabpanel" id="panel-comments" aria-labelledby="tab-comments"
            hidden=move || side.get() != COMMENTS
        >
            <ThreadsPanel/>
        </div>
        <Show when=is_review><review::ReviewFoot/></Show>
    }
    .into_any()
}
