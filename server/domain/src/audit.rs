//! The audit trail: what people did that a studio may have to answer for.

use serde::{Deserialize, Serialize};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    SignedIn,
    SignInFailed,
    SignedOutEverywhere,
    ResetLinkMade,
    PasswordReset,
    PasswordChanged,
    Invited,
    InvitationWithdrawn,
    Joined,
    RoleChanged,
    Deactivated,
    Activated,
    ProjectMade,
    ProjectChanged,
    MemberAdded,
    MemberRemoved,
    ShownToClient,
    HiddenFromClient,
    LinkMade,
    LinkRenewed,
    LinkWithdrawn,
    LinkChanged,
    ShotRenamed,
    SequenceRenamed,
    NameChanged,
    PackageAsked,
    PackageTaken,
    HistoryExported,
    MarksExported,
    BackUpMade,
    BackUpRestored,
    ProjectArchived,
    ProjectUnarchived,
    Binned,
    Restored,
    DeletedForGood,
    Swept,
    LicenceAccepted,
    OutsideAllowed,
    OutsideForbidden,
    OutsideAsked,
}

impl Deed {
    pub const ALL: [Self; 41] = [
        Self::SignedIn,
        Self::SignInFailed,
        Self::SignedOutEverywhere,
        Self::ResetLinkMade,
        Self::PasswordReset,
        Self::PasswordChanged,
        Self::Invited,
        Self::InvitationWithdrawn,
        Self::Joined,
        Self::RoleChanged,
        Self::Deactivated,
        Self::Activated,
        Self::ProjectMade,
        Self::ProjectChanged,
        Self::MemberAdded,
        Self::MemberRemoved,
        Self::ShownToClient,
        Self::HiddenFromClient,
        Self::LinkMade,
        Self::LinkRenewed,
        Self::LinkWithdrawn,
        Self::LinkChanged,
        Self::ShotRenamed,
        Self::SequenceRenamed,
        Self::NameChanged,
        Self::PackageAsked,
        Self::PackageTaken,
        Self::HistoryExported,
        Self::MarksExported,
        Self::BackUpMade,
        Self::BackUpRestored,
        Self::ProjectArchived,
        Self::ProjectUnarchived,
        Self::Binned,
        Self::Restored,
        Self::DeletedForGood,
        Self::Swept,
        Self::LicenceAccepted,
        Self::OutsideAllowed,
        Self::OutsideForbidden,
        Self::OutsideAsked,
    ];

    /// The word in the database and in addresses.
    pub fn slug(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SignedOutEverywhere => "signed_out_everywhere",
            Self::ResetLinkMade => "reset_link_made",
            Self::PasswordReset => "password_reset",
            Self::PasswordChanged => "password_changed",
            Self::Invited => "invited",
            Self::InvitationWithdrawn => "invitation_withdrawn",
            Self::Joined => "joined",
            Self::RoleChanged => "role_changed",
            Self::Deactivated => "deactivated",
            Self::Activated => "activated",
            Self::ProjectMade => "project_made",
            Self::ProjectChanged => "project_changed",
            Self::MemberAdded => "member_added",
            Self::MemberRemoved => "member_removed",
            Self::ShownToClient => "shown_to_client",
            Self::HiddenFromClient => "hidden_from_client",
            Self::LinkMade => "link_made",
            Self::LinkRenewed => "link_renewed",
            Self::LinkWithdrawn => "link_withdrawn",
            Self::LinkChanged => "link_changed",
            Self::ShotRenamed => "shot_renamed",
            Self::SequenceRenamed => "sequence_renamed",
            Self::NameChanged => "name_changed",
            Self::PackageAsked => "package_asked",
            Self::PackageTaken => "package_taken",
            Self::HistoryExported => "history_exported",
            Self::MarksExported => "marks_exported",
            Self::BackUpMade => "back_up_made",
            Self::BackUpRestored => "back_up_restored",
            Self::ProjectArchived => "project_archived",
            Self::ProjectUnarchived => "project_unarchived",
            Self::Binned => "binned",
            Self::Restored => "restored",
            Self::DeletedForGood => "deleted_for_good",
            Self::Swept => "swept",
            Self::LicenceAccepted => "licence_accepted",
            Self::OutsideAllowed => "outside_allowed",
            Self::OutsideForbidden => "outside_forbidden",
            Self::OutsideAsked => "outside_asked",
        }
    }

    /// What the page says.
    pub fn words(self) -> &'static str {
        match self {
            Self::SignedIn => "signed in",
            Self::SignInFailed => "failed to sign in",
            Self::SignedOutEverywhere => "signed out everywhere",
            Self::ResetLinkMade => "made a link to reset a password",
            Self::PasswordReset => "reset their password",
            Self::PasswordChanged => "changed their password",
            Self::Invited => "invited somebody",
            Self::InvitationWithdrawn => "withdrew an invitation",
            Self::Joined => "joined",
            Self::RoleChanged => "changed a role",
            Self::Deactivated => "deactivated somebody",
            Self::Activated => "activated somebody",
            Self::ProjectMade => "made a project",
            Self::ProjectChanged => "changed a project’s settings",
            Self::MemberAdded => "added somebody to a project",
            Self::MemberRemoved => "took somebody out of a project",
            Self::ShownToClient => "showed a version to clients",
            Self::HiddenFromClient => "hid a version from clients",
            Self::LinkMade => "made a link for clients",
            Self::LinkRenewed => "replaced the address of a link",
            Self::LinkWithdrawn => "withdrew a link",
            Self::LinkChanged => "changed what a link allows",
            Self::ShotRenamed => "renamed a shot",
            Self::SequenceRenamed => "renamed a sequence",
            Self::NameChanged => "changed their name",
            Self::PackageAsked => "had a package made",
            Self::PackageTaken => "downloaded a delivered file",
            Self::HistoryExported => "exported a history of decisions",
            Self::MarksExported => "exported a shot’s marks for VOID’s tools",
            Self::BackUpMade => "made a back-up",
            Self::BackUpRestored => "restored everything from a back-up",
            Self::ProjectArchived => "archived a project",
            Self::ProjectUnarchived => "took a project out of the archive",
            Self::Binned => "moved something into the bin",
            Self::Restored => "restored something from the bin",
            Self::DeletedForGood => "deleted something for good",
            Self::Swept => "removed unused bytes from the disk",
            Self::LicenceAccepted => "accepted a model’s licence",
            Self::OutsideAllowed => "allowed a model outside",
            Self::OutsideForbidden => "forbade the model outside",
            Self::OutsideAsked => "had a model outside look at a shot",
        }
    }
}

impl std::str::FromStr for Deed {
    type Err = ();

    fn from_str(slug: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|deed| deed.slug() == slug).ok_or(())
    }
}

/// A browser's own description (the `User-Agent` header) in words a person knows: “Firefox on Windows”.
pub fn browser(agent: &str) -> String {
    // The order matters: most browsers claim to be others too.
    let find = |names: &[(&'static str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, word)| *word)
    };
    let name = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        (None, Some(system)) => format!("a program on {system}"),
        (None, None) => "a program".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deed_is_found_by_its_slug() {
        for deed in Deed::ALL {
            assert_eq!(deed.slug().parse(), Ok(deed));
            assert_eq!(serde_json::to_value(deed).ok(), Some(deed.slug().into()));
        }
    }

    #[test]
    fn browsers_have_names() {
        let cases = [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.0", "a program"),
        ];
        for (agent, words) in cases {
            assert_eq!(browser(agent), words);
        }
    }
}
