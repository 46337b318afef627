//! An application that sends a message with each of its credentials again and again, through the
//! exporter's gateway.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;

use super::program::client;

/// Between two rounds: often enough that every scrape of a hurried test sees requests.
const PAUSE: Duration = Duration::from_millis(250);

/// A running application, ended when dropped.
pub struct Application(JoinHandle<()>);

impl Application {
    /// Starts one, with the secrets of its channels and of its tokens. It sends once with a secret
    /// that nobody knows.
    pub fn start(gateway: String, channels: &'static [&str], tokens: &'static [&str]) -> Self {
        Self(tokio::spawn(async move {
            let client = client();
            let to_channel = async |secret: &str| {
                let request = client
                    .post(format!("http://{gateway}/whapi/messages/text"))
                    .bearer_auth(secret)
                    .body(json!({ "to": "14155550101", "body": "hello" }).to_string());
                let _ = request.send().await;
            };
            to_channel("nobodysSecret").await;
            loop {
                for secret in channels {
                    to_channel(secret).await;
                }
                for secret in tokens {
                    let message = json!({ "messaging_product": "whatsapp", "to": "14155550101" });
                    let request = client
                        .post(format!("http://{gateway}/meta/v25.0/106540352242922/messages"))
                        .bearer_auth(secret)
                        .body(message.to_string());
                    let _ = request.send().await;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }))
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.0.abort();
    }
}
