//! The standard metrics of this process, read from /proc at each scrape.
//!
//! Not the prometheus crate's own collector, which counts CPU in whole seconds; nor the procfs
//! crate, of which these seven numbers would take 60 KB. Each is absent where /proc is not as `man
//! 5 proc` says.
#![expect(clippy::disallowed_methods, reason = "what /proc has is in memory")]

use std::fs;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, Opts};
use rustix::process::{Resource, getrlimit};

use super::catalog::PROCESS;

pub(super) struct Process {
    cpu: Counter,
    /// The gauges of [`PROCESS`], in its order.
    gauges: Vec<Gauge>,
    /// When the machine was booted, in seconds since the epoch.
    booted: Option<f64>,
}

impl Process {
    pub(super) fn new() -> prometheus::Result<Self> {
        let opts = |at: usize| Opts::new(PROCESS[at].name, PROCESS[at].help);
        let gauges =
            (1..PROCESS.len()).map(|at| Gauge::with_opts(opts(at))).collect::<Result<_, _>>()?;
        let booted = fs::read_to_string("/proc/stat").ok().and_then(|stat| number(&stat, "btime"));
        Ok(Self { cpu: Counter::with_opts(opts(0))?, gauges, booted })
    }

    /// The families of all numbers that can be had; `None` without /proc.
    fn read(&self) -> Option<Vec<MetricFamily>> {
        let stat = Stat::read()?;
        self.cpu.inc_by((stat.cpu_seconds - self.cpu.get()).max(0.0));
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let kib = |name: &str| number(&status, name).map(|kib| kib * 1024.0);
        let values = [
            // Looking opens one itself.
            fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count().saturating_sub(1) as f64),
            Some(most_descriptors()),
            kib("VmSize:"),
            kib("VmRSS:"),
            self.booted.map(|booted| booted + stat.started_seconds),
            number(&status, "Threads:"),
        ];
        let gauges = self.gauges.iter().zip(values).filter_map(|(gauge, value)| {
            gauge.set(value?);
            Some(gauge.collect())
        });
        Some(self.cpu.collect().into_iter().chain(gauges.flatten()).collect())
    }
}

/// What `/proc/self/stat` says, of which only times are needed.
struct Stat {
    cpu_seconds: f64,
    /// After the machine was booted.
    started_seconds: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        // Linux shows ticks of 1/100 s to programs on every architecture (USER_HZ).
        const TICKS: f64 = 100.0;
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        // The name in brackets may hold anything.
        let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
        let ticks = |at: usize| -> Option<f64> { fields.get(at)?.parse().ok() };
        // The third field of the whole line is the first here.
        Some(Self {
            cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS,
            started_seconds: ticks(19)? / TICKS,
        })
    }
}

/// The first number in the line that begins so.
fn number(text: &str, line: &str) -> Option<f64> {
    text.lines().find_map(|other| other.strip_prefix(line))?.split_whitespace().next()?.parse().ok()
}

fn most_descriptors() -> f64 {
    getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, |most| most as f64)
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.cpu.desc().into_iter().chain(self.gauges.iter().flat_map(Collector::desc)).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.read().unwrap_or_default()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_number_is_there_and_can_be() {
        let process = Process::new().unwrap();
        let families = process.collect();
        assert_eq!(families.len(), PROCESS.len());
        let value = |name: &str| {
            let family = families.iter().find(|family| family.name() == name).unwrap();
            let sample = &family.get_metric()[0];
            sample.get_gauge().get_value() + sample.get_counter().get_value()
        };
        let memory = value("process_resident_memory_bytes");
        assert!(memory > 500_000.0 && memory < value("process_virtual_memory_bytes"));
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_open_fds") < value("process_max_fds"));
        assert!(value("process_threads") >= 1.0);
        let now = crate::clock::now().unix.millis() as f64 / 1000.0;
        let age = now - value("process_start_time_seconds");
        assert!((-2.0..3600.0).contains(&age), "started {age} s ago");

        let (before, began) = (process.cpu.get(), crate::clock::instant());
        while process.cpu.get() == before {
            assert!(began.elapsed() < Duration::from_secs(20), "no CPU time was counted");
            process.read().unwrap();
        }
    }
}
