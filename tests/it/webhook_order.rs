//! Webhooks in any order: what must hold however often, however late and in whatever order they are
//! delivered.

use std::time::Duration;

use proptest::prelude::*;
use whatsapp_exporter::domain::{
    ChannelEvent, ChannelObservation, ChannelState, Failure, Now, PollPolicy, Reported, SentAt,
    Status, Timestamp, WebhookEvent, WebhookOutcome,
};

const LIMITS: PollPolicy =
    PollPolicy { interval: Duration::from_secs(30), stale_after: Duration::from_secs(300) };
const START: i64 = 1_795_000_000;

fn at(second: u32) -> Now {
    let start = Now { unix: Timestamp::from_secs(START), steady: 0 };
    start.plus(Duration::from_secs(second.into()))
}

/// What the channel says of itself at this second, on a clock of its own.
fn says(status: Status, second: u32, started: u32, ahead: i64) -> ChannelObservation {
    ChannelObservation {
        started: Some(Timestamp::from_secs(START + ahead + i64::from(started))),
        uptime_millis: Some(i64::from(second.saturating_sub(started)) * 1000),
        ..ChannelObservation::new(Reported::Known(status))
    }
}

/// A second of the channel's life: its status from then on, and when its instance started.
#[derive(Debug, Clone, Copy)]
struct Step {
    second: u32,
    status: Status,
    started: u32,
}

/// Lives of up to thirty steps, each at a second of its own or in the same second as the one
/// before, in Whapi's order.
fn life() -> impl Strategy<Value = Vec<Step>> {
    let step = (0_u32..4, 0..Status::REPORTED, any::<bool>());
    prop::collection::vec(step, 1..30).prop_map(|steps| {
        let (mut second, mut started) = (0, 0);
        let mut life: Vec<Step> = Vec::new();
        for (later, status, restart) in steps {
            let status = Status::ALL[status];
            // An instance that stands still did not start in this second.
            let stands_still = matches!(status, Status::NotInit | Status::Stop);
            let same_second = later == 0
                && !stands_still
                && life.last().is_some_and(|last| last.status.code() < status.code());
            second += if same_second { 0 } else { later.max(1) };
            if restart && !same_second && !stands_still {
                started = second;
            }
            life.push(Step { second, status, started });
        }
        life
    })
}

/// What is compared: all that is known, but for what was delivered.
#[derive(Debug, PartialEq)]
struct Known {
    status: Status,
    since: Timestamp,
    started: Option<Timestamp>,
    transitions: Vec<u32>,
    restarts: u32,
    course: Vec<(Timestamp, Status)>,
}

fn known(state: &ChannelState, now: Now) -> Known {
    Known {
        status: state.status(now, LIMITS),
        since: state.since(now, LIMITS),
        started: state.started(),
        transitions: Status::ALL.iter().map(|to| state.transitions(*to)).collect(),
        restarts: state.restarts(),
        course: state.webhooks().map(|webhooks| webhooks.recent_moves()).unwrap_or_default(),
    }
}

/// Something that reaches the exporter: a poll's answer or a webhook.
#[derive(Debug, Clone, Copy)]
enum Arrival {
    Poll(Step),
    /// A poll's answer whose time is so many seconds ahead, which no other answer's is.
    WrongPoll(Step, u32),
    Webhook(Step),
}

fn play(arrivals: &[(u32, Arrival)], end: u32, ahead: i64) -> ChannelState {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    for (second, arrival) in arrivals {
        match arrival {
            Arrival::Poll(step) => {
                let observation = says(step.status, *second, step.started, ahead);
                state.apply(at(*second), LIMITS, Ok(observation));
            }
            Arrival::WrongPoll(step, jump) => {
                let observation = says(step.status, *second + jump, step.started, ahead);
                state.apply(at(*second), LIMITS, Ok(observation));
            }
            Arrival::Webhook(step) => {
                let observation = says(step.status, step.second, step.started, ahead);
                state.apply_event(at(*second), LIMITS, ChannelEvent::Status(observation));
            }
        }
    }
    // The last word is a poll's, so that both have been told of as late.
    let last = arrivals.iter().filter_map(|(_, arrival)| match arrival {
        Arrival::Webhook(step) => Some(*step),
        Arrival::Poll(_) | Arrival::WrongPoll(..) => None,
    });
    if let Some(step) = last.max_by_key(|step| (step.second, step.status.code())) {
        state.apply(at(end), LIMITS, Ok(says(step.status, end, step.started, ahead)));
    }
    state
}

proptest! {
    #[test]
    fn the_order_of_webhooks_does_not_matter(
        life in life(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        dropped in prop::collection::vec(any::<bool>(), 30),
    ) {
        let delivered: Vec<Step> =
            life.iter().zip(&dropped).filter(|(_, drop)| !**drop).map(|(step, _)| *step).collect();
        prop_assume!(!delivered.is_empty());
        let ordered: Vec<_> =
            delivered.iter().map(|step| (200, Arrival::Webhook(*step))).collect();
        // Each at least once, in any order, some again and again.
        let mut shuffled = ordered.clone();
        for (at, to) in order.iter().enumerate() {
            shuffled.push(ordered[to.index(ordered.len())]);
            let (len, other) = (shuffled.len(), at % shuffled.len());
            shuffled.swap(to.index(len), other);
        }
        let (ordered, shuffled) = (play(&ordered, 200, 0), play(&shuffled, 200, 0));
        prop_assert_eq!(known(&ordered, at(200)), known(&shuffled, at(200)));

        // Moves are the edges of the life that was delivered, each once.
        for to in Status::ALL {
            let pairs = delivered.windows(2);
            let edges =
                pairs.filter(|two| two[0].status != two[1].status && two[1].status == *to);
            prop_assert_eq!(ordered.transitions(*to) as usize, edges.count(), "{:?}", to);
        }
    }

    #[test]
    fn late_webhooks_find_their_place_among_polls(
        life in life(),
        delays in prop::collection::vec((0_u32..100, 0_u32..100), 30),
        ahead in -50_i64..50,
    ) {
        // A poll is answered with the status of its second; two tell of one second at different
        // ends of it.
        let status_at = |second: u32| life.iter().rev().find(|step| step.second < second);
        let polls = (1..4).map(|poll| poll * 30).filter_map(|second| {
            let step = status_at(second)?;
            let busy = life.iter().any(|step| step.second == second);
            (!busy).then_some((second, Arrival::Poll(*step)))
        });
        let polls: Vec<_> = polls.collect();
        let mut in_time: Vec<_> =
            life.iter()
                .map(|step| (step.second, Arrival::Webhook(*step)))
                .chain(polls.clone())
                .collect();
        in_time.sort_by_key(|(second, _)| *second);
        let mut late: Vec<_> = polls;
        for (step, (once, twice)) in life.iter().zip(&delays) {
            late.push((step.second + once, Arrival::Webhook(*step)));
            late.push((step.second + twice, Arrival::Webhook(*step)));
        }
        late.sort_by_key(|(second, _)| *second);
        let (in_time, late) = (play(&in_time, 250, ahead), play(&late, 250, ahead));
        let mut in_time = known(&in_time, at(250));
        let mut late = known(&late, at(250));
        // When exactly a move is shown depends on how well the clocks were known; that it happened
        // does not.
        for known in [&mut in_time, &mut late] {
            known.since = Timestamp::from_secs(0);
            known.course.iter_mut().for_each(|(shown, _)| *shown = Timestamp::from_secs(0));
        }
        prop_assert_eq!(in_time, late);
    }

    #[test]
    fn a_clock_that_jumped_and_is_right_again_changes_nothing(
        life in life(),
        delays in prop::collection::vec(0_u32..100, 30),
        jumps in prop::collection::vec(200_u32..80_000, 3),
        ahead in -50_i64..50,
    ) {
        let status_at = |second: u32| life.iter().rev().find(|step| step.second < second);
        let polls = |jumps: [u32; 3]| {
            let polls = jumps.into_iter().zip(1..).filter_map(|(jump, poll)| {
                let second = poll * 30;
                let step = *status_at(second)?;
                let busy = life.iter().any(|step| step.second == second);
                // The answer with the jump, and the one after it.
                let two = [Arrival::WrongPoll(step, jump), Arrival::Poll(step)];
                (!busy).then_some(two.map(|poll| (second, poll)))
            });
            polls.flatten().collect::<Vec<_>>()
        };
        let play_with = |jumps| {
            let mut arrivals = polls(jumps);
            for (step, delay) in life.iter().zip(&delays) {
                arrivals.push((step.second + delay, Arrival::Webhook(*step)));
            }
            arrivals.sort_by_key(|(second, _)| *second);
            let mut known = known(&play(&arrivals, 250, ahead), at(250));
            known.since = Timestamp::from_secs(0);
            known.course.iter_mut().for_each(|(shown, _)| *shown = Timestamp::from_secs(0));
            known
        };
        prop_assert_eq!(play_with([0; 3]), play_with([jumps[0], jumps[1], jumps[2]]));
    }

    #[test]
    fn whatever_the_clocks_did_a_webhook_after_a_right_answer_is_applied(
        life in life(),
        jumps in prop::collection::vec(0_u32..80_000, 9),
        ahead in -50_i64..50,
        right in 200_u32..1000,
    ) {
        let polls = jumps.iter().zip(1..).filter_map(|(jump, poll)| {
            let second = poll * 10;
            let step = life.iter().rev().find(|step| step.second < second)?;
            Some((second, Arrival::WrongPoll(*step, *jump)))
        });
        let webhooks = life.iter().map(|step| (step.second, Arrival::Webhook(*step)));
        let mut arrivals: Vec<_> = polls.chain(webhooks).collect();
        arrivals.sort_by_key(|(second, _)| *second);
        let mut state = play(&arrivals, right, ahead);
        let last = life.iter().max_by_key(|step| (step.second, step.status.code()));
        let last = last.expect("a life has a step");
        prop_assert_eq!(state.status(at(right), LIMITS), last.status);
        let to = if last.status == Status::Qr { Status::Auth } else { Status::Qr };
        let before = state.transitions(to);
        // A point may be taken for right whose time is ahead of both clocks by less than a minute.
        let then = right + 111;
        let event = ChannelEvent::Status(says(to, then, last.started, ahead));
        let (outcome, _) = state.apply_event(at(then), LIMITS, event);
        prop_assert_eq!(outcome, WebhookOutcome::Applied);
        prop_assert_eq!(state.status(at(then), LIMITS), to);
        prop_assert_eq!(state.transitions(to), before + 1);
    }
}

fn event(status: Status, second: u32, started: u32) -> ChannelEvent {
    ChannelEvent::Status(says(status, second, started, 0))
}

#[test]
fn a_reconnect_between_two_polls_is_three_moves() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    state.apply(at(0), LIMITS, Ok(says(Status::Auth, 0, 0, 0)));
    for (second, status) in [(10, Status::Init), (11, Status::Launch), (13, Status::Auth)] {
        let (outcome, moved) = state.apply_event(at(second), LIMITS, event(status, second, 10));
        assert_eq!(outcome, WebhookOutcome::Applied);
        assert_eq!(moved.map(|moved| moved.to), Some(status));
    }
    state.apply(at(30), LIMITS, Ok(says(Status::Auth, 30, 10, 0)));
    for status in [Status::Init, Status::Launch, Status::Auth] {
        assert_eq!(state.transitions(status), 1);
    }
    assert_eq!(state.restarts(), 1);
    assert_eq!(state.since(at(30), LIMITS), at(13).unix);
}

#[test]
fn an_old_webhook_never_overwrites_what_is_newer() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    state.apply(at(100), LIMITS, Ok(says(Status::Auth, 100, 90, 0)));
    let (outcome, moved) = state.apply_event(at(101), LIMITS, event(Status::Qr, 95, 0));
    assert_eq!((outcome, moved), (WebhookOutcome::Late, None));
    assert_eq!(state.status(at(101), LIMITS), Status::Auth);
    // It was there, though, and AUTH came after it.
    assert_eq!(state.transitions(Status::Auth), 1);
    let (outcome, _) = state.apply_event(at(102), LIMITS, event(Status::Qr, 95, 0));
    assert_eq!(outcome, WebhookOutcome::Duplicate);
    assert_eq!(state.transitions(Status::Auth), 1);
    let events = |outcome| {
        state.webhooks().map_or(0, |webhooks| webhooks.events(WebhookEvent::ChannelPost, outcome))
    };
    assert_eq!((events(WebhookOutcome::Late), events(WebhookOutcome::Duplicate)), (1, 1));
}

#[test]
fn an_answer_is_newer_than_what_was_known_when_it_was_asked_for() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    // An instance that always says the same of its clocks.
    let poll = |status| Ok(says(status, 50, 0, 0));
    state.apply(at(100), LIMITS, poll(Status::Auth));
    state.apply_event(at(110), LIMITS, event(Status::Qr, 60, 0));
    assert_eq!(state.status(at(110), LIMITS), Status::Qr);
    let asked = state.sent_at(at(129));
    state.apply_since(at(130), LIMITS, asked, poll(Status::Auth));
    assert_eq!(state.status(at(130), LIMITS), Status::Auth);

    // What came in while the poll was under way is judged by its own time.
    let asked = state.sent_at(at(130));
    state.apply_event(at(131), LIMITS, event(Status::Stop, 131, 0));
    state.apply_since(at(132), LIMITS, asked, poll(Status::Auth));
    assert_eq!(state.status(at(132), LIMITS), Status::Stop);
}

/// A poll that says a status and nothing of its time.
fn undated(status: Status) -> Result<ChannelObservation, Failure> {
    Ok(ChannelObservation::new(Reported::Known(status)))
}

#[test]
fn an_answer_that_was_long_on_its_way_does_not_undo_what_a_webhook_told_meanwhile() {
    for lists in [false, true] {
        let mut state = ChannelState::new(at(0)).with_webhooks();
        state.apply(at(100), LIMITS, undated(Status::Auth));
        let asked = if lists { SentAt::now(at(130)) } else { state.sent_at(at(130)) };
        let logged_out = ChannelObservation::new(Reported::Known(Status::Qr));
        state.apply_event(at(131), LIMITS, ChannelEvent::Status(logged_out));
        state.apply_since(at(136), LIMITS, state.listed_at(asked), undated(Status::Auth));
        assert_eq!(state.status(at(136), LIMITS), Status::Qr, "a list: {lists}");
        assert_eq!(state.transitions(Status::Auth), 0);
        // The next one was asked for after that.
        let asked = if lists { SentAt::now(at(160)) } else { state.sent_at(at(160)) };
        state.apply_since(at(161), LIMITS, state.listed_at(asked), undated(Status::Auth));
        assert_eq!(state.status(at(161), LIMITS), Status::Auth, "a list: {lists}");
    }
}

#[test]
fn a_clock_that_was_ahead_holds_up_no_webhook() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    state.apply(at(4000), LIMITS, undated(Status::Auth));
    // It is set back by an hour, whatever the steady one says.
    let back = |secs: i64| Now {
        unix: Timestamp::from_secs(START + secs),
        steady: secs * 1000 + 3_600_000,
    };
    state.apply(back(430), LIMITS, undated(Status::Auth));
    let failed = ChannelObservation::new(Reported::Known(Status::Error));
    let (outcome, _) = state.apply_event(back(440), LIMITS, ChannelEvent::Status(failed));
    assert_eq!(outcome, WebhookOutcome::Applied);
    assert_eq!(state.status(back(440), LIMITS), Status::Error);
}

#[test]
fn an_event_from_the_future_does_not_hold_up_those_that_come() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    state.apply_event(at(10), LIMITS, event(Status::Error, 4_000_000, 0));
    assert_eq!(state.status(at(10), LIMITS), Status::Error);
    state.apply_event(at(20), LIMITS, event(Status::Auth, 20, 0));
    assert_eq!(state.status(at(20), LIMITS), Status::Auth);
}

#[test]
fn events_of_one_millisecond_are_in_the_order_in_which_they_came() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    state.apply(at(0), LIMITS, Ok(says(Status::Auth, 0, 0, 0)));
    let mut deliver = |status| {
        let uptime_millis = Some(10_001);
        let says = ChannelObservation { uptime_millis, ..says(status, 10, 0, 0) };
        let (outcome, _) = state.apply_event(at(11), LIMITS, ChannelEvent::Status(says));
        (outcome, state.status(at(11), LIMITS))
    };
    for status in [Status::Blocked, Status::Error, Status::Qr] {
        assert_eq!(deliver(status), (WebhookOutcome::Applied, status));
    }
    for again in [Status::Error, Status::Qr, Status::Blocked] {
        assert_eq!(deliver(again), (WebhookOutcome::Duplicate, Status::Qr));
    }
}

#[test]
fn one_answer_from_the_future_makes_no_later_webhook_late() {
    for ahead in [10 * 60, 12 * 3600] {
        let mut state = ChannelState::new(at(0)).with_webhooks();
        state.apply(at(0), LIMITS, Ok(says(Status::Auth, 0, 0, 0)));
        state.apply(at(30), LIMITS, Ok(says(Status::Auth, 30 + ahead, 0, 0)));
        // Of an answer without a time it is only known that it is newer than the one before.
        let timeless = ChannelObservation { uptime_millis: None, ..says(Status::Auth, 0, 0, 0) };
        state.apply(at(60), LIMITS, Ok(timeless));
        state.apply(at(90), LIMITS, Ok(says(Status::Auth, 90, 0, 0)));
        let (outcome, moved) = state.apply_event(at(95), LIMITS, event(Status::Qr, 94, 0));
        assert_eq!(outcome, WebhookOutcome::Applied, "{ahead} s ahead");
        assert_eq!(moved.map(|moved| moved.to), Some(Status::Qr));
        assert_eq!((state.transitions(Status::Qr), state.transitions(Status::Auth)), (1, 0));
        // Delivered again, it is told apart still.
        let (outcome, _) = state.apply_event(at(96), LIMITS, event(Status::Qr, 94, 0));
        assert_eq!(outcome, WebhookOutcome::Duplicate);
    }
}

#[test]
fn what_came_in_between_a_wrong_answer_and_a_right_one_is_counted() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    state.apply(at(0), LIMITS, Ok(says(Status::Auth, 0, 0, 0)));
    state.apply(at(30), LIMITS, Ok(says(Status::Qr, 40_000, 0, 0)));
    let (outcome, _) = state.apply_event(at(40), LIMITS, event(Status::Auth, 40, 0));
    assert_eq!(outcome, WebhookOutcome::Late, "nobody knows yet which clock is right");
    state.apply(at(60), LIMITS, Ok(says(Status::Auth, 60, 0, 0)));
    assert_eq!(state.status(at(60), LIMITS), Status::Auth);
    assert_eq!((state.transitions(Status::Qr), state.transitions(Status::Auth)), (1, 1));
}

#[test]
fn an_instance_that_forgets_its_uptime_does_not_turn_the_order_around() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    state.apply(at(5000), LIMITS, Ok(says(Status::Auth, 5000, 0, 0)));
    state.apply_event(at(5010), LIMITS, event(Status::Qr, 5010, 0));
    state.apply(at(5020), LIMITS, Ok(says(Status::Init, 0, 0, 0)));
    assert_eq!(state.status(at(5020), LIMITS), Status::Init);
    let (outcome, _) = state.apply_event(at(5030), LIMITS, event(Status::Qr, 5010, 0));
    assert_eq!(outcome, WebhookOutcome::Duplicate);
    assert_eq!(state.status(at(5030), LIMITS), Status::Init);
}

#[test]
fn an_instance_that_stands_still_has_no_clock() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    state.apply(at(100), LIMITS, Ok(says(Status::Auth, 100, 20, 0)));
    // It says when it started, and an uptime of 0.
    let stopped = || event(Status::Stop, 20, 20);
    let (outcome, moved) = state.apply_event(at(110), LIMITS, stopped());
    assert_eq!(outcome, WebhookOutcome::Applied);
    assert_eq!(moved.map(|moved| moved.to), Some(Status::Stop));
    assert_eq!(state.since(at(110), LIMITS), at(110).unix);
    let (outcome, _) = state.apply_event(at(111), LIMITS, stopped());
    assert_eq!(outcome, WebhookOutcome::Duplicate);
    state.apply(at(130), LIMITS, Ok(says(Status::Stop, 20, 20, 0)));
    assert_eq!((state.transitions(Status::Stop), state.transitions(Status::Auth)), (1, 0));

    // The clock of the instance after it is as good as before, and the stop of the one before is
    // over.
    state.apply_event(at(140), LIMITS, event(Status::Init, 140, 140));
    let (outcome, _) = state.apply_event(at(141), LIMITS, stopped());
    assert_eq!(outcome, WebhookOutcome::Late);
    assert_eq!(state.status(at(141), LIMITS), Status::Init);
    assert_eq!(state.since(at(141), LIMITS), at(140).unix);
    assert_eq!((state.transitions(Status::Stop), state.restarts()), (1, 1));
}

#[test]
fn old_news_are_not_fresh() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    // Half an hour old when it comes: it was so, and whether it still is, nobody knows.
    state.apply_event(at(2000), LIMITS, event(Status::Auth, 100, 0));
    assert_eq!(state.status(at(2000), LIMITS), Status::Unknown);
    assert_eq!(state.authorized(at(2000), LIMITS), None);
    state.apply_event(at(2001), LIMITS, event(Status::Auth, 2000, 0));
    assert_eq!(state.authorized(at(2001), LIMITS), Some(true));
}

#[test]
fn the_same_login_twice_counts_once() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    let mut tell = |happening| state.apply_event(at(1), LIMITS, happening).0;
    assert_eq!(tell(ChannelEvent::Logout), WebhookOutcome::Applied);
    assert_eq!(tell(ChannelEvent::Logout), WebhookOutcome::Duplicate);
    assert_eq!(tell(ChannelEvent::Login), WebhookOutcome::Applied);
    assert_eq!(tell(ChannelEvent::Login), WebhookOutcome::Duplicate);
    assert_eq!(tell(ChannelEvent::Logout), WebhookOutcome::Applied);
    assert_eq!(tell(ChannelEvent::Qr), WebhookOutcome::Ignored);
    assert_eq!(tell(ChannelEvent::NoStatus), WebhookOutcome::Malformed);
    let webhooks = state.webhooks().map(|webhooks| (webhooks.logins(), webhooks.logouts()));
    assert_eq!(webhooks, Some((1, 2)));
}

#[test]
fn a_status_told_again_makes_no_new_logout_of_an_old_one() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    let mut tell = |second, happening| state.apply_event(at(second), LIMITS, happening).0;
    assert_eq!(tell(10, event(Status::Auth, 10, 0)), WebhookOutcome::Applied);
    assert_eq!(tell(11, ChannelEvent::Logout), WebhookOutcome::Applied);
    assert_eq!(tell(12, event(Status::Auth, 12, 0)), WebhookOutcome::Applied);
    assert_eq!(tell(13, ChannelEvent::Logout), WebhookOutcome::Duplicate);
    // Logged out, and in again without its own webhook: the next one is new.
    assert_eq!(tell(14, event(Status::Qr, 14, 0)), WebhookOutcome::Applied);
    assert_eq!(tell(15, event(Status::Auth, 15, 0)), WebhookOutcome::Applied);
    assert_eq!(tell(16, ChannelEvent::Logout), WebhookOutcome::Applied);
}

#[test]
fn a_long_life_is_remembered_in_bounds() {
    let mut state = ChannelState::new(at(0)).with_webhooks();
    for second in 0..10_000_u32 {
        let status = if second % 2 == 0 { Status::Launch } else { Status::Auth };
        state.apply_event(at(second), LIMITS, event(status, second, 0));
    }
    assert_eq!(state.transitions(Status::Auth), 5000);
    assert!(state.webhooks().is_some_and(|webhooks| webhooks.recent_moves().len() <= 64));
    // Beyond what is remembered nothing can be told apart, so nothing is counted.
    let (outcome, _) = state.apply_event(at(10_000), LIMITS, event(Status::Qr, 5, 0));
    assert_eq!(outcome, WebhookOutcome::Late);
    assert_eq!(state.transitions(Status::Qr), 0);
}
