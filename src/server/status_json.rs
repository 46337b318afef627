//! `/api/status`: every target as JSON, written in blocks.
//!
//! Not here: what is said of a target; that is `view.rs`.

use serde::Serialize;

use super::body::Blocks;
use crate::fleet::Snapshot;
use crate::view::{ChannelView, TokenView};
use crate::words;

/// `{"version": …, "time": …, "channels": […], "tokens": […]}`.
pub(super) struct StatusJson {
    snapshot: Snapshot,
    channels: usize,
    tokens: usize,
    begun: bool,
}

impl StatusJson {
    pub(super) const fn new(snapshot: Snapshot) -> Self {
        Self { snapshot, channels: 0, tokens: 0, begun: false }
    }
}

/// Views are strings and flags, which always can be written.
fn write(value: &impl Serialize, first: bool, out: &mut Vec<u8>) {
    if !first {
        out.push(b',');
    }
    let _ = serde_json::to_writer(&mut *out, value);
}

impl Blocks for StatusJson {
    fn write_block(&mut self, size: usize, out: &mut Vec<u8>) -> bool {
        let full = out.len() + size;
        let now = self.snapshot.now;
        if !self.begun {
            self.begun = true;
            let head = format!(
                "{{\"version\":\"{}\",\"time\":\"{}\",\"channels\":[",
                env!("CARGO_PKG_VERSION"),
                words::rfc3339(now.unix)
            );
            out.extend_from_slice(head.as_bytes());
        }
        let (channels, tokens) = (self.snapshot.channels.len(), self.snapshot.tokens.len());
        while out.len() < full {
            if self.channels < channels {
                let view = ChannelView::new(&self.snapshot.channels[self.channels], now);
                write(&view, self.channels == 0, out);
                self.channels += 1;
            } else {
                if self.tokens == 0 {
                    out.extend_from_slice(b"],\"tokens\":[");
                }
                if self.tokens == tokens {
                    out.extend_from_slice(b"]}\n");
                    return false;
                }
                while self.tokens < tokens {
                    let view = TokenView::new(&self.snapshot.tokens[self.tokens], now);
                    write(&view, self.tokens == 0, out);
                    self.tokens += 1;
                }
                out.extend_from_slice(b"]}\n");
                return false;
            }
        }
        true
    }
}
