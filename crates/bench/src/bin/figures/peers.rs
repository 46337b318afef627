//! What a user would take instead: nginx sending a saved page or passing requests on, and
//! blackbox_exporter probing the same address. Each is a process of its own with a configuration of
//! its own on loopback; installed services are not touched.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::upstream::CHANNEL_SECRET;
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::http::Connection;
use whatsapp_exporter_bench::process::{Process, free_address};

/// The program and its version, or which package is missing.
fn find(names: &[&str], flag: &str, package: &str) -> Result<(PathBuf, String)> {
    for name in names {
        let Ok(output) = Command::new(name).arg(flag).output() else { continue };
        let said = [output.stdout, output.stderr].concat();
        let first = String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned();
        return Ok((name.into(), first));
    }
    Err(format!("{} is not installed (Debian's package `{package}`)", names[0]).into())
}

pub fn nginx() -> Result<(PathBuf, String)> {
    find(&["nginx", "/usr/sbin/nginx"], "-v", "nginx-light")
}

pub fn blackbox() -> Result<(PathBuf, String)> {
    let names = ["prometheus-blackbox-exporter", "blackbox_exporter"];
    find(&names, "--version", "prometheus-blackbox-exporter")
}

pub fn prometheus() -> Result<(PathBuf, String)> {
    find(&["prometheus"], "--version", "prometheus")
}

/// A running peer.
pub struct Peer {
    pub process: Process,
    pub address: SocketAddr,
}

/// nginx with one worker; `/plain` and `/gzip` are the file `page` in its directory.
pub fn nginx_sending(page: &[u8], directory: &Path) -> Result<Peer> {
    let directory = directory.join("nginx-pages");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("page"), page)?;
    let address = free_address()?;
    let root = directory.display();
    let server = format!(
        "server {{
            listen {address};
            location /plain {{ alias {root}/page; gzip off; }}
            location /gzip {{ alias {root}/page; gzip on; gzip_comp_level 1; gzip_types *; \
            gzip_min_length 0; }}
        }}"
    );
    start_nginx(&directory, address, &server)
}

/// nginx speaking TLS before an upstream.
pub fn nginx_tls(
    upstream: SocketAddr,
    certificates: &Certificates,
    directory: &Path,
) -> Result<Peer> {
    let directory = directory.join("nginx-tls");
    fs::create_dir_all(&directory)?;
    let address = free_address()?;
    let (certificate, key) = (certificates.leaf.display(), certificates.key.display());
    let server = format!(
        "upstream simulator {{ server {upstream}; keepalive 16; }}
        server {{
            listen {address} ssl;
            ssl_certificate {certificate};
            ssl_certificate_key {key};
            location / {{ proxy_pass http://simulator; proxy_http_version 1.1; proxy_set_header \
            Connection ''; }}
        }}"
    );
    start_nginx(&directory, address, &server)
}

/// nginx passing `/whapi/…` on to an API, with kept connections on both sides as anybody would
/// set it up.
pub fn nginx_passing(upstream: SocketAddr, directory: &Path) -> Result<Peer> {
    let directory = directory.join("nginx-proxy");
    fs::create_dir_all(&directory)?;
    let address = free_address()?;
    let server = format!(
        "upstream api {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; }}
        server {{
            listen {address};
            client_max_body_size 0;
            location /whapi/ {{ proxy_pass http://api/; proxy_http_version 1.1; proxy_set_header \
            Connection ''; }}
        }}"
    );
    start_nginx(&directory, address, &server)
}

fn start_nginx(directory: &Path, address: SocketAddr, server: &str) -> Result<Peer> {
    let (program, _) = nginx()?;
    // One process, so that ending it ends everything.
    let configuration = format!(
        "daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr;
        events {{ worker_connections 1024; }}
        http {{
            access_log off; sendfile on; tcp_nopush on;
            keepalive_timeout 600s; keepalive_requests 1000000000; default_type text/plain;
            client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path \
            t4; scgi_temp_path t5;
            {server}
        }}"
    );
    let file = directory.join("nginx.conf");
    fs::write(&file, configuration)?;
    let mut command = Command::new(program);
    command.arg("-p").arg(directory).arg("-c").arg(file).args(["-e", "stderr"]);
    let process = Process::start(command, directory)?;
    process.listens(address)?;
    Ok(Peer { process, address })
}

/// blackbox_exporter with one module, `http_2xx`, that asks as the exporter does.
pub fn blackbox_probing(ca: Option<&Path>, directory: &Path) -> Result<Peer> {
    let (program, _) = blackbox()?;
    let tls = ca.map_or_else(String::new, |ca| {
        format!("      tls_config: {{ca_file: {}}}\n", ca.display())
    });
    let configuration = format!(
        "modules:\n  http_2xx:\n    prober: http\n    http:\n      preferred_ip_protocol: \
            ip4\n      bearer_token: {CHANNEL_SECRET}\n{tls}"
    );
    let file = directory.join("blackbox.yaml");
    fs::write(&file, configuration)?;
    let address = free_address()?;
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=error");
    let process = Process::start(command, directory)?;
    process.listens(address)?;
    Ok(Peer { process, address })
}

/// Probes so many times over one connection, as Prometheus would.
pub fn probe(connection: &mut Connection, url: &str, times: usize) -> Result<()> {
    let target =
        url.replace('%', "%25").replace('?', "%3F").replace('=', "%3D").replace('&', "%26");
    let path = format!("/probe?module=http_2xx&target={target}");
    for _ in 0..times {
        let page = String::from_utf8(connection.get(&path)?.body)?;
        if !page.lines().any(|line| line == "probe_success 1") {
            return Err("blackbox_exporter's probe failed".into());
        }
    }
    Ok(())
}

/// A certificate for 127.0.0.1, signed by an authority that nobody else knows.
pub struct Certificates {
    pub ca: PathBuf,
    leaf: PathBuf,
    key: PathBuf,
}

impl Certificates {
    pub fn make(directory: &Path) -> Result<Self> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        authority.distinguished_name.push(DnType::CommonName, "benchmark authority");
        let authority_key = KeyPair::generate()?;
        let ca_pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);
        let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        leaf.distinguished_name.push(DnType::CommonName, "benchmark upstream");
        let leaf_key = KeyPair::generate()?;
        let leaf_pem = leaf.signed_by(&leaf_key, &issuer)?.pem();
        let made = Self {
            ca: directory.join("ca.pem"),
            leaf: directory.join("leaf.pem"),
            key: directory.join("leaf.key"),
        };
        fs::write(&made.ca, ca_pem)?;
        fs::write(&made.leaf, leaf_pem)?;
        fs::write(&made.key, leaf_key.serialize_pem())?;
        Ok(made)
    }
}
