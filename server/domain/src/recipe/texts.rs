//! The knobs of VOID as texts, for forms: one text for each knob of [`VoidRecipe::KNOBS`], and back.

use serde_json::{Map, Value};

use super::{Knob, VoidRecipe};

impl Knob {
    /// The words that it can be, where it is no number.
    pub fn choices(&self) -> Option<impl Iterator<Item = &'static str> + use<>> {
        let is_number = default_of(self.name).is_some_and(|value| value.is_number());
        (!is_number).then(|| self.range.split(", "))
    }

    /// As people read it: `pass1.steps` is “Steps”.
    pub fn label(&self) -> String {
        let words = self.name.rsplit('.').next().unwrap_or_default().replace('_', " ");
        let mut letters = words.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    }

    /// Of pass 1 or pass 2 alone; `None`: of both.
    pub fn pass(&self) -> Option<u32> {
        match self.name.split_once('.') {
            // Asked of what pass 1 made.
            Some(("pass2", "when" | "morphing")) => Some(1),
            Some(("pass1", _)) => Some(1),
            Some(("pass2", _)) => Some(2),
            _ => None,
        }
    }
}

impl VoidRecipe {
    /// Each knob's text, in the order of [`VoidRecipe::KNOBS`].
    pub fn texts(&self) -> Vec<String> {
        let all = serde_json::to_value(self).expect("plain JSON");
        let text = |knob: &Knob| {
            let value = at(&all, knob.name).expect("every knob is in the recipe");
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        };
        Self::KNOBS.iter().map(text).collect()
    }

    /// The recipe of such texts, if every knob is in range.
    ///
    /// # Errors
    /// Which knob is wrong, and what it may be.
    pub fn from_texts(texts: &[String]) -> Result<Self, String> {
        let mut all = Map::new();
        for (knob, text) in Self::KNOBS.iter().zip(texts) {
            let text = text.trim();
            let wrong = || format!("{} is “{text}”: allowed are {}.", knob.name, knob.range);
            let value = match default_of(knob.name).expect("every knob has a default") {
                Value::Bool(_) => Value::Bool(text.parse().map_err(|_| wrong())?),
                Value::Number(number) if number.is_u64() => text.parse::<u64>().map_err(|_| wrong())?.into(),
                Value::Number(_) => {
                    let number = text.parse::<f64>().map_err(|_| wrong())?;
                    serde_json::Number::from_f64(number).ok_or_else(wrong)?.into()
                }
                _ if knob.choices().is_some_and(|mut known| known.any(|word| word == text)) => text.into(),
                _ => return Err(wrong()),
            };
            let (group, name) = knob.name.split_once('.').unwrap_or(("", knob.name));
            if group.is_empty() {
                all.insert(name.to_owned(), value);
            } else {
                let inner = all.entry(group).or_insert_with(|| Map::new().into());
                inner.as_object_mut().expect("a group is no knob").insert(name.to_owned(), value);
            }
        }
        let recipe: Self = serde_json::from_value(all.into()).map_err(|error| format!("{error}."))?;
        recipe.checked().map_err(|bad| format!("{bad}."))
    }
}

fn default_of(name: &str) -> Option<Value> {
    at(&serde_json::to_value(VoidRecipe::default()).expect("plain JSON"), name).cloned()
}

fn at<'a>(all: &'a Value, name: &str) -> Option<&'a Value> {
    name.split('.').try_fold(all, |value, part| value.get(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, text: &str) -> Result<VoidRecipe, String> {
        let mut texts = VoidRecipe::default().texts();
        let place = VoidRecipe::KNOBS.iter().position(|knob| knob.name == name).expect("a knob");
        texts[place] = text.to_owned();
        VoidRecipe::from_texts(&texts)
    }

    #[test]
    fn every_knob_goes_to_text_and_back() {
        let odd = VoidRecipe {
            grain: 0.25,
            hide_target: true,
            seed: 9_007_199_254_740_991,
            ..VoidRecipe::default()
        };
        assert_eq!(VoidRecipe::from_texts(&odd.texts()), Ok(odd));
        assert_eq!(
            with("pass2.sampler", "euler").expect("known").pass2.sampler,
            super::super::Sampler::Euler
        );
        assert_eq!(with("pass1.guidance", "6").expect("a whole number").pass1.guidance, 6.0);
    }

    #[test]
    fn a_wrong_text_is_named_with_what_is_allowed() {
        for (name, text) in [
            ("seed", "-1"),
            ("seed", ""),
            ("pass1.steps", "2.5"),
            ("fit", "crop"),
            ("hide_target", "yes"),
            ("grain", "NaN"),
        ] {
            let said = with(name, text).expect_err(text);
            assert!(said.starts_with(&format!("{name} is “{text}”: allowed are ")), "{said}");
        }
        assert!(with("pass1.steps", "0").expect_err("none").contains("pass1.steps is 0"));
    }

    #[test]
    fn knobs_tell_what_they_can_be() {
        let knob = |name: &str| *VoidRecipe::KNOBS.iter().find(|knob| knob.name == name).expect("a knob");
        assert_eq!(knob("fit").choices().expect("words").collect::<Vec<_>>(), ["keep", "stretch"]);
        assert!(knob("seed").choices().is_none());
        assert_eq!((knob("pass1.steps").label(), knob("pass1.steps").pass()), ("Steps".to_owned(), Some(1)));
        assert_eq!(
            (knob("overlap_frames").label(), knob("overlap_frames").pass()),
            ("Overlap frames".into(), None)
        );
    }
}
