//! The demo's application: sends messages through the monitor's gateway. Not what becomes of them.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::script::{CHANNELS, TOKENS};

/// Those it sends with, in turn: more of them well than not, as it is in life.
const SENDERS: [&str; 8] =
    ["sales", "marketing", "support", "sales", "campaign", "orders", "marketing", "trial"];
/// Between two messages.
const PAUSE: Duration = Duration::from_secs(2);
/// For an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
const PHONE_NUMBER_ID: &str = "106540352242922";

/// Sends one message after the other, until it is aborted.
pub(super) async fn run(gateway: SocketAddr) {
    for sender in SENDERS.iter().cycle() {
        // Whether it was answered, and how, is what the gateway counts.
        let _ = tokio::time::timeout(TIMEOUT, send(gateway, sender)).await;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn send(gateway: SocketAddr, sender: &str) -> std::io::Result<()> {
    let Some(request) = request(gateway, sender) else { return Ok(()) };
    let mut stream = TcpStream::connect(gateway).await?;
    stream.write_all(request.as_bytes()).await?;
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}

fn request(gateway: SocketAddr, sender: &str) -> Option<String> {
    let channel = CHANNELS.iter().find(|channel| channel.name == sender);
    let (path, secret, body) = match channel {
        Some(channel) => {
            let body = json!({ "to": "15550100", "body": "Your order is on its way." });
            ("/whapi/messages/text".to_owned(), channel.secret, body)
        }
        None => {
            let token = TOKENS.iter().find(|token| token.name == sender)?;
            let path = format!("/meta/v25.0/{PHONE_NUMBER_ID}/messages");
            (path, token.secret, template_message())
        }
    };
    let body = body.to_string();
    Some(format!(
        "POST {path} HTTP/1.1\r\nhost: {gateway}\r\nauthorization: Bearer {secret}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
}

fn template_message() -> Value {
    json!({
        "messaging_product": "whatsapp", "to": "15550100", "type": "template",
        "template": { "name": "order_update", "language": { "code": "en_US" } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sender_is_a_target_of_the_script() {
        let gateway = ([127, 0, 0, 1], 10402).into();
        for sender in SENDERS {
            assert!(request(gateway, sender).is_some(), "{sender}");
        }
    }
}
