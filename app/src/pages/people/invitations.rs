//! Invitations that nobody has used yet, to be withdrawn.

use domain::EventKind;
use leptos::prelude::*;

use crate::api::people::{InvitationRow, Invite, WithdrawInvitation, list_invitations};
use crate::components::ui::{Ago, Button, Failure, Kind, Until, use_toasts};
use crate::state::live::use_live;
use crate::state::session::error_of;

#[component]
pub fn Invitations(invited: ServerAction<Invite>) -> impl IntoView {
    let withdraw = ServerAction::<WithdrawInvitation>::new();
    let toasts = use_toasts();
    let error = error_of(withdraw);
    Effect::new(move |_| {
        if let Some(error) = error.get() {
            toasts.fail(error);
        }
    });
    // Somebody who joined has used one up.
    let heard = use_live().changes(300, |event| event.kind == EventKind::People);
    let open = Resource::new(
        move || (invited.version().get(), withdraw.version().get(), heard.get()),
        |_| list_invitations(),
    );
    let list = move || {
        Suspend::new(async move {
            match open.await {
                Ok(rows) if rows.is_empty() => ().into_any(),
                Ok(rows) => {
                    let rows = rows.into_iter().map(|row| invitation(row, withdraw)).collect_view();
                    view! {
                        <section class="invitations" aria-labelledby="open-invitations">
                            <h2 id="open-invitations">"Open invitations"</h2>
                            <p class="muted">"Whoever has the link makes one account with it. Withdraw what went to the wrong place."</p>
                            <ul class="invitations__list">{rows}</ul>
                        </section>
                    }
                    .into_any()
                }
                Err(error) => view! { <Failure error retry=move |()| open.refetch()/> }.into_any(),
            }
        })
    };
    view! { <Transition>{list}</Transition> }
}

fn invitation(row: InvitationRow, withdraw: ServerAction<WithdrawInvitation>) -> impl IntoView {
    let InvitationRow { invitation_id, role, project_name, invited_by, created_at, expires_at } = row;
    let mut word = role.word().to_owned();
    word[..1].make_ascii_uppercase();
    let what = match project_name {
        Some(project) => format!("{word}, {project}"),
        None => word,
    };
    let label = format!("Withdraw the invitation: {what}");
    view! {
        <li class="invitations__row">
            <div>
                <div class="person__name">{what}</div>
                <div class="faint">
                    {format!("made by {invited_by} · ")} <Ago at=Signal::stored(created_at)/> " · open until " <Until at=expires_at/>
                </div>
            </div>
            <Button small=true kind=Kind::Quiet attr:aria-label=label on:click=move |_| { withdraw.dispatch(WithdrawInvitation { invitation_id }); }>
                "Withdraw"
            </Button>
        </li>
    }
}
