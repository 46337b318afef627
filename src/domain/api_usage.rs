//! How much of an upstream's limit of requests is used, and how polls keep away from it.
//!
//! Not here: how an upstream tells it.

use std::time::Duration;

/// What an answer says of the limit of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiUsage {
    /// How much of it is used, in percent; at 100 requests are refused.
    pub percent: u16,
    /// How long requests are refused from now on, if they are.
    pub refused_for: Option<Duration>,
}

/// Polls wait no longer than this, or an outage would go unseen.
const MAX_SPACING: Duration = Duration::from_secs(3600);

impl ApiUsage {
    /// The worse of two.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        Self {
            percent: self.percent.max(other.percent),
            refused_for: self.refused_for.max(other.refused_for),
        }
    }

    /// The shortest time until the next poll: the interval while less than half of the limit is
    /// used, and the longer the nearer the limit is, so that others keep their share and it is
    /// never met.
    pub fn spacing(self, interval: Duration) -> Duration {
        let factor = match self.percent {
            0..50 => 1,
            50..75 => 2,
            75..90 => 4,
            _ => 8,
        };
        let spaced = interval.saturating_mul(factor).max(self.refused_for.unwrap_or_default());
        spaced.min(MAX_SPACING.max(interval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_spaced_out_before_the_limit_is_met() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let spacing = |percent, refused_for| {
            ApiUsage { percent, refused_for }.spacing(minutes(5)).as_secs() / 60
        };
        for (percent, minutes) in [(0, 5), (49, 5), (50, 10), (74, 10), (75, 20), (90, 40)] {
            assert_eq!(spacing(percent, None), minutes, "{percent} %");
        }
        assert_eq!(spacing(100, Some(minutes(55))), 55);
        assert_eq!(spacing(100, Some(minutes(600))), 60, "never longer than an hour");
        let daily = ApiUsage { percent: 100, refused_for: None };
        assert_eq!(daily.spacing(minutes(1440)), minutes(1440));
    }
}
