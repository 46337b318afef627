//! `/api/status`: every target as JSON, written in blocks.
//!
//! Not here: what is said of a target; that is `report/`.

use bytes::{BufMut as _, BytesMut};
use serde::Serialize;

use super::body::Blocks;
use crate::domain::TargetKind;
use crate::fleet::FleetView;
use crate::report::account_report::AccountView;
use crate::report::humanize;
use crate::report::status_report::{ChannelView, SourceView, TokenView};

/// `{"version": …, "time": …, "channels": […], "tokens": […], "sources": […],
/// "accounts": […]}`.
pub(super) struct StatusJson {
    view: FleetView,
    /// The list that is written, by its position in [`TargetKind::ALL`].
    list: usize,
    /// The position of the next target.
    target: usize,
    begun: bool,
}

impl StatusJson {
    pub(super) const fn new(view: FleetView) -> Self {
        Self { view, list: 0, target: 0, begun: false }
    }
}

/// Views are strings and flags, which always can be written.
fn write(value: &impl Serialize, first: bool, out: &mut BytesMut) {
    if !first {
        out.put_u8(b',');
    }
    let _ = serde_json::to_writer(out.writer(), value);
}

impl Blocks for StatusJson {
    fn write_block(&mut self, size: usize, out: &mut BytesMut) -> bool {
        let full = out.len() + size;
        let now = self.view.now;
        if !self.begun {
            self.begun = true;
            let (version, time) = (env!("CARGO_PKG_VERSION"), humanize::rfc3339(now.unix));
            let head = format!("{{\"version\":\"{version}\",\"time\":\"{time}\"");
            out.extend_from_slice(head.as_bytes());
        }
        let Some(kind) = TargetKind::ALL.get(self.list) else {
            out.extend_from_slice(b"}\n");
            return false;
        };
        if self.target == 0 {
            out.extend_from_slice(format!(",\"{}s\":[", kind.as_str()).as_bytes());
        }
        let stopped = self.view.look(|targets| {
            for (at, watched) in targets.from(*kind, self.target) {
                if out.len() >= full && at > 0 {
                    return Some(at);
                }
                match kind {
                    TargetKind::Channel => write(&ChannelView::new(watched, now), at == 0, out),
                    TargetKind::Token => write(&TokenView::new(watched, now), at == 0, out),
                    TargetKind::Source => write(&SourceView::new(watched), at == 0, out),
                    TargetKind::Account => write(&AccountView::new(watched, now), at == 0, out),
                }
            }
            None
        });
        match stopped {
            Some(at) => self.target = at,
            None => {
                out.put_u8(b']');
                (self.list, self.target) = (self.list + 1, 0);
            }
        }
        true
    }
}
