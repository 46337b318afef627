//! When the program polls: soon after a start, and again soon after a channel has left AUTH. Not
//! here: what an answer does to the state.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::common::{Files, Program, Setup, Upstream, within};
use whatsapp_simulator::{MetaToken, WhapiChannel as Channel, WhapiStatus as Status};

const SALES: &str = "whatsapp_channel_status_code{channel=\"sales\"}";

/// A channel that is polled every five minutes and has just been polled. A rotated secret has it
/// polled once more, which is how these tests meet a reconnect.
struct SlowlyPolled {
    upstream: Upstream,
    files: Files,
    program: Program,
}

impl SlowlyPolled {
    fn start() -> Self {
        let (upstream, files) = (Upstream::start(), Files::new());
        upstream.set_channel("before", Channel::new("sales"));
        files.write("token", "before");
        let program = Setup::of(&upstream)
            .set("WHAPI_POLL_INTERVAL", "5m")
            .file(&files, "channels:\n  - {name: sales, token_file: token}\n")
            .start();
        program.until_is(SALES, 4.0);
        Self { upstream, files, program }
    }

    /// Has a poll find the channel in this status.
    fn met_in(&self, status: Status) {
        self.upstream.set_channel("after", Channel::new("sales").with_status(status.clone()));
        self.files.write("token", "after");
        let code = match status.text() {
            "INIT" => 1.0,
            "LAUNCH" => 2.0,
            "QR" => 3.0,
            other => panic!("no number is known for {other}"),
        };
        self.program.until_is(SALES, code);
    }
}

#[test]
fn a_reconnect_that_one_poll_meets_is_over_soon_although_polls_are_seldom() {
    let slow = SlowlyPolled::start();
    slow.met_in(Status::INIT);
    slow.upstream.update_channel("after", |channel| channel.show(Status::AUTH));
    let again = within(Duration::from_secs(15), || {
        (slow.program.metrics().get(SALES) == Some(4.0)).then_some(())
    });
    assert!(again.is_some(), "AUTH is not seen within 15 s\n{}", slow.program.printed());
    let page = slow.program.metrics();
    let shown = page.get("whatsapp_channel_poll_interval_seconds{channel=\"sales\"}");
    assert_eq!(shown, Some(300.0), "the interval itself stays as it is");
}

#[test]
fn a_channel_that_takes_its_time_to_start_is_followed_until_it_is_back() {
    let slow = SlowlyPolled::start();
    slow.met_in(Status::INIT);
    // Two confirming polls find it starting still.
    std::thread::sleep(Duration::from_secs(13));
    slow.upstream.update_channel("after", |channel| channel.show(Status::AUTH));
    let again = within(Duration::from_secs(15), || {
        (slow.program.metrics().get(SALES) == Some(4.0)).then_some(())
    });
    assert!(again.is_some(), "AUTH is not seen within 15 s\n{}", slow.program.printed());
}

#[test]
fn a_logout_is_confirmed_once() {
    let slow = SlowlyPolled::start();
    slow.met_in(Status::QR);
    let polls = "whatsapp_channel_polls_total{channel=\"sales\"}";
    let met = slow.program.metrics().get(polls).expect("a count");
    let confirmed = within(Duration::from_secs(15), || {
        (slow.program.metrics().get(polls) == Some(met + 1.0)).then_some(())
    });
    assert!(confirmed.is_some(), "it is not polled again within 15 s");
    std::thread::sleep(Duration::from_secs(10));
    assert_eq!(slow.program.metrics().get(polls), Some(met + 1.0), "and then at its interval");
}

#[test]
fn an_answer_about_another_channel_is_none_about_this_one() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let channel = |name: &str, id: &str| {
        let mut channel = Channel::new(name);
        channel.channel_id = id.to_owned();
        upstream.set_channel(name, channel);
        files.write(name, name);
    };
    channel("sales", "MANTIS-A");
    channel("support", "MANTIS-B");
    let entry = |name: &str, id: &str, token: &str| {
        format!("  - {{name: {name}, channel_id: {id}, token_file: {token}, poll_interval: 1s}}\n")
    };
    let yaml = |support: &str| {
        let sales = entry("sales", "mantis-a", "sales");
        format!("channels:\n{sales}{}", entry("support", "MANTIS-B", support))
    };
    let setup = Setup::of(&upstream);
    let program = setup.file(&files, &yaml("sales")).start();
    program.until_is(SALES, 4.0);
    let failures = "whatsapp_channel_poll_failures_total{channel=\"support\",reason=\"decode\"}";
    program.until_at_least(failures, 1.0);
    let authorized = "whatsapp_channel_authorized{channel=\"support\"}";
    assert_ne!(program.metrics().get(authorized), Some(1.0));
    assert!(program.log().contains("another channel"), "{}", program.log());
    files.write("settings.yaml", yaml("support"));
    program.until_is(authorized, 1.0);
}

#[test]
fn every_target_is_polled_within_half_a_minute_of_a_start_tokens_first() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let mut yaml = "channels:\n".to_owned();
    for at in 0..300 {
        let secret = format!("channel{at}");
        upstream.set_channel(&secret, Channel::new(&secret));
        files.write(&secret, &secret);
        let _ = writeln!(yaml, "  - {{name: c{at}, token_file: {secret}}}");
    }
    yaml.push_str("tokens:\n");
    for at in 0..3 {
        let secret = format!("token{at}");
        upstream.set_token(&secret, MetaToken::new(&secret));
        files.write(&secret, &secret);
        let _ = writeln!(yaml, "  - {{name: t{at}, token_file: {secret}}}");
    }
    let program = Setup::of(&upstream).pace("1h").set("POLL_TIMEOUT", "10s").file(&files, &yaml);
    let program = program.start();
    let started = Instant::now();
    let polled = |label: &str| {
        let polls = program.metrics().values(&format!("whatsapp_{label}_polls_total"));
        polls.into_iter().filter(|polls| *polls >= 1.0).count()
    };
    let tokens = within(Duration::from_secs(10), || (polled("token") == 3).then_some(()));
    assert!(tokens.is_some(), "the tokens have not been polled after 10 s");
    assert!(polled("channel") < 300, "the channels are not polled all at once");
    let all = within(Duration::from_secs(30).saturating_sub(started.elapsed()), || {
        (polled("channel") == 300).then_some(())
    });
    assert!(all.is_some(), "{} of 300 channels have been polled after 30 s", polled("channel"));
}
