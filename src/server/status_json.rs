//! `/api/status`: every target as JSON, written in blocks.
//!
//! Not here: what is said of a target; that is `report/`.

use serde::Serialize;

use super::body::Blocks;
use crate::domain::TargetKind;
use crate::fleet::FleetView;
use crate::report::humanize;
use crate::report::status_report::{ChannelView, TokenView};

/// `{"version": …, "time": …, "channels": […], "tokens": […]}`.
pub(super) struct StatusJson {
    view: FleetView,
    /// The position of the next channel.
    channels: usize,
    /// The position of the next token; `None` until all channels are written.
    tokens: Option<usize>,
    begun: bool,
}

impl StatusJson {
    pub(super) const fn new(view: FleetView) -> Self {
        Self { view, channels: 0, tokens: None, begun: false }
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
        let now = self.view.now;
        if !self.begun {
            self.begun = true;
            let head = format!(
                "{{\"version\":\"{}\",\"time\":\"{}\",\"channels\":[",
                env!("CARGO_PKG_VERSION"),
                humanize::rfc3339(now.unix)
            );
            out.extend_from_slice(head.as_bytes());
        }
        let kind = if self.tokens.is_none() { TargetKind::Channel } else { TargetKind::Token };
        let from = self.tokens.unwrap_or(self.channels);
        let stopped = self.view.look(|targets| {
            for (at, watched) in targets.from(kind, from) {
                if out.len() >= full {
                    return Some(at);
                }
                match kind {
                    TargetKind::Channel => write(&ChannelView::new(watched, now), at == 0, out),
                    _ => write(&TokenView::new(watched, now), at == 0, out),
                }
            }
            None
        });
        match (stopped, self.tokens) {
            (Some(at), None) => self.channels = at,
            (Some(at), Some(_)) => self.tokens = Some(at),
            (None, None) => {
                out.extend_from_slice(b"],\"tokens\":[");
                self.tokens = Some(0);
            }
            (None, Some(_)) => {
                out.extend_from_slice(b"]}\n");
                return false;
            }
        }
        true
    }
}
