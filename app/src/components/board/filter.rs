//! The board's filter as it stands in the address, and groups of phases people filter by. The way back into an address
//! is `href::board`.

use domain::{AssignedTo, DueIn, Phase, SequenceId};
use leptos_router::params::ParamsMap;

use crate::api::projects::{ShotFilter, Sort};

/// What is in an address; words nobody knows are left out.
pub fn filter_of(query: &ParamsMap) -> ShotFilter {
    let phases = query.get("status").unwrap_or_default();
    ShotFilter {
        phases: phases.split(',').filter_map(|slug| slug.parse().ok()).collect(),
        sequence_id: query.get("sequence").and_then(|id| id.parse::<SequenceId>().ok()),
        q: query.get("q").unwrap_or_default().trim().to_owned(),
        assigned: query.get("assigned").and_then(|to| AssignedTo::of_slug(&to)),
        due: query.get("due").and_then(|due| DueIn::of_slug(&due)),
        sort: if query.get("sort").as_deref() == Some("name") { Sort::Name } else { Sort::Updated },
    }
}

/// One chip of the filter bar.
pub struct Group {
    pub word: &'static str,
    pub icon: &'static str,
    pub tone: &'static str,
    pub phases: &'static [Phase],
}

/// Every phase is in exactly one group.
pub const GROUPS: [Group; 7] = [
    Group {
        word: "To mark",
        icon: "○",
        tone: "idle",
        phases: &[Phase::Uploaded, Phase::Ready, Phase::Masking],
    },
    Group { word: "Quadmask review", icon: "◉", tone: "review", phases: &[Phase::QuadmaskReview] },
    Group {
        word: "Changes",
        icon: "↺",
        tone: "changes",
        phases: &[Phase::QuadmaskChanges, Phase::ResultChanges],
    },
    Group {
        word: "Running", icon: "◔", tone: "running", phases: &[Phase::QuadmaskApproved, Phase::Running]
    },
    Group { word: "Result review", icon: "◉", tone: "review", phases: &[Phase::ResultReview] },
    Group { word: "Approved", icon: "✓", tone: "approved", phases: &[Phase::Approved] },
    Group { word: "Failed", icon: "✕", tone: "failed", phases: &[Phase::IngestFailed, Phase::RunFailed] },
];

/// The tab of the workspace where a shot in this phase is worked on.
pub fn tab_of(phase: Phase) -> &'static str {
    match phase {
        Phase::Uploaded | Phase::IngestFailed | Phase::Ready => "targets",
        Phase::Masking | Phase::QuadmaskReview | Phase::QuadmaskChanges => "quadmask",
        Phase::QuadmaskApproved | Phase::Running | Phase::RunFailed => "removal",
        Phase::ResultReview | Phase::ResultChanges | Phase::Approved => "review",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::href;
    use domain::ProjectId;

    #[test]
    fn a_filter_survives_its_address() {
        let filter = ShotFilter {
            phases: vec![Phase::Running, Phase::RunFailed],
            sequence_id: Some("0197c4a0-0000-7000-8000-000000000001".parse().expect("an id")),
            q: "NL_2 & ü".to_owned(),
            sort: Sort::Name,
            assigned: Some(AssignedTo::Me),
            due: Some(DueIn::Late),
        };
        let project = ProjectId(Default::default());
        let address = href::board(project, &filter);
        let mut query = ParamsMap::new();
        for (key, value) in [
            ("status", "running,run_failed"),
            ("sequence", "0197c4a0-0000-7000-8000-000000000001"),
            ("q", "NL_2 & ü"),
            ("sort", "name"),
            ("assigned", "me"),
            ("due", "late"),
        ] {
            query.insert(key, value.to_owned());
        }
        assert_eq!(filter_of(&query), filter);
        assert!(address.contains("assigned=me&due=late"));
        assert!(address.contains("status=running,run_failed") && address.contains("q=NL_2%20%26%20%C3%BC"));
        assert_eq!(href::board(project, &ShotFilter::default()), href::project(project));
    }

    #[test]
    fn every_phase_is_in_one_group() {
        for phase in Phase::ALL {
            assert_eq!(GROUPS.iter().filter(|group| group.phases.contains(&phase)).count(), 1, "{phase:?}");
        }
    }
}
