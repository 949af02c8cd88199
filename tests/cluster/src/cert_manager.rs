//! cert-manager beside a cluster: its controllers and its CA injector as a process, with the administrator's rights. Its own
//! webhook, which checks and defaults its objects, is not needed for what is shown with it.

use std::{fs, net::SocketAddrV4, process::Command};

use anyhow::{Context, Result};

use crate::{Cluster, program, webhook::Webhook};

/// The running cert-manager; it ends with this value.
#[derive(Debug)]
pub struct CertManager {
    _process: Webhook,
}

/// Builds what is missing, applies its types, and starts it.
pub fn start(cluster: &Cluster, progress: &mut dyn FnMut(&str)) -> Result<CertManager> {
    let manager = program("cert-manager", "manager", progress)?;
    let types = manager.parent().context("a program is in a folder")?.join("crd");
    for file in fs::read_dir(&types).with_context(|| format!("reading {}", types.display()))? {
        let file = file?.path();
        if file.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        // Of the chart's templates, these have only labels to be filled in.
        let text: String = fs::read_to_string(file)?
            .lines()
            .filter(|line| !line.contains("{{"))
            .flat_map(|line| [line, "\n"])
            .collect();
        cluster.kubectl(&["apply", "--server-side", "--filename=-"], &text)?;
    }
    let established =
        ["wait", "crd", "certificates.cert-manager.io", "issuers.cert-manager.io", "--for=condition=Established"];
    cluster.kubectl(&established, "")?;
    let mut managing = Command::new(manager);
    managing.arg(format!("--kubeconfig={}", cluster.kubeconfig().display()));
    let anywhere = SocketAddrV4::new(cluster.host_address(), 0);
    Ok(CertManager { _process: Webhook::start(cluster, "cert-manager", managing, anywhere)? })
}
