//! One row of the table, and what somebody is answered.

use app::error::ApiError;
use domain::Action;
use reqwest::{Method, StatusCode};

use crate::closed::type_name;
use crate::functions::Call;
use crate::harness::Actor;

/// Gone past the gate.
pub const PAST: &str = "●";

/// Whose a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Everybody,
    /// It takes an id of the project.
    Project,
    /// The team's, or the viewer's own.
    Studio,
    /// It takes the link's address.
    Link,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Route,
    Page,
    Function,
}

pub enum Ask {
    Function(Call),
    Send {
        method: Method,
        headers: Vec<(&'static str, String)>,
        body: &'static [u8],
    },
    /// What stands on the page only for who sees what it is about.
    Page(Option<String>),
}

pub struct Row {
    pub name: String,
    pub of: Of,
    /// Path of the function, route or page.
    pub path: String,
    /// The right that it needs, where the table of rights has one.
    pub action: Option<Action>,
    pub ask: Ask,
}

/// What somebody was answered.
pub struct Seen {
    pub cell: String,
    /// Of pages.
    pub text: Option<String>,
    pub status: StatusCode,
}

fn cell_of(status: StatusCode) -> String {
    let refusals = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::GONE];
    if refusals.contains(&status) { status.as_u16().to_string() } else { PAST.to_owned() }
}

impl Row {
    pub fn kind(&self) -> Kind {
        match self.ask {
            Ask::Function(_) => Kind::Function,
            Ask::Send { .. } => Kind::Route,
            Ask::Page(_) => Kind::Page,
        }
    }

    pub async fn seen_by(&self, actor: &Actor) -> Seen {
        let at = format!("{}{}", actor.url, self.path);
        match &self.ask {
            Ask::Function(call) => {
                let status = call.status(actor).await;
                Seen { cell: cell_of(status), text: None, status }
            }
            Ask::Send { method, headers, body } => {
                let mut request = actor.client.request(method.clone(), at);
                for (name, value) in headers {
                    request = request.header(*name, value.as_str());
                }
                if !body.is_empty() {
                    request = request.body(*body);
                }
                let status = request.send().await.expect("an answer").status();
                Seen { cell: cell_of(status), text: None, status }
            }
            Ask::Page(mark) => {
                let asked = actor.client.get(at).header("accept", "text/html");
                let answer = asked.send().await.expect("an answer");
                let (status, led_to) = (answer.status(), answer.url().path().to_owned());
                let text = answer.text().await.expect("a page");
                let cell = match led_to.as_str() {
                    path if path == self.path => cell_of_page(status, &text, mark.as_deref()),
                    "/sign-in" => "sign-in".to_owned(),
                    path => format!("→ {path}"),
                };
                Seen { cell, text: Some(text), status }
            }
        }
    }
}

/// A refusal is words on a page, whose status says that there is a page.
fn cell_of_page(status: StatusCode, text: &str, mark: Option<&str>) -> String {
    let says = |error: ApiError| text.contains(&error.to_string());
    match mark {
        _ if !status.is_success() => cell_of(status),
        Some(mark) if text.contains(mark) => PAST.to_owned(),
        _ if says(ApiError::Forbidden) => "403".to_owned(),
        _ if says(ApiError::NotFound) => "404".to_owned(),
        Some(_) if text.contains("asks for a password") => "401".to_owned(),
        Some(_) => "nothing".to_owned(),
        None => PAST.to_owned(),
    }
}

pub fn call(of: Of, action: Option<Action>, call: Call) -> Row {
    let path = call.path.to_owned();
    Row { name: type_name(&path), of, path, action, ask: Ask::Function(call) }
}
