//! cert-manager beside a cluster: its controller and its CA injector as processes, with the administrator's rights. Its own
//! webhook, which checks and defaults its objects, is not needed for what is shown with it.

use std::{fs, net::SocketAddrV4, process::Command};

use anyhow::{Context, Result};

use crate::{Cluster, program, webhook::Webhook};

/// The running cert-manager; it ends with this value.
#[derive(Debug)]
pub struct CertManager {
    _processes: [Webhook; 2],
}

/// Builds what is missing, applies its types, and starts it.
pub fn start(cluster: &Cluster, progress: &mut dyn FnMut(&str)) -> Result<CertManager> {
    let controller = program("cert-manager", "controller", progress)?;
    let injector = program("cert-manager", "cainjector", progress)?;
    let types = controller.parent().context("a program is in a folder")?.join("crd");
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
    // Nothing of it may be reached from outside, nor clash with another cluster's.
    let anywhere = SocketAddrV4::new(cluster.host_address(), 0);
    let mut controlling = Command::new(controller);
    controlling
        .args(["--leader-elect=false", "--cluster-resource-namespace=default"])
        .arg(format!("--metrics-listen-address={anywhere}"))
        .arg(format!("--kubeconfig={}", cluster.kubeconfig().display()));
    let mut injecting = Command::new(injector);
    injecting.arg("--leader-elect=false").arg(format!("--kubeconfig={}", cluster.kubeconfig().display()));
    let start = |name, command| Webhook::start(cluster, name, command, anywhere);
    let processes = [start("cert-manager", controlling)?, start("cainjector", injecting)?];
    Ok(CertManager { _processes: processes })
}
