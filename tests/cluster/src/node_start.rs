//! The steps that a cluster with a node takes besides those of every cluster.

use std::os::unix::net::UnixStream;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::address::port;
use crate::api::{Api, answers, condition};
use crate::control_plane::NODE_NAME;
use crate::processes::Place;
use crate::start::{LIMIT, Start};
use crate::tasks::Task;
use crate::{cgroup, network, node, sandbox, storage, velero};

impl Start<'_> {
    /// Makes the namespaces, starts containerd in them and begins to bring in the images.
    pub(crate) fn namespaces(&mut self) -> Result<Task> {
        self.report.step("making the node's namespaces");
        cgroup::make(&self.layout.root)?;
        self.processes.start(sandbox::program(self.layout, &std::env::current_exe()?))?;
        let unshare = self.processes.process("namespaces").context("unshare ended at once")?;
        let ready = sandbox::ready_file(self.layout);
        self.processes.wait_for("the namespaces", LIMIT, || {
            if ready.exists() { Ok(()) } else { Err("they are being furnished".into()) }
        })?;
        let first = sandbox::first_process(unshare.pid).context("the namespaces have no first process")?;
        network::connect(self.addresses, first, self.request.options.apiservers)?;
        self.processes.place = Place::InNamespacesOf(first);

        self.processes.start(node::containerd(self.layout, self.request)?)?;
        let socket = node::socket_seen_through(first);
        self.processes.wait_for("containerd", LIMIT, || {
            UnixStream::connect(&socket).map(drop).map_err(|error| error.to_string())
        })?;
        self.import()
    }

    /// Imports beside everything else: unpacking takes a processor for seconds.
    fn import(&self) -> Result<Task> {
        let mut programs = Vec::new();
        for archive in &self.request.images {
            let program = node::ctr(self.request)?.args(["images", "import", &archive.display().to_string()]);
            programs.push((program, String::new()));
        }
        Ok(self.processes.begin("the images", self.processes.place, programs))
    }

    /// Starts the kubelet and what schedules and connects pods.
    pub(crate) fn node(&mut self) -> Result<()> {
        self.report.step("starting the node");
        self.processes.start(node::kubelet(self.layout, self.request, self.addresses)?)?;
        self.processes.start(node::scheduler(self.layout, self.request, self.addresses)?)?;
        self.processes.start(node::proxy(self.layout, self.request, self.addresses)?)
    }

    /// Lets Velero's installer put it into the cluster.
    pub(crate) fn velero_pods(&mut self, _api: &Api) -> Result<()> {
        self.report.step("starting Velero");
        let printed = self.output(velero::installer(self.layout, self.request, self.addresses)?, "")?;
        let objects = velero::quicken(&printed)?;
        self.kubectl(&["apply", "--server-side", "-f", "-"], &objects.to_string()).map(drop)
    }

    /// Waits until pods can run, with volumes and Services.
    pub(crate) fn node_settled(&mut self, api: &Api) -> Result<()> {
        let addresses = self.addresses;
        self.processes.wait_for("the node", LIMIT, || node_ready(api))?;
        let scheduler = format!("https://{}", addresses.at(port::SCHEDULER));
        let scheduler = Api::new(scheduler, &self.layout.ca(), String::new())?;
        self.processes.wait_for("kube-scheduler", LIMIT, || {
            scheduler.get("/healthz").map(drop).map_err(|error| format!("{error:#}"))
        })?;
        let proxy = format!("http://{}/healthz", addresses.at(port::PROXY_HEALTH));
        self.processes.wait_for("kube-proxy", LIMIT, || answers(&proxy))?;
        if self.request.options.with(crate::options::Part::Velero) {
            for (path, field) in velero::WORKLOADS {
                self.processes.wait_for("Velero's pods", LIMIT, || pods_ready(api, path, field))?;
            }
        }
        Ok(())
    }
}

fn node_ready(api: &Api) -> Result<(), String> {
    let get = |path: &str| api.object(path).map_err(|error| format!("{error:#}"));
    let node = get(&format!("/api/v1/nodes/{NODE_NAME}"))?;
    if !condition(&node, "Ready") {
        return Err(format!("its conditions are {}", node["status"]["conditions"]));
    }
    let drivers = get(&format!("/apis/storage.k8s.io/v1/csinodes/{NODE_NAME}"))?;
    let known = drivers.pointer("/spec/drivers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for family in storage::FAMILIES {
        let name = storage::driver_name(family);
        if !known.iter().any(|driver| driver["name"] == name.as_str()) {
            return Err(format!("the CSI driver {name} is not registered with the kubelet"));
        }
    }
    Ok(())
}

fn pods_ready(api: &Api, workload: &str, field: &str) -> Result<(), String> {
    let get = |path: &str| api.object(path).map_err(|error| format!("{error:#}"));
    if get(workload)?.pointer(field).and_then(Value::as_u64).unwrap_or(0) > 0 {
        return Ok(());
    }
    let pods = get(&format!("/api/v1/namespaces/{}/pods", velero::NAMESPACE))?;
    let said: Vec<String> = pods["items"].as_array().map_or(&[][..], Vec::as_slice).iter().map(waiting).collect();
    Err(said.join("; "))
}

/// Why a pod is not running, in the words of its containers.
fn waiting(pod: &Value) -> String {
    let status = &pod["status"];
    let containers = ["initContainerStatuses", "containerStatuses"].map(|kind| status[kind].as_array());
    let reasons: Vec<String> = containers
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|container| container["state"]["waiting"].as_object())
        .map(|waiting| waiting.values().filter_map(Value::as_str).collect::<Vec<_>>().join(": "))
        .collect();
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    format!("pod {name} is {} {}", status["phase"].as_str().unwrap_or_default(), reasons.join(", "))
}
