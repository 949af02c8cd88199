//! The namespaces a node lives in: a process, mount and network world of its own, so that a cluster with a node touches
//! nothing of the machine and is gone with its first process.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use rustix::process::{WaitOptions, pivot_root, wait};
use signal_hook::consts::SIGCHLD;

use crate::layout::{Layout, Request};
use crate::processes::Program;
use crate::storage::KUBELET_ROOT;

/// Folders of the machine that get an empty one of the cluster's in their place.
const OWN: [&str; 5] = ["proc", "sys", "tmp", "run", "var"];
/// Kernel settings that the kubelet wants, for the whole machine. It finds them set and leaves the real ones alone.
const SETTINGS: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// The component that makes the namespaces and keeps them.
pub(crate) fn program(layout: &Layout, own: &Path) -> Program {
    let flags = ["--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child=KILL", "--propagation=private"];
    Program::new("namespaces", "unshare".into()).args(flags).args(["--".to_owned(), own.display().to_string()]).args([
        "cluster".to_owned(),
        "hold".to_owned(),
        layout.root.display().to_string(),
    ])
}

/// The file that says that the namespaces are furnished.
pub(crate) fn ready_file(layout: &Layout) -> PathBuf {
    layout.sockets().join("namespaces-ready")
}

/// The first process of the namespaces, as this side numbers it: the only child of `unshare`.
pub(crate) fn first_process(unshare: i32) -> Option<i32> {
    fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).ok()?.split_whitespace().next()?.parse().ok()
}

/// Furnishes the namespaces this process was started in, then stays as their first process.
pub fn hold(root: &Path) -> Result<()> {
    let layout = Layout { root: root.to_owned() };
    // Before the first child can end.
    let mut children = signal_hook::iterator::Signals::new([SIGCHLD])?;
    furnish(&layout).context("furnishing the node's namespaces")?;
    fs::write(ready_file(&layout), "")?;
    for _ in children.forever() {
        // Whatever loses its parent becomes our child; taking note of its end is all a first process is for.
        while matches!(wait(WaitOptions::NOHANG), Ok(Some(_))) {}
    }
    Ok(())
}

/// Builds a root of its own from the machine's folders, read-only, with the cluster's own folder writable in it.
fn furnish(layout: &Layout) -> Result<()> {
    // Built over /proc: no folder that is bound into it lies below, so no bind takes half of the new root along.
    let new = PathBuf::from("/proc");
    mount("tmpfs", &new, "tmpfs", MountFlags::empty(), Some(c"mode=0755")).context("mounting the new root")?;
    for entry in fs::read_dir("/")? {
        let entry = entry?;
        let (name, target) = (entry.file_name(), new.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, target)?;
        } else if kind.is_dir() {
            fs::create_dir(&target)?;
            if !OWN.iter().any(|own| name == *own) {
                bind(&entry.path(), &target, name != "dev")?;
            }
        }
    }
    mount("proc", new.join("proc"), "proc", quiet(), None).context("mounting /proc")?;
    settings(&new)?;
    mount("sysfs", new.join("sys"), "sysfs", quiet(), None).context("mounting /sys")?;
    mount_bind_recursive("/sys/fs/cgroup", new.join("sys/fs/cgroup")).context("binding the control groups")?;

    for folder in ["tmp", "run", "var/lib", "var/log", "var/cache", "var/tmp"] {
        fs::create_dir_all(new.join(folder))?;
    }
    if !new.join("var/run").exists() {
        symlink("/run", new.join("var/run"))?;
    }
    let inside = |path: &Path| new.join(path.strip_prefix("/").unwrap_or(path));
    for folder in needed(&layout.request()?) {
        // In a folder of the machine the place is there already; in an own one it is made.
        let _ = fs::create_dir_all(inside(&folder));
        bind(&folder, &inside(&folder), true)?;
    }
    let _ = fs::create_dir_all(inside(&layout.root));
    bind(&layout.root, &inside(&layout.root), false)?;

    let kubelet = layout.folder("kubelet");
    for part in ["plugins", "plugins_registry", "pods"] {
        fs::create_dir_all(kubelet.join(part))?;
    }
    fs::create_dir_all(inside(Path::new(KUBELET_ROOT)))?;
    mount_bind(&kubelet, inside(Path::new(KUBELET_ROOT))).context("binding the kubelet's folder")?;

    let old = new.join("tmp");
    pivot_root(&new, &old).context("changing the root")?;
    std::env::set_current_dir("/")?;
    unmount("/tmp", UnmountFlags::DETACH).context("leaving the machine's root")?;
    // Pods see mounts that appear later only below a shared one. It is shared with nobody outside.
    mount_change("/", MountPropagationFlags::SHARED | MountPropagationFlags::REC).context("sharing mounts")
}

/// The folders of programs and images, wherever the user keeps them.
fn needed(request: &Request) -> BTreeSet<PathBuf> {
    let components = request.built.values().map(|(_, folder)| folder.clone());
    let files = request.images.iter().chain([&request.csi_driver]);
    components.chain(files.filter_map(|file| file.parent().map(Path::to_owned))).collect()
}

fn bind(from: &Path, to: &Path, read_only: bool) -> Result<()> {
    mount_bind_recursive(from, to).with_context(|| format!("binding {} to {}", from.display(), to.display()))?;
    if read_only {
        mount_remount(to, MountFlags::BIND | MountFlags::RDONLY, "")
            .with_context(|| format!("making {} read-only", to.display()))?;
    }
    Ok(())
}

fn settings(new: &Path) -> Result<()> {
    for (setting, value) in SETTINGS {
        let stand_in = new.join("run/settings").join(setting);
        if let Some(parent) = stand_in.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&stand_in, value)?;
        mount_bind(&stand_in, new.join("proc/sys").join(setting)).with_context(|| format!("covering {setting}"))?;
    }
    Ok(())
}

fn quiet() -> MountFlags {
    MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC
}
