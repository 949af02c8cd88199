//! `kubectl backup snapshot restore`

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};
use kube::Resource as _;
use serde_json::Value;

use super::wait::until_bound;
use crate::{
    args::{
        DryRun, DryRunArgs, OutputArgs, parse_access_mode, parse_claim_name, parse_duration, parse_name,
        parse_snapshot_name,
    },
    client::{self, Cluster},
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    output::{Changed, print_changed},
    plan::{
        claim::binds_late,
        refusal,
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
    #[arg(long, conflicts_with = "no_wait")]
    wait: bool,
    /// Do not wait until the PVC is bound
    #[arg(long)]
    no_wait: bool,
    /// How long to wait; 0 waits forever
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    timeout: Duration,
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
        let (format, dry_run) = (self.output.format(), self.dry_run.dry_run);
        let object = as_sent(&plan.claim)?;
        let object = match dry_run {
            DryRun::Client => object,
            DryRun::None | DryRun::Server => create(&cluster, &object, &self.to, dry_run).await?,
        };
        let name = format!("persistentvolumeclaim/{}", self.to);
        let report =
            |object: &Value| print_changed(ui, format, dry_run, &Changed { name: &name, verb: "created", object });
        if dry_run != DryRun::None || self.no_wait || late {
            report(&object)?;
            if late && dry_run == DryRun::None {
                ui.status(&format!(
                    "PVC {} is not waited for: its storage class makes the volume when the first pod uses it",
                    self.to
                ));
            }
            return Ok(Exit::Done);
        }
        if format.is_structured() {
            until_bound(context, &cluster, &self.to, uid_of(&object), self.timeout).await?;
            report(&facts::claim::read_as_is(&cluster, &self.to).await?)?;
        } else {
            report(&object)?;
            until_bound(context, &cluster, &self.to, uid_of(&object), self.timeout).await?;
        }
        Ok(Exit::Done)
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
        if target?.is_some() {
            let namespace = &cluster.namespace;
            return Err(CliError::new(format!("PVC {:?} in namespace {namespace:?} exists already", self.to))
                .hint("A restore never touches an existing PVC: choose another name for --to.")
                .hint(format!("See it with: kubectl get pvc {} -n {namespace}", self.to)));
        }
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
        let chosen = plan.claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
        let class = classes.iter().flatten().find(|class| class.metadata.name.as_deref() == chosen);
        Ok((plan, binds_late(class)))
    }
}

fn uid_of(object: &Value) -> Option<&str> {
    object.pointer("/metadata/uid")?.as_str()
}

fn as_sent(claim: &PersistentVolumeClaim) -> Result<Value> {
    serde_json::to_value(claim).map_err(|error| CliError::new(format!("failed to write the PVC: {error}")))
}

async fn create(cluster: &Cluster, claim: &Value, name: &str, dry_run: DryRun) -> Result<Value> {
    let namespace = &cluster.namespace;
    let path = PersistentVolumeClaim::url_path(&(), Some(namespace));
    client::create(cluster, &path, claim, dry_run, &format!("create PVC {name:?} in namespace {namespace:?}"))
        .await
        .map_err(|error| refusal::explain(error, "persistentvolumeclaims", name, namespace))
}
