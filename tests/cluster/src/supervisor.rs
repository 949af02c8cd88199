//! The parent of a cluster's processes, from start to end.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::SystemTime;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::address::{Addresses, Slot};
use crate::cgroup;
use crate::layout::{Layout, Record};
use crate::leftovers::{self, ProcessId};
use crate::network;
use crate::options::Profile;
use crate::processes::{Event, Interrupted, Processes, ending};
use crate::report::Report;
use crate::start::Start;

/// Runs the cluster in that folder until it is asked to end. Its standard output is a pipe to the starter.
pub fn supervise(root: &Path) -> Result<()> {
    // Ctrl-C in the starter's terminal is for the starter.
    let _ = rustix::process::setsid();
    let layout = Layout { root: root.to_owned() };
    let request = layout.request()?;

    let (sender, events) = mpsc::channel();
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let asked = sender.clone();
    thread::spawn(move || {
        for _ in signals.forever() {
            let _ = asked.send(Event::Asked);
        }
    });
    let report = Report::open(sender.clone());
    let mut processes = Processes::new(layout.clone(), sender, events);

    let slot = Slot::take()?;
    let addresses = Addresses { slot: slot.number, profile: request.options.profile };
    let mut record = Record {
        supervisor: ProcessId::own()?,
        addresses,
        started: now(),
        ready: false,
        first_process: None,
        ended: Default::default(),
    };
    layout.write_record(&record)?;

    let started =
        Start { layout: &layout, request: &request, addresses, processes: &mut processes, report: &report }.run();
    if let Err(error) = started {
        report.failed(&format!("{error:#}"));
        stop(&layout, addresses, &mut processes)?;
        // An interrupted start leaves nothing; a failed one leaves its logs for reading.
        if error.is::<Interrupted>() {
            return remove(&layout);
        }
        keep_logs(&layout)?;
        return Err(error);
    }
    record.ready = true;
    record.first_process = processes.place.first_process();
    layout.write_record(&record)?;
    report.ready();

    loop {
        match processes.next() {
            Event::Asked => break,
            Event::StarterGone if request.options.owned => break,
            Event::StarterGone | Event::TaskDone => {}
            Event::Ended { name, status } => {
                record.ended.insert(name, ending(status));
                layout.write_record(&record)?;
            }
        }
    }
    stop(&layout, addresses, &mut processes)?;
    remove(&layout)
}

fn stop(layout: &Layout, addresses: Addresses, processes: &mut Processes) -> Result<()> {
    processes.stop()?;
    if addresses.profile == Profile::Node {
        network::disconnect(addresses)?;
        cgroup::remove(&layout.root)?;
    }
    Ok(())
}

fn keep_logs(layout: &Layout) -> Result<()> {
    leftovers::unmount(&layout.root)?;
    for entry in fs::read_dir(&layout.root)? {
        let path = entry?.path();
        if path == layout.logs() || path == layout.pod_logs() {
            continue;
        }
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.with_context(|| format!("removing {}", path.display()))?;
    }
    Ok(())
}

fn remove(layout: &Layout) -> Result<()> {
    leftovers::unmount(&layout.root)?;
    fs::remove_dir_all(&layout.root).with_context(|| format!("removing {}", layout.root.display()))
}

#[expect(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
