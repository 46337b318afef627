//! TLS and authentication on the listener, as real clients meet them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::peers::program::wait_for;
use crate::peers::prometheus::Prometheus;
use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A folder with a CA, a server's certificate, a client's, and one of a stranger's CA.
struct Keys {
    directory: tempfile::TempDir,
}

fn issuer() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "a CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

impl Keys {
    fn make() -> Self {
        let keys = Self { directory: tempfile::tempdir().unwrap() };
        let (ca, stranger) = (issuer(), issuer());
        fs::write(keys.path("ca.crt"), ca.pem()).unwrap();
        keys.issue("server", &ca);
        keys.issue("client", &ca);
        keys.issue("stranger", &stranger);
        keys
    }

    fn issue(&self, name: &str, ca: &CertifiedIssuer<'static, KeyPair>) {
        let key = KeyPair::generate().unwrap();
        let params =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        fs::write(self.path(&format!("{name}.crt")), params.signed_by(&key, ca).unwrap().pem())
            .unwrap();
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn configure(&self, yaml: &str) -> PathBuf {
        let path = self.path("web.yaml");
        fs::write(&path, yaml).unwrap();
        path
    }
}

/// The real program, listening on a port of its own.
struct Program {
    child: Child,
    port: u16,
}

async fn start(web_config: &Path) -> Program {
    let mut child = Command::new(crate::common::binary())
        .env_clear()
        .envs([
            ("LISTEN_ADDRESS", "127.0.0.1:0"),
            ("WHAPI_TOKEN", "a-made-up-token"),
            ("WHAPI_API_URL", "http://127.0.0.1:9"),
            ("WHAPI_CHANNEL_ID", "MANTIS-M72HC"),
            ("WEBHOOK_SECRET", "theWebhooksSecret"),
        ])
        .env("WEB_CONFIG_FILE", web_config)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let port = loop {
        let line = lines.next_line().await.unwrap().expect("the program says where it listens");
        if let Some((_, address)) = line.split_once("address=127.0.0.1:") {
            break address.trim().parse().unwrap();
        }
    };
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Program { child, port }
}

/// curl's HTTP status; 000 when there was no answer.
async fn curl(program: &Program, keys: &Keys, path: &str, options: &[&str]) -> String {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--noproxy",
            "*",
            "--max-time",
            "20",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
            "--cacert",
        ])
        .arg(keys.path("ca.crt"))
        .args(options)
        .arg(format!("https://127.0.0.1:{}{path}", program.port))
        .current_dir(keys.directory.path())
        .output()
        .await
        .expect("curl is installed");
    String::from_utf8(output.stdout).unwrap()
}

const CLIENT: &[&str] = &["--cert", "client.crt", "--key", "client.key"];
const STRANGER: &[&str] = &["--cert", "stranger.crt", "--key", "stranger.key"];

#[tokio::test]
async fn a_client_certificate_of_the_ca_is_let_in_and_no_other() {
    let keys = Keys::make();
    let web = keys.configure(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  \
         client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n  \
         min_version: TLS13\n",
    );
    let program = start(&web).await;
    assert_eq!(curl(&program, &keys, "/metrics", CLIENT).await, "200");
    assert_eq!(curl(&program, &keys, "/metrics", &[]).await, "403");
    assert_eq!(curl(&program, &keys, "/-/reload", &["-X", "POST"]).await, "403");
    assert_eq!(curl(&program, &keys, "/metrics", STRANGER).await, "000");
    assert_eq!(curl(&program, &keys, "/metrics", &["--tls-max", "1.2"]).await, "000");
    // Probes have no certificate.
    assert_eq!(curl(&program, &keys, "/healthz", &[]).await, "200");
    assert_eq!(curl(&program, &keys, "/readyz", &[]).await, "200");
}

#[tokio::test]
async fn a_webhook_needs_its_own_secret_and_neither_certificate_nor_password() {
    let keys = Keys::make();
    let hash = bcrypt::hash("first", 4).unwrap();
    let web = keys.configure(&format!(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  \
         client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n\
         basic_auth_users:\n  prometheus: {hash}\n",
    ));
    let program = start(&web).await;
    let event =
        ["--data", r#"{"event":{"type":"users","event":"post"},"channel_id":"MANTIS-M72HC"}"#];
    let with = |options: &[&'static str]| [&event[..], options].concat();
    let secret = with(&["--header", "X-Webhook-Secret: theWebhooksSecret"]);
    assert_eq!(curl(&program, &keys, "/webhook/whapi", &secret).await, "200");
    assert_eq!(curl(&program, &keys, "/webhook/whapi/users/post", &secret).await, "200");
    assert_eq!(curl(&program, &keys, "/webhook/whapi", &event).await, "401");
    // A certificate and a password are no secret.
    let both = with(&[CLIENT, &["--user", "prometheus:first"]].concat());
    assert_eq!(curl(&program, &keys, "/webhook/whapi", &both).await, "401");
    // And the secret opens nothing else.
    let secret = ["--path-as-is", "--header", "X-Webhook-Secret: theWebhooksSecret"];
    assert_eq!(curl(&program, &keys, "/metrics", &secret).await, "403");
    assert_eq!(curl(&program, &keys, "/webhook/whapi/../../metrics", &secret).await, "403");
}

#[tokio::test]
async fn a_password_is_asked_for_and_users_are_read_again() {
    let keys = Keys::make();
    let users = |password: &str| {
        let hash = bcrypt::hash(password, 4).unwrap();
        format!(
            "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n\
             basic_auth_users:\n  prometheus: {hash}\n"
        )
    };
    let web = keys.configure(&users("first"));
    let program = start(&web).await;
    for (options, expected) in [
        (&["--user", "prometheus:first"][..], "200"),
        (&["--user", "prometheus:wrong"], "401"),
        (&["--user", "nobody:first"], "401"),
        (&["--header", "Authorization: Basic %%%"], "401"),
        (&[], "401"),
    ] {
        assert_eq!(curl(&program, &keys, "/metrics", options).await, expected, "{options:?}");
        assert_eq!(curl(&program, &keys, "/api/status", options).await, expected, "{options:?}");
        assert_eq!(curl(&program, &keys, "/healthz", options).await, "200", "{options:?}");
    }

    keys.configure(&users("second"));
    let deadline = Instant::now() + Duration::from_secs(20);
    while curl(&program, &keys, "/metrics", &["--user", "prometheus:second"]).await != "200" {
        assert!(Instant::now() < deadline, "the new password was never taken");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(curl(&program, &keys, "/metrics", &["--user", "prometheus:first"]).await, "401");

    // A mistake leaves the last good users in force.
    keys.configure("basic_auth_users:\n  prometheus: not-a-hash\n");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(curl(&program, &keys, "/metrics", &["--user", "prometheus:second"]).await, "200");
}

/// The CPU time that a process has spent, in ticks of 1/100 s: other than time on the clock it
/// hardly knows of a busy machine.
fn ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields = stat.rsplit(") ").next().unwrap();
    // `utime` and `stime`, of threads that have ended too.
    fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// Otherwise the time that a refusal takes would tell which users there are.
#[tokio::test]
async fn a_refusal_costs_as_much_whether_the_user_exists_or_not() {
    let keys = Keys::make();
    // Low costs, for a build that is not optimised; a check is still nearly all that a refusal
    // costs.
    let [cheap, dear] = [5, 8].map(|cost| bcrypt::hash("right", cost).unwrap());
    let web = keys.configure(&format!("basic_auth_users:\n  cheap: {cheap}\n  dear: {dear}\n"));
    let program = start(&web).await;
    let (process, address) = (program.child.id().unwrap(), ([127, 0, 0, 1], program.port).into());
    let users = ["cheap", "dear", "nobody"];
    let mut spent = [0; 3];
    // In turns, so that whatever else the machine does meets all alike.
    for _ in 0..10 {
        for (user, spent) in users.iter().zip(&mut spent) {
            let word = base64::engine::general_purpose::STANDARD.encode(format!("{user}:wrong"));
            let header = ("Authorization", &*format!("Basic {word}"));
            let before = ticks(process);
            for _ in 0..4 {
                let reply = crate::common::http::get(address, "/api/status", &[header]).unwrap();
                assert_eq!(reply.status, 401);
            }
            *spent += ticks(process) - before;
        }
    }
    let (least, most) = (spent.iter().min().unwrap(), spent.iter().max().unwrap());
    assert!(*most >= 50, "too little to tell anything: {spent:?} ticks");
    assert!(*most < 2 * least, "{users:?} took {spent:?} ticks");
}

#[tokio::test]
async fn a_renewed_certificate_is_served_to_new_connections() {
    let keys = Keys::make();
    let web =
        keys.configure("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n");
    let program = start(&web).await;
    assert_eq!(curl(&program, &keys, "/metrics", &[]).await, "200");
    // A new CA signs new certificates in the same places.
    let ca = issuer();
    fs::write(keys.path("ca.crt"), ca.pem()).unwrap();
    keys.issue("server", &ca);
    let deadline = Instant::now() + Duration::from_secs(20);
    while curl(&program, &keys, "/metrics", &[]).await != "200" {
        assert!(Instant::now() < deadline, "the new certificate was never served");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A pipe keeps whoever opens it waiting until somebody writes.
#[tokio::test]
async fn a_file_that_becomes_a_pipe_freezes_nothing() {
    let keys = Keys::make();
    let hash = bcrypt::hash("right", 4).unwrap();
    let web = keys.configure(&format!(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n\
         basic_auth_users:\n  prometheus: {hash}\n"
    ));
    let program = start(&web).await;
    let right = ["--user", "prometheus:right"];
    assert_eq!(curl(&program, &keys, "/metrics", &right).await, "200");
    for path in [keys.path("server.crt"), web] {
        fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        // Longer than the files are not looked at.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        for _ in 0..3 {
            let began = Instant::now();
            assert_eq!(curl(&program, &keys, "/metrics", &right).await, "200");
            assert_eq!(curl(&program, &keys, "/metrics", &[]).await, "401");
            assert_eq!(curl(&program, &keys, "/healthz", &[]).await, "200");
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        }
    }
}

#[tokio::test]
async fn the_healthcheck_speaks_tls_too() {
    let keys = Keys::make();
    let web =
        keys.configure("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n");
    let mut program = start(&web).await;
    let healthcheck = || {
        Command::new(crate::common::binary())
            .arg("healthcheck")
            .env_clear()
            .env("LISTEN_ADDRESS", format!("127.0.0.1:{}", program.port))
            .env("WEB_CONFIG_FILE", &web)
            .status()
    };
    assert!(healthcheck().await.unwrap().success());
    // The exporter goes on with what it read before.
    let right = std::fs::read_to_string(&web).unwrap();
    std::fs::write(&web, "oops: [").unwrap();
    assert!(healthcheck().await.unwrap().success());
    std::fs::write(&web, right).unwrap();
    program.child.kill().await.unwrap();
    let healthcheck = Command::new(crate::common::binary())
        .arg("healthcheck")
        .env_clear()
        .env("LISTEN_ADDRESS", format!("127.0.0.1:{}", program.port))
        .env("WEB_CONFIG_FILE", &web)
        .status();
    assert_eq!(healthcheck.await.unwrap().code(), Some(1));
}

#[tokio::test]
async fn a_wrong_web_configuration_stops_the_start_with_a_sentence() {
    let keys = Keys::make();
    for (yaml, said) in [
        (
            "basic_auth_users:\n  prometheus: s3cret-s3cret\n",
            "the password of `prometheus` is not a bcrypt hash",
        ),
        ("tls_server_config:\n  cert_file: server.crt\n", "needs both cert_file and key_file"),
        (
            "tls_server_config:\n  cert_file: none.crt\n  key_file: server.key\n",
            "none.crt cannot be read",
        ),
        (
            "tls_server_config:\n  cert_file: server.crt\n  key_file: server.crt\n",
            "server.crt holds no private key",
        ),
        (
            "tls_server_config:\n  cert_file: server.crt\n  key_file: client.key\n",
            "do not belong together",
        ),
        (
            "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  \
             min_version: TLS10\n",
            "TLS 1.0 and 1.1 are not safe",
        ),
        (
            "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  \
             client_auth_type: RequireAndVerifyClientCert\n",
            "client_auth_type needs client_ca_file",
        ),
        ("basic_auth_users: s3cret-s3cret\n", "must be a set of `user: hash` lines"),
        (
            "tls_server_config:\n  cert_file: server.crt\n  key_file: |\n    \
             -----BEGIN PRIVATE KEY-----\n    s3cret\n",
            "[REDACTED], which is no name of a file, cannot be read",
        ),
        (
            "basic_auth_users:\n  \
             $2y$04$s3crets3crets3crets3creOs3crets3crets3crets3crets3cret: prometheus\n",
            "a hash stands where the name of a user belongs",
        ),
        (
            "basic_auth_user:\n  prometheus: s3cret-s3cret\n",
            "unknown key `basic_auth_user`, expected one of",
        ),
    ] {
        let web = keys.configure(yaml);
        let output = Command::new(crate::common::binary())
            .env_clear()
            .envs([("LISTEN_ADDRESS", "127.0.0.1:0"), ("WHAPI_TOKEN", "a-made-up-token")])
            .env("WEB_CONFIG_FILE", web)
            .output()
            .await
            .unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{yaml}{words}");
        assert!(words.contains("WEB_CONFIG_FILE") && words.contains(said), "{yaml}{words}");
        assert!(!words.contains("s3cret"), "{words}");
    }
}

/// With a configuration as anybody would write it: `http_config` of Prometheus itself.
#[tokio::test]
async fn a_real_prometheus_scrapes_with_certificate_and_password_and_without_either_it_does_not() {
    let keys = Keys::make();
    let hash = bcrypt::hash("from a vault", 10).unwrap();
    let web = keys.configure(&format!(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  \
         client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n\
         basic_auth_users:\n  prometheus: {hash}\n"
    ));
    let program = start(&web).await;
    let job = |name: &str, certificate: &str, password: &str| {
        format!(
            "  - job_name: {name}\n    scheme: https\n    basic_auth: {{username: prometheus, \
             password: {password}}}\n    \
             tls_config: {{ca_file: ca.crt{certificate}}}\n    \
             static_configs: [{{targets: ['127.0.0.1:{}']}}]\n",
            program.port
        )
    };
    let client = ", cert_file: client.crt, key_file: client.key";
    let stranger = ", cert_file: stranger.crt, key_file: stranger.key";
    let settings = [
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n".to_owned(),
        job("right", client, "from a vault"),
        job("no-certificate", "", "from a vault"),
        job("strange-certificate", stranger, "from a vault"),
        job("wrong-password", client, "guessed"),
    ];
    let prometheus = Prometheus::start(keys.directory.path(), &settings.concat()).await;
    let up =
        wait_for("four scrapes, of which one is let in", Duration::from_secs(60), async || {
            let rows = prometheus.query("up").await;
            let up: Vec<_> = rows
                .iter()
                .filter(|(_, value)| *value == 1.0)
                .map(|(labels, _)| labels["job"].clone())
                .collect();
            (rows.len() == 4 && !up.is_empty()).then_some(up)
        })
        .await;
    assert_eq!(up, ["right"]);
    let names = prometheus.query("count by (job) (whatsapp_channel_polls_total)").await;
    assert_eq!(names.len(), 1, "{names:?}");
}
