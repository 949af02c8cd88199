//! `kubectl backup snapshot restore`

mod sources;

use crate::{
    apply::{
        made::Made,
        restoration::{How, restore},
    },
    args::{
        DryRunArgs, OutputArgs, WaitArgs, parse_access_mode, parse_claim_name, parse_claim_pair, parse_name,
        parse_snapshot_name,
    },
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    plan::snapshot::group::{Naming, targets},
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup snapshot restore data-20261121101500 --to data-restored -n shop
  kubectl backup snapshot restore --group friday --to-namespace shop-test -n shop";

/// Make a new PVC from a snapshot, or new PVCs from a group of snapshots, and wait until they are bound
///
/// A PVC gets the storage class, access modes and volume mode of the PVC that was snapshotted, and at least the size
/// that the snapshot needs. No existing PVC is touched. Of a group either all PVCs are made or none. Another namespace
/// is reached through a second content for the storage's same snapshot, which is removed once the PVC has its data.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["snapshot", "group"]))]
pub struct Args {
    /// The snapshot to restore from
    #[arg(value_name = "SNAPSHOT", value_parser = parse_snapshot_name, requires = "to")]
    snapshot: Option<String>,
    /// The PVC to make; it must not exist
    #[arg(long, value_name = "PVC", value_parser = parse_claim_name, conflicts_with = "group")]
    to: Option<String>,
    /// Restore all snapshots of this group, each to a PVC of the name that it was taken of
    #[arg(long, value_name = "NAME", value_parser = parse_group)]
    group: Option<String>,
    /// Append this to the names of a group's PVCs
    #[arg(
        long,
        value_name = "SUFFIX",
        default_value = "",
        hide_default_value = true,
        requires = "group",
        allow_hyphen_values = true
    )]
    name_suffix: String,
    /// Names for single PVCs of a group; may be repeated
    #[arg(long, value_name = "OLD:NEW", value_delimiter = ',', value_parser = parse_claim_pair, requires = "group")]
    map: Vec<(String, String)>,
    /// Make the PVCs in this namespace; it must exist
    #[arg(long, value_name = "NAMESPACE", value_parser = parse_name)]
    to_namespace: Option<String>,
    /// Give the new PVC the labels of the PVC that was snapshotted
    #[arg(long)]
    keep_labels: bool,
    /// The storage class, of the snapshot's own driver; that of the source when absent
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    storage_class: Option<String>,
    /// The size, at least what the snapshot needs; the greater of that and the source's when absent
    #[arg(long, value_name = "QUANTITY", conflicts_with = "group")]
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

fn parse_group(text: &str) -> Result<String, String> {
    let pair: crate::args::Labels = format!("group={text}").parse()?;
    match pair.0.into_values().next() {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err("a group's name is not empty".to_owned()),
    }
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let there = match &self.to_namespace {
            Some(namespace) => crate::client::Cluster { namespace: namespace.clone(), ..cluster.clone() },
            None => cluster.clone(),
        };
        let wanted = match (&self.snapshot, &self.to, &self.group) {
            (Some(name), Some(to), _) => vec![(facts::snapshots::read(&cluster, name).await?, to.clone())],
            (_, _, Some(group)) => {
                let naming = Naming { map: &self.map.iter().cloned().collect(), suffix: &self.name_suffix };
                targets(group, facts::snapshots::of_group(&cluster, group).await?, &naming)?
            }
            _ => return Err(CliError::usage("name a snapshot and --to, or a --group")),
        };
        let sources = sources::Sources { context, cluster: &cluster, there: &there, args: &self };
        let items = sources.plan(wanted).await?;
        let how = How { wait: self.wait.limit(), dry_run: self.dry_run.dry_run, format: self.output.format() };
        restore(context, &there, &items, Made::nothing(&context.run), &how).await
    }
}
