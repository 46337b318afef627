//! A simulated Whapi channel: its status, how it changes by itself, and its `/health` body. Not
//! HTTP or faults.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::message_fate::MessageFate;
use super::status::WhapiStatus;
use super::webhook::{Outbox, WhapiEvent, WhapiWebhook};
use crate::delivery::DeliveryPolicy;
use crate::shape::Shape;
use crate::unix_time::unix_seconds;

/// How long a QR code is shown (Whapi's sample: `expire` 20), and how many one after another.
const QR_LASTS: Duration = Duration::from_secs(20);
const QR_CODES: u32 = 6;
/// Stands for the image of a QR code, which is a login secret.
const QR_IMAGE: &str = "iVBORw0KGgoQrCodeNotARealOne";

/// A simulated channel. Its status follows a schedule: the changes that are due when it is asked
/// have happened.
#[derive(Debug, Clone)]
pub struct WhapiChannel {
    /// The name it goes by in records and counts.
    pub name: String,
    /// `channel_id`.
    pub channel_id: String,
    /// `version`.
    pub version: String,
    /// The linked phone's number; present in `/health` while there is a session.
    pub phone: String,
    /// Whether a phone is linked: decides whether a launch ends in AUTH or in QR.
    pub linked: bool,
    /// Deleted: the API answers as to an unknown bearer token, but the records still name it.
    pub deleted: bool,
    /// On trial: `/limits` has numbers, instead of 204.
    pub trial: bool,
    /// `activeTill` of the partner list, in milliseconds since 1970.
    pub active_till_millis: u64,
    /// `recurrentPaymentId` of the partner list; none leaves it out.
    pub recurrent_payment: Option<String>,
    /// How long it stays in INIT when it starts.
    pub init_lasts: Duration,
    /// How long it stays in LAUNCH when it starts.
    pub launch_lasts: Duration,
    /// How `/health` looks.
    pub shape: Shape,
    /// What becomes of the messages that it is asked to send; without a fate its webhooks tell
    /// nothing of them.
    pub fate_of_sends: Option<MessageFate>,
    /// Its webhooks.
    pub webhooks: Vec<WhapiWebhook>,
    /// How they are delivered.
    pub delivery: DeliveryPolicy,
    /// What is to be sent to them; empty while there are none.
    pub(super) outbox: Outbox,
    /// Messages so far: each has an id of its own.
    pub(super) messages: u64,
    /// `/health` requests without `wakeup=false`.
    pub(crate) woken: u64,
    status: WhapiStatus,
    /// The moment of the last launch; none when it never was launched.
    started: Option<SystemTime>,
    /// Changes to come, soonest first.
    schedule: VecDeque<(SystemTime, WhapiStatus)>,
}

impl WhapiChannel {
    /// A healthy channel that was launched a day ago.
    pub fn new(name: &str) -> WhapiChannel {
        WhapiChannel {
            name: name.to_owned(),
            channel_id: "MANTIS-M72HC".to_owned(),
            version: "1.8.7-12-gabc1234".to_owned(),
            phone: "61371989950".to_owned(),
            linked: true,
            deleted: false,
            trial: false,
            active_till_millis: 4_102_444_800_000,
            recurrent_payment: None,
            // Whapi: a reconnect takes 2-3 s, once or several times a day.
            init_lasts: Duration::from_millis(1000),
            launch_lasts: Duration::from_millis(1500),
            shape: Shape::default(),
            fate_of_sends: None,
            webhooks: Vec::new(),
            delivery: DeliveryPolicy::default(),
            outbox: Outbox::default(),
            messages: 0,
            woken: 0,
            status: WhapiStatus::AUTH,
            started: SystemTime::now().checked_sub(Duration::from_secs(86_412)),
            schedule: VecDeque::new(),
        }
    }

    /// The same, in another status from the beginning.
    pub fn with_status(mut self, status: WhapiStatus) -> WhapiChannel {
        self.show(status);
        self
    }

    /// The status now.
    pub fn status(&self) -> WhapiStatus {
        self.status_at(SystemTime::now()).clone()
    }

    /// Moves to a status at once and stays there. NOT_INIT forgets the start; AUTH links a phone
    /// and QR unlinks it.
    pub fn show(&mut self, status: WhapiStatus) {
        self.show_at(status, SystemTime::now());
    }

    /// Restarts: INIT, LAUNCH, and then AUTH with a linked phone or QR without.
    pub fn reconnect(&mut self) {
        self.launch_at(SystemTime::now());
    }

    /// `start_at` changes, but the status does not: a reconnect too short to be seen.
    pub fn restart_unseen(&mut self) {
        self.started = Some(SystemTime::now());
    }

    /// When it was launched; tests set it to compare exact values.
    pub fn set_started(&mut self, at: SystemTime) {
        self.started = Some(at);
    }

    pub(crate) fn status_at(&self, now: SystemTime) -> &WhapiStatus {
        self.schedule
            .iter()
            .take_while(|(at, _)| *at <= now)
            .last()
            .map_or(&self.status, |(_, status)| status)
    }

    pub(crate) fn show_at(&mut self, status: WhapiStatus, now: SystemTime) {
        let (before, was_linked) = (self.status_at(now).clone(), self.linked);
        self.schedule.clear();
        self.outbox.cancel_after(now);
        match status.text() {
            "NOT_INIT" => self.started = None,
            "AUTH" => self.linked = true,
            "QR" => self.linked = false,
            _ => {}
        }
        if self.started.is_none() && status != WhapiStatus::NOT_INIT {
            self.started = Some(now);
        }
        self.status = status.clone();
        match (was_linked, self.linked) {
            (true, false) => self.emit_user(now, "delete"),
            (false, true) => self.emit_user(now, "post"),
            _ => {}
        }
        if before != status {
            self.emit_status(now, &status);
        }
    }

    pub(crate) fn launch_at(&mut self, now: SystemTime) {
        let launch = now + self.init_lasts;
        let end = if self.linked { WhapiStatus::AUTH } else { WhapiStatus::QR };
        self.status = WhapiStatus::INIT;
        self.started = Some(now);
        let ready = launch + self.launch_lasts;
        self.schedule = VecDeque::from([(launch, WhapiStatus::LAUNCH), (ready, end.clone())]);
        self.outbox.cancel_after(now);
        self.emit_status(now, &WhapiStatus::INIT);
        self.emit_status(launch, &WhapiStatus::LAUNCH);
        self.emit_status(ready, &end);
    }

    pub(super) fn emit(
        &mut self,
        at: SystemTime,
        kind: &'static str,
        method: &'static str,
        content: Value,
    ) {
        if !self.webhooks.is_empty() {
            self.outbox.add(WhapiEvent { at, kind, method, content });
        }
    }

    /// `channel.post`, and with a QR code to be scanned `channel.patch` for as long as one is
    /// shown.
    fn emit_status(&mut self, at: SystemTime, status: &WhapiStatus) {
        let mut health = self.health_of(status, at);
        if let Some(health) = health.as_object_mut() {
            health.retain(|key, _| matches!(&**key, "start_at" | "uptime" | "status" | "version"));
        }
        self.emit(at, "channel", "post", json!({ "health": health }));
        if *status == WhapiStatus::QR {
            for number in 0..QR_CODES {
                let image = format!("{QR_IMAGE}{number}");
                let expire = QR_LASTS.as_secs();
                let qr = json!({
                    "status": "OK", "base64": image, "rowdata": image, "expire": expire
                });
                self.emit(at + QR_LASTS * number, "channel", "patch", json!({ "qr": qr }));
            }
        }
    }

    /// `users.post` or `users.delete`.
    fn emit_user(&mut self, at: SystemTime, method: &'static str) {
        let user = json!({ "id": self.phone, "name": self.name });
        self.emit(at, "users", method, json!({ "user": user }));
    }

    /// A `/health` request lacked `wakeup=false`. The real API then launches a channel that is
    /// asleep; one that is stopped stays stopped, since only its owner or a payment starts it
    /// again.
    pub(super) fn wake_at(&mut self, now: SystemTime) {
        self.woken += 1;
        if matches!(self.status_at(now).text(), "NOT_INIT" | "ERROR") {
            self.launch_at(now);
        }
    }

    /// Whether session-bound calls work: a channel in SYNC_ERROR still sends.
    pub(super) fn may_send_at(&self, now: SystemTime) -> bool {
        self.status_at(now).has_session()
    }

    /// The body of `GET /health`.
    pub(super) fn health_at(&self, now: SystemTime) -> Value {
        self.health_of(self.status_at(now), now)
    }

    fn health_of(&self, status: &WhapiStatus, now: SystemTime) -> Value {
        let shape = &self.shape;
        let running = !matches!(status.text(), "NOT_INIT" | "STOP");
        let start_at = self.started.map_or(0, unix_seconds);
        let uptime = if running { unix_seconds(now).saturating_sub(start_at) } else { 0 };

        let mut state = Map::new();
        state.insert("text".to_owned(), json!(status.text()));
        if let Some(code) = status.code {
            shape.required(&mut state, "code", shape.number(code));
        }
        shape.extra(&mut state);

        let mut body = Map::new();
        body.insert("status".to_owned(), Value::Object(state));
        shape.required(&mut body, "start_at", shape.moment(start_at));
        shape.required(
            &mut body,
            "uptime",
            shape.number(i64::try_from(uptime).unwrap_or(i64::MAX)),
        );
        shape.optional(&mut body, "channel_id", json!(self.channel_id));
        shape.optional(&mut body, "version", json!(self.version));
        shape.optional(&mut body, "core_version", json!("2.3000.1"));
        shape.optional(&mut body, "api_version", json!("1.8.7"));
        shape.optional(&mut body, "device_id", shape.number(12));
        shape.optional(&mut body, "ip", json!("203.0.113.10"));
        if status.has_session() {
            let user = json!({
                "id": self.phone, "name": self.name, "pushname": self.name,
                "is_business": true, "saved": true,
            });
            shape.optional(&mut body, "user", user);
        }
        shape.extra(&mut body);
        Value::Object(body)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::shape::{Fields, Numbers};

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    fn health(shape: Shape) -> String {
        let mut channel = WhapiChannel::new("sales");
        channel.set_started(at(1_795_000_000));
        channel.shape = shape;
        channel.health_at(at(1_795_000_078)).to_string()
    }

    #[test]
    fn a_launch_passes_init_and_launch_and_ends_in_auth() {
        let mut channel = WhapiChannel::new("sales");
        channel.launch_at(at(100));
        let texts: Vec<_> =
            (100..104).map(|second| channel.status_at(at(second)).text().to_owned()).collect();
        assert_eq!(texts, ["INIT", "LAUNCH", "LAUNCH", "AUTH"]);
        assert_eq!(channel.health_at(at(103))["start_at"], 100);
        assert_eq!(channel.health_at(at(103))["uptime"], 3);
    }

    #[test]
    fn a_launch_without_a_linked_phone_ends_in_qr() {
        let mut channel = WhapiChannel::new("newline").with_status(WhapiStatus::NOT_INIT);
        channel.linked = false;
        channel.wake_at(at(100));
        assert_eq!(channel.status_at(at(110)), &WhapiStatus::QR);
        assert_eq!(channel.woken, 1);
    }

    #[test]
    fn waking_a_stopped_channel_does_not_start_it() {
        let mut channel = WhapiChannel::new("trial").with_status(WhapiStatus::STOP);
        channel.wake_at(at(100));
        assert_eq!(channel.status_at(at(110)), &WhapiStatus::STOP);
        assert_eq!(channel.woken, 1);
    }

    #[test]
    fn a_session_is_told_by_its_user() {
        let mut channel = WhapiChannel::new("sales");
        assert_eq!(channel.health_at(at(1))["user"]["id"], "61371989950");
        channel.show(WhapiStatus::QR);
        assert!(channel.health_at(at(1)).get("user").is_none());
    }

    #[test]
    fn numbers_may_be_integers_floats_strings_or_milliseconds() {
        let of = |numbers| health(Shape { numbers, ..Shape::default() });
        assert!(of(Numbers::Integers).contains(r#""start_at":1795000000,"status":{"code":4,"#));
        assert!(of(Numbers::Floats).contains(r#""start_at":1795000000.0,"status":{"code":4.0,"#));
        assert!(of(Numbers::Strings).contains(r#""start_at":"1795000000","status":{"code":"4","#));
        assert!(
            of(Numbers::Milliseconds).contains(r#""start_at":1795000000000,"status":{"code":4,"#)
        );
        assert!(of(Numbers::Milliseconds).contains(r#""uptime":78"#));
    }

    #[test]
    fn optional_fields_may_be_null_or_missing() {
        let of = |fields| health(Shape { fields, ..Shape::default() });
        assert!(of(Fields::Null).contains(r#""channel_id":null"#));
        assert_eq!(
            of(Fields::Required),
            r#"{"start_at":1795000000,"status":{"code":4,"text":"AUTH"},"uptime":78}"#
        );
        assert_eq!(of(Fields::Bare), r#"{"status":{"text":"AUTH"}}"#);
    }

    #[test]
    fn undocumented_fields_come_along_on_request() {
        assert!(health(Shape { extras: true, ..Shape::default() }).contains("x_added_yesterday"));
    }
}
