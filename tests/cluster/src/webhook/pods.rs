//! Our webhook as pods, from the manifests that users apply.

use std::path::Path;

use anyhow::Result;

use super::asked::until_asked;
use super::quotas::until_quotas_ready;
use crate::Cluster;

/// Imports the image, applies `manifests/webhook/base` and returns once every API server asks the webhook.
pub fn install_pods(cluster: &Cluster, image: &Path) -> Result<()> {
    cluster.import_image(image)?;
    let manifests = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/webhook/base");
    cluster.kubectl(&["apply", "-k", manifests], "")?;
    let rollout = ["rollout", "status", "-n", "kubectl-backup-system", "deployment/backup-webhook", "--timeout=120s"];
    cluster.kubectl(&rollout, "")?;
    until_asked(cluster)?;
    until_quotas_ready(cluster)
}
