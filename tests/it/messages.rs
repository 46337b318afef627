//! Messages as every provider's webhooks and the gateway tell of them: real HTTP to the real
//! program, again and again, by the thousands, and with people's words in them that nobody may see.
//!
//! Not here: what each field of a delivery means; that is each provider's.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::http::{self, Line};
use crate::common::metrics::Metrics;
use crate::common::wire::{AUTH, ByHand};
use crate::common::{Files, Program, Setup, Upstream, closed_port, eventually};
use ring::hmac;
use serde_json::{Value, json};
use whatsapp_simulator::{
    EvolutionInstance, EvolutionServer, GreenApiInstance, WahaServer, WhapiChannel,
};

const SECRET: &str = "webhookSecretOfTheseTests";
const HEADER: (&str, &str) = ("X-Webhook-Secret", SECRET);

/// What people write, and who they are: in every delivery, and nowhere else.
const PRIVATE: [&str; 4] =
    ["Zwetschgendatschi recipe", "Wilhelmine Quastenflosser", "4915550100877", "planted+preview=="];

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    i64::try_from(since.as_secs()).expect("a time of this age")
}

/// What each of these messages is wrapped in: texts, names, numbers.
fn with_people(mut message: Value) -> Value {
    let [text, name, number, preview] = PRIVATE;
    let people = json!({
        "chat_id": format!("{number}@s.whatsapp.net"), "chat_name": name, "from": number,
        "from_name": name, "text": { "body": text }, "body": text, "pushName": name,
        "message": { "conversation": text, "preview": preview }, "to": format!("{number}@c.us"),
        "senderData": { "senderName": name, "chatId": format!("{number}@c.us") },
        "messageData": { "textMessageData": { "textMessage": text } },
    });
    for (key, value) in people.as_object().expect("an object") {
        message.as_object_mut().expect("an object").entry(key.clone()).or_insert(value.clone());
    }
    message
}

/// A delivery to one provider's receiver.
struct Delivery {
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Delivery {
    fn whapi(kind: &str, item: Value) -> Self {
        let body = json!({
            kind: [with_people(item)],
            "event": { "type": kind, "event": "post" },
            "channel_id": "MANTIS-M72HC",
        });
        Self::new("/webhook/whapi", vec![(HEADER.0, HEADER.1.to_owned())], body)
    }

    fn waha(event: &str, payload: Value) -> Self {
        let body = json!({
            "id": "evt", "event": event, "session": "default", "timestamp": now() * 1000,
            "payload": with_people(payload), "me": { "id": PRIVATE[2], "pushName": PRIVATE[1] },
        });
        let key = hmac::Key::new(hmac::HMAC_SHA512, SECRET.as_bytes());
        let tag = hmac::sign(&key, body.to_string().as_bytes());
        let signature = tag.as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        Self::new("/webhook/waha", vec![("X-Webhook-Hmac", signature)], body)
    }

    fn evolution(event: &str, data: Value) -> Self {
        let body = json!({
            "event": event, "instance": "shop", "data": with_people(data), "sender": PRIVATE[2],
            "apikey": "EvolutionInstanceKeyNotARealOne", "date_time": "2026-11-21T15:14:28.766Z",
        });
        Self::new("/webhook/evolution", vec![(HEADER.0, HEADER.1.to_owned())], body)
    }

    fn green_api(kind: &str, more: Value) -> Self {
        let mut body = with_people(more);
        body["typeWebhook"] = json!(kind);
        body["instanceData"] = json!({ "idInstance": 1_101_000_001, "wid": PRIVATE[2] });
        let bearer = vec![("Authorization", format!("Bearer {SECRET}"))];
        Self::new("/webhook/green_api", bearer, body)
    }

    fn new(path: &'static str, headers: Vec<(&'static str, String)>, body: Value) -> Self {
        Self { path, headers, body: body.to_string() }
    }

    fn send(&self, program: &Program) {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let reply = http::send(program.address, "POST", self.path, &headers, &self.body);
        let reply = reply.expect("an answer");
        assert_eq!((reply.status, &*reply.text()), (200, "ok\n"), "{}", self.body);
    }
}

/// One message in, one sent by the API and delivered, one sent by the API that nobody acknowledges,
/// and one from the phone where that can be told, of every provider; with the label of each.
fn deliveries() -> Vec<(&'static str, Vec<Delivery>)> {
    let at = now() - 30;
    let whapi = |id: &str, from_me: bool, source: &str, status: &str| {
        Delivery::whapi(
            "messages",
            json!({ "id": id, "type": "text", "from_me": from_me, "source": source,
                "status": status, "timestamp": at }),
        )
    };
    let waha = |id: &str, from_me: bool, source: &str, ack: i64| {
        let id = format!("{from_me}_{}@c.us_{id}", PRIVATE[2]);
        Delivery::waha(
            "message.any",
            json!({ "id": id, "timestamp": at, "fromMe": from_me, "source": source, "ack": ack }),
        )
    };
    let evolution = |event: &str, id: &str, from_me: bool, source: &str, status: &str| {
        let key = json!({ "id": id, "fromMe": from_me, "remoteJid": PRIVATE[2] });
        Delivery::evolution(
            event,
            json!({ "key": key, "messageTimestamp": at, "source": source, "status": status }),
        )
    };
    let green = |kind: &str, id: &str| {
        Delivery::green_api(kind, json!({ "idMessage": id, "timestamp": at }))
    };
    let ack = json!({ "id": format!("true_{}@c.us_B", PRIVATE[2]), "fromMe": true, "ack": 2 });
    let delivered = json!({ "keyId": "B", "fromMe": true, "status": "DELIVERY_ACK" });
    let status = json!({ "idMessage": "B", "timestamp": at, "status": "delivered",
        "sendByApi": true });
    vec![
        (
            "whapi",
            vec![
                whapi("A", false, "mobile", "delivered"),
                whapi("B", true, "api", "pending"),
                Delivery::whapi(
                    "statuses",
                    json!({ "id": "B", "code": 3, "status": "delivered",
                        "timestamp": at.to_string(),
                        "recipient_id": PRIVATE[2] }),
                ),
                whapi("C", true, "api", "pending"),
                whapi("D", true, "mobile", "sent"),
            ],
        ),
        (
            "waha",
            vec![
                waha("A", false, "app", 1),
                waha("B", true, "api", 0),
                Delivery::waha("message.ack", ack),
                waha("C", true, "api", 0),
                waha("D", true, "app", 1),
            ],
        ),
        (
            "evolution",
            vec![
                evolution("messages.upsert", "A", false, "android", "DELIVERY_ACK"),
                evolution("send.message", "B", true, "unknown", "PENDING"),
                Delivery::evolution("messages.update", delivered),
                evolution("send.message", "C", true, "unknown", "PENDING"),
                evolution("messages.upsert", "D", true, "ios", "SERVER_ACK"),
            ],
        ),
        (
            "green_api",
            vec![
                green("incomingMessageReceived", "A"),
                green("outgoingAPIMessageReceived", "B"),
                Delivery::green_api("outgoingMessageStatus", status),
                green("outgoingAPIMessageReceived", "C"),
                green("outgoingMessageReceived", "D"),
            ],
        ),
    ]
}

/// A line of every provider that has webhooks on messages.
fn everywhere(upstream: &Upstream, files: &Files) -> Setup {
    let mut channel = WhapiChannel::new("gate");
    channel.channel_id = "MANTIS-M72HC".to_owned();
    upstream.set_channel("whapiTokenNotARealOne", channel);
    upstream.set_waha_server(
        "wahaKeyNotARealOne",
        WahaServer::new("waha").with_session("default", "WORKING"),
    );
    let instance = EvolutionInstance::new("open");
    let server = EvolutionServer::new("evolution").with_instance("shop", instance);
    upstream.set_evolution_server("evolutionKeyNotARealOne", server);
    let instance = GreenApiInstance::new(1_101_000_001, "authorized");
    upstream.set_green_api_instance("greenTokenNotARealOne", instance);
    Setup::of(upstream)
        .set("WHAPI_TOKEN", "whapiTokenNotARealOne")
        .set("WHAPI_CHANNEL", "gate")
        .set("WAHA_URL", upstream.url())
        .set("WAHA_API_KEY", "wahaKeyNotARealOne")
        .set("EVOLUTION_URL", upstream.url())
        .set("EVOLUTION_API_KEY", "evolutionKeyNotARealOne")
        .set("GREEN_API_URL", upstream.url())
        .set("GREEN_API_INSTANCE_ID", "1101000001")
        .set("GREEN_API_TOKEN", "greenTokenNotARealOne")
        .set("WEBHOOK_SECRET", SECRET)
        .set("STATE_FILE", files.path("state.json"))
        .set("LOG_LEVEL", "trace")
}

fn messages(provider: &str, direction: &str, origin: &str) -> String {
    format!(
        "whatsapp_channel_messages_total{{provider=\"{provider}\",direction=\"{direction}\",\
            origin=\"{origin}\"}}"
    )
}

fn of(provider: &str, metric: &str) -> String {
    format!("whatsapp_channel_{metric}{{provider=\"{provider}\"}}")
}

#[test]
fn messages_of_every_provider_are_counted_and_what_people_write_is_nowhere() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let program = everywhere(&upstream, &files).start();
    for provider in ["whapi", "waha", "evolution", "green_api"] {
        let status = "whatsapp_channel_status";
        program.until_is(&format!("{status}{{provider=\"{provider}\",status=\"AUTH\"}}"), 1.0);
        assert_eq!(program.metrics().get(&messages(provider, "inbound", "other")), None);
    }
    for (_, told) in deliveries() {
        // In any order, and again.
        told.iter().rev().chain(&told).for_each(|delivery| delivery.send(&program));
    }
    let page = program.metrics();
    for (provider, _) in deliveries() {
        let get = |series: String| page.get(&series).unwrap_or_else(|| panic!("{series}"));
        assert_eq!(get(messages(provider, "inbound", "other")), 1.0, "{provider}");
        assert_eq!(get(messages(provider, "outbound", "phone")), 1.0, "{provider}");
        let by_api = get(messages(provider, "outbound", "api"));
        assert_eq!(by_api + get(messages(provider, "outbound", "other")), 2.0, "{provider}");
        let statuses = "message_statuses_total";
        let delivered =
            format!("whatsapp_channel_{statuses}{{provider=\"{provider}\",status=\"delivered\"}}");
        assert_eq!(get(delivered), 1.0, "{provider}");
        assert_eq!(get(of(provider, "messages_unacknowledged")), 1.0, "{provider}");
        let oldest = get(of(provider, "oldest_unacknowledged_message_timestamp_seconds"));
        assert!((now() as f64 - oldest - 30.0).abs() < 60.0, "{provider} {oldest}");
        assert!(get(of(provider, "phone_inactive_in_seconds")) > 13.9 * 86_400.0, "{provider}");
    }
    let told = eventually("the state file has the messages", || {
        let text = std::fs::read_to_string(files.path("state.json")).ok()?;
        text.contains("messages/inbound/other").then_some(text)
    });
    let shown = [
        page.to_string(),
        program.get("/").text(),
        program.get("/api/status").text(),
        program.get("/channels/gate/ready?witness=delivery").text(),
        program.log(),
        told,
    ];
    assert!(shown[2].contains("\"unacknowledged\":1"), "{}", shown[2]);
    for text in &shown {
        for private in PRIVATE {
            assert!(!text.contains(private), "{private} is shown");
        }
        assert!(!text.contains("EvolutionInstanceKeyNotARealOne"));
    }
    // What a connection has read is freed with it, and not wiped: those buffers are hyper's. Other
    // deliveries are written over them; what is kept would stay.
    #[cfg(target_os = "linux")]
    {
        assert!(remembers(&program, "MANTIS-M72HC"), "what is kept is found");
        let other = json!({
            "chats": [{ "name": "x".repeat(2000) }], "event": { "type": "chats", "event": "post" },
            "channel_id": "MANTIS-M72HC",
        });
        let other = Delivery::new("/webhook/whapi", vec![(HEADER.0, HEADER.1.to_owned())], other);
        eventually("what people write is not in memory", || {
            (0..50).for_each(|_| other.send(&program));
            program.get("/metrics");
            PRIVATE.iter().all(|private| !remembers(&program, private)).then_some(())
        });
    }
}

/// Whether a text is in the memory of a program.
#[cfg(target_os = "linux")]
fn remembers(program: &Program, text: &str) -> bool {
    use std::io::{Read, Seek, SeekFrom};
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", program.id())).expect("maps");
    let mut memory = std::fs::File::open(format!("/proc/{}/mem", program.id())).expect("memory");
    let mut writable = maps.lines().filter(|line| line.contains(" rw"));
    writable.any(|line| {
        let (range, _) = line.split_once(' ').expect("a range");
        let (from, to) = range.split_once('-').expect("a range");
        let [from, to] = [from, to].map(|hex| u64::from_str_radix(hex, 16).expect("an address"));
        let mut bytes = vec![0; usize::try_from(to - from).expect("a size")];
        let read = memory.seek(SeekFrom::Start(from)).and_then(|_| memory.read(&mut bytes));
        let bytes = &bytes[..read.unwrap_or(0)];
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn counts_and_times_survive_a_restart_and_what_was_counted_is_not_counted_again() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let setup = everywhere(&upstream, &files);
    let mut program = setup.start();
    let auth = "whatsapp_channel_status{provider=\"whapi\",status=\"AUTH\"}";
    program.until_is(auth, 1.0);
    let at = now() - 300;
    let message = |id: &str, at: i64| {
        Delivery::whapi(
            "messages",
            json!({ "id": id, "from_me": true, "source": "mobile", "status": "sent",
                "timestamp": at }),
        )
    };
    message("A", at).send(&program);
    let of_waha = json!({ "id": "true_1@c.us_A", "timestamp": at, "fromMe": true,
        "source": "app", "ack": 1 });
    let by_waha = Delivery::waha("message.any", of_waha);
    program.until_is("whatsapp_channel_status{provider=\"waha\",status=\"AUTH\"}", 1.0);
    by_waha.send(&program);
    let active = of("whapi", "phone_last_active_timestamp_seconds");
    assert_eq!(program.metrics().get(&active), Some(at as f64));
    program.signal("TERM");
    program.wait(crate::common::DEADLINE);

    let program = setup.start();
    program.until_is(auth, 1.0);
    let by_phone = messages("whapi", "outbound", "phone");
    let page = program.metrics();
    assert_eq!((page.get(&active), page.get(&by_phone)), (Some(at as f64), Some(1.0)));
    // What a list tells of was known before, too.
    program.until_is("whatsapp_channel_status{provider=\"waha\",status=\"AUTH\"}", 1.0);
    let (page, of_waha) = (program.metrics(), of("waha", "phone_last_active_timestamp_seconds"));
    assert_eq!(page.get(&of_waha), Some(at as f64));
    by_waha.send(&program);
    let page = program.metrics();
    assert_eq!(page.get(&messages("waha", "outbound", "phone")), Some(1.0));
    message("A", at).send(&program);
    assert_eq!(program.metrics().get(&by_phone), Some(1.0), "it is the same message");
    message("B", now()).send(&program);
    assert_eq!(program.metrics().get(&by_phone), Some(2.0));
}

#[test]
fn a_channel_whose_messages_are_stuck_is_not_ready_to_those_who_ask_for_delivery() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let program = everywhere(&upstream, &files).start();
    program.until_is("whatsapp_channel_status{provider=\"whapi\",status=\"AUTH\"}", 1.0);
    let ready = |query: &str| {
        let reply = program.get(&format!("/channels/gate/ready{query}"));
        (reply.status, reply.text())
    };
    let message = json!({ "id": "A", "from_me": true, "source": "api", "status": "pending",
        "timestamp": now() - 601 });
    assert_eq!(ready("?witness=delivery").0, 200, "nothing is known of messages");
    Delivery::whapi("messages", message).send(&program);
    let (status, sentence) = ready("?witness=delivery");
    assert_eq!(status, 503);
    let told = "AUTH, but 1 message waits for WhatsApp's acknowledgement, the oldest since 20";
    assert!(sentence.starts_with(told), "{sentence}");
    assert_eq!(ready(""), (200, "AUTH\n".to_owned()));
    let page = program.get("/").text();
    assert!(page.contains("1 message waits for WhatsApp"), "{page}");
    assert!(page.contains("WhatsAppChannelMessagesStuck"), "{page}");
    let sent = json!({ "id": "A", "status": "sent", "timestamp": now().to_string() });
    Delivery::whapi("statuses", sent).send(&program);
    assert_eq!(ready("?witness=delivery").0, 200);
}

#[test]
fn a_send_through_the_gateway_waits_although_its_own_webhook_never_came() {
    let answer = |id: &str| {
        let body = json!({ "sent": true, "message": with_people(json!({ "id": id })) }).to_string();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let number = std::sync::atomic::AtomicUsize::new(0);
    let upstream = ByHand::start(move |wire| {
        while let Some(request) = wire.message() {
            let answer = match request.line().split(' ').nth(1) {
                Some(path) if path.starts_with("/health") => AUTH.to_owned(),
                _ => answer(&format!("M{}", number.fetch_add(1, Ordering::Relaxed))),
            };
            if wire.send(answer).is_err() {
                return;
            }
        }
    });
    let (token, name) = ("aTokenOfTheGateway", "whapi");
    for webhooks in [false, true] {
        let mut setup = Setup::new().gateway(&upstream).set("WHAPI_TOKEN", token);
        if webhooks {
            setup = setup.set("WEBHOOK_SECRET", SECRET).set("WHAPI_CHANNEL_ID", "MANTIS-M72HC");
        }
        let program = setup.start();
        program.until_is("whatsapp_channel_authorized", 1.0);
        let bearer = format!("Bearer {token}");
        let send = |path: &str| {
            let headers = [("Authorization", bearer.as_str())];
            let reply = http::send(program.gateway(), "POST", path, &headers, "{}");
            assert_eq!(reply.expect("an answer").status, 200);
        };
        let (sent, waiting) =
            (messages(name, "outbound", "api"), of(name, "messages_unacknowledged"));
        send("/whapi/messages/text");
        program.until_is(&sent, 1.0);
        assert_eq!(program.metrics().get(&waiting), Some(0.0), "nobody would acknowledge it");
        send("/whapi/groups");
        if webhooks {
            let other = json!({ "id": "X", "from_me": false, "timestamp": now() });
            Delivery::whapi("messages", other).send(&program);
            send("/whapi/messages/image");
            program.until_is(&waiting, 1.0);
            assert_eq!(program.metrics().get(&sent), Some(2.0));
            let delivered = json!({ "id": "M5", "status": "delivered", "timestamp": now() });
            Delivery::whapi("statuses", delivered).send(&program);
            assert_eq!(program.metrics().get(&waiting), Some(0.0));
            assert_eq!(program.metrics().get(&sent), Some(2.0));
        } else {
            send("/whapi/messages/image");
            program.until_is(&sent, 2.0);
        }
    }
}

#[test]
fn a_burst_of_twenty_thousand_messages_loses_none_and_counts_none_twice() {
    const CHANNELS: usize = 100;
    const LINES: usize = 8;
    let files = Files::new();
    let mut yaml = "channels:\n".to_owned();
    for at in 0..CHANNELS {
        let _ =
            write!(yaml, "  - name: c{at}\n    token_file: token\n    channel_id: CHANNEL-{at}\n");
    }
    files.write("token", "aMadeUpToken");
    let program = Setup::new()
        .pace("1h")
        .set("WHAPI_API_URL", format!("http://{}", closed_port()))
        .set("WEBHOOK_SECRET", SECRET)
        .file(&files, &yaml)
        .start();
    // Of each channel 70 messages: 20 in, 40 by the API that are sent and delivered, 10 by the API
    // that nobody acknowledges; all but 10 come twice.
    let (start, mut bodies) = (now() - 900, Vec::new());
    for channel in 0..CHANNELS {
        let delivery = |kind: &str, item: Value| {
            json!({ kind: [with_people(item)], "channel_id": format!("CHANNEL-{channel}"),
                "event": { "type": kind, "event": "post" } })
            .to_string()
        };
        let mut of_channel = Vec::new();
        for number in 0..70 {
            let (id, at) = (format!("{channel}-{number}"), start + number);
            let (from_me, source) = if number < 20 { (false, "mobile") } else { (true, "api") };
            let message = json!({ "id": id, "from_me": from_me, "source": source,
                "status": "pending", "timestamp": at });
            of_channel.push(delivery("messages", message));
            if (20..60).contains(&number) {
                // The first of the two may be lost.
                for status in ["sent", "delivered"].iter().skip(usize::from(number % 2 == 0)) {
                    let told = json!({ "id": id, "status": status, "timestamp": at.to_string() });
                    of_channel.push(delivery("statuses", told));
                }
            }
        }
        let again = of_channel.iter().take(200 - of_channel.len()).cloned().collect::<Vec<_>>();
        of_channel.extend(again);
        while of_channel.len() < 200 {
            of_channel.push(of_channel[0].clone());
        }
        bodies.extend(of_channel);
    }
    assert_eq!(bodies.len(), 20_000);
    fastrand::Rng::with_seed(7).shuffle(&mut bodies);

    let memory = |page: &Metrics| page.get("process_resident_memory_bytes").unwrap_or(0.0);
    let before = memory(&program.metrics());
    let over = Arc::new(AtomicBool::new(false));
    let scraper = std::thread::spawn({
        let (over, address) = (Arc::clone(&over), program.address);
        move || {
            let mut scrapes = 0;
            while !over.load(Ordering::Relaxed) {
                assert_eq!(http::get(address, "/metrics", &[]).expect("a scrape").status, 200);
                scrapes += 1;
            }
            scrapes
        }
    });
    std::thread::scope(|scope| {
        for line in 0..LINES {
            let (bodies, address) = (&bodies, program.address);
            scope.spawn(move || {
                let mut connection = Line::open(address).expect("a connection");
                for body in bodies.iter().skip(line).step_by(LINES) {
                    let reply =
                        connection.send("POST", "/webhook/whapi", &[HEADER], body.as_bytes());
                    assert_eq!(reply.expect("an answer").status, 200);
                }
            });
        }
    });
    over.store(true, Ordering::Relaxed);
    assert!(scraper.join().expect("a scraper") > 1);

    let page = program.metrics();
    for channel in (0..CHANNELS).map(|channel| format!("c{channel}")) {
        let get = |metric: &str, labels: &str| {
            let name = format!("whatsapp_channel_{metric}{{channel=\"{channel}\"{labels}}}");
            page.get(&name).unwrap_or_else(|| panic!("{name}"))
        };
        assert_eq!(get("messages_total", ",direction=\"inbound\",origin=\"other\""), 20.0);
        let outbound = ["api", "phone", "other"].map(|origin| {
            get("messages_total", &format!(",direction=\"outbound\",origin=\"{origin}\""))
        });
        assert_eq!(outbound.iter().sum::<f64>(), 50.0, "{channel}");
        assert_eq!(get("message_statuses_total", ",status=\"sent\""), 20.0, "{channel}");
        assert_eq!(get("message_statuses_total", ",status=\"delivered\""), 40.0, "{channel}");
        assert_eq!(get("messages_unacknowledged", ""), 10.0, "{channel}");
        assert_eq!(get("messages_forgotten_total", ""), 0.0, "{channel}");
    }
    let grown = memory(&page) - before;
    assert!(grown < 10.0 * 1024.0 * 1024.0, "{} KiB more", grown / 1024.0);
}
