//! A comment's text as it is shown: plain text, with addresses that can be followed and names that stand out. Text is
//! never markup; whatever is typed is seen as typed.

use domain::PersonId;
use domain::thread::{Author, mention};
use leptos::prelude::*;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// An address that begins with `http://` or `https://`; no other may be followed.
    Link(String),
    /// `true`: the viewer.
    Name(String, bool),
}

/// Cuts a text at addresses, and at the names of people that the server found in it.
pub fn pieces(text: &str, people: &[Author], mentions: &[PersonId], viewer: PersonId) -> Vec<Piece> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some((at, length)) = next_link(rest) {
        names(&rest[..at], people, mentions, viewer, &mut all);
        all.push(Piece::Link(rest[at..at + length].to_owned()));
        rest = &rest[at + length..];
    }
    names(rest, people, mentions, viewer, &mut all);
    all
}

/// Where the next address is and how long.
fn next_link(text: &str) -> Option<(usize, usize)> {
    let starts = ["https://", "http://"];
    let mut from = 0;
    while let Some(at) = text[from..].find("http").map(|at| from + at) {
        from = at + 4;
        let Some(scheme) = starts.iter().find(|s| text[at..].starts_with(**s)) else { continue };
        if text[..at].chars().next_back().is_some_and(char::is_alphanumeric) {
            continue;
        }
        let ends = |c: char| c.is_whitespace() || c.is_control() || "<>\"'`{}|\\^“”„".contains(c);
        let end = text[at..].find(ends).map_or(text.len(), |end| at + end);
        let mut link = text[at..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '…']);
        // “(see http://host/a)” ends before the bracket, “http://host/a_(b)” does not.
        if link.ends_with(')') && !link.contains('(') {
            link = link.trim_end_matches(')');
        }
        if link.len() > scheme.len() {
            return Some((at, link.len()));
        }
    }
    None
}

fn names(text: &str, people: &[Author], mentions: &[PersonId], viewer: PersonId, all: &mut Vec<Piece>) {
    let named: Vec<&Author> = people.iter().filter(|p| mentions.contains(&p.person_id)).collect();
    let words: Vec<&str> = named.iter().map(|p| p.name.as_str()).collect();
    let mut from = 0;
    for (range, who) in mention::find(text, &words) {
        if range.start > from {
            all.push(Piece::Text(text[from..range.start].to_owned()));
        }
        let is_me = who.iter().any(|&at| named[at].person_id == viewer);
        all.push(Piece::Name(text[range.clone()].to_owned(), is_me));
        from = range.end;
    }
    if from < text.len() {
        all.push(Piece::Text(text[from..].to_owned()));
    }
}

#[component]
pub fn Prose(text: String, people: Vec<Author>, mentions: Vec<PersonId>, viewer: PersonId) -> impl IntoView {
    let piece = |piece: Piece| match piece {
        Piece::Text(text) => text.into_any(),
        Piece::Link(to) => view! {
            <a href=to.clone() target="_blank" rel="noopener noreferrer nofollow external">{to.clone()}</a>
        }
        .into_any(),
        Piece::Name(name, is_me) => {
            view! { <span class="prose__name" data-me=is_me.then_some("true")>{name}</span> }.into_any()
        }
    };
    let all = pieces(&text, &people, &mentions, viewer);
    view! { <p class="prose">{all.into_iter().map(piece).collect_view()}</p> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Role;

    fn id(n: u8) -> PersonId {
        format!("00000000-0000-0000-0000-0000000000{n:02}").parse().expect("an id")
    }

    fn links(text: &str) -> Vec<String> {
        pieces(text, &[], &[], id(0))
            .into_iter()
            .filter_map(|p| if let Piece::Link(link) = p { Some(link) } else { None })
            .collect()
    }

    #[test]
    fn only_web_addresses_become_links() {
        for (text, wanted) in [
            ("see https://studio.test/a?b=c#d.", vec!["https://studio.test/a?b=c#d"]),
            ("(http://studio.test/a)", vec!["http://studio.test/a"]),
            ("http://studio.test/a_(b), http://b.test", vec!["http://studio.test/a_(b)", "http://b.test"]),
            ("javascript:alert(1) data:text/html,x //host vbscript:x", vec![]),
            ("<a href=\"http://x.test\">", vec!["http://x.test"]),
            ("http:// https://", vec![]),
            ("xhttp://a.test http https", vec![]),
            ("http://x.test\"onclick=alert(1)", vec!["http://x.test"]),
        ] {
            assert_eq!(links(text), wanted, "{text}");
        }
    }

    #[test]
    fn nothing_of_a_text_is_lost() {
        let people = [
            Author { person_id: id(1), name: "Artist".into(), role: Role::Artist, is_guest: false },
            Author { person_id: id(2), name: "Supervisor".into(), role: Role::Supervisor, is_guest: false },
        ];
        let text = "<script>alert(1)</script> @Artist: http://a.test/@Artist @Supervisor é";
        let all = pieces(text, &people, &[id(1)], id(1));
        let whole: String = all
            .iter()
            .map(|p| match p {
                Piece::Text(t) | Piece::Link(t) | Piece::Name(t, _) => t.as_str(),
            })
            .collect();
        assert_eq!(whole, text);
        assert_eq!(all[1], Piece::Name("@Artist".into(), true));
        assert_eq!(all[3], Piece::Link("http://a.test/@Artist".into()));
        assert_eq!(all[4], Piece::Text(" @Supervisor é".into()), "the server found no such mention");
    }
}
