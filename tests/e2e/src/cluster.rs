//! The cluster of a test, and the programs that speak to it.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use test_cluster::{Cluster, Options};

use crate::{Namespace, Run};

/// A cluster with the programs that speak to it.
pub struct TestCluster {
    cluster: Cluster,
    plugin: PathBuf,
    home: tempfile::TempDir,
}

impl TestCluster {
    /// The shared control-plane cluster: no pods, no webhook. Tests run on it side by side.
    pub fn control_plane() -> Self {
        Self::attached("KUBECTL_BACKUP_TEST_CONTROL_PLANE")
    }

    /// The shared cluster with a node: pods, Velero with its node-agent, our webhook as a pod.
    pub fn node() -> Self {
        Self::attached("KUBECTL_BACKUP_TEST_NODE")
    }

    /// A cluster of this test alone. It ends with the test's process, however that ends.
    pub fn own(options: &Options) -> Self {
        let mut options = options.clone();
        options.owned = true;
        let cluster =
            Cluster::up(&options, &mut |step| eprintln!("{step}")).unwrap_or_else(|error| panic!("{error:?}"));
        Self::with(cluster)
    }

    fn attached(variable: &str) -> Self {
        let name = env::var(variable)
            .unwrap_or_else(|_| panic!("{variable} is not set: run the end-to-end tests with cargo xtask test"));
        Self::with(Cluster::attach(&name).unwrap_or_else(|error| panic!("{error:?}")))
    }

    fn with(cluster: Cluster) -> Self {
        let plugin = env::var_os("KUBECTL_BACKUP_PLUGIN")
            .unwrap_or_else(|| panic!("KUBECTL_BACKUP_PLUGIN is not set: run these tests with cargo xtask test"));
        let home = tempfile::tempdir().expect("a temporary folder");
        Self { cluster, plugin: plugin.into(), home }
    }

    /// The cluster itself.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Ends an own cluster before the test's process ends.
    pub fn down(self) {
        self.cluster.down().unwrap_or_else(|error| panic!("{error:?}"));
    }

    /// The plugin as the administrator runs it, without a terminal and with an environment of its own.
    pub fn plugin(&self, args: &[&str]) -> Run {
        self.plugin_with(&self.cluster.kubeconfig(), args)
    }

    /// The plugin as another user runs it: `alice` or `bob`, who have no rights of their own.
    pub fn plugin_as(&self, user: &str, args: &[&str]) -> Run {
        self.plugin_with(&self.cluster.kubeconfig_of(user), args)
    }

    /// The plugin with that kubeconfig.
    pub fn plugin_with(&self, kubeconfig: &Path, args: &[&str]) -> Run {
        let mut command = self.hermetic(&self.plugin);
        command.env("KUBECONFIG", kubeconfig).args(args);
        Run::of(command, None)
    }

    /// The plugin as the administrator runs it, killed (SIGKILL) when it says a line with this text. Panics when it
    /// ends without.
    #[track_caller]
    pub fn plugin_killed_at(&self, text: &str, args: &[&str]) {
        let mut command = self.hermetic(&self.plugin);
        command.env("KUBECONFIG", self.cluster.kubeconfig()).args(args);
        crate::run::kill_at(command, text);
    }

    /// The plugin as the administrator runs it, stopped (SIGSTOP) when it says a line with this text, and let run on once
    /// `meanwhile` returns.
    #[track_caller]
    pub fn plugin_held_at(&self, text: &str, args: &[&str], meanwhile: impl FnOnce()) -> Run {
        let mut command = self.hermetic(&self.plugin);
        command.env("KUBECONFIG", self.cluster.kubeconfig()).args(args);
        crate::run::hold_at(command, text, meanwhile)
    }

    /// Waits until all snapshots that `kubectl get` finds with these flags are gone, whose deletion was asked for. The snapshotter
    /// forgets a content that was deleted while it was being taken until it is touched.
    #[track_caller]
    pub fn until_snapshots_are_gone(&self, flags: &[&str]) {
        let mut touches = 0;
        let left = r#"jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{"\n"}{end}"#;
        let path = "{.metadata.name} {.spec.volumeSnapshotRef.namespace}/{.spec.volumeSnapshotRef.name}";
        let contents = format!(r#"jsonpath={{range .items[*]}}{path}{{"\n"}}{{end}}"#);
        crate::until("the snapshots are gone", Duration::from_secs(120), || {
            let left = self.kubectl(&[&["get", "volumesnapshots", "-o", left], flags].concat());
            let left: Vec<_> = left.lines().collect();
            touches += 1;
            let touch = format!("test.kubectl-backup.dev/touched={touches}");
            let contents = self.kubectl(&["get", "volumesnapshotcontents", "-o", &contents]);
            for (content, of) in contents.lines().filter_map(|line| line.split_once(' ')) {
                if left.contains(&of) {
                    self.try_kubectl(&["annotate", "volumesnapshotcontent", content, "--overwrite", &touch]);
                }
            }
            left.is_empty()
        });
    }

    /// Where the plugin is.
    pub fn plugin_path(&self) -> &Path {
        &self.plugin
    }

    /// The plugin as the administrator runs it, sent a signal (`INT`) when it says a line with this text.
    #[track_caller]
    pub fn plugin_signalled_at(&self, text: &str, signal: &str, args: &[&str]) -> Run {
        let mut command = self.hermetic(&self.plugin);
        command.env("KUBECONFIG", self.cluster.kubeconfig()).args(args);
        crate::run::signal_at(command, text, signal)
    }

    /// The plugin with that kubeconfig, sent a signal (`INT`) once `ready` returns.
    #[track_caller]
    pub fn plugin_signalled_when(&self, kubeconfig: &Path, signal: &str, args: &[&str], ready: impl FnOnce()) -> Run {
        let mut command = self.hermetic(&self.plugin);
        command.env("KUBECONFIG", kubeconfig).args(args);
        crate::run::signal_when(command, signal, ready)
    }

    /// kubectl as the administrator runs it. Panics when it fails.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str]) -> String {
        self.try_kubectl(args).ok().stdout
    }

    /// kubectl as the administrator runs it.
    pub fn try_kubectl(&self, args: &[&str]) -> Run {
        Run::of(self.kubectl_command(args), None)
    }

    /// `kubectl create -f -` with the text. Panics when it fails.
    #[track_caller]
    pub fn create(&self, manifest: &str) -> String {
        self.try_create(manifest).ok().stdout
    }

    /// `kubectl create -f -` with the text.
    pub fn try_create(&self, manifest: &str) -> Run {
        Run::of(self.kubectl_command(&["create", "-f", "-"]), Some(manifest))
    }

    /// `kubectl create -f -` with the text and further flags.
    pub fn try_create_with(&self, flags: &[&str], manifest: &str) -> Run {
        Run::of(self.kubectl_command(&[&["create", "-f", "-"], flags].concat()), Some(manifest))
    }

    /// `kubectl create -f -` with the text, as another user whom the administrator impersonates.
    pub fn try_create_as(&self, user: &str, manifest: &str) -> Run {
        Run::of(self.kubectl_command(&["create", "--as", user, "-f", "-"]), Some(manifest))
    }

    /// `kubectl apply -f -` with the text.
    pub fn try_apply(&self, manifest: &str) -> Run {
        self.try_kubectl_with(&["apply", "-f", "-"], manifest)
    }

    /// kubectl as the administrator runs it, with the text on its standard input.
    pub fn try_kubectl_with(&self, args: &[&str], input: &str) -> Run {
        Run::of(self.kubectl_command(args), Some(input))
    }

    /// Waits until the object is as the condition of `kubectl wait` says. Panics after `seconds`.
    #[track_caller]
    pub fn wait_for(&self, namespace: &str, object: &str, condition: &str, seconds: u32) {
        self.kubectl(&[
            "wait",
            "-n",
            namespace,
            object,
            &format!("--for={condition}"),
            &format!("--timeout={seconds}s"),
        ]);
    }

    /// Makes a namespace that goes away with the value.
    pub fn namespace(&self, prefix: &str) -> Namespace<'_> {
        Namespace::create(self, prefix)
    }

    /// Makes a namespace of just this name, for texts in which it stands. One that an earlier run left goes first.
    pub fn namespace_named(&self, name: &str) -> Namespace<'_> {
        self.try_kubectl(&["delete", "namespace", name, "--ignore-not-found"]).ok();
        Namespace::named(self, name.to_owned())
    }

    /// Makes kubectl's command line again and again, also where this value cannot be.
    pub fn kubectl_again(&self, args: &[&str]) -> impl Fn() -> Command + Send + use<> {
        let kubectl = self.cluster.bin("kubectl").unwrap_or_else(|error| panic!("{error:?}"));
        let (kubeconfig, home) = (self.cluster.kubeconfig(), self.home.path().to_owned());
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        move || {
            let mut command = Command::new(&kubectl);
            command
                .env_clear()
                .env("HOME", &home)
                .env("PATH", "/usr/bin:/bin")
                .env("KUBECONFIG", &kubeconfig)
                .args(&args);
            command
        }
    }

    fn kubectl_command(&self, args: &[&str]) -> Command {
        let kubectl = self.cluster.bin("kubectl").unwrap_or_else(|error| panic!("{error:?}"));
        let mut command = self.hermetic(&kubectl);
        command.env("KUBECONFIG", self.cluster.kubeconfig()).args(args);
        command
    }

    fn hermetic(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin").env("COLUMNS", "100");
        command
    }
}
