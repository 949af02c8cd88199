//! Whether the quotas are set up.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::Cluster;

/// What is counted, and the API group in which it is served.
const COUNTED: [(&str, &str); 2] =
    [("volumesnapshots.snapshot.storage.k8s.io", "snapshot.storage.k8s.io"), ("schedules.velero.io", "velero.io")];

/// Longer than it takes to notice another configuration and to set a ledger up.
const SET_UP: Duration = Duration::from_secs(180);

/// Returns once every quota decides claims. A new one takes a minute: creates that began before it must end first.
pub fn until_quotas_ready(cluster: &Cluster) -> Result<()> {
    for ledger in ledgers(cluster)? {
        cluster.kubectl(&["wait", &ledger, "--for=create", "--timeout=30s"], "")?;
        cluster.kubectl(&["wait", &ledger, "--for=jsonpath={.status.phase}=Ready", "--timeout=120s"], "")?;
    }
    Ok(())
}

/// Waits until the ledgers became ready by the configuration that is there now: one that took another's place has them set up
/// anew, which is noticed within half a minute and takes another.
pub fn until_quotas_of_now(cluster: &Cluster) -> Result<()> {
    let uid = ["get", "validatingwebhookconfiguration/backup-webhook", "--output=jsonpath={.metadata.uid}"];
    let by = format!("--for=jsonpath={{.status.askedBy}}={}", cluster.kubectl(&uid, "")?.trim());
    for ledger in ledgers(cluster)? {
        let deadline = Instant::now() + SET_UP;
        // One that is deleted meanwhile ends a wait.
        while let Err(error) = cluster.kubectl(&["wait", &ledger, &by, "--timeout=10s"], "") {
            ensure!(Instant::now() < deadline, "{ledger} is of another configuration after {SET_UP:?}: {error:#}");
        }
    }
    Ok(())
}

/// Those of what the cluster has: nothing else is counted.
fn ledgers(cluster: &Cluster) -> Result<Vec<String>> {
    let mut ledgers = Vec::new();
    for (resource, group) in COUNTED {
        if !cluster.kubectl(&["api-resources", "--no-headers", "--api-group", group], "")?.is_empty() {
            ledgers.push(format!("quotaledger/{resource}"));
        }
    }
    Ok(ledgers)
}
