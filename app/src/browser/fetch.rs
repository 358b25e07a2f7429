//! Bytes from the server: whole files, byte ranges, and files sent as a body.

use leptos::wasm_bindgen::{JsCast, JsValue};
use leptos::web_sys::{Blob, File, RequestInit, Response};
use wasm_bindgen_futures::JsFuture;

use super::HERE;

/// Why bytes did not come, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// The server has nothing at that address.
    NotThere,
    Because(String),
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotThere => f.write_str("the server does not have it"),
            Self::Because(why) => f.write_str(why),
        }
    }
}

fn because(error: &JsValue) -> Missing {
    let words = error.dyn_ref::<js_sys::Error>().map(|e| String::from(e.message()));
    Missing::Because(words.unwrap_or_else(|| "the connection broke".to_owned()))
}

async fn get(url: &str, range: Option<(u64, u64)>) -> Result<Response, Missing> {
    if !HERE {
        return Err(Missing::NotThere);
    }
    let window = leptos::prelude::window();
    let answer = match range {
        None => window.fetch_with_str(url),
        Some((from, to)) => {
            let headers = leptos::web_sys::Headers::new().map_err(|e| because(&e))?;
            headers
                .set("Range", &format!("bytes={from}-{}", to.saturating_sub(1)))
                .map_err(|e| because(&e))?;
            let init = RequestInit::new();
            init.set_headers(&headers);
            window.fetch_with_str_and_init(url, &init)
        }
    };
    let response: Response = JsFuture::from(answer).await.map_err(|e| because(&e))?.unchecked_into();
    match response.status() {
        200 | 206 => Ok(response),
        404 => Err(Missing::NotThere),
        status => Err(Missing::Because(format!("the server answered {status}"))),
    }
}

/// A whole picture; the error is the server's sentence.
pub async fn picture(url: &str) -> Result<Blob, String> {
    if !HERE {
        return Err("there is no browser here".to_owned());
    }
    let broke = |error: JsValue| because(&error).to_string();
    let answer = leptos::prelude::window().fetch_with_str(url);
    let response: Response = JsFuture::from(answer).await.map_err(broke)?.unchecked_into();
    if response.ok() {
        let blob = JsFuture::from(response.blob().map_err(broke)?).await.map_err(broke)?;
        return Ok(blob.unchecked_into());
    }
    let text = match response.text() {
        Ok(text) => JsFuture::from(text).await.ok().and_then(|t| t.as_string()).unwrap_or_default(),
        Err(_) => String::new(),
    };
    let is_plain = !text.is_empty() && text.len() < 400 && !text.starts_with(['<', '{']);
    Err(if is_plain { text } else { format!("the server answered {}", response.status()) })
}

/// A whole text file.
pub async fn text(url: &str) -> Result<String, Missing> {
    let response = get(url, None).await?;
    let text = JsFuture::from(response.text().map_err(|e| because(&e))?).await.map_err(|e| because(&e))?;
    text.as_string().ok_or_else(|| Missing::Because("the answer is not text".to_owned()))
}

/// A whole file.
pub async fn bytes(url: &str) -> Result<Vec<u8>, Missing> {
    let response = get(url, None).await?;
    let buffer = JsFuture::from(response.array_buffer().map_err(|e| because(&e))?).await;
    Ok(js_sys::Uint8Array::new(&buffer.map_err(|e| because(&e))?).to_vec())
}

/// Bytes `from..to` of a file, kept outside of the program's own memory.
pub async fn part(url: &str, from: u64, to: u64) -> Result<Blob, Missing> {
    let response = get(url, Some((from, to))).await?;
    let is_whole = response.status() == 200;
    let blob: Blob = JsFuture::from(response.blob().map_err(|e| because(&e))?)
        .await
        .map_err(|e| because(&e))?
        .unchecked_into();
    if is_whole {
        // A server or proxy on the way that knows no ranges.
        return blob.slice_with_f64_and_f64(from as f64, to as f64).map_err(|e| because(&e));
    }
    if blob.size() as u64 != to - from {
        return Err(Missing::Because("the file on the server is shorter than it says".to_owned()));
    }
    Ok(blob)
}

/// Bytes `from..to` of a file.
pub async fn range(url: &str, from: u64, to: u64) -> Result<Vec<u8>, Missing> {
    let blob = part(url, from, to).await?;
    let buffer = JsFuture::from(blob.array_buffer()).await.map_err(|e| because(&e))?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

/// Sends `file` as the body of a POST; the error is the server's sentence.
pub async fn post_file(url: &str, file: &File) -> Result<(), String> {
    if !HERE {
        return Ok(());
    }
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(file);
    let answer = leptos::prelude::window().fetch_with_str_and_init(url, &init);
    let broke = |error: JsValue| format!("The file did not arrive: {}. Try again.", because(&error));
    let response: Response = JsFuture::from(answer).await.map_err(broke)?.unchecked_into();
    if response.ok() {
        return Ok(());
    }
    let text = match response.text() {
        Ok(text) => JsFuture::from(text).await.ok().and_then(|t| t.as_string()).unwrap_or_default(),
        Err(_) => String::new(),
    };
    Err(sentence_of(&text, response.status()))
}

/// The words in a refusal: an [`crate::error::ApiError`] in JSON, or plain text.
fn sentence_of(text: &str, status: u16) -> String {
    if let Ok(error) = serde_json::from_str::<crate::error::ApiError>(text) {
        return error.to_string();
    }
    let is_plain = !text.is_empty() && text.len() < 400 && !text.trim_start().starts_with(['<', '{']);
    if is_plain { text.to_owned() } else { format!("The server refused the file ({status}). Try again.") }
}
