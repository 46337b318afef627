//! GREEN-API's instances, of the settings and of a partner, over real HTTP.

use whatsapp_simulator::{Fault, GreenApiInstance};

use crate::common::{Files, Program, Setup, Upstream, http};

const PARTNER: &str = "gac.PartnerTokenNotARealOne";
const TOKEN: &str = "greenInstanceTokenNotARealOne";
const OTHER_TOKEN: &str = "greenOtherTokenNotARealOne";
const SECRET: &str = "webhookSecretNotARealOne";

fn instance(id: u64, state: &str) -> GreenApiInstance {
    GreenApiInstance::new(id, state)
}

/// One instance of the environment.
fn one(upstream: &Upstream, state: &str) -> Setup {
    upstream.set_green_api_instance(TOKEN, instance(1_101_000_001, state));
    Setup::new()
        .set("GREEN_API_URL", upstream.url())
        .set("GREEN_API_INSTANCE_ID", "1101000001")
        .set("GREEN_API_TOKEN", TOKEN)
}

/// A partner in the settings file, polled every second, and more of the file.
fn partner(upstream: &Upstream, files: &Files, more: &str) -> Setup {
    files.write("partner", PARTNER);
    let yaml = format!(
        "sources:\n  - name: eu\n    provider: green_api\n    token_file: partner\n    \
         poll_interval: 1s\n{more}"
    );
    Setup::new().set("GREEN_API_URL", upstream.url()).file(files, &yaml)
}

fn status(channel: &str, status: &str) -> String {
    format!(
        "whatsapp_channel_status{{provider=\"green_api\",channel=\"{channel}\",\
            status=\"{status}\"}}"
    )
}

/// All that people and programs can see.
fn shown(program: &Program) -> String {
    let pages = ["/metrics", "/", "/api/status"].map(|path| program.get(path).text());
    pages.join("\n") + &program.printed() + &program.log()
}

#[test]
fn an_instance_of_the_environment_is_a_channel_named_by_its_id() {
    let upstream = Upstream::start();
    let program = one(&upstream, "notAuthorized").set("LOG_LEVEL", "trace").start();
    program.until_is(&status("1101000001", "QR"), 1.0);
    let page = program.metrics();
    let interval = "whatsapp_channel_poll_interval_seconds{channel=\"1101000001\"}";
    assert_eq!(page.get(interval), Some(30.0));
    let shown = shown(&program);
    assert!(!shown.contains("TokenNotARealOne"), "a token is shown: {shown}");
    assert!(shown.contains("console.green-api.com"), "advice is in the provider's own terms");
}

#[test]
fn every_state_has_its_status() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let states = [
        ("authorized", "AUTH"),
        ("yellowCard", "AUTH"),
        ("notAuthorized", "QR"),
        ("starting", "INIT"),
        ("creating", "INIT"),
        ("sleepMode", "STOP"),
        ("expired", "STOP"),
        ("deleted", "STOP"),
        ("blocked", "BLOCKED"),
        ("dreaming", "UNKNOWN"),
    ];
    let mut yaml = "channels:\n".to_owned();
    for (id, (state, _)) in (1_u64..).zip(states) {
        let token = format!("{TOKEN}{id}");
        upstream.set_green_api_instance(&token, instance(id, state));
        files.write(state, &token);
        yaml += &format!(
            "  - {{name: {state}, provider: green_api, channel_id: \"{id}\", token_file: {state}, \
             poll_interval: 1s}}\n"
        );
    }
    let program = Setup::new().set("GREEN_API_URL", upstream.url()).file(&files, &yaml).start();
    for (state, expected) in states {
        program.until_is(&status(state, expected), 1.0);
        let polled = format!("whatsapp_channel_poll_success{{channel=\"{state}\"}}");
        program.until_is(&polled, 1.0);
    }
    program.until_at_least("whatsapp_exporter_unknown_status_total{provider=\"green_api\"}", 1.0);
}

#[test]
fn a_wrong_token_and_a_wrong_id_are_told_apart() {
    let (upstream, files) = (Upstream::start(), Files::new());
    upstream.set_green_api_instance(TOKEN, instance(1_101_000_001, "authorized"));
    files.write("right", TOKEN);
    files.write("wrong", OTHER_TOKEN);
    let yaml = "channels:\n  \
        - {name: a, provider: green_api, channel_id: \"1101000001\", token_file: wrong, \
        poll_interval: 1s}\n  \
                - {name: b, provider: green_api, channel_id: \"7\", token_file: right, \
                poll_interval: 1s}\n";
    let program = Setup::new().set("GREEN_API_URL", upstream.url()).file(&files, yaml).start();
    let failures = |channel: &str, reason: &str| {
        format!("whatsapp_channel_poll_failures_total{{channel=\"{channel}\",reason=\"{reason}\"}}")
    };
    program.until_at_least(&failures("a", "credential_unauthorized"), 1.0);
    program.until_at_least(&failures("b", "forbidden"), 1.0);
}

#[test]
fn the_instances_of_a_partner_come_and_go() {
    let (upstream, files) = (Upstream::start(), Files::new());
    upstream.set_green_api_instance(TOKEN, instance(1, "authorized"));
    upstream.set_green_api_instance(OTHER_TOKEN, instance(2, "notAuthorized").of_messenger(None));
    for (token, other) in [
        ("t3", instance(3, "authorized").of_messenger(Some("telegram"))),
        ("t4", instance(4, "authorized").of_messenger(Some("v3"))),
        ("t5", instance(5, "deleted")),
        ("t6", instance(6, "authorized")),
    ] {
        upstream.set_green_api_instance(token, other);
    }
    let all = [TOKEN, OTHER_TOKEN, "t3", "t4", "t5", "t6"];
    upstream.set_green_api_partner(PARTNER, "eu", &all);
    files.write("own", "t6");
    let more = "    names: {\"2\": shop}\nchannels:\n  - {name: mine, provider: green_api, \
        channel_id: \"6\", token_file: own, poll_interval: 1s}\n";
    let program =
        partner(&upstream, &files, more).set("LOG_LEVEL", "trace").set("STALE_AFTER", "1h").start();
    program.until_is(&status("1", "AUTH"), 1.0);
    program.until_is(&status("shop", "QR"), 1.0);
    program.until_is(&status("mine", "AUTH"), 1.0);
    let page = program.metrics();
    for other in ["2", "3", "4", "5", "6"] {
        assert_eq!(page.get(&status(other, "AUTH")), None, "{other} is no channel of its own");
    }
    assert_eq!(page.get("whatsapp_source_channels{source=\"eu\"}"), Some(3.0));

    upstream.set_green_api_partner(PARTNER, "eu", &[TOKEN]);
    upstream.set_green_api_state(TOKEN, "yellowCard");
    program.until_is(&status("shop", "QR"), None);
    // An error that comes with HTTP 200.
    upstream.remove(PARTNER);
    let refused =
        "whatsapp_source_poll_failures_total{source=\"eu\",reason=\"credential_unauthorized\"}";
    program.until_at_least(refused, 1.0);
    upstream.set_green_api_state(TOKEN, "blocked");
    program.until_is(&status("1", "BLOCKED"), 1.0);

    let shown = shown(&program);
    for secret in [PARTNER, TOKEN, OTHER_TOKEN, "GreenNameOfAPerson"] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

#[test]
fn a_partner_is_listed_seldom_and_its_instances_are_polled_often() {
    let upstream = Upstream::start();
    upstream.set_green_api_instance(TOKEN, instance(1, "authorized"));
    upstream.set_green_api_partner(PARTNER, "partner", &[TOKEN]);
    let setup = Setup::new().set("GREEN_API_URL", upstream.url());
    let program = setup.set("GREEN_API_PARTNER_TOKEN", PARTNER).start();
    let interval = |kind: &str, name: &str| {
        format!("whatsapp_{kind}_poll_interval_seconds{{{kind}=\"{name}\"}}")
    };
    program.until_is(&interval("channel", "1"), 30.0);
    assert_eq!(program.metrics().get(&interval("source", "green_api")), Some(600.0));
}

#[test]
fn a_failing_instance_harms_no_other() {
    let (upstream, files) = (Upstream::start(), Files::new());
    upstream.set_green_api_instance(TOKEN, instance(1, "authorized"));
    upstream.set_green_api_instance(OTHER_TOKEN, instance(2, "authorized"));
    upstream.set_green_api_partner(PARTNER, "eu", &[TOKEN, OTHER_TOKEN]);
    upstream.set_fault(OTHER_TOKEN, Some(Fault::server_error_page()));
    let program = partner(&upstream, &files, "").start();
    let failed = "whatsapp_channel_poll_failures_total{channel=\"2\",reason=\"server_error\"}";
    program.until_at_least(failed, 1.0);
    program.until_is(&status("1", "AUTH"), 1.0);
}

fn deliver(program: &Program, authorization: &str, id: u64, state: &str) -> u16 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a time after 1970")
        .as_secs();
    let body = format!(
        r#"{{"typeWebhook":"stateInstanceChanged","instanceData":{{"idInstance":{id},
            "wid":"11111111111@c.us","typeInstance":"whatsapp"}},"timestamp":{now},
            "stateInstance":"{state}"}}"#
    );
    let headers = [("Authorization", authorization)];
    http::send(program.address, "POST", "/webhook/green_api", &headers, &body)
        .expect("an answer")
        .status
}

#[test]
fn a_webhook_with_the_bearer_token_tells_what_polls_miss() {
    let upstream = Upstream::start();
    let program = one(&upstream, "authorized").set("WEBHOOK_SECRET", SECRET).start();
    program.until_is(&status("1101000001", "AUTH"), 1.0);
    // Its times are whole seconds, so one in the second of the poll would be older than that.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let right = format!("Bearer {SECRET}");
    assert_eq!(deliver(&program, "Bearer wrong", 1_101_000_001, "notAuthorized"), 401);
    assert_eq!(deliver(&program, &right, 1_101_000_001, "notAuthorized"), 200);
    program.until_is(&status("1101000001", "QR"), 1.0);
    assert_eq!(deliver(&program, &right, 7, "blocked"), 200);
    let page = program.metrics();
    let refused = |reason: &str| {
        page.get(&format!("whatsapp_exporter_webhooks_refused_total{{reason=\"{reason}\"}}"))
    };
    assert_eq!((refused("secret"), refused("unknown_channel")), (Some(1.0), Some(1.0)));
}

fn of_channel(metric: &str, channel: &str) -> String {
    format!("whatsapp_channel_{metric}{{channel=\"{channel}\"}}")
}

fn restricted(channel: &str, reason: &str) -> String {
    format!("whatsapp_channel_restricted{{channel=\"{channel}\",reason=\"{reason}\"}}")
}

#[test]
fn a_yellow_card_is_a_restriction_of_a_line_that_works() {
    let (upstream, files) = (Upstream::start(), Files::new());
    upstream.set_green_api_instance(TOKEN, instance(1, "notAuthorized"));
    upstream.set_green_api_partner(PARTNER, "eu", &[TOKEN]);
    let program = partner(&upstream, &files, "").start();
    program.until_is(&status("1", "QR"), 1.0);
    assert_eq!(program.metrics().get(&restricted("1", "new_chats")), None);
    upstream.set_green_api_state(TOKEN, "authorized");
    program.until_is(&restricted("1", "new_chats"), 0.0);
    // The word that took the place of the other one.
    for word in ["suspended", "yellowCard"] {
        upstream.set_green_api_state(TOKEN, word);
        program.until_is(&restricted("1", "new_chats"), 1.0);
        program.until_is(&status("1", "AUTH"), 1.0);
        let page = program.metrics();
        assert_eq!(page.get(&restricted("1", "policy")), Some(0.0));
        let end = "whatsapp_channel_restriction_end_timestamp_seconds{channel=\"1\",\
            reason=\"new_chats\"}";
        assert_eq!(page.get(end), None, "when it ends is not told");
        assert_eq!(page.get(&of_channel("new_chat_quota_limit", "1")), None);
        let text = program.get("/").text();
        assert!(text.contains("may not begin new chats"), "{text}");
        assert!(text.contains("yellow card"), "advice is in the provider's own terms");
        upstream.set_green_api_state(TOKEN, "authorized");
        program.until_is(&restricted("1", "new_chats"), 0.0);
    }
}

#[test]
fn a_partners_list_tells_until_when_its_instances_are_paid_for() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let mut own = instance(1, "authorized");
    own.expiration_date = "2099-12-31T23:59:59".to_owned();
    own.is_partner = false;
    upstream.set_green_api_instance(TOKEN, own.clone());
    upstream.set_green_api_instance(OTHER_TOKEN, instance(2, "authorized"));
    let mut free = instance(3, "authorized");
    (free.is_free, free.is_partner) = (true, false);
    upstream.set_green_api_instance("t3", free);
    upstream.set_green_api_partner(PARTNER, "eu", &[TOKEN, OTHER_TOKEN, "t3"]);
    files.write("own", OTHER_TOKEN);
    let more = "channels:\n  \
        - {name: mine, provider: green_api, channel_id: \"2\", token_file: own, poll_interval: \
        1s}\n";
    let program = partner(&upstream, &files, more).start();
    let expiry = |channel: &str| of_channel("subscription_expiry_timestamp_seconds", channel);
    program.until_is(&expiry("1"), 4_102_444_799.0);
    program.until_is(&expiry("mine"), 4_102_444_800.0);
    let page = program.metrics();
    assert_eq!(page.get(&expiry("3")), None, "a free instance is not paid for");
    let info = |channel: &str, mode: &str, renewal: &str| {
        format!(
            "whatsapp_channel_subscription_info{{channel=\"{channel}\",mode=\"{mode}\",\
                renewal=\"{renewal}\"}}"
        )
    };
    for (channel, mode, renewal) in
        [("1", "live", "manual"), ("mine", "live", "automatic"), ("3", "sandbox", "unknown")]
    {
        assert_eq!(page.get(&info(channel, mode, renewal)), Some(1.0), "{channel}");
    }
    let left = page.get(&of_channel("subscription_expires_in_seconds", "1"));
    assert!(left.is_some_and(|left| (1e8..3e9).contains(&left)), "{left:?}");

    // The end stays while the list fails.
    upstream.remove(PARTNER);
    program.until_is("whatsapp_source_poll_success{source=\"eu\"}", 0.0);
    assert_eq!(program.metrics().get(&expiry("1")), Some(4_102_444_799.0));
    own.expiration_date = "2020-01-01T00:00:00".to_owned();
    upstream.set_green_api_instance(TOKEN, own);
    upstream.set_green_api_partner(PARTNER, "eu", &[TOKEN, OTHER_TOKEN, "t3"]);
    program.until_is(&expiry("1"), 1_577_836_800.0);
    let text = program.get("/").text();
    assert!(text.contains("subscription ended"), "{text}");
    assert!(text.contains("WhatsAppChannelSubscriptionExpiring.md"), "{text}");
    assert!(text.contains("Renew the instance"), "advice is in the provider's own terms");
}
