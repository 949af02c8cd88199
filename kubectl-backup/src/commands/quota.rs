//! `kubectl backup quota`

use backup_api::{
    ledger::{QuotaLedger, ledger_name},
    policy::{BackupPolicy, POLICY_NAME},
};
use backup_policy::{Config, settings};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::Api;

use crate::{
    args::{OutputArgs, OutputFormat},
    client::{Cluster, ListRequest, list},
    context::Context,
    error::{CliError, Doing as _, Result},
    exit::Exit,
    output::print_object,
    plan::quota::{self, Ledger, Objects, Usage},
};

/// The admission webhook's configuration, and its entry that asks for slots.
const WEBHOOK: (&str, &str) = ("backup-webhook", "quota.kubectl-backup.dev");

/// Show the cluster's limits and who holds the slots
///
/// Limits count over all namespaces. An object that is being deleted holds its slot until it is gone; what Velero makes
/// for its own backups holds none.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let config = limits(&cluster).await?;
        let mut usages = Vec::new();
        for limit in &config.quotas {
            let objects = objects(&cluster, &limit.resource).await?;
            let ledger = ledger(&cluster, &limit.resource).await?;
            usages.push(Usage { resource: limit.resource.clone(), limit: limit.limit, objects, ledger });
        }
        if usages.iter().all(|usage| usage.used().is_none()) {
            return Err(CliError::new(
                "the limits count over all namespaces, and you may not list their objects in all namespaces",
            )
            .hint(format!("See those of one namespace with: kubectl backup snapshot list -n {}", cluster.namespace))
            .hint(
                "Ask a cluster administrator for the right to list volumesnapshots and schedules in the whole cluster.",
            ));
        }
        let enforced = is_enforced(&cluster).await?;
        self.show(context, &usages, enforced)?;
        Ok(Exit::Done)
    }

    fn show(&self, context: &Context, usages: &[Usage], enforced: Option<bool>) -> Result<()> {
        let ui = &context.ui;
        match self.output.format() {
            OutputFormat::Name => ui.data(&quota::names(usages))?,
            format @ (OutputFormat::Json | OutputFormat::Yaml) => {
                print_object(ui, format, &quota::to_json(usages, enforced))?;
            }
            format @ (OutputFormat::Table | OutputFormat::Wide) => {
                ui.data(&quota::limits(usages).render(false))?;
                let holders = quota::holders(usages, context.now());
                if !holders.is_empty() {
                    ui.data(&format!("\n{}", holders.render(format == OutputFormat::Wide)))?;
                }
                for line in quota::advice(usages) {
                    ui.status(&line);
                }
            }
        }
        for usage in usages.iter().filter(|usage| usage.used().is_none()) {
            ui.warning(&format!("you may not list {} in all namespaces: they are not counted here", usage.resource));
        }
        for usage in usages.iter().filter(|usage| usage.is_being_set_up()) {
            ui.warning(&format!(
                "the ledger of {} is being set up: new ones are refused until creates from before have ended, about a minute",
                usage.resource
            ));
        }
        match enforced {
            Some(true) => {}
            Some(false) => {
                ui.warning("the limits are not enforced: the admission webhook is not installed in this cluster");
            }
            None => ui.status(
                "Whether the limits are enforced is not known: you may not read the admission webhook's configuration.",
            ),
        }
        Ok(())
    }
}

async fn objects(cluster: &Cluster, resource: &str) -> Result<Objects> {
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    // Both resources that can be limited are served as v1.
    let request = ListRequest { path: format!("/apis/{group}/v1/{plural}"), selector: String::new() };
    let mut objects = Vec::new();
    match list(cluster, &request, &format!("list {plural} in all namespaces"), |object| objects.push(object)).await {
        Ok(()) => Ok(Objects::Listed(objects)),
        Err(error) if error.is_missing_resource_type() => Ok(Objects::NotInstalled),
        Err(error) if error.is_forbidden() => Ok(Objects::Forbidden),
        Err(error) => Err(error),
    }
}

/// The limits in force: the policy's, or the built-in ones where there is none that may be read.
async fn limits(cluster: &Cluster) -> Result<Config> {
    let api: Api<BackupPolicy> = Api::all(cluster.client.clone());
    let base = Config::default();
    match api.get_opt(POLICY_NAME).await.doing(|| "read the backup policy".to_owned()) {
        Ok(None) => Ok(base),
        Ok(Some(policy)) => {
            let spec = serde_json::to_value(&policy.spec).map_err(|error| CliError::new(error.to_string()))?;
            Ok(settings::read(&base, &spec).config.unwrap_or(base))
        }
        Err(error) if error.is_missing_resource_type() || error.is_forbidden() => Ok(base),
        Err(error) => Err(error),
    }
}

/// What the webhook has recorded of a resource.
async fn ledger(cluster: &Cluster, resource: &str) -> Result<Ledger> {
    let api: Api<QuotaLedger> = Api::all(cluster.client.clone());
    match api.get_opt(ledger_name(resource)).await.doing(|| format!("read quotaledger {resource:?}")) {
        Ok(found) => Ok(found.map_or(Ledger::Absent, |ledger| Ledger::Read(ledger.status.unwrap_or_default().ledger))),
        Err(error) if error.is_missing_resource_type() => Ok(Ledger::Absent),
        Err(error) if error.is_forbidden() => Ok(Ledger::Forbidden),
        Err(error) => Err(error),
    }
}

/// Whether the API server asks the webhook for slots; `None` when that may not be known.
async fn is_enforced(cluster: &Cluster) -> Result<Option<bool>> {
    let (configuration, entry) = WEBHOOK;
    let api: Api<ValidatingWebhookConfiguration> = Api::all(cluster.client.clone());
    match api.get_opt(configuration).await.doing(|| format!("read validatingwebhookconfiguration {configuration:?}")) {
        Ok(found) => {
            Ok(Some(found.and_then(|found| found.webhooks).unwrap_or_default().iter().any(|hook| hook.name == entry)))
        }
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}
