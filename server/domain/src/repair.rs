//! Small faults that models make when they write JSON, mended without guessing at what was meant.

/// Takes out comments and commas before a closing bracket, and puts what JSON knows for what it does not: null for NaN and
/// Infinity, U+FFFD for half a surrogate pair. Text inside strings stays as it is.
pub fn repaired(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' => string(rest, &mut out),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            ',' => {
                if !closes(&rest[1..]) {
                    out.push(',');
                }
                1
            }
            _ => match ["-Infinity", "Infinity", "NaN"].into_iter().find(|word| rest.starts_with(word)) {
                Some(word) => {
                    out.push_str("null");
                    word.len()
                }
                None => {
                    out.push(first);
                    first.len_utf8()
                }
            },
        };
        rest = &rest[taken..];
    }
    out
}

/// Whether only blanks and comments stand before a closing bracket.
fn closes(mut rest: &str) -> bool {
    loop {
        rest = rest.trim_start();
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else {
            return rest.starts_with(['}', ']']);
        }
    }
}

/// Copies a string and returns its length.
fn string(text: &str, out: &mut String) -> usize {
    out.push('"');
    let mut at = 1;
    while let Some(next) = text[at..].chars().next() {
        match next {
            '"' => {
                out.push('"');
                return at + 1;
            }
            '\\' => {
                let (length, unit) = unit(&text[at..]);
                let paired = unit.is_some_and(|unit| (0xd800..0xdc00).contains(&unit))
                    && self::unit(&text[at + length..]).1.is_some_and(|low| (0xdc00..0xe000).contains(&low));
                if paired {
                    out.push_str(&text[at..at + 2 * length]);
                    at += 2 * length;
                } else {
                    let half = unit.is_some_and(|unit| (0xd800..0xe000).contains(&unit));
                    out.push_str(if half { "\\ufffd" } else { &text[at..at + length] });
                    at += length;
                }
            }
            _ => {
                out.push(next);
                at += next.len_utf8();
            }
        }
    }
    at
}

/// How long an escape is, and the UTF-16 unit that it stands for if it names one.
fn unit(text: &str) -> (usize, Option<u16>) {
    let digits = text.strip_prefix("\\u").and_then(|rest| rest.get(..4));
    match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
        Some(unit) => (6, Some(unit)),
        None => (1 + text[1.min(text.len())..].chars().next().map_or(0, char::len_utf8), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn faults_are_mended_and_strings_left_alone() {
        let faulty = "{ // note\n \"a\": [1, 2, /* and */ ], \"b\": NaN, \"c\": -Infinity, \"d\": \"NaN // ,} \\\" \\ud800 \\ud83d\\ude00\", }";
        let value: serde_json::Value = serde_json::from_str(&repaired(faulty)).unwrap();
        let want = serde_json::json!({"a": [1, 2], "b": null, "c": null, "d": "NaN // ,} \" \u{fffd} 😀"});
        assert_eq!(value, want);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_stumble(text in "[\\\\\"u,/*{}dD89é0a-f\n ]{0,60}") {
            let _ = repaired(&text);
        }
    }
}
