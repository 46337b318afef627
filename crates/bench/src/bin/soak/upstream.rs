//! What is polled: the simulator behind a listener of ours, because a connection can be reset only
//! by whoever holds its socket.
//!
//! Not here: when what goes wrong; see `trouble.rs`.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use whatsapp_simulator::{Fault, Simulator};

use whatsapp_exporter_bench::Result;

/// What stands for a reset where the simulator writes its answer.
const RESET: &[u8] = b"reset this connection";

/// The simulator, and the address that leads to it.
pub struct Upstream {
    pub simulator: Simulator,
    pub url: String,
    resets: Arc<AtomicU64>,
}

impl Upstream {
    pub fn start(runtime: &Handle) -> Result<Self> {
        let (simulator, listener) = runtime.block_on(async {
            Ok::<_, io::Error>((
                Simulator::start().await?,
                TcpListener::bind(("127.0.0.1", 0)).await?,
            ))
        })?;
        let url = format!("http://{}", listener.local_addr()?);
        let resets = Arc::default();
        runtime.spawn(accept(listener, simulator.clone(), Arc::clone(&resets)));
        Ok(Self { simulator, url, resets })
    }

    /// The connection is reset instead of an answer.
    pub fn reset() -> Fault {
        Fault::raw(RESET)
    }

    /// Connections reset so far.
    pub fn resets(&self) -> u64 {
        self.resets.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, simulator: Simulator, resets: Arc<AtomicU64>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let (simulator, resets) = (simulator.clone(), Arc::clone(&resets));
        tokio::spawn(async move {
            simulator.serve_connection(Resettable { stream, resets, is_reset: false }).await;
        });
    }
}

/// A stream that is reset when it is to write [`RESET`].
struct Resettable {
    stream: TcpStream,
    resets: Arc<AtomicU64>,
    is_reset: bool,
}

impl AsyncRead for Resettable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes == RESET {
            // Closing it now sends RST.
            self.stream.set_zero_linger()?;
            self.is_reset = true;
            self.resets.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A FIN before the RST would make an orderly end of it.
        if self.is_reset {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
