//! TLS to upstreams: who is trusted, and what a refused certificate means.
//!
//! Not here: TLS on our own listeners; that is `http/`.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::regular_file;
use crate::secret::printable_path;

/// All public roots together take a quarter of this.
const MAX_CA_BYTES: u64 = 1024 * 1024;

/// The public roots and, if there is one, an extra CA.
///
/// # Errors
///
/// When the extra CA cannot be read, in a sentence that names its setting.
pub(super) fn configuration(extra_ca_file: Option<&Path>) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(path) = extra_ca_file {
        let place = format!("EXTRA_CA_FILE {}", printable_path(path));
        let (pem, _) = regular_file::read(path, MAX_CA_BYTES)
            .map_err(|error| format!("{place}: cannot be read: {error}"))?;
        let certificates: Vec<_> =
            CertificateDer::pem_slice_iter(&pem)
                .collect::<Result<_, _>>()
                .map_err(|error| format!("{place}: cannot be read as PEM certificates: {error}"))?;
        if certificates.is_empty() {
            return Err(format!("{place}: holds no certificate"));
        }
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|error| format!("{place}: a certificate is not valid: {error}"))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // reqwest leaves ALPN to whoever brings a configuration.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// What went wrong, in words.
pub(super) fn words(error: &rustls::Error) -> &'static str {
    use rustls::{CertificateError, Error};
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate is signed by an unknown authority; add a proxy's CA to EXTRA_CA_FILE"
        }
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "the certificate has expired",
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the certificate is for another host",
        Error::InvalidCertificate(_) => "the certificate is not valid",
        _ => "the TLS handshake failed",
    }
}
