//! The program against upstreams that go wrong, over real HTTP. Not what it does with its own
//! visitors: see `server.rs`.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::common::wire::{AUTH, ByHand};
use crate::common::{Files, Setup, Upstream, closed_port, eventually};
use whatsapp_simulator::{Fault, Fields, Numbers, Response, Shape, WhapiChannel, WhapiStatus};

/// What goes wrong, and the reason that is shown for it.
fn faults() -> Vec<(&'static str, Fault, &'static str)> {
    let redirect = Response::new(302, "text/html", "").header("Location", "https://example.com/");
    let teapot = Response::new(418, "text/plain", "short and stout");
    let unpaid = Response::new(404, "application/json", r#"{"error":{"message":"unpaid"}}"#);
    let seconds = Duration::from_secs;
    vec![
        ("unauthorized", Fault::unauthorized(), "credential_unauthorized"),
        ("not-found", Fault::channel_not_found(), "channel_not_found"),
        ("not-found-page", Fault::response(Response::html(404, "404")), "http_other"),
        ("payment", Fault::payment_required(), "payment_required"),
        ("unpaid", Fault::response(unpaid), "payment_required"),
        ("forbidden", Fault::forbidden(), "forbidden"),
        ("rate-limited", Fault::rate_limited(), "rate_limited"),
        ("error-500", Fault::server_error(), "server_error"),
        ("error-500-page", Fault::server_error_page(), "server_error"),
        ("error-502", Fault::bad_gateway(), "server_error"),
        ("error-503", Fault::unavailable(Some(seconds(1))), "server_error"),
        ("redirect", Fault::response(redirect), "http_other"),
        ("teapot", Fault::response(teapot), "http_other"),
        ("page", Fault::page(), "decode"),
        ("empty", Fault::empty(), "decode"),
        ("garbage", Fault::garbage(), "decode"),
        ("wrong-shape", Fault::wrong_shape(), "decode"),
        ("truncated", Fault::truncated(), "decode"),
        ("oversized", Fault::oversized(2 << 20), "decode"),
        ("endless", Fault::endless(), "decode"),
        ("not-http", Fault::raw("SSH-2.0-OpenSSH_9.6\r\n"), "decode"),
        ("hang", Fault::hang(), "timeout"),
        ("slow", Fault::slow(seconds(3600)), "timeout"),
        ("drip", Fault::drip(seconds(1)), "timeout"),
        ("close", Fault::close(), "connect"),
        ("cut-head", Fault::cut_head(), "connect"),
        ("cut-body", Fault::cut_body(), "connect"),
    ]
}

/// A fleet with one channel for each fault, still well.
fn fleet(upstream: &Upstream, files: &Files) -> Setup {
    let mut yaml = "channels:\n".to_owned();
    for (name, ..) in faults() {
        upstream.set_channel(name, WhapiChannel::new(name));
        files.write(name, name);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
    }
    // Time enough for the slowest answer that is to be read to its end.
    Setup::of(upstream).file(files, &yaml).pace("4s")
}

#[test]
fn every_fault_has_its_reason_and_the_last_known_status_stays() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let program = fleet(&upstream, &files).set("STALE_AFTER", "1h").start();
    for (name, ..) in faults() {
        program.until_is(&format!("whatsapp_channel_authorized{{channel=\"{name}\"}}"), 1.0);
    }
    let in_a_row = "whatsapp_channel_poll_consecutive_failures";
    assert_eq!(program.metrics().sum(in_a_row), 0.0);
    for (name, fault, _) in faults() {
        upstream.set_fault(name, Some(fault));
    }
    for (name, _, reason) in faults() {
        let of = |metric: &str, label: &str| format!("{metric}{{channel=\"{name}\"{label}}}");
        program.until_at_least(
            &of("whatsapp_channel_poll_failures_total", &format!(",reason=\"{reason}\"")),
            1.0,
        );
        let page = program.metrics();
        let is = |metric: &str, label: &str| page.get(&of(metric, label));
        let failed = is(in_a_row, &format!(",reason=\"{reason}\""));
        assert!(failed >= Some(1.0), "{name}: {failed:?}");
        assert_eq!(failed, Some(page.sum(&of(in_a_row, ""))), "{name}: one reason");
        assert_eq!(is("whatsapp_channel_poll_success", ""), Some(0.0), "{name}");
        assert_eq!(is("whatsapp_channel_status", ",status=\"AUTH\""), Some(1.0), "{name}");
        assert_eq!(page.sum(&of("whatsapp_channel_status", "")), 1.0, "{name}");
        assert_eq!(is("whatsapp_channel_authorized", ""), Some(1.0), "{name}");
        let transitions = page.sum(&of("whatsapp_channel_status_transitions_total", ""));
        assert_eq!(transitions, 0.0, "{name}: a failed poll is no transition");
        let refused = page.sum(&of("whatsapp_channel_unauthorized_errors_total", ""));
        assert_eq!(refused > 0.0, name == "unauthorized", "{name}: only a 401 is counted as one");
    }
    let bodies = program.metrics();
    assert_eq!(bodies.get("whatsapp_exporter_panics_total"), Some(0.0));
    // All of it was only looking.
    assert!(faults().iter().all(|(name, ..)| upstream.woken(name) == 0));
    assert!(upstream.requests().iter().all(|request| !request.wakes && request.path == "/health"));
    // And when the trouble is over, it is over.
    for (name, ..) in faults() {
        upstream.set_fault(name, None);
    }
    for (name, ..) in faults() {
        program.until_is(&format!("whatsapp_channel_poll_success{{channel=\"{name}\"}}"), 1.0);
    }
}

#[test]
fn an_upstream_that_is_down_makes_a_channel_unknown_only_after_the_stale_time() {
    let (upstream, files) = (Upstream::start(), Files::new());
    upstream.set_channel("good", WhapiChannel::new("sales"));
    files.write("good", "good");
    let never = format!(
        "channels:\n  - name: sales\n    token_file: good\n  - name: never\n    \
         token_file: good\n    api_url: http://{}\n",
        closed_port()
    );
    let program = Setup::of(&upstream).file(&files, &never).set("STALE_AFTER", "6s").start();
    program.until_is("whatsapp_channel_authorized{channel=\"sales\"}", 1.0);
    let first_known =
        program.metrics().get("whatsapp_channel_status_since_timestamp_seconds{channel=\"sales\"}");
    upstream.stop();
    let connect = "whatsapp_channel_poll_failures_total{channel=\"sales\",reason=\"connect\"}";
    program.until_at_least(connect, 1.0);
    let unknown = "whatsapp_channel_status{channel=\"sales\",status=\"UNKNOWN\"}";
    program.until_is(unknown, 1.0);
    let page = program.metrics();
    // At one poll a second, six seconds of failures are several polls; a status that was dropped at
    // once would have seen one.
    assert!(page.get(connect) >= Some(2.0), "{:?}", page.get(connect));
    assert_eq!(page.get("whatsapp_channel_authorized{channel=\"sales\"}"), None);
    assert_eq!(page.sum("whatsapp_channel_status{channel=\"sales\"}"), 1.0);
    assert_eq!(page.sum("whatsapp_channel_status_transitions_total"), 0.0);
    let since = page.get("whatsapp_channel_status_since_timestamp_seconds{channel=\"sales\"}");
    assert!(since >= first_known.map(|at| at + 5.9), "{first_known:?} {since:?}");
    // The one that never answered was never anything but unknown.
    assert_eq!(
        page.get("whatsapp_channel_status{channel=\"never\",status=\"UNKNOWN\"}"),
        Some(1.0)
    );
    assert_eq!(page.get("whatsapp_channel_authorized{channel=\"never\"}"), None);
    assert!(
        page.get("whatsapp_channel_poll_failures_total{channel=\"never\",reason=\"connect\"}")
            >= Some(1.0)
    );
    assert_eq!(
        page.get("whatsapp_channel_poll_last_success_timestamp_seconds{channel=\"never\"}"),
        None
    );
}

#[test]
fn a_session_401_is_a_failed_poll_and_yet_knowledge() {
    let upstream = Upstream::start();
    upstream.set_channel("s", WhapiChannel::new("sales"));
    let program = Setup::of(&upstream).set("WHAPI_TOKEN", "s").set("STALE_AFTER", "1h").start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    upstream.set_fault("s", Some(Fault::session_unauthorized()));
    program.until_is("whatsapp_channel_authorized", 0.0);
    let page = program.metrics();
    assert_eq!(page.get("whatsapp_channel_status{status=\"UNKNOWN\"}"), Some(1.0));
    assert_eq!(page.get("whatsapp_channel_status_code"), Some(-1.0));
    assert_eq!(page.get("whatsapp_channel_poll_success"), Some(0.0));
    let failures =
        page.get("whatsapp_channel_poll_failures_total{reason=\"session_unauthorized\"}");
    assert!(failures >= Some(1.0));
    let errors = "whatsapp_channel_unauthorized_errors_total";
    let of = |reason| page.get(&format!("{errors}{{source=\"poll\",reason=\"{reason}\"}}"));
    assert_eq!((of("session"), of("credential")), (failures, Some(0.0)));
    assert_eq!(page.sum("whatsapp_channel_status_transitions_total"), 0.0);
    // Coming back is an edge again.
    upstream.set_fault("s", None);
    program.until_is("whatsapp_channel_authorized", 1.0);
}

#[test]
fn no_poll_comes_before_the_time_that_the_upstream_asked_for() {
    let wait = Duration::from_secs(6);
    let limits: [(&str, Fault, Duration); 3] = [
        ("seconds", Fault::rate_limited_for(wait), wait),
        // A date has no parts of a second.
        ("date", Fault::rate_limited_until(SystemTime::now() + wait * 2), wait),
        ("overload", Fault::unavailable(Some(wait)), wait),
    ];
    let (upstream, files) = (Upstream::start(), Files::new());
    let mut yaml = "channels:\n".to_owned();
    for (name, fault, _) in &limits {
        upstream.set_channel(name, WhapiChannel::new(name));
        upstream.fault_once(name, fault.clone());
        files.write(name, name);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
    }
    let _program = Setup::of(&upstream).file(&files, &yaml).start();
    for (name, _, least) in limits {
        let two = eventually("a second poll", || {
            let requests = upstream.requests();
            let mine: Vec<_> =
                requests.iter().filter(|request| &*request.target == name).map(|r| r.at).collect();
            (mine.len() >= 2).then(|| mine[1] - mine[0])
        });
        assert!(two >= least, "{name}: asked again after {two:?}");
    }
}

#[test]
fn a_moody_upstream_gives_the_same_gauges() {
    let shape = |numbers, fields, extras| Shape { numbers, fields, extras };
    let shapes = [
        ("plain", shape(Numbers::Integers, Fields::All, false)),
        ("floats", shape(Numbers::Floats, Fields::All, false)),
        ("strings", shape(Numbers::Strings, Fields::All, false)),
        ("milliseconds", shape(Numbers::Milliseconds, Fields::All, false)),
        ("extras", shape(Numbers::Integers, Fields::All, true)),
        ("nulls", shape(Numbers::Integers, Fields::Null, false)),
        ("required", shape(Numbers::Floats, Fields::Required, true)),
        ("bare", shape(Numbers::Integers, Fields::Bare, false)),
    ];
    let (upstream, files) = (Upstream::start(), Files::new());
    let mut yaml = "channels:\n".to_owned();
    for (name, shape) in shapes {
        let mut channel = WhapiChannel::new(name).with_status(WhapiStatus::QR);
        channel.shape = shape;
        channel.set_started(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        upstream.set_channel(name, channel);
        files.write(name, name);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
    }
    let program = Setup::of(&upstream).file(&files, &yaml).start();
    for (name, shape) in shapes {
        let of = |metric: &str| format!("{metric}{{channel=\"{name}\"}}");
        program.until_is(&of("whatsapp_channel_authorized"), 0.0);
        let page = program.metrics();
        assert_eq!(page.get(&of("whatsapp_channel_status_code")), Some(3.0), "{name}");
        let bare = shape.fields == Fields::Bare;
        let started = page.get(&of("whatsapp_channel_start_timestamp_seconds"));
        assert_eq!(started, (!bare).then_some(1_700_000_000.0), "{name}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs_f64();
        let uptime = page.get(&of("whatsapp_channel_uptime_seconds"));
        assert_eq!(uptime.is_none(), bare, "{name}");
        // Milliseconds taken for seconds would be a thousand times this.
        assert!(uptime.is_none_or(|up| (up - (now - 1.7e9)).abs() < 300.0), "{name}: {uptime:?}");
        let info = page.get(&format!(
            "whatsapp_channel_info{{channel=\"{name}\",channel_id=\"MANTIS-M72HC\"}}"
        ));
        assert_eq!(info, (shape.fields == Fields::All).then_some(1.0), "{name}");
        assert_eq!(page.get(&of("whatsapp_channel_restarts_total")), Some(0.0), "{name}");
        assert_eq!(page.sum(&of("whatsapp_channel_poll_failures_total")), 0.0, "{name}");
    }
}

#[test]
fn a_status_word_that_is_new_is_unknown_and_logged_once() {
    let upstream = Upstream::start();
    upstream.set_channel("s", WhapiChannel::new("sales"));
    let program = Setup::of(&upstream).set("WHAPI_TOKEN", "s").start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    upstream.update_channel("s", |channel| channel.show(WhapiStatus::new("HIBERNATING", Some(42))));
    program.until_is("whatsapp_channel_status{status=\"UNKNOWN\"}", 1.0);
    program.until_at_least("whatsapp_exporter_unknown_status_total{provider=\"whapi\"}", 3.0);
    let page = program.metrics();
    assert_eq!(page.get("whatsapp_channel_poll_success"), Some(1.0));
    assert_eq!(page.get("whatsapp_channel_authorized"), None);
    assert_eq!(page.sum("whatsapp_channel_status"), 1.0);
    assert_eq!(page.sum("whatsapp_channel_status_transitions_total"), 0.0);
    let told = program.log().lines().filter(|line| line.contains("HIBERNATING")).count();
    assert_eq!(told, 1, "{}", program.log());
}

#[test]
fn every_status_is_shown_and_every_edge_counted_once() {
    let upstream = Upstream::start();
    upstream.set_channel("s", WhapiChannel::new("sales"));
    let program = Setup::of(&upstream).set("WHAPI_TOKEN", "s").start();
    program.until_is("whatsapp_channel_status{status=\"AUTH\"}", 1.0);
    assert_eq!(program.metrics().sum("whatsapp_channel_status_transitions_total"), 0.0);
    for (edges, status) in (1..).zip(WhapiStatus::ALL.iter().filter(|s| **s != WhapiStatus::AUTH)) {
        upstream.update_channel("s", |channel| channel.show(status.clone()));
        let word = status.text();
        program.until_is(&format!("whatsapp_channel_status{{status=\"{word}\"}}"), 1.0);
        let page = program.metrics();
        assert_eq!(page.sum("whatsapp_channel_status"), 1.0, "{word}");
        assert_eq!(page.get("whatsapp_channel_authorized"), Some(0.0), "{word}");
        let to = format!("whatsapp_channel_status_transitions_total{{to=\"{word}\"}}");
        assert_eq!(page.get(&to), Some(1.0));
        assert_eq!(page.sum("whatsapp_channel_status_transitions_total"), f64::from(edges));
    }
    assert_eq!(upstream.woken("s"), 0);
    let log = program.log();
    assert!(log.contains("from=\"AUTH\" to=\"NOT_INIT\""), "{log}");
}

#[test]
fn a_restart_too_short_to_be_seen_is_counted() {
    let upstream = Upstream::start();
    upstream.set_channel("s", WhapiChannel::new("sales"));
    let program = Setup::of(&upstream).set("WHAPI_TOKEN", "s").start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    upstream.update_channel("s", WhapiChannel::restart_unseen);
    program.until_is("whatsapp_channel_restarts_total", 1.0);
    assert_eq!(program.metrics().sum("whatsapp_channel_status_transitions_total"), 0.0);
}

#[test]
fn one_poll_is_under_way_per_target_and_only_so_many_of_all() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let mut yaml = "channels:\n".to_owned();
    for at in 0..40 {
        let name = format!("channel-{at}");
        upstream.set_channel(&name, WhapiChannel::new(&name));
        files.write(&name, &name);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
    }
    // 40 answers of 0.2 s, 3 at a time, take longer than the interval: there is always somebody
    // waiting.
    upstream.set_fault_for_all(Some(Fault::slow(Duration::from_millis(200))));
    let program =
        Setup::of(&upstream).file(&files, &yaml).set("POLL_CONCURRENCY", "3").pace("2s").start();
    eventually("every channel asked twice", || {
        (0..40).all(|at| upstream.asked(Some(&format!("channel-{at}"))) >= 2).then_some(())
    });
    // A poll that timed out would leave its request behind for a moment.
    assert_eq!(program.metrics().sum("whatsapp_channel_poll_failures_total"), 0.0);
    assert_eq!(upstream.max_in_flight(), 3);
    assert_eq!(upstream.max_in_flight_per_target(), 1);
    assert!(upstream.connections() <= 16, "connections are kept: {}", upstream.connections());
}

#[test]
fn an_upstream_that_closes_its_kept_connection_as_a_poll_comes_has_not_failed() {
    let upstream = ByHand::start(|wire| {
        let _ = wire.message();
        let _ = wire.send(AUTH);
        // The next poll has been sent already.
        let _ = wire.message();
    });
    let program = Setup::new().set("WHAPI_TOKEN", "t").set("WHAPI_API_URL", upstream.url()).start();
    program.until_at_least("whatsapp_channel_polls_total", 4.0);
    assert_eq!(program.metrics().sum("whatsapp_channel_poll_failures_total"), 0.0);
    assert!(upstream.connections().len() >= 4);
}
