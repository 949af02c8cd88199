//! The order in which a cluster comes up. Every step waits for a condition, never for time.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::address::Addresses;
use crate::api::{Api, answers, condition};
use crate::control_plane as plane;
use crate::kubeconfig;
use crate::layout::{Layout, Request, write_private};
use crate::options::{Part, Profile};
use crate::processes::{Place, Processes, Program};
use crate::report::Report;
use crate::{s3, storage, velero};

/// Longer than any step takes on a slow machine; a step that needs more is stuck.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// What the steps work on.
pub(crate) struct Start<'a> {
    pub layout: &'a Layout,
    pub request: &'a Request,
    pub addresses: Addresses,
    pub processes: &'a mut Processes,
    pub report: &'a Report,
}

impl Start<'_> {
    /// Brings the cluster up.
    pub(crate) fn run(&mut self) -> Result<()> {
        let node = self.request.options.profile == Profile::Node;
        let images = if node { Some(self.namespaces()?) } else { None };
        let api = self.control_plane()?;
        self.definitions(&api)?;
        if node {
            self.node()?;
        }
        self.storage(&api)?;
        if let Some(images) = images {
            self.processes.finish(images, LIMIT).context("importing images")?;
        }
        if self.request.options.with(Part::Velero) {
            if node { self.velero_pods(&api)? } else { self.velero_process(&api)? }
        }
        self.report.step("waiting until all is ready");
        if node {
            self.node_settled(&api)?;
        }
        self.settled(&api)
    }

    fn control_plane(&mut self) -> Result<Api> {
        self.report.step("starting etcd, S3 and the API server");
        let token = plane::credentials(self.layout, self.request, self.addresses)?;
        self.processes.start(plane::etcd(self.layout, self.request)?)?;
        self.processes.start(s3::server(self.layout, self.request, self.addresses)?)?;
        let socket = self.layout.sockets().join("etcd.sock");
        self.processes.wait_for("etcd's socket", LIMIT, || {
            std::os::unix::net::UnixStream::connect(&socket).map(drop).map_err(|error| error.to_string())
        })?;
        let mut first = None;
        for index in 0..self.request.options.apiservers {
            self.processes.start(plane::apiserver(self.layout, self.request, self.addresses, index)?)?;
            let api = Api::new(plane::url(self.addresses, index), &self.layout.ca(), token.clone())?;
            // One after the other: two would make the same first objects at the same time.
            self.processes.wait_for(&plane::apiserver_name(index), LIMIT, || {
                api.get("/readyz").map(drop).map_err(|error| format!("{error:#}"))
            })?;
            first.get_or_insert(api);
        }
        self.processes.start(plane::controller_manager(self.layout, self.request, self.addresses)?)?;
        first.context("a cluster has at least one API server")
    }

    /// The CRDs, and all objects that the components find when they start.
    fn definitions(&mut self, api: &Api) -> Result<()> {
        let (snapshots, velero) = (self.request.options.with(Part::Snapshots), self.request.options.with(Part::Velero));
        self.report.step("applying definitions");
        let (mut files, mut input) = (Vec::new(), String::new());
        if snapshots {
            files.extend(storage::definitions(self.request)?);
        }
        if velero {
            input = self.output(velero::definitions(self.request)?, "")?;
            files.push("-".into());
        }
        if !files.is_empty() {
            let mut args = vec!["apply", "--server-side"];
            args.extend(files.iter().flat_map(|file| ["-f", file]));
            self.kubectl(&args, &input)?;
            self.processes.wait_for("the definitions", LIMIT, || established(api))?;
        }
        let mut objects = storage::objects();
        if snapshots {
            objects.extend(storage::snapshot_classes());
        }
        if velero && self.addresses.profile == Profile::ControlPlane {
            objects.extend(velero::account());
        }
        self.apply(&objects)
    }

    fn storage(&mut self, api: &Api) -> Result<()> {
        self.report.step("starting storage");
        for account in storage::ACCOUNTS {
            self.kubeconfig_for(api, "kube-system", account)?;
        }
        for family in storage::FAMILIES {
            self.processes.start(storage::driver(self.layout, self.request, self.addresses, family))?;
        }
        if self.request.options.with(Part::Snapshots) {
            self.processes.start(storage::snapshot_controller(self.layout, self.request, self.addresses)?)?;
        }
        for family in storage::FAMILIES {
            let socket = storage::socket(self.layout, family);
            self.processes.wait_for(&format!("the CSI driver {family}"), LIMIT, || {
                std::os::unix::net::UnixStream::connect(&socket).map(drop).map_err(|error| error.to_string())
            })?;
            for (program, _) in storage::sidecars(self.layout, self.request, self.addresses, family)? {
                self.processes.start(program)?;
            }
        }
        Ok(())
    }

    fn velero_process(&mut self, api: &Api) -> Result<()> {
        self.report.step("starting Velero");
        self.kubeconfig_for(api, velero::NAMESPACE, "velero")?;
        self.apply(&[velero::location(self.addresses)])?;
        self.processes.start(velero::server(self.layout, self.request, self.addresses)?)
    }

    /// Waits until everything that was started does its work.
    fn settled(&mut self, api: &Api) -> Result<()> {
        let addresses = self.addresses;
        let mut urls = Vec::new();
        if self.request.options.with(Part::Snapshots) {
            urls.push(("snapshot-controller".to_owned(), storage::snapshot_controller_url(addresses)));
        }
        for family in storage::FAMILIES {
            let sidecars = storage::sidecars(self.layout, self.request, addresses, family)?;
            urls.extend(sidecars.into_iter().map(|(program, url)| (program.name, url)));
        }
        urls.push(("versitygw".into(), format!("{}/health", s3::url(addresses))));
        for (name, url) in urls {
            self.processes.wait_for(&name, LIMIT, || answers(&url))?;
        }
        // Its own health page comes earlier than its work.
        self.processes.wait_for("kube-controller-manager", LIMIT, || {
            let path = "/api/v1/namespaces/default/serviceaccounts/default";
            api.get(path).map(drop).map_err(|error| format!("{error:#}"))
        })?;
        if self.request.options.with(Part::Velero) {
            self.processes.wait_for("Velero's storage location", LIMIT, || available(api))?;
        }
        Ok(())
    }

    fn kubeconfig_for(&mut self, api: &Api, namespace: &str, account: &str) -> Result<()> {
        let mut token = String::new();
        // An API server that has just got its types may be busy for longer than one request may take.
        self.processes.wait_for(&format!("a token of {account}"), LIMIT, || {
            token = api.service_account_token(namespace, account).map_err(|error| format!("{error:#}"))?;
            Ok(())
        })?;
        let servers = plane::servers(&self.request.options.name, self.addresses, self.request.options.apiservers);
        let text = kubeconfig::render(&servers, &self.layout.ca(), account, &token);
        write_private(&self.layout.kubeconfig_of(account), &text)
    }

    pub(crate) fn apply(&mut self, objects: &[Value]) -> Result<()> {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        self.kubectl(&["apply", "--server-side", "-f", "-"], &list.to_string()).map(drop)
    }

    pub(crate) fn kubectl(&mut self, args: &[&str], input: &str) -> Result<String> {
        let program = Program::new("kubectl", self.request.program("kubernetes", "kubectl")?)
            .args([format!("--kubeconfig={}", self.layout.kubeconfig().display())])
            .args(args.iter().copied());
        self.output(program, input)
    }

    /// Runs a program to its end. Never in the namespaces: what is asked is reachable from here.
    pub(crate) fn output(&mut self, program: Program, input: &str) -> Result<String> {
        let name = program.name.clone();
        let task = self.processes.begin(&name, Place::Here, vec![(program, input.to_owned())]);
        self.processes.finish(task, LIMIT)
    }
}

fn established(api: &Api) -> Result<(), String> {
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let list = api.object(path).map_err(|error| format!("{error:#}"))?;
    let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
    match items.iter().find(|item| !condition(item, "Established")) {
        Some(item) => Err(format!("{} is not established", item["metadata"]["name"])),
        None => Ok(()),
    }
}

fn available(api: &Api) -> Result<(), String> {
    let location = api.object(velero::LOCATION_PATH).map_err(|error| format!("{error:#}"))?;
    let status = &location["status"];
    if status["phase"] == "Available" { Ok(()) } else { Err(format!("its status is {status}")) }
}
