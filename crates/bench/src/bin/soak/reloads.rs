//! Settings that change all the time: by request, by signal and by content, with targets that go
//! and come back, everybody in another place, and now and then a mistake.
//!
//! Not here: the comparison of counts (`books.rs`); only what was counted for those who go is noted
//! down, while it can be seen.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::page::{Counted, Page};
use super::targets::{Kind, Targets};
use super::upstream::Upstream;
use super::{Storm, lock};
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::exporter::ExporterProcess;

const PAUSE: Duration = Duration::from_secs(2);
/// So many go at a time, and come back with the next reload.
const LEAVING: usize = 10;
/// The exporter looks at the file every 5 s.
const TAKES_AT_MOST: Duration = Duration::from_secs(30);

/// A target's life that a reload ended.
pub struct Gone {
    pub name_in_books: String,
    /// What the last page that still had it had counted.
    pub counted: Counted,
}

/// The most that any page had counted for a target. A page that is drawn while the target is
/// removed has a part of it.
#[derive(Default)]
struct LastSeen([BTreeMap<String, Counted>; 2]);

impl LastSeen {
    fn see(&mut self, page: &Page) {
        for (seen, kind) in self.0.iter_mut().zip([Kind::Channel, Kind::Token]) {
            for (name, counted) in page.counted(kind) {
                seen.entry(name).or_default().raise_to(counted);
            }
        }
    }
}

/// What was done.
#[derive(Default)]
pub struct Reloads {
    pub by_request: u64,
    pub by_signal: u64,
    pub by_content: u64,
    pub mistakes: u64,
    pub gone: Vec<Gone>,
    /// Pages on which a part of the targets had gone: they are removed in steps.
    pub halves: u64,
    /// What a reload did that it should not have done.
    pub wrong: Vec<String>,
}

/// How a reload is asked for.
#[derive(Clone, Copy)]
enum How {
    Request,
    Signal,
    Content,
}

/// Changes the settings until the storm is over.
pub fn make(
    storm: &Storm,
    exporter: &ExporterProcess,
    upstream: &Upstream,
    targets: &Mutex<Targets>,
) -> Result<Reloads> {
    let mut done = Reloads::default();
    for turn in 0_u64.. {
        sleep(PAUSE);
        if storm.is_over() {
            break;
        }
        if turn % 8 == 7 {
            mistake(exporter, targets, &mut done)?;
        }
        let how = match turn % 4 {
            0 | 2 => How::Request,
            1 => How::Signal,
            _ => How::Content,
        };
        change(exporter, upstream, targets, how, &mut done)?;
    }
    Ok(done)
}

/// The metrics of this moment.
pub fn look(exporter: &ExporterProcess) -> Result<Page> {
    let answer = exporter.connect()?.get("/metrics")?;
    if answer.status != 200 {
        return Err(format!("/metrics: HTTP {}", answer.status).into());
    }
    Ok(Page::new(String::from_utf8(answer.body)?))
}

/// Asks for a reload that must succeed.
pub fn reload(exporter: &ExporterProcess) -> Result<()> {
    let answer = exporter.connect()?.post("/-/reload")?;
    if answer.status != 200 {
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        return Err(format!("/-/reload: HTTP {}: {said}", answer.status).into());
    }
    Ok(())
}

fn mistake(exporter: &ExporterProcess, targets: &Mutex<Targets>, done: &mut Reloads) -> Result<()> {
    lock(targets).write_settings(true)?;
    let status = exporter.connect()?.post("/-/reload")?.status;
    let says = look(exporter)?.sum("whatsapp_exporter_config_last_reload_successful ");
    if (status, says) != (500, 0) {
        done.wrong
            .push(format!("settings with a mistake: HTTP {status}, and the metric says {says}"));
    }
    done.mistakes += 1;
    Ok(())
}

fn change(
    exporter: &ExporterProcess,
    upstream: &Upstream,
    targets: &Mutex<Targets>,
    how: How,
    done: &mut Reloads,
) -> Result<()> {
    // Before the file changes, since from then on it may be taken at any moment.
    let mut before = LastSeen::default();
    before.see(&look(exporter)?);
    let mut coming = Vec::new();
    let mut leaving = Vec::new();
    {
        let mut targets = lock(targets);
        let directory = targets.directory.clone();
        for target in targets.all.iter_mut().filter(|target| !target.is_watched) {
            target.is_born_again(&upstream.simulator);
            target.write_secret(&directory)?;
            coming.push((target.kind, target.name.clone()));
        }
        for _ in 0..LEAVING {
            let place = targets.any();
            let target = &mut targets.all[place];
            let is_new = coming.iter().any(|(_, name)| *name == target.name);
            if target.is_watched && !is_new {
                target.is_watched = false;
                leaving.push((target.kind, target.name.clone(), target.name_in_books()));
            }
        }
        targets.shuffle();
        targets.write_settings(false)?;
    }
    match how {
        How::Request => {
            reload(exporter)?;
            done.by_request += 1;
        }
        How::Signal => {
            exporter.process.signal("HUP")?;
            done.by_signal += 1;
        }
        How::Content => done.by_content += 1,
    }
    let asked = Instant::now();
    let has = |page: &Page, kind: Kind, name: &str| page.names(kind, name);
    loop {
        let page = look(exporter)?;
        let left = leaving.iter().filter(|(kind, name, _)| !has(&page, *kind, name)).count();
        let came = coming.iter().filter(|(kind, name)| has(&page, *kind, name)).count();
        if (left, came) == (leaving.len(), coming.len()) {
            break;
        }
        done.halves += u64::from(left + came > 0);
        if matches!(how, How::Request) {
            done.wrong.push("a reload was answered before it was in force".to_owned());
        }
        if asked.elapsed() > TAKES_AT_MOST {
            return Err("new settings were never taken".into());
        }
        before.see(&page);
        sleep(Duration::from_millis(50));
    }
    for (kind, name, name_in_books) in leaving {
        let counted = before.0[usize::from(kind == Kind::Token)].remove(&name).unwrap_or_default();
        done.gone.push(Gone { name_in_books, counted });
    }
    Ok(())
}
