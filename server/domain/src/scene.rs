//! “What remains”: what the scene shows without the target, put together from what is known of its causes. A start for whoever
//! writes it, since it is the prompt of the removal; a model outside may say it better.

use crate::{Cause, Consequence};

/// Sentences about what is left, in the present tense and without the target in them; empty where no cause says anything.
pub fn proposed(causes: &[Cause]) -> String {
    let mut sentences = Vec::new();
    for cause in causes {
        let name = cause.name.trim();
        if name.is_empty() {
            continue;
        }
        let rest = match cause.consequence {
            // What is gone is not spoken of: a model would draw it.
            Consequence::Vanish => continue,
            Consequence::Stay => "is still and as it was before",
            Consequence::React => "moves on its own",
            Consequence::Keep => "moves as it does",
        };
        sentences.push(format!("{}{name} {rest}.", article(name)));
    }
    if sentences.is_empty() && !causes.is_empty() {
        return "The empty scene, with nothing in it that casts a shadow or leaves a trace.".to_owned();
    }
    sentences.join(" ")
}

/// “The ” before a name that has no article, so that the sentence is one.
fn article(name: &str) -> &'static str {
    let first = name.split_whitespace().next().unwrap_or_default().to_lowercase();
    if ["the", "a", "an", "this", "that", "these"].contains(&first.as_str()) { "" } else { "The " }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CauseId;

    fn cause(name: &str, consequence: Consequence) -> Cause {
        Cause {
            cause_id: CauseId(uuid::Uuid::nil()),
            name: name.into(),
            reason: String::new(),
            consequence,
            path: vec![],
            spans: vec![],
        }
    }

    #[test]
    fn what_remains_is_said_and_what_goes_is_not() {
        let causes = [
            cause("Shadow", Consequence::Vanish),
            cause("trampoline bed", Consequence::Stay),
            cause("A ball", Consequence::React),
        ];
        assert_eq!(
            proposed(&causes),
            "The trampoline bed is still and as it was before. A ball moves on its own."
        );
        let gone = proposed(&causes[..1]);
        assert!(gone.starts_with("The empty scene"), "{gone}");
        assert_eq!(proposed(&[]), "");
    }
}
