//! `kubectl backup snapshot restore`

use std::collections::BTreeSet;

use k8s_openapi::api::storage::v1::StorageClass;

use crate::{
    apply::new_claim::{Make, make_claim},
    args::{DryRunArgs, OutputArgs, WaitArgs, parse_access_mode, parse_claim_name, parse_name, parse_snapshot_name},
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    plan::{
        claim::{absent, waits_for_pod},
        snapshot::{
            content::Content,
            origin::{self, Standing},
            restore,
        },
    },
};

/// Make a new PVC from a snapshot and wait until it is bound
///
/// The PVC gets the storage class, access modes and volume mode of the PVC that was snapshotted, and at least the size
/// that the snapshot needs. No existing PVC is touched.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The snapshot to restore from
    #[arg(value_name = "SNAPSHOT", value_parser = parse_snapshot_name)]
    snapshot: String,
    /// The PVC to make; it must not exist
    #[arg(long, value_name = "PVC", value_parser = parse_claim_name)]
    to: String,
    /// The storage class, of the snapshot's own driver; that of the source when absent
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    storage_class: Option<String>,
    /// The size, at least what the snapshot needs; the greater of that and the source's when absent
    #[arg(long, value_name = "QUANTITY")]
    size: Option<String>,
    /// The access mode; may be repeated; those of the source when absent
    #[arg(long = "access-mode", value_name = "MODE", value_delimiter = ',', value_parser = parse_access_mode)]
    access_modes: Vec<String>,
    /// Wait until the PVC is bound; this is the default
    #[arg(long = "wait", conflicts_with = "no_wait")]
    _wait: bool,
    #[command(flatten)]
    wait: WaitArgs<5>,
    #[command(flatten)]
    dry_run: DryRunArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let ui = &context.ui;
        let (plan, late) = self.plan(context, &cluster).await?;
        for remark in &plan.remarks {
            ui.warning(remark);
        }
        let make = Make {
            claim: &plan.claim,
            binds_late: late,
            wait: self.wait.limit(),
            dry_run: self.dry_run.dry_run,
            format: self.output.format(),
        };
        make_claim(context, &cluster, &make).await
    }

    /// Plans the claim; also tells whether its class binds only once a pod uses it.
    async fn plan(&self, context: &Context, cluster: &Cluster) -> Result<(restore::Plan, bool)> {
        let (snapshot, target, classes) = tokio::join!(
            facts::snapshots::read(cluster, &self.snapshot),
            facts::claim::read_opt(cluster, &self.to),
            facts::claim::storage_classes(cluster),
        );
        let snapshot = snapshot?;
        if let Some(restored) = origin::restored(&snapshot) {
            let standing = facts::backup_standing::of(cluster, BTreeSet::from([restored.backup])).await;
            let standing = standing.get(restored.backup).copied().unwrap_or_default();
            if standing == Standing::Gone {
                context.ui.warning(&format!("snapshot {} was {}", self.snapshot, restored.words(standing)));
            }
        }
        absent(&self.to, &cluster.namespace, target?.as_ref())?;
        let content = facts::snapshots::content(cluster, &snapshot).await?;
        let source = match snapshot.spec.source.persistent_volume_claim_name.as_deref() {
            Some(name) => facts::claim::read_opt(cluster, name).await?,
            None => None,
        };
        if let Content::Gone(name) = &content {
            return Err(CliError::new(format!(
                "nothing can be restored from VolumeSnapshot {:?}: its content {name:?} is gone",
                self.snapshot
            )));
        }
        let classes: Option<Vec<StorageClass>> = classes?;
        let request = restore::Request {
            target: &self.to,
            storage_class: self.storage_class.as_deref(),
            size: self.size.as_deref(),
            access_modes: &self.access_modes,
        };
        let facts = restore::Facts {
            snapshot: &snapshot,
            content: content.found(),
            source: source.as_ref(),
            classes: classes.as_deref(),
        };
        let plan = restore::plan(&request, &facts)?;
        let late = waits_for_pod(&plan.claim, classes.as_deref());
        Ok((plan, late))
    }
}
