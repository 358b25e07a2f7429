//! Projects, sequences and shots as rows show them.

use serde::{Deserialize, Serialize};

use crate::outside::Consent;
use crate::{
    Action, ApprovalPolicy, Hash, PersonId, Phase, PlateFacts, ProjectId, Role, SaidColour, SequenceId,
    ShotId, Trim, may,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    pub project_id: ProjectId,
    pub name: String,
    pub policy: ApprovalPolicy,
    /// Number shown for frame 0; 1001 unless changed.
    pub first_frame: u32,
    pub is_demo: bool,
    pub created_at: i64,
    /// Microseconds UTC; since then everybody only reads. `None`: in work.
    #[serde(default)]
    pub archived_at: Option<i64>,
    pub sharing: Sharing,
    /// That a model outside may be asked about its shots; `None`: it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<Consent>,
    /// Causes are approved by the policy before a quadmask is made of them.
    #[serde(default)]
    pub causes_first: bool,
}

/// What is said to whoever wants to change something of an archived project.
pub const ARCHIVED: &str =
    "This project is archived, so nothing in it can be changed. A producer can take it out of the archive.";

/// What a project says about its clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// Who may make links here: some of those whom [`crate::may`] allows it, always with the owners.
    pub sharers: Vec<Role>,
    /// Clients see nothing of each other: no name, no comment, no decision. Guests of one link are one client.
    pub clients_apart: bool,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { sharers: Self::all(), clients_apart: false }
    }
}

impl Sharing {
    /// Everybody whom the table of rights allows it.
    pub fn all() -> Vec<Role> {
        Role::ALL.into_iter().filter(|role| may(*role, Action::Share)).collect()
    }

    /// Whether somebody with this role may do this here: the table of rights, narrowed by what the project says.
    pub fn may(&self, role: Role, action: Action) -> bool {
        let is_about_links = matches!(action, Action::Share | Action::Withdraw);
        may(role, action) && (!is_about_links || role == Role::Owner || self.sharers.contains(&role))
    }
}

impl Project {
    pub fn is_archived(&self) -> bool {
        self.archived_at.is_some()
    }

    /// Whether somebody with this role may do this here, as the project stands now.
    pub fn may(&self, role: Role, action: Action) -> bool {
        let is_open = !self.is_archived()
            || !action.changes()
            || matches!(action, Action::ArchiveProject | Action::UseBin | Action::DeleteForGood);
        is_open && self.sharing.may(role, action)
    }

    /// As clients have it: who approves, who shares and who is asked is the studio's own.
    pub fn for_clients(self) -> Self {
        let (policy, sharing) = (ApprovalPolicy::default(), Sharing::default());
        Self { policy, sharing, outside: None, causes_first: false, ..self }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    pub sequence_id: SequenceId,
    pub name: String,
    pub shots: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    pub shot_id: ShotId,
    pub project_id: ProjectId,
    pub sequence_id: Option<SequenceId>,
    pub name: String,
    pub file_name: String,
    pub phase: Phase,
    /// Why the plate was refused or the removal failed, for people.
    pub problem: Option<String>,
    pub plate: Hash,
    pub plate_bytes: i64,
    /// The part of the plate that is the shot; `None`: all of it.
    pub trim: Option<Trim>,
    /// What a person said of the coding of its colours; only where the file does not say.
    #[serde(default)]
    pub said_colour: Option<SaidColour>,
    /// Where the plate's pictures lie in its file, as JSON; known once read.
    pub frame_index: Option<Hash>,
    /// Known once read.
    pub facts: Option<PlateFacts>,
    /// Motion JPEG proxy, one picture per frame.
    pub proxy: Option<Hash>,
    pub poster: Option<Hash>,
    pub strip: Option<Hash>,
    /// WAV as long as the pictures; `None`: nothing to hear, or read before sound was kept for the player.
    pub sound: Option<Hash>,
    pub editor: Option<PersonId>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// What a name of a project, sequence or shot must look like.
pub fn clean_name(name: &str) -> Result<String, BadName> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = name.chars().count();
    if length == 0 || length > 80 || name.chars().any(char::is_control) {
        return Err(BadName);
    }
    Ok(name)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 80 characters")]
pub struct BadName;

/// A shot name from an uploaded file's name: without folder and extension.
pub fn shot_name_of_file(file_name: &str) -> String {
    let base = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    let stem = match base.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => base,
    };
    let short: String = stem.chars().filter(|c| !c.is_control()).take(80).collect();
    clean_name(&short).unwrap_or_else(|_| "shot".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_files_without_folders() {
        for (file, name) in [
            ("lime.mp4", "lime"),
            ("C:\\plates\\NL_204.0310.mov", "NL_204.0310"),
            ("../../etc/passwd", "passwd"),
            (".mov", ".mov"),
            ("", "shot"),
        ] {
            assert_eq!(shot_name_of_file(file), name);
        }
        assert!(clean_name("  ").is_err() && clean_name(&"x".repeat(81)).is_err());
    }

    fn project(archived_at: Option<i64>, sharers: Vec<Role>) -> Project {
        Project {
            project_id: ProjectId(Default::default()),
            name: "Northlight".into(),
            policy: ApprovalPolicy::default(),
            first_frame: 1001,
            is_demo: false,
            created_at: 0,
            archived_at,
            sharing: Sharing { sharers, clients_apart: false },
            outside: None,
            causes_first: false,
        }
    }

    #[test]
    fn a_project_narrows_who_shares_and_never_widens_it() {
        let only_producers = project(None, vec![Role::Producer, Role::Artist]);
        for (role, shares) in [
            (Role::Owner, true),
            (Role::Producer, true),
            (Role::Supervisor, false),
            (Role::Artist, false),
            (Role::Client, false),
        ] {
            assert_eq!(only_producers.may(role, Action::Share), shares, "{role:?}");
            assert_eq!(only_producers.may(role, Action::Withdraw), shares, "{role:?}");
        }
        assert!(project(None, Sharing::all()).may(Role::Supervisor, Action::Share));
        assert_eq!(Sharing::all(), [Role::Owner, Role::Producer, Role::Supervisor]);
    }

    #[test]
    fn an_archived_project_is_only_read_but_can_be_woken_and_put_into_the_bin() {
        let asleep = project(Some(1), Sharing::all());
        let left: Vec<Action> =
            Action::ALL.into_iter().filter(|a| a.changes() && asleep.may(Role::Owner, *a)).collect();
        assert_eq!(left, [Action::ArchiveProject, Action::UseBin, Action::DeleteForGood]);
        assert!(!asleep.may(Role::Owner, Action::Share) && asleep.may(Role::Supervisor, Action::Withdraw));
        for role in Role::ALL {
            for action in Action::ALL.into_iter().filter(|action| !action.changes()) {
                assert_eq!(asleep.may(role, action), may(role, action), "{role:?} {action:?}");
            }
        }
    }
}
