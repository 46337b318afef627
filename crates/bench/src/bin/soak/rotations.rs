//! Secrets that change while they are in use: rotated in order, missing for a while, or revoked
//! before the new one is there.
//!
//! Not here: faults of the upstream (`trouble.rs`).

use std::fs;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use whatsapp_simulator::{MetaTokenState, Simulator};

use super::targets::{Kind, Targets};
use super::{Storm, lock};
use whatsapp_exporter_bench::Result;

const PAUSE: Duration = Duration::from_millis(100);
/// A poll that read the old secret has ended by then: `POLL_TIMEOUT` is 2 s.
const OLD_IS_GOOD_FOR: Duration = Duration::from_secs(4);

/// What is still to be done.
enum Rest {
    /// The old secret is good no longer.
    Forget(String),
    /// The missing file comes back.
    Return(usize),
    /// The revoked secret of this target gets its successor.
    Succeed(usize),
}

/// How often what was done.
#[derive(Default)]
pub struct Rotations {
    pub rotated: u64,
    pub missing: u64,
    pub revoked: u64,
}

/// Changes secrets until the storm is over, and finishes what it has begun.
pub fn make(storm: &Storm, simulator: &Simulator, targets: &Mutex<Targets>) -> Result<Rotations> {
    let mut done = Rotations::default();
    let mut rest: Vec<(Instant, Rest)> = Vec::new();
    while !storm.is_over() || !rest.is_empty() {
        sleep(PAUSE);
        let now = Instant::now();
        let mut targets = lock(targets);
        let directory = targets.directory.clone();
        let (due, later) = rest.into_iter().partition(|(when, _)| *when <= now);
        rest = later;
        for (_, what) in due {
            match what {
                Rest::Forget(secret) => simulator.remove(&secret),
                Rest::Return(place) => targets.all[place].write_secret(&directory)?,
                Rest::Succeed(place) => {
                    let old = targets.all[place].replace_secret(simulator);
                    targets.all[place].write_secret(&directory)?;
                    rest.push((now + OLD_IS_GOOD_FOR, Rest::Forget(old)));
                }
            }
        }
        let place = targets.any();
        let target = &mut targets.all[place];
        if storm.is_over() || !target.is_watched {
            continue;
        }
        let soon = now + Duration::from_millis(fastrand::u64(500..4_000));
        match fastrand::u8(..6) {
            0 => {
                fs::remove_file(target.file(&directory)).or_else(is_missing_already)?;
                rest.push((soon, Rest::Return(place)));
                done.missing += 1;
            }
            1 => {
                match target.kind {
                    Kind::Channel => simulator.update_channel(&target.secret, |c| c.deleted = true),
                    Kind::Token => simulator
                        .update_token(&target.secret, |t| t.state = MetaTokenState::Revoked(467)),
                };
                rest.push((soon, Rest::Succeed(place)));
                done.revoked += 1;
            }
            _ => {
                let old = target.replace_secret(simulator);
                target.write_secret(&directory)?;
                rest.push((now + OLD_IS_GOOD_FOR, Rest::Forget(old)));
                done.rotated += 1;
            }
        }
    }
    Ok(done)
}

fn is_missing_already(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
