//! The channels of a Whapi partner account, discovered, over real HTTP.

use whatsapp_simulator::{WhapiChannel, WhapiListShape, WhapiPartner, WhapiStatus};

use crate::common::{Files, Program, Setup, Upstream};

const PARTNER: &str = "partnerTokenNotARealOne";
const SALES: &str = "salesTokenNotARealOne";
const SHOP: &str = "shopTokenNotARealOne";

/// A channel with this id.
fn channel(upstream: &Upstream, token: &str, id: &str, status: WhapiStatus) {
    let mut channel = WhapiChannel::new(id).with_status(status);
    id.clone_into(&mut channel.channel_id);
    upstream.set_channel(token, channel);
}

/// A partner with these channels, whose addresses have a trailing slash.
fn account(upstream: &Upstream, tokens: &[&str]) -> WhapiPartner {
    let mut partner = WhapiPartner::new("partner");
    partner.channels = tokens.iter().map(|token| (*token).to_owned()).collect();
    partner.api_url = Some(format!("{}/", upstream.url()));
    upstream.set_whapi_partner(PARTNER, partner.clone());
    partner
}

/// A partner account in the settings file, polled every second, and more of the file.
fn from_file(upstream: &Upstream, files: &Files, more: &str) -> Setup {
    files.write("partner", PARTNER);
    let yaml = format!(
        "sources:\n  - name: resold\n    provider: whapi\n    api_url: {}\n    token_file: partner\n    poll_interval: 1s\n{more}",
        upstream.url()
    );
    // Channels are to be polled where their rows say.
    Setup::new().set("WHAPI_API_URL", "http://127.0.0.1:9").file(files, &yaml)
}

fn status(channel: &str, status: &str) -> String {
    format!(
        "whatsapp_channel_status{{provider=\"whapi\",channel=\"{channel}\",status=\"{status}\"}}"
    )
}

fn source(metric: &str, source: &str) -> String {
    format!("whatsapp_source_{metric}{{source=\"{source}\"}}")
}

/// All that people and programs can see.
fn shown(program: &Program) -> String {
    let pages = ["/metrics", "/", "/api/status"].map(|path| program.get(path).text());
    pages.join("\n") + &program.printed() + &program.log()
}

#[test]
fn every_channel_of_a_partner_is_polled_by_its_own_token_and_never_woken() {
    let upstream = Upstream::start();
    channel(&upstream, SALES, "SALESX-00001", WhapiStatus::AUTH);
    channel(&upstream, SHOP, "SHOPXX-00002", WhapiStatus::QR);
    account(&upstream, &[SALES, SHOP]);
    let program = Setup::new()
        .set("WHAPI_PARTNER_TOKEN", PARTNER)
        .set("WHAPI_PARTNER_URL", upstream.url())
        .set("LOG_LEVEL", "trace")
        .start();
    program.until_is(&status("SALESX-00001", "AUTH"), 1.0);
    program.until_is(&status("SHOPXX-00002", "QR"), 1.0);
    let page = program.metrics();
    assert_eq!(page.get(&source("channels", "whapi")), Some(2.0));
    assert_eq!(page.get(&source("poll_interval_seconds", "whapi")), Some(600.0));
    let interval = "whatsapp_channel_poll_interval_seconds{channel=\"SALESX-00001\"}";
    assert_eq!(page.get(interval), Some(1.0), "it is WHAPI_POLL_INTERVAL");
    assert_eq!((upstream.woken(SALES), upstream.woken(SHOP)), (0, 0));
    let shown = shown(&program);
    for secret in [PARTNER, SALES, SHOP, "NameOfAPerson", "PartnerProxy", "61371989950"] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

#[test]
fn channels_come_and_go_and_a_list_that_fails_keeps_the_last() {
    let (upstream, files) = (Upstream::start(), Files::new());
    channel(&upstream, SALES, "SALESX-00001", WhapiStatus::AUTH);
    channel(&upstream, SHOP, "SHOPXX-00002", WhapiStatus::AUTH);
    channel(&upstream, "own", "OWNXXX-00003", WhapiStatus::AUTH);
    account(&upstream, &[SALES, SHOP, "own"]);
    files.write("own", "own");
    let more = format!(
        "channels:\n  - {{name: mine, channel_id: OWNXXX-00003, token_file: own, api_url: {}, poll_interval: 1s}}\n",
        upstream.url()
    );
    let program = from_file(&upstream, &files, &more).start();
    for name in ["SALESX-00001", "SHOPXX-00002", "mine"] {
        program.until_is(&status(name, "AUTH"), 1.0);
    }
    assert_eq!(program.metrics().get(&status("OWNXXX-00003", "AUTH")), None);

    // A token that is replaced at Whapi comes with the next list.
    upstream.remove(SHOP);
    channel(&upstream, "newShopToken", "SHOPXX-00002", WhapiStatus::QR);
    account(&upstream, &["newShopToken"]);
    program.until_is(&status("SHOPXX-00002", "QR"), 1.0);
    program.until_is(&status("SALESX-00001", "AUTH"), None);

    upstream.remove(PARTNER);
    let refused = "whatsapp_source_poll_failures_total{source=\"resold\",reason=\"forbidden\"}";
    program.until_at_least(refused, 1.0);
    channel(&upstream, "newShopToken", "SHOPXX-00002", WhapiStatus::AUTH);
    program.until_is(&status("SHOPXX-00002", "AUTH"), 1.0);
}

#[test]
fn a_list_of_several_pages_is_read_to_its_end_in_any_shape() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let tokens: Vec<String> = (0..503).map(|number| format!("token{number}")).collect();
    for (number, token) in tokens.iter().enumerate() {
        channel(&upstream, token, &format!("CHANNEL{number:03}"), WhapiStatus::AUTH);
    }
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let mut partner = account(&upstream, &tokens);
    let more = "    max_channels: 2\n";
    let program = from_file(&upstream, &files, more).start();
    program.until_is(&source("channels_ignored", "resold"), 501.0);
    program.until_is(&status("CHANNEL001", "AUTH"), 1.0);

    partner.shape = WhapiListShape::DataChannels;
    partner.ignores_offset = true;
    upstream.set_whapi_partner(PARTNER, partner);
    program.until_is(&source("channels_ignored", "resold"), 498.0);
    let before = upstream.asked(Some("partner"));
    program
        .until("two more lists", |_| (upstream.asked(Some("partner")) >= before + 4).then_some(()));
    assert_eq!(program.metrics().get(&source("poll_success", "resold")), Some(1.0));
}

#[test]
fn check_tells_of_a_partner_and_its_channels() {
    let upstream = Upstream::start();
    channel(&upstream, SALES, "SALESX-00001", WhapiStatus::AUTH);
    account(&upstream, &[SALES]);
    let setup = Setup::new().set("WHAPI_PARTNER_TOKEN", PARTNER);
    let ended = setup.set("WHAPI_PARTNER_URL", upstream.url()).argument("check").run();
    for line in ["channel SALESX-00001", "source whapi", "1 channels"] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
}
