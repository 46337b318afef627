//! One exporter that watches a hundred lines of each provider, and its page of metrics as promtool
//! reads it.
//!
//! Not here: what the page says of a line; each provider has its own tests.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use whatsapp_simulator::{
    EvolutionInstance, EvolutionServer, GreenApiInstance, MetaAccount, MetaHalfHour, MetaNumber,
    MetaToken, WahaServer, WhapiChannel, WhapiPartner,
};

use crate::common::{Files, Setup, Upstream, http};
use crate::prometheus::promtool_check_metrics;

const LINES: u64 = 100;

/// Sources with a hundred lines each, and as many channels and tokens that are configured; every
/// status that there is, and a word that there is not.
fn settings(upstream: &Upstream, files: &Files) -> String {
    let mut yaml = ["channels:\n", "tokens:\n", "sources:\n"].map(str::to_owned);
    let mut waha = WahaServer::new("waha");
    let mut evolution = EvolutionServer::new("evolution");
    let (mut green, mut partner) = (Vec::new(), WhapiPartner::new("partner"));
    let states = ["authorized", "yellowCard", "notAuthorized", "sleepMode", "blocked", "starting"];
    let mut account = MetaAccount::new("4000");
    let numbers = ["CONNECTED", "RESTRICTED", "PENDING", "DISCONNECTED", "BANNED", "DREAMING"];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    let half_hours = MetaHalfHour::last(now.as_secs(), &[(7, 6); 4]);
    let words = ["WORKING", "SCAN_QR_CODE", "STARTING", "STOPPED", "FAILED", "DOZING"];
    for (line, at) in (0..LINES).zip(0_usize..) {
        for (kind, yaml) in ["channel", "token"].into_iter().zip(&mut yaml) {
            let name = format!("{kind}-{line}");
            files.write(&name, &name);
            let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
        }
        upstream.set_channel(&format!("channel-{line}"), WhapiChannel::new("configured"));
        upstream.set_token(&format!("token-{line}"), MetaToken::new("configured"));
        waha = waha.with_session(&format!("session-{line}"), words[at % words.len()]);
        let instance = match at % 4 {
            0 => EvolutionInstance::new("open"),
            1 => EvolutionInstance::new("connecting"),
            2 => EvolutionInstance::closed_by(401),
            _ => EvolutionInstance::closed_by(403),
        };
        evolution = evolution.with_instance(&format!("instance-{line}"), instance);
        let number = MetaNumber {
            phone: format!("+1 555-{line:07}"),
            half_hours: half_hours.clone(),
            ..MetaNumber::new(numbers[at % numbers.len()])
        };
        account = account.with_number(&format!("60{line:03}"), number);
        let token = format!("green-{line}");
        let instance = GreenApiInstance::new(1_101_000_000 + line, states[at % states.len()]);
        upstream.set_green_api_instance(&token, instance);
        green.push(token);
        let mut channel = WhapiChannel::new("listed");
        channel.channel_id = format!("MANTIS-{line:05}");
        upstream.set_channel(&format!("listed-{line}"), channel);
        partner.channels.push(format!("listed-{line}"));
    }
    upstream.set_waha_server("waha", waha);
    upstream.set_account(account);
    upstream.set_token("meta", MetaToken::new("meta").managing(&["4000"]));
    upstream.set_evolution_server("evolution", evolution);
    let green: Vec<&str> = green.iter().map(String::as_str).collect();
    upstream.set_green_api_partner("green_api", "green", &green);
    partner.api_url = Some(upstream.url());
    upstream.set_whapi_partner("whapi", partner);
    for provider in ["waha", "evolution", "green_api", "whapi", "meta"] {
        files.write(provider, provider);
        let url = upstream.url();
        let _ = write!(
            yaml[2],
            "  - name: {provider}\n    provider: {provider}\n    api_url: {url}\n    \
             token_file: {provider}\n    poll_interval: 2s\n"
        );
        if provider == "meta" {
            yaml[2].push_str("    analytics: true\n");
        }
    }
    yaml.concat()
}

#[test]
fn a_page_with_a_hundred_lines_of_each_provider_passes_promtool() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let yaml = settings(&upstream, &files);
    let program = Setup::of(&upstream)
        .file(&files, &yaml)
        .pace("2s")
        .set("WEBHOOK_SECRET", "webhookSecretNotARealOne")
        .set("GATEWAY_ADDRESS", "127.0.0.1:0")
        .set("GATEWAY_HOLD", "1s")
        .set("STATE_FILE", files.path("state"))
        .start();
    let lines = LINES as f64;
    program.until("every line is known", |page| {
        let providers = ["whapi", "waha", "evolution", "green_api", "meta"];
        let known = |provider: &&str| {
            let of = |status: &str| {
                page.sum(&format!(
                    "whatsapp_channel_status{{provider=\"{provider}\",status=\"{status}\"}}"
                ))
            };
            let statuses =
                ["NOT_INIT", "INIT", "LAUNCH", "QR", "AUTH", "ERROR", "SYNC_ERROR", "STOP"];
            let known: f64 = statuses.into_iter().chain(["BLOCKED"]).map(of).sum();
            // Of WAHA's words, and of Meta's, every sixth is none.
            let words = if ["waha", "meta"].contains(provider) { 84.0 } else { lines };
            known >= if *provider == "whapi" { 2.0 * lines } else { words }
        };
        let tokens = page.sum("whatsapp_token_valid") >= lines;
        (providers.iter().all(known) && tokens).then_some(())
    });
    let text = |accept| http::get(program.address, "/metrics", &[("Accept", accept)]);
    let page = text("text/plain").expect("a page").text();
    let statuses = page.lines().filter(|line| line.starts_with("whatsapp_channel_status{"));
    // A row for each status of the channels: configured ones, and those of five sources.
    assert_eq!(statuses.count() as u64, 10 * 6 * LINES);
    // So many numbers are asked about in one call.
    assert_eq!(page.matches("\nwhatsapp_channel_delivery_ratio{").count(), 40);
    assert_eq!(page.matches("# HELP whatsapp_channel_delivery_ratio ").count(), 1);
    assert_eq!(promtool_check_metrics(&page), "", "promtool check metrics");
    for source in ["waha", "evolution", "green_api", "whapi", "meta"] {
        let listed = format!("whatsapp_source_channels{{source=\"{source}\"}}");
        assert_eq!(program.metrics().get(&listed), Some(lines));
    }
}
