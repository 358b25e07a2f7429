//! Names in a text: `@Supervisor`. Who is named is found in the text itself, so nobody can be named by an id from elsewhere.

use std::ops::Range;

/// Where `text` names somebody: the bytes from the `@` on, and which of `names` it is. The longest name wins; case does
/// not matter; a name ends where no letter or digit follows. People of the same name are named together.
pub fn find(text: &str, names: &[&str]) -> Vec<(Range<usize>, Vec<usize>)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find('@').map(|at| from + at) {
        from = at + 1;
        if text[..at].chars().next_back().is_some_and(char::is_alphanumeric) {
            continue; // an e-mail address
        }
        let ends: Vec<(usize, usize)> = names
            .iter()
            .enumerate()
            .filter_map(|(who, name)| Some((who, after(&text[from..], name)? + from)))
            .collect();
        let Some(end) = ends.iter().map(|&(_, end)| end).max() else { continue };
        let who = ends.iter().filter(|&&(_, e)| e == end).map(|&(who, _)| who).collect();
        found.push((at..end, who));
        from = end;
    }
    found
}

/// How many bytes `name` takes at the start of `text`.
fn after(text: &str, name: &str) -> Option<usize> {
    let mut rest = text.char_indices();
    for wanted in name.chars() {
        let (_, got) = rest.next()?;
        if !got.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    match rest.next() {
        None => Some(text.len()),
        Some((_, next)) if next.is_alphanumeric() => None,
        Some((end, _)) => Some(end),
    }
    .filter(|_| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str, names: &[&str]) -> Vec<(String, Vec<usize>)> {
        find(text, names).into_iter().map(|(range, who)| (text[range].to_owned(), who)).collect()
    }

    #[test]
    fn names_are_found_whole_and_the_longest_wins() {
        let names = ["Artist", "Artist Two", "Élan", "Artist"];
        assert_eq!(named("@artist, look", &names), [("@artist".to_owned(), vec![0, 3])]);
        assert_eq!(named("(@Artist Two)", &names), [("@Artist Two".to_owned(), vec![1])]);
        assert_eq!(
            named("@élan and @Artist", &names),
            [("@élan".to_owned(), vec![2]), ("@Artist".to_owned(), vec![0, 3])]
        );
        for text in ["@Artists", "artist@Artist", "@", "@@", "Artist", "@Nobody", "a@b"] {
            assert_eq!(named(text, &names), [], "{text}");
        }
        assert_eq!(named("@Artist", &["", " "]), []);
    }
}
