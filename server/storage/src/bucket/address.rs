//! `s3://BUCKET/PREFIX?endpoint=…&region=…`: where a bucket is and how it wants to be spoken to. Never a key.

use std::str::FromStr;
use std::time::Duration;

use crate::Error;

/// What an address says. Options: `endpoint` (other than Amazon's), `region` (default: `AWS_REGION`, then `us-east-1`),
/// `path_style` (the bucket's name in the path and not in the host), `cache_gb` (of local copies, default 20), `presign`
/// (the team's large downloads are fetched from the bucket itself), `timeout_s` (how long it may be silent before it is asked
/// again, at most three times; default 30), `checksums=false` (for services that do not know S3's newer sums).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub bucket: String,
    /// Empty, or without a slash at either end.
    pub prefix: String,
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub path_style: bool,
    pub cache_bytes: u64,
    pub presign: bool,
    pub patience: Duration,
    pub checksums: bool,
}

impl FromStr for Address {
    type Err = Error;

    /// # Errors
    /// [`Error::Address`]: a sentence that does not repeat what might be a secret.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::Address(format!("the store's address {why}: write s3://BUCKET/PREFIX?endpoint=…&region=…"))
        };
        let rest = text.strip_prefix("s3://").ok_or_else(|| wrong("does not begin with s3://"))?;
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        if place.contains('@') {
            return Err(wrong(
                "holds a user: keys are given as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment",
            ));
        }
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let is_plain = |text: &str, more: &[u8]| {
            text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b) || more.contains(&b))
        };
        if bucket.is_empty() || !is_plain(bucket, b"") || !is_plain(prefix, b"/") {
            return Err(wrong(
                "names no bucket, or has other characters than letters, digits, “.”, “-”, “_”",
            ));
        }
        let mut address = Self {
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            endpoint: None,
            region: None,
            path_style: false,
            cache_bytes: 20 << 30,
            presign: false,
            patience: Duration::from_secs(30),
            checksums: true,
        };
        for pair in options.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = plain(value).ok_or_else(|| wrong("has an option that is no text"))?;
            let flag = || match value.as_str() {
                "true" | "1" | "" => Ok(true),
                "false" | "0" => Ok(false),
                _ => Err(wrong(&format!("says something else than true or false for “{name}”"))),
            };
            match name {
                "endpoint" if value.starts_with("http://") || value.starts_with("https://") => {
                    address.endpoint = Some(value);
                }
                "endpoint" => {
                    return Err(wrong("has an endpoint that does not begin with http:// or https://"));
                }
                "region" => address.region = Some(value),
                "path_style" => address.path_style = flag()?,
                "presign" => address.presign = flag()?,
                "checksums" => address.checksums = flag()?,
                "cache_gb" => {
                    let gigabytes: f64 = value
                        .parse()
                        .ok()
                        .filter(|gb| *gb > 0.0)
                        .ok_or_else(|| wrong("has a cache_gb that is no size"))?;
                    address.cache_bytes = (gigabytes * 1e9) as u64;
                }
                "timeout_s" => {
                    let seconds: u64 = value
                        .parse()
                        .ok()
                        .filter(|seconds| (1..=600).contains(seconds))
                        .ok_or_else(|| wrong("has a timeout_s that is not 1 to 600"))?;
                    address.patience = Duration::from_secs(seconds);
                }
                _ => return Err(wrong("has an option that is not known")),
            }
        }
        Ok(address)
    }
}

/// Without percent signs.
fn plain(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_a_wrong_one_refused_without_its_secrets() {
        let address: Address =
            "s3://plates/minus/one/?endpoint=http%3A%2F%2F127.0.0.1:9000&region=eu-1&path_style=true&cache_gb=0.5"
                .parse()
                .expect("an address");
        assert_eq!((address.bucket.as_str(), address.prefix.as_str()), ("plates", "minus/one"));
        assert_eq!(address.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!((address.path_style, address.presign, address.cache_bytes), (true, false, 500_000_000));
        for wrong in [
            "https://plates",
            "s3://",
            "s3://key:geheim@plates",
            "s3://pla tes",
            "s3://plates?endpoint=ftp://x",
            "s3://plates?path_style=maybe",
            "s3://plates?secret_key=geheim",
            "s3://plates?cache_gb=-1",
            "s3://plates?timeout_s=0",
        ] {
            let said = wrong.parse::<Address>().expect_err(wrong).to_string();
            assert!(said.contains("s3://BUCKET") && !said.contains("geheim"), "{said}");
        }
    }
}
