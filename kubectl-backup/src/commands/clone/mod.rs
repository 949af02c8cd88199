//! `kubectl backup clone`

mod elsewhere;

use std::time::Duration;

use crate::{
    apply::{
        made::Made,
        restoration::{How, Restoration, restore},
    },
    args::{DryRunArgs, OutputArgs, WaitArgs, parse_access_mode, parse_claim_name, parse_name},
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    plan::{
        claim::{absent, kept_labels, waits_for_pod},
        clone::{self, not_yet},
        snapshot::filled_from,
    },
};

/// How long the snapshot of a clone into another namespace is waited for when the clone itself is not.
const SNAPSHOT_WAIT: Duration = Duration::from_secs(300);

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup clone data data-test -n shop
  kubectl backup clone data data --to-namespace shop-test -n shop";

/// Clone a volume: a new PVC with the bytes of another
///
/// The driver copies the volume as it is when it makes the new one: now, or at the first use where the storage class waits
/// for a pod. No snapshot is taken and no slot of the quota needed. The clone gets the source's storage class, access modes
/// and volume mode, and at least its size. No existing PVC is touched. Into another namespace a snapshot is the way: it is
/// taken, restored there and removed, and takes two slots meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The PVC to clone
    #[arg(value_name = "PVC", value_parser = parse_claim_name)]
    source: String,
    /// The PVC to make; it must not exist
    #[arg(value_name = "NEW", value_parser = parse_claim_name)]
    target: String,
    /// Make the clone in this namespace; it must exist
    #[arg(long, value_name = "NAMESPACE", value_parser = parse_name)]
    to_namespace: Option<String>,
    /// Give the clone the labels of its source
    #[arg(long)]
    keep_labels: bool,
    /// The storage class, of the volume's own driver; that of the source when absent
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    storage_class: Option<String>,
    /// The size, at least the source's, which it is when absent
    #[arg(long, value_name = "QUANTITY")]
    size: Option<String>,
    /// The access mode; may be repeated; those of the source when absent
    #[arg(long = "access-mode", value_name = "MODE", value_delimiter = ',', value_parser = parse_access_mode)]
    access_modes: Vec<String>,
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
        let namespace = self.to_namespace.clone().unwrap_or_else(|| cluster.namespace.clone());
        let there = Cluster { namespace, ..cluster.clone() };
        let elsewhere = there.namespace != cluster.namespace;
        if self.source == self.target && !elsewhere {
            return Err(CliError::usage("a PVC cannot be its own clone: the two names are the same"));
        }
        let (source, target, classes) = tokio::join!(
            facts::claim::read(&cluster, &self.source),
            facts::claim::read_opt(&there, &self.target),
            facts::claim::storage_classes(&cluster),
        );
        let (source, classes) = (source?, classes?);
        absent(&self.target, &there.namespace, target?.as_ref())?;
        facts::claim::require_bound(&cluster, &source).await?;
        let provisioned = facts::claim::provisioned(&cluster, &source).await?;
        let request = clone::Request {
            target: &self.target,
            storage_class: self.storage_class.as_deref(),
            size: self.size.as_deref(),
            access_modes: &self.access_modes,
        };
        let facts = clone::Facts { source: &source, provisioned: &provisioned, classes: classes.as_deref() };
        let mut claim = clone::plan(&request, &facts)?;
        if self.keep_labels {
            claim.metadata.labels = Some(kept_labels(&source));
        }
        let binds_late = waits_for_pod(&claim, classes.as_deref());
        let how = How { wait: self.wait.limit(), dry_run: self.dry_run.dry_run, format: self.output.format() };
        if elsewhere {
            // The snapshot in between goes again.
            filled_from::note(&mut claim, &source);
            return elsewhere::clone(context, &cluster, &there, &self.source, (claim, binds_late), &how).await;
        }
        if binds_late {
            context.ui.warning(&not_yet(&self.source, &self.target));
        }
        facts::target_namespace::require_room(&cluster, std::slice::from_ref(&claim), 0).await?;
        restore(context, &cluster, &[Restoration { pair: None, claim, binds_late }], Made::nothing(&context.run), &how)
            .await
    }
}
