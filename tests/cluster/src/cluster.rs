//! A cluster as its users see it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::cache::{self, Cache};
use crate::cgroup;
use crate::component::Component;
use crate::components::ensure_built;
use crate::control_plane as plane;
use crate::images;
use crate::layout::{Layout, Record, Request, log_tail};
use crate::leftovers::{self, MARK};
use crate::logs;
use crate::node;
use crate::options::{Options, Part, Profile, check_name};
use crate::packages;
use crate::processes::{Place, ending, prepared};
use crate::report::{Silent, follow};
use crate::s3;
use crate::supervisor::now;

/// How long a cluster may take to end before its processes are killed.
const END_LIMIT: Duration = Duration::from_secs(20);

/// A cluster that is up.
#[derive(Debug)]
pub struct Cluster {
    layout: Layout,
    request: Request,
    record: Record,
    // Open as long as this value lives: an owned cluster ends when the other side sees it closed.
    _owner: Option<BufReader<ChildStdout>>,
}

/// What can be told of a cluster, up or not.
#[derive(Debug, Clone)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Its profile.
    pub profile: Profile,
    /// In one word: ready, starting, degraded, dead.
    pub state: &'static str,
    /// Since it was started.
    pub age: Duration,
    /// The first API server.
    pub url: String,
    /// Component and version.
    pub versions: Vec<(String, String)>,
    /// Components that ended by themselves, with how.
    pub ended: Vec<(String, String)>,
}

impl Cluster {
    /// Starts a cluster and returns when it is ready. Each step is told to `progress`.
    pub fn up(options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        options.check()?;
        let cache = Cache::open()?;
        let layout = Layout { root: cache.clusters().join(&options.name) };
        let supervisor = supervisor_program()?;
        let csi_driver = options.csi_driver.clone().unwrap_or_else(|| supervisor.with_file_name("test-csi-driver"));
        ensure!(
            csi_driver.is_file(),
            "the CSI driver {} is not built: cargo build -p test-csi-driver",
            csi_driver.display()
        );
        packages::ensure_present(options.profile, progress)?;
        let built = ensure_built(&cache, options, progress)?;
        let mut request = Request { options: options.clone(), built, csi_driver, images: Vec::new() };
        if options.profile == Profile::Node {
            request.images = images::archives(&cache, &request, progress)?;
        }

        let held = cache::lock(&cache.clusters(), progress)?;
        if layout.root.exists() {
            if leftovers::processes(&layout.root)?.iter().any(|process| is_supervisor(&layout, *process)) {
                bail!("cluster {0} is up already: cargo xtask cluster down --name {0}", options.name);
            }
            progress("removing what an earlier run left");
            remove(&layout)?;
        }
        layout.make()?;
        layout.write_request(&request)?;
        link_programs(&layout, &request)?;
        let log = fs::File::create(layout.log("supervisor"))?;
        let mut child = Command::new(&supervisor)
            .args(["cluster", "supervise"])
            .arg(&layout.root)
            .env(MARK, &layout.root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .current_dir("/")
            .spawn()
            .with_context(|| format!("starting {}", supervisor.display()))?;
        let mut report = BufReader::new(child.stdout.take().context("the supervisor has no output")?);
        drop(held);
        if let Err(error) = follow(&mut report, progress) {
            let status = child.wait()?;
            let error = if error.is::<Silent>() {
                error.context(format!("{} {}", ending(status), log_tail(&layout.log("supervisor"), 5)))
            } else {
                error
            };
            let logs = layout.logs();
            return Err(error.context(format!(
                "cluster {} did not come up (logs until the next up or down: {})",
                options.name,
                logs.display()
            )));
        }
        // It lives on by itself; when it ends, somebody must take note, or it stays as a zombie of a long test run.
        std::thread::spawn(move || child.wait());
        let record = layout.record()?.context("the cluster has no record")?;
        Ok(Self { layout, request, record, _owner: options.owned.then_some(report) })
    }

    /// The cluster of that name, which is up.
    pub fn attach(name: &str) -> Result<Self> {
        check_name(name)?;
        let layout = Layout { root: Cache::open()?.clusters().join(name) };
        match layout.record()? {
            Some(record) if record.ready && record.supervisor.is_alive() => {
                Ok(Self { request: layout.request()?, layout, record, _owner: None })
            }
            _ => bail!("no cluster {name} is up: cargo xtask cluster up --name {name}"),
        }
    }

    /// Ends the cluster and removes all of it.
    pub fn down(self) -> Result<()> {
        Self::remove(self.name()).map(drop)
    }

    /// Ends and removes the cluster of that name, or what is left of it. False when there is none.
    pub fn remove(name: &str) -> Result<bool> {
        check_name(name)?;
        let cache = Cache::open()?;
        let layout = Layout { root: cache.clusters().join(name) };
        let _held = cache::lock(&cache.clusters(), &mut |_| {})?;
        if !layout.root.exists() && leftovers::processes(&layout.root)?.is_empty() {
            return Ok(false);
        }
        remove(&layout)?;
        Ok(true)
    }

    /// The names of all clusters of this user, also of dead ones.
    pub fn list() -> Result<Vec<String>> {
        let folder = Cache::open()?.clusters();
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            names.extend(entry?.file_name().into_string().ok().filter(|name| check_name(name).is_ok()));
        }
        names.sort();
        Ok(names)
    }

    /// How the cluster of that name is.
    pub fn status(name: &str) -> Result<Status> {
        check_name(name)?;
        let layout = Layout { root: Cache::open()?.clusters().join(name) };
        ensure!(layout.root.is_dir(), "there is no cluster {name}");
        let request = layout.request()?;
        let record = layout.record()?;
        let alive = record.as_ref().is_some_and(|record| record.supervisor.is_alive());
        let state = match &record {
            _ if !alive => "dead",
            Some(record) if !record.ready => "starting",
            Some(record) if !record.ended.is_empty() => "degraded",
            _ => "ready",
        };
        Ok(Status {
            name: name.into(),
            profile: request.options.profile,
            state,
            age: Duration::from_secs(record.as_ref().map_or(0, |record| now().saturating_sub(record.started))),
            url: record.as_ref().map_or_else(String::new, |record| plane::url(record.addresses, 0)),
            versions: request.built.into_iter().map(|(component, (version, _))| (component, version)).collect(),
            ended: record.map(|record| record.ended.into_iter().collect()).unwrap_or_default(),
        })
    }

    /// The logs of the cluster of that name, up or not: components by name, containers as `NAMESPACE/POD/CONTAINER`.
    pub fn logs(name: &str) -> Result<BTreeMap<String, PathBuf>> {
        check_name(name)?;
        logs::all(&Layout { root: Cache::open()?.clusters().join(name) })
    }

    /// One of those logs; a container's name alone is enough when there is one such container.
    pub fn find_log(name: &str, component: &str) -> Result<PathBuf> {
        logs::find(&Self::logs(name)?, component)
    }

    /// The cluster's name; also the name of its first context.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.request.options.name
    }

    /// How much of it runs.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.request.options.profile
    }

    /// The administrator's kubeconfig, with a context per API server: `NAME`, `NAME-2` and so on.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.layout.kubeconfig()
    }

    /// The kubeconfig of a user without rights, `alice` or `bob`, or of a component.
    #[must_use]
    pub fn kubeconfig_of(&self, user: &str) -> PathBuf {
        self.layout.kubeconfig_of(user)
    }

    /// The URL of the API server with that index, from 0.
    #[must_use]
    pub fn server_url(&self, index: u8) -> String {
        plane::url(self.record.addresses, index)
    }

    /// The certificate authority of the API servers.
    pub fn ca_pem(&self) -> Result<String> {
        let path = self.layout.ca();
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// The S3 server.
    #[must_use]
    pub fn s3_url(&self) -> String {
        s3::url(self.record.addresses)
    }

    /// An address on which a test may serve something for this cluster, such as a webhook.
    #[must_use]
    pub fn host_address(&self) -> std::net::Ipv4Addr {
        self.record.addresses.host()
    }

    /// The socket on which etcd answers, without TLS.
    #[must_use]
    pub fn etcd_socket(&self) -> PathBuf {
        self.layout.sockets().join("etcd.sock")
    }

    /// A component that runs, such as `etcd`, `kube-apiserver` or `kube-apiserver-2`, to be killed, frozen and started again.
    pub fn component(&self, name: &str) -> Result<Component> {
        Component::find(self, name)
    }

    /// A pinned program, such as `kubectl` or `velero`.
    pub fn bin(&self, program: &str) -> Result<PathBuf> {
        self.request
            .built
            .values()
            .map(|(_, folder)| folder.join(program))
            .find(|path| path.is_file())
            .with_context(|| format!("this cluster has no program {program}"))
    }

    /// Brings an image archive (docker or OCI) to the node, so that pods can use it without pulling.
    pub fn import_image(&self, archive: &Path) -> Result<()> {
        let first = self.record.first_process.context("only a cluster with the node profile takes images")?;
        let input = fs::File::open(archive).with_context(|| format!("opening {}", archive.display()))?;
        // By its input: the node does not see the caller's files.
        let program = node::ctr(&self.request)?.args(["images", "import", "-"]);
        let output = prepared(&self.layout, Place::InNamespacesOf(first), &program)
            .stdin(input)
            .output()
            .context("starting ctr")?;
        if !output.status.success() {
            bail!("importing {}: {}", archive.display(), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// The cluster's folder.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.layout.root
    }

    /// The log of a component.
    #[must_use]
    pub fn log(&self, component: &str) -> PathBuf {
        self.layout.log(component)
    }

    /// The folder for PATH, with `kubectl` and `velero` of the pins.
    #[must_use]
    pub fn bin_dir(&self) -> PathBuf {
        self.layout.bin()
    }

    /// Where kubectl keeps what it has learned of the cluster. It ends with it: another cluster may have the same address
    /// and other resource types.
    #[must_use]
    pub fn kubectl_cache(&self) -> PathBuf {
        self.layout.root.join("kubectl-cache")
    }

    /// The variables that make `kubectl` and `velero` talk to this cluster.
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        let path = cache::variable("PATH").unwrap_or_default();
        vec![
            ("KUBECONFIG".into(), self.kubeconfig().display().to_string()),
            ("KUBECACHEDIR".into(), self.kubectl_cache().display().to_string()),
            ("PATH".into(), format!("{}:{}", self.layout.bin().display(), path.display())),
        ]
    }
}

fn is_supervisor(layout: &Layout, process: leftovers::ProcessId) -> bool {
    // Before the record is written, any process of the cluster is a starting one.
    match layout.record() {
        Ok(Some(record)) => record.supervisor == process,
        _ => true,
    }
}

/// Ends the processes, takes the mounts away, removes the folder.
fn remove(layout: &Layout) -> Result<()> {
    if let Some(record) = layout.record().unwrap_or_default() {
        record.supervisor.signal(Signal::TERM)?;
        record.supervisor.wait_gone(END_LIMIT);
    }
    leftovers::end_processes(&layout.root)?;
    cgroup::remove(&layout.root)?;
    leftovers::unmount(&layout.root)?;
    match fs::remove_dir_all(&layout.root) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("removing {}", layout.root.display())),
    }
}

/// A folder for PATH with the programs a person types.
fn link_programs(layout: &Layout, request: &Request) -> Result<()> {
    fs::create_dir_all(layout.bin())?;
    let velero = request.options.with(Part::Velero).then_some(("velero", "velero"));
    for (component, program) in [("kubernetes", "kubectl")].into_iter().chain(velero) {
        std::os::unix::fs::symlink(request.program(component, program)?, layout.bin().join(program))?;
    }
    Ok(())
}

/// The program whose `cluster supervise` becomes the cluster's parent.
fn supervisor_program() -> Result<PathBuf> {
    if let Some(path) = cache::variable("KUBECTL_BACKUP_XTASK") {
        return Ok(path);
    }
    let own = std::env::current_exe().context("finding this program")?;
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join("xtask"));
    match std::iter::once(own.clone()).chain(beside).find(|path| path.ends_with("xtask") && path.is_file()) {
        Some(path) => Ok(path),
        None => bail!(
            "the xtask program is not beside {}: cargo build -p xtask, or set KUBECTL_BACKUP_XTASK",
            own.display()
        ),
    }
}
