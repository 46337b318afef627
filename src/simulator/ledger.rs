//! What was asked and answered: the last requests, counts and concurrency. Holds names only, never a secret.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::answer::Class;
use super::courier::Delivery;

/// How a request proved who it was from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Authorised {
    /// Not at all.
    No,
    /// `Authorization: Bearer`.
    Header,
    /// Meta's `access_token=` in the query.
    Query,
}

/// One request, as it was when it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// When it arrived.
    pub at: Instant,
    /// The method.
    pub method: String,
    /// The path, without the query (Meta's has the token in it).
    pub path: String,
    /// The name of the target it was about: the channel, or the inspected token; [`Recorded::UNKNOWN`] when nobody knows its secret.
    pub target: Arc<str>,
    /// The name of whose credential it came with: the channel's, the token's own, or an app's.
    pub by: Arc<str>,
    /// How it proved that.
    pub authorised: Authorised,
    /// A `/health` that lacked `wakeup=false`, and so launched a sleeping channel.
    pub wakes: bool,
    /// Requests being answered at that moment, this one included.
    pub in_flight: usize,
    /// The same, of this target alone.
    pub in_flight_of_target: usize,
}

impl Recorded {
    /// How many requests are kept.
    pub const KEPT: usize = 10_000;
    /// The name of a secret that nobody has set.
    pub const UNKNOWN: &str = "unknown";
}

/// How many answers of one class a target got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Written to the end that was planned.
    pub delivered: u64,
    /// The client closed the connection before that.
    pub abandoned: u64,
}

/// The books of a simulator.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) connections: u64,
    requests: VecDeque<Recorded>,
    deliveries: VecDeque<Delivery>,
    counts: HashMap<Arc<str>, BTreeMap<Class, Tally>>,
    asked: HashMap<Arc<str>, u64>,
    in_flight: HashMap<Arc<str>, usize>,
    in_flight_total: usize,
    max_in_flight: usize,
    max_in_flight_per_target: usize,
}

impl Ledger {
    /// A request arrived; fills in what it says about concurrency.
    pub(super) fn arrived(&mut self, mut request: Recorded) {
        *self.asked.entry(Arc::clone(&request.target)).or_default() += 1;
        let of_target = self.in_flight.entry(Arc::clone(&request.target)).or_default();
        *of_target += 1;
        self.in_flight_total += 1;
        request.in_flight = self.in_flight_total;
        request.in_flight_of_target = *of_target;
        self.max_in_flight = self.max_in_flight.max(request.in_flight);
        // Nobody's requests are not one target's.
        if &*request.target != Recorded::UNKNOWN {
            self.max_in_flight_per_target =
                self.max_in_flight_per_target.max(request.in_flight_of_target);
        }
        if self.requests.len() == Recorded::KEPT {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }

    /// Its answer is over.
    pub(super) fn over(&mut self, target: &Arc<str>, class: Class, delivered: bool) {
        self.in_flight_total = self.in_flight_total.saturating_sub(1);
        if let Some(of_target) = self.in_flight.get_mut(target) {
            *of_target = of_target.saturating_sub(1);
            if *of_target == 0 {
                self.in_flight.remove(target);
            }
        }
        let tally = self.counts.entry(Arc::clone(target)).or_default().entry(class).or_default();
        if delivered {
            tally.delivered += 1;
        } else {
            tally.abandoned += 1;
        }
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        self.requests.iter().cloned().collect()
    }

    /// An attempt to deliver a webhook is over.
    pub(super) fn delivered(&mut self, delivery: Delivery) {
        if self.deliveries.len() == Recorded::KEPT {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(delivery);
    }

    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.iter().cloned().collect()
    }

    pub(super) fn counts(&self) -> BTreeMap<(Arc<str>, Class), Tally> {
        let of_target = |(target, counts): (&Arc<str>, &BTreeMap<Class, Tally>)| {
            let target = Arc::clone(target);
            counts
                .iter()
                .map(move |(class, tally)| ((Arc::clone(&target), *class), *tally))
                .collect::<Vec<_>>()
        };
        self.counts.iter().flat_map(of_target).collect()
    }

    pub(super) fn asked(&self, name: Option<&str>) -> u64 {
        match name {
            Some(name) => self.asked.get(name).copied().unwrap_or(0),
            None => self.asked.values().sum(),
        }
    }

    pub(super) fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    pub(super) fn max_in_flight_per_target(&self) -> usize {
        self.max_in_flight_per_target
    }

    pub(super) fn forget(&mut self) {
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

    fn request(target: &str) -> Recorded {
        Recorded {
            at: Instant::now(),
            method: "GET".to_owned(),
            path: "/health".to_owned(),
            target: target.into(),
            by: target.into(),
            authorised: Authorised::Header,
            wakes: false,
            in_flight: 0,
            in_flight_of_target: 0,
        }
    }

    #[test]
    fn concurrency_is_counted_over_all_and_per_target() {
        let mut ledger = Ledger::default();
        ledger.arrived(request("sales"));
        ledger.arrived(request("support"));
        ledger.over(&"sales".into(), Class::Ok, true);
        ledger.arrived(request("sales"));
        assert_eq!((ledger.max_in_flight(), ledger.max_in_flight_per_target()), (2, 1));
        ledger.arrived(request("sales"));
        assert_eq!((ledger.max_in_flight(), ledger.max_in_flight_per_target()), (3, 2));
    }

    #[test]
    fn only_the_last_requests_are_kept_but_all_are_counted() {
        let mut ledger = Ledger::default();
        for _ in 0..Recorded::KEPT + 5 {
            ledger.arrived(request("sales"));
            ledger.over(&"sales".into(), Class::Ok, true);
        }
        assert_eq!(ledger.requests().len(), Recorded::KEPT);
        assert_eq!(ledger.asked(Some("sales")), Recorded::KEPT as u64 + 5);
        assert_eq!(
            ledger.counts()[&("sales".into(), Class::Ok)].delivered,
            Recorded::KEPT as u64 + 5
        );
    }
}
