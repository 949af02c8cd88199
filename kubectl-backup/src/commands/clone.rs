//! `kubectl backup clone`

use crate::{
    apply::new_claim::{Make, make_claim},
    args::{DryRunArgs, OutputArgs, WaitArgs, parse_access_mode, parse_claim_name, parse_name},
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    plan::{
        claim::{absent, waits_for_pod},
        clone,
    },
};

/// Clone a volume: a new PVC with the bytes of another of the namespace
///
/// The driver copies the volume as it is now; no snapshot is taken and no slot of the quota needed. The clone gets the
/// source's storage class, access modes and volume mode, and at least its size. No existing PVC is touched.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The PVC to clone
    #[arg(value_name = "PVC", value_parser = parse_claim_name)]
    source: String,
    /// The PVC to make; it must not exist
    #[arg(value_name = "NEW", value_parser = parse_claim_name)]
    target: String,
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
        if self.source == self.target {
            return Err(CliError::usage("a PVC cannot be its own clone: the two names are the same"));
        }
        let cluster = context.cluster().await?;
        let (source, target, classes) = tokio::join!(
            facts::claim::read(&cluster, &self.source),
            facts::claim::read_opt(&cluster, &self.target),
            facts::claim::storage_classes(&cluster),
        );
        let (source, classes) = (source?, classes?);
        absent(&self.target, &cluster.namespace, target?.as_ref())?;
        facts::claim::require_bound(&cluster, &source).await?;
        let provisioned = facts::claim::provisioned(&cluster, &source).await?;
        let request = clone::Request {
            target: &self.target,
            storage_class: self.storage_class.as_deref(),
            size: self.size.as_deref(),
            access_modes: &self.access_modes,
        };
        let facts = clone::Facts { source: &source, provisioned: &provisioned, classes: classes.as_deref() };
        let claim = clone::plan(&request, &facts)?;
        let make = Make {
            claim: &claim,
            binds_late: waits_for_pod(&claim, classes.as_deref()),
            wait: self.wait.limit(),
            dry_run: self.dry_run.dry_run,
            format: self.output.format(),
        };
        make_claim(context, &cluster, &make).await
    }
}
