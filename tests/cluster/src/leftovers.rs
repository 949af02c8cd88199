//! Finds and ends what a killed run left: every process of a cluster carries the cluster's folder in its environment.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// The variable that marks the processes of a cluster.
pub(crate) const MARK: &str = "KUBECTL_BACKUP_CLUSTER";
/// The variable that names a component to those who look for its process.
pub(crate) const COMPONENT: &str = "KUBECTL_BACKUP_COMPONENT";

/// A process that cannot be taken for a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub pid: i32,
    /// Clock ticks from boot to its start.
    pub start: u64,
}

impl ProcessId {
    /// This process.
    pub(crate) fn own() -> Result<Self> {
        let pid = i32::try_from(std::process::id())?;
        Self::of(pid).context("this process is not in /proc")
    }

    /// The running process with that number.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let (start, state) = parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        // A zombie holds nothing any more.
        (!matches!(state, 'Z' | 'X')).then_some(Self { pid, start })
    }

    pub(crate) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal to exactly this process; nothing when it has ended.
    pub(crate) fn signal(self, signal: Signal) -> Result<()> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(()) };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(()) };
        // Asked after the handle is open: the handle keeps the number from being given to another process.
        if self.is_alive() {
            match pidfd_send_signal(&handle, signal) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error).with_context(|| format!("ending process {}", self.pid)),
            }
        }
        Ok(())
    }

    /// Waits until the process is gone; false when it is not in time.
    pub(crate) fn wait_gone(self, limit: Duration) -> bool {
        let Some(pid) = Pid::from_raw(self.pid) else { return true };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return true };
        let deadline = Instant::now() + limit;
        while self.is_alive() {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            let mut ready = [rustix::event::PollFd::new(&handle, rustix::event::PollFlags::IN)];
            let timeout = rustix::time::Timespec::try_from(left).ok();
            if rustix::event::poll(&mut ready, timeout.as_ref()).is_err() {
                return !self.is_alive();
            }
        }
        true
    }
}

/// The start time and the state in a `/proc/PID/stat` line. The command's name may hold anything, even brackets.
fn parse_stat(line: &str) -> Option<(u64, char)> {
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    Some((fields.get(19)?.parse().ok()?, fields.first()?.chars().next()?))
}

/// All processes of the cluster in that folder but this one.
pub(crate) fn processes(root: &Path) -> Result<Vec<ProcessId>> {
    Ok(with_environment(root)?.into_iter().map(|(process, _)| process).collect())
}

/// The same, each with its environment.
pub(crate) fn with_environment(root: &Path) -> Result<Vec<(ProcessId, Vec<u8>)>> {
    let mark = format!("{MARK}={}", root.display());
    let own = ProcessId::own()?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("reading /proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // Processes of other users cannot be read and are not ours.
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()) {
            found.extend(ProcessId::of(pid).filter(|process| *process != own).map(|process| (process, environment)));
        }
    }
    Ok(found)
}

/// Ends all processes of the cluster in that folder.
pub(crate) fn end_processes(root: &Path) -> Result<()> {
    // A process may have started another between the look and the signal: look again until there is none.
    for _ in 0..20 {
        let found = processes(root)?;
        if found.is_empty() {
            return Ok(());
        }
        for process in &found {
            process.signal(Signal::KILL)?;
        }
        for process in found {
            process.wait_gone(Duration::from_secs(5));
        }
    }
    let left: Vec<String> = processes(root)?.iter().map(|process| process.pid.to_string()).collect();
    bail!("processes {} of the cluster in {} do not end", left.join(", "), root.display())
}

/// Mounts at or below a folder, innermost first.
pub(crate) fn mounts_below(mountinfo: &str, root: &Path) -> Vec<String> {
    let mut found: Vec<String> = mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|path| path.replace("\\040", " "))
        .filter(|path| Path::new(path).starts_with(root))
        .collect();
    found.reverse();
    found
}

/// Takes mounts away, so that removing the folder cannot reach through them.
pub(crate) fn unmount(root: &Path) -> Result<()> {
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").context("reading the mounts")?;
    for path in mounts_below(&mountinfo, root) {
        rustix::mount::unmount(&path, rustix::mount::UnmountFlags::DETACH)
            .with_context(|| format!("unmounting {path}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        let line = "12 (a ) b) S 1 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 1 2";
        assert_eq!(parse_stat(line), Some((777, 'S')));
        assert_eq!(parse_stat("12 (short) S 1"), None);
    }

    #[test]
    fn this_process_lives_and_an_earlier_holder_of_its_number_does_not() {
        let own = ProcessId::own().unwrap();
        assert!(own.is_alive());
        assert!(!ProcessId { start: own.start + 1, ..own }.is_alive());
    }

    #[test]
    fn only_mounts_below_the_folder_innermost_first() {
        let info = "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:1 / /c/one rw - ext4 x rw\n3 2 8:1 / /c/one/in rw - ext4 x rw\n\
                    4 1 8:1 / /c/one-more rw - ext4 x rw\n";
        assert_eq!(mounts_below(info, Path::new("/c/one")), ["/c/one/in", "/c/one"]);
    }

    #[test]
    fn a_marked_process_is_found_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("sleep").arg("600").env(MARK, folder.path()).spawn().unwrap();
        let found = processes(folder.path()).unwrap();
        assert_eq!(found.iter().map(|process| process.pid).collect::<Vec<_>>(), [child.id().cast_signed()]);
        end_processes(folder.path()).unwrap();
        assert!(!child.wait().unwrap().success());
        assert!(processes(folder.path()).unwrap().is_empty());
    }
}
