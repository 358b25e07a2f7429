//! A reasoner whose answers stand in a script, for tests: they are read exactly as a model's are.

use domain::outside::{Asked, Outside};
use domain::question::Question;
use pipeline::{Masks, PlateFile, Reporter};

use crate::{Answer, Error, Reasoner, Result, answer};

/// Answers with the next text of `script`, whatever it is shown.
#[derive(Debug, Clone)]
pub struct Scripted {
    pub outside: Outside,
    pub question: Question,
    pub script: Vec<String>,
}

impl Reasoner for Scripted {
    fn reason(&mut self, plate: &mut PlateFile, _: &mut dyn Masks, _: &mut dyn Reporter) -> Result<Answer> {
        let text = if self.script.is_empty() { String::new() } else { self.script.remove(0) };
        let asked = Asked::new(&self.outside, 0, 0);
        answer::read(&text, &self.question, plate.size(), asked).map_err(|bad| Error::Reply {
            host: self.outside.host().to_owned(),
            bill: String::new(),
            bad,
        })
    }
}
