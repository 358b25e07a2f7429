//! A record on paper: names in many scripts, long words, many pages.

use std::collections::HashMap;

use domain::{DecisionId, Hash, PersonId, Phase, Role, ShotId, Verdict};
use provenance::history::{Named, Plate, Record, Row};
use provenance::{FIRST_PREV, History, Link};
use server::paper::history;

/// The words of a PDF without spaces, by what its fonts say their glyphs mean: what a reader copies and searches.
pub fn printed(bytes: &[u8]) -> String {
    let pdf = lopdf::Document::load_mem(bytes).expect("a PDF that another library reads");
    let mut text = String::new();
    for page in pdf.get_pages().into_values() {
        let mut meanings: HashMap<Vec<u8>, HashMap<u16, String>> = HashMap::new();
        for (name, font) in pdf.get_page_fonts(page).expect("fonts") {
            let meaning = font
                .get(b"ToUnicode")
                .and_then(lopdf::Object::as_reference)
                .expect("a font that can be read");
            let map = pdf.get_object(meaning).and_then(lopdf::Object::as_stream).expect("a stream");
            let map = map.decompressed_content().unwrap_or_else(|_| map.content.clone());
            meanings.insert(name, glyphs(&String::from_utf8_lossy(&map)));
        }
        let content = pdf.get_page_content(page).expect("content");
        let mut font = None;
        for operation in lopdf::content::Content::decode(&content).expect("operations").operations {
            let strings: Vec<&[u8]> = match (operation.operator.as_str(), operation.operands.first()) {
                ("Tf", Some(name)) => {
                    font = meanings.get(name.as_name().expect("a name"));
                    continue;
                }
                ("Tj", Some(string)) => string.as_str().into_iter().collect(),
                ("TJ", Some(list)) => {
                    list.as_array().expect("a list").iter().filter_map(|item| item.as_str().ok()).collect()
                }
                _ => continue,
            };
            let codes =
                strings.into_iter().flat_map(|s| s.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]])));
            for code in codes {
                text.push_str(font.and_then(|font| font.get(&code)).map_or("?", String::as_str));
            }
        }
    }
    text.split_whitespace().collect()
}

/// What a ToUnicode map says, of single glyphs and of ranges.
fn glyphs(map: &str) -> HashMap<u16, String> {
    let mut glyphs = HashMap::new();
    let number = |hex: &str| u16::from_str_radix(hex, 16).expect("hexadecimal");
    let letters = |hex: &str| {
        let units: Vec<u16> = (0..hex.len() / 4).map(|at| number(&hex[4 * at..4 * at + 4])).collect();
        String::from_utf16_lossy(&units)
    };
    for (kind, size) in [("bfchar", 2), ("bfrange", 3)] {
        for block in map.split(&format!("begin{kind}")).skip(1) {
            let block = block.split(&format!("end{kind}")).next().unwrap_or_default();
            let words: Vec<&str> = block.split(['<', '>']).skip(1).step_by(2).collect();
            for entry in words.chunks_exact(size) {
                let (first, last) = (number(entry[0]), number(entry[size - 2]));
                for code in first..=last {
                    let mut said = letters(entry[size - 1]);
                    if code > first {
                        let start = said.pop().expect("a letter");
                        said.extend(char::from_u32(u32::from(start) + u32::from(code - first)));
                    }
                    glyphs.insert(code, said);
                }
            }
        }
    }
    glyphs
}

/// A record with these decisions: who, and what they said.
fn record(said: &[(&str, &str)]) -> Record {
    let named = |name: &str| Named { id: "id".into(), name: name.into() };
    let mut decisions: Vec<Row> = Vec::new();
    for (n, (who, note)) in (1..).zip(said) {
        let link = Link {
            decision_id: DecisionId(Default::default()),
            shot_id: ShotId(Default::default()),
            n,
            subject_kind: "quadmask".into(),
            subject_id: "q".into(),
            subject: Hash::of(b"subject"),
            person_id: PersonId(Default::default()),
            role: Role::Supervisor,
            verdict: Verdict::Changes,
            note: (*note).into(),
            at: n,
            prev: decisions.last().map_or(FIRST_PREV.to_owned(), |row| row.row_hash.to_string()),
        };
        let row_hash = link.row_hash();
        decisions.push(Row { link, row_hash, name: (*who).into(), guest_of: None });
    }
    Record {
        project: named("Night Tide"),
        sequence: Some("NT 040".into()),
        shot: named("0310"),
        phase: Phase::Masking,
        plate: Plate { file_name: "0310.mov".into(), sha256: Hash::of(b"plate") },
        quadmasks: Vec::new(),
        versions: Vec::new(),
        decisions,
        run: Vec::new(),
        unreadable: Vec::new(),
    }
}

#[test]
fn long_words_and_many_decisions_go_on_on_the_next_page() {
    let long = format!("{}\n{}", "x".repeat(2000), "pebble ".repeat(400));
    let said: Vec<(&str, &str)> =
        (0..40).map(|n| ("Sam", if n == 7 { long.as_str() } else { "Why." })).collect();
    let bytes = history(&History::of(record(&said)), 0).expect("printed");
    let pages = lopdf::Document::load_mem(&bytes).expect("a PDF").get_pages().len();
    assert!((5..12).contains(&pages), "{pages} pages");
    let text = printed(&bytes);
    assert!(
        text.contains(&format!("Page{pages}of{pages}"))
            && text.matches("NightTide/NT040/0310").count() >= pages
    );
    assert_eq!(text.matches("pebble").count(), 400, "nothing is cut off");
    assert!(history(&History::of(record(&[])), 0).expect("printed").starts_with(b"%PDF-"));
}

#[test]
fn names_of_many_scripts_have_letters_and_others_have_numbers() {
    let names = ["Zoë Ångström", "Łukasz Żółć", "Дмитрий Ґалаґан", "Ελένη Παπαδοπούλου", "Nguyễn Thị Hạnh"];
    let said: Vec<(&str, &str)> = names.iter().map(|name| (*name, "夜\u{202e}x")).collect();
    let text = printed(&history(&History::of(record(&said)), 0).expect("printed"));
    for name in names {
        assert!(text.contains(&name.replace(' ', "")), "{name} is not in {text}");
    }
    assert!(text.contains("“[U+591C]x”"), "{text}");
}
