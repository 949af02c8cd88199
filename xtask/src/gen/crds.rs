//! CustomResourceDefinitions from the types in `api`.

use anyhow::Result;
use backup_api::{ledger::QuotaLedger, policy::BackupPolicy};
use kube::CustomResourceExt as _;

use super::Generated;

/// One file for each type.
pub fn files() -> Result<Vec<Generated>> {
    let crds = [("api/src/policy", BackupPolicy::crd()), ("api/src/ledger.rs", QuotaLedger::crd())];
    crds.into_iter()
        .map(|(source, crd)| {
            let path = format!("manifests/crds/{}.yaml", crd.spec.names.plural);
            Generated::yaml(path, source, &crd)
        })
        .collect()
}
