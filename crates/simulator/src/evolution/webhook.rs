//! An Evolution server's webhooks: what it delivers when a connection changes. Not how they are
//! sent: see `webhook_sender.rs`.
//!
//! Source: deliveries of a running 2.3.7; `qrcode.updated` and `status.instance` from its source.
//! Each carries the instance's key, and `qrcode.updated` what logs a phone in, as the real ones do.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::delivery::{DeliveryPolicy, WebhookDelivery};
use crate::unix_time::rfc3339;

/// Stands for a QR code, which is a login secret.
pub(super) const QR_CODE: &str = "2@EvolutionQrCodeNotARealOne";
/// Stands for its image.
pub(super) const QR_IMAGE: &str = "iVBORw0KGgoEvolutionQrImageNotARealOne";

/// Where a server delivers its webhooks.
#[derive(Debug, Clone)]
pub struct EvolutionWebhook {
    /// The address.
    pub url: String,
    /// Further headers of each delivery.
    pub headers: Vec<(String, String)>,
}

impl EvolutionWebhook {
    /// As `GET /webhook/find/{name}` shows it.
    pub(super) fn to_json(&self) -> Value {
        let headers: Map<_, _> =
            self.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({
            "id": "cfakeid00000000000000000",
            "url": self.url,
            "headers": headers,
            "enabled": true,
            "events": ["CONNECTION_UPDATE", "QRCODE_UPDATED", "STATUS_INSTANCE", "MESSAGES_UPSERT",
                "MESSAGES_UPDATE", "SEND_MESSAGE"],
            "webhookByEvents": false,
            "webhookBase64": false,
            "createdAt": "2026-11-21T15:14:28.543Z",
            "updatedAt": "2026-11-21T15:14:28.543Z",
            "instanceId": "00000000-0000-4000-8000-000000000001",
        })
    }
}

/// Something that happened to an instance.
#[derive(Debug, Clone)]
pub(super) struct EvolutionEvent {
    at: SystemTime,
    instance: String,
    name: &'static str,
    data: Value,
}

impl EvolutionEvent {
    /// Its connection changed.
    pub(super) fn connection(instance: &str, state: &str, reason: u16) -> EvolutionEvent {
        let data = json!({ "instance": instance, "state": state, "statusReason": reason });
        EvolutionEvent::now(instance, "connection.update", data)
    }

    /// It was disconnected for good.
    pub(super) fn closed(instance: &str, reason: u16) -> EvolutionEvent {
        let data = json!({
            "instance": instance, "status": "closed", "disconnectionReasonCode": reason,
        });
        EvolutionEvent::now(instance, "status.instance", data)
    }

    /// It shows a QR code.
    pub(super) fn qr_code(instance: &str) -> EvolutionEvent {
        let code = json!({
            "instance": instance, "pairingCode": null, "code": QR_CODE,
            "base64": format!("data:image/png;base64,{QR_IMAGE}"),
        });
        EvolutionEvent::now(instance, "qrcode.updated", json!({ "qrcode": code }))
    }

    fn now(instance: &str, name: &'static str, data: Value) -> EvolutionEvent {
        EvolutionEvent { at: SystemTime::now(), instance: instance.to_owned(), name, data }
    }

    /// The delivery of it; `key` makes an instance's key of its name.
    pub(super) fn delivery(
        &self,
        webhook: &EvolutionWebhook,
        key: fn(&str) -> String,
    ) -> WebhookDelivery {
        let body = json!({
            "event": self.name,
            "instance": self.instance,
            "data": self.data,
            "destination": webhook.url,
            "date_time": rfc3339(self.at),
            "server_url": "http://127.0.0.1:9",
            "apikey": key(&self.instance),
        });
        WebhookDelivery {
            target: self.instance.as_str().into(),
            event: self.name.to_owned(),
            method: "POST".to_owned(),
            url: webhook.url.clone(),
            headers: webhook.headers.clone(),
            body: body.to_string(),
            policy: DeliveryPolicy::default(),
        }
    }
}
