//! https with a certificate of the studio's own. The files are read again on SIGHUP, so that a renewed certificate needs no
//! restart.

use std::path::PathBuf;

use anyhow::Context;
use axum_server::tls_rustls::RustlsConfig;
use tokio::signal::unix::{SignalKind, signal};

/// Reads certificate and key.
///
/// # Errors
/// A file that is not there or not PEM, a key that does not belong to the certificate.
pub async fn read(cert: &PathBuf, key: &PathBuf) -> anyhow::Result<RustlsConfig> {
    for (what, path) in [("--tls-cert", cert), ("--tls-key", key)] {
        let text =
            std::fs::read(path).with_context(|| format!("{what}: {} cannot be read", path.display()))?;
        anyhow::ensure!(
            text.windows(11).any(|part| part == b"-----BEGIN "),
            "{what}: {} is no PEM file; it begins with a line like “-----BEGIN CERTIFICATE-----”",
            path.display()
        );
    }
    RustlsConfig::from_pem_file(cert, key)
        .await
        .with_context(|| format!("{} and {} are no certificate and its key", cert.display(), key.display()))
}

/// Reads the files again whenever the process is sent SIGHUP; a file that is wrong then leaves the old certificate in use.
pub async fn renew(config: RustlsConfig, cert: PathBuf, key: PathBuf) {
    let Ok(mut asked) = signal(SignalKind::hangup()) else { return };
    while asked.recv().await.is_some() {
        match config.reload_from_pem_file(&cert, &key).await {
            Ok(()) => tracing::info!("The certificate was read again"),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "The certificate cannot be read; the one before stays in use"
                );
            }
        }
    }
}
