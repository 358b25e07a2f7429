//! What an endpoint's answer says, whoever made it: the text, whether it is whole, and what was counted.

use serde_json::Value;

#[derive(Debug, PartialEq, Eq)]
pub struct Heard {
    pub text: String,
    pub is_cut_off: bool,
    pub tokens_in: u64,
    pub tokens_out: u64,
}

impl Heard {
    /// From the body of a good answer.
    ///
    /// # Errors
    /// In words, what it lacks.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).map_err(|_| "it is no JSON".to_owned())?;
        let choice = &body["choices"][0];
        let message = &choice["message"];
        let text = match &message["content"] {
            Value::String(text) => text.clone(),
            // Some answer in parts, as they are asked.
            Value::Array(parts) => {
                parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().concat()
            }
            _ => String::new(),
        };
        if choice.is_null() {
            return Err("it has no “choices”".to_owned());
        }
        if text.trim().is_empty() && message["refusal"].is_string() {
            return Err("the model refused to look at this shot".to_owned());
        }
        let counted = |name: &str| body["usage"][name].as_u64().unwrap_or(0).min(MOST_TOKENS);
        Ok(Self {
            text,
            is_cut_off: choice["finish_reason"] == "length",
            tokens_in: counted("prompt_tokens"),
            tokens_out: counted("completion_tokens"),
        })
    }
}

/// More is no count.
const MOST_TOKENS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_parts_is_one_text() {
        let body = br#"{"choices": [{"finish_reason": "length", "message": {"content": [{"type": "text", "text": "{"}, {"text": "}"}, 5]}}],
            "usage": {"prompt_tokens": 7, "completion_tokens": -1}}"#;
        let heard = Heard::read(body).expect("heard");
        assert_eq!(heard, Heard { text: "{}".into(), is_cut_off: true, tokens_in: 7, tokens_out: 0 });
    }

    #[test]
    fn what_is_no_answer_is_said_in_words() {
        for (body, says) in [
            ("<html>hello</html>", "no JSON"),
            ("{}", "no “choices”"),
            ("[]", "no “choices”"),
            (r#"{"choices": []}"#, "no “choices”"),
            (r#"{"choices": [{"message": {"content": null, "refusal": "I must not."}}]}"#, "refused"),
        ] {
            let error = Heard::read(body.as_bytes()).expect_err(body);
            assert!(error.contains(says), "{error}");
        }
        let deep = "[".repeat(200_000);
        assert!(Heard::read(deep.as_bytes()).is_err());
        // Nothing was said: the parser of answers says so.
        let empty = Heard::read(br#"{"choices": [{"message": {}}]}"#).expect("an empty answer");
        assert_eq!(empty.text, "");
    }
}
