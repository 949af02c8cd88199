//! Starts the components of a cluster, notices when one ends, stops them all.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::layout::{Layout, log_tail};
use crate::leftovers::{self, COMPONENT, MARK, ProcessId};

/// What happens to a supervisor.
#[derive(Debug)]
pub(crate) enum Event {
    /// A component ended.
    Ended { name: String, status: ExitStatus },
    /// A task of the start has its result.
    TaskDone,
    /// This process was asked to end.
    Asked,
    /// The process that started the cluster does not listen any more.
    StarterGone,
}

/// One component to be started.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub name: String,
    pub path: PathBuf,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
}

impl Program {
    pub(crate) fn new(name: impl Into<String>, path: PathBuf) -> Self {
        Self { name: name.into(), path, args: Vec::new(), env: Vec::new() }
    }

    #[must_use]
    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }
}

/// Where the components run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// Beside this process.
    Here,
    /// In the namespaces of that process, the first of its process namespace.
    InNamespacesOf(i32),
}

impl Place {
    /// The first process of the namespaces, if there are any.
    pub(crate) fn first_process(self) -> Option<i32> {
        match self {
            Self::Here => None,
            Self::InNamespacesOf(pid) => Some(pid),
        }
    }

    /// What stands before a command to run it there. Either way it cannot outlive the supervisor: here the kernel kills
    /// it with its parent, there the end of the first process ends its whole process namespace.
    pub(crate) fn prefix(self) -> Vec<String> {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        match self {
            Self::Here => words(&["setpriv", "--pdeathsig", "KILL", "--"]),
            Self::InNamespacesOf(pid) => {
                words(&["nsenter", "--target", &pid.to_string(), "--mount", "--net", "--pid", "--"])
            }
        }
    }
}

/// The running components of a cluster.
pub(crate) struct Processes {
    pub(crate) layout: Layout,
    pub(crate) place: Place,
    pub(crate) sender: Sender<Event>,
    events: Receiver<Event>,
    running: Vec<(String, ProcessId)>,
}

impl Processes {
    pub(crate) fn new(layout: Layout, sender: Sender<Event>, events: Receiver<Event>) -> Self {
        Self { layout, place: Place::Here, sender, events, running: Vec::new() }
    }

    /// The process that was started for a component.
    pub(crate) fn process(&self, name: &str) -> Option<ProcessId> {
        self.running.iter().find(|(running, _)| running == name).map(|(_, process)| *process)
    }

    /// Starts a component. Only ever called on the main thread: the kernel kills the child with the thread that made it.
    pub(crate) fn start(&mut self, program: Program) -> Result<()> {
        let mut command = prepared(&self.layout, self.place, &program);
        let log = self.layout.log(&program.name);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("opening the log {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn().with_context(|| format!("starting {}", program.name))?;
        if let Some(process) = ProcessId::of(i32::try_from(child.id())?) {
            self.running.push((program.name.clone(), process));
        }
        let (name, sender) = (program.name, self.sender.clone());
        thread::spawn(move || {
            if let Ok(status) = child.wait() {
                let _ = sender.send(Event::Ended { name, status });
            }
        });
        Ok(())
    }

    /// Waits until a look succeeds. A component that ends meanwhile, or a request to stop, ends the waiting at once.
    pub(crate) fn wait_for(
        &mut self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut() -> Result<(), String>,
    ) -> Result<()> {
        let deadline = Instant::now() + limit;
        let mut pause = Duration::from_millis(10);
        loop {
            let reason = match look() {
                Ok(()) => return Ok(()),
                Err(reason) => reason,
            };
            if Instant::now() > deadline {
                bail!("waited {} s for {what}: {reason}", limit.as_secs());
            }
            match self.events.recv_timeout(pause) {
                Ok(Event::Ended { name, status }) => {
                    self.running.retain(|(running, _)| *running != name);
                    let tail = log_tail(&self.layout.log(&name), 12);
                    bail!(
                        "{name} ended ({}) while the cluster waited for {what}. Its log ends:\n{tail}",
                        ending(status)
                    );
                }
                Ok(Event::Asked | Event::StarterGone) => return Err(Interrupted.into()),
                Ok(Event::TaskDone) => {}
                Err(RecvTimeoutError::Timeout) => pause = (pause * 2).min(Duration::from_millis(100)),
                Err(RecvTimeoutError::Disconnected) => bail!("the supervisor lost its components"),
            }
        }
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Event {
        let event = self.events.recv().unwrap_or(Event::Asked);
        if let Event::Ended { name, .. } = &event {
            self.running.retain(|(running, _)| running != name);
        }
        event
    }

    /// Ends all, the last started first. Nothing here outlives the cluster, so nobody needs time to save anything.
    pub(crate) fn stop(&mut self) -> Result<()> {
        for (_, process) in self.running.drain(..).rev() {
            process.signal(Signal::KILL)?;
        }
        leftovers::end_processes(&self.layout.root)
    }
}

/// The command of a component: only the environment it needs, marked as this cluster's.
pub(crate) fn prepared(layout: &Layout, place: Place, program: &Program) -> Command {
    let mut words = place.prefix();
    let first = words.remove(0);
    let mut command = Command::new(first);
    command.args(words).arg(&program.path).args(&program.args).env_clear();
    for (name, value) in base_environment(&layout.root) {
        command.env(name, value);
    }
    command.env(COMPONENT, &program.name).envs(program.env.iter().cloned()).current_dir("/");
    command
}

fn base_environment(root: &Path) -> BTreeMap<&'static str, String> {
    let below = |name: &str| root.join(name).display().to_string();
    BTreeMap::from([
        (MARK, root.display().to_string()),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()),
        ("HOME", below("home")),
        ("TMPDIR", below("tmp")),
        ("LANG", "C.UTF-8".into()),
        // All of them are Go programs that are young and small: memory is cheaper than a later start.
        ("GOGC", "200".into()),
    ])
}

/// The cluster was asked to end while it started.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// How a process ended, in words.
pub(crate) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".into(),
    }
}
