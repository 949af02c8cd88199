//! Reads of the cluster that the rules need: one file for each kind of object that is judged.

mod node_directories;
mod snapshot;
mod velero;

use std::{sync::Arc, time::Duration};

use backup_policy::{Facts, Subject, velero::Needs};
use kube::Client;
use tokio::time::timeout;

use self::node_directories::NodeDirectories;

/// Time for all reads of one request together; a fact that comes later is no fact.
const PATIENCE: Duration = Duration::from_secs(2);

/// The cluster, to be asked.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    node_directories: Arc<NodeDirectories>,
}

impl Cluster {
    /// Asks through this client.
    pub fn new(client: Client) -> Self {
        Self { client, node_directories: Arc::default() }
    }

    /// Follows what must be known at once when it is asked for; ends never.
    pub async fn follow(&self) {
        self.node_directories.follow(self.client.clone()).await;
    }

    /// Finds out what is needed to fill in what this object leaves open.
    pub async fn learn_for_defaults(&self, facts: &mut Facts, subject: &Subject<'_>, namespace: &str) {
        if let Some(claim) = subject.snapshot_of_without_class() {
            self.learn_snapshot_source(facts, namespace, claim).await;
        }
    }

    /// Finds out what the rules want to know about this object. What cannot be found out stays open.
    pub async fn learn(&self, facts: &mut Facts, subject: &Subject<'_>, namespace: &str) {
        self.learn_for_defaults(facts, subject, namespace).await;
        if subject.asks_for_node_directories() {
            facts.node_directories = self.node_directories.of(namespace);
        }
        let needs = Needs::of(subject);
        if needs == Needs::default() {
            return;
        }
        match timeout(PATIENCE, self.velero(&needs, namespace)).await {
            Ok(known) => facts.velero = known,
            Err(_) => tracing::warn!(namespace, "the API server did not say in time what there is of Velero"),
        }
    }
}

/// What was read, if anything was.
fn known<T>(read: kube::Result<T>, what: &str, namespace: &str) -> Option<T> {
    read.inspect_err(|error| tracing::warn!(%error, namespace, "cannot read {what}")).ok()
}
