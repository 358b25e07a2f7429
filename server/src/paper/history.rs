//! A shot's record of decisions on paper: the check first, then who decided what about which hash, then what was made.

use domain::{Verdict, moment};
use provenance::History;
use provenance::history::Entry;

use super::Result;
use super::sheet::{BAD, BODY, FAINT, GOOD, HEADING, MEASURE, SMALL, STRONG, Sheets, TITLE};

/// The document. `now`: microseconds UTC, printed as the moment of the check.
///
/// # Errors
/// A typeface that cannot be read.
pub fn history(history: &History, now: i64) -> Result<Vec<u8>> {
    let place: Vec<&str> =
        [Some(history.project.name.as_str()), history.sequence.as_deref(), Some(history.shot.name.as_str())]
            .into_iter()
            .flatten()
            .collect();
    let place = place.join(" / ");
    let mut sheets = Sheets::new()?;
    sheets.text(TITLE, &history.shot.name);
    sheets.space(2.0);
    sheets.text(FAINT, &format!("Plate {}", history.plate.file_name));
    sheets.text(SMALL, &format!("SHA-256 {}", history.plate.sha256));
    sheets.space(10.0);
    check(&mut sheets, history);
    decisions(&mut sheets, history);
    made(&mut sheets, history);
    sheets.space(8.0);
    sheets.text(
        FAINT,
        "The same record as JSON (history.json) holds every hashed row and says how to compute the hashes again.",
    );
    let title = format!("History of decisions: {place}");
    let foot = format!("Checked and printed {} by Minus One", moment::utc(now));
    sheets.finish(&title, (&place, "History of decisions"), &foot)
}

fn check(sheets: &mut Sheets, history: &History) {
    let check = &history.check;
    sheets.text(if check.is_whole { GOOD } else { BAD }, &check.sentence);
    for fault in &check.faults {
        sheets.row(&[(0.0, 10.0, BAD, "•"), (10.0, MEASURE - 10.0, BODY, fault)]);
    }
    if let Some(head) = check.head {
        sheets.text(SMALL, &format!("Hash of the last decision, which stands for all of them: {head}"));
    }
    sheets.space(12.0);
}

fn decisions(sheets: &mut Sheets, history: &History) {
    sheets.keep(60.0);
    sheets.text(HEADING, "Decisions");
    sheets.space(3.0);
    if history.decisions.is_empty() {
        sheets.text(FAINT, "Nobody has decided about this shot yet.");
    } else {
        let head =
            [(0.0, "No."), (26.0, "When"), (134.0, "Who"), (262.0, "About"), (342.0, "Verdict and words")];
        sheets.row(&head.map(|(x, word)| (x, 120.0, FAINT, word)));
        sheets.rule();
    }
    for entry in &history.decisions {
        decision(sheets, entry);
    }
    sheets.space(12.0);
}

fn decision(sheets: &mut Sheets, entry: &Entry) {
    let verdict = match entry.row.verdict {
        Verdict::Approve => "Approved",
        Verdict::Changes => "Asked for changes",
    };
    let who = match &entry.guest_of {
        Some(link) => format!("{} (guest of the link “{}”)", entry.name, link.name),
        None => format!("{} ({})", entry.name, entry.role()),
    };
    let words = entry.row.note.trim();
    let said = if words.is_empty() { verdict.to_owned() } else { format!("{verdict}: “{words}”") };
    let said = match &entry.stale_because {
        Some(why) => format!("{said}\nStale: {why}"),
        None => said,
    };
    sheets.keep(48.0);
    sheets.row(&[
        (0.0, 24.0, STRONG, &entry.row.n.to_string()),
        (26.0, 100.0, BODY, &moment::utc(entry.row.at)),
        (134.0, 122.0, BODY, &who),
        (262.0, 78.0, BODY, &entry.about),
        (342.0, MEASURE - 342.0, BODY, &said),
    ]);
    sheets.row(&[(26.0, MEASURE - 26.0, SMALL, &format!("Bound to {}", entry.row.subject))]);
    sheets.row(&[(26.0, MEASURE - 26.0, SMALL, &format!("Row hash {}", entry.row_hash))]);
    sheets.space(3.0);
    sheets.rule();
}

fn made(sheets: &mut Sheets, history: &History) {
    if history.quadmasks.is_empty() && history.versions.is_empty() {
        return;
    }
    sheets.keep(60.0);
    sheets.text(HEADING, "What was made");
    sheets.space(3.0);
    let quadmasks = history.quadmasks.iter().map(|q| {
        let note =
            if q.note.trim().is_empty() { String::new() } else { format!(": “{}”", q.note.trim()) };
        (q.made_at, format!("Quadmask v{}", q.n), format!("Sent to review by {}{note}", q.author), q.subject)
    });
    let versions = history.versions.iter().map(|v| {
        let content = serde_json::from_str::<serde_json::Value>(&v.content).unwrap_or_default();
        let label = content.pointer("/networks/label").and_then(serde_json::Value::as_str);
        let label = label.map(|label| format!(". {label}")).unwrap_or_default();
        let what = format!("Result of the {} engine on quadmask v{}{label}", v.engine, v.quadmask_n);
        (v.made_at, format!("Version v{}", v.n), what, v.subject)
    });
    let mut all: Vec<_> = quadmasks.chain(versions).collect();
    all.sort_by_key(|(at, ..)| *at);
    for (at, name, what, subject) in all {
        sheets.keep(28.0);
        sheets.row(&[
            (0.0, 110.0, BODY, &moment::utc(at)),
            (114.0, 80.0, STRONG, &name),
            (198.0, MEASURE - 198.0, BODY, &what),
        ]);
        sheets.row(&[(114.0, MEASURE - 114.0, SMALL, &format!("SHA-256 {subject}"))]);
        sheets.space(3.0);
    }
}
