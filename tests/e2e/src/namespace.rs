//! A namespace for one test.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::TestCluster;

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A namespace that is deleted when the value goes away, also when the test fails.
pub struct Namespace<'a> {
    cluster: &'a TestCluster,
    name: String,
}

impl<'a> Namespace<'a> {
    pub(crate) fn create(cluster: &'a TestCluster, prefix: &str) -> Self {
        Self::named(cluster, format!("{prefix}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn named(cluster: &'a TestCluster, name: String) -> Self {
        cluster.kubectl(&["create", "namespace", &name]);
        Self { cluster, name }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cluster that it is in.
    pub fn cluster(&self) -> &'a TestCluster {
        self.cluster
    }

    /// kubectl in this namespace.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str]) -> String {
        self.cluster.kubectl(&[&["-n", &self.name], args].concat())
    }

    /// kubectl in this namespace, also where it fails.
    pub fn try_kubectl(&self, args: &[&str]) -> crate::Run {
        self.cluster.try_kubectl(&[&["-n", &self.name], args].concat())
    }

    /// The VolumeSnapshotContents of its snapshots.
    pub fn contents(&self) -> Vec<Value> {
        let all = self.cluster.kubectl(&["get", "volumesnapshotcontents", "-o", "json"]);
        let all: Value = serde_json::from_str(&all).expect("a list");
        let of_it = |content: &Value| content["spec"]["volumeSnapshotRef"]["namespace"] == self.name();
        all["items"].as_array().cloned().unwrap_or_default().into_iter().filter(of_it).collect()
    }

    /// Waits until all its snapshots are gone, whose deletion was asked for.
    #[track_caller]
    pub fn until_snapshots_are_gone(&self) {
        self.cluster.until_snapshots_are_gone(&["-n", &self.name]);
    }

    /// Panics unless the run says that it deletes what it made, beginning with a name that begins so. The snapshotter forgets what was deleted while it was being taken, and the
    /// plugin waits only so long for it to look again: so this waits until all is gone.
    #[track_caller]
    pub fn takes_back(&self, run: &crate::Run, stem: &str) {
        let told = ["deleted again: ", "still being deleted: "].map(|text| format!("{text}{stem}"));
        assert!(told.iter().any(|text| run.stderr.contains(text.as_str())), "{}", run.stderr);
        self.until_snapshots_are_gone();
    }

    /// The plugin in this namespace.
    pub fn plugin(&self, args: &[&str]) -> crate::Run {
        self.cluster.plugin(&[args, &["-n", &self.name]].concat())
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        // Snapshots first: a claim that one is being taken of waits for it.
        let delete = |args: &[&str]| self.cluster.try_kubectl(args);
        delete(&["-n", &self.name, "delete", "volumesnapshots", "--all", "--wait=false", "--ignore-not-found"]);
        delete(&["delete", "namespace", &self.name, "--wait=false", "--ignore-not-found"]);
    }
}
