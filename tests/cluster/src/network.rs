//! The link between the user's shell and a node's network namespace.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::address::Addresses;
use crate::control_plane::SERVICE_RANGE;

/// Bits of the network that a link is: room for the user's side and five API servers.
const PREFIX: u8 = 28;

fn link(addresses: Addresses) -> String {
    format!("kubebackup{}", addresses.slot)
}

/// Joins the network namespace of that process to this one.
pub(crate) fn connect(addresses: Addresses, process: i32, apiservers: u8) -> Result<()> {
    // The slot is ours, so a link of that name is what a killed run left.
    disconnect(addresses)?;
    let (link, pid) = (link(addresses), process.to_string());
    ip(&["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &pid])?;
    ip(&["address", "add", &format!("{}/{PREFIX}", addresses.host()), "dev", &link])?;
    ip(&["link", "set", &link, "up"])?;
    inside(&pid, &["link", "set", "lo", "up"])?;
    for index in 0..apiservers {
        inside(&pid, &["address", "add", &format!("{}/{PREFIX}", addresses.apiserver(index)), "dev", "eth0"])?;
    }
    inside(&pid, &["link", "set", "eth0", "up"])?;
    // Service addresses are rewritten on the way out, but only what has a way goes out. There is no other way: the
    // cluster reaches this machine and nothing else.
    inside(&pid, &["route", "add", SERVICE_RANGE, "dev", "eth0"])
}

/// Takes the link away, if there is one.
pub(crate) fn disconnect(addresses: Addresses) -> Result<()> {
    let link = link(addresses);
    if std::path::Path::new("/sys/class/net").join(&link).exists() {
        // It may vanish by itself meanwhile, with the other end's namespace.
        if let Err(error) = ip(&["link", "delete", &link])
            && std::path::Path::new("/sys/class/net").join(&link).exists()
        {
            return Err(error);
        }
    }
    Ok(())
}

fn inside(pid: &str, args: &[&str]) -> Result<()> {
    run("nsenter", &[&["--target", pid, "--net", "--", "ip"], args].concat())
}

fn ip(args: &[&str]) -> Result<()> {
    run("ip", args)
}

fn run(program: &str, args: &[&str]) -> Result<()> {
    let output = Command::new(program).args(args).output().with_context(|| format!("running {program}"))?;
    if !output.status.success() {
        bail!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
