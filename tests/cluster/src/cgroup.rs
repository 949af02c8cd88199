//! The control groups of a node's pods, below one of the cluster's own in every hierarchy.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// How long an ended process may still count as a member.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);
const MOUNT: &str = "/sys/fs/cgroup";

/// The group's name: one per cluster folder, whoever's it is.
pub(crate) fn name(root: &Path) -> String {
    let hash = Sha256::digest(root.as_os_str().as_encoded_bytes());
    let hash: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("kubectl-backup-{hash}")
}

/// Whether the machine has one hierarchy for all controllers (version 2).
fn unified() -> bool {
    Path::new(MOUNT).join("cgroup.controllers").exists()
}

/// The group's folders: one, or one per hierarchy of version 1.
fn folders(root: &Path) -> Result<Vec<PathBuf>> {
    let name = name(root);
    if unified() {
        return Ok(vec![Path::new(MOUNT).join(name)]);
    }
    let mut all = Vec::new();
    for entry in fs::read_dir(MOUNT).with_context(|| format!("reading {MOUNT}"))? {
        let entry = entry?;
        // Links stand for hierarchies with two names.
        if entry.file_type()?.is_dir() {
            all.push(entry.path().join(&name));
        }
    }
    Ok(all)
}

/// Makes the group; the kubelet demands that it is there.
pub(crate) fn make(root: &Path) -> Result<()> {
    for folder in folders(root)? {
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("making the control group {}", folder.display()));
            }
            _ => {}
        }
        // A cpuset without processors and memory takes no process.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let (own, parent) = (folder.join(file), folder.with_file_name(file));
            if own.exists() && parent.exists() && !unified() {
                fs::write(&own, fs::read(&parent)?).with_context(|| format!("setting {}", own.display()))?;
            }
        }
        if unified() {
            let enabled = fs::read_to_string(folder.join("cgroup.controllers"))?;
            let all: String = enabled.split_whitespace().map(|controller| format!("+{controller} ")).collect();
            fs::write(folder.join("cgroup.subtree_control"), all.trim_end())
                .with_context(|| format!("delegating controllers to {}", folder.display()))?;
        }
    }
    Ok(())
}

/// Removes the group and all below it. Its processes have ended before.
pub(crate) fn remove(root: &Path) -> Result<()> {
    if !Path::new(MOUNT).is_dir() {
        return Ok(());
    }
    folders(root)?.iter().try_for_each(|folder| remove_tree(folder))
}

/// Groups are removed as empty folders: what looks like files in them is not.
fn remove_tree(folder: &Path) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("reading {}", folder.display())),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    let deadline = Instant::now() + LEAVE_LIMIT;
    loop {
        match fs::remove_dir(folder) {
            // The last process may be on its way out.
            Err(error) if error.kind() == ErrorKind::ResourceBusy && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(20));
            }
            result => return result.with_context(|| format!("removing the control group {}", folder.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_of_two_caches_have_two_groups() {
        assert_ne!(name(Path::new("/a/clusters/one")), name(Path::new("/b/clusters/one")));
        assert_eq!(name(Path::new("/a")), name(Path::new("/a")));
    }

    #[test]
    fn what_is_not_there_is_removed_already() {
        remove(Path::new("/no/such/cluster")).unwrap();
    }
}
