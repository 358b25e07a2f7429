//! Somebody's visit through a link, as the page holds it: what they are called, and what waits until they said so.

use leptos::prelude::*;

use crate::components::ui::Toasts;
use crate::error::ApiError;

type Act = Box<dyn FnOnce() + Send + Sync>;

#[derive(Clone, Copy)]
pub struct Visit {
    token: StoredValue<String>,
    toasts: Toasts,
    pub is_preview: bool,
    /// What the guest is called, once they said so.
    pub guest: RwSignal<Option<String>>,
    /// The name is being asked for.
    pub asks: RwSignal<bool>,
    /// Why the link does not open any more.
    pub over: RwSignal<Option<ApiError>>,
    waiting: StoredValue<Option<Act>>,
}

impl Visit {
    pub fn new(token: String, guest: Option<String>, is_preview: bool, toasts: Toasts) -> Self {
        Self {
            token: StoredValue::new(token),
            toasts,
            is_preview,
            guest: RwSignal::new(guest),
            asks: RwSignal::new(false),
            over: RwSignal::new(None),
            waiting: StoredValue::new(None),
        }
    }

    pub fn token(self) -> String {
        self.token.get_value()
    }

    /// Acts now, or once a name was given; in a preview never.
    pub fn named(self, act: impl FnOnce() + Send + Sync + 'static) {
        if self.is_preview {
            self.toasts.say("This is a preview: the client would send this now, here nothing is sent");
        } else if self.guest.with_untracked(Option::is_some) {
            act();
        } else {
            self.waiting.set_value(Some(Box::new(act)));
            self.asks.set(true);
        }
    }

    /// The guest has a name: what waited for it is done.
    pub fn introduced(self, name: String) {
        let waiting = self.waiting.try_update_value(Option::take).flatten();
        self.guest.set(Some(name));
        self.asks.set(false);
        if let Some(act) = waiting {
            act();
        }
    }

    /// Notices in an answer that the link is over.
    pub fn hear<T>(self, answer: Result<T, ApiError>) -> Result<T, ApiError> {
        if let Err(error @ (ApiError::Gone(_) | ApiError::NotFound | ApiError::PasswordNeeded)) = &answer {
            self.over.try_set(Some(error.clone()));
        }
        answer
    }
}
