//! The simulator over real HTTP, asked by a client that shares no code with it. Not the exporter:
//! see the other tests.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests may block")]

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use whatsapp_simulator::{
    CredentialSource, DemoPlan, Fault, GraphError, GreenApiInstance, MessageFate, MetaToken,
    MetaTokenState, RecordedRequest, Response, ResponseClass, Simulator, WebhookMode, WhapiChannel,
    WhapiStatus, WhapiWebhook,
};

const SALES: &str = "salesSecret";
const TOKEN: &str = "EAAsecret";
const APP: &str = "634974688087057|appSecret";
const QUIET: &str = "/health?wakeup=false";
const INSPECT: &str = "/v25.0/debug_token?input_token=EAAsecret";

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().expect("a client")
}

/// A simulator with one healthy channel, one healthy token and the token's app.
async fn simulator() -> Simulator {
    let sim = Simulator::start().await.expect("a free port");
    sim.set_channel(SALES, WhapiChannel::new("sales"));
    sim.set_token(TOKEN, MetaToken::new("marketing"));
    sim.set_app(MetaToken::APP_ID, "appSecret", "shop app");
    sim
}

async fn try_ask(
    sim: &Simulator,
    method: Method,
    path: &str,
    bearer: &str,
    body: Value,
) -> reqwest::Result<reqwest::Response> {
    let request = client().request(method, sim.url() + path).bearer_auth(bearer);
    if body.is_null() { request.send().await } else { request.body(body.to_string()).send().await }
}

async fn ask(sim: &Simulator, path: &str, bearer: &str) -> (u16, Value) {
    let response = try_ask(sim, Method::GET, path, bearer, Value::Null).await.expect("an answer");
    read(response).await
}

async fn post(sim: &Simulator, path: &str, bearer: &str, body: Value) -> (u16, Value) {
    read(try_ask(sim, Method::POST, path, bearer, body).await.expect("an answer")).await
}

async fn read(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// What `/health` gives under a fault: the status and the raw body, or the word for how the client
/// failed.
async fn health_under(fault: Fault) -> Result<(u16, Vec<u8>), &'static str> {
    let sim = simulator().await;
    sim.set_fault(SALES, Some(fault));
    let http = Client::builder().no_proxy().timeout(Duration::from_secs(2));
    let http = {
        client();
        http.build().expect("a client")
    };
    let word = |error: reqwest::Error| {
        if error.is_timeout() { "timeout" } else { "broken" }
    };
    let response = http.get(sim.url() + QUIET).bearer_auth(SALES).send().await.map_err(word)?;
    let status = response.status().as_u16();
    Ok((status, response.bytes().await.map_err(word)?.to_vec()))
}

#[tokio::test]
async fn a_healthy_channel_says_auth() {
    let sim = simulator().await;
    let (status, body) = ask(&sim, QUIET, SALES).await;
    assert_eq!(status, 200);
    assert_eq!(body["status"], json!({ "code": 4, "text": "AUTH" }));
    assert!(body["uptime"].as_u64().expect("a number") >= 86_412);
    assert_eq!(body["channel_id"], "MANTIS-M72HC");
}

#[tokio::test]
async fn an_unknown_channel_token_is_not_found_and_a_missing_one_is_unauthorized() {
    let sim = simulator().await;
    let (status, body) = ask(&sim, QUIET, "nobody").await;
    assert_eq!((status, &body["error"]["message"]), (404, &json!("Channel not found")));
    let response = client()
        .get(sim.url() + "/health?wakeup=false&token=salesSecret")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn a_deleted_channel_is_not_found_but_keeps_its_name_in_the_records() {
    let sim = simulator().await;
    sim.update_channel(SALES, |channel| channel.deleted = true);
    assert_eq!(ask(&sim, QUIET, SALES).await.0, 404);
    assert_eq!(sim.counts()[&("sales".into(), ResponseClass::ChannelNotFound)].delivered, 1);
}

#[tokio::test]
async fn a_health_request_without_wakeup_false_launches_the_channel_and_is_recorded() {
    let sim = simulator().await;
    sim.set_channel(SALES, WhapiChannel::new("sales").with_status(WhapiStatus::NOT_INIT));
    for _ in 0..2 {
        assert_eq!(ask(&sim, QUIET, SALES).await.1["status"]["text"], "NOT_INIT");
    }
    assert_eq!(sim.woken(SALES), 0);
    assert_eq!(ask(&sim, "/health", SALES).await.1["status"]["text"], "INIT");
    assert_eq!(ask(&sim, "/health?wakeup=true", SALES).await.1["status"]["text"], "INIT");
    assert_eq!(sim.woken(SALES), 2);
    let wakes: Vec<bool> = sim.requests().iter().map(|request| request.wakes).collect();
    assert_eq!(wakes, [false, false, true, true]);
}

#[tokio::test]
async fn a_reconnect_passes_init_and_launch_with_a_new_start() {
    let sim = simulator().await;
    let before = ask(&sim, QUIET, SALES).await.1["start_at"].as_u64();
    sim.update_channel(SALES, |channel| {
        channel.init_lasts = Duration::from_secs(1);
        channel.launch_lasts = Duration::from_secs(1);
        channel.reconnect();
    });
    let mut seen = Vec::new();
    while seen.last() != Some(&"AUTH".to_owned()) {
        let text =
            ask(&sim, QUIET, SALES).await.1["status"]["text"].as_str().expect("a word").to_owned();
        if seen.last() != Some(&text) {
            seen.push(text);
        }
    }
    assert_eq!(seen, ["INIT", "LAUNCH", "AUTH"]);
    assert!(ask(&sim, QUIET, SALES).await.1["start_at"].as_u64() > before);
}

#[tokio::test]
async fn any_word_can_be_a_status() {
    let sim = simulator().await;
    sim.update_channel(SALES, |channel| channel.show(WhapiStatus::new("HIBERNATING", Some(42))));
    assert_eq!(
        ask(&sim, QUIET, SALES).await.1["status"],
        json!({ "code": 42, "text": "HIBERNATING" })
    );
    sim.update_channel(SALES, |channel| channel.show(WhapiStatus::STOP));
    assert_eq!(ask(&sim, QUIET, SALES).await.1["status"], json!({ "text": "STOP" }));
    assert_eq!(sim.status(SALES), Some(WhapiStatus::STOP));
}

#[tokio::test]
async fn sending_works_only_with_a_session() {
    let sim = simulator().await;
    let message = json!({ "to": "61371989950", "body": "hi" });
    let (status, body) = post(&sim, "/messages/text", SALES, message.clone()).await;
    assert_eq!((status, &body["sent"]), (200, &json!(true)));
    sim.update_channel(SALES, |channel| channel.show(WhapiStatus::QR));
    let (status, body) = post(&sim, "/messages/text", SALES, message.clone()).await;
    assert_eq!(status, 401);
    assert_eq!(
        body,
        json!({ "error":
            { "code": 401, "message": "need channel authorization for send message" } })
    );
    assert_eq!(post(&sim, "/messages/text", "nobody", message).await.0, 404);
}

#[tokio::test]
async fn settings_and_limits_are_served() {
    let sim = simulator().await;
    assert_eq!(ask(&sim, "/settings", SALES).await.1["webhooks"], json!([]));
    assert_eq!(ask(&sim, "/limits", SALES).await, (204, Value::Null));
    sim.update_channel(SALES, |channel| channel.trial = true);
    assert_eq!(ask(&sim, "/limits", SALES).await.1["requests"], 1000);
}

/// What receives webhooks: keeps each, and answers with these statuses in turn, then with 200.
struct Receiver {
    url: String,
    received: Arc<Mutex<Vec<(String, String, Value)>>>,
}

impl Receiver {
    async fn start(answers: &'static [u16]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            let mut answers = answers.iter();
            while let Ok((mut io, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                let body = loop {
                    assert_ne!(io.read_buf(&mut bytes).await.expect("a read"), 0);
                    let text = String::from_utf8_lossy(&bytes);
                    let Some((_, body)) = text.split_once("\r\n\r\n") else { continue };
                    if let Ok(body) = serde_json::from_str(body) {
                        break body;
                    }
                };
                let head = String::from_utf8_lossy(&bytes);
                let head = head.split("\r\n\r\n").next().unwrap_or_default();
                let (line, headers) = head.split_once("\r\n").expect("headers");
                let line = line.strip_suffix(" HTTP/1.1").expect("HTTP/1.1").to_owned();
                kept.lock().expect("the list").push((line, headers.to_owned(), body));
                let status = answers.next().unwrap_or(&200);
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
                let _ = io.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, received }
    }

    /// The first so many.
    async fn wait(&self, count: usize) -> Vec<(String, String, Value)> {
        let begun = Instant::now();
        loop {
            let received = self.received.lock().expect("the list").clone();
            if received.len() >= count {
                return received;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "only {received:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A channel that starts in no time and tells this receiver of it.
fn telling(receiver: &Receiver, mode: WebhookMode) -> WhapiChannel {
    let mut channel = WhapiChannel::new("sales");
    channel.init_lasts = Duration::from_millis(20);
    channel.launch_lasts = Duration::from_millis(20);
    channel.webhooks = vec![WhapiWebhook::new(&receiver.url, mode).header("X-Secret", "s3cret")];
    channel.delivery.backoff = Duration::from_millis(10);
    channel
}

#[tokio::test]
async fn webhooks_tell_each_move_in_the_mode_of_the_settings() {
    for (mode, status, login) in [
        (WebhookMode::Body, "POST /hook", "POST /hook"),
        (WebhookMode::Path, "POST /hook/channel/post", "POST /hook/users/post"),
        (WebhookMode::Method, "POST /hook/channel", "POST /hook/users"),
    ] {
        let (sim, receiver) = (simulator().await, Receiver::start(&[]).await);
        sim.set_channel(SALES, telling(&receiver, mode));
        sim.update_channel(SALES, WhapiChannel::reconnect);
        let told = receiver.wait(3).await;
        let words: BTreeSet<_> =
            told.iter().map(|(.., body)| body["health"]["status"]["text"].as_str()).collect();
        assert_eq!(words, [Some("AUTH"), Some("INIT"), Some("LAUNCH")].into());
        for (line, headers, body) in told {
            assert_eq!(line, status);
            assert!(headers.contains("X-Secret: s3cret"), "{headers}");
            assert_eq!(body["event"], json!({ "type": "channel", "event": "post" }));
            assert_eq!(body["channel_id"], "MANTIS-M72HC");
            assert!(body["health"]["start_at"].as_u64() > Some(1_700_000_000), "{body}");
            assert!(body["health"].get("user").is_none());
        }
        // A logout: the user, the status, and the code to be scanned.
        sim.update_channel(SALES, |channel| channel.show(WhapiStatus::QR));
        let told = receiver.wait(6).await;
        let events: BTreeSet<_> =
            told[3..].iter().map(|(.., body)| body["event"].to_string()).collect();
        assert_eq!(events.len(), 3, "{events:?}");
        let qr = told.iter().find(|(.., body)| body.get("qr").is_some()).expect("a QR code");
        assert_eq!(qr.2["qr"]["expire"], 20);
        sim.update_channel(SALES, |channel| channel.show(WhapiStatus::AUTH));
        let told = receiver.wait(8).await;
        assert!(told[6..].iter().any(|(line, _, body)| line == login
            && body["event"] == json!({ "type": "users", "event": "post" })));
        // What does not move tells nothing.
        sim.update_channel(SALES, |channel| channel.show(WhapiStatus::AUTH));
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(receiver.wait(8).await.len(), 8);
        let delivered = sim.deliveries();
        assert_eq!(delivered.len(), 8);
        assert!(delivered.iter().all(|delivery| delivery.answer == Some(200)));
    }
}

#[tokio::test]
async fn webhooks_tell_what_becomes_of_a_message_by_the_id_that_its_sender_got() {
    let (sim, receiver) = (simulator().await, Receiver::start(&[]).await);
    let mut channel = telling(&receiver, WebhookMode::Body);
    channel.fate_of_sends = Some(MessageFate::Read);
    sim.set_channel(SALES, channel);
    let message = json!({ "to": "61371989950", "body": "hi" });
    let (status, body) = post(&sim, "/messages/text", SALES, message).await;
    let id = &body["message"]["id"];
    assert!(status == 200 && id.is_string(), "{body}");
    let told = receiver.wait(3).await;
    assert_eq!(told[0].2["messages"][0]["id"], *id);
    for (at, word) in [(1, "sent"), (2, "delivered")] {
        let status = &told[at].2["statuses"][0];
        assert_eq!((&status["id"], &status["status"]), (id, &json!(word)));
    }
}

#[tokio::test]
async fn a_webhook_that_is_not_answered_200_comes_again() {
    let (sim, receiver) = (simulator().await, Receiver::start(&[500, 401, 204, 503]).await);
    sim.set_channel(SALES, telling(&receiver, WebhookMode::Body));
    sim.update_channel(SALES, |channel| channel.show(WhapiStatus::ERROR));
    let told = receiver.wait(5).await;
    assert!(told.iter().all(|(.., body)| *body == told[0].2));
    let answers: Vec<_> = sim.deliveries().iter().map(|delivery| delivery.answer).collect();
    assert_eq!(answers[..4], [Some(500), Some(401), Some(204), Some(503)]);
}

#[tokio::test]
async fn webhooks_can_be_repeated_and_overtake_each_other() {
    let (sim, receiver) = (simulator().await, Receiver::start(&[]).await);
    let mut channel = telling(&receiver, WebhookMode::Body);
    channel.delivery.repeats = 2;
    channel.delivery.scatter = Duration::from_millis(300);
    sim.set_channel(SALES, channel);
    let words = ["ERROR", "INIT", "SYNC_ERROR", "LAUNCH", "NOT_INIT", "INIT", "ERROR", "STOP"];
    for word in words {
        sim.update_channel(SALES, |channel| channel.show(WhapiStatus::new(word, None)));
    }
    let told = receiver.wait(words.len() * 3).await;
    let heard: Vec<_> =
        told.iter().filter_map(|(.., body)| body["health"]["status"]["text"].as_str()).collect();
    let in_order: Vec<_> = words.iter().flat_map(|word| [*word; 3]).collect();
    assert_ne!(heard, in_order);
    let count = |word: &str, list: &[&str]| list.iter().filter(|other| **other == word).count();
    for word in words {
        assert_eq!(count(word, &heard), count(word, &in_order), "{word}");
    }
}

#[tokio::test]
async fn settings_show_the_webhooks_and_are_changed_as_a_whole() {
    let (sim, receiver) = (simulator().await, Receiver::start(&[]).await);
    sim.set_channel(SALES, telling(&receiver, WebhookMode::Path));
    let (_, settings) = ask(&sim, "/settings", SALES).await;
    let webhook = &settings["webhooks"][0];
    assert_eq!((&webhook["url"], &webhook["mode"]), (&json!(receiver.url), &json!("path")));
    assert_eq!(webhook["headers"], json!({ "X-Secret": "s3cret" }));
    assert_eq!(webhook["events"][3], json!({ "type": "users", "method": "delete" }));
    let url = format!("{}/other", receiver.url);
    let body = json!({ "webhooks": [ { "url": url, "mode": "method",
        "events": [ { "type": "channel", "method": "post" } ] } ] });
    let patch = async |body| {
        read(try_ask(&sim, Method::PATCH, "/settings", SALES, body).await.expect("an answer")).await
    };
    assert_eq!(patch(json!({ "webhooks": [ { "mode": "body" } ] })).await.0, 400);
    assert_eq!(
        patch(json!({ "webhooks": [ { "url": url, "mode": "pigeon", "events": [] } ] })).await.0,
        400
    );
    let (status, changed) = patch(body).await;
    assert_eq!((status, changed["webhooks"].as_array().map(Vec::len)), (200, Some(1)));
    assert_eq!(ask(&sim, "/settings", SALES).await.1, changed);
    sim.update_channel(SALES, |channel| channel.show(WhapiStatus::QR));
    assert_eq!(receiver.wait(1).await[0].0, "POST /hook/other/channel");
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_fail_as_the_vendor_fails() {
    let sim = simulator().await;
    let (status, body) = ask(&sim, "/nowhere", SALES).await;
    assert_eq!((status, &body["error"]["code"]), (404, &json!(404)));
    assert_eq!(post(&sim, QUIET, SALES, json!({})).await.0, 405);
    let (status, body) = ask(&sim, "/v25.0/nowhere", TOKEN).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!(2500)));
    let (status, body) = ask(&sim, "/v99.0/me", TOKEN).await;
    assert_eq!((status, &body["error"]["message"]), (400, &json!("Unknown path components: /me")));
    assert_eq!(post(&sim, "/v25.0/debug_token", TOKEN, json!({})).await.1["error"]["code"], 100);
}

#[tokio::test]
async fn a_head_request_gets_the_head_alone() {
    let sim = simulator().await;
    let response = try_ask(&sim, Method::HEAD, QUIET, SALES, Value::Null).await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_ne!(response.headers()["content-length"], "0");
    assert_eq!(response.bytes().await.expect("a body").len(), 0);
}

#[tokio::test]
async fn an_app_inspects_a_live_token() {
    let sim = simulator().await;
    let (status, body) = ask(&sim, INSPECT, APP).await;
    assert_eq!(status, 200);
    let data = &body["data"];
    assert_eq!(
        (&data["is_valid"], &data["expires_at"], &data["type"]),
        (&json!(true), &json!(0), &json!("SYSTEM_USER"))
    );
    assert_eq!(
        data["scopes"],
        json!(["whatsapp_business_management", "whatsapp_business_messaging"])
    );
    assert_eq!(data["granular_scopes"][1]["target_ids"], json!(["102290129340398"]));
    let recorded = sim.requests().pop().expect("a request");
    assert_eq!(
        (&*recorded.target, &*recorded.by, recorded.credential),
        ("marketing", "shop app", CredentialSource::Header)
    );
}

#[tokio::test]
async fn green_api_takes_its_tokens_in_the_path_which_is_recorded_without_them() {
    let sim = simulator().await;
    sim.set_green_api_instance("greenSecret", GreenApiInstance::new(7, "authorized"));
    sim.set_green_api_partner("partnerSecret", "partner", &["greenSecret"]);
    let (status, body) = ask(&sim, "/waInstance7/getStateInstance/greenSecret", "").await;
    assert_eq!((status, &body["stateInstance"]), (200, &json!("authorized")));
    assert_eq!(ask(&sim, "/waInstance8/getStateInstance/greenSecret", "").await.0, 403);
    assert_eq!(ask(&sim, "/waInstance7/getStateInstance/wrong", "").await.0, 401);
    let (_, list) = ask(&sim, "/partner/getInstances/partnerSecret", "").await;
    assert_eq!(list[0]["apiTokenInstance"], "greenSecret");
    // Errors of the partner API come with 200.
    let (status, error) = ask(&sim, "/partner/getInstances/wrong", "").await;
    assert_eq!((status, &error["code"]), (200, &json!(401)));
    let recorded = sim.requests();
    assert!(recorded.iter().all(|request| !request.path.contains("Secret")), "{recorded:?}");
    assert_eq!((&*recorded[0].target, recorded[0].credential), ("7", CredentialSource::Path));
    assert_eq!(&*recorded[3].target, "partner");
}

#[tokio::test]
async fn the_app_may_also_come_in_the_query() {
    let sim = simulator().await;
    let url = format!("{}{INSPECT}&access_token=634974688087057%7CappSecret", sim.url());
    let response = client().get(url).send().await.expect("an answer");
    assert_eq!(response.headers()["facebook-api-version"], "v25.0");
    assert_eq!(read(response).await.1["data"]["is_valid"], true);
    assert_eq!(sim.requests()[0].credential, CredentialSource::Query);
}

#[tokio::test]
async fn an_app_inspects_dead_tokens_with_http_200() {
    let sim = simulator().await;
    sim.set_token(TOKEN, MetaToken::expired_since("marketing", Duration::from_secs(60)));
    let (status, body) = ask(&sim, INSPECT, APP).await;
    assert_eq!((status, &body["data"]["is_valid"]), (200, &json!(false)));
    assert_eq!(body["data"]["error"]["subcode"], 463);
    for subcode in [458, 459, 460, 464, 467, 492] {
        sim.set_token(
            TOKEN,
            MetaToken { state: MetaTokenState::Revoked(subcode), ..MetaToken::new("marketing") },
        );
        let error = &ask(&sim, INSPECT, APP).await.1["data"]["error"];
        assert_eq!((&error["code"], &error["subcode"]), (&json!(190), &json!(subcode)));
    }
    sim.remove(TOKEN);
    let (status, body) = ask(&sim, INSPECT, APP).await;
    assert_eq!(
        (status, &body["data"]["is_valid"], &body["data"]["app_id"]),
        (200, &json!(false), &Value::Null)
    );
}

#[tokio::test]
async fn a_token_inspects_itself_while_it_lives() {
    let sim = simulator().await;
    assert_eq!(ask(&sim, INSPECT, TOKEN).await.1["data"]["is_valid"], true);
    sim.update_token(TOKEN, |token| token.state = MetaTokenState::Expired);
    let (status, body) = ask(&sim, INSPECT, TOKEN).await;
    assert_eq!(status, 401);
    assert_eq!(
        (&body["error"]["code"], &body["error"]["error_subcode"]),
        (&json!(190), &json!(463))
    );
    sim.update_token(TOKEN, |token| token.dead_status = 400);
    assert_eq!(ask(&sim, INSPECT, TOKEN).await.0, 400);
}

#[tokio::test]
async fn a_bad_app_credential_is_an_error_of_the_caller() {
    let sim = simulator().await;
    for (credential, code) in [("634974688087057|wrong", 190), ("1|x", 101), ("garbage", 190)] {
        let (status, body) = ask(&sim, INSPECT, credential).await;
        assert_eq!((status, &body["error"]["code"]), (400, &json!(code)), "{credential}");
    }
}

#[tokio::test]
async fn a_token_of_another_app_is_not_shown() {
    let sim = simulator().await;
    sim.set_app("777", "s", "other app");
    let (status, body) = ask(&sim, INSPECT, "777|s").await;
    assert_eq!(status, 400);
    assert_eq!(
        body["error"]["message"],
        "(#100) The App_id in the input_token did not match the Viewing App"
    );
}

#[tokio::test]
async fn the_cloud_api_sends_with_a_live_token_that_has_the_scope() {
    let sim = simulator().await;
    let message = json!({ "messaging_product": "whatsapp", "to": "+15550783881", "type": "text",
        "text": { "body": "hi" } });
    let (status, body) =
        post(&sim, "/v25.0/106540352242922/messages", TOKEN, message.clone()).await;
    assert_eq!((status, &body["contacts"][0]["wa_id"]), (200, &json!("15550783881")));
    sim.set_token(TOKEN, MetaToken::new("marketing").without_scope("whatsapp_business_messaging"));
    let (status, body) =
        post(&sim, "/v25.0/106540352242922/messages", TOKEN, message.clone()).await;
    assert_eq!((status, &body["error"]["code"]), (403, &json!(10)));
    sim.update_token(TOKEN, |token| token.state = MetaTokenState::Revoked(460));
    assert_eq!(post(&sim, "/v25.0/106540352242922/messages", TOKEN, message).await.0, 401);
}

#[tokio::test]
async fn me_needs_a_token() {
    let sim = simulator().await;
    assert_eq!(ask(&sim, "/v25.0/me", TOKEN).await.1["id"], "104169029247128");
    let response = client().get(sim.url() + "/v25.0/me").send().await.expect("an answer");
    assert_eq!(read(response).await.1["error"]["code"], 2500);
}

#[tokio::test]
async fn faults_with_a_status_come_with_that_status() {
    let teapot = Response::new(418, "text/plain", "short and stout").header("X-Tea", "yes");
    for (fault, status, text) in [
        (Fault::session_unauthorized(), 401, "need channel authorization for send message"),
        (Fault::unauthorized(), 401, "Unauthorized"),
        (Fault::payment_required(), 402, "Trial version limit exceeded"),
        (Fault::forbidden(), 403, "permissions"),
        (Fault::channel_not_found(), 404, "Channel not found"),
        (Fault::rate_limited(), 429, "Too many requests"),
        (Fault::server_error(), 500, "Internal Error"),
        (Fault::server_error_page(), 500, "<html>"),
        (Fault::bad_gateway(), 502, "<html>"),
        (Fault::unavailable(None), 503, "<html>"),
        (Fault::response(teapot), 418, "short and stout"),
        (Fault::page(), 200, "<html>"),
        (Fault::empty(), 200, ""),
        (Fault::garbage(), 200, ""),
        (Fault::wrong_shape(), 200, r#"[{"data""#),
        (Fault::truncated(), 200, r#"{"api_version""#),
        (Fault::chunked(), 200, r#""text":"AUTH""#),
        (Fault::drip(Duration::from_micros(1)), 200, r#""text":"AUTH""#),
        (Fault::slow(Duration::from_millis(50)), 200, r#""text":"AUTH""#),
        (Fault::graph(10, 0), 403, "(#10)"),
        (Fault::graph_error(&GraphError::new(4, 0).status(400)), 400, "(#4)"),
    ] {
        let word = format!("{fault:?}");
        let (got, body) = health_under(fault).await.expect(&word);
        assert_eq!(got, status, "{word}");
        assert!(
            String::from_utf8_lossy(&body).contains(text),
            "{word}: {}",
            String::from_utf8_lossy(&body)
        );
    }
}

#[tokio::test]
async fn faults_without_an_end_make_the_client_give_up() {
    for fault in [
        Fault::hang(),
        Fault::endless(),
        Fault::drip(Duration::from_secs(3)),
        Fault::slow(Duration::from_secs(9)),
    ] {
        let word = format!("{fault:?}");
        assert_eq!(health_under(fault).await, Err("timeout"), "{word}");
    }
}

#[tokio::test]
async fn faults_of_the_connection_break_it() {
    for fault in [
        Fault::close(),
        Fault::cut_head(),
        Fault::cut_body(),
        Fault::raw("SSH-2.0-OpenSSH_9.6\r\n"),
    ] {
        let word = format!("{fault:?}");
        assert_eq!(health_under(fault).await, Err("broken"), "{word}");
    }
}

#[tokio::test]
async fn an_oversized_answer_is_good_json_of_that_size() {
    let (_, body) = health_under(Fault::oversized(2 << 20)).await.expect("an answer");
    assert_eq!(body.len(), 2 << 20);
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["status"]["text"], "AUTH");
}

#[tokio::test]
async fn a_rate_limit_may_say_for_how_long() {
    let sim = simulator().await;
    let date = SystemTime::now() + Duration::from_secs(30);
    sim.fault_once(SALES, Fault::rate_limited_for(Duration::from_secs(7)));
    sim.fault_once(SALES, Fault::rate_limited_until(date));
    for value in ["7", &httpdate::fmt_http_date(date)] {
        let response =
            try_ask(&sim, Method::GET, QUIET, SALES, Value::Null).await.expect("an answer");
        assert_eq!(response.headers()["retry-after"], value);
    }
    assert_eq!(ask(&sim, QUIET, SALES).await.0, 200);
}

#[tokio::test]
async fn queued_faults_come_before_standing_ones_and_a_targets_own_before_everybodys() {
    let sim = simulator().await;
    sim.set_fault_for_all(Some(Fault::bad_gateway()));
    sim.set_fault(SALES, Some(Fault::payment_required()));
    sim.fault_once_for_all(Fault::unavailable(None));
    sim.fault_once(SALES, Fault::rate_limited());
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(ask(&sim, QUIET, SALES).await.0);
    }
    assert_eq!(seen, [429, 503, 402, 402]);
    assert_eq!(ask(&sim, INSPECT, APP).await.0, 502);
    sim.set_fault_for_all(None);
    sim.set_fault(APP, Some(Fault::graph(101, 0)));
    assert_eq!(ask(&sim, INSPECT, APP).await.0, 400);
    assert_eq!(ask(&sim, INSPECT, TOKEN).await.0, 200);
}

#[tokio::test]
async fn answers_are_counted_by_target_and_class() {
    let sim = simulator().await;
    ask(&sim, QUIET, SALES).await;
    ask(&sim, QUIET, SALES).await;
    ask(&sim, QUIET, "nobody").await;
    sim.fault_once(SALES, Fault::hang());
    let impatient =
        client().get(sim.url() + QUIET).bearer_auth(SALES).timeout(Duration::from_millis(100));
    impatient.send().await.expect_err("no answer");
    sim.fault_once(TOKEN, Fault::graph(190, 467));
    ask(&sim, INSPECT, TOKEN).await;
    tokio::time::sleep(Duration::from_millis(50)).await;

    let counts: Vec<_> = sim.counts().into_iter().collect();
    let row = |index: usize| {
        (
            &*counts[index].0.0,
            counts[index].0.1,
            counts[index].1.delivered,
            counts[index].1.abandoned,
        )
    };
    assert_eq!(row(0), ("marketing", ResponseClass::Graph { code: 190, subcode: 467 }, 1, 0));
    assert_eq!(row(1), ("sales", ResponseClass::Ok, 2, 0));
    assert_eq!(row(2), ("sales", ResponseClass::Hung, 0, 1));
    assert_eq!(row(3), (RecordedRequest::UNKNOWN, ResponseClass::ChannelNotFound, 1, 0));
    assert_eq!((sim.asked(Some("sales")), sim.asked(None)), (3, 5));
    sim.forget_requests();
    assert_eq!((sim.requests().len(), sim.counts().len(), sim.asked(None)), (0, 0, 0));
}

#[tokio::test]
async fn concurrency_is_measured_overall_and_per_target() {
    let sim = simulator().await;
    sim.set_channel("support", WhapiChannel::new("support"));
    sim.set_fault_for_all(Some(Fault::slow(Duration::from_millis(200))));
    tokio::join!(ask(&sim, QUIET, SALES), ask(&sim, QUIET, "support"), ask(&sim, INSPECT, TOKEN));
    assert_eq!((sim.max_in_flight(), sim.max_in_flight_per_target()), (3, 1));
    tokio::join!(ask(&sim, QUIET, SALES), ask(&sim, QUIET, SALES));
    assert_eq!(sim.max_in_flight_per_target(), 2);
    assert_eq!(sim.requests().iter().map(|request| request.in_flight_of_target).max(), Some(2));
}

#[tokio::test]
async fn a_connection_is_kept_and_pipelined_requests_are_answered_in_order() {
    let sim = simulator().await;
    let http = client();
    for _ in 0..3 {
        http.get(sim.url() + QUIET)
            .bearer_auth(SALES)
            .send()
            .await
            .expect("an answer")
            .bytes()
            .await
            .expect("a body");
    }
    assert_eq!(sim.connections(), 1);

    let mut stream = tokio::net::TcpStream::connect(sim.address()).await.expect("a connection");
    let get = |path: &str, end: &str| {
        format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {SALES}\r\n{end}\r\n")
    };
    let both = get(QUIET, "") + &get("/nowhere", "Connection: close\r\n");
    stream.write_all(both.as_bytes()).await.expect("sent");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.expect("answers");
    assert!(answers.find("HTTP/1.1 200 OK") < answers.find("HTTP/1.1 404 Not Found"), "{answers}");
}

#[tokio::test]
async fn a_stopped_simulator_refuses_connections() {
    let sim = simulator().await;
    ask(&sim, QUIET, SALES).await;
    sim.stop();
    let started = Instant::now();
    while tokio::net::TcpStream::connect(sim.address()).await.is_ok() {
        assert!(started.elapsed() < Duration::from_secs(5), "still listening");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn no_record_holds_a_secret() {
    let sim = simulator().await;
    ask(&sim, INSPECT, APP).await;
    ask(&sim, &format!("{INSPECT}&access_token={TOKEN}"), TOKEN).await;
    ask(&sim, QUIET, SALES).await;
    let records = format!("{:?} {:?}", sim.requests(), sim.counts());
    for secret in [SALES, TOKEN, "appSecret"] {
        assert!(!records.contains(secret), "{secret} in {records}");
    }
}

#[tokio::test]
async fn a_connection_over_tls_is_served_like_any_other() {
    let sim = simulator().await;
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let private =
        rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).expect("a key");
    let ring = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .expect("a configuration");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let server = sim.clone();
    tokio::spawn(async move {
        let (io, _) = listener.accept().await.expect("a connection");
        server.serve_connection(acceptor.accept(io).await.expect("a handshake")).await;
    });
    client();
    let root = reqwest::Certificate::from_der(key.cert.der()).expect("a certificate");
    let http = Client::builder().no_proxy().tls_certs_only([root]).build().expect("a client");
    let url = format!("https://localhost:{port}{QUIET}");
    let response = http.get(url).bearer_auth(SALES).send().await.expect("an answer");
    assert_eq!(read(response).await.1["status"]["text"], "AUTH");
}

/// Whether to look on: for so long at least, and then until all was seen that is expected. A busy
/// machine may miss a step of one cycle.
fn goes_on(
    started: Instant,
    least: Duration,
    seen: &BTreeSet<String>,
    expected: &BTreeSet<String>,
) -> bool {
    let elapsed = started.elapsed();
    elapsed < least || (!seen.is_superset(expected) && elapsed < Duration::from_secs(60))
}

#[tokio::test]
async fn the_demo_played_fast_shows_every_status_and_every_refusal_over_http() {
    let sim = Simulator::start().await.expect("a free port");
    let http = client();
    let plan = DemoPlan::play(&sim, 60.0);
    let expected: BTreeSet<String> = [
        "200 NOT_INIT",
        "200 INIT",
        "200 LAUNCH",
        "200 QR",
        "200 AUTH",
        "200 ERROR",
        "200 SYNC_ERROR",
        "200 STOP",
        "200 HIBERNATING",
        "401 -",
        "402 -",
        "404 -",
        "200 marketing true",
        "200 newsletter true",
        "200 billing true",
        "200 campaign true",
        "401 campaign null",
        "200 legacy false",
        "200 intern true",
        "200 intern false",
        "200 system true",
        "200 reports true",
        "200 agent true",
    ]
    .map(str::to_owned)
    .into();
    let mut seen = BTreeSet::new();
    let started = Instant::now();
    // More than one cycle, which takes 3 s, and more than the 4 s that the shortest token lives.
    while goes_on(started, Duration::from_millis(5500), &seen, &expected) {
        for channel in plan.channels {
            let response = http
                .get(sim.url() + QUIET)
                .bearer_auth(channel.secret)
                .send()
                .await
                .expect("an answer");
            let (status, body) = read(response).await;
            seen.insert(format!("{status} {}", body["status"]["text"].as_str().unwrap_or("-")));
        }
        for token in plan.tokens {
            let credential = token
                .app
                .map_or(token.secret.to_owned(), |app| format!("{}|{}", app.id, app.secret));
            let url = format!("{}/v25.0/debug_token?input_token={}", sim.url(), token.secret);
            let (status, body) =
                read(http.get(url).bearer_auth(credential).send().await.expect("an answer")).await;
            seen.insert(format!("{status} {} {}", token.name, body["data"]["is_valid"]));
        }
    }
    assert_eq!(seen, expected);
    assert!(plan.channels.iter().all(|channel| sim.woken(channel.secret) == 0));
}

#[tokio::test]
async fn the_demos_sources_play_their_stories_over_http() {
    let sim = Simulator::start().await.expect("a free port");
    let http = client();
    let plan = DemoPlan::play(&sim, 30.0);
    let source = |name| plan.sources.iter().find(|source| source.name == name).expect("a source");
    let (waha, evolution) = (source("waha"), source("evolution"));
    let (green, partner) = (source("green-partner"), source("whapi-partner"));
    let ask = async |path: String, header: &str, secret: &str| {
        let request = http.get(sim.url() + &path).header(header, secret);
        read(request.send().await.expect("an answer")).await.1
    };
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let expected: BTreeSet<String> = [
        "waha WORKING",
        "waha SCAN_QR_CODE",
        "waha STARTING",
        "evolution open null",
        "evolution close null",
        "evolution connecting null",
        "evolution close 401",
        "evolution connecting 401",
        "evolution open 401",
        "green authorized",
        "green yellowCard",
        "green sleepMode",
        "partner -",
        "partner DEMOPA-FRANC",
    ]
    .map(str::to_owned)
    .into();
    let mut seen = BTreeSet::new();
    let started = Instant::now();
    while goes_on(started, Duration::from_millis(7000), &seen, &expected) {
        let sessions = ask("/api/sessions?all=true".into(), "X-Api-Key", waha.secret).await;
        seen.insert(format!("waha {}", word(&sessions[0]["status"])));
        let path = format!("/instance/connectionState/{}", evolution.line.id);
        let state = ask(path, "apikey", evolution.secret).await;
        let rows = ask("/instance/fetchInstances".into(), "apikey", evolution.secret).await;
        let (state, reason) = (&state["instance"]["state"], &rows[0]["disconnectionReasonCode"]);
        seen.insert(format!("evolution {} {reason}", word(state)));
        let path = format!("/partner/getInstances/{}", green.secret);
        let token = word(&ask(path, "X", "x").await[0]["apiTokenInstance"]);
        let path = format!("/waInstance{}/getStateInstance/{token}", green.line.id);
        seen.insert(format!("green {}", word(&ask(path, "X", "x").await["stateInstance"])));
        let bearer = format!("Bearer {}", partner.secret);
        let list = ask("/channels/list".into(), "Authorization", &bearer).await;
        seen.insert(format!("partner {}", word(&list["channels"][0]["id"])));
    }
    assert_eq!(seen, expected);
}
