//! Roles and rights. [`may`] is the one table; everything that asks “is this allowed?” asks it.

use serde::{Deserialize, Serialize};

use crate::PersonId;

/// What a person is in the studio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Owner,
    Producer,
    Supervisor,
    Artist,
    Reviewer,
    /// Sees only what is marked client-visible, in the projects it belongs to.
    Client,
}

impl Role {
    pub const ALL: [Self; 6] =
        [Self::Owner, Self::Producer, Self::Supervisor, Self::Artist, Self::Reviewer, Self::Client];

    pub fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Producer => "producer",
            Self::Supervisor => "supervisor",
            Self::Artist => "artist",
            Self::Reviewer => "reviewer",
            Self::Client => "client",
        }
    }

    /// What the role is for, in one sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Owner => "Runs the studio: people, projects, everything",
            Self::Producer => "Makes projects, invites people, shares and delivers",
            Self::Supervisor => "Approves quadmasks and results",
            Self::Artist => "Uploads shots, marks targets, edits quadmasks",
            Self::Reviewer => "Looks at everything and comments, changes nothing",
            Self::Client => "Sees the versions shown to the client and says yes or no",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|r| r.word() == word).ok_or(())
    }
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Invite, change roles, deactivate.
    ManagePeople,
    CreateProject,
    /// Name, policy, first frame, members of a project.
    ManageProject,
    /// See projects that one was not added to.
    SeeEveryProject,
    /// Open a shot with its masks, causes, internal versions and internal comment threads.
    ViewShot,
    /// Add plates, sequences; rename shots.
    Upload,
    /// Targets, words, causes, strokes, segmentation; send to review.
    EditShot,
    /// Approve a quadmask, ask for changes, re-open it.
    DecideQuadmask,
    /// Start a removal again, cancel one.
    Run,
    /// See versions that are client-visible.
    ViewClientVersions,
    /// Approve a version or ask for changes.
    DecideVersion,
    /// Make a version or a comment thread visible to clients.
    ShowClient,
    /// See queue, workers and logs.
    ViewJobs,
    /// Retry, cancel and re-order anybody's jobs.
    ManageJobs,
    /// Start threads, reply, draw; edit and delete what one said oneself. Clients: in threads shown to them.
    Comment,
    /// Resolve and re-open threads of others; whoever began a thread may anyway.
    ResolveThread,
    /// Make links for people without an account, change them, see who opened them.
    Share,
    /// Take a link back; also in an archived project, since it only closes.
    Withdraw,
    /// Read what everybody did, and where they signed in from.
    ReadAudit,
    /// Say who works on a shot and until when.
    Assign,
    /// Have the package of an approved version made.
    Deliver,
    /// Let a project rest, and wake it.
    ArchiveProject,
    /// Put projects and shots into the bin, see what lies there, take it out again.
    UseBin,
    /// Delete what lies in the bin, for good.
    DeleteForGood,
    /// See what takes the disk's room, and have removed what nothing needs.
    ManageDisk,
}

impl Action {
    pub const ALL: [Self; 25] = [
        Self::ManagePeople,
        Self::CreateProject,
        Self::ManageProject,
        Self::SeeEveryProject,
        Self::ViewShot,
        Self::Upload,
        Self::EditShot,
        Self::DecideQuadmask,
        Self::Run,
        Self::ViewClientVersions,
        Self::DecideVersion,
        Self::ShowClient,
        Self::ViewJobs,
        Self::ManageJobs,
        Self::Comment,
        Self::ResolveThread,
        Self::Share,
        Self::Withdraw,
        Self::ReadAudit,
        Self::Assign,
        Self::Deliver,
        Self::ArchiveProject,
        Self::UseBin,
        Self::DeleteForGood,
        Self::ManageDisk,
    ];

    /// Whether it adds to the project it is done in or changes it: what is refused while a project is archived.
    pub fn changes(self) -> bool {
        match self {
            Self::SeeEveryProject
            | Self::ViewShot
            | Self::ViewClientVersions
            | Self::ViewJobs
            | Self::ReadAudit
            | Self::Withdraw
            | Self::ManagePeople
            | Self::CreateProject
            | Self::ManageDisk => false,
            Self::ManageProject
            | Self::Upload
            | Self::EditShot
            | Self::DecideQuadmask
            | Self::Run
            | Self::DecideVersion
            | Self::ShowClient
            | Self::ManageJobs
            | Self::Comment
            | Self::ResolveThread
            | Self::Share
            | Self::Assign
            | Self::Deliver
            | Self::ArchiveProject
            | Self::UseBin
            | Self::DeleteForGood => true,
        }
    }
}

/// The table of rights. Being allowed is not enough: the shot must also lie in a project of one's own (or one
/// has [`Action::SeeEveryProject`]); `app` checks both in one place.
pub fn may(role: Role, action: Action) -> bool {
    use Action::*;
    use Role::*;
    let allowed: &[Role] = match action {
        ManagePeople => &[Owner, Producer],
        CreateProject | ManageProject | SeeEveryProject => &[Owner, Producer],
        ViewShot | ViewJobs => &[Owner, Producer, Supervisor, Artist, Reviewer],
        Upload => &[Owner, Producer, Supervisor, Artist],
        EditShot => &[Owner, Producer, Supervisor, Artist],
        DecideQuadmask => &[Owner, Producer, Supervisor],
        Run => &[Owner, Producer, Supervisor, Artist],
        ViewClientVersions => &[Owner, Producer, Supervisor, Artist, Reviewer, Client],
        DecideVersion => &[Owner, Producer, Supervisor, Client],
        ShowClient => &[Owner, Producer, Supervisor],
        ManageJobs => &[Owner, Producer],
        Comment => &[Owner, Producer, Supervisor, Artist, Reviewer, Client],
        ResolveThread => &[Owner, Producer, Supervisor, Artist],
        Share | Withdraw | Deliver => &[Owner, Producer, Supervisor],
        ReadAudit => &[Owner],
        Assign => &[Owner, Producer, Supervisor],
        ArchiveProject | UseBin | DeleteForGood | ManageDisk => &[Owner, Producer],
    };
    allowed.contains(&role)
}

/// A person as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub person_id: PersonId,
    pub name: String,
    pub email: String,
    pub role: Role,
    pub active: bool,
}

impl Person {
    /// Up to two letters for the round badge.
    pub fn initials(&self) -> String {
        let mut words = self.name.split_whitespace().filter_map(|w| w.chars().next());
        let first = words.next();
        let last = words.next_back();
        first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Role × action, written out: a change of rights must be made twice, once knowingly.
    #[test]
    fn the_table_of_rights_is_this() {
        let rows: [(Action, &str); 25] = [
            (Action::ManagePeople, "OP----"),
            (Action::CreateProject, "OP----"),
            (Action::ManageProject, "OP----"),
            (Action::SeeEveryProject, "OP----"),
            (Action::ViewShot, "OPSAR-"),
            (Action::Upload, "OPSA--"),
            (Action::EditShot, "OPSA--"),
            (Action::DecideQuadmask, "OPS---"),
            (Action::Run, "OPSA--"),
            (Action::ViewClientVersions, "OPSARC"),
            (Action::DecideVersion, "OPS--C"),
            (Action::ShowClient, "OPS---"),
            (Action::ViewJobs, "OPSAR-"),
            (Action::ManageJobs, "OP----"),
            (Action::Comment, "OPSARC"),
            (Action::ResolveThread, "OPSA--"),
            (Action::Share, "OPS---"),
            (Action::Withdraw, "OPS---"),
            (Action::ReadAudit, "O-----"),
            (Action::Assign, "OPS---"),
            (Action::Deliver, "OPS---"),
            (Action::ArchiveProject, "OP----"),
            (Action::UseBin, "OP----"),
            (Action::DeleteForGood, "OP----"),
            (Action::ManageDisk, "OP----"),
        ];
        for (action, letters) in rows {
            for (role, letter) in Role::ALL.into_iter().zip(letters.chars()) {
                assert_eq!(may(role, action), letter != '-', "{role:?} {action:?}");
            }
        }
        assert_eq!(rows.len(), Action::ALL.len());
    }
}
