//! The node: containerd, the kubelet, the scheduler and the Service proxy.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::address::{Addresses, port};
use crate::cgroup;
use crate::control_plane::NODE_NAME;
use crate::images;
use crate::layout::{Layout, Request};
use crate::processes::Program;
use crate::storage::KUBELET_ROOT;

/// containerd's socket; below /run of the node's own mounts.
const SOCKET: &str = "/run/containerd/containerd.sock";
/// Pods get addresses from here. Every cluster may use the same: nobody else sees them.
const POD_RANGE: &str = "10.85.0.0/16";

/// containerd, with its network plugins' configuration.
pub(crate) fn containerd(layout: &Layout, request: &Request) -> Result<Program> {
    let folder = layout.folder("containerd-config");
    let network = folder.join("cni");
    fs::create_dir_all(&network)?;
    let bridge = json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [{
            "type": "bridge",
            "bridge": "pods0",
            "isGateway": true,
            "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "ranges": [[{ "subnet": POD_RANGE }]],
                "routes": [{ "dst": "0.0.0.0/0" }],
                "dataDir": "/run/cni/networks",
            },
        }],
    });
    fs::write(network.join("10-pods.conflist"), serde_json::to_vec_pretty(&bridge)?)?;

    let programs = &request.component("containerd")?.1;
    let config = json!({
        "version": 3,
        "root": layout.folder("containerd"),
        "state": "/run/containerd",
        "disabled_plugins": ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"],
        "plugins": {
            "io.containerd.cri.v1.images": {
                "snapshotter": "overlayfs",
                "pinned_images": { "sandbox": images::PAUSE },
            },
            "io.containerd.cri.v1.runtime": {
                "restrict_oom_score_adj": true,
                "containerd": {
                    "default_runtime_name": "runc",
                    "runtimes": {
                        "runc": {
                            "runtime_type": "io.containerd.runc.v2",
                            "options": { "BinaryName": request.program("runc", "runc")?, "SystemdCgroup": false },
                        },
                    },
                },
                "cni": { "bin_dirs": [request.component("cni-plugins")?.1], "conf_dir": network },
            },
        },
    });
    let file = folder.join("config.toml");
    fs::write(&file, toml::to_string(&config)?)?;
    // It looks for its shim on PATH.
    let path = format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", programs.display());
    Ok(Program::new("containerd", programs.join("containerd"))
        .env("PATH", path)
        .args([format!("--config={}", file.display()), "--log-level=info".into()]))
}

/// containerd's socket as it is seen from outside the namespaces of that process.
pub(crate) fn socket_seen_through(process: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{process}/root{SOCKET}"))
}

/// The command line of containerd, on the kubelet's images.
pub(crate) fn ctr(request: &Request) -> Result<Program> {
    Ok(Program::new("ctr", request.program("containerd", "ctr")?)
        .args([format!("--address={SOCKET}"), "--namespace=k8s.io".into()]))
}

/// The kubelet.
pub(crate) fn kubelet(layout: &Layout, request: &Request, addresses: Addresses) -> Result<Program> {
    let pki = |file: &str| layout.folder("pki").join(file).display().to_string();
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": addresses.main().to_string(),
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": pki("ca.crt") },
        },
        "authorization": { "mode": "Webhook" },
        "tlsCertFile": pki("server.crt"),
        "tlsPrivateKeyFile": pki("server.key"),
        "containerRuntimeEndpoint": format!("unix://{SOCKET}"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", cgroup::name(&layout.root)),
        "failCgroupV1": false,
        "failSwapOn": false,
        // The machine's disk is not this node's: never throw pods or images out for it.
        "evictionHard": { "nodefs.available": "0%", "imagefs.available": "0%", "memory.available": "0%" },
        "imageGCHighThresholdPercent": 100,
        "localStorageCapacityIsolation": false,
        "podLogsDir": layout.pod_logs().display().to_string(),
        "resolvConf": "",
        "maxPods": 200,
        "serializeImagePulls": false,
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",
        "volumePluginDir": format!("{KUBELET_ROOT}/volume-plugins"),
    });
    let file = layout.folder("kubelet-config.json");
    fs::write(&file, serde_json::to_vec_pretty(&config)?)?;
    Ok(Program::new("kubelet", request.program("kubernetes", "kubelet")?).args([
        format!("--config={}", file.display()),
        format!("--kubeconfig={}", user(layout, &format!("system:node:{NODE_NAME}"))),
        format!("--root-dir={KUBELET_ROOT}"),
        format!("--hostname-override={NODE_NAME}"),
        format!("--node-ip={}", addresses.main()),
    ]))
}

/// The scheduler.
pub(crate) fn scheduler(layout: &Layout, request: &Request, addresses: Addresses) -> Result<Program> {
    let pki = |file: &str| layout.folder("pki").join(file).display().to_string();
    let kubeconfig = user(layout, "system:kube-scheduler");
    Ok(Program::new("kube-scheduler", request.program("kubernetes", "kube-scheduler")?).args([
        format!("--kubeconfig={kubeconfig}"),
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
        format!("--bind-address={}", addresses.main()),
        format!("--tls-cert-file={}", pki("server.crt")),
        format!("--tls-private-key-file={}", pki("server.key")),
        "--leader-elect=false".into(),
    ]))
}

/// The Service proxy.
pub(crate) fn proxy(layout: &Layout, request: &Request, addresses: Addresses) -> Result<Program> {
    Ok(Program::new("kube-proxy", request.program("kubernetes", "kube-proxy")?).args([
        format!("--kubeconfig={}", user(layout, "system:kube-proxy")),
        format!("--hostname-override={NODE_NAME}"),
        "--proxy-mode=nftables".into(),
        format!("--cluster-cidr={POD_RANGE}"),
        // Pods share a bridge: without it an answer would go straight back and nobody would know the sender.
        "--masquerade-all".into(),
        // These settings are the machine's, not the namespace's.
        "--conntrack-max-per-core=0".into(),
        "--conntrack-tcp-timeout-established=0".into(),
        "--conntrack-tcp-timeout-close-wait=0".into(),
        format!("--healthz-bind-address={}", addresses.at(port::PROXY_HEALTH)),
        "--metrics-bind-address=127.0.0.1:10249".into(),
    ]))
}

fn user(layout: &Layout, name: &str) -> String {
    layout.kubeconfig_of(name).display().to_string()
}

/// Debian packages that a node needs, by a program that tells whether they are there.
pub(crate) const TOOLS: [(&str, &str); 6] = [
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("mount", "mount"),
    ("busybox", "busybox-static"),
];

/// Where a node's programs may be.
pub(crate) fn find_tool(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]
        .iter()
        .map(|folder| PathBuf::from(folder).join(name))
        .find(|path| path.is_file())
}
