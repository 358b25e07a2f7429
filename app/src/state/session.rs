//! Who looks at the page, and what may change that.

use domain::{Action, EventKind, Person, may};
use leptos::prelude::*;
use leptos::server::ServerActionError;
use leptos_router::location::{RequestUrl, Url};

use super::live::use_live;
use crate::api::session::{
    AcceptInvitation, CreateOwner, ResetPassword, SignIn, SignOut, SignOutEverywhere, Viewer, get_viewer,
};
use crate::error::ApiError;

/// The viewer is read again whenever one of the actions is over.
#[derive(Clone, Copy)]
pub struct Session {
    pub viewer: Resource<Result<Viewer, ApiError>>,
    pub create_owner: ServerAction<CreateOwner>,
    pub sign_in: ServerAction<SignIn>,
    pub accept: ServerAction<AcceptInvitation>,
    pub reset: ServerAction<ResetPassword>,
    pub sign_out: ServerAction<SignOut>,
    pub sign_out_everywhere: ServerAction<SignOutEverywhere>,
}

/// A form sent before the client had loaded comes back with its refusal in the address; the action of that form shows it.
fn provide_refusal(page: Option<Url>) {
    let refusal = page.and_then(|page| {
        let query = page.search_params();
        Some(ServerActionError::new(&query.get("__path")?, &query.get("__err")?))
    });
    if let Some(refusal) = refusal {
        provide_context(refusal);
    }
}

/// After [`super::live::provide_live`].
pub fn provide_session() {
    let page = match use_context::<RequestUrl>() {
        Some(request) => request.parse().ok(),
        None => crate::browser::address(),
    };
    provide_refusal(page);
    let create_owner = ServerAction::<CreateOwner>::new();
    let sign_in = ServerAction::<SignIn>::new();
    let accept = ServerAction::<AcceptInvitation>::new();
    let reset = ServerAction::<ResetPassword>::new();
    let sign_out = ServerAction::<SignOut>::new();
    let sign_out_everywhere = ServerAction::<SignOutEverywhere>::new();
    let people = use_live().changes(200, |event| event.kind == EventKind::People);
    let seen = move || {
        (
            create_owner.version().get(),
            sign_in.version().get(),
            accept.version().get(),
            reset.version().get(),
            sign_out.version().get(),
            sign_out_everywhere.version().get(),
            people.get(),
        )
    };
    let viewer = Resource::new(seen, |_| get_viewer());
    provide_context(Session { viewer, create_owner, sign_in, accept, reset, sign_out, sign_out_everywhere });
}

/// Only below `App`.
pub fn use_session() -> Session {
    expect_context()
}

/// The signed-in person; pages behind the gate always have one.
#[derive(Clone, Copy)]
pub struct Me(pub Signal<Person>);

impl Me {
    pub fn may(self, action: Action) -> bool {
        may(self.0.with(|person| person.role), action)
    }
}

/// Only on pages behind the gate.
pub fn use_me() -> Me {
    expect_context()
}

/// The error of an action's last run as a sentence.
pub fn error_of<S>(action: ServerAction<S>) -> Signal<Option<String>>
where
    S: leptos::server_fn::ServerFn<Error = ApiError> + Clone + Send + Sync + 'static,
    S::Output: Clone + Send + Sync + 'static,
{
    let value = action.value();
    Signal::derive(move || value.with(|value| value.as_ref()?.as_ref().err().map(ToString::to_string)))
}
