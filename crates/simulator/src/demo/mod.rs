//! Plays the script on a simulator, at a given speed. Not what happens: see `script.rs`.

mod application;
pub(crate) mod script;
pub(crate) mod sources;

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::meta::token::{MetaToken, MetaTokenState};
use crate::simulator::Simulator;
use crate::unix_time::unix_seconds;
use crate::whapi::channel::WhapiChannel;
use crate::whapi::message_fate::MessageFate;
use crate::whapi::status::WhapiStatus;
use crate::whapi::webhook::{WebhookMode, WhapiWebhook};
use script::{
    APP, Act, CHANNELS, CYCLE, Cue, DemoChannel, DemoToken, Expiry, STUCK, STUCK_FOR, TIMELINE,
    TOKENS, UNRULY,
};
use sources::{DemoSource, SOURCES};

/// A demo that is being played, until this is dropped.
#[must_use = "the demo ends when its plan is dropped"]
#[derive(Debug)]
pub struct DemoPlan {
    /// The channels to watch, with their bearer tokens and stories.
    pub channels: &'static [DemoChannel],
    /// The tokens to watch, with their apps and stories.
    pub tokens: &'static [DemoToken],
    /// The sources to watch, each with the line that it lists.
    pub sources: &'static [DemoSource],
    playing: Vec<AbortHandle>,
}

impl Drop for DemoPlan {
    fn drop(&mut self) {
        self.playing.iter().for_each(AbortHandle::abort);
    }
}

impl DemoPlan {
    /// How often a monitor polls the sources and their lines at the pace of the script.
    pub const SOURCE_INTERVAL: &'static str = "10s";

    /// The variables that lead a monitor to the simulator, at the pace of the script.
    pub fn variables(sim: &Simulator) -> [(&'static str, String); 4] {
        [
            ("WHAPI_API_URL", sim.url()),
            // Longer than a reconnect, so that webhooks tell what polls miss.
            ("WHAPI_POLL_INTERVAL", "10s".to_owned()),
            ("META_API_URL", sim.url()),
            ("META_POLL_INTERVAL", "5s".to_owned()),
        ]
    }

    /// Sets all targets on the simulator and begins to play the script, over and over. A speed of 1
    /// is the script's own, 60 plays a minute in a second. Call it within a tokio runtime.
    pub fn play(sim: &Simulator, speed: f64) -> DemoPlan {
        let now = SystemTime::now();
        sim.set_app(APP.id, APP.secret, APP.name);
        for channel in CHANNELS {
            sim.set_channel(channel.secret, first_channel(channel, speed));
        }
        for token in TOKENS {
            sim.set_token(token.secret, first_token(token, speed, now));
        }
        for source in SOURCES {
            source.set(sim);
        }
        let sim = sim.clone();
        let playing =
            tokio::spawn(async move { run(&sim, speed, Instant::now()).await }).abort_handle();
        DemoPlan { channels: CHANNELS, tokens: TOKENS, sources: SOURCES, playing: vec![playing] }
    }

    /// Has an application send messages through the monitor's gateway at this address.
    pub fn send_through(&mut self, gateway: SocketAddr) {
        self.playing.push(tokio::spawn(application::run(gateway)).abort_handle());
    }

    /// Has every channel send its webhooks to the monitor at this address, with this header, and so
    /// do sources whose provider needs no more than that. The modes take turns, and one channel's
    /// deliveries come twice and out of order.
    pub fn send_webhooks_to(&self, sim: &Simulator, monitor: &str, header: (&str, &str)) {
        for source in SOURCES {
            source.send_webhooks_to(sim, monitor, header);
        }
        let url = format!("{monitor}/webhook/whapi");
        let modes = [WebhookMode::Body, WebhookMode::Path, WebhookMode::Method];
        for (demo, mode) in CHANNELS.iter().zip(modes.into_iter().cycle()) {
            sim.update_channel(demo.secret, |channel| {
                channel.webhooks = vec![WhapiWebhook::new(&*url, mode).header(header.0, header.1)];
                if demo.name == UNRULY {
                    channel.delivery.repeats = 1;
                    channel.delivery.scatter = Duration::from_secs(2);
                }
                let stuck = demo.name == STUCK;
                channel.fate_of_sends =
                    Some(if stuck { MessageFate::Stuck } else { MessageFate::Read });
                if stuck {
                    let since = SystemTime::now().checked_sub(STUCK_FOR);
                    let since = since.unwrap_or(SystemTime::UNIX_EPOCH);
                    let _ = channel.send_message_at(since, MessageFate::Stuck);
                }
            });
        }
    }
}

async fn run(sim: &Simulator, speed: f64, start: Instant) {
    for cycle in 0_u32.. {
        for cue in TIMELINE {
            let at = f64::from(cycle) * CYCLE.as_secs_f64() + f64::from(cue.at);
            sleep_until(start + scaled(at, speed)).await;
            perform(sim, cue);
        }
    }
}

fn perform(sim: &Simulator, cue: &Cue) {
    if let Some(source) = SOURCES.iter().find(|source| source.line.name == cue.target) {
        match cue.act {
            Act::Say(word) => source.say(sim, word),
            Act::Disconnect(reason) => source.disconnect(sim, reason),
            Act::List(listed) => source.list(sim, listed),
            _ => {}
        }
        return;
    }
    let channel =
        CHANNELS.iter().find(|channel| channel.name == cue.target).map(|channel| channel.secret);
    let token = TOKENS.iter().find(|token| token.name == cue.target).map(|token| token.secret);
    let Some(secret) = channel.or(token) else {
        return;
    };
    match &cue.act {
        Act::Refuse(fault) => sim.set_fault(secret, Some(fault())),
        Act::Recover => sim.set_fault(secret, None),
        Act::Revoke(subcode) => {
            sim.update_token(secret, |token| token.state = MetaTokenState::Revoked(*subcode));
        }
        act => {
            sim.update_channel(secret, |channel| change_channel(channel, act, SystemTime::now()));
        }
    }
}

/// What happens to the channel itself.
fn change_channel(channel: &mut WhapiChannel, act: &Act, now: SystemTime) {
    match act {
        Act::Show(status) => channel.show_at(status.clone(), now),
        Act::Launch => channel.launch_at(now),
        Act::RestartUnseen => channel.set_started(now),
        Act::Receive => channel.receive_message_at(now),
        Act::SendByPhone => channel.send_message_by_phone_at(now),
        Act::Send(fate) => drop(channel.send_message_at(now, *fate)),
        Act::TellNonsense => channel.tell_nonsense_at(now),
        Act::Forget => {
            channel.show_at(WhapiStatus::NOT_INIT, now);
            channel.linked = false;
        }
        _ => {}
    }
}

fn first_channel(demo: &DemoChannel, speed: f64) -> WhapiChannel {
    let mut channel = WhapiChannel::new(demo.name);
    channel.init_lasts = scaled(demo.start.0, speed);
    channel.launch_lasts = scaled(demo.start.1, speed);
    channel.channel_id = format!("DEMOCH-{:0<5.5}", demo.name.to_uppercase());
    match &demo.begins {
        Some(status) => channel = channel.with_status(status.clone()),
        None => channel.deleted = true,
    }
    channel.linked = demo.begins != Some(WhapiStatus::NOT_INIT);
    channel
}

fn first_token(demo: &DemoToken, speed: f64, now: SystemTime) -> MetaToken {
    let start = unix_seconds(now);
    let mut token = MetaToken::new(demo.name);
    token.expires_at = match demo.expires {
        None => 0,
        Some(Expiry::Left(left)) => start + u64::from(left),
        Some(Expiry::Ago(ago)) => start.saturating_sub(u64::from(ago)),
        Some(Expiry::During(second)) => unix_seconds(now + scaled(f64::from(second), speed)),
    };
    // Meta: such a token lives for 60 days.
    let issued = if token.expires_at == 0 { start } else { token.expires_at };
    token.issued_at = Some(issued.saturating_sub(60 * 86_400));
    if let Some(left) = demo.data_access_left {
        token.kind = "USER".to_owned();
        token.data_access_expires_at = start + u64::from(left);
    }
    match demo.lacks {
        Some(scope) => token.without_scope(scope),
        None => token,
    }
}

fn scaled(seconds: f64, speed: f64) -> Duration {
    Duration::try_from_secs_f64(seconds / speed).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::script::UNHEARD_OF;
    use super::*;

    /// Every status of each channel, second by second through one cycle, as the script has it.
    fn played() -> BTreeMap<&'static str, Vec<String>> {
        let start = SystemTime::now();
        let mut seen = BTreeMap::new();
        for demo in CHANNELS {
            let mut channel = first_channel(demo, 1.0);
            let statuses: &mut Vec<String> = seen.entry(demo.name).or_default();
            for second in 0..CYCLE.as_secs() {
                let now = start + Duration::from_secs(second);
                for cue in TIMELINE
                    .iter()
                    .filter(|cue| cue.target == demo.name && u64::from(cue.at) == second)
                {
                    change_channel(&mut channel, &cue.act, now);
                }
                let text = channel.status_at(now).text();
                if statuses.last().map(String::as_str) != Some(text) {
                    statuses.push(text.to_owned());
                }
            }
        }
        seen
    }

    #[test]
    fn one_cycle_shows_every_status_and_a_move_to_each_of_them() {
        let played = played();
        let moves: BTreeSet<&str> =
            played.values().flat_map(|statuses| &statuses[1..]).map(String::as_str).collect();
        let all: BTreeSet<&str> =
            WhapiStatus::ALL.iter().map(WhapiStatus::text).chain([UNHEARD_OF]).collect();
        assert_eq!(moves, all);
    }

    #[test]
    fn each_channel_plays_its_story() {
        let played = played();
        for (name, story) in [
            ("support", "AUTH QR AUTH"),
            ("orders", "AUTH SYNC_ERROR QR AUTH"),
            ("trial", "AUTH STOP INIT LAUNCH AUTH"),
            ("newline", "NOT_INIT INIT LAUNCH QR AUTH NOT_INIT"),
            ("broken", "ERROR INIT LAUNCH ERROR"),
            ("mystery", "AUTH HIBERNATING AUTH"),
            ("sales", "AUTH INIT LAUNCH AUTH INIT LAUNCH AUTH INIT LAUNCH AUTH"),
        ] {
            assert_eq!(played[name].join(" "), story, "{name}");
        }
        assert_eq!(played["flappy"].iter().filter(|status| *status == "INIT").count(), 9);
    }

    #[test]
    fn every_cycle_ends_as_it_began() {
        for (name, statuses) in played() {
            assert_eq!(statuses.first(), statuses.last(), "{name}");
        }
    }

    #[test]
    fn the_timeline_is_in_order_and_names_known_targets() {
        assert!(TIMELINE.is_sorted_by_key(|cue| cue.at));
        let names: BTreeSet<&str> = CHANNELS
            .iter()
            .map(|channel| channel.name)
            .chain(TOKENS.iter().map(|token| token.name))
            .chain(SOURCES.iter().flat_map(|source| [source.name, source.line.name]))
            .collect();
        let all = CHANNELS.len() + TOKENS.len() + 2 * SOURCES.len();
        assert_eq!(names.len(), all, "names are unique");
        for cue in TIMELINE {
            assert!(names.contains(cue.target) && u64::from(cue.at) < CYCLE.as_secs(), "{cue:?}");
        }
    }

    #[test]
    fn secrets_look_like_secrets_and_say_that_they_are_none() {
        for channel in CHANNELS {
            // Whapi: a channel token is 32 letters and digits.
            assert_eq!(channel.secret.len(), 32, "{}", channel.name);
            assert!(channel.secret.contains("NotAReal"));
        }
        assert!(TOKENS.iter().all(|token| token.secret.contains("NotAReal")));
        assert!(SOURCES.iter().all(|source| source.secret.contains("NotAReal")));
    }
}
