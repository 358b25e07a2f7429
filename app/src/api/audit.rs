//! What people did that a studio may have to answer for.

use domain::{Deed, PersonId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Lines of one answer.
pub const PAGE: u32 = 100;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Microseconds UTC.
    pub at: i64,
    pub deed: Deed,
    pub who: String,
    pub project_name: Option<String>,
    pub about: String,
    pub address: String,
}

#[cfg(feature = "ssr")]
pub(crate) fn shown(row: db::audit::Row) -> AuditRow {
    let db::audit::Row { at, deed, person_id: _, who, project_name, about, address } = row;
    AuditRow { at, deed, who, project_name, about, address }
}

/// The newest lines of the trail before `before` (microseconds UTC; `None`: the newest of all), at most [`PAGE`].
#[server(input = server_fn::codec::Json)]
pub async fn list_audit(
    deed: Option<Deed>,
    person_id: Option<PersonId>,
    before: Option<i64>,
) -> Result<Vec<AuditRow>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ReadAudit)?;
    let filter = db::audit::Filter { deed, person_id, before };
    let rows = db::audit::page(cx.db(), &filter, PAGE).await?;
    Ok(rows.into_iter().map(shown).collect())
}
