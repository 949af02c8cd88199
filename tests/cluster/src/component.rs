//! Faults: one component of a running cluster is killed, started again as it was, or frozen for a while.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::Cluster;
use crate::leftovers::{COMPONENT, ProcessId, with_environment};

/// A killed process is gone at once; only the machine can be slow.
const END_LIMIT: Duration = Duration::from_secs(10);

/// A component's process, with what is needed to start another like it.
#[derive(Debug)]
pub struct Component {
    name: String,
    process: ProcessId,
    program: PathBuf,
    args: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    log: PathBuf,
    // A second start is this process's child, and must be taken note of when it ends.
    child: Option<Child>,
}

impl Component {
    pub(crate) fn find(cluster: &Cluster, name: &str) -> Result<Self> {
        let wanted = format!("{COMPONENT}={name}");
        let (process, environment) = with_environment(cluster.state_dir())?
            .into_iter()
            .find(|(_, environment)| environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes()))
            .with_context(|| format!("no component {name} runs in cluster {}", cluster.name()))?;
        let proc = PathBuf::from(format!("/proc/{}", process.pid));
        let mut args = words(&fs::read(proc.join("cmdline"))?);
        ensure!(!args.is_empty(), "{name} has just ended");
        Ok(Self {
            name: name.into(),
            process,
            program: args.remove(0).into(),
            args,
            environment: words(&environment).into_iter().filter_map(pair).collect(),
            log: cluster.log(name),
            child: None,
        })
    }

    /// Its process, for what the kernel counts of it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.pid.unsigned_abs()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.process.signal(Signal::KILL)?;
        if let Some(mut child) = self.child.take() {
            child.wait()?;
        }
        ensure!(self.process.wait_gone(END_LIMIT), "{} does not end", self.name);
        Ok(())
    }

    /// Starts it with the same arguments and environment. It ends with the cluster.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(!self.process.is_alive(), "{} still runs", self.name);
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.program)
            .args(&self.args)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {} again", self.name))?;
        self.process = ProcessId::of(i32::try_from(child.id())?).with_context(|| format!("{} ended", self.name))?;
        self.child = Some(child);
        Ok(())
    }

    /// Stops its clock: it keeps its connections and says nothing.
    pub fn freeze(&self) -> Result<()> {
        self.process.signal(Signal::STOP)
    }

    /// Lets it go on.
    pub fn thaw(&self) -> Result<()> {
        self.process.signal(Signal::CONT)
    }
}

/// The zero-ended words of a file in /proc.
fn words(bytes: &[u8]) -> Vec<OsString> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    bytes.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect()
}

fn pair(entry: OsString) -> Option<(OsString, OsString)> {
    let bytes = entry.into_vec();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (bytes.get(..at)?, bytes.get(at + 1..)?);
    Some((OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_and_variables_are_read_as_they_were_given() {
        assert_eq!(words(b"/bin/x\0--a=b c\0\0"), ["/bin/x", "--a=b c", ""]);
        assert_eq!(pair("A=b=c".into()), Some(("A".into(), "b=c".into())));
        assert_eq!(pair("none".into()), None);
    }
}
