//! What the machine must have besides the pins.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::node::{TOOLS, find_tool};
use crate::options::Profile;

/// Sees that the machine can run that profile; installs Debian packages when it may.
pub(crate) fn ensure_present(profile: Profile, progress: &mut dyn FnMut(&str)) -> Result<()> {
    if profile == Profile::ControlPlane {
        return Ok(());
    }
    let root = rustix::process::geteuid().is_root();
    ensure!(root, "the node profile makes namespaces and mounts: run it as root, or use --profile control-plane");
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if find_tool("apt-get").is_none() {
        bail!("the node profile needs these Debian packages or their like: {list}");
    }
    progress(&format!("installing {list}"));
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], &missing[..]].concat())
}

fn missing() -> Vec<&'static str> {
    let mut all: Vec<&str> =
        TOOLS.iter().filter(|(tool, _)| find_tool(tool).is_none()).map(|(_, package)| *package).collect();
    // runc is linked against it.
    for (tool, package) in [("gcc", "gcc"), ("pkg-config", "pkg-config")] {
        if find_tool(tool).is_none() {
            all.push(package);
        }
    }
    if !std::path::Path::new("/usr/include/seccomp.h").exists() {
        all.push("libseccomp-dev");
    }
    all
}

fn apt(args: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context("running apt-get")?;
    if !output.status.success() {
        bail!("apt-get {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
