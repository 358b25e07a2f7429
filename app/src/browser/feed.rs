//! Server-sent events: through `public/live.js`, one stream for all tabs, or directly where shared workers are missing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;
use leptos::web_sys::{EventSource, MessageEvent, MessagePort, SharedWorker};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use super::HERE;
use crate::routes::href;

/// What the stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Connected.
    Open,
    /// The connection is gone; it comes back by itself.
    Lost,
    /// Events were missed: read everything again.
    Reset,
    /// A `domain::Event` in JSON.
    Event(String),
}

impl Heard {
    fn from_worker(message: &str) -> Self {
        match message {
            "open" => Self::Open,
            "lost" => Self::Lost,
            "reset" => Self::Reset,
            json => Self::Event(json.to_owned()),
        }
    }
}

type Tell = Rc<dyn Fn(Heard)>;

enum Via {
    Worker(MessagePort, Vec<WindowListenerHandle>),
    Direct(Rc<RefCell<Direct>>),
}

thread_local! {
    /// The one stream of this tab.
    static STREAM: RefCell<Option<Via>> = const { RefCell::new(None) };
    /// Whether this page has had a stream.
    static JOINED: Cell<bool> = const { Cell::new(false) };
}

/// When the server began to make this page, for the page's first stream: what happened between that and the stream would
/// reach neither. Microseconds UTC, as the page says.
fn page_made() -> Option<String> {
    if JOINED.replace(true) {
        return None;
    }
    let at = document().query_selector("meta[name=made]").ok().flatten()?.get_attribute("content")?;
    (!at.is_empty()).then_some(at)
}

/// Opens a guest's stream at `url`, instead of the one before.
pub fn join_at(url: String, tell: impl Fn(Heard) + 'static) {
    if !HERE {
        return;
    }
    leave();
    STREAM.set(Some(directly(since(url, page_made().as_deref()), Rc::new(tell))));
}

fn since(url: String, at: Option<&str>) -> String {
    match at {
        Some(at) => format!("{url}?since={at}"),
        None => url,
    }
}

fn directly(url: String, tell: Tell) -> Via {
    let direct = Rc::new(RefCell::new(Direct { url, source: None, over: false }));
    Direct::open(&direct, tell);
    Via::Direct(direct)
}

/// Opens the stream for whoever is signed in now, instead of the one before.
pub fn join(tell: impl Fn(Heard) + 'static) {
    if !HERE {
        return;
    }
    leave();
    let tell: Tell = Rc::new(tell);
    let made = page_made();
    let via = match SharedWorker::new("/live.js") {
        Ok(worker) => through_worker(worker.port(), made.as_deref(), &tell),
        Err(_) => directly(since(href::EVENTS.to_owned(), made.as_deref()), tell),
    };
    STREAM.set(Some(via));
}

/// Ends the stream, if there is one.
pub fn leave() {
    match STREAM.take() {
        Some(Via::Worker(port, listeners)) => {
            say(&port, "leave");
            port.close();
            for listener in listeners {
                listener.remove();
            }
        }
        Some(Via::Direct(direct)) => direct.borrow_mut().end(),
        None => {}
    }
}

fn through_worker(port: MessagePort, made: Option<&str>, tell: &Tell) -> Via {
    let (tell, woken) = (tell.clone(), tell.clone());
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some(message) = event.data().as_string() {
            tell(Heard::from_worker(&message));
        }
    });
    port.set_onmessage(Some(on_message.into_js_value().unchecked_ref()));
    // The worker's stream may belong to whoever was signed in before.
    say(&port, &made.map_or_else(|| "again".to_owned(), |at| format!("again {at}")));
    let (leaving, coming) = (port.clone(), port.clone());
    let listeners = vec![
        window_event_listener(leptos::ev::pagehide, move |_| say(&leaving, "leave")),
        window_event_listener(leptos::ev::pageshow, move |event| {
            if event.persisted() {
                say(&coming, "join");
                woken(Heard::Reset); // the page slept
            }
        }),
    ];
    Via::Worker(port, listeners)
}

fn say(port: &MessagePort, word: &str) {
    port.post_message(&word.into()).ok();
}

struct Direct {
    url: String,
    source: Option<EventSource>,
    over: bool,
}

impl Direct {
    fn end(&mut self) {
        self.over = true;
        if let Some(source) = self.source.take() {
            source.close();
        }
    }

    fn open(this: &Rc<RefCell<Self>>, tell: Tell) {
        let Ok(source) = EventSource::new(&this.borrow().url) else { return };
        let listen = |name: &str, heard: Rc<dyn Fn(MessageEvent)>| {
            let closure = Closure::<dyn Fn(MessageEvent)>::new(move |event| heard(event));
            source.add_event_listener_with_callback(name, closure.into_js_value().unchecked_ref()).ok();
        };
        let t = tell.clone();
        listen("open", Rc::new(move |_| t(Heard::Open)));
        let t = tell.clone();
        listen("reset", Rc::new(move |_| t(Heard::Reset)));
        let t = tell.clone();
        listen(
            "message",
            Rc::new(move |event| {
                if let Some(json) = event.data().as_string() {
                    t(Heard::Event(json));
                }
            }),
        );
        let (again, failed) = (this.clone(), source.clone());
        listen(
            "error",
            Rc::new(move |_| {
                tell(Heard::Lost);
                // The browser reconnects by itself unless the answer was a refusal.
                if failed.ready_state() == EventSource::CLOSED && !again.borrow().over {
                    let (again, tell) = (again.clone(), tell.clone());
                    set_timeout(
                        move || {
                            if !again.borrow().over {
                                Self::open(&again, tell);
                            }
                        },
                        std::time::Duration::from_secs(3),
                    );
                }
            }),
        );
        this.borrow_mut().source = Some(source);
    }
}
