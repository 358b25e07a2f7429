//! A model behind an interface like OpenAI's (Gemini's, a local server's): one question, one answer, with its pictures.

mod call;
mod heard;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::outside::{Asked, Outside, Sends};
use domain::question::{self, Question};
use pipeline::{Masks, PlateFile, Reporter};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use self::call::Line;
use self::heard::Heard;
use crate::clip::clip;
use crate::pictures::pictures;
use crate::{Answer, Error, Reasoner, Result, answer};

/// A key that an endpoint asks for. It is shown nowhere: not in messages, logs or rows.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// `None`: it is empty.
    ///
    /// # Errors
    /// Letters that no key has; the key is not repeated.
    pub fn new(text: &str) -> std::result::Result<Option<Self>, &'static str> {
        let text = text.trim();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a key has only letters, digits and signs, without blanks in it");
        }
        Ok(Some(Self(text.to_owned())).filter(|key| !key.0.is_empty()))
    }
}

/// How long and how often is asked, and how much is sent and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub connect: Duration,
    /// From sending the question to the end of the answer.
    pub answer: Duration,
    /// Questions that are sent at most where the endpoint is busy or cannot be reached.
    pub tries: u32,
    /// Before the second try; each later one waits twice as long, where the endpoint does not say how long.
    pub first_pause: Duration,
    /// Nobody waits longer than this.
    pub longest_pause: Duration,
    /// Bytes of pictures and movie.
    pub most_sent: usize,
    /// Bytes of an answer.
    pub most_answered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            answer: Duration::from_secs(180),
            tries: 4,
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(60),
            most_sent: 12 << 20,
            most_answered: 1 << 20,
        }
    }
}

/// What a worker was told of the model outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub outside: Outside,
    /// `None`: the endpoint asks for none, as local ones do.
    pub key: Option<Key>,
    pub limits: Limits,
}

/// Asks the model of a [`Setting`] one question. Its thread waits on `runtime`, which is another's.
#[derive(Debug)]
pub struct Remote {
    pub setting: Setting,
    pub question: Question,
    pub runtime: Handle,
}

/// What is sent with the question; less of it where an endpoint refuses some.
struct Sent<'a> {
    pictures: &'a [Vec<u8>],
    clip: Option<Vec<u8>>,
    with_schema: bool,
    /// The answer before was no JSON.
    again: bool,
}

impl Reasoner for Remote {
    fn reason(
        &mut self,
        plate: &mut PlateFile,
        masks: &mut dyn Masks,
        report: &mut dyn Reporter,
    ) -> Result<Answer> {
        let Setting { outside, limits, .. } = &self.setting;
        let host = outside.host().to_owned();
        let mut notes = Vec::new();
        let pictures = pictures(plate, masks, &self.question, (limits.most_sent, host.as_str()), report)?;
        let taken: usize = pictures.iter().map(Vec::len).sum();
        let clip = match outside.sends {
            Sends::Pictures => None,
            Sends::Clip => {
                let made = clip(plate, limits.most_sent.saturating_sub(taken), report)?;
                if made.is_none() {
                    notes.push(
                        "The shot is too long to be sent as a movie: the model saw pictures only.".to_owned(),
                    );
                }
                made
            }
        };
        let line = Line::new(&self.setting)?;
        let mut sent = Sent { pictures: &pictures, clip, with_schema: true, again: false };
        let (mut tokens_in, mut tokens_out) = (0, 0);
        loop {
            let body = Bytes::from(self.body(&sent).to_string());
            let heard = match self.runtime.block_on(line.ask(&body, report)) {
                Ok(bytes) => {
                    Heard::read(&bytes).map_err(|reason| Error::NoAnswer { host: host.clone(), reason })?
                }
                // What many local servers do not know.
                Err(Error::Refused { status: 400 | 422, .. }) if sent.with_schema => {
                    sent.with_schema = false;
                    continue;
                }
                Err(Error::Refused { status: 400 | 422, .. } | Error::TooLarge { .. })
                    if sent.clip.is_some() =>
                {
                    sent.clip = None;
                    notes.push("The model did not take the movie: it saw pictures only.".to_owned());
                    continue;
                }
                Err(error) => return Err(error),
            };
            tokens_in += heard.tokens_in;
            tokens_out += heard.tokens_out;
            let asked = Asked::new(outside, tokens_in, tokens_out);
            let bill = format!(" It took: {}.", asked.bill());
            match answer::read(&heard.text, &self.question, plate.size(), asked) {
                Ok(mut answer) => {
                    if heard.is_cut_off {
                        notes.push("The model’s answer was cut off at its longest length.".to_owned());
                    }
                    notes.append(&mut answer.notes);
                    return Ok(Answer { notes, ..answer });
                }
                Err(_) if !sent.again => sent.again = true,
                Err(bad) => return Err(Error::Reply { host, bill, bad }),
            }
        }
    }
}

impl Remote {
    fn body(&self, sent: &Sent<'_>) -> Value {
        let Sent { pictures, clip, with_schema, again } = sent;
        let part = |kind: &str, bytes: &[u8]| {
            let url = format!("data:{kind};base64,{}", STANDARD.encode(bytes));
            json!({ "type": "image_url", "image_url": { "url": url } })
        };
        let mut content: Vec<Value> = pictures.iter().map(|bytes| part("image/jpeg", bytes)).collect();
        content.extend(clip.as_ref().map(|bytes| part("video/mov", bytes)));
        let asked = match clip {
            Some(_) => self.question.text(),
            // Nothing is announced that is not sent.
            None => Question { sends: Sends::Pictures, ..self.question.clone() }.text(),
        };
        content.push(json!({ "type": "text", "text": asked }));
        if *again {
            let text = "Your answer before was no JSON object of the schema. Answer with the JSON object alone: no words around \
                        it, no fence, no comment.";
            content.push(json!({ "type": "text", "text": text }));
        }
        let mut body = json!({
            "model": self.setting.outside.model,
            "messages": [
                { "role": "system", "content": question::system() },
                { "role": "user", "content": content },
            ],
        });
        if *with_schema {
            let schema = json!({ "name": "affected", "strict": true, "schema": question::schema() });
            body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let key = Key::new(" sk-very-secret\n").expect("a key");
        assert_eq!(format!("{key:?}"), "Some(Key(…))");
        let outside = Outside::new("http://127.0.0.1:1", "m", Sends::Pictures, None).expect("an address");
        let setting = Setting { outside, key, limits: Limits::default() };
        assert!(!format!("{setting:?}").contains("secret"));
        assert_eq!(Key::new("  ").expect("empty"), None);
        assert!(Key::new("two words").is_err());
    }
}
