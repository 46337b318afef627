//! The standard metrics of this process, read from /proc at each scrape.
//!
//! Not the prometheus crate's own collector, which counts CPU in whole seconds.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, Opts};

use super::catalog::PROCESS;

pub(super) struct Process {
    cpu: Counter,
    /// The gauges of [`PROCESS`], in its order.
    gauges: Vec<Gauge>,
}

impl Process {
    pub(super) fn new() -> prometheus::Result<Self> {
        let opts = |at: usize| Opts::new(PROCESS[at].name, PROCESS[at].help);
        let gauges =
            (1..PROCESS.len()).map(|at| Gauge::with_opts(opts(at))).collect::<Result<_, _>>()?;
        Ok(Self { cpu: Counter::with_opts(opts(0))?, gauges })
    }

    #[cfg(target_os = "linux")]
    fn read(&self) -> Option<()> {
        use procfs::process::{LimitValue, Process as Proc};
        let proc = Proc::myself().ok()?;
        let stat = proc.stat().ok()?;
        let ticks = procfs::ticks_per_second() as f64;
        let cpu = (stat.utime + stat.stime) as f64 / ticks;
        self.cpu.inc_by((cpu - self.cpu.get()).max(0.0));
        let limit = proc.limits().ok().map(|limits| match limits.max_open_files.soft_limit {
            LimitValue::Value(limit) => limit as f64,
            LimitValue::Unlimited => f64::INFINITY,
        });
        let booted = procfs::boot_time_secs().ok()?;
        let values = [
            proc.fd_count().ok().map(|count| count as f64),
            limit,
            Some(stat.vsize as f64),
            Some((stat.rss * procfs::page_size()) as f64),
            Some(booted as f64 + stat.starttime as f64 / ticks),
            Some(stat.num_threads as f64),
        ];
        for (gauge, value) in self.gauges.iter().zip(values) {
            gauge.set(value.unwrap_or(f64::NAN));
        }
        Some(())
    }

    #[cfg(not(target_os = "linux"))]
    fn read(&self) -> Option<()> {
        None
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.cpu.desc().into_iter().chain(self.gauges.iter().flat_map(Collector::desc)).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        match self.read() {
            Some(()) => self
                .cpu
                .collect()
                .into_iter()
                .chain(self.gauges.iter().flat_map(Collector::collect))
                .collect(),
            None => Vec::new(),
        }
    }
}
