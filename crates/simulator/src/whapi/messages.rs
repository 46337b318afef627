//! A simulated Whapi channel's messages, as its webhooks tell of them. Not how they are sent: see
//! `webhook_sender.rs`.
//!
//! Source: Whapi's OpenAPI (`Message`, `Status`) and its help page on sent messages. Each carries
//! names, numbers and a text, as the real ones do.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::channel::WhapiChannel;
use super::message_fate::MessageFate;
use crate::unix_time::unix_seconds;

/// What people write, who they are, and their number: nobody may see any of it.
pub(super) const PEOPLE: [&str; 3] =
    ["SimulatedTextOfAPerson", "SimulatedNameOfAPerson", "4915550100999"];

/// How long WhatsApp's server and the recipient's phone take.
const SENT_AFTER: Duration = Duration::from_millis(400);
const DELIVERED_AFTER: Duration = Duration::from_millis(1200);
const READ_AFTER: Duration = Duration::from_secs(5);

impl WhapiChannel {
    /// What its webhooks on messages carry, and nobody may see.
    pub const PRIVATE: [&'static str; 3] = PEOPLE;

    /// Somebody writes to the line.
    pub fn receive_message(&mut self) {
        self.receive_message_at(SystemTime::now());
    }

    pub(crate) fn receive_message_at(&mut self, now: SystemTime) {
        let id = self.next_message();
        let message = message(&id, now, json!({ "from_me": false, "source": "mobile" }));
        self.emit(now, "messages", "post", message);
    }

    /// A person writes on the phone itself.
    pub fn send_message_by_phone(&mut self) {
        self.send_message_by_phone_at(SystemTime::now());
    }

    pub(crate) fn send_message_by_phone_at(&mut self, now: SystemTime) {
        let id = self.next_message();
        let of_phone = json!({ "from_me": true, "source": "mobile", "status": "sent" });
        self.emit(now, "messages", "post", message(&id, now, of_phone));
        self.emit_message_status(&id, now + DELIVERED_AFTER, "delivered");
    }

    /// The application sends a message, with this fate.
    pub fn send_message(&mut self, fate: MessageFate) {
        let _ = self.send_message_at(SystemTime::now(), fate);
    }

    /// Returns the message's id.
    pub(crate) fn send_message_at(&mut self, at: SystemTime, fate: MessageFate) -> String {
        let id = self.next_message();
        let by_api =
            json!({ "from_me": true, "source": "api", "device_id": 11, "status": "pending" });
        self.emit(at, "messages", "post", message(&id, at, by_api));
        match fate {
            MessageFate::Stuck => {}
            MessageFate::Failed => self.emit_message_status(&id, at + SENT_AFTER, "failed"),
            MessageFate::Read => {
                self.emit_message_status(&id, at + SENT_AFTER, "sent");
                self.emit_message_status(&id, at + DELIVERED_AFTER, "delivered");
                self.emit_message_status(&id, at + READ_AFTER, "read");
            }
        }
        id
    }

    /// A delivery that holds no message, as none should come: an item that is null, ids of another
    /// kind, a status that nobody knows.
    pub(crate) fn tell_nonsense_at(&mut self, now: SystemTime) {
        let items = json!([null, { "id": 7, "from_me": true }, { "id": "", "from_me": "perhaps" }]);
        self.emit(now, "messages", "post", json!({ "messages": items }));
        let statuses = json!([{ "id": "x", "status": "teleported" }, "sent"]);
        self.emit(now, "statuses", "post", json!({ "statuses": statuses }));
    }

    fn emit_message_status(&mut self, id: &str, at: SystemTime, status: &str) {
        let mut told = json!({
            "id": id, "code": 3, "status": status, "timestamp": unix_seconds(at).to_string(),
            "recipient_id": format!("{}@s.whatsapp.net", PEOPLE[2]), "viewer_id": PEOPLE[2],
        });
        if status == "failed" {
            told["errors"] = json!([{ "code": 1, "message": PEOPLE[0] }]);
        }
        self.emit(at, "statuses", "post", json!({ "statuses": [told] }));
    }

    fn next_message(&mut self) -> String {
        self.messages += 1;
        format!("{}-{:016x}", self.name, self.messages)
    }
}

fn message(id: &str, at: SystemTime, more: Value) -> Value {
    let [text, name, number] = PEOPLE;
    let mut message = json!({
        "id": id, "type": "text", "chat_id": format!("{number}@s.whatsapp.net"),
        "chat_name": name, "from": number, "from_name": name, "timestamp": unix_seconds(at),
        "text": { "body": text },
    });
    if let (Some(message), Value::Object(more)) = (message.as_object_mut(), more) {
        message.extend(more);
    }
    json!({ "messages": [message] })
}
