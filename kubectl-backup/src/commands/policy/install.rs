//! `kubectl backup policy install`

use serde_json::{Value, json};

use super::{grant, rollout};
use crate::{
    args::{DryRun, DryRunArgs, OutputArgs, WaitArgs},
    client::{self, Budget, Cluster},
    context::Context,
    error::Result,
    exit::Exit,
    facts::{policy::policy_in_force, served::served},
    output::{Changed, print_changed, print_object},
    plan::install::{self, Choices, NAMESPACE},
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup policy install --image registry.example.com/backup-webhook:0.1.0
  kubectl backup policy install --dry-run=client -o yaml";

/// Install the admission webhook, or bring it up to this version
///
/// Applies, as one owner of the fields it sets, what manifests/webhook/base has: types, rights, the webhook's Deployment
/// and, once its replicas are ready, the configurations that make API servers ask it. Where a BackupPolicy limits further
/// resources, it also does what `policy grant` does. Run again, it keeps
/// the replicas, and an image that is not of this program's own registry, unless others are named. --timeout is for all of
/// it together; with --wait=false API servers ask the webhook at once, ready or not.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The webhook's image; that of this version when absent, or the installed one when that is from another registry
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// How many replicas of the webhook run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=9))]
    replicas: Option<u32>,
    /// Take over fields that somebody else set to other values
    #[arg(long)]
    force_conflicts: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
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
        let named = Choices { image: self.image.clone(), replicas: self.replicas };
        let ui = &context.ui;
        let format = self.output.format();
        if self.dry_run.dry_run == DryRun::Client {
            let objects = install::objects(&named)?;
            if format.is_structured() {
                print_object(ui, format, &json!({"apiVersion": "v1", "kind": "List", "items": objects}))?;
            } else {
                for object in &objects {
                    self.print(context, object, "applied")?;
                }
            }
            return Ok(Exit::Done);
        }
        let cluster = context.cluster().await?;
        let installed = rollout::installed(&cluster).await?;
        let objects = install::objects(&named.or(&installed))?;
        self.ask(context, &cluster, &objects, installed.image.as_deref()).await?;
        let mut applied = Vec::new();
        let mut waited = false;
        // One limit for all that is waited for.
        let budget = self.wait.limit().filter(|_| self.dry_run.dry_run == DryRun::None).map(Budget::new);
        for object in &objects {
            // From here on API servers ask: somebody must answer.
            if let (Some(budget), true, false) = (&budget, install::is_asked(object), waited) {
                rollout::until_ready(context, &cluster, budget).await?;
                waited = true;
            }
            applied.push(self.apply(context, &cluster, object).await?);
        }
        let config = policy_in_force(&cluster).await?.config;
        if self.dry_run.dry_run == DryRun::None {
            applied.extend(grant::with_installation(context, &cluster, &config, format).await?);
        }
        if format.is_structured() {
            print_object(ui, format, &json!({"apiVersion": "v1", "kind": "List", "items": applied}))?;
        }
        if let Some(budget) = &budget {
            for quota in &config.quotas {
                // Of what the cluster does not have, nothing is counted.
                if served(&cluster, &quota.resource).await?.is_some() {
                    rollout::until_counted(context, &cluster, &quota.resource, budget).await?;
                }
            }
            ui.status("The webhook is installed. Look at the policy with: kubectl get backuppolicies");
        }
        Ok(Exit::Done)
    }

    async fn ask(
        &self,
        context: &Context,
        cluster: &Cluster,
        objects: &[Value],
        installed: Option<&str>,
    ) -> Result<()> {
        if self.dry_run.dry_run != DryRun::None {
            return Ok(());
        }
        let wanted =
            objects.iter().find_map(|object| object.pointer("/spec/template/spec/containers/0/image")?.as_str());
        let wanted = wanted.unwrap_or_default();
        let what = match installed {
            Some(image) if image == wanted => {
                format!("The webhook {image} is installed; its manifests are applied again")
            }
            Some(image) => format!("The webhook {image} is replaced by {wanted}"),
            None => format!("The webhook {wanted} is installed"),
        };
        context.ui.status(&format!(
            "{what}: {} objects in cluster {:?}, most of them in namespace {NAMESPACE}.",
            objects.len(),
            cluster.context
        ));
        context.ui.status(
            "API servers will ask it about snapshots, Velero's objects and pods with annotations for Velero; without an \
             answer new snapshots and schedules are refused, pods and workloads with such annotations, and the deletion of \
             backups.",
        );
        if self.yes {
            return Ok(());
        }
        context.ui.confirm("Go ahead?", "--yes").await
    }

    async fn apply(&self, context: &Context, cluster: &Cluster, object: &Value) -> Result<Value> {
        let name = install::name(object);
        let doing = format!("apply {name}");
        let answer = client::apply(cluster, object, self.dry_run.dry_run, self.force_conflicts, &doing);
        let answer = answer.await.map_err(|error| match error.code {
            Some(409) => error.hint("Somebody else set these fields; take them over with --force-conflicts."),
            Some(404) if self.dry_run.dry_run == DryRun::Server => {
                error.hint("A server keeps nothing of a dry run, not even the namespace: use --dry-run=client at first.")
            }
            _ => error.hint(
                "What was applied before it stays. Go on with the same command, or take it away with: kubectl backup policy uninstall",
            ),
        })?;
        if !self.output.format().is_structured() {
            self.print(context, object, "applied")?;
        }
        Ok(answer)
    }

    fn print(&self, context: &Context, object: &Value, verb: &'static str) -> Result<()> {
        let name = install::name(object);
        let changed = Changed { name: &name, verb, object };
        print_changed(&context.ui, self.output.format(), self.dry_run.dry_run, &changed)
    }
}
