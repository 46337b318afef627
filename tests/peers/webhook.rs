//! What Alertmanager sends to: a receiver on loopback that keeps every message.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

/// A message: the path it was sent to and what it says.
#[derive(Debug, Clone)]
pub struct Message {
    /// The path, such as `/page`.
    pub path: String,
    /// Alertmanager's own words.
    pub body: Value,
}

impl Message {
    /// The alerts it is about, with a status of their own.
    pub fn alerts(&self) -> &[Value] {
        self.body["alerts"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// A running receiver.
pub struct Webhook {
    /// Its address, without a path.
    pub url: String,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Webhook {
    /// Starts one, within a tokio runtime and for as long as it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let messages = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&messages);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                let service = service_fn(move |request: Request<Incoming>| {
                    let kept = Arc::clone(&kept);
                    async move {
                        let path = request.uri().path().to_owned();
                        let body = request.into_body().collect().await.map(|body| body.to_bytes());
                        if let Some(body) =
                            body.ok().and_then(|body| serde_json::from_slice(&body).ok())
                        {
                            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                            kept.push(Message { path, body });
                        }
                        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
                    }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    let _ = connection.await;
                });
            }
        });
        Self { url, messages }
    }

    /// The messages so far, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
