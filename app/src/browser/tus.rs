//! The wire of an upload: tus 1.0 over XMLHttpRequest, which unlike `fetch` says how much has left. When to send what is
//! decided in `state::uploads`.

use std::cell::RefCell;
use std::collections::HashMap;

use domain::{ProjectId, SequenceId};
use js_sys::Promise;
use leptos::web_sys::{Blob, File, XmlHttpRequest};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::routes::href;

/// One request carries at most this much, so that a lost connection costs little.
const PIECE_BYTES: u64 = 8 << 20;

/// Why a request did not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No answer, or the server is busy or restarting: try again.
    Lost,
    /// The server answers that something failed on its side: try again, and say so, for it may need somebody.
    Failing,
    /// The server does not know this upload any more.
    Gone,
    /// Stopped by [`stop`].
    Stopped,
    /// What was wrong, for people.
    Refused(String),
}

/// What became of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// So many bytes are there now.
    Some(u64),
    /// All is there; [`made`] says what became of it.
    All,
}

thread_local! {
    /// Files being sent and their requests, by the number `state::uploads` gave them: neither can leave this thread.
    static FILES: RefCell<HashMap<u32, File>> = RefCell::default();
    static REQUESTS: RefCell<HashMap<u32, XmlHttpRequest>> = RefCell::default();
}

pub fn keep_file(number: u32, file: File) {
    FILES.with_borrow_mut(|files| files.insert(number, file));
}

pub fn forget_file(number: u32) {
    FILES.with_borrow_mut(|files| files.remove(&number));
}

/// Breaks off the request under way.
pub fn stop(number: u32) {
    if let Some(request) = REQUESTS.with_borrow_mut(|requests| requests.remove(&number)) {
        request.abort().ok();
    }
}

/// Announces a file; the address of its upload.
pub async fn create(
    number: u32,
    project_id: ProjectId,
    sequence_id: Option<SequenceId>,
    file_name: &str,
    size: u64,
) -> Result<String, Trouble> {
    let mut about = format!("filename {},project {}", base64(file_name), base64(&project_id.to_string()));
    if let Some(sequence) = sequence_id {
        about += &format!(",sequence {}", base64(&sequence.to_string()));
    }
    let size = size.to_string();
    let headers = [("Upload-Length", size.as_str()), ("Upload-Metadata", &about)];
    let answer = ask(number, "POST", href::UPLOADS, &headers, None, |_| {}).await?;
    match answer.status {
        201 => answer.header("Location").ok_or_else(|| {
            Trouble::Refused(
                "The server did not say where to send the file. Reload the page and drop it again."
                    .to_owned(),
            )
        }),
        _ => Err(answer.trouble()),
    }
}

/// How much of it the server has.
pub async fn offset(number: u32, url: &str) -> Result<u64, Trouble> {
    let answer = ask(number, "HEAD", url, &[], None, |_| {}).await?;
    match answer.status {
        200 | 204 => answer.header("Upload-Offset").and_then(|text| text.parse().ok()).ok_or(Trouble::Lost),
        _ => Err(answer.trouble()),
    }
}

/// Sends the next piece from `offset`; `sent` hears how many bytes of it have left.
pub async fn send(
    number: u32,
    url: &str,
    offset: u64,
    sent: impl Fn(u64) + 'static,
) -> Result<Sent, Trouble> {
    let file = FILES.with_borrow(|files| files.get(&number).cloned()).ok_or(Trouble::Stopped)?;
    let size = file.size() as u64;
    let end = size.min(offset + PIECE_BYTES);
    let piece = file
        .slice_with_f64_and_f64_and_content_type(offset as f64, end as f64, "application/offset+octet-stream")
        .map_err(|_| Trouble::Refused("The file cannot be read any more. Drop it again.".to_owned()))?;
    let at = offset.to_string();
    let headers = [("Upload-Offset", at.as_str()), ("Content-Type", "application/offset+octet-stream")];
    let answer = ask(number, "PATCH", url, &headers, Some(&piece), sent).await?;
    match answer.status {
        200 | 204 if end == size && answer.at() == Some(size) => Ok(Sent::All),
        200 | 204 | 409 => answer.at().map(Sent::Some).ok_or_else(|| answer.trouble()),
        _ => Err(answer.trouble()),
    }
}

/// What became of an upload of which all is there, as JSON.
pub async fn made(number: u32, url: &str) -> Result<String, Trouble> {
    let answer = ask(number, "GET", url, &[], None, |_| {}).await?;
    match answer.status {
        200 => Ok(answer.body),
        _ => Err(answer.trouble()),
    }
}

/// Cancels it on the server; what came so far is deleted there.
pub async fn cancel(number: u32, url: &str) -> Result<(), Trouble> {
    let answer = ask(number, "DELETE", url, &[], None, |_| {}).await?;
    match answer.status {
        200 | 204 | 404 | 410 => Ok(()),
        _ => Err(answer.trouble()),
    }
}

struct Answer {
    request: XmlHttpRequest,
    status: u16,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<String> {
        self.request.get_response_header(name).ok().flatten()
    }

    fn at(&self) -> Option<u64> {
        self.header("Upload-Offset")?.parse().ok()
    }

    fn trouble(&self) -> Trouble {
        match self.status {
            404 | 410 => Trouble::Gone,
            // Full disks and refusals stay until somebody does something; everything else may pass by itself.
            507 => Trouble::Refused(self.words()),
            408 | 423 | 425 | 429 | 502..=504 => Trouble::Lost,
            500.. => Trouble::Failing,
            _ => Trouble::Refused(self.words()),
        }
    }

    fn words(&self) -> String {
        let words = self.body.trim();
        if words.is_empty() || words.starts_with('<') {
            format!("The server refused the file (status {}).", self.status)
        } else {
            words.to_owned()
        }
    }
}

async fn ask(
    number: u32,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<&Blob>,
    sent: impl Fn(u64) + 'static,
) -> Result<Answer, Trouble> {
    let odd = |_: JsValue| Trouble::Lost;
    let request = XmlHttpRequest::new().map_err(odd)?;
    request.open(method, url).map_err(odd)?;
    request.set_request_header("Tus-Resumable", "1.0.0").map_err(odd)?;
    for (name, value) in headers {
        request.set_request_header(name, value).map_err(odd)?;
    }
    // Kept until the request is over, then dropped with this future.
    let on_progress = Closure::<dyn Fn(leptos::web_sys::ProgressEvent)>::new(
        move |event: leptos::web_sys::ProgressEvent| sent(event.loaded() as u64),
    );
    if body.is_some() {
        let upload = request.upload().map_err(odd)?;
        upload.set_onprogress(Some(on_progress.as_ref().unchecked_ref()));
    }
    let over = Promise::new(&mut |done, _| request.set_onloadend(Some(&done)));
    REQUESTS.with_borrow_mut(|requests| requests.insert(number, request.clone()));
    match body {
        Some(piece) => request.send_with_opt_blob(Some(piece)),
        None => request.send(),
    }
    .map_err(odd)?;
    JsFuture::from(over).await.map_err(odd)?;
    // Whoever stopped it has taken it out.
    let stopped = REQUESTS.with_borrow_mut(|requests| requests.remove(&number)).is_none();
    if stopped {
        return Err(Trouble::Stopped);
    }
    let status = request.status().unwrap_or(0);
    if status == 0 {
        return Err(Trouble::Lost);
    }
    let body = request.response_text().ok().flatten().unwrap_or_default();
    Ok(Answer { request, status, body })
}

/// Standard base64 of the text's UTF-8, for `Upload-Metadata`.
fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(text.len().div_ceil(3) * 4);
    for three in text.as_bytes().chunks(3) {
        let at = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= three.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_standard_base64() {
        for (text, encoded) in [
            ("", ""),
            ("l", "bA=="),
            ("li", "bGk="),
            ("lim", "bGlt"),
            ("lime.mp4", "bGltZS5tcDQ="),
            ("Ärger–?", "w4RyZ2Vy4oCTPw=="),
        ] {
            assert_eq!(base64(text), encoded);
        }
    }
}
