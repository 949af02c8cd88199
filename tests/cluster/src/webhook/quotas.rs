//! Whether the quotas are set up.

use anyhow::Result;

use crate::Cluster;

/// What is counted, and the API group in which it is served.
const COUNTED: [(&str, &str); 2] =
    [("volumesnapshots.snapshot.storage.k8s.io", "snapshot.storage.k8s.io"), ("schedules.velero.io", "velero.io")];

/// Returns once every quota decides claims. A new one takes a minute: creates that began before it must end first.
pub fn until_quotas_ready(cluster: &Cluster) -> Result<()> {
    for (resource, group) in COUNTED {
        // Of what the cluster does not have, nothing is counted.
        if cluster.kubectl(&["api-resources", "--no-headers", "--api-group", group], "")?.is_empty() {
            continue;
        }
        let ledger = format!("quotaledger/{resource}");
        cluster.kubectl(&["wait", &ledger, "--for=create", "--timeout=30s"], "")?;
        cluster.kubectl(&["wait", &ledger, "--for=jsonpath={.status.phase}=Ready", "--timeout=120s"], "")?;
    }
    Ok(())
}
