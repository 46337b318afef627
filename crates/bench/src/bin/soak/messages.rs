//! Messages that webhooks tell of while everything else happens: some twice, acknowledgements
//! before the message, some never acknowledged. Afterwards each must have been counted once.
//!
//! Not here: webhooks that stall, and who sends them (`attacks.rs`).

use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Storm;
use super::attacks::{Besieged, WEBHOOK_SECRET};
use super::page::Page;
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::exporter::ExporterProcess;
use whatsapp_exporter_bench::http::Connection;

/// Messages in one delivery.
const AT_A_TIME: u64 = 8;

/// What was told.
#[derive(Default)]
pub struct Messages {
    pub deliveries: Besieged,
    pub received: u64,
    pub sent: u64,
    pub delivered: u64,
}

impl Messages {
    /// Tells of messages until the storm is over.
    pub fn make(storm: &Storm, exporter: &ExporterProcess) -> Result<Self> {
        let headers = format!("X-Webhook-Secret: {WEBHOOK_SECRET}\r\n");
        let mut told = Self::default();
        while !storm.is_over() {
            let (first, now) = (told.received + told.sent, seconds_since_1970());
            let (mut messages, mut statuses) = (Vec::new(), Vec::new());
            for number in first..first + AT_A_TIME {
                let inbound = number % 2 == 0;
                let more = if inbound {
                    r#""from_me":false"#
                } else {
                    r#""from_me":true,"source":"api","status":"pending""#
                };
                messages.push(format!(
                    r#"{{"id":"soak-{number}","timestamp":{now},"text":{{"body":"hello"}},{more}}}"#
                ));
                // Every eighth is never acknowledged.
                if !inbound && number % 8 != 1 {
                    statuses.push(format!(
                        r#"{{"id":"soak-{number}","status":"delivered","timestamp":"{now}"}}"#
                    ));
                }
            }
            let delivered = statuses.len() as u64;
            let body = |kind: &str, items: &[String]| {
                format!(
                    r#"{{"channel_id":"QUICK","event":{{"type":"{kind}","event":"post"}},
                        "{kind}":[{}]}}"#,
                    items.join(",")
                )
            };
            let messages = body("messages", &messages);
            // Twice, the acknowledgements between them.
            for body in [&messages, &body("statuses", &statuses), &messages] {
                told.deliveries.asked(|| {
                    let connection = Connection::open(exporter.address)?.with_headers(&headers);
                    Ok({ connection }.post_body("/webhook/whapi", body)?.status)
                });
            }
            told.received += AT_A_TIME / 2;
            told.sent += AT_A_TIME / 2;
            told.delivered += delivered;
            sleep(Duration::from_millis(250));
        }
        Ok(told)
    }

    /// Whether the page has each message once, as far as all deliveries were taken.
    pub fn is_counted(&self, page: &Page) -> bool {
        let counted = page.sum("whatsapp_channel_messages_total");
        let statuses = page.sum("whatsapp_channel_message_statuses_total");
        let waiting = page.sum("whatsapp_channel_messages_unacknowledged");
        counted == self.received + self.sent
            && statuses == self.delivered
            && waiting == self.sent - self.delivered
    }
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
