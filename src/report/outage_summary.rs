//! The last moves of a channel as webhooks told them, for people: what there was between two polls.
//!
//! Not here: how moves are put in order (`domain/timeline.rs`).

use serde::Serialize;

use super::humanize;
use crate::domain::{Status, Timestamp};

/// So many moves are told.
const TOLD: usize = 8;
/// An absence that ended longer ago is no news.
const NEWS_MILLIS: i64 = 86_400_000;
/// So many stations of an absence are named.
const STATIONS: usize = 4;

/// A move to a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// When.
    pub at: String,
    /// The status from then on.
    pub status: &'static str,
}

/// The last moves, the oldest first.
pub fn recent(moves: &[(Timestamp, Status)]) -> Vec<Move> {
    let told = moves.get(moves.len().saturating_sub(TOLD)..).unwrap_or_default();
    let told = told.iter();
    told.map(|(at, status)| Move { at: humanize::rfc3339(*at), status: status.as_str() }).collect()
}

/// The way back to AUTH, if that is the last that happened: `reconnected 40 s ago, away for 3 s
/// (INIT 1 s, LAUNCH 2 s)`.
pub fn return_to_auth(moves: &[(Timestamp, Status)], now: Timestamp) -> Option<String> {
    let ((back, Status::Auth), before) = moves.split_last()? else { return None };
    let left = before.iter().rposition(|(_, status)| *status == Status::Auth)? + 1;
    let away = before.get(left..).filter(|away| !away.is_empty())?;
    let ago = now.millis_since(*back).max(0);
    if ago > NEWS_MILLIS {
        return None;
    }
    let ends = away.iter().skip(1).map(|(at, _)| *at).chain([*back]);
    let mut stations: Vec<_> = away
        .iter()
        .zip(ends)
        .map(|((at, status), end)| {
            format!("{} {}", status.as_str(), humanize::length(end.millis_since(*at).max(0)))
        })
        .collect();
    if stations.len() > STATIONS {
        stations.truncate(STATIONS);
        stations.push("…".to_owned());
    }
    let (since, _) = away.first()?;
    let was = |other| away.iter().any(|(_, status)| *status == other);
    let (logged_out, blocked) = (was(Status::Qr), was(Status::Blocked));
    Some(format!(
        "{} {} ago, away for {} ({})",
        match (logged_out, blocked) {
            (_, true) => "back",
            (true, false) => "logged in again",
            (false, false) => "reconnected",
        },
        humanize::length(ago),
        humanize::length(back.millis_since(*since).max(0)),
        stations.join(", "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Status::{Auth, Init, Launch, Qr, Stop};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_795_000_000 + seconds)
    }

    fn told(moves: &[(i64, Status)], now: i64) -> Option<String> {
        let moves: Vec<_> = moves.iter().map(|(second, status)| (at(*second), *status)).collect();
        return_to_auth(&moves, at(now))
    }

    #[test]
    fn a_return_is_told_with_its_stations() {
        let reconnect = [(0, Auth), (100, Init), (101, Launch), (103, Auth)];
        assert_eq!(
            told(&reconnect, 143).as_deref(),
            Some("reconnected 40 s ago, away for 3 s (INIT 1 s, LAUNCH 2 s)")
        );
        let login = [(0, Auth), (10, Init), (11, Auth), (100, Qr), (180, Auth)];
        assert_eq!(
            told(&login, 190).as_deref(),
            Some("logged in again 10 s ago, away for 1 min 20 s (QR 1 min 20 s)")
        );
        let long = [(0, Auth), (1, Stop), (2, Init), (3, Launch), (4, Stop), (5, Init), (6, Auth)];
        assert_eq!(
            told(&long, 6).as_deref(),
            Some(
                "reconnected 0 s ago, away for 5 s (STOP 1 s, INIT 1 s, LAUNCH 1 s, STOP 1 s, \
                …)"
            )
        );
    }

    #[test]
    fn what_is_no_return_is_not_told() {
        assert_eq!(told(&[], 0), None);
        assert_eq!(told(&[(0, Auth)], 10), None);
        assert_eq!(told(&[(0, Init), (1, Auth)], 10), None);
        assert_eq!(told(&[(0, Auth), (1, Init)], 10), None);
        assert_eq!(told(&[(0, Auth), (1, Init), (2, Auth)], 86_500), None);
    }

    #[test]
    fn only_the_last_moves_are_told() {
        let moves: Vec<_> = (0..20).map(|second| (at(second), Init)).collect();
        let moves = recent(&moves);
        assert_eq!(moves.len(), TOLD);
        assert_eq!(moves[7].at, humanize::rfc3339(at(19)));
    }
}
