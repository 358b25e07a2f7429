//! Which picture of an archive belongs to which frame: by the number in its name, never by the order of the text.

/// Largest number of gaps that a refusal names.
const MOST_NAMED: usize = 5;

/// The pictures among `names` (paths in an archive), one per frame, in the order of their numbers: the last number of the base
/// name, so `m.2.png` comes before `m.10.png`. What systems put beside files (`__MACOSX`, names that begin with a dot) is passed
/// over. A single picture needs no number.
///
/// # Errors
/// A sentence for people: a name without a number, a number that is there twice, numbers that are missing in between.
pub fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<String>, String> {
    let pictures: Vec<&str> = names.filter(|name| is_picture(name)).collect();
    if let [only] = pictures[..] {
        return Ok(vec![only.to_owned()]);
    }
    let mut numbered = Vec::with_capacity(pictures.len());
    for name in pictures {
        let number = number_of(base(name)).ok_or_else(|| {
            format!(
                "“{name}” does not say which frame it is. Name each picture with its frame number, as in mask.1001.png."
            )
        })?;
        numbered.push((number, name));
    }
    numbered.sort_unstable();
    for pair in numbered.windows(2) {
        let [(number, one), (next, other)] = [pair[0], pair[1]];
        if number == next {
            return Err(format!(
                "“{one}” and “{other}” both say that they are picture {number}. Keep one picture per frame in the archive."
            ));
        }
    }
    match gaps(&numbered) {
        Some(missing) => Err(missing),
        None => Ok(numbered.into_iter().map(|(_, name)| name.to_owned()).collect()),
    }
}

fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or_default()
}

pub fn is_picture(name: &str) -> bool {
    let is_beside = |part: &str| part == "__MACOSX" || (part.starts_with('.') && part != "." && part != "..");
    name.to_lowercase().ends_with(".png") && !name.split(['/', '\\']).any(is_beside)
}

/// The last run of digits before the ending; `None`: there is none, or none that counts frames.
fn number_of(base: &str) -> Option<u64> {
    let stem = &base[..base.len() - ".png".len()];
    let end = stem.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = stem[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + stem[at..].chars().next().map_or(1, char::len_utf8));
    stem[start..end].parse().ok()
}

/// Says which numbers are missing between the first and the last.
fn gaps(numbered: &[(u64, &str)]) -> Option<String> {
    let mut named = Vec::new();
    let mut count = 0;
    for pair in numbered.windows(2) {
        let [(before, _), (after, _)] = [pair[0], pair[1]];
        let missing = after - before - 1;
        count += missing;
        match missing {
            0 => {}
            1 => named.push((before + 1).to_string()),
            _ => named.push(format!("{} to {}", before + 1, after - 1)),
        }
    }
    let (first, last) = (numbered.first()?.0, numbered.last()?.0);
    let more = if named.len() > MOST_NAMED { ", …" } else { "" };
    named.truncate(MOST_NAMED);
    let (word, verb) = if count == 1 { ("number", "is") } else { ("numbers", "are") };
    (count > 0).then(|| {
        format!(
            "The pictures run from {first} to {last}, but {word} {}{more} {verb} missing. Export one picture per frame of the plate.",
            named.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(names: &[&str]) -> Result<Vec<String>, String> {
        in_order(names.iter().copied())
    }

    #[test]
    fn pictures_come_in_the_order_of_their_numbers() {
        let names = ["m.1.png", "m.10.png", "m.11.png", "m.12.png", "m.2.png", "m.3.png", "m.4.png"];
        let shuffled = ["m.5.png", "m.6.png", "m.7.png", "m.8.png", "m.9.png"];
        let all: Vec<&str> = names.into_iter().chain(shuffled).collect();
        let wanted: Vec<String> = (1..=12).map(|n| format!("m.{n}.png")).collect();
        assert_eq!(ordered(&all), Ok(wanted));
        // Our own archive past four digits.
        let ours = ["quadmask.10000.png", "quadmask.10001.png", "quadmask.9998.png", "quadmask.9999.png"];
        let wanted = ["quadmask.9998.png", "quadmask.9999.png", "quadmask.10000.png", "quadmask.10001.png"];
        assert_eq!(ordered(&ours).expect("in order"), wanted);
        // Only the last number counts, wherever it stands; folders and letters beyond ASCII do no harm.
        assert_eq!(
            ordered(&["x/v2_größe007é.PNG", "x/v2_größe6é.png"]).expect("in order"),
            ["x/v2_größe6é.png", "x/v2_größe007é.PNG"]
        );
    }

    #[test]
    fn what_systems_put_beside_files_is_passed_over() {
        let names =
            ["__MACOSX/q/._m.1.png", "q/.m.9.png", "q/m.1.png", "./q/m.0.png", ".trash/m.3.png", "notes.txt"];
        assert_eq!(ordered(&names).expect("two"), ["./q/m.0.png", "q/m.1.png"]);
        assert_eq!(ordered(&["mask.png"]).expect("one needs no number"), ["mask.png"]);
    }

    #[test]
    fn what_does_not_say_its_frame_is_refused_in_words() {
        let said = |names: &[&str]| ordered(names).expect_err("refused");
        let gap = said(&["m.1001.png", "m.1003.png", "m.1004.png"]);
        assert!(gap.contains("from 1001 to 1004, but number 1002 is missing"), "{gap}");
        let wide = said(&["m.1.png", "m.3.png", "m.7.png"]);
        assert!(wide.contains("numbers 2, 4 to 6 are missing"), "{wide}");
        let twice = said(&["a/m.7.png", "b/m.07.png"]);
        assert!(twice.contains("“a/m.7.png” and “b/m.07.png” both say that they are picture 7"), "{twice}");
        let nameless = said(&["first.png", "m.2.png"]);
        assert!(nameless.contains("“first.png” does not say which frame"), "{nameless}");
        let endless = said(&["m.99999999999999999999999.png", "m.2.png"]);
        assert!(endless.contains("does not say which frame"), "{endless}");
    }
}
