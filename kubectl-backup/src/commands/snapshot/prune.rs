//! `kubectl backup snapshot prune`

use std::{num::NonZeroUsize, time::Duration};

use backup_api::snapshot::VolumeSnapshot;

use crate::{
    apply::snapshot_deletion::{self, How},
    args::{DryRun, DryRunArgs, WaitArgs, parse_claim_name, parse_duration, parse_selector},
    client::{Cluster, ListRequest, list},
    context::Context,
    error::Result,
    exit::Exit,
    facts,
    plan::snapshot::{
        delete::{question, spare_veleros},
        obstacle::Choice,
        prune::{self, Rules},
    },
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup snapshot prune --keep 3 --keep-weekly 4 -n shop --dry-run=client
  kubectl backup snapshot prune --older-than 30d -n shop --yes";

/// Delete old snapshots by rules, each PVC by itself
///
/// A snapshot stays when any rule keeps it: the newest, the newest of a day, week or month (UTC), or, with --older-than, all
/// that are not older. The last ready snapshot of a PVC always stays; so does what is not ready, and, without
/// --include-velero, what Velero made or another controller owns. The plan is shown before anything is deleted;
/// --dry-run=client shows it and ends.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("rules").required(true).multiple(true))]
pub struct Args {
    /// Only snapshots of these PVCs; of all PVCs of the namespace when absent
    #[arg(value_name = "PVC", value_parser = parse_claim_name)]
    claims: Vec<String>,
    /// Only snapshots that the label selector selects
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = parse_selector)]
    selector: Option<String>,
    /// Keep so many of the newest
    #[arg(long, value_name = "N", group = "rules", value_parser = parse_count, allow_negative_numbers = true)]
    keep: Option<NonZeroUsize>,
    /// Keep the newest of each of so many days that have one
    #[arg(long, value_name = "N", group = "rules", value_parser = parse_count, allow_negative_numbers = true)]
    keep_daily: Option<NonZeroUsize>,
    /// Keep the newest of each of so many weeks that have one
    #[arg(long, value_name = "N", group = "rules", value_parser = parse_count, allow_negative_numbers = true)]
    keep_weekly: Option<NonZeroUsize>,
    /// Keep the newest of each of so many months that have one
    #[arg(long, value_name = "N", group = "rules", value_parser = parse_count, allow_negative_numbers = true)]
    keep_monthly: Option<NonZeroUsize>,
    /// Delete only what is older, such as 12h or 30d
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, group = "rules")]
    older_than: Option<Duration>,
    /// Also choose from the snapshots that Velero made or another controller owns: they may still need them
    #[arg(long)]
    include_velero: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    wait: WaitArgs<5>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// Parses how many to keep.
fn parse_count(text: &str) -> Result<NonZeroUsize, String> {
    let words = "write a number of snapshots from 1 on; to delete all there is: kubectl backup snapshot delete --all";
    text.parse().map_err(|_| words.to_owned())
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let (ui, namespace, dry_run) = (&context.ui, &cluster.namespace, self.dry_run.dry_run);
        let candidates = self.candidates(context, &cluster).await?;
        if candidates.is_empty() {
            ui.status(&format!("No snapshots to choose from were found in namespace {namespace:?}."));
            return Ok(Exit::Done);
        }
        let now = context.now();
        let mut fates = prune::plan(candidates, &self.rules(), now);
        let gone = |fates: &[prune::Fate]| -> Vec<VolumeSnapshot> {
            fates.iter().filter(|fate| fate.kept.is_none()).map(|fate| fate.snapshot.clone()).collect()
        };
        let free = match gone(&fates) {
            none if none.is_empty() => none,
            some => snapshot_deletion::check(context, &cluster, some, Choice::ByRules).await?,
        };
        prune::keep_all_but(&mut fates, &free);
        let plan = prune::table(&fates, now).fitting(ui.columns()).render(false);
        ui.status(&format!("The plan:\n{}", plan.trim_end()));
        let mut gone = free;
        if gone.is_empty() {
            ui.status("Nothing is to be deleted.");
            return Ok(Exit::Done);
        }
        snapshot_deletion::tell_retained(context, &cluster, &gone).await?;
        if dry_run == DryRun::None && !self.yes {
            let names: Vec<&str> = gone.iter().map(snapshot_deletion::name).collect();
            ui.confirm(&question(&names, namespace, &cluster.context), "--yes").await?;
            // What was to stay may be gone since, and what was to go needed.
            let again = prune::plan(self.candidates(context, &cluster).await?, &self.rules(), now);
            let (agreed, remarks) = prune::agreed(&again, &gone);
            remarks.iter().for_each(|remark| ui.warning(remark));
            gone = snapshot_deletion::check(context, &cluster, agreed, Choice::ByRules).await?;
        }
        let how = How { choice: Choice::ByRules, wait: self.wait.limit(), dry_run, names_only: false };
        snapshot_deletion::delete(context, &cluster, &gone, &how).await
    }

    /// The snapshots to choose from.
    async fn candidates(&self, context: &Context, cluster: &Cluster) -> Result<Vec<VolumeSnapshot>> {
        let (ui, namespace) = (&context.ui, &cluster.namespace);
        let mut found: Vec<VolumeSnapshot> = Vec::new();
        let request = ListRequest::of::<VolumeSnapshot>(Some(namespace), self.selector.as_deref());
        list(cluster, &request, &format!("list volumesnapshots in namespace {namespace:?}"), |each| found.push(each))
            .await
            .map_err(facts::snapshots::explain)?;
        let mut candidates = found;
        if !self.include_velero {
            let (chosen, spared) = spare_veleros(candidates, "--include-velero chooses from them too");
            candidates = chosen;
            if let Some(spared) = spared {
                ui.warning(&spared);
            }
        }
        if !self.claims.is_empty() {
            let wanted = |snapshot: &VolumeSnapshot| {
                let claim = snapshot.spec.source.persistent_volume_claim_name.as_ref();
                claim.is_some_and(|claim| self.claims.contains(claim))
            };
            candidates.retain(wanted);
            for claim in &self.claims {
                let of = |one: &VolumeSnapshot| one.spec.source.persistent_volume_claim_name.as_ref() == Some(claim);
                if !candidates.iter().any(of) {
                    ui.warning(&format!("no snapshots of PVC {claim:?} were found in namespace {namespace:?}"));
                }
            }
        }
        Ok(candidates)
    }

    fn rules(&self) -> Rules {
        let count = |number: Option<NonZeroUsize>| number.map_or(0, NonZeroUsize::get);
        Rules {
            newest: count(self.keep),
            daily: count(self.keep_daily),
            weekly: count(self.keep_weekly),
            monthly: count(self.keep_monthly),
            younger_than: self.older_than,
            with_owned: self.include_velero,
        }
    }
}
