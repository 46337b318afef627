//! One connection of HTTP/1.1: requests are read, responses are written, well or badly as planned.
//! Not what is answered: see `state.rs`.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::BytesMut;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::fault::{Action, ResponsePlan, Transfer};
use crate::http::request::{BadRequest, Request, read_head};
use crate::http::response::Response;
use crate::state::{InFlightRequest, SharedState};

/// No request to the simulated APIs is larger.
const MAX_REQUEST: usize = 64 * 1024;

/// What is sent again and again by the responses that are too large.
const BLANKS: [u8; 4096] = [b' '; 4096];

/// What becomes of the connection after a response.
#[derive(PartialEq)]
enum Next {
    Read,
    Close,
}

/// Serves a connection until either side closes it.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(state: &Arc<SharedState>, io: S) {
    state.lock().log.connections += 1;
    let (mut reader, mut writer) = tokio::io::split(io);
    let mut buffer = BytesMut::new();
    let mut is_kept = false;
    loop {
        let request = match read(&mut reader, &mut buffer).await {
            Ok(Some(Ok(request))) => request,
            Ok(Some(Err(BadRequest(status, message)))) => {
                let response = Response::json(
                    status,
                    &json!({ "error": { "code": status, "message": message } }),
                );
                let _ = writer.write_all(&whole(&response, response.body.len(), false)).await;
                let _ = writer.shutdown().await;
                return;
            }
            Ok(None) | Err(_) => return,
        };
        let (mut in_flight, plan) =
            SharedState::receive(state, &request, is_kept, SystemTime::now());
        is_kept = true;
        let next = tokio::select! {
            // First, so that a response that can be written at once never looks at the reader.
            biased;
            next = execute(&mut writer, plan, &request, &mut in_flight) => {
                next.unwrap_or(Next::Close)
            }
            () = gone(&mut reader, &mut buffer) => Next::Close,
        };
        drop(in_flight);
        if next == Next::Close || !request.keep_alive {
            let _ = writer.shutdown().await;
            return;
        }
    }
}

/// The next request; none when the client has closed the connection between two.
async fn read<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut BytesMut,
) -> io::Result<Option<Result<Request, BadRequest>>> {
    let head = loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break buffer.split_to(end + 4);
        }
        if buffer.len() > MAX_REQUEST {
            return Ok(Some(Err(BadRequest(431, "The head is too large"))));
        }
        // Room for a whole request at once; by itself the buffer grows in small steps.
        buffer.reserve(1024);
        if reader.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let (mut request, length) = match read_head(&head[..head.len() - 4]) {
        Ok(read) => read,
        Err(bad) => return Ok(Some(Err(bad))),
    };
    if length > MAX_REQUEST {
        return Ok(Some(Err(BadRequest(413, "The body is too large"))));
    }
    while buffer.len() < length {
        if reader.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    request.body = buffer.split_to(length).to_vec();
    Ok(Some(Ok(request)))
}

/// Returns when the client has gone away; what it sends meanwhile waits in the buffer.
async fn gone<R: AsyncRead + Unpin>(reader: &mut R, buffer: &mut BytesMut) {
    while buffer.len() <= MAX_REQUEST {
        if !matches!(reader.read_buf(buffer).await, Ok(1..)) {
            return;
        }
    }
    std::future::pending().await
}

/// Does what the plan says. The request is recorded as delivered right before the last bytes, so
/// that the log never lags behind what the client knows.
async fn execute<W: AsyncWrite + Unpin>(
    writer: &mut W,
    plan: ResponsePlan,
    request: &Request,
    in_flight: &mut InFlightRequest,
) -> io::Result<Next> {
    if !plan.after.is_zero() {
        tokio::time::sleep(plan.after).await;
    }
    let (response, transfer) = match plan.action {
        Action::Send(response, transfer) => (response, transfer),
        Action::Raw(bytes) => {
            in_flight.delivered();
            writer.write_all(&bytes).await?;
            return Ok(Next::Close);
        }
        Action::Close => {
            in_flight.delivered();
            return Ok(Next::Close);
        }
        Action::Hang => std::future::pending().await,
    };
    if request.method == "HEAD" {
        in_flight.delivered();
        writer.write_all(head(&response, Some(response.body.len())).as_bytes()).await?;
        writer.flush().await?;
        return Ok(Next::Read);
    }
    let size = response.body.len();
    let half = &response.body[..size / 2];
    match transfer {
        Transfer::Whole => {
            in_flight.delivered();
            writer.write_all(&whole(&response, size, request.keep_alive)).await?;
        }
        Transfer::Half => {
            in_flight.delivered();
            let response = Response { body: response.body.slice(..size / 2), ..response };
            writer.write_all(&whole(&response, size / 2, request.keep_alive)).await?;
        }
        Transfer::Chunked => {
            writer.write_all(head(&response, None).as_bytes()).await?;
            for part in response.body.chunks(size.div_ceil(3).max(1)) {
                write_chunk(writer, part).await?;
                writer.flush().await?;
            }
            in_flight.delivered();
            writer.write_all(b"0\r\n\r\n").await?;
        }
        Transfer::Drip(pause) => {
            writer.write_all(head(&response, Some(size)).as_bytes()).await?;
            for (index, byte) in response.body.iter().enumerate() {
                writer.flush().await?;
                tokio::time::sleep(pause).await;
                if index + 1 == size {
                    in_flight.delivered();
                }
                writer.write_all(&[*byte]).await?;
            }
        }
        Transfer::CutHead => {
            in_flight.delivered();
            let head = head(&response, Some(size));
            writer.write_all(&head.as_bytes()[..head.len() / 2]).await?;
            return Ok(Next::Close);
        }
        Transfer::CutBody => {
            in_flight.delivered();
            writer.write_all(head(&response, Some(size)).as_bytes()).await?;
            writer.write_all(half).await?;
            return Ok(Next::Close);
        }
        Transfer::Padded(bytes) => {
            let total = bytes.max(size);
            writer.write_all(&whole(&response, total, request.keep_alive)).await?;
            let mut left = total - size;
            while left > BLANKS.len() {
                writer.write_all(&BLANKS).await?;
                left -= BLANKS.len();
            }
            in_flight.delivered();
            writer.write_all(&BLANKS[..left]).await?;
        }
        Transfer::Endless => {
            writer.write_all(head(&response, None).as_bytes()).await?;
            write_chunk(writer, &response.body).await?;
            loop {
                write_chunk(writer, &BLANKS).await?;
            }
        }
    }
    writer.flush().await?;
    Ok(Next::Read)
}

async fn write_chunk<W: AsyncWrite + Unpin>(writer: &mut W, part: &[u8]) -> io::Result<()> {
    let mut chunk = format!("{:x}\r\n", part.len()).into_bytes();
    chunk.extend_from_slice(part);
    chunk.extend_from_slice(b"\r\n");
    writer.write_all(&chunk).await
}

/// Head and body in one piece, which announces this many bytes of body.
fn whole(response: &Response, length: usize, keep_alive: bool) -> Vec<u8> {
    let mut bytes = head(response, Some(length)).into_bytes();
    if !keep_alive {
        bytes.truncate(bytes.len() - 2);
        bytes.extend_from_slice(b"Connection: close\r\n\r\n");
    }
    bytes.extend_from_slice(&response.body);
    bytes
}

/// The head; without a length the body comes in chunks.
fn head(response: &Response, length: Option<usize>) -> String {
    let mut head = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
    head += &format!("Date: {}\r\n", httpdate::fmt_http_date(SystemTime::now()));
    for (name, value) in &response.headers {
        head += &format!("{name}: {value}\r\n");
    }
    match length {
        _ if response.status == 204 => {}
        Some(length) => head += &format!("Content-Length: {length}\r\n"),
        None => head += "Transfer-Encoding: chunked\r\n",
    }
    head + "\r\n"
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Simulated",
    }
}
