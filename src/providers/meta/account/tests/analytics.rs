//! Polls of accounts that are asked for analytics.
//!
//! Not here: what else an account is asked.

use super::*;

/// The end of a half hour in minutes after 10:00, and what was sent and delivered in it.
type HalfHour = (i64, u32, u32);

/// What analytics told of each number.
fn counted(reading: &Reading) -> Vec<(&str, Option<HalfHour>)> {
    let told = reading.others.iter().filter_map(|(id, fact)| match fact {
        Fact::Delivery(count) => Some((&**id, *count)),
        _ => None,
    });
    told.map(|(id, count)| {
        let minutes = |end: Timestamp| end.millis() / 60_000 - (NOON / 60 - 120);
        (id, count.map(|count| (minutes(count.end), count.sent, count.delivered)))
    })
    .collect()
}

fn analytics_of(asked: &[String]) -> Vec<&String> {
    asked.iter().filter(|path| path.starts_with("?fields=analytics")).collect()
}

#[test]
fn the_only_numbers_newest_half_hour_is_read_without_naming_it() {
    let account = account().with_analytics(true);
    let (reading, asked) = poll(&account, well);
    assert!(asked[0].contains("health_status,display_phone_number&"), "{asked:?}");
    // A day to half past eleven, since Meta counts late.
    let question = "?fields=analytics.start(1794828600).end(1794915000).granularity(HALF_HOUR)";
    assert_eq!(analytics_of(&asked), [question]);
    assert_eq!(counted(&reading), [("106", Some((90, 100, 90)))]);
    let (_, asked) = poll_at(&account, 300, well);
    assert!(!asked[0].contains("display_phone_number"), "it is asked only when it is needed");
}

#[test]
fn wrong_points_count_nothing_and_those_of_another_number_are_not_this_ones() {
    let point = |start: i64, end: i64, counts: &str| {
        format!(r#"{{"start":{},"end":{},{counts}}}"#, NOON + 60 * start, NOON + 60 * end)
    };
    let good = |sent, delivered| format!(r#""sent":{sent},"delivered":{delivered}"#);
    let other = r#""phone_number":"4915550000000","sent":9,"delivered":9"#;
    let last = |counts: &str| point(-60, -30, counts);
    let own = r#""phone_numbers":["+1 (555) 078-3881"],"#;
    for (phones, points, expected) in [
        (own, String::new(), Some(None)),
        (own, last(&good(0, 3)), Some(None)),
        (own, last(r#""sent":"4","delivered":4.0"#), Some(Some((90, 4, 4)))),
        (own, [last(&good(4, 3)), last(&good(1, 1))].join(","), Some(Some((90, 5, 4)))),
        (own, [last(&good(2, 1)), last(other)].join(","), Some(Some((90, 2, 1)))),
        (own, [last(r#""sent":5"#), "3".into(), "null".into()].join(","), Some(None)),
        (own, [last(&good(-5, 3)), last(&good(5_000_000_000_i64, 1))].join(","), Some(None)),
        (own, point(-30, 0, &good(3, 1)), Some(None)),
        (own, point(-1500, -1470, &good(3, 1)), Some(None)),
        (own, point(-90, -30, &good(3, 1)), Some(None)),
        (own, point(-30, -60, &good(3, 1)), Some(None)),
        ("", last(&good(3, 1)), Some(Some((90, 3, 1)))),
        (r#""phone_numbers":[],"#, last(&good(3, 1)), Some(Some((90, 3, 1)))),
        (r#""phone_numbers":["4915550000000"],"#, last(&good(3, 1)), None),
        (r#""phone_numbers":["15550783881","15550000000"],"#, last(&good(3, 1)), None),
        // With a digit more in the middle.
        (r#""phone_numbers":["155590783881"],"#, last(&good(3, 1)), None),
        (r#""phone_numbers":["1955550783881"],"#, last(&good(3, 1)), Some(Some((90, 3, 1)))),
    ] {
        let body = format!(r#"{{"analytics":{{{phones}"data_points":[{points}]}}}}"#);
        let (reading, _) = poll(&account().with_analytics(true), |path| {
            if path.starts_with("?fields=analytics") { answer(200, &body) } else { well(path) }
        });
        assert!(account_fact(&reading).is_ok());
        let told = counted(&reading).first().map(|(_, count)| *count);
        assert_eq!(told, expected, "{body}");
    }
    // The number's own phone number was not told, so the figures must be those of one.
    for (phones, expected) in [("\"4915550000000\"", 1), ("\"15550783881\",\"15550000000\"", 0)] {
        let points = last(&good(3, 1));
        let body =
            format!(r#"{{"analytics":{{"phone_numbers":[{phones}],"data_points":[{points}]}}}}"#);
        let (reading, _) = poll(&account().with_analytics(true), |path| match path {
            _ if path.starts_with("?fields=analytics") => answer(200, &body),
            _ if path.starts_with("/phone_numbers") => {
                answer(200, r#"{"data":[{"id":"106","status":"CONNECTED"}]}"#)
            }
            _ => well(path),
        });
        assert_eq!(counted(&reading).len(), expected, "{body}");
    }
    for body in [r#"{"id":"102"}"#, r#"{"analytics":[]}"#, r#"{"analytics":null}"#, "[]", "<html>"]
    {
        let (reading, _) = poll(&account().with_analytics(true), |path| {
            if path.starts_with("?fields=analytics") { answer(200, body) } else { well(path) }
        });
        assert!(account_fact(&reading).is_ok(), "{body}");
        assert_eq!(counted(&reading), [], "{body}");
    }
}

/// So many numbers; every third without a phone number.
fn many(count: usize) -> String {
    let row = |at: usize| match at % 3 {
        2 => format!(r#"{{"id":"{}","status":"CONNECTED"}}"#, 200 + at),
        _ => format!(
            r#"{{"id":"{}","status":"CONNECTED","display_phone_number":"+1 555-078-{at:04}"}}"#,
            200 + at
        ),
    };
    let rows: Vec<String> = (0..count).map(row).collect();
    format!(r#"{{"data":[{}]}}"#, rows.join(","))
}

/// Answers a question about several numbers: of each so many were sent as its phone number says.
fn analytics_answer(path: &str, takes_names: bool) -> Answer {
    let fields = path.strip_prefix("?fields=").unwrap();
    let mut told = Vec::new();
    for field in fields.split("),analytics") {
        let phone = field.split_once("%22").unwrap().1.split_once("%22").unwrap().0;
        let name = field.split_once(".as(").map(|(_, name)| name.trim_end_matches(')'));
        if name.is_some() && !takes_names {
            return answer(400, r#"{"error":{"code":100,"message":"(#100) Unknown fields: n0."}}"#);
        }
        let sent: u32 = phone[phone.len() - 4..].parse().unwrap();
        told.push(format!(
            r#""{}":{{"phone_numbers":["{phone}"],"data_points":[
                {{"start":1794913200,"end":1794915000,"sent":{},"delivered":1}}]}}"#,
            name.unwrap_or("analytics"),
            sent + 1
        ));
    }
    answer(200, &format!("{{{}}}", told.join(",")))
}

#[test]
fn several_numbers_are_asked_for_in_one_call_and_more_take_turns() {
    let meta = |count| {
        move |path: &str| match path {
            _ if path.starts_with("?fields=analytics") => analytics_answer(path, true),
            _ if path.starts_with("/phone_numbers") => answer(200, &many(count)),
            _ => well(path),
        }
    };
    let account = account().with_analytics(true);
    let (reading, asked) = poll(&account, meta(5));
    let told = counted(&reading);
    let ids: Vec<&str> = told.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, ["200", "201", "203", "204"], "those whose phone number is told");
    assert_eq!(told[2].1, Some((90, 4, 1)), "each has its own");
    assert_eq!(analytics_of(&asked).len(), 1);
    let mut seen: Vec<String> = Vec::new();
    for round in 1..=3 {
        let (reading, asked) = poll_at(&account, 900 * round, meta(90));
        assert!(analytics_of(&asked)[0].len() < 6000, "the address is short enough");
        assert_eq!(analytics_of(&asked).len(), 1);
        seen.extend(counted(&reading).iter().map(|(id, _)| (*id).to_owned()));
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 60, "all had their turn");
}

#[test]
fn numbers_take_turns_one_by_one_where_several_are_refused() {
    let meta = |path: &str| match path {
        _ if path.starts_with("?fields=analytics") => analytics_answer(path, false),
        _ if path.starts_with("/phone_numbers") => answer(200, &many(5)),
        _ => well(path),
    };
    let account = account().with_analytics(true);
    let (mut calls, mut seen) = (Vec::new(), Vec::new());
    for round in 0..4 {
        let (reading, asked) = poll_at(&account, 900 * round, meta);
        calls.push(analytics_of(&asked).len());
        seen.extend(counted(&reading).iter().map(|(id, _)| (*id).to_owned()));
    }
    assert_eq!(calls, [2, 1, 1, 1]);
    seen.sort_unstable();
    assert_eq!(seen, ["200", "201", "203", "204"]);
    let (_, asked) = poll_at(&account, 86_400, meta);
    assert_eq!(analytics_of(&asked).len(), 2, "a day later it is tried again");
}

#[test]
fn an_account_that_may_not_read_analytics_is_well_and_seldom_asked() {
    for (status, body, in_an_hour) in [
        (403, r#"{"error":{"code":200,"message":"x"}}"#, 1),
        (403, r#"{"error":{"code":10,"message":"x"}}"#, 1),
        (400, r#"{"error":{"code":100,"message":"x"}}"#, 1),
        (400, r#"{"error":{"code":100,"error_subcode":33}}"#, 1),
        (200, "<html>", 1),
        (500, r#"{"error":{"code":1}}"#, 4),
        (503, r#"{"error":{"code":2}}"#, 4),
    ] {
        let account = account().with_analytics(true);
        let meta = |path: &str| match path.starts_with("?fields=analytics") {
            true => answer(status, body),
            false => well(path),
        };
        let mut calls = 0;
        for round in 0..12 {
            let (reading, asked) = poll_at(&account, 300 * round, meta);
            assert!(account_fact(&reading).is_ok(), "{body}");
            assert_eq!(counted(&reading), []);
            assert_eq!(reading.others.len(), 1, "the number is as it was");
            calls += analytics_of(&asked).len();
        }
        assert_eq!(calls, in_an_hour, "{body}");
        assert_eq!(lock(&account.memory).refused, [Part::Analytics], "logged once");
        let (reading, _) = poll_at(&account, 4000, well);
        assert_eq!(counted(&reading).len(), 1, "it may again");
    }
    let limited = |path: &str| match path.starts_with("?fields=analytics") {
        true => answer(400, r#"{"error":{"code":80007}}"#),
        false => well(path),
    };
    let (reading, _) = poll(&account().with_analytics(true), limited);
    assert_eq!(account_fact(&reading).unwrap_err(), FailureReason::RateLimited);
    assert_eq!(reading.others.len(), 1, "the numbers were told before");
}
