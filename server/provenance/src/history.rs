//! A shot's whole record: what was made, who decided what about it, and whether the record is whole. It judges rows that
//! somebody else has read, and is what is exported: its canonical JSON says everything that another program needs to
//! compute the chain again, and how.

use std::collections::HashMap;

use domain::moment::iso;
use domain::{Action, Hash, Phase, QuadmaskId, Verdict, VersionId, may};
use serde::Serialize;

use crate::chain::{Link, faults};

/// What the format is called; another shape is another number.
const FORMAT: &str = "minus-one/history/1";

/// How to compute the chain again, for people who write that program.
const READING: [&str; 6] = [
    "Every `decisions[].row` is one decision, as it was made. Its `row_hash` is the SHA-256, in lower-case hexadecimal, of the row's canonical JSON (RFC 8785: keys sorted, no white space; UTF-8).",
    "`row.n` counts the shot's decisions 1, 2, 3 and so on without a gap. `row.prev` is the `row_hash` of the decision before it, and empty for the first.",
    "`row.subject` is the hash that was decided about. It is the `subject` of the quadmask or version with the id `row.subject_id`, and that is the SHA-256 of the UTF-8 text in its `content`.",
    "A quadmask's `content` names the plate's SHA-256, the hash of every frame's levels, the causes and the words; a version's names plate, quadmask, engine, recipe, proof, and the SHA-256 of its result and matte files.",
    "`row.at` is the moment in microseconds since 1970-01-01 UTC. Everything outside of `row`, names and `stale` among it, was added when this was exported and is not covered by the hashes.",
    "Decisions taken away at the end leave rows that hold together. Whoever keeps `check.head` elsewhere notices that too.",
];

/// Rows as they were read, in the order of their numbers.
#[derive(Debug, Clone)]
pub struct Record {
    pub project: Named,
    pub sequence: Option<String>,
    pub shot: Named,
    pub phase: Phase,
    pub plate: Plate,
    pub quadmasks: Vec<Quadmask>,
    pub versions: Vec<Version>,
    pub decisions: Vec<Row>,
    /// Quadmasks whose removal was started.
    pub run: Vec<QuadmaskId>,
    /// Why rows could not be read at all, as sentences.
    pub unreadable: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plate {
    pub file_name: String,
    pub sha256: Hash,
}

/// An immutable quadmask version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quadmask {
    pub quadmask_id: QuadmaskId,
    pub n: u32,
    /// Who sent it to review.
    pub author: String,
    pub note: String,
    pub made_at: i64,
    pub subject: Hash,
    /// The text whose SHA-256 is the subject.
    pub content: String,
}

/// A reviewable result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    pub version_id: VersionId,
    pub n: u32,
    pub quadmask_n: u32,
    pub engine: String,
    pub made_at: i64,
    pub subject: Hash,
    /// The text whose SHA-256 is the subject.
    pub content: String,
}

/// One decision with the hash that was stored, and who that was.
#[derive(Debug, Clone)]
pub struct Row {
    pub link: Link,
    pub row_hash: Hash,
    pub name: String,
    /// The link that the guest came through; `None`: a person with an account.
    pub guest_of: Option<Named>,
}

/// A shot's record and what was found out about it.
#[derive(Debug, Clone, Serialize)]
pub struct History {
    format: &'static str,
    reading: [&'static str; 6],
    pub project: Named,
    pub sequence: Option<String>,
    pub shot: Named,
    pub plate: Plate,
    pub quadmasks: Vec<Quadmask>,
    pub versions: Vec<Version>,
    pub decisions: Vec<Entry>,
    pub check: Check,
}

/// A decision as it is exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub row: Link,
    pub row_hash: Hash,
    pub name: String,
    pub guest_of: Option<Named>,
    /// `quadmask v2`, `version v3`.
    pub about: String,
    /// `2026-11-29T06:30:05Z`
    pub at: String,
    /// It is not about the shot's newest state.
    pub stale: bool,
    /// Why, as a sentence.
    pub stale_because: Option<String>,
}

impl Entry {
    /// What the person was: a name given through a link proves nothing.
    pub fn role(&self) -> &str {
        if self.guest_of.is_some() { "guest" } else { self.row.role.word() }
    }
}

/// Whether the record is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub is_whole: bool,
    /// Row hash of the last decision: stands for all of them.
    pub head: Option<Hash>,
    /// The result in a sentence.
    pub sentence: String,
    /// Everything that does not hold, as sentences.
    pub faults: Vec<String>,
}

/// What a decision is about.
struct Subject {
    kind: &'static str,
    n: u32,
    newest: u32,
    hash: Hash,
}

impl Subject {
    fn words(&self) -> String {
        format!("{} v{}", self.kind, self.n)
    }
}

impl History {
    /// Judges the rows.
    pub fn of(record: Record) -> Self {
        let subjects = subjects(&record);
        let check = check(&record, &subjects);
        let Record {
            project,
            sequence,
            shot,
            phase: _,
            plate,
            quadmasks,
            versions,
            decisions,
            run: _,
            unreadable: _,
        } = record;
        let decisions = decisions.into_iter().map(|row| entry(row, &subjects)).collect();
        Self {
            format: FORMAT,
            reading: READING,
            project,
            sequence,
            shot,
            plate,
            quadmasks,
            versions,
            decisions,
            check,
        }
    }

    /// One spelling for one record, so that it can be hashed and compared.
    pub fn to_json(&self) -> String {
        crate::canonical_json(self)
    }

    /// `Project/shot`, as the command line calls it.
    pub fn place(&self) -> String {
        format!("{}/{}", self.project.name, self.shot.name)
    }
}

fn subjects(record: &Record) -> HashMap<String, Subject> {
    let newest = record.quadmasks.iter().map(|q| q.n).max().unwrap_or_default();
    let quadmasks = record
        .quadmasks
        .iter()
        .map(|q| (q.quadmask_id.to_string(), Subject { kind: "quadmask", n: q.n, newest, hash: q.subject }));
    let newest = record.versions.iter().map(|v| v.n).max().unwrap_or_default();
    let versions = record
        .versions
        .iter()
        .map(|v| (v.version_id.to_string(), Subject { kind: "version", n: v.n, newest, hash: v.subject }));
    quadmasks.chain(versions).collect()
}

fn entry(row: Row, subjects: &HashMap<String, Subject>) -> Entry {
    let Row { link, row_hash, name, guest_of } = row;
    let subject = subjects.get(&link.subject_id);
    let stale_because = match subject {
        None => Some(format!("The {} it is about is not there any more.", link.subject_kind)),
        Some(subject) if subject.hash != link.subject => {
            Some(format!("It is about another state of {}.", subject.words()))
        }
        Some(subject) if subject.n < subject.newest => {
            Some(format!("{} v{} came after it.", capital(subject.kind), subject.newest))
        }
        Some(_) => None,
    };
    Entry {
        about: subject.map_or_else(|| link.subject_kind.clone(), Subject::words),
        at: iso(link.at),
        stale: stale_because.is_some(),
        stale_because,
        row: link,
        row_hash,
        name,
        guest_of,
    }
}

fn check(record: &Record, subjects: &HashMap<String, Subject>) -> Check {
    let mut found = record.unreadable.clone();
    let chain: Vec<(Link, Hash)> =
        record.decisions.iter().map(|row| (row.link.clone(), row.row_hash)).collect();
    found.extend(faults(&chain).iter().map(|fault| sentence(&fault.to_string())));
    let contents = record.quadmasks.iter().map(|q| ("Quadmask", q.n, &q.content, q.subject));
    let results = record.versions.iter().map(|v| ("Version", v.n, &v.content, v.subject));
    for (what, n, content, subject) in contents.chain(results) {
        if Hash::of(content.as_bytes()) != subject {
            found.push(format!(
                "{what} v{n} was changed after it was made: its content no longer fits its hash."
            ));
        }
    }
    for Row { link, .. } in &record.decisions {
        match subjects.get(&link.subject_id) {
            None => {
                found.push(format!("Decision {} is about a {} that is not there.", link.n, link.subject_kind))
            }
            Some(subject) if subject.hash != link.subject || subject.kind != link.subject_kind => {
                found.push(format!(
                    "Decision {} is bound to another hash than {} has.",
                    link.n,
                    subject.words()
                ));
            }
            Some(_) => {}
        }
    }
    // What a chain cannot show is shown by what came of it.
    for quadmask in record.quadmasks.iter().filter(|q| record.run.contains(&q.quadmask_id)) {
        if !is_approved(record, &quadmask.quadmask_id.to_string()) {
            found.push(format!(
                "Quadmask v{} was run, yet no approval of it is on record: decisions were taken away.",
                quadmask.n
            ));
        }
    }
    let newest = record.versions.iter().max_by_key(|v| v.n);
    if let Some(newest) = newest.filter(|_| record.phase == Phase::Approved)
        && !is_approved(record, &newest.version_id.to_string())
    {
        found.push(format!(
            "The shot is approved, yet no approval of version v{} is on record: decisions were taken away.",
            newest.n
        ));
    }
    let count = record.decisions.len();
    let said = match (found.len(), count) {
        (0, 0) => "There are no decisions yet.".to_owned(),
        (0, 1) => "The record is whole: 1 decision, its hash computed again.".to_owned(),
        (0, _) => format!(
            "The record is whole: {count} decisions, each hash computed again and bound to the one before."
        ),
        (1, _) => "The record is not whole: 1 fault.".to_owned(),
        (faults, _) => format!("The record is not whole: {faults} faults."),
    };
    let head = record.decisions.iter().max_by_key(|row| row.link.n).map(|row| row.row_hash);
    Check { is_whole: found.is_empty(), head, sentence: said, faults: found }
}

/// By somebody whose word moves a shot.
fn is_approved(record: &Record, subject_id: &str) -> bool {
    let approves = |link: &Link| link.verdict == Verdict::Approve && may(link.role, Action::DecideQuadmask);
    record.decisions.iter().any(|row| row.link.subject_id == subject_id && approves(&row.link))
}

fn sentence(words: &str) -> String {
    format!("{}.", capital(words))
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use domain::{DecisionId, PersonId, Role, ShotId};
    use serde_json::Value;

    use super::*;
    use crate::chain::FIRST_PREV;

    fn id<T: std::str::FromStr>(last: u8) -> T {
        format!("00000000-0000-0000-0000-0000000000{last:02x}").parse().unwrap_or_else(|_| panic!("an id"))
    }

    /// Quadmask v1 refused, v2 approved, run, version v1 approved by a supervisor and a guest.
    fn record() -> Record {
        let quadmask = |n: u32| {
            let content = format!("{{\"plate\":\"{n}\"}}");
            Quadmask {
                quadmask_id: id(n as u8),
                n,
                author: "Ana".into(),
                note: String::new(),
                made_at: 1,
                subject: Hash::of(content.as_bytes()),
                content,
            }
        };
        let content = "{\"edge_px\":4}".to_owned();
        let version = Version {
            version_id: id(16),
            n: 1,
            quadmask_n: 2,
            engine: "plate".into(),
            made_at: 2,
            subject: Hash::of(content.as_bytes()),
            content,
        };
        let quadmasks = vec![quadmask(1), quadmask(2)];
        let mut record = Record {
            project: Named { id: "p".into(), name: "Night Tide".into() },
            sequence: None,
            shot: Named { id: "s".into(), name: "0310".into() },
            phase: Phase::Approved,
            plate: Plate { file_name: "0310.mov".into(), sha256: Hash::of(b"plate") },
            run: vec![quadmasks[1].quadmask_id],
            quadmasks,
            versions: vec![version],
            decisions: Vec::new(),
            unreadable: Vec::new(),
        };
        let guest = Named { id: "l".into(), name: "For the client".into() };
        for (about, verdict, guest_of) in [
            (0, Verdict::Changes, None),
            (1, Verdict::Approve, None),
            (2, Verdict::Approve, None),
            (2, Verdict::Approve, Some(guest)),
        ] {
            let (kind, subject_id, subject) = match about {
                2 => ("version", record.versions[0].version_id.to_string(), record.versions[0].subject),
                q => ("quadmask", record.quadmasks[q].quadmask_id.to_string(), record.quadmasks[q].subject),
            };
            let n = record.decisions.len() as i64 + 1;
            let link = Link {
                decision_id: DecisionId(Default::default()),
                shot_id: ShotId(Default::default()),
                n,
                subject_kind: kind.into(),
                subject_id,
                subject,
                person_id: PersonId(Default::default()),
                role: if guest_of.is_some() { Role::Client } else { Role::Supervisor },
                verdict,
                note: format!("Note {n}: “ok”\n"),
                at: 1_763_762_465_000_000 + n,
                prev: record.decisions.last().map_or(FIRST_PREV.to_owned(), |row| row.row_hash.to_string()),
            };
            let row_hash = link.row_hash();
            record.decisions.push(Row { link, row_hash, name: "Sam".into(), guest_of });
        }
        record
    }

    #[test]
    fn a_whole_record_says_so_and_what_is_stale() {
        let history = History::of(record());
        assert!(history.check.is_whole, "{:?}", history.check);
        assert_eq!(history.check.head, history.decisions.last().map(|entry| entry.row_hash));
        let said: Vec<_> = history.decisions.iter().map(|e| (e.about.as_str(), e.role(), e.stale)).collect();
        assert_eq!(
            said,
            [
                ("quadmask v1", "supervisor", true),
                ("quadmask v2", "supervisor", false),
                ("version v1", "supervisor", false),
                ("version v1", "guest", false)
            ]
        );
        assert_eq!(history.decisions[0].stale_because.as_deref(), Some("Quadmask v2 came after it."));
        assert_eq!(history.decisions[0].at, "2025-11-21T22:01:05Z");
    }

    /// What `reading` promises, done with nothing of ours but SHA-256 and a reader of JSON.
    #[test]
    fn another_program_computes_the_chain_again_from_the_json() {
        let json = History::of(record()).to_json();
        let read: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(serde_json::to_string(&read).expect("JSON"), json, "sorted, no white space, no floats");
        let mut prev = String::new();
        let subjects: Vec<(&Value, &Value)> = ["quadmasks", "versions"]
            .into_iter()
            .flat_map(|list| read[list].as_array().expect("a list"))
            .map(|made| (made.get("quadmask_id").unwrap_or(&made["version_id"]), made))
            .collect();
        for (at, entry) in read["decisions"].as_array().expect("decisions").iter().enumerate() {
            let row = &entry["row"];
            assert_eq!((row["n"].as_u64(), row["prev"].as_str()), (Some(at as u64 + 1), Some(prev.as_str())));
            let text = serde_json::to_string(row).expect("JSON"); // keys in order, whole numbers
            prev = Hash::of(text.as_bytes()).to_string();
            assert_eq!(entry["row_hash"], prev);
            let (_, made) = subjects.iter().find(|(id, _)| **id == row["subject_id"]).expect("there");
            assert_eq!(made["subject"], row["subject"]);
            let content = made["content"].as_str().expect("text");
            assert_eq!(made["subject"], Hash::of(content.as_bytes()).to_string());
        }
        assert_eq!(read["check"]["head"], prev);
    }

    #[test]
    fn altered_missing_and_doubled_decisions_are_named() {
        let faults = |change: fn(&mut Record)| {
            let mut record = record();
            change(&mut record);
            let check = History::of(record).check;
            assert_eq!(check.is_whole, check.faults.is_empty());
            check.faults
        };
        let altered = faults(|r| r.decisions[1].link.note = "another".into());
        assert_eq!(altered, ["Decision 2 was changed after it was made: its hash no longer fits."]);
        let missing = faults(|r| drop(r.decisions.remove(0)));
        assert_eq!(missing, ["Decision 1 is missing: the next one kept is 2."]);
        let doubled = faults(|r| r.decisions.push(r.decisions[2].clone()));
        assert_eq!(doubled, ["Decision 3 is there twice: the record forks there."]);
    }

    #[test]
    fn decisions_that_were_cut_off_and_contents_that_were_changed_are_noticed() {
        let mut cut = record();
        cut.decisions.truncate(1);
        assert_eq!(
            History::of(cut).check.faults,
            [
                "Quadmask v2 was run, yet no approval of it is on record: decisions were taken away.",
                "The shot is approved, yet no approval of version v1 is on record: decisions were taken away.",
            ]
        );
        let mut changed = record();
        changed.versions[0].content = "{\"edge_px\":5}".into();
        let check = History::of(changed.clone()).check;
        assert_eq!(
            check.faults,
            ["Version v1 was changed after it was made: its content no longer fits its hash."]
        );
        changed.versions[0].subject = Hash::of(changed.versions[0].content.as_bytes());
        let check = History::of(changed).check;
        assert_eq!(check.faults[0], "Decision 3 is bound to another hash than version v1 has.");
        let mut gone = record();
        gone.versions.clear();
        assert!(History::of(gone).check.faults[0].contains("about a version that is not there"));
    }
}
