//! The channels of a Whapi partner account, discovered, over real HTTP.

use whatsapp_simulator::{WhapiChannel, WhapiListShape, WhapiPartner, WhapiStatus};

use crate::common::{DEADLINE, Files, Program, Setup, Upstream};

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
        "sources:\n  - name: resold\n    provider: whapi\n    api_url: {}\n    \
         token_file: partner\n    poll_interval: 1s\n{more}",
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

/// The program with its settings read anew, by a restart or by a reload.
fn read_anew(mut program: Program, setup: &Setup, restarts: bool) -> Program {
    if !restarts {
        program.reload();
        return program;
    }
    program.signal("TERM");
    program.wait(DEADLINE);
    setup.start()
}

#[test]
fn a_channel_keeps_its_counters_from_a_list_into_the_settings_and_back_also_over_a_restart() {
    let (upstream, files) = (Upstream::start(), Files::new());
    channel(&upstream, SALES, "SALESX-00001", WhapiStatus::AUTH);
    account(&upstream, &[SALES]);
    files.write("own", SALES);
    let own = format!(
        "channels:\n  - {{name: SALESX-00001, channel_id: SALESX-00001, token_file: own, \
         api_url: {}, poll_interval: 1s}}\n",
        upstream.url()
    );
    let (sales, own) = ("SALESX-00001", own.as_str());
    let to_qr =
        format!("whatsapp_channel_status_transitions_total{{channel=\"{sales}\",to=\"QR\"}}");
    let polls = format!("whatsapp_channel_polls_total{{channel=\"{sales}\"}}");
    let setup =
        |more: &str| from_file(&upstream, &files, more).set("STATE_FILE", files.path("state.json"));
    let mut program = setup("").start();
    program.until_is(&status(sales, "AUTH"), 1.0);
    channel(&upstream, SALES, sales, WhapiStatus::QR);
    program.until_is(&to_qr, 1.0);
    for (settings, restarts) in [(own, false), ("", false), (own, true), ("", true), (own, true)] {
        let before = program.metrics().get(&polls).expect("its polls");
        program = read_anew(program, &setup(settings), restarts);
        program.until_is(&status(sales, "QR"), 1.0);
        let page = program.metrics();
        assert_eq!(page.get(&to_qr), Some(1.0), "{settings:?}, restarts: {restarts}\n{page}");
        assert!(page.get(&polls) >= Some(before), "{settings:?}, restarts: {restarts}\n{page}");
    }
}

#[test]
fn a_line_that_gets_a_name_which_fell_free_stays_the_line_that_it_is() {
    for restarts in [false, true] {
        let (upstream, files) = (Upstream::start(), Files::new());
        channel(&upstream, SALES, "SALESX-00001", WhapiStatus::AUTH);
        channel(&upstream, SHOP, "SHOPXX-00002", WhapiStatus::QR);
        account(&upstream, &[SHOP]);
        files.write("own", SALES);
        let named = "    names: {SHOPXX-00002: desk}\n";
        let own = format!(
            "{named}channels:\n  - {{name: desk, channel_id: SALESX-00001, token_file: own, \
             api_url: {}, poll_interval: 1s}}\n",
            upstream.url()
        );
        let setup = |more: &str| {
            from_file(&upstream, &files, more).set("STATE_FILE", files.path("state.json"))
        };
        let mut program = setup(&own).start();
        program.until_is(&status("desk", "AUTH"), 1.0);
        program.until_is(&status("resold.desk", "QR"), 1.0);
        program = read_anew(program, &setup(named), restarts);
        program.until_is(&status("desk", "QR"), 1.0);
        let page = program.metrics();
        let moves = page.sum("whatsapp_channel_status_transitions_total{channel=\"desk\"}");
        assert_eq!(moves, 0.0, "restarts: {restarts}\n{page}");
        let ever = "whatsapp_channel_last_authorized_timestamp_seconds{channel=\"desk\"}";
        assert_eq!(page.get(ever), None, "restarts: {restarts}\n{page}");
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
        "channels:\n  - {{name: mine, channel_id: OWNXXX-00003, token_file: own, api_url: {}, \
         poll_interval: 1s}}\n",
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
fn a_channel_is_polled_again_when_its_list_brings_its_token_again() {
    let (upstream, files) = (Upstream::start(), Files::new());
    channel(&upstream, SALES, "SALESX-00001", WhapiStatus::AUTH);
    channel(&upstream, SHOP, "SHOPXX-00002", WhapiStatus::AUTH);
    let mut partner = account(&upstream, &[SALES, SHOP]);
    partner.withheld = vec![SHOP.to_owned()];
    upstream.set_whapi_partner(PARTNER, partner.clone());
    let program = from_file(&upstream, &files, "").start();
    program.until_is(&status("SALESX-00001", "AUTH"), 1.0);
    let polls = |name: &str| format!("whatsapp_channel_polls_total{{channel=\"{name}\"}}");
    // One that never had a token, and one that loses its token for a while.
    for (with, without) in [("SHOPXX-00002", SALES), ("SALESX-00001", SHOP)] {
        partner.withheld = vec![without.to_owned()];
        upstream.set_whapi_partner(PARTNER, partner.clone());
        program.until_is(&status(with, "AUTH"), 1.0);
        let before = program.metrics().get(&polls(with)).unwrap_or_default();
        program.until_at_least(&polls(with), before + 3.0);
    }
    let failing = "whatsapp_channel_poll_success{channel=\"SHOPXX-00002\"}";
    program.until_is(failing, 0.0);
    let asked = |path: &str| {
        let log = upstream.requests();
        log.iter().filter(|one| &*one.by == "partner" && one.path == path).count()
    };
    assert_eq!(asked("/health"), 0, "the partner's token is for the list alone");
    let setup = from_file(&upstream, &files, "");
    let webhooks = setup
        .set("WEBHOOK_SECRET", "webhookSecretNotARealOne")
        .set("WEBHOOK_URL", "https://exporter.example.com/webhook/whapi");
    webhooks.argument("check").run();
    assert_eq!(asked("/settings"), 0, "the partner's token is for the list alone");
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

#[test]
fn the_list_tells_until_when_channels_are_active_and_what_renews_them() {
    let (upstream, files) = (Upstream::start(), Files::new());
    channel(&upstream, SALES, "SALESX-00001", WhapiStatus::AUTH);
    channel(&upstream, SHOP, "SHOPXX-00002", WhapiStatus::AUTH);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let in_two_days = now.expect("a time after 1970").as_secs() + 2 * 86_400;
    for (token, trial, payment) in [(SALES, true, None), (SHOP, false, Some("1z5dc43s4d6"))] {
        upstream.update_channel(token, |channel| {
            channel.active_till_millis = in_two_days * 1000;
            channel.trial = trial;
            channel.recurrent_payment = payment.map(str::to_owned);
        });
    }
    account(&upstream, &[SALES, SHOP]);
    let program = from_file(&upstream, &files, "").start();
    let of =
        |metric: &str, channel: &str| format!("whatsapp_channel_{metric}{{channel=\"{channel}\"}}");
    let expiry = |channel: &str| of("subscription_expiry_timestamp_seconds", channel);
    program.until_is(&expiry("SALESX-00001"), in_two_days as f64);
    program.until_is(&expiry("SHOPXX-00002"), in_two_days as f64);
    let info = |channel: &str, mode: &str, renewal: &str| {
        format!(
            "whatsapp_channel_subscription_info{{provider=\"whapi\",channel=\"{channel}\",\
                mode=\"{mode}\",renewal=\"{renewal}\"}}"
        )
    };
    program.until_is(&status("SALESX-00001", "AUTH"), 1.0);
    program.until_is(&status("SHOPXX-00002", "AUTH"), 1.0);
    let page = program.metrics();
    assert_eq!(page.get(&info("SALESX-00001", "trial", "unknown")), Some(1.0));
    assert_eq!(page.get(&info("SHOPXX-00002", "live", "automatic")), Some(1.0));
    let restricted = "whatsapp_channel_restricted{channel=\"SALESX-00001\",reason=\"new_chats\"}";
    assert_eq!(page.get(restricted), None, "Whapi tells nothing of restrictions");
    let json: serde_json::Value =
        serde_json::from_str(&program.get("/api/status").text()).expect("JSON");
    let channels = json["channels"].as_array().expect("a list");
    let seen: Vec<_> = channels
        .iter()
        .map(|one| (one["level"].as_str(), one["subscription"]["renewal"].as_str()))
        .collect();
    let expected = [(Some("warning"), Some("unknown")), (Some("ok"), Some("automatic"))];
    assert_eq!(seen, expected, "two days are few only where nobody renews: {json}");
    let shown = shown(&program);
    assert!(shown.contains("trial ends in 1 day 23 h"), "{shown}");
    assert!(shown.contains("Extend the channel in https://panel.whapi.cloud"), "{shown}");
    assert!(!shown.contains("1z5dc43s4d6"), "the id of a payment is shown");

    // The last day is worth a word, unless the provider has just renewed it.
    let shop_is = |words: &str, hours: u64| {
        upstream.update_channel(SHOP, |channel| {
            channel.active_till_millis = (in_two_days - 48 * 3600 + hours * 3600) * 1000;
        });
        let end = (in_two_days - 48 * 3600 + hours * 3600) as f64;
        program.until_is(&expiry("SHOPXX-00002"), end);
        let json: serde_json::Value =
            serde_json::from_str(&program.get("/api/status").text()).expect("JSON");
        assert_eq!(json["channels"][1]["level"], words, "{json}");
    };
    shop_is("warning", 12);
    shop_is("ok", 20);
}
