//! `kubectl backup snapshot create`

mod choose;
mod draft;
mod take;
mod unresumed;

use std::time::Duration;

use backup_policy::config::resource::VOLUME_SNAPSHOTS;
use serde_json::Value;

use self::{take::Order, unresumed::unresumed};
use super::RESOURCE;
use crate::{
    apply::{
        preflight::preflight,
        quota_room::{self, Wanted},
        snapshot_creation::{Made, as_sent, create_all},
    },
    args::{
        Annotations, DryRun, DryRunArgs, Hook, Labels, ListOutputArgs, OutputArgs, WaitArgs, parse_claim_name,
        parse_duration, parse_group, parse_name, parse_selector, parse_snapshot_name,
    },
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    output::{Changed, ListWriter, print_changed},
    plan::{
        resource_quota,
        snapshot::{
            create::{Plan, table},
            pause,
        },
    },
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup snapshot data -n shop
  kubectl backup snapshot create data uploads --group friday -n shop
  kubectl backup snapshot create --app shop -n shop
  kubectl backup snapshot create data --pause-hook 'db: fsfreeze -f /data' --resume-hook 'db: fsfreeze -u /data'";

/// Take snapshots of volumes and wait until they are ready
///
/// Several volumes are taken at once, and carry one group label, so that they can be restored or deleted together. Where
/// the quota has no room for all, none is taken, unless --partial is given. The snapshot class follows from the volume's
/// storage class; --class names another. What a later restore needs to know of the PVC is kept with the snapshot.
///
/// With --pause-hook a command pauses the application before the volumes are cut, and --resume-hook resumes it as soon as
/// all of them are, also after a failure or Ctrl-C. Both run in the pods that mount the volumes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct Args {
    /// The PVCs to snapshot
    #[arg(value_name = "PVC", value_parser = parse_claim_name, group = "which")]
    claims: Vec<String>,
    /// Snapshot the PVCs that the label selector selects
    #[arg(short = 'l', long, value_name = "SELECTOR", group = "which", value_parser = parse_selector)]
    selector: Option<String>,
    /// Snapshot all PVCs of the namespace
    #[arg(long, group = "which")]
    all: bool,
    /// Snapshot all PVCs that the pods of an app mount, whether they run or not
    #[arg(long, value_name = "NAME", group = "which")]
    app: Option<String>,
    /// The name of the one snapshot; made of the PVC's name and the time when absent
    #[arg(long, value_parser = parse_snapshot_name)]
    name: Option<String>,
    /// The name of the group; made of the app's or namespace's name and the time when absent
    #[arg(long, value_parser = parse_group)]
    group: Option<String>,
    /// Take as many as fit into the quota and as can be taken, and name the rest
    #[arg(long)]
    partial: bool,
    /// The VolumeSnapshotClass; chosen by the storage class when absent
    #[arg(long, value_parser = parse_name)]
    class: Option<String>,
    /// Labels for the snapshots
    #[arg(long, value_name = "KEY=VALUE,…", default_value = "", hide_default_value = true)]
    labels: Labels,
    /// Annotations for the snapshots
    #[arg(long, value_name = "KEY=VALUE,…", default_value = "", hide_default_value = true)]
    annotations: Annotations,
    /// Run a command in a container before the volumes are cut; may be given again
    #[arg(long, value_name = "CONTAINER: COMMAND")]
    pause_hook: Vec<Hook>,
    /// Run a command in a container once they are cut, however that ended; may be given again
    #[arg(long, value_name = "CONTAINER: COMMAND", requires = "pause_hook")]
    resume_hook: Vec<Hook>,
    /// How long a hook may take
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "30s", requires = "pause_hook")]
    hook_timeout: Duration,
    /// How long the application may be paused at most, the pause hooks included
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "1m", requires = "pause_hook")]
    max_pause: Duration,
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
        if self.name.is_some() && self.claims.len() != 1 {
            return Err(CliError::usage("--name is for the snapshot of one PVC")
                .hint("Snapshots of several PVCs get names of their own; --group names them together."));
        }
        let cluster = context.cluster().await?;
        let (drafts, group) = self.draft(context, &cluster).await?;
        let (plans, mut part) = self.all_or_nothing(context, drafts)?;
        let (plans, unfit) = self.fitting(context, &cluster, plans).await?;
        part |= unfit;
        let (hooks, pauses) = self.hooks(context, &cluster, &plans).await?;
        self.show(context, &plans, group.as_deref());
        let derived = self.name.is_none();
        let snapshots: Vec<_> = plans.iter().map(|plan| plan.snapshot.clone()).collect();
        let objects = snapshots.iter().map(as_sent).collect::<Result<Vec<_>>>()?;
        preflight(context, &cluster, &objects, None).await?;
        let dry_run = self.dry_run.dry_run;
        if dry_run != DryRun::None {
            let made = match dry_run {
                DryRun::Client => objects.into_iter().map(|object| Ok(Made::of(object))).collect(),
                _ => create_all(&cluster, &context.run, &snapshots, derived, dry_run).await,
            };
            let (made, failed) = self.all_or_nothing(context, made)?;
            self.report(context, made.iter().map(|made| &made.object))?;
            return Ok(if part || failed { Exit::PartiallyFailed } else { Exit::Done });
        }
        let order = Order {
            snapshots: &snapshots,
            derived,
            group: group.as_deref(),
            hooks: &hooks,
            pauses: &pauses,
            hook_timeout: self.hook_timeout,
            max_pause: self.max_pause,
            partial: self.partial,
        };
        let taken = order.take(context, &cluster).await?;
        let mut end = Ok(if part || taken.part { Exit::PartiallyFailed } else { Exit::Done });
        if !self.output.format().is_structured() {
            self.report(context, taken.made.iter().map(|made| &made.object))?;
        }
        let resumed = taken.resumed;
        if let Some(timeout) = self.wait.limit() {
            let made = taken.wait(context, &cluster, group.as_deref(), timeout).await?;
            // Whoever reads objects wants those that are ready; whoever reads lines knows by now what was made.
            if self.output.format().is_structured() {
                let mut objects = Vec::new();
                for made in &made.0 {
                    objects.push(facts::snapshots::read_as_is(&cluster, &made.name).await?);
                }
                self.report(context, objects.iter())?;
            }
            if !made.1.is_empty() {
                end = context.ui.all_but_last(made.1);
            }
        } else if self.output.format().is_structured() {
            self.report(context, taken.made.iter().map(|made| &made.object))?;
        }
        if !resumed {
            let (told, last) = unresumed(end);
            told.iter().for_each(|error| context.ui.error(error));
            return Err(last);
        }
        end
    }

    /// Splits what went well from what did not. Without --partial, nothing is to be made when anything did not.
    fn all_or_nothing<T>(&self, context: &Context, results: Vec<Result<T>>) -> Result<(Vec<T>, bool)> {
        let asked = results.len();
        let mut well = Vec::new();
        let mut errors = Vec::new();
        for result in results {
            match result {
                Ok(value) => well.push(value),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            return Ok((well, false));
        }
        if self.partial && !well.is_empty() {
            errors.iter().for_each(|error| context.ui.error(error));
            return Ok((well, true));
        }
        context.ui.all_but_last(errors).map_err(|last| match well.len() {
            _ if asked == 1 => last,
            0 => last.hint("Nothing was created."),
            others => last.hint(format!("Nothing was created. --partial takes the other {others}.")),
        })?;
        Ok((well, true))
    }

    /// Leaves out what the quotas, the cluster's and the namespace's, have no room for, if a part will do. One alone is left
    /// to the server, unless an application would be paused for nothing.
    async fn fitting(&self, context: &Context, cluster: &Cluster, mut plans: Vec<Plan>) -> Result<(Vec<Plan>, bool)> {
        if plans.is_empty() || (plans.len() == 1 && self.pause_hook.is_empty()) {
            return Ok((plans, false));
        }
        let (room, quotas) =
            tokio::join!(facts::quota::room(cluster, VOLUME_SNAPSHOTS), facts::resource_quotas::all(cluster));
        let mut count = resource_quota::fitting(&cluster.namespace, &quotas?, plans.len(), self.partial)?;
        if let Some(one) = plans.first().map(|plan| &plan.snapshot) {
            let dry_run = self.dry_run.dry_run;
            let wanted = Wanted { one, count: plans.len(), partial: Some(self.partial), dry_run };
            count = count.min(quota_room::fitting(context, cluster, room?, &wanted).await?);
        }
        let rest = plans.split_off(count);
        if rest.is_empty() {
            return Ok((plans, false));
        }
        let claims: Vec<&str> =
            rest.iter().filter_map(|plan| plan.snapshot.spec.source.persistent_volume_claim_name.as_deref()).collect();
        context.ui.warning(&format!("left out, since the quota has no room for them: {}", claims.join(", ")));
        Ok((plans, true))
    }

    async fn hooks(&self, context: &Context, cluster: &Cluster, plans: &[Plan]) -> Result<(pause::Hooks, pause::Plan)> {
        if self.pause_hook.is_empty() {
            return Ok(Default::default());
        }
        let claims =
            plans.iter().filter_map(|plan| plan.snapshot.spec.source.persistent_volume_claim_name.clone()).collect();
        let hooks = pause::Hooks { pause: self.pause_hook.clone(), resume: self.resume_hook.clone(), claims };
        let plan = pause::plan(&hooks, &facts::workloads::pods(cluster).await?)?;
        if plan.pause.is_empty() {
            context.ui.status("no running pod mounts the volumes: there is nothing to pause");
        }
        if !plan.unpaused.is_empty() {
            let pods = plan.unpaused.join(", ");
            context.ui.warning(&format!("these pods mount the volumes too and are not paused: {pods}"));
        }
        Ok((hooks, plan))
    }

    /// Says what will be taken.
    fn show(&self, context: &Context, plans: &[Plan], group: Option<&str>) {
        let ui = &context.ui;
        if self.dry_run.dry_run == DryRun::None
            && let ([plan], None) = (plans, group)
        {
            return ui.status(&match &plan.snapshot.spec.volume_snapshot_class_name {
                Some(class) => format!("using VolumeSnapshotClass {class:?} ({})", plan.why),
                None => format!("VolumeSnapshotClass {}", plan.why),
            });
        }
        // Further lines of a message are moved to the right.
        let room = ui.columns().map(|columns| columns.saturating_sub(2));
        ui.status(&format!("To be taken:\n{}", table(plans).fitting(room).render(false).trim_end()));
        if let Some(group) = group {
            ui.status(&format!("group: {group}"));
        }
    }

    fn report<'a>(&self, context: &Context, objects: impl ExactSizeIterator<Item = &'a Value>) -> Result<()> {
        let format = self.output.format();
        if format.is_structured() && objects.len() != 1 {
            let flags = ListOutputArgs::of(self.output);
            let mut writer = ListWriter::new(&context.ui, &flags, RESOURCE, false);
            for object in objects {
                writer.object(object.clone())?;
            }
            return writer.finish();
        }
        for object in objects {
            let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let changed = Changed { name: &format!("{RESOURCE}/{name}"), verb: "created", object };
            print_changed(&context.ui, format, self.dry_run.dry_run, &changed)?;
        }
        Ok(())
    }
}
