//! What goes wrong upstream: a fault here and there all the time, reconnects, and now and then an
//! outage for everybody.
//!
//! Not here: how a fault looks on the wire; that is the simulator's.

use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use whatsapp_simulator::{Fault, Response, ResponseClass, WhapiChannel};

use super::targets::{Kind, Targets};
use super::upstream::Upstream;
use super::{Storm, lock};

/// A target is asked every 2 s if all is well, and every 16 s at worst; so many faults are used up
/// between.
const PAUSE: Duration = Duration::from_millis(16);
const OUTAGE_EVERY: Duration = Duration::from_secs(40);
const OUTAGE_LASTS: Duration = Duration::from_secs(3);

/// More than the exporter takes of an answer.
const TOO_LARGE: usize = 2 * 1024 * 1024;

/// Makes trouble until the storm is over, and then ends every outage. Returns how many outages
/// there were.
pub fn make(storm: &Storm, upstream: &Upstream, targets: &Mutex<Targets>) -> u64 {
    let (mut outages, mut next_outage) = (0, Instant::now() + OUTAGE_EVERY / 2);
    let mut calm_at = None;
    while !storm.is_over() {
        sleep(PAUSE);
        let now = Instant::now();
        if calm_at.is_some_and(|calm_at| now >= calm_at) {
            upstream.simulator.set_fault_for_all(None);
            calm_at = None;
        }
        if now >= next_outage {
            let faults: [fn() -> Fault; 5] = [
                || Fault::unavailable(Some(Duration::from_secs(3))),
                Fault::bad_gateway,
                Fault::close,
                Fault::hang,
                Upstream::reset,
            ];
            upstream.simulator.set_fault_for_all(Some(any(&faults)));
            (calm_at, next_outage) = (Some(now + OUTAGE_LASTS), now + OUTAGE_EVERY);
            outages += 1;
        }
        let targets = lock(targets);
        let target = &targets.all[targets.any()];
        let simulator = &upstream.simulator;
        match target.kind {
            Kind::Channel if fastrand::u8(..10) == 0 => {
                simulator.update_channel(&target.secret, WhapiChannel::reconnect);
            }
            Kind::Channel => simulator.fault_once(&target.secret, any(&OF_CHANNELS)),
            Kind::Token => simulator.fault_once(&target.secret, any(&OF_TOKENS)),
        }
    }
    upstream.simulator.set_fault_for_all(None);
    outages
}

fn any(faults: &[fn() -> Fault]) -> Fault {
    faults[fastrand::usize(..faults.len())]()
}

/// Not the simulator's own `truncated`, which halves whatever the usual answer is: half a refusal
/// is still a refusal.
fn truncated() -> Fault {
    let half: &[u8] = b"{\"status\": {\"text\": \"AU";
    Fault::response(
        Response::new(200, "application/json", half).with_class(ResponseClass::Nonsense),
    )
}

const OF_CHANNELS: [fn() -> Fault; 27] = [
    Fault::session_unauthorized,
    Fault::unauthorized,
    Fault::payment_required,
    Fault::forbidden,
    Fault::channel_not_found,
    Fault::rate_limited,
    || Fault::rate_limited_for(Duration::from_secs(3)),
    Fault::server_error,
    Fault::server_error_page,
    Fault::bad_gateway,
    || Fault::unavailable(Some(Duration::from_secs(3))),
    Fault::garbage,
    Fault::empty,
    Fault::page,
    Fault::wrong_shape,
    truncated,
    Fault::chunked,
    || Fault::slow(Duration::from_millis(300)),
    // A trickle that arrives in time, and one that does not.
    || Fault::drip(Duration::from_millis(1)),
    || Fault::drip(Duration::from_millis(50)),
    Fault::hang,
    || Fault::oversized(TOO_LARGE),
    Fault::endless,
    Fault::close,
    Fault::cut_head,
    Fault::cut_body,
    Upstream::reset,
];

const OF_TOKENS: [fn() -> Fault; 13] = [
    || Fault::graph(4, 0),
    || Fault::graph(2, 0),
    || Fault::graph(10, 0),
    || Fault::graph(190, 463),
    Fault::server_error_page,
    Fault::garbage,
    truncated,
    || Fault::slow(Duration::from_millis(300)),
    || Fault::drip(Duration::from_millis(50)),
    Fault::hang,
    Fault::endless,
    Fault::cut_body,
    Upstream::reset,
];
