//! `kubectl backup policy uninstall`

use backup_api::ledger::QuotaLedger;
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Resource as _,
    api::{ApiResource, DynamicObject, ListParams},
};
use serde_json::{Value, json};

use crate::{
    args::{DryRun, DryRunArgs, WaitArgs},
    client::{self, Budget, Cluster},
    context::Context,
    error::{CliError, Doing as _, Result},
    exit::Exit,
    plan::{
        grant,
        install::{self, Choices},
    },
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup policy uninstall";

/// Take the admission webhook away
///
/// First the configurations, so that from the first moment on API servers ask nobody and nothing is refused; then the
/// webhook and its rights, and the ledgers, which from then on miss what is created. The policy stays, unless --crds is
/// given: a webhook that is installed again goes on with it, and sets up its ledgers in a minute.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Delete the types too, and with them the policy
    #[arg(long)]
    crds: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    wait: WaitArgs<2>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let objects = install::objects(&Choices::default())?;
        let own = objects.iter().find(|object| install::kind(object) == "ValidatingWebhookConfiguration");
        let granted = own.map(|own| grant::objects(&[], own)).transpose()?.unwrap_or_default();
        // Before the rest, as `removal` turns the order round.
        let objects = install::removal([objects, granted].concat(), self.crds);
        let dry_run = self.dry_run.dry_run;
        let say = |object: &Value| context.ui.data(&format!("{} deleted{}\n", install::name(object), dry_run.suffix()));
        if dry_run == DryRun::Client {
            objects.iter().try_for_each(say)?;
            return Ok(Exit::Done);
        }
        let cluster = context.cluster().await?;
        if dry_run == DryRun::None && !self.yes {
            let kept = if self.crds { "the policy goes too" } else { "the policy stays" };
            let question = format!(
                "Take the webhook away from cluster {:?} ({kept})? Limits, locks and rules hold no longer.",
                cluster.context
            );
            context.ui.confirm(&question, "--yes").await?;
        }
        let mut found = Vec::new();
        let ledgers = ledgers(&cluster).await?;
        // After the webhook, which would make them again.
        for object in objects.iter().chain(&ledgers) {
            let name = install::name(object);
            if client::delete(&cluster, object, dry_run, &format!("delete {name}")).await? {
                found.push(object);
                say(object)?;
            }
        }
        if found.is_empty() {
            context.ui.status("No webhook is installed in this cluster.");
        }
        if let Some(limit) = self.wait.limit().filter(|_| dry_run == DryRun::None) {
            until_gone(context, &cluster, &found, &Budget::new(limit)).await?;
        }
        Ok(Exit::Done)
    }
}

/// Waits for those that take others with them: API servers answer before they are gone.
async fn until_gone(context: &Context, cluster: &Cluster, deleted: &[&Value], budget: &Budget) -> Result<()> {
    for object in deleted {
        let Some(resource) = slow_to_go(object) else { continue };
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let shown = install::name(object);
        let progress = context.ui.progress(&shown);
        progress.say("being deleted");
        let api: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &resource);
        let doing = format!("watch {shown}");
        let gone = client::until(api, name, budget.left(), &doing, |found: Option<DynamicObject>| {
            // One without the mark is another, that was made since.
            Ok(found.is_none_or(|found| found.metadata.deletion_timestamp.is_none()).then_some(()))
        });
        if gone.await?.is_none() {
            return Err(CliError::timeout(format!("{shown} is still being deleted after {:?}", budget.limit()))
                .hint("All is asked to go, and goes on going; an object with a finalizer may hold it."));
        }
    }
    Ok(())
}

async fn ledgers(cluster: &Cluster) -> Result<Vec<Value>> {
    let api: Api<QuotaLedger> = Api::all(cluster.client.clone());
    let listed = match api.list(&ListParams::default()).await.doing(|| "list quotaledgers".to_owned()) {
        Err(error) if error.is_missing_resource_type() => return Ok(Vec::new()),
        listed => listed?,
    };
    let (version, kind) = (QuotaLedger::api_version(&()), QuotaLedger::kind(&()));
    let names = listed.items.into_iter().filter_map(|ledger| ledger.metadata.name);
    Ok(names.map(|name| json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}})).collect())
}

fn slow_to_go(object: &Value) -> Option<ApiResource> {
    match install::kind(object) {
        "Namespace" => Some(ApiResource::erase::<Namespace>(&())),
        "CustomResourceDefinition" => Some(ApiResource::erase::<CustomResourceDefinition>(&())),
        _ => None,
    }
}
