//! Sign-in sessions as rows: the browser holds only a random id.

use std::collections::HashMap;

use async_trait::async_trait;
use db::Db;
use time::OffsetDateTime;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};
use tower_sessions::{Expiry, SessionManagerLayer, SessionStore};

/// Days without a visit after which one signs in again. The row says so; the cookie, which is only sent when one signs in,
/// lasts as long as browsers keep one.
const DAYS: i64 = 14;
const COOKIE_DAYS: i64 = 400;
/// A visit is noted once in so many.
const NOTED_DAYS: i64 = 1;
const DAY_MICROS: i64 = 86_400_000_000;

#[derive(Debug, Clone)]
pub struct Rows(pub Db);

fn backend(error: impl std::fmt::Display) -> Error {
    Error::Backend(error.to_string())
}

fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX)
}

#[async_trait]
impl SessionStore for Rows {
    async fn create(&self, record: &mut Record) -> Result<()> {
        // 128 random bits: a clash is not worth a loop, an overwrite is.
        while db::sessions::load(&self.0, &record.id.to_string(), 0).await.map_err(backend)?.is_some() {
            record.id = Id::default();
        }
        self.save(record).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let text = serde_json::to_string(&record.data).map_err(|e| Error::Encode(e.to_string()))?;
        let until = micros(record.expiry_date).min(db::now() + DAYS * DAY_MICROS);
        db::sessions::save(&self.0, &record.id.to_string(), &text, until).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let found = db::sessions::load(&self.0, &id.to_string(), db::now()).await.map_err(backend)?;
        let Some((text, until)) = found else { return Ok(None) };
        let wanted = db::now() + DAYS * DAY_MICROS;
        if until < wanted - NOTED_DAYS * DAY_MICROS
            && let Err(error) = db::sessions::renew(&self.0, &id.to_string(), wanted).await
        {
            // On a full disk nobody would be let in any more; the next visit notes it.
            tracing::warn!(%error, "A visit could not be noted");
        }
        let data: HashMap<String, serde_json::Value> =
            serde_json::from_str(&text).map_err(|e| Error::Decode(e.to_string()))?;
        Ok(Some(Record {
            id: *id,
            data,
            expiry_date: OffsetDateTime::now_utc() + time::Duration::days(COOKIE_DAYS),
        }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        db::sessions::delete(&self.0, &id.to_string()).await.map_err(backend)
    }
}

/// Cookies: not readable by scripts, not sent by other sites, over TLS only where the public address has it.
pub fn layer(db: Db, public_url: &str) -> SessionManagerLayer<Rows> {
    SessionManagerLayer::new(Rows(db))
        .with_name("minus_one")
        .with_http_only(true)
        .with_same_site(tower_sessions::cookie::SameSite::Lax)
        .with_secure(public_url.starts_with("https://"))
        .with_expiry(Expiry::OnInactivity(time::Duration::days(COOKIE_DAYS)))
}
