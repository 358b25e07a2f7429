//! A model outside: what a project would send where, and who allowed it.

use domain::ProjectId;
use domain::outside::{Consent, Outside};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Whether a project may ask a model outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideView {
    /// The model that a worker was told to ask; `None`: no worker was told of one, or none is running.
    pub offered: Option<Outside>,
    /// What was allowed; it may be another model than the one that is offered now.
    pub consent: Option<Consent>,
}

impl OutsideView {
    /// Whether shots can be looked at by it now.
    pub fn is_on(&self) -> bool {
        allowed(self.consent.as_ref(), self.offered.clone()).is_some()
    }
}

/// What is offered, where just that was allowed.
pub(crate) fn allowed(consent: Option<&Consent>, offered: Option<Outside>) -> Option<Outside> {
    offered.filter(|offered| consent.is_some_and(|consent| consent.covers(offered)))
}

/// For those who decide about it.
#[server]
pub async fn get_outside(project_id: ProjectId) -> Result<OutsideView, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let project = cx.project_at_rest(project_id, domain::Action::ManageProject).await?;
    let offered = super::engines::Engines::now(&cx).await?.outside;
    Ok(OutsideView { offered, consent: project.outside })
}

/// Allows the model that was seen, at the address that was seen, or takes that back.
#[server(input = server_fn::codec::Json)]
pub async fn set_outside(project_id: ProjectId, seen: Option<Outside>) -> Result<OutsideView, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let project = cx.project(project_id, domain::Action::ManageProject).await?;
    let offered = super::engines::Engines::now(&cx).await?.outside;
    let consent = match seen {
        None => None,
        Some(seen) => {
            let same = offered.as_ref().is_some_and(|offered| {
                (&offered.endpoint, &offered.model, offered.sends)
                    == (&seen.endpoint, &seen.model, seen.sends)
            });
            if !same {
                return Err(ApiError::Conflict(
                    "The workers would ask another model than the one you saw, or none. Read again what is offered now.".into(),
                ));
            }
            let Outside { endpoint, model, sends, prices: _ } = seen;
            let (by, who) = (cx.viewer.person_id, cx.viewer.name.clone());
            Some(Consent { endpoint, model, sends, by, who, at: db::now() })
        }
    };
    let (deed, about) = match (&consent, &project.outside) {
        (Some(new), _) => {
            (domain::Deed::OutsideAllowed, format!("{} at {}, {}", new.model, new.endpoint, new.sends.word()))
        }
        (None, Some(old)) => (domain::Deed::OutsideForbidden, format!("{} at {}", old.model, old.endpoint)),
        // It was off: nothing happened.
        (None, None) => return Ok(OutsideView { offered, consent: None }),
    };
    let note = cx.note(deed, Some(project_id), about);
    let kept = consent.clone();
    cx.db()
        .write(move |tx| {
            let (consent, note) = (kept.clone(), note.clone());
            Box::pin(async move {
                db::projects::set_outside(tx, project_id, consent.as_ref()).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?;
    Ok(OutsideView { offered, consent })
}
