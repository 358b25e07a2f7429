//! Projects, sequences and shots as rows show them.

use serde::{Deserialize, Serialize};

use crate::{ApprovalPolicy, Hash, PersonId, Phase, PlateFacts, ProjectId, SequenceId, ShotId, Trim};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    pub project_id: ProjectId,
    pub name: String,
    pub policy: ApprovalPolicy,
    /// Number shown for frame 0; 1001 unless changed.
    pub first_frame: u32,
    pub is_demo: bool,
    pub created_at: i64,
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
}
