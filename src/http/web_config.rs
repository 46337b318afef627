//! Prometheus' own web configuration file, for TLS and basic authentication on the listener.
//!
//! Not here: what is done with a connection or a request. Format: prometheus/exporter-toolkit,
//! docs/web-configuration.md.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use secrecy::SecretString;

use super::files::{self, Stamp};
use crate::input::yaml::{self, Node, Section};
use crate::secret::printable_path;

/// Keys that only tune the original's TLS library or HTTP/2 are taken and left alone.
const FILE: &[&str] =
    &["tls_server_config", "basic_auth_users", "http_server_config", "rate_limit"];
const TLS: &[&str] = &[
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "min_version",
    "max_version",
    "cipher_suites",
    "curve_preferences",
    "prefer_server_cipher_suites",
];

struct Tls {
    cert_file: Option<Box<str>>,
    key_file: Option<Box<str>>,
    client_auth_type: Option<Box<str>>,
    client_ca_file: Option<Box<str>>,
    min_version: Option<Box<str>>,
    max_version: Option<Box<str>>,
}

impl Tls {
    fn new(node: Node) -> Result<Self, String> {
        let mut section =
            Section::new(node, TLS).map_err(|what| format!("tls_server_config: {what}"))?;
        let mut text = |key| section.text(key).map_err(|what| format!("tls_server_config: {what}"));
        Ok(Self {
            cert_file: text("cert_file")?,
            key_file: text("key_file")?,
            client_auth_type: text("client_auth_type")?,
            client_ca_file: text("client_ca_file")?,
            min_version: text("min_version")?,
            max_version: text("max_version")?,
        })
    }
}

fn users(node: Node) -> Result<BTreeMap<String, SecretString>, String> {
    let Node::Map(users) = node else {
        return Err("basic_auth_users: must be a set of `user: hash` lines".to_owned());
    };
    let read = users.into_iter().map(|(user, hash)| match hash {
        Node::Scalar(hash) if hash.parse::<bcrypt::HashParts>().is_ok() => {
            Ok((user.into_string(), SecretString::from(hash)))
        }
        _ if user.starts_with("$2") => {
            Err("basic_auth_users: a hash stands where the name of a user belongs".to_owned())
        }
        _ => Err(format!(
            "the password of `{}` is not a bcrypt hash; make one with `htpasswd -nBC 10 {0}`",
            user.escape_debug()
        )),
    });
    read.collect()
}

/// What the file asks for.
#[derive(Default, Clone)]
pub struct WebConfig {
    /// TLS, if it is on.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Whether only clients with a certificate of the CA are let in.
    pub(super) client_certificate: bool,
    /// Users and their bcrypt hashes.
    pub(super) users: BTreeMap<String, SecretString>,
    /// A fingerprint of the contents of all files that were read.
    pub(super) content: u64,
}

impl WebConfig {
    /// Whether the listener speaks TLS.
    pub const fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Reads the file, and the certificates that it names.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong and where, and repeats no hash.
    pub fn read(path: &Path) -> Result<Self, String> {
        Self::read_stamped(path, &mut Vec::new())
    }

    /// The same, with the state of each file that was read.
    pub(super) fn read_stamped(path: &Path, stamps: &mut Vec<Stamp>) -> Result<Self, String> {
        let place = format!("WEB_CONFIG_FILE {}", printable_path(path));
        read(path, stamps).map_err(|what| format!("{place}: {what}"))
    }
}

fn read(path: &Path, stamps: &mut Vec<Stamp>) -> Result<WebConfig, String> {
    let unread = |error: &dyn std::fmt::Display| format!("cannot be read: {error}");
    let bytes = files::read(path, stamps).map_err(|error| unread(&error))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| unread(&"it is not UTF-8 text"))?;
    let node =
        yaml::parse(text).map_err(|what| what.trim_start_matches([',', ':', ' ']).to_owned())?;
    let mut file = Section::new(node, FILE)?;
    let users = file.take("basic_auth_users").map(users).transpose()?.unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let directory = path.parent().unwrap_or(Path::new(""));
    let (tls, client_certificate) = match file.take("tls_server_config") {
        Some(node) => tls_config(&Tls::new(node)?, directory, stamps, &mut hasher)?,
        None => (None, false),
    };
    Ok(WebConfig { tls, client_certificate, users, content: hasher.finish() })
}

fn tls_config(
    tls: &Tls,
    directory: &Path,
    stamps: &mut Vec<Stamp>,
    hasher: &mut DefaultHasher,
) -> Result<(Option<Arc<ServerConfig>>, bool), String> {
    let mut pem = |path: &str| -> Result<Vec<u8>, String> {
        let whole = directory.join(path);
        let bytes = files::read(&whole, stamps)
            .map_err(|error| format!("{} cannot be read: {error}", shown(path, &whole)))?;
        bytes.hash(hasher);
        Ok(bytes)
    };
    let (Some(cert_file), Some(key_file)) = (&tls.cert_file, &tls.key_file) else {
        return Err("tls_server_config needs both cert_file and key_file".to_owned());
    };
    let certificates = certificates(&pem(cert_file)?, cert_file)?;
    let key = PrivateKeyDer::from_pem_slice(&pem(key_file)?)
        .map_err(|_| format!("{} holds no private key in PEM", key_file))?;

    let versions = versions(tls.min_version.as_deref(), tls.max_version.as_deref())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| format!("min_version and max_version leave nothing: {error}"))?;
    let (verify, required) = match tls.client_auth_type.as_deref().unwrap_or("NoClientCert") {
        "" | "NoClientCert" | "RequestClientCert" => (false, false),
        "VerifyClientCertIfGiven" => (true, false),
        "RequireAndVerifyClientCert" => (true, true),
        "RequireAnyClientCert" => {
            return Err("client_auth_type RequireAnyClientCert lets anybody in; use \
                RequireAndVerifyClientCert"
                .to_owned());
        }
        _ => {
            return Err("client_auth_type must be NoClientCert, VerifyClientCertIfGiven or \
            RequireAndVerifyClientCert"
                .to_owned());
        }
    };
    let builder = match (&tls.client_ca_file, verify) {
        (Some(file), true) => {
            let mut roots = RootCertStore::empty();
            for certificate in self::certificates(&pem(file)?, file)? {
                roots.add(certificate).map_err(|error| format!("{}: {error}", file))?;
            }
            // A certificate that is given must be good; that one is required is asked per request,
            // since probes have none.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| format!("{}: {error}", file))?;
            builder.with_client_cert_verifier(verifier)
        }
        (None, true) => return Err("client_auth_type needs client_ca_file".to_owned()),
        (Some(_), false) => {
            return Err("client_ca_file is set, but client_auth_type does not use it".to_owned());
        }
        (None, false) => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(certificates, key).map_err(|error| {
        format!("{} and {} do not belong together: {error}", cert_file, key_file)
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Some(Arc::new(config)), required))
}

/// The name of a file that cannot be read, unless it may be what belongs into the file.
fn shown(name: &str, whole: &Path) -> String {
    if name.len() > 200 || name.contains('\n') || name.contains("-----BEGIN") {
        return "[REDACTED], which is no name of a file,".to_owned();
    }
    printable_path(whole)
}

fn certificates(pem: &[u8], file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(format!("{} holds no certificate in PEM", file)),
    }
}

fn versions(
    min: Option<&str>,
    max: Option<&str>,
) -> Result<Vec<&'static rustls::SupportedProtocolVersion>, String> {
    let number = |name: &str, text: Option<&str>, default: u8| match text {
        None | Some("") => Ok(default),
        Some("TLS12") => Ok(2),
        Some("TLS13") => Ok(3),
        Some("TLS10" | "TLS11") => Err(format!(
            "{name}: TLS 1.0 and 1.1 are not safe and not supported; use TLS12 or TLS13"
        )),
        Some(_) => Err(format!("{name} must be TLS12 or TLS13")),
    };
    let (min, max) = (number("min_version", min, 2)?, number("max_version", max, 3)?);
    let all = [(3, &rustls::version::TLS13), (2, &rustls::version::TLS12)];
    Ok(all
        .into_iter()
        .filter(|(at, _)| (min..=max).contains(at))
        .map(|(_, version)| version)
        .collect())
}
