//! `kubectl backup policy grant`

use backup_policy::Config;
use serde_json::{Value, json};

use crate::{
    args::{DryRun, DryRunArgs, OutputArgs, OutputFormat},
    client::{self, Cluster},
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts::{policy::policy_in_force, served::served},
    output::{Changed, print_changed, print_object},
    plan::{
        grant::{self, Further},
        install::{self, NAME},
    },
};

/// Let the webhook count what the policy limits
///
/// The manifests make API servers ask about VolumeSnapshots and Schedules only. For each further resource that the policy
/// limits, this applies what the limit needs: a webhook configuration of its own, so that API servers ask about new objects,
/// and the right to read those objects. What the policy limits no more is taken out again. Without it such a limit is not
/// kept: the policy's condition QuotasKept says so.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    dry_run: DryRunArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let own = own_configuration(&cluster).await?;
        let further = further(&cluster, &policy_in_force(&cluster).await?.config, &own).await?;
        let ui = &context.ui;
        if further.is_empty() {
            ui.status("The policy limits nothing but what the manifests grant.");
            if self.dry_run.dry_run == DryRun::Client {
                return Ok(Exit::Done);
            }
            for object in grant::objects(&[], &own)?.into_iter().rev() {
                let name = install::name(&object);
                if client::delete(&cluster, &object, self.dry_run.dry_run, &format!("delete {name}")).await? {
                    ui.data(&format!("{name} deleted{}\n", self.dry_run.dry_run.suffix()))?;
                }
            }
            return Ok(Exit::Done);
        }
        let format = self.output.format();
        let shown = apply(context, &cluster, &grant::objects(&further, &own)?, self.dry_run.dry_run, format).await?;
        if format.is_structured() {
            print_object(ui, format, &json!({"apiVersion": "v1", "kind": "List", "items": shown}))?;
        }
        tell(context, &further);
        Ok(Exit::Done)
    }
}

/// What an installation does of it: grants what the policy limits beyond the manifests, and returns what was applied.
pub(super) async fn with_installation(
    context: &Context,
    cluster: &Cluster,
    config: &Config,
    format: OutputFormat,
) -> Result<Vec<Value>> {
    let own = own_configuration(cluster).await?;
    let further = further(cluster, config, &own).await?;
    if further.is_empty() {
        return Ok(Vec::new());
    }
    let applied = apply(context, cluster, &grant::objects(&further, &own)?, DryRun::None, format).await?;
    tell(context, &further);
    Ok(applied)
}

/// Applies the objects, and prints their names where no objects are printed.
async fn apply(
    context: &Context,
    cluster: &Cluster,
    objects: &[Value],
    dry_run: DryRun,
    format: OutputFormat,
) -> Result<Vec<Value>> {
    let mut applied = Vec::new();
    for object in objects {
        let name = install::name(object);
        applied.push(match dry_run {
            DryRun::Client => object.clone(),
            // These objects are this command's alone.
            kept => client::apply(cluster, object, kept, true, &format!("apply {name}")).await?,
        });
        if !format.is_structured() {
            print_changed(&context.ui, format, dry_run, &Changed { name: &name, verb: "applied", object })?;
        }
    }
    Ok(applied)
}

fn tell(context: &Context, further: &[Further]) {
    for one in further {
        context.ui.status(&format!(
            "{} is counted from now on; its limit is kept when kubectl backup quota says so.",
            one.resource
        ));
    }
}

/// The webhook's own configuration, as the cluster has it.
async fn own_configuration(cluster: &Cluster) -> Result<Value> {
    let path = format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{NAME}");
    client::get(cluster, &path, &format!("read validatingwebhookconfiguration {NAME:?}")).await.map_err(|error| {
        if error.is_not_found() {
            CliError::new("the webhook is not installed in this cluster")
                .hint("Install it with: kubectl backup policy install")
        } else {
            error
        }
    })
}

/// What the policy limits beyond what the webhook is asked about anyway.
async fn further(cluster: &Cluster, config: &Config, own: &Value) -> Result<Vec<Further>> {
    let asked_about = grant::asked_about(own);
    let mut further = Vec::new();
    for quota in config.quotas.iter().filter(|quota| !asked_about.contains(&quota.resource)) {
        let namespaced = served(cluster, &quota.resource).await?.is_none_or(|served| served.namespaced);
        further.push(Further { resource: quota.resource.clone(), namespaced });
    }
    Ok(further)
}
