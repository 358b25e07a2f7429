//! Passwords: hashed with argon2id off the async threads, a few at a time.

use std::sync::OnceLock;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Each takes 19 MiB and tens of milliseconds; more at once would let strangers fill the memory.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

const SHORTEST: usize = 10;
const LONGEST: usize = 256;

/// The PHC string of an account's password that is long enough.
pub async fn hash(password: String) -> Result<String, ApiError> {
    hash_of(password, SHORTEST).await
}

/// The PHC string of a password of at least `shortest` characters.
pub async fn hash_of(password: String, shortest: usize) -> Result<String, ApiError> {
    let length = password.chars().count();
    if !(shortest..=LONGEST).contains(&length) {
        return Err(ApiError::Invalid(format!(
            "A password has {shortest} to {LONGEST} characters: choose another one."
        )));
    }
    blocking(move || hash_now(&password)).await
}

/// Whether the password is right. Without a hash it takes just as long and is wrong.
pub async fn is_right(password: String, hash: Option<String>) -> Result<bool, ApiError> {
    if password.len() > LONGEST * 4 {
        return Ok(false);
    }
    blocking(move || {
        static NOBODYS: OnceLock<String> = OnceLock::new();
        let is_known = hash.is_some();
        let hash =
            hash.unwrap_or_else(|| NOBODYS.get_or_init(|| hash_now("a password that nobody has")).clone());
        let fits = PasswordHash::new(&hash)
            .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
        fits && is_known
    })
    .await
}

fn hash_now(password: &str) -> String {
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>()).expect("16 bytes are a salt");
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    hash.expect("the default parameters and a fresh salt are valid").to_string()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    let _turn = AT_ONCE.acquire().await.expect("never closed");
    Ok(tokio::task::spawn_blocking(work).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_fits_and_nobodys_fits_never() {
        let kept = hash("correct horse".into()).await.expect("long enough");
        assert!(kept.starts_with("$argon2id$"), "{kept}");
        assert!(is_right("correct horse".into(), Some(kept.clone())).await.expect("checked"));
        assert!(!is_right("correct horse!".into(), Some(kept)).await.expect("checked"));
        assert!(!is_right("a password that nobody has".into(), None).await.expect("checked"));
    }

    #[tokio::test]
    async fn a_short_password_is_refused_in_words() {
        assert!(matches!(hash("short".into()).await, Err(ApiError::Invalid(_))));
    }
}
