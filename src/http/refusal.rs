//! Connections that are not served: why, and how they are told.
//!
//! Not here: counting them; that is in the metrics.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::domain::label_enum;

label_enum! {
    /// A listener.
    ListenerKind {
        /// `LISTEN_ADDRESS`.
        Metrics = "metrics",
        /// `GATEWAY_ADDRESS`.
        Gateway = "gateway",
    }
}

label_enum! {
    /// Why a connection was not served.
    ConnectionRefusal {
        /// As many are open as the listener allows.
        Full = "full",
        /// As many requests are under way as the listener allows.
        Requests = "requests",
        /// The process has no descriptor left.
        Descriptors = "descriptors",
        /// Too many passwords wait to be checked.
        Passwords = "passwords",
    }
}

/// How long a refused client may take to send its request, and then to read the answer.
const LINGER: Duration = Duration::from_secs(1);

/// The sentence that a refused client gets.
pub(super) fn sentence(kind: ListenerKind, why: ConnectionRefusal) -> &'static str {
    match (kind, why) {
        (ListenerKind::Gateway, ConnectionRefusal::Full) => {
            "whatsapp-exporter's gateway: as many connections are open as GATEWAY_MAX_CONNECTIONS \
             and the limit of open files allow\n"
        }
        (ListenerKind::Gateway, ConnectionRefusal::Requests) => {
            "whatsapp-exporter's gateway: as many requests are under way as the limit of open \
             files allows\n"
        }
        _ => "too many connections are open; try again in a moment\n",
    }
}

/// Answers 503 on a connection that has no place, whatever it asks for, and ends it.
pub(super) async fn answer_503(tcp: Arc<TcpStream>, sentence: &str) {
    let text = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; \
         charset=utf-8\r\nContent-Length: {}\r\n\
         Retry-After: 1\r\nConnection: close\r\n\r\n{sentence}",
        sentence.len()
    );
    // A client that is answered before it has sent its request may take that for nonsense.
    if timeout(LINGER, tcp.readable()).await.is_err() {
        return;
    }
    drain(&tcp);
    let _ = tcp.try_write(text.as_bytes());
    let _ = socket2::SockRef::from(&*tcp).shutdown(std::net::Shutdown::Write);
    // Closing with unread bytes would reset the connection, and the answer might be lost with it.
    let _ = timeout(LINGER, async { while tcp.readable().await.is_ok() && drain(&tcp) {} }).await;
}

/// Throws away what has come; false at the end of the connection.
fn drain(tcp: &TcpStream) -> bool {
    let mut some = [0; 4096];
    loop {
        match tcp.try_read(&mut some) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
}
