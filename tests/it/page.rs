//! The pages for people, as a browser and a screen reader get them.
//!
//! Not here: what is said of a target (`report/`).

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::common::{Files, Program, Setup, Upstream, http};
use crate::peers::repository;
use whatsapp_simulator::{MetaToken, WhapiChannel, WhapiStatus};

/// A program with a channel of each kind of trouble, and a token.
fn program() -> (Upstream, Files, Program) {
    let (upstream, files) = (Upstream::start(), Files::new());
    let statuses = [
        ("sales", WhapiStatus::AUTH),
        ("support", WhapiStatus::QR),
        ("starting", WhapiStatus::LAUNCH),
        ("trial", WhapiStatus::STOP),
        ("broken", WhapiStatus::ERROR),
    ];
    let mut yaml = "channels:\n".to_owned();
    for (name, status) in statuses {
        upstream.set_channel(name, WhapiChannel::new(name).with_status(status));
        files.write(name, name);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
    }
    files.write("lost", "nobody");
    yaml.push_str("  - name: lost\n    token_file: lost\n");
    upstream.set_token("token", MetaToken::expiring_in("marketing", Duration::from_secs(500_000)));
    files.write("token", "token");
    yaml.push_str("tokens:\n  - name: marketing\n    token_file: token\n");
    let program = Setup::of(&upstream).file(&files, &yaml).start();
    program.until_is("whatsapp_channel_authorized{channel=\"sales\"}", 1.0);
    program.until_is("whatsapp_channel_authorized{channel=\"broken\"}", 0.0);
    program.until_is("whatsapp_token_valid", 1.0);
    (upstream, files, program)
}

fn page(address: SocketAddr, path: &str) -> String {
    let reply = http::get(address, path, &[]).expect("a page");
    assert_eq!(reply.status, 200, "{path}");
    String::from_utf8(reply.plain()).expect("UTF-8")
}

#[test]
fn what_is_looked_for_is_found_by_name_provider_and_status() {
    let (_upstream, _files, program) = program();
    for (query, shown) in [
        ("?q=SUPP", vec!["support"]),
        ("?q=qr", vec!["support"]),
        ("?q=meta", vec!["marketing"]),
        ("?q=nothing-like-it", vec![]),
        ("", vec!["sales", "support", "starting", "trial", "broken", "lost", "marketing"]),
    ] {
        let html = page(program.address, &format!("/{query}"));
        for name in ["sales", "support", "starting", "trial", "broken", "lost", "marketing"] {
            let row = html.contains(&format!("-{name}\">"));
            assert_eq!(row, shown.contains(&name), "{query}: {name}");
        }
        // How all are is said whatever is looked for.
        assert!(html.contains("4 failing"), "{query}");
    }
    let html = page(program.address, "/?q=%3Cscript%3Ealert(1)%3C/script%3E%22");
    assert!(!html.contains("<script>alert"), "{html}");
}

#[test]
fn a_channel_has_a_page_that_its_row_and_the_panel_are_linked_from() {
    let (_upstream, _files, program) = program();
    let html = page(program.address, "/");
    assert!(html.contains("<a href=\"/channels/support\">support</a>"), "{html}");
    assert!(html.contains("href=\"https://panel.whapi.cloud/dashboard\""), "{html}");
    let html = page(program.address, "/channels/support");
    for part in ["support: QR", "last answer", "scan the QR code", "open panel.whapi.cloud"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let missing = http::get(program.address, "/channels/nobody", &[]).expect("an answer");
    assert_eq!(missing.status, 404);
}

#[test]
fn a_page_renews_itself_by_a_script_or_when_it_is_told_to_and_is_compressed() {
    let (_upstream, _files, program) = program();
    let plain = page(program.address, "/");
    assert!(plain.contains("<script src=\"/page.js\" defer>"), "{plain}");
    assert!(!plain.contains("http-equiv=\"refresh\""), "the focus would be lost");
    let told = page(program.address, "/?refresh=30");
    assert!(told.contains("<meta http-equiv=\"refresh\" content=\"30\">"), "{told}");
    assert!(!told.contains("<script"), "{told}");
    let script = http::get(program.address, "/page.js", &[]).expect("a script");
    let kind = script.header("content-type");
    assert_eq!(kind.as_deref(), Some("text/javascript; charset=utf-8"));
    let zipped = http::get(program.address, "/", &[("Accept-Encoding", "gzip")]).expect("a page");
    assert_eq!(zipped.header("content-encoding").as_deref(), Some("gzip"));
    let html = String::from_utf8(zipped.plain()).expect("UTF-8");
    assert!(html.contains("support") && html.trim_end().ends_with("</html>"), "{html}");
}

/// Serves one page, with the checker and a script that writes what it finds into the page.
fn with_checker(html: &str, axe: &[u8]) -> (SocketAddr, std::thread::JoinHandle<()>) {
    const RUN: &str = "<script src=/axe.js></script><script>addEventListener('load', async () => {\
        const found = await axe.run(document, {resultTypes: ['violations']}); \
        const told = found.violations.map((one) => ({id: one.id, impact: one.impact, \
        help: one.help, nodes: one.nodes.map((node) => node.html.slice(0, 200))})); \
        document.body.innerHTML = ''; \
        document.body.dataset.passes = found.passes.length; \
        document.body.dataset.found = JSON.stringify(told); });</script></body>";
    let html = html.replace("</body>", RUN);
    let axe = axe.to_vec();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = std::thread::spawn(move || {
        for _ in 0..64 {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut head = [0; 4096];
            let size = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..size]).into_owned();
            let (kind, body): (_, &[u8]) = match head.split(' ').nth(1) {
                Some("/") => ("text/html; charset=utf-8", html.as_bytes()),
                Some("/axe.js") => ("text/javascript", &axe),
                Some("/end") => return,
                _ => ("text/plain", b""),
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    (address, served)
}

/// What the checker finds in a page as a browser of this size shows it.
fn violations(html: &str, axe: &[u8], window: &str, zoom: &str) -> Vec<Value> {
    let (address, served) = with_checker(html, axe);
    let profile = Files::new();
    let told = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args([format!("--window-size={window}"), format!("--force-device-scale-factor={zoom}")])
        .arg(format!("--user-data-dir={}", profile.path("profile").display()))
        .args(["--virtual-time-budget=60000", "--dump-dom", &format!("http://{address}/")])
        .output()
        .expect("chromium");
    let _ = http::get(address, "/end", &[]);
    served.join().expect("served");
    let dom = String::from_utf8_lossy(&told.stdout);
    let attribute = |name: &str| {
        let (_, rest) = dom.split_once(&format!("{name}=\""))?;
        rest.split('"').next().map(|text| text.replace("&quot;", "\"").replace("&amp;", "&"))
    };
    let passes: u32 = attribute("data-passes").and_then(|n| n.parse().ok()).unwrap_or(0);
    assert!(passes > 10, "the checker did not run: {}", String::from_utf8_lossy(&told.stderr));
    let found = attribute("data-found").expect("what was found");
    serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error}: {found}"))
}

/// The checker, which `make packages` fetches.
fn axe() -> Option<Vec<u8>> {
    let path: PathBuf = repository("target/tools/axe.min.js");
    std::fs::read(path).ok()
}

#[test]
#[expect(clippy::print_stderr, reason = "what is left out is said")]
fn the_pages_are_accessible_wide_narrow_enlarged_light_and_dark() {
    let Some(axe) = axe() else {
        eprintln!("LEFT OUT: axe is not in target/tools; `make packages` fetches it");
        return;
    };
    let (_upstream, _files, program) = program();
    let mut mistakes = Vec::new();
    for path in ["/", "/channels/support"] {
        let html = page(program.address, path);
        let dark = html.replace("@media (prefers-color-scheme: dark)", "@media all");
        for (what, html, window, zoom) in [
            ("wide", &html, "1400,1000", "1"),
            ("dark", &dark, "1400,1000", "1"),
            ("narrow", &html, "500,900", "1"),
            ("at 200 %", &html, "1280,1000", "2"),
        ] {
            for found in violations(html, &axe, window, zoom) {
                if matches!(found["impact"].as_str(), Some("serious" | "critical")) {
                    mistakes.push(format!("{path}, {what}: {found}"));
                }
            }
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    // And the checker would find something.
    let bad = page(program.address, "/")
        .replace("<label for=\"q\">Find</label>", "")
        .replace("placeholder=\"name, provider, source, id or status\"", "");
    let found = violations(&bad, &axe, "1400,1000", "1");
    assert!(found.iter().any(|one| one["id"] == "label"), "{found:?}");
}
