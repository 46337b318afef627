//! The state machine under any sequence of polls: what must hold whatever an upstream answers.

use std::time::Duration;

use proptest::prelude::*;
use whatsapp_exporter::domain::{
    ChannelObservation, ChannelState, ErrorSource, Expiry, Failure, FailureReason, Now, PollPolicy,
    Reported, Status, Timestamp, TokenErrorReason, TokenInfo, TokenObservation, TokenReading,
    TokenState, UnauthorizedReason,
};

const LIMITS: PollPolicy =
    PollPolicy { interval: Duration::from_secs(30), stale_after: Duration::from_secs(300) };

fn at(second: u64) -> Now {
    let start = Now { unix: Timestamp::from_secs(1_795_000_000), steady: 0 };
    start.plus(Duration::from_secs(second))
}

#[derive(Debug, Clone)]
enum Poll {
    Says(Status, i64),
    SaysWord,
    Fails(FailureReason),
}

impl Poll {
    fn outcome(&self) -> Result<ChannelObservation, Failure> {
        let observation = |status, started: Option<i64>| ChannelObservation {
            started: started.map(Timestamp::from_secs),
            ..ChannelObservation::new(status)
        };
        match self {
            Self::Says(status, started) => {
                Ok(observation(Reported::Known(*status), Some(*started)))
            }
            Self::SaysWord => Ok(observation(Reported::Word("NEW".to_owned()), None)),
            Self::Fails(reason) => Err(Failure::new(*reason, "")),
        }
    }
}

fn says(status: Status) -> Poll {
    Poll::Says(status, 1)
}

fn any_status() -> impl Strategy<Value = Status> {
    (0..Status::REPORTED).prop_map(|at| Status::ALL[at])
}

fn any_failure() -> impl Strategy<Value = FailureReason> {
    (0..FailureReason::COUNT).prop_map(|at| FailureReason::ALL[at])
}

fn any_poll() -> impl Strategy<Value = Poll> {
    prop_oneof![
        4 => (any_status(), 1..4i64).prop_map(|(status, started)| Poll::Says(status, started)),
        1 => Just(Poll::SaysWord),
        3 => any_failure().prop_map(Poll::Fails),
    ]
}

/// Polls with the seconds between them.
fn any_life() -> impl Strategy<Value = Vec<(u64, Poll)>> {
    prop::collection::vec((1..400u64, any_poll()), 0..60)
}

/// Plays polls, and hands each step to `see` with the state before and after.
fn play(
    life: &[(u64, Poll)],
    mut see: impl FnMut(Now, &ChannelState, &Poll, &ChannelState),
) -> (Now, ChannelState) {
    let mut state = ChannelState::new(at(0));
    let mut second = 0;
    for (pause, poll) in life {
        second += pause;
        let before = state.clone();
        state.apply(at(second), LIMITS, poll.outcome());
        see(at(second), &before, poll, &state);
    }
    (at(second), state)
}

fn transitions(state: &ChannelState) -> u32 {
    (0..Status::REPORTED).map(|to| state.transitions(Status::ALL[to])).sum()
}

/// The statuses in the order answered; `None` for what is not one of the list.
fn answered(life: &[(u64, Poll)]) -> Vec<Option<Status>> {
    let mut seen = Vec::new();
    for (_, poll) in life {
        match poll {
            Poll::Says(status, _) => seen.push(Some(*status)),
            Poll::SaysWord => seen.push(None),
            // Known not to be authorized, in a status nobody told.
            Poll::Fails(FailureReason::SessionUnauthorized) if !seen.is_empty() => seen.push(None),
            Poll::Fails(_) => {}
        }
    }
    seen
}

proptest! {
    #[test]
    fn exactly_one_status_row_is_one(life in any_life(), later in 0..2000u64) {
        let (end, state) = play(&life, |_, _, _, _| {});
        let status = state.status(end.plus(Duration::from_secs(later)), LIMITS);
        prop_assert_eq!(Status::ALL.iter().filter(|row| **row == status).count(), 1);
    }

    #[test]
    fn transitions_count_edges_only(life in any_life()) {
        let (_, state) = play(&life, |_, _, _, _| {});
        let answered = answered(&life);
        for to in &Status::ALL[..Status::REPORTED] {
            let pairs = answered.windows(2);
            let edges = pairs.filter(|pair| pair[0] != pair[1] && pair[1] == Some(*to)).count();
            prop_assert_eq!(state.transitions(*to) as usize, edges, "to {}", to.as_str());
        }
    }

    #[test]
    fn a_failed_poll_never_moves_a_status(life in any_life()) {
        play(&life, |now, before, poll, after| {
            if let Poll::Fails(reason) = poll {
                assert_eq!(transitions(before), transitions(after));
                assert_eq!(before.restarts(), after.restarts());
                if *reason != FailureReason::SessionUnauthorized {
                    assert_eq!(before.status(now, LIMITS), after.status(now, LIMITS));
                    assert_eq!(before.authorized(now, LIMITS), after.authorized(now, LIMITS));
                    assert_eq!(before.since(now, LIMITS), after.since(now, LIMITS));
                }
            }
        });
    }

    #[test]
    fn restarts_count_movements_of_start_at(life in any_life()) {
        let (_, state) = play(&life, |_, _, _, _| {});
        let starts: Vec<i64> = life.iter().filter_map(|(_, poll)| match poll {
            Poll::Says(_, started) => Some(*started),
            _ => None,
        }).collect();
        let moved = starts.windows(2).filter(|pair| pair[0] != pair[1]).count();
        prop_assert_eq!(state.restarts() as usize, moved);
    }

    #[test]
    fn every_poll_is_counted_once(life in any_life()) {
        let (_, state) = play(&life, |_, _, _, _| {});
        let polls = state.polls();
        let failures: u32 = FailureReason::ALL.iter().map(|reason| polls.failures(*reason)).sum();
        let failed = life.iter().filter(|(_, poll)| matches!(poll, Poll::Fails(_))).count();
        prop_assert_eq!(polls.polls() as usize, life.len());
        prop_assert_eq!(failures as usize, failed);
        let session = polls.failures(FailureReason::SessionUnauthorized);
        let counted = |reason| state.unauthorized_errors(ErrorSource::Poll, reason);
        prop_assert_eq!(counted(UnauthorizedReason::Session), session);
        let credential = polls.failures(FailureReason::CredentialUnauthorized);
        prop_assert_eq!(counted(UnauthorizedReason::Credential), credential);
    }

    #[test]
    fn fine_is_only_said_while_the_last_thing_learnt_is_auth_and_fresh(
        life in any_life(),
        later in 0..2000u64,
    ) {
        let (end, state) = play(&life, |_, _, _, _| {});
        let now = end.plus(Duration::from_secs(later));
        let authorized = state.authorized(now, LIMITS);
        prop_assert_eq!(authorized == Some(true), state.status(now, LIMITS) == Status::Auth);
        if authorized == Some(true) {
            prop_assert_eq!(answered(&life).last().copied(), Some(Some(Status::Auth)));
            let age = state.polls().age_millis(now).unwrap();
            prop_assert!(age <= 1000 * (300 + 30), "an answer of {age} ms ago still counts");
        }
    }

    #[test]
    fn since_is_never_in_the_future_and_never_goes_back(life in any_life()) {
        let mut last = at(0).unix;
        play(&life, |now, _, _, after| {
            let since = after.since(now, LIMITS);
            assert!(since <= now.unix && since >= last);
            last = since;
        });
    }
}

fn after(polls: &[Poll]) -> (Now, ChannelState) {
    let life: Vec<_> = polls.iter().map(|poll| (30, poll.clone())).collect();
    play(&life, |_, _, _, _| {})
}

#[test]
fn an_upstream_that_makes_up_a_new_version_each_time_changes_it_once_an_hour() {
    let mut state = ChannelState::new(at(0));
    let told = |id: &str, version: &str| {
        let observation = ChannelObservation {
            channel_id: Some(id.into()),
            version: Some(version.into()),
            ..ChannelObservation::new(Reported::Known(Status::Auth))
        };
        Ok(observation)
    };
    let mut seen = std::collections::BTreeSet::new();
    for poll in 0..=600_u64 {
        let (id, version) = (format!("MANTIS-{poll}"), format!("1.{poll}"));
        state.apply(at(poll * 30), LIMITS, told(&id, &version));
        seen.insert((state.channel_id().cloned(), state.version().cloned()));
    }
    // The first, a change at once, and one in each of the five hours.
    assert_eq!(seen.len(), 2 + 4, "{seen:?}");
    assert!(seen.contains(&(Some("MANTIS-1".into()), Some("1.1".into()))), "{seen:?}");

    // An upgrade is shown at the next answer, and what is told again later is no change.
    let mut state = ChannelState::new(at(0));
    state.apply(at(0), LIMITS, told("MANTIS-M72HC", "1.8.7"));
    state.apply(at(30), LIMITS, told("MANTIS-M72HC", "1.8.7"));
    state.apply(at(60), LIMITS, told("MANTIS-M72HC", "1.8.8"));
    assert_eq!(state.version().map(|text| &**text), Some("1.8.8"));
    state.apply(at(90), LIMITS, told("MANTIS-M72HC", "1.8.9"));
    assert_eq!(state.version().map(|text| &**text), Some("1.8.8"));
    state.apply(at(60 + 3600), LIMITS, told("MANTIS-M72HC", "1.8.9"));
    assert_eq!(state.version().map(|text| &**text), Some("1.8.9"));

    let strange = "1.8\"\\ \u{e9}".repeat(20);
    let mut state = ChannelState::new(at(0));
    state.apply(at(0), LIMITS, told("no\\id\"", &strange));
    assert_eq!(state.channel_id(), None);
    let version = state.version().expect("a version");
    assert!(version.starts_with("1.8____1.8____") && version.len() == 64, "{version}");
}

#[test]
fn the_first_answer_is_no_transition_and_since_is_its_moment() {
    let (now, state) = after(&[says(Status::Qr)]);
    assert_eq!(transitions(&state), 0);
    assert_eq!(state.since(now, LIMITS), at(30).unix);
}

#[test]
fn a_session_401_is_knowledge_although_the_poll_failed() {
    let (now, state) =
        after(&[says(Status::Auth), Poll::Fails(FailureReason::SessionUnauthorized)]);
    assert_eq!(state.authorized(now, LIMITS), Some(false));
    assert_eq!(state.status(now, LIMITS), Status::Unknown);
    assert_eq!(state.polls().last_succeeded(), Some(false));
    assert_eq!(state.since(now, LIMITS), at(60).unix);
    // It counts as long as any other answer.
    assert_eq!(state.authorized(now.plus(Duration::from_secs(329)), LIMITS), Some(false));
    assert_eq!(state.authorized(now.plus(Duration::from_secs(330)), LIMITS), None);
}

#[test]
fn a_status_goes_stale_once_polls_have_failed_for_long() {
    let (_, state) = after(&[says(Status::Auth), Poll::Fails(FailureReason::Timeout)]);
    // The first failure was at 60 s, and STALE_AFTER is 300 s.
    for (second, status, authorized) in
        [(359, Status::Auth, Some(true)), (360, Status::Unknown, None)]
    {
        assert_eq!(state.status(at(second), LIMITS), status);
        assert_eq!(state.authorized(at(second), LIMITS), authorized);
    }
    assert_eq!(state.since(at(500), LIMITS), at(360).unix);
}

#[test]
fn a_status_goes_stale_too_when_no_poll_ends_at_all() {
    let (_, state) = after(&[says(Status::Auth)]);
    assert_eq!(state.status(at(359), LIMITS), Status::Auth);
    assert_eq!(state.status(at(360), LIMITS), Status::Unknown);
}

#[test]
fn coming_back_from_stale_to_the_same_status_is_no_transition() {
    let life = [
        (30, says(Status::Auth)),
        (30, Poll::Fails(FailureReason::Connect)),
        (1000, says(Status::Auth)),
    ];
    let (now, state) = play(&life, |_, _, _, _| {});
    assert_eq!(transitions(&state), 0);
    assert_eq!(state.status(now, LIMITS), Status::Auth);
    assert_eq!(state.since(now, LIMITS), now.unix);
}

#[test]
fn a_logout_that_happened_while_nobody_could_ask_is_counted() {
    let life = [
        (30, says(Status::Auth)),
        (30, Poll::Fails(FailureReason::Connect)),
        (1000, says(Status::Qr)),
    ];
    let (_, state) = play(&life, |_, _, _, _| {});
    assert_eq!(state.transitions(Status::Qr), 1);
}

#[test]
fn an_unknown_word_is_unknown_and_says_nothing_of_authorization() {
    let (now, state) = after(&[says(Status::Auth), Poll::SaysWord]);
    assert_eq!(state.status(now, LIMITS), Status::Unknown);
    assert_eq!(state.authorized(now, LIMITS), None);
    assert_eq!(state.polls().last_succeeded(), Some(true));
}

#[test]
fn people_are_told_of_each_move_once() {
    let mut state = ChannelState::new(at(0));
    let mut told = Vec::new();
    let polls = [
        (30, says(Status::Auth)),
        (60, says(Status::Auth)),
        (90, Poll::Fails(FailureReason::Timeout)),
        (400, Poll::Fails(FailureReason::Timeout)),
        (430, Poll::Fails(FailureReason::Timeout)),
        (460, says(Status::Qr)),
    ];
    for (second, poll) in polls {
        told.extend(
            state
                .apply(at(second), LIMITS, poll.outcome())
                .map(|moved| (second, moved.from, moved.to)),
        );
    }
    assert_eq!(
        told,
        [
            (30, Status::Unknown, Status::Auth),
            (400, Status::Auth, Status::Unknown),
            (460, Status::Unknown, Status::Qr)
        ]
    );
}

// Tokens.

const TOKEN_LIMITS: PollPolicy =
    PollPolicy { interval: Duration::from_secs(600), stale_after: Duration::from_secs(3000) };

fn scopes() -> Vec<Box<str>> {
    vec!["a".into(), "b".into()]
}

fn alive(expires_second: u64) -> TokenReading {
    TokenReading {
        outcome: Ok(TokenObservation {
            valid: true,
            expiry: Some(Expiry::At(at(expires_second).unix)),
            data_access_expiry: Some(Expiry::Never),
            issued: Some(at(0).unix),
            scopes: Some(vec!["a".to_owned(), "c".to_owned()]),
            info: Some(TokenInfo::default()),
        }),
        error: None,
        unauthorized: false,
    }
}

fn dead() -> TokenReading {
    TokenReading {
        outcome: Ok(TokenObservation::dead()),
        error: Some(TokenErrorReason::TokenExpired),
        unauthorized: true,
    }
}

#[test]
fn an_expiry_stays_after_the_token_has_died_and_while_polls_fail() {
    let mut state = TokenState::new(2);
    assert_eq!(state.expiry(), None);
    state.apply(at(0), &scopes(), alive(1000));
    assert!(state.granted(0) && !state.granted(1));
    state.apply(at(600), &scopes(), TokenReading::failed(Failure::new(FailureReason::Timeout, "")));
    state.apply(at(1200), &scopes(), dead());
    assert_eq!(state.expiry(), Some(Expiry::At(at(1000).unix)));
    assert_eq!(state.valid(at(1200), TOKEN_LIMITS), Some(false));
    assert!(!state.granted(0), "a dead token grants nothing");
    assert_eq!(state.errors(ErrorSource::Poll, TokenErrorReason::TokenExpired), 1);
    assert_eq!(state.unauthorized_errors(ErrorSource::Poll), 1);
}

#[test]
fn a_token_past_its_expiry_is_not_valid_even_before_the_next_poll() {
    let mut state = TokenState::new(0);
    state.apply(at(0), &[], alive(300));
    assert_eq!(state.valid(at(299), TOKEN_LIMITS), Some(true));
    assert_eq!(state.valid(at(300), TOKEN_LIMITS), Some(false));
}

#[test]
fn validity_is_not_known_before_the_first_answer_and_once_it_is_stale() {
    let mut state = TokenState::new(0);
    assert_eq!(state.valid(at(0), TOKEN_LIMITS), None);
    state.apply(at(0), &[], alive(1_000_000));
    assert_eq!(state.valid(at(3599), TOKEN_LIMITS), Some(true));
    assert_eq!(state.valid(at(3600), TOKEN_LIMITS), None);
    assert!(state.expiry().is_some());
}

#[test]
fn a_replaced_token_inherits_nothing_but_the_counters() {
    let mut state = TokenState::new(2);
    state.apply(at(0), &scopes(), alive(1000));
    state.apply(at(10), &scopes(), dead());
    state.credential_changed();
    assert_eq!(
        (state.valid(at(20), TOKEN_LIMITS), state.expiry(), state.issued()),
        (None, None, None)
    );
    assert_eq!(state.errors(ErrorSource::Poll, TokenErrorReason::TokenExpired), 1);
    assert_eq!(state.polls().polls(), 2);
}

#[test]
fn a_clock_that_is_set_back_leaves_nothing_in_the_future() {
    let day = 86_400;
    let mut state = ChannelState::new(at(0));
    let says = |status| Poll::Says(status, 0).outcome();
    state.apply(at(day), LIMITS, says(Status::Auth));
    state.apply(at(day + 30), LIMITS, says(Status::Launch));
    let set_back = Now { unix: at(60).unix, ..at(day + 60) };
    state.apply(set_back, LIMITS, says(Status::Launch));
    assert!(state.last_authorized().is_some_and(|at| at <= set_back.unix));
    assert!(state.since(set_back, LIMITS) <= set_back.unix);
    // And once nobody knows any more.
    let mut state = ChannelState::new(at(0));
    state.apply(at(day), LIMITS, says(Status::Auth));
    let stale = Now { unix: at(400).unix, ..at(day + 400) };
    state.apply(stale, LIMITS, Poll::Fails(FailureReason::Timeout).outcome());
    assert_eq!(state.status(stale, LIMITS), Status::Unknown);
    assert!(state.since(stale, LIMITS) <= stale.unix);
}
