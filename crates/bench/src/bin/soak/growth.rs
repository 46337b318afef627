//! Memory, descriptors and threads of the exporter over time, and whether they grow.
//!
//! Not here: why.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Storm;
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::process::Process;
use whatsapp_exporter_bench::statistics::median;

/// By then every kind of trouble has been met, and the allocator has what it needs. A long storm
/// takes longer to warm up: each channel remembers its last 64 statuses and the exporter the
/// messages of lately, which fill slowly.
const WARM_UP: Duration = Duration::from_secs(40);

struct Sample {
    /// 0 when everything has warmed up, 1 at the end; before that it is below 0.
    when: f64,
    kib: f64,
    descriptors: f64,
    threads: f64,
}

/// What was seen, once a second.
#[derive(Default)]
pub struct Growth(Vec<Sample>);

/// Medians of the first quarter after the warm-up, of the two in the middle, and of the last.
pub struct Course {
    pub early: f64,
    pub middle: f64,
    pub late: f64,
}

impl Course {
    pub fn growth(&self) -> f64 {
        self.late - self.early
    }
}

/// Watches until the storm is over.
pub fn watch(storm: &Storm, process: &Process) -> Result<Growth> {
    let mut seen = Growth::default();
    let began = Instant::now();
    let warm_up = WARM_UP.max(storm.length * 2 / 5);
    let rest = storm.length.saturating_sub(warm_up).as_secs_f64();
    while !storm.is_over() {
        seen.0.push(Sample {
            when: (began.elapsed().as_secs_f64() - warm_up.as_secs_f64()) / rest,
            kib: process.memory()?.now as f64,
            descriptors: process.descriptors()? as f64,
            threads: process.threads()? as f64,
        });
        sleep(Duration::from_secs(1));
    }
    Ok(seen)
}

impl Growth {
    pub fn kib(&self) -> Course {
        self.course(|sample| sample.kib)
    }

    pub fn descriptors(&self) -> Course {
        self.course(|sample| sample.descriptors)
    }

    pub fn threads(&self) -> Course {
        self.course(|sample| sample.threads)
    }

    fn course(&self, of: impl Fn(&Sample) -> f64) -> Course {
        let window = |from: f64, to: f64| {
            let within = self.0.iter().filter(|sample| (from..to).contains(&sample.when));
            median(&within.map(&of).collect::<Vec<_>>())
        };
        Course { early: window(0.0, 0.25), middle: window(0.25, 0.75), late: window(0.75, 1.1) }
    }
}
