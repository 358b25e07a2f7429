//! Words for people who look at shots: what a stage says of a file, without the folders of this machine. The log has all of it.

use std::path::Path;

/// `text` with each path cut to the name of what it leads to. `roots`: the folders that this process works in, since a path
/// may be a relative one or have spaces in it; whatever begins with a slash is taken for a path as well.
pub fn plain(text: &str, roots: &[&Path]) -> String {
    let mut roots: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
    roots.retain(|root| !root.is_empty());
    roots.sort_by_key(|root| std::cmp::Reverse(root.len()));
    let (mut said, mut rest, mut before) = (String::new(), text, None);
    while let Some(next) = rest.chars().next() {
        let length = if opens(before) { path_at(rest, &roots) } else { 0 };
        if length > 0 {
            let path = &rest[..length];
            said.push_str(path.trim_end_matches('/').rsplit('/').next().unwrap_or_default());
            (before, rest) = (path.chars().next_back(), &rest[length..]);
        } else {
            said.push(next);
            (before, rest) = (Some(next), &rest[next.len_utf8()..]);
        }
    }
    said
}

/// Whether a path may begin behind a letter.
fn opens(before: Option<char>) -> bool {
    before.is_none_or(|letter| letter.is_whitespace() || "\"'“‘«(`=".contains(letter))
}

/// How many bytes of a path `text` begins with; 0: none.
fn path_at(text: &str, roots: &[String]) -> usize {
    for root in roots {
        if let Some(rest) = text.strip_prefix(root.as_str()) {
            // Another folder may begin with the same letters, and a word may be one.
            if rest.starts_with('/') {
                return root.len() + word(rest);
            }
            if root.contains('/') && word(rest) == 0 {
                return root.len();
            }
        }
    }
    let length = word(text);
    let is_path = text.starts_with('/') && text[1..length.max(1)].chars().any(char::is_alphanumeric);
    if is_path { length } else { 0 }
}

/// Bytes until a word ends; a full stop or colon at its end is none of its.
fn word(text: &str) -> usize {
    let end = text.find(|letter: char| letter.is_whitespace() || "\"'”’»)`,;".contains(letter));
    text[..end.unwrap_or(text.len())].trim_end_matches(['.', ':', '!', '?']).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_names_and_everything_else_stays() {
        let roots = [Path::new("/srv/my data"), Path::new("data/models"), Path::new("data")];
        for (text, says) in [
            (
                "/srv/my data/models/void/void_pass1.safetensors is cut off: it has 10 of 20 bytes.",
                "void_pass1.safetensors is cut off: it has 10 of 20 bytes.",
            ),
            (
                "data/models/void is no folder. Give the folder that the weights were put into.",
                "void is no folder. Give the folder that the weights were put into.",
            ),
            ("Reading “/mnt/scratch-1/named/pillow.mp4”: no such file", "Reading “pillow.mp4”: no such file"),
            ("The disk of /srv/my data is full.", "The disk of my data is full."),
            ("Look into /srv/my data/models/.", "Look into models."),
            ("(/var/lib/minus-one/blobs/ab/abcd)", "(abcd)"),
        ] {
            assert_eq!(plain(text, &roots), says);
        }
        for text in [
            "",
            "The data of frame 3/9 cannot be read and/or written.",
            "Put alibaba-pai/CogVideoX-Fun-V1.5-5b-InP and netflix/void-model there: https://huggingface.co/netflix/void-model.",
            "Half / whole: 1 / 2",
            "databases stay, and data-models/x too",
        ] {
            assert_eq!(plain(text, &roots), text);
        }
    }
}
