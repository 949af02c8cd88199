//! etcd, the API servers and the controller manager.

mod audit;

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Result;

use crate::address::{Addresses, port};
use crate::admission;
use crate::kubeconfig::{self, Server};
use crate::layout::{Layout, Request, write_private};
use crate::options::Profile;
use crate::pki;
use crate::processes::Program;

/// Services get addresses from here.
pub(crate) const SERVICE_RANGE: &str = "10.96.0.0/16";
/// The `kubernetes` Service: the first address of the range.
const KUBERNETES_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
/// The one node of the node profile.
pub(crate) const NODE_NAME: &str = "node-1";

/// Users with a static token: name and groups. `alice` and `bob` have no rights until a test gives them some.
const USERS: [(&str, &str); 7] = [
    ("admin", "system:masters"),
    ("alice", ""),
    ("bob", ""),
    ("system:kube-controller-manager", ""),
    ("system:kube-scheduler", ""),
    ("system:kube-proxy", "system:node-proxier"),
    ("system:node:node-1", "system:nodes"),
];

/// The URL of the API server with that index.
pub(crate) fn url(addresses: Addresses, index: u8) -> String {
    format!("https://{}:{}", addresses.apiserver(index), port::API_SERVER)
}

/// The API servers with their contexts: the cluster's name, then name-2, name-3.
pub(crate) fn servers(name: &str, addresses: Addresses, count: u8) -> Vec<Server> {
    (0..count)
        .map(|index| Server {
            context: if index == 0 { name.to_owned() } else { format!("{name}-{}", index + 1) },
            url: url(addresses, index),
        })
        .collect()
}

/// Makes the keys, the users and their kubeconfigs. Returns the administrator's token.
pub(crate) fn credentials(layout: &Layout, request: &Request, addresses: Addresses) -> Result<String> {
    let mut names: Vec<IpAddr> = vec![KUBERNETES_SERVICE.into(), Ipv4Addr::LOCALHOST.into()];
    names.extend((0..request.options.apiservers).map(|index| IpAddr::from(addresses.apiserver(index))));
    pki::make(layout, &names)?;
    admission::write(layout)?;
    audit::write(layout)?;

    let servers = servers(&request.options.name, addresses, request.options.apiservers);
    let mut table = String::new();
    let mut admin = String::new();
    for (user, groups) in USERS {
        let token = pki::secret()?;
        table.push_str(&format!("{token},{user},{user},\"{groups}\"\n"));
        let text = kubeconfig::render(&servers, &layout.ca(), user, &token);
        write_private(&layout.kubeconfig_of(user), &text)?;
        if user == "admin" {
            write_private(&layout.kubeconfig(), &text)?;
            admin = token;
        }
    }
    write_private(&layout.folder("pki").join("tokens.csv"), &table)?;
    Ok(admin)
}

/// etcd on unix sockets: nothing of it is on the network, so it needs no certificates.
pub(crate) fn etcd(layout: &Layout, request: &Request) -> Result<Program> {
    let socket = |name: &str| format!("unix://{}", layout.sockets().join(name).display());
    let (client, peer) = (socket("etcd.sock"), socket("etcd-peer.sock"));
    Ok(Program::new("etcd", request.program("etcd", "etcd")?).args([
        format!("--data-dir={}", layout.folder("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        // A test cluster does not survive the machine, so it need not wait for the disk.
        "--unsafe-no-fsync".into(),
        "--log-level=warn".into(),
    ]))
}

/// The API server with that index.
pub(crate) fn apiserver(layout: &Layout, request: &Request, addresses: Addresses, index: u8) -> Result<Program> {
    let pki = |file: &str| layout.folder("pki").join(file).display().to_string();
    let node = addresses.profile == Profile::Node;
    let mut args = vec![
        format!("--etcd-servers=unix://{}", layout.sockets().join("etcd.sock").display()),
        format!("--bind-address={}", addresses.apiserver(index)),
        format!("--advertise-address={}", addresses.apiserver(index)),
        format!("--secure-port={}", port::API_SERVER),
        format!("--tls-cert-file={}", pki("server.crt")),
        format!("--tls-private-key-file={}", pki("server.key")),
        format!("--cert-dir={}", layout.folder("pki").display()),
        format!("--client-ca-file={}", pki("ca.crt")),
        format!("--token-auth-file={}", pki("tokens.csv")),
        format!("--authorization-mode={}", if node { "Node,RBAC" } else { "RBAC" }),
        "--service-account-issuer=https://kubernetes.default.svc".into(),
        format!("--service-account-key-file={}", pki("service-accounts.pub")),
        format!("--service-account-signing-key-file={}", pki("service-accounts.key")),
        format!("--service-cluster-ip-range={SERVICE_RANGE}"),
        format!("--admission-control-config-file={}", admission::configuration(layout).display()),
        "--allow-privileged".into(),
        "--enable-aggregator-routing=true".into(),
        // A loopback address cannot be published as an endpoint; with a node the Service must lead here.
        format!("--endpoint-reconciler-type={}", if node { "lease" } else { "none" }),
        "--profiling=false".into(),
    ];
    args.extend(audit::arguments(layout, &apiserver_name(index)));
    if node {
        args.extend([
            format!("--kubelet-certificate-authority={}", pki("ca.crt")),
            format!("--kubelet-client-certificate={}", pki("kubelet-client.crt")),
            format!("--kubelet-client-key={}", pki("kubelet-client.key")),
            "--kubelet-preferred-address-types=InternalIP".into(),
        ]);
    }
    Ok(Program::new(apiserver_name(index), request.program("kubernetes", "kube-apiserver")?).args(args))
}

/// The component's name: the first has no number.
pub(crate) fn apiserver_name(index: u8) -> String {
    if index == 0 { "kube-apiserver".into() } else { format!("kube-apiserver-{}", index + 1) }
}

/// The controller manager.
pub(crate) fn controller_manager(layout: &Layout, request: &Request, addresses: Addresses) -> Result<Program> {
    let pki = |file: &str| layout.folder("pki").join(file).display().to_string();
    let kubeconfig = layout.kubeconfig_of("system:kube-controller-manager").display().to_string();
    Ok(Program::new("kube-controller-manager", request.program("kubernetes", "kube-controller-manager")?).args([
        format!("--kubeconfig={kubeconfig}"),
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
        format!("--bind-address={}", addresses.main()),
        format!("--secure-port={}", port::CONTROLLER_MANAGER),
        format!("--cert-dir={}", layout.folder("controller-manager").display()),
        format!("--root-ca-file={}", pki("ca.crt")),
        format!("--service-account-private-key-file={}", pki("service-accounts.key")),
        "--use-service-account-credentials".into(),
        "--leader-elect=false".into(),
        "--profiling=false".into(),
        // Quick to notice, quick to bind: tests wait for these.
        "--pvclaimbinder-sync-period=2s".into(),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_context_has_the_clusters_name() {
        let addresses = Addresses { slot: 7, profile: Profile::ControlPlane };
        let servers = servers("one", addresses, 2);
        let all: Vec<_> = servers.iter().map(|server| (server.context.as_str(), server.url.as_str())).collect();
        assert_eq!(all, [("one", "https://127.77.7.1:6443"), ("one-2", "https://127.77.7.2:6443")]);
    }

    #[test]
    fn the_nodes_user_is_of_its_node() {
        assert!(
            USERS.iter().any(|(user, groups)| *user == format!("system:node:{NODE_NAME}") && *groups == "system:nodes")
        );
    }
}
