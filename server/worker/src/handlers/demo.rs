//! Fills the demo project with shots that the product renders itself.

use domain::ProjectId;

use crate::context::Context;

pub fn run(_context: &Context, _project_id: ProjectId) -> anyhow::Result<()> {
    anyhow::bail!("unfinished")
}
