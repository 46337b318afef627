//! How much later than usual a channel's list is asked for.
//!
//! Not here: why (`api_usage.rs`), and what it means for what is known (`poll_stats.rs`).

use super::ChannelState;

impl ChannelState {
    /// Takes for how many seconds beyond its interval its list is not asked for.
    pub const fn space_out(&mut self, seconds: u16) {
        self.polls.spaced = seconds;
    }
}
