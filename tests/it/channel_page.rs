//! The page of one channel, and finding it on the page of all.

use std::fmt::Write as _;

use serde_json::json;

use crate::common::{Files, Program, Setup, Upstream, http};
use whatsapp_simulator::{MetaToken, WhapiChannel, WhapiStatus};

const SECRET: &str = "webhookSecretOfTheseTests";

fn program(upstream: &Upstream, files: &Files, more: usize) -> Program {
    let mut yaml = "channels:\n".to_owned();
    let mut add = |name: &str, status: WhapiStatus| {
        let mut channel = WhapiChannel::new(name).with_status(status);
        channel.channel_id = name.to_uppercase();
        upstream.set_channel(name, channel);
        files.write(name, name);
        let _ = writeln!(yaml, "  - {{name: {name}, token_file: {name}}}");
    };
    add("sales-de", WhapiStatus::AUTH);
    add("sales-fr", WhapiStatus::QR);
    (0..more).for_each(|at| add(&format!("line-{at:03}"), WhapiStatus::AUTH));
    upstream.set_token("t", MetaToken::new("t"));
    files.write("t", "t");
    yaml.push_str("tokens: [{name: Sales-token, token_file: t}]\n");
    let setup = Setup::of(upstream).file(files, &yaml).set("WEBHOOK_SECRET", SECRET);
    let program = setup.start();
    program.until_is("whatsapp_channel_authorized{channel=\"sales-de\"}", 1.0);
    program.until_is("whatsapp_channel_authorized{channel=\"sales-fr\"}", 0.0);
    program
}

#[test]
fn a_channels_page_tells_its_moves_its_timings_and_what_to_do() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let program = program(&upstream, &files, 0);
    let page = program.get("/channels/sales-fr");
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type").as_deref(), Some("text/html; charset=utf-8"));
    let text = page.text();
    for part in [
        "<h1>sales-fr</h1>",
        "<span class=\"status bad\">QR</span>",
        "<h2>What to do</h2>",
        "scan the QR code",
        "docs/runbooks/WhatsAppChannelNotAuthorized.md",
        "<dt>polled</dt><dd>every 1 s</dd>",
        "<dt>id at the provider</dt><dd>SALES-FR</dd>",
        "<dt>last answer</dt>",
        "<a href=\"/#channel-sales-fr\">",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // It is well, so there is nothing to do; a webhook tells a move.
    let healthy = program.get("/channels/sales-de").text();
    assert!(!healthy.contains("What to do"), "{healthy}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("a time after 1970").as_secs();
    let body = json!({
        "event": { "type": "channel", "event": "post" },
        "health": { "status": { "text": "LAUNCH" }, "start_at": now, "uptime": 0 },
        "channel_id": "SALES-DE",
    });
    let headers = [("X-Webhook-Secret", SECRET), ("Content-Type", "application/json")];
    let path = "/webhook/whapi";
    let reply = http::send(program.address, "POST", path, &headers, body.to_string());
    assert_eq!(reply.expect("an answer").status, 200);
    let moved = program.get("/channels/sales-de").text();
    for part in ["<h2>Last moves</h2>", "<dd>LAUNCH</dd>", "<dt>last webhook</dt>", "LAUNCH once"] {
        assert!(moved.contains(part), "{part}: {moved}");
    }
}

#[test]
fn a_part_of_a_name_finds_targets_and_nothing_that_is_typed_gets_into_the_page() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let program = program(&upstream, &files, 250);
    let find = |query: &str| {
        let reply = program.get(&format!("/?{query}"));
        assert_eq!(reply.status, 200, "{query}");
        reply.text()
    };
    for query in ["q=SALES", "q=sales&page=7", "page=1&q=+sAles%20"] {
        let found = find(query);
        for name in ["sales-de", "sales-fr"] {
            assert!(found.contains(&format!("<tr id=\"channel-{name}\">")), "{query}: {found}");
            assert!(found.contains(&format!("<a href=\"/channels/{name}\">{name}</a>")), "{query}");
        }
        assert!(found.contains("Sales-token") && !found.contains("line-0"), "{query}: {found}");
    }
    let lines = find("q=line");
    assert!(lines.contains("page 1 of 2, 250 in all"), "{lines}");
    assert!(lines.contains("<a href=\"/?page=2&#38;q=line\">"), "{lines}");
    assert_eq!(find("q=line&page=2").matches("<tr id=").count(), 50);
    let script = find("q=%3Cscript%3E%22");
    assert!(script.contains("Nothing has this in its name."), "{script}");
    assert!(!script.contains("<script>") && script.contains("&#60;script&#62;&#34;"), "{script}");
    assert_eq!(find(&format!("q={}", "x".repeat(5000))).matches("xx").count(), 31);
    assert_eq!(find("q=%ff%fe").matches("<tr id=").count(), 0);
}
