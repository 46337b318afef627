//! What was asked and answered: the last requests, counts and concurrency. Never a secret: names
//! only.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::delivery::DeliveryAttempt;
use crate::http::response::ResponseClass;

/// Where a request carried its credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialSource {
    /// Nowhere.
    None,
    /// `Authorization: Bearer`.
    Header,
    /// Meta's `access_token=` in the query.
    Query,
    /// The last part of GREEN-API's path.
    Path,
}

/// One request, as it was when it arrived.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// When it arrived.
    pub at: Instant,
    /// The method.
    pub method: String,
    /// The path, without the query (Meta's has the token in it) and without a token in it.
    pub path: String,
    /// The name of the target it was about: the channel, or the inspected token;
    /// [`RecordedRequest::UNKNOWN`] when its secret was never set.
    pub target: Arc<str>,
    /// The name of whose credential it came with: the channel's, the token's own, or an app's.
    pub by: Arc<str>,
    /// Where it carried that credential.
    pub credential: CredentialSource,
    /// A `/health` that lacked `wakeup=false`, and so launched a sleeping channel.
    pub wakes: bool,
    /// Requests being answered at that moment, this one included.
    pub in_flight: usize,
    /// The same, of this target alone.
    pub in_flight_of_target: usize,
}

impl RecordedRequest {
    /// How many requests are kept.
    pub const KEPT: usize = 10_000;
    /// The name of a secret that was never set.
    pub const UNKNOWN: &str = "unknown";
}

/// How many responses of one class a target got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseCount {
    /// Written up to the planned end.
    pub delivered: u64,
    /// The client closed the connection before that.
    pub abandoned: u64,
}

/// The records of a simulator.
#[derive(Default)]
pub(crate) struct RequestLog {
    pub(crate) connections: u64,
    requests: VecDeque<RecordedRequest>,
    deliveries: VecDeque<DeliveryAttempt>,
    counts: HashMap<Arc<str>, BTreeMap<ResponseClass, ResponseCount>>,
    asked: HashMap<Arc<str>, u64>,
    in_flight: HashMap<Arc<str>, usize>,
    in_flight_total: usize,
    max_in_flight: usize,
    max_in_flight_per_target: usize,
}

impl RequestLog {
    /// Records a request that has arrived, with the concurrency at this moment.
    pub(crate) fn arrived(&mut self, mut request: RecordedRequest) {
        *self.asked.entry(Arc::clone(&request.target)).or_default() += 1;
        let of_target = self.in_flight.entry(Arc::clone(&request.target)).or_default();
        *of_target += 1;
        self.in_flight_total += 1;
        request.in_flight = self.in_flight_total;
        request.in_flight_of_target = *of_target;
        self.max_in_flight = self.max_in_flight.max(request.in_flight);
        // Requests with unknown secrets are not about one target.
        if &*request.target != RecordedRequest::UNKNOWN {
            self.max_in_flight_per_target =
                self.max_in_flight_per_target.max(request.in_flight_of_target);
        }
        if self.requests.len() == RecordedRequest::KEPT {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }

    /// Records that its response is over.
    pub(crate) fn finished(&mut self, target: &Arc<str>, class: ResponseClass, delivered: bool) {
        self.in_flight_total = self.in_flight_total.saturating_sub(1);
        if let Some(of_target) = self.in_flight.get_mut(target) {
            *of_target = of_target.saturating_sub(1);
            if *of_target == 0 {
                self.in_flight.remove(target);
            }
        }
        let count = self.counts.entry(Arc::clone(target)).or_default().entry(class).or_default();
        if delivered {
            count.delivered += 1;
        } else {
            count.abandoned += 1;
        }
    }

    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.iter().cloned().collect()
    }

    /// Records an attempt to deliver a webhook.
    pub(crate) fn attempted(&mut self, delivery: DeliveryAttempt) {
        if self.deliveries.len() == RecordedRequest::KEPT {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(delivery);
    }

    pub(crate) fn deliveries(&self) -> Vec<DeliveryAttempt> {
        self.deliveries.iter().cloned().collect()
    }

    pub(crate) fn counts(&self) -> BTreeMap<(Arc<str>, ResponseClass), ResponseCount> {
        let of_target = |(target, counts): (&Arc<str>, &BTreeMap<ResponseClass, ResponseCount>)| {
            let target = Arc::clone(target);
            counts
                .iter()
                .map(move |(class, count)| ((Arc::clone(&target), *class), *count))
                .collect::<Vec<_>>()
        };
        self.counts.iter().flat_map(of_target).collect()
    }

    pub(crate) fn asked(&self, name: Option<&str>) -> u64 {
        match name {
            Some(name) => self.asked.get(name).copied().unwrap_or(0),
            None => self.asked.values().sum(),
        }
    }

    pub(crate) fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    pub(crate) fn max_in_flight_per_target(&self) -> usize {
        self.max_in_flight_per_target
    }

    pub(crate) fn forget(&mut self) {
        self.requests.clear();
        self.deliveries.clear();
        self.counts.clear();
        self.asked.clear();
        self.connections = 0;
        self.max_in_flight = self.in_flight_total;
        self.max_in_flight_per_target = self.in_flight.values().copied().max().unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str) -> RecordedRequest {
        RecordedRequest {
            at: Instant::now(),
            method: "GET".to_owned(),
            path: "/health".to_owned(),
            target: target.into(),
            by: target.into(),
            credential: CredentialSource::Header,
            wakes: false,
            in_flight: 0,
            in_flight_of_target: 0,
        }
    }

    #[test]
    fn concurrency_is_counted_over_all_and_per_target() {
        let mut log = RequestLog::default();
        log.arrived(request("sales"));
        log.arrived(request("support"));
        log.finished(&"sales".into(), ResponseClass::Ok, true);
        log.arrived(request("sales"));
        assert_eq!((log.max_in_flight(), log.max_in_flight_per_target()), (2, 1));
        log.arrived(request("sales"));
        assert_eq!((log.max_in_flight(), log.max_in_flight_per_target()), (3, 2));
    }

    #[test]
    fn only_the_last_requests_are_kept_but_all_are_counted() {
        let mut log = RequestLog::default();
        for _ in 0..RecordedRequest::KEPT + 5 {
            log.arrived(request("sales"));
            log.finished(&"sales".into(), ResponseClass::Ok, true);
        }
        assert_eq!(log.requests().len(), RecordedRequest::KEPT);
        assert_eq!(log.asked(Some("sales")), RecordedRequest::KEPT as u64 + 5);
        assert_eq!(
            log.counts()[&("sales".into(), ResponseClass::Ok)].delivered,
            RecordedRequest::KEPT as u64 + 5
        );
    }
}
