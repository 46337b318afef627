//! One connection of HTTP/1.1: requests are read, answers are written, well or badly as planned. Knows neither API.
//! Written by hand, since no HTTP library agrees to send what the faults need.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::BytesMut;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::answer::Answer;
use super::fault::{Plan, Travel, What};
use super::request::{BadRequest, Request, read_head};
use super::world::{Ticket, World};

/// No request of ours is larger.
const MAX_REQUEST: usize = 64 * 1024;

/// What is sent again and again by the answers that are too large.
const BLANKS: [u8; 4096] = [b' '; 4096];

/// What becomes of the connection after an answer.
#[derive(PartialEq)]
enum Next {
    Read,
    Close,
}

/// Serves a connection until either side closes it.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(world: &Arc<World>, io: S) {
    world.lock().ledger.connections += 1;
    let (mut reader, mut writer) = tokio::io::split(io);
    let mut buffer = BytesMut::new();
    loop {
        let request = match read(&mut reader, &mut buffer).await {
            Ok(Some(Ok(request))) => request,
            Ok(Some(Err(BadRequest(status, message)))) => {
                let answer = Answer::json(
                    status,
                    &json!({ "error": { "code": status, "message": message } }),
                );
                let _ = writer.write_all(&whole(&answer, answer.body.len(), false)).await;
                let _ = writer.shutdown().await;
                return;
            }
            Ok(None) | Err(_) => return,
        };
        let (mut ticket, plan) = World::receive(world, &request, SystemTime::now());
        let next = tokio::select! {
            // First, so that an answer that can be written at once never looks at the reader.
            biased;
            next = carry_out(&mut writer, plan, &request, &mut ticket) => next.unwrap_or(Next::Close),
            () = gone(&mut reader, &mut buffer) => Next::Close,
        };
        drop(ticket);
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

/// Does what the plan says. The ticket is told right before the last bytes, so that it never lags behind what the client knows.
async fn carry_out<W: AsyncWrite + Unpin>(
    writer: &mut W,
    plan: Plan,
    request: &Request,
    ticket: &mut Ticket,
) -> io::Result<Next> {
    if !plan.after.is_zero() {
        tokio::time::sleep(plan.after).await;
    }
    let (answer, travel) = match plan.what {
        What::Send(answer, travel) => (answer, travel),
        What::Raw(bytes) => {
            ticket.delivered();
            writer.write_all(&bytes).await?;
            return Ok(Next::Close);
        }
        What::Close => {
            ticket.delivered();
            return Ok(Next::Close);
        }
        What::Hang => std::future::pending().await,
    };
    if request.method == "HEAD" {
        ticket.delivered();
        writer.write_all(head(&answer, Some(answer.body.len())).as_bytes()).await?;
        writer.flush().await?;
        return Ok(Next::Read);
    }
    let size = answer.body.len();
    let half = &answer.body[..size / 2];
    match travel {
        Travel::Whole => {
            ticket.delivered();
            writer.write_all(&whole(&answer, size, request.keep_alive)).await?;
        }
        Travel::Half => {
            ticket.delivered();
            let answer = Answer { body: answer.body.slice(..size / 2), ..answer };
            writer.write_all(&whole(&answer, size / 2, request.keep_alive)).await?;
        }
        Travel::Chunked => {
            writer.write_all(head(&answer, None).as_bytes()).await?;
            for part in answer.body.chunks(size.div_ceil(3).max(1)) {
                write_chunk(writer, part).await?;
                writer.flush().await?;
            }
            ticket.delivered();
            writer.write_all(b"0\r\n\r\n").await?;
        }
        Travel::Drip(pause) => {
            writer.write_all(head(&answer, Some(size)).as_bytes()).await?;
            for (index, byte) in answer.body.iter().enumerate() {
                writer.flush().await?;
                tokio::time::sleep(pause).await;
                if index + 1 == size {
                    ticket.delivered();
                }
                writer.write_all(&[*byte]).await?;
            }
        }
        Travel::CutHead => {
            ticket.delivered();
            let head = head(&answer, Some(size));
            writer.write_all(&head.as_bytes()[..head.len() / 2]).await?;
            return Ok(Next::Close);
        }
        Travel::CutBody => {
            ticket.delivered();
            writer.write_all(head(&answer, Some(size)).as_bytes()).await?;
            writer.write_all(half).await?;
            return Ok(Next::Close);
        }
        Travel::Padded(bytes) => {
            let total = bytes.max(size);
            writer.write_all(&whole(&answer, total, request.keep_alive)).await?;
            let mut left = total - size;
            while left > BLANKS.len() {
                writer.write_all(&BLANKS).await?;
                left -= BLANKS.len();
            }
            ticket.delivered();
            writer.write_all(&BLANKS[..left]).await?;
        }
        Travel::Endless => {
            writer.write_all(head(&answer, None).as_bytes()).await?;
            write_chunk(writer, &answer.body).await?;
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
fn whole(answer: &Answer, length: usize, keep_alive: bool) -> Vec<u8> {
    let mut bytes = head(answer, Some(length)).into_bytes();
    if !keep_alive {
        bytes.truncate(bytes.len() - 2);
        bytes.extend_from_slice(b"Connection: close\r\n\r\n");
    }
    bytes.extend_from_slice(&answer.body);
    bytes
}

/// The head; without a length the body comes in chunks.
fn head(answer: &Answer, length: Option<usize>) -> String {
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    head += &format!("Date: {}\r\n", httpdate::fmt_http_date(SystemTime::now()));
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    match length {
        _ if answer.status == 204 => {}
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
