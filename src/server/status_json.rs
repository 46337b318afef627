//! `/api/status`: every target as JSON, written in blocks.
//!
//! Not here: what is said of a target; that is `view.rs`.

use serde::Serialize;

use super::body::Blocks;
use crate::fleet::Members;
use crate::view::{ChannelView, TokenView};
use crate::words;

/// `{"version": …, "time": …, "channels": […], "tokens": […]}`.
pub(super) struct StatusJson {
    members: Members,
    channels: usize,
    tokens: usize,
    begun: bool,
}

impl StatusJson {
    pub(super) const fn new(members: Members) -> Self {
        Self { members, channels: 0, tokens: 0, begun: false }
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
        let now = self.members.now;
        if !self.begun {
            self.begun = true;
            let head = format!(
                "{{\"version\":\"{}\",\"time\":\"{}\",\"channels\":[",
                env!("CARGO_PKG_VERSION"),
                words::rfc3339(now.unix)
            );
            out.extend_from_slice(head.as_bytes());
        }
        let (mut channel_at, mut token_at) = (self.channels, self.tokens);
        let more = self.members.look(|channels, tokens| {
            while out.len() < full {
                if let Some(channel) = channels.get(channel_at) {
                    write(&ChannelView::new(channel, now), channel_at == 0, out);
                    channel_at += 1;
                    continue;
                }
                if token_at == 0 {
                    out.extend_from_slice(b"],\"tokens\":[");
                }
                // Tokens are few; they come in one block.
                for token in tokens {
                    write(&TokenView::new(token, now), token_at == 0, out);
                    token_at += 1;
                }
                out.extend_from_slice(b"]}\n");
                return false;
            }
            true
        });
        (self.channels, self.tokens) = (channel_at, token_at);
        more
    }
}
