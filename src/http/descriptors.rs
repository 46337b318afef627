//! Open descriptors: as many as the system allows, shared out so that no part of the program can
//! starve another.
//!
//! Not here: keeping the shares; each part keeps its own.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// More would be of no use to anybody.
const MAX_DESCRIPTORS: u64 = 1 << 20;
/// Kept for files, name look-ups, refusals and connections that are just being closed.
const SPARE: usize = 96;
/// Fewest and most idle connections that polls keep. Each takes memory, and saves a handshake.
const IDLE_POLLS: (usize, usize) = (16, 256);
/// Idle connections that the gateway keeps to upstreams.
const IDLE_UPSTREAM: usize = 100;
/// Most connections of the exporter's own listener.
const METRICS: usize = 2048;

/// How many descriptors each part of the program may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// Polls under way.
    pub polls: usize,
    /// Connections of these, with those that are kept idle.
    pub poll_connections: usize,
    /// Connections of the exporter's own listener.
    pub metrics: usize,
    /// Connections of the application to the gateway.
    pub gateway: usize,
    /// Requests of the application under way, each with a connection to an upstream.
    pub gateway_requests: usize,
    /// Connections of these, with those that are kept idle.
    pub upstream_connections: usize,
}

impl Descriptors {
    /// Shares out so many descriptors among so many polls at a time, both listeners, and so many
    /// connections to the gateway.
    pub fn share(limit: u64, polls: usize, gateway: Option<usize>) -> Self {
        let limit = usize::try_from(limit.min(MAX_DESCRIPTORS)).unwrap_or(usize::MAX);
        let rest = limit.saturating_sub(SPARE.min(limit / 8));
        let (fewest, most) = IDLE_POLLS;
        let polls = polls.min((rest / 4).saturating_sub(fewest)).max(1);
        let poll_connections = polls + (rest / 32).clamp(fewest, most);
        let rest = rest.saturating_sub(poll_connections);
        let Some(wanted) = gateway else {
            return Self {
                polls,
                poll_connections,
                metrics: rest.clamp(1, METRICS),
                gateway: 0,
                gateway_requests: 0,
                upstream_connections: 0,
            };
        };
        let metrics = (rest / 4).clamp(1, METRICS);
        let rest = rest.saturating_sub(metrics);
        // A request needs one more to the upstream, and an idle connection of the application none.
        let gateway = wanted.min(rest * 5 / 9).max(1);
        let rest = rest.saturating_sub(gateway);
        let idle = IDLE_UPSTREAM.min(rest / 3);
        let gateway_requests = (rest - idle).clamp(1, gateway);
        let upstream_connections = gateway_requests + idle;
        Self { polls, poll_connections, metrics, gateway, gateway_requests, upstream_connections }
    }

    /// Raises the limit of this process as far as it may, and shares that out.
    pub fn raise(polls: usize, gateway: Option<usize>) -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let limit = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            Ok(()) => maximum,
            // Forbidden by a sandbox; the limit stays as it is.
            Err(_) => current,
        };
        let limit = limit.unwrap_or(MAX_DESCRIPTORS);
        let shares = Self::share(limit, polls, gateway);
        if shares.polls < polls {
            let (asked, shared) = (polls, shares.polls);
            warn!(
                asked,
                shared,
                limit,
                "the limit of open files allows fewer polls at a time than POLL_CONCURRENCY"
            );
        }
        if let Some(asked) = gateway
            && shares.gateway < asked
        {
            let shared = shares.gateway;
            warn!(
                asked,
                shared,
                limit,
                "the limit of open files allows fewer connections than GATEWAY_MAX_CONNECTIONS"
            );
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_shares_than_descriptors() {
        for limit in (128..70_000).step_by(97) {
            for polls in [1, 64, 10_000] {
                for gateway in [None, Some(1), Some(4096), Some(100_000)] {
                    let shares = Descriptors::share(limit, polls, gateway);
                    let Descriptors { polls, poll_connections, metrics, .. } = shares;
                    let Descriptors { gateway, gateway_requests, upstream_connections, .. } =
                        shares;
                    let all = poll_connections + metrics + gateway + upstream_connections;
                    assert!(all as u64 + 16 <= limit, "{limit}: {shares:?}");
                    assert!(gateway_requests <= gateway, "{shares:?}");
                    assert!(polls < poll_connections, "{shares:?}");
                    assert!(gateway_requests <= upstream_connections, "{shares:?}");
                }
            }
        }
    }

    #[test]
    fn with_enough_descriptors_everybody_has_what_was_asked_for() {
        let shares = Descriptors::share(65_536, 64, Some(4096));
        let whole = Descriptors {
            polls: 64,
            poll_connections: 64 + 256,
            metrics: 2048,
            gateway: 4096,
            gateway_requests: 4096,
            upstream_connections: 4096 + 100,
        };
        assert_eq!(shares, whole);
        assert_eq!(Descriptors::share(u64::MAX, 64, Some(4096)), whole);
    }

    #[test]
    fn with_few_descriptors_everybody_has_some() {
        let shares = Descriptors::share(1024, 64, Some(4096));
        assert_eq!(shares.polls, 64);
        assert!(shares.metrics >= 200 && shares.gateway >= 300, "{shares:?}");
        assert!(shares.gateway_requests >= 150, "{shares:?}");
        for limit in 0..128 {
            let shares = Descriptors::share(limit, 64, Some(4096));
            assert!(shares.polls > 0 && shares.metrics > 0, "{shares:?}");
            assert!(shares.gateway > 0 && shares.gateway_requests > 0, "{shares:?}");
        }
    }

    #[test]
    fn more_descriptors_never_mean_less_for_anybody() {
        let mut before = Descriptors::share(0, 64, Some(4096));
        for limit in 1..20_000 {
            let now = Descriptors::share(limit, 64, Some(4096));
            assert!(now.polls >= before.polls && now.metrics >= before.metrics, "{limit}");
            assert!(now.gateway >= before.gateway, "{limit}");
            before = now;
        }
    }
}
