//! Invitations that nobody has used yet, to be withdrawn.

use domain::EventKind;
use leptos::prelude::*;

use crate::api::people::{InvitationRow, Invite, WithdrawInvitation, list_invitations};
use crate::components::ui::{Ago, Button, Failure, Kind, Until, use_toasts};
use crate::error::ApiError;
use crate::state::live::use_live;
use crate::state::session::error_of;
use crate::state::settled::settled;

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
    view! { <Transition><Rows open withdraw/></Transition> }
}

/// Each row keeps its button: one that goes must not put another under the pointer of who is about to withdraw.
#[component]
fn Rows(
    open: Resource<Result<Vec<InvitationRow>, ApiError>>,
    withdraw: ServerAction<WithdrawInvitation>,
) -> impl IntoView {
    let failed = settled(move |_| open.get().and_then(Result::err));
    let known = settled(move |last: Option<&Option<Vec<InvitationRow>>>| {
        open.get().and_then(Result::ok).or_else(|| last.cloned().flatten())
    });
    let has_any = settled(move |_| known.with(|known| known.as_ref().is_some_and(|rows| !rows.is_empty())));
    let rows = move || known.get().unwrap_or_default();
    let one = move |row: InvitationRow| invitation(row, withdraw);
    view! {
        {move || failed.get().filter(|_| known.with(Option::is_none)).map(|error| {
            view! { <Failure error retry=move |()| open.refetch()/> }
        })}
        {move || has_any.get().then(|| view! {
            <section class="invitations" aria-labelledby="open-invitations">
                <h2 id="open-invitations">"Open invitations"</h2>
                <p class="muted">"Whoever has the link makes one account with it. Withdraw what went to the wrong place."</p>
                <ul class="invitations__list"><For each=rows key=|row| row.invitation_id children=one/></ul>
            </section>
        })}
    }
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
