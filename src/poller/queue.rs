//! Which target is polled next: by time, and fairly between upstreams.
//!
//! Not here: polling. Time is an argument.
//!
//! Polls in flight and polls that wait are counted per upstream, which is a host and a port. One
//! that hangs holds its own polls up, and leaves room for those of the others.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::fleet::TargetRef;

/// An upstream may have this many times as many polls in flight as there are places left. One alone
/// gets eight of nine places; each one that hangs leaves a share for the next.
const SHARE: usize = 8;

/// An upstream that does not answer is asked by as many polls at a time, to notice when it does
/// again.
const MIN_WINDOW: usize = 2;

/// An upstream is asked by so many polls at a time at first, and by more while polls wait for it:
/// when many are due at once, each connection that is opened for a moment leaves memory behind.
const FIRST_WINDOW: usize = 16;

/// A target's regular polls, all but the first, are due on ticks this far apart. Those that share a
/// tick share the cost of waking up for them.
const TICK: Duration = Duration::from_millis(20);

/// The polls of fewer targets would seldom share a tick, and then need one connection more.
const MIN_SHARING: usize = 100;

/// The polls that are due, waiting or in flight.
pub(super) struct Queue {
    /// The first tick.
    start: Instant,
    due: BinaryHeap<Reverse<Due>>,
    upstreams: Vec<Upstream>,
    by_authority: HashMap<Box<str>, UpstreamId>,
    /// Numbers of upstreams that are no longer asked.
    free: Vec<UpstreamId>,
    /// Upstreams with polls that wait, in the order of their turns.
    turns: VecDeque<UpstreamId>,
    in_flight: usize,
    concurrency: usize,
}

/// An upstream's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UpstreamId(u32);

/// A poll, when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    pub(super) at: Instant,
    pub(super) target: TargetRef,
    pub(super) upstream: UpstreamId,
}

#[derive(Default)]
struct Upstream {
    in_flight: usize,
    /// The most polls that may be in flight. It grows while polls wait and are answered, and
    /// shrinks while the upstream does not answer.
    window: usize,
    waiting: VecDeque<Due>,
}

impl Queue {
    pub(super) fn new(concurrency: usize, start: Instant) -> Self {
        Self {
            start,
            due: BinaryHeap::new(),
            upstreams: Vec::new(),
            by_authority: HashMap::new(),
            free: Vec::new(),
            turns: VecDeque::new(),
            in_flight: 0,
            concurrency,
        }
    }

    /// The upstream of an API's base address.
    pub(super) fn upstream(&mut self, api_url: &str) -> UpstreamId {
        let authority = authority(api_url);
        if let Some(known) = self.by_authority.get(authority) {
            return *known;
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.upstreams.push(Upstream::default());
            UpstreamId(u32::try_from(self.upstreams.len() - 1).unwrap_or(u32::MAX))
        });
        let window = FIRST_WINDOW.min(self.concurrency);
        self.upstreams[id.0 as usize] = Upstream { window, ..Upstream::default() };
        self.by_authority.insert(authority.into(), id);
        id
    }

    /// Has a target polled at a time.
    pub(super) fn push(&mut self, due: Due) {
        self.due.push(Reverse(due));
    }

    /// The first tick at this time or after it; of few targets, this time itself.
    pub(super) fn next_tick(&self, at: Instant) -> Instant {
        if self.due.len() < MIN_SHARING {
            return at;
        }
        let since = at.saturating_duration_since(self.start).as_nanos();
        let left = since.next_multiple_of(TICK.as_nanos()) - since;
        // Less than the time between two.
        at + Duration::from_nanos(left as u64)
    }

    /// When the next poll is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse(due)| due.at)
    }

    /// Lets every poll that is due by `now` wait for its upstream.
    pub(super) fn advance(&mut self, now: Instant) {
        while self.due.peek().is_some_and(|Reverse(due)| due.at <= now)
            && let Some(Reverse(due)) = self.due.pop()
        {
            let upstream = &mut self.upstreams[due.upstream.0 as usize];
            if upstream.waiting.is_empty() {
                self.turns.push_back(due.upstream);
            }
            upstream.waiting.push_back(due);
        }
    }

    /// Takes the next poll that may start now, if any. It counts as in flight from here on.
    pub(super) fn start_next(&mut self) -> Option<Due> {
        for _ in 0..self.turns.len() {
            let id = self.turns.pop_front()?;
            let may_start = self.may_start(id);
            let upstream = &mut self.upstreams[id.0 as usize];
            let started = if may_start { upstream.waiting.pop_front() } else { None };
            if !upstream.waiting.is_empty() {
                self.turns.push_back(id);
            }
            if let Some(due) = started {
                upstream.in_flight += 1;
                self.in_flight += 1;
                return Some(due);
            }
        }
        None
    }

    fn may_start(&self, id: UpstreamId) -> bool {
        let upstream = &self.upstreams[id.0 as usize];
        // Each upstream has one place of its own, whatever the others do.
        if upstream.in_flight == 0 {
            return true;
        }
        let left = self.concurrency.saturating_sub(self.in_flight);
        upstream.in_flight < upstream.window && upstream.in_flight < left.saturating_mul(SHARE)
    }

    /// Ends a poll. `answered` tells whether the upstream answered at all, rightly or not.
    pub(super) fn end(&mut self, id: UpstreamId, answered: bool) {
        let concurrency = self.concurrency;
        self.in_flight = self.in_flight.saturating_sub(1);
        let upstream = &mut self.upstreams[id.0 as usize];
        upstream.in_flight = upstream.in_flight.saturating_sub(1);
        let first = FIRST_WINDOW.min(concurrency);
        upstream.window = match answered {
            true if upstream.window < first || !upstream.waiting.is_empty() => {
                (upstream.window + 1).min(concurrency)
            }
            true => (upstream.window - 1).max(first),
            false => (upstream.window / 2).max(MIN_WINDOW),
        };
    }

    /// Forgets the chosen targets, but for those whose poll is in flight.
    pub(super) fn remove(&mut self, chosen: impl Fn(TargetRef) -> bool) {
        self.due.retain(|Reverse(due)| !chosen(due.target));
        for upstream in &mut self.upstreams {
            upstream.waiting.retain(|due| !chosen(due.target));
        }
        let upstreams = &self.upstreams;
        self.turns.retain(|id| !upstreams[id.0 as usize].waiting.is_empty());
    }

    /// Forgets upstreams that no poll is meant for, as after many reloads with other hosts.
    pub(super) fn forget_unused(&mut self) {
        let Self { due, upstreams, by_authority, free, .. } = self;
        let is_busy = |upstream: &Upstream| upstream.in_flight > 0 || !upstream.waiting.is_empty();
        let mut used: Vec<bool> = upstreams.iter().map(is_busy).collect();
        due.iter().for_each(|Reverse(due)| used[due.upstream.0 as usize] = true);
        by_authority.retain(|_, id| {
            let stays = used[id.0 as usize];
            free.extend((!stays).then_some(*id));
            stays
        });
    }

    /// Has targets polled at the time that is told for them, if their turn would come later.
    pub(super) fn move_up(&mut self, until: impl Fn(TargetRef) -> Option<Instant>) {
        let mut moved = Vec::new();
        self.due.retain(|Reverse(due)| {
            let earlier = until(due.target).filter(|at| *at < due.at);
            moved.extend(earlier.map(|at| Reverse(Due { at, ..*due })));
            earlier.is_none()
        });
        self.due.extend(moved);
    }

    /// Gives the chosen targets another time.
    pub(super) fn reschedule(&mut self, another: impl Fn(&Due) -> Option<Instant>) {
        let due = std::mem::take(&mut self.due).into_vec();
        self.due = due
            .into_iter()
            .map(|Reverse(due)| Reverse(Due { at: another(&due).unwrap_or(due.at), ..due }))
            .collect();
    }
}

/// The host and port of an address.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::domain::{Now, TargetKind, Timestamp};
    use crate::fleet::Fleet;
    use crate::target::Target;

    /// So many references of a fleet of that many targets.
    fn refs(count: usize) -> Vec<TargetRef> {
        let target = |at| Arc::new(Target::of_test(TargetKind::Channel, &format!("c{at}")));
        let now = Now { unix: Timestamp::from_secs(0), steady: 0 };
        Fleet::new((0..count).map(target).collect::<Vec<_>>(), now, false).refs()
    }

    /// Puts polls of one upstream on the queue, all due now.
    fn push(queue: &mut Queue, url: &str, targets: &[TargetRef], at: Instant) -> UpstreamId {
        let upstream = queue.upstream(url);
        for target in targets {
            queue.push(Due { at, target: *target, upstream });
        }
        queue.advance(at);
        upstream
    }

    fn start_all(queue: &mut Queue) -> Vec<Due> {
        std::iter::from_fn(|| queue.start_next()).collect()
    }

    #[test]
    fn an_upstream_is_a_host_and_a_port() {
        let mut queue = Queue::new(4, Instant::now());
        let one = queue.upstream("https://gate.example/a");
        assert_eq!(one, queue.upstream("https://gate.example/b/c"));
        assert_ne!(one, queue.upstream("https://gate.example:8443/a"));
        assert_ne!(one, queue.upstream("https://gate.example.org"));
    }

    /// Has so many polls of an upstream answered, and starts those that may follow.
    fn answer(queue: &mut Queue, upstream: UpstreamId, count: usize) -> usize {
        (0..count).for_each(|_| queue.end(upstream, true));
        start_all(queue).len()
    }

    #[test]
    fn an_upstream_is_asked_more_at_a_time_only_while_polls_wait_for_it() {
        let (now, refs) = (Instant::now(), refs(300));
        let mut queue = Queue::new(64, Instant::now());
        let upstream = push(&mut queue, "http://one", &refs[..200], now);
        assert_eq!(start_all(&mut queue).len(), FIRST_WINDOW);
        assert_eq!(answer(&mut queue, upstream, 16), 32);
        assert_eq!(answer(&mut queue, upstream, 32), 57, "eight of nine places");
        while queue.in_flight > 0 {
            let ended = queue.in_flight;
            answer(&mut queue, upstream, ended);
        }
        for target in refs[200..250].chunks(1) {
            push(&mut queue, "http://one", target, now);
            start_all(&mut queue);
            answer(&mut queue, upstream, 1);
        }
        push(&mut queue, "http://one", &refs[250..], now);
        assert_eq!(start_all(&mut queue).len(), FIRST_WINDOW, "nobody waited for a while");
    }

    #[test]
    fn one_upstream_leaves_room_for_another() {
        let (now, refs) = (Instant::now(), refs(300));
        let mut queue = Queue::new(64, Instant::now());
        let hangs = push(&mut queue, "http://hangs", &refs[..200], now);
        start_all(&mut queue);
        answer(&mut queue, hangs, 16);
        answer(&mut queue, hangs, 32);
        assert_eq!(queue.in_flight, 57, "eight of nine places");
        let well = push(&mut queue, "http://well", &refs[200..], now);
        let started = start_all(&mut queue);
        assert!(started.iter().all(|due| due.upstream == well));
        assert!(started.len() >= 6, "{}", started.len());
        // Whatever ends makes room for whoever waits, and the one that hangs gets less and less.
        for _ in 0..57 {
            queue.end(hangs, false);
        }
        let again = start_all(&mut queue);
        let of_hanging = again.iter().filter(|due| due.upstream == hangs).count();
        assert_eq!(of_hanging, MIN_WINDOW);
        assert!(again.len() + started.len() >= FIRST_WINDOW, "{}", again.len());
    }

    #[test]
    fn every_upstream_has_a_place_of_its_own() {
        let (now, refs) = (Instant::now(), refs(20));
        let mut queue = Queue::new(1, Instant::now());
        for (at, target) in refs.iter().enumerate() {
            push(&mut queue, &format!("http://host{at}"), &[*target], now);
        }
        assert_eq!(start_all(&mut queue).len(), 20);
        push(&mut queue, "http://host0", &refs[..1], now);
        assert_eq!(start_all(&mut queue).len(), 0);
    }

    #[test]
    fn upstreams_take_turns() {
        let (now, refs) = (Instant::now(), refs(20));
        let mut queue = Queue::new(4, Instant::now());
        let one = push(&mut queue, "http://one", &refs[..10], now);
        let other = push(&mut queue, "http://other", &refs[10..], now);
        let first = start_all(&mut queue);
        let of = |upstream| first.iter().filter(|due| due.upstream == upstream).count();
        assert_eq!((of(one), of(other)), (2, 2));
    }

    #[test]
    fn an_upstream_that_answers_again_gets_its_places_back() {
        let (now, refs) = (Instant::now(), refs(100));
        let mut queue = Queue::new(32, Instant::now());
        let upstream = push(&mut queue, "http://one", &refs, now);
        let started = start_all(&mut queue).len();
        (0..started).for_each(|_| queue.end(upstream, false));
        assert_eq!(start_all(&mut queue).len(), MIN_WINDOW);
        for round in 0..20 {
            queue.end(upstream, true);
            let more = start_all(&mut queue).len();
            assert!(more >= 1 || round > 15, "round {round}");
        }
        assert!(queue.in_flight > 10, "{}", queue.in_flight);
    }

    #[test]
    fn the_next_tick_is_never_before_the_time_that_was_asked_for() {
        let (start, refs) = (Instant::now(), refs(MIN_SHARING));
        let mut queue = Queue::new(1, start);
        let upstream = queue.upstream("http://one");
        let asked = start + Duration::from_millis(1);
        assert_eq!(queue.next_tick(asked), asked, "nobody to share it with");
        refs.into_iter().for_each(|target| queue.push(Due { at: start, target, upstream }));
        for (asked, tick) in [(0, 0), (1, 20), (19_999, 20_000), (20_000, 20_000), (20_001, 20_020)]
        {
            let [asked, tick] = [asked, tick].map(|at| start + Duration::from_millis(at));
            assert_eq!(queue.next_tick(asked), tick);
        }
    }

    #[test]
    fn a_poll_is_moved_up_and_never_back() {
        let (now, refs) = (Instant::now(), refs(2));
        let mut queue = Queue::new(1, Instant::now());
        let upstream = queue.upstream("http://one");
        let later = now + Duration::from_secs(10);
        queue.push(Due { at: later, target: refs[0], upstream });
        queue.push(Due { at: now, target: refs[1], upstream });
        queue.move_up(|_| Some(now + Duration::from_secs(5)));
        assert_eq!(queue.next_due(), Some(now));
        queue.advance(now);
        assert_eq!(queue.next_due(), Some(now + Duration::from_secs(5)));
    }
    #[test]
    fn an_upstream_without_polls_is_forgotten_and_its_number_used_again() {
        let (now, refs) = (Instant::now(), refs(3));
        let mut queue = Queue::new(1, now);
        let one = push(&mut queue, "http://one", &refs[..1], now);
        let two = push(&mut queue, "http://two", &refs[1..2], now);
        let later = queue.upstream("http://later");
        let due = Due { at: now + Duration::from_secs(1), target: refs[2], upstream: later };
        queue.push(due);
        assert_eq!(start_all(&mut queue).len(), 2);
        queue.end(one, false);
        for round in 0..100 {
            queue.forget_unused();
            let another = queue.upstream(&format!("http://host{round}"));
            assert_eq!(another, one, "the others have a poll in flight or to come");
            assert_eq!(queue.upstreams[one.0 as usize].window, 1, "nothing of the last one");
        }
        assert_eq!(queue.upstream("http://two"), two);
        assert_eq!(queue.upstream("http://later"), later);
        assert_eq!((queue.upstreams.len(), queue.by_authority.len()), (3, 3));
    }

    #[test]
    fn an_upstream_whose_polls_were_removed_has_one_turn_when_others_come() {
        let (now, refs) = (Instant::now(), refs(4));
        let mut queue = Queue::new(1, now);
        push(&mut queue, "http://one", &refs[..2], now);
        queue.remove(|_| true);
        push(&mut queue, "http://one", &refs[2..], now);
        assert_eq!(queue.turns.len(), 1);
    }
}
