//! `kubectl backup quota`

use crate::{
    args::{OutputArgs, OutputFormat},
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    output::print_object,
    plan::{
        quota::{self, Usage},
        quota_suggestion::Claims,
    },
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup quota
  kubectl backup quota -o wide";

/// Show the cluster's limits and who holds the slots
///
/// Limits count over all namespaces. An object that is being deleted holds its slot until it is gone; what Velero makes
/// for its own backups holds none.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let (usages, doubts) = facts::quota::usages(&cluster).await?;
        if usages.iter().all(|usage| usage.used().is_none()) {
            return Err(CliError::new(
                "the limits count over all namespaces, and you may not list their objects in all namespaces",
            )
            .hint(format!("See those of one namespace with: kubectl backup snapshot list -n {}", cluster.namespace))
            .hint(
                "Ask a cluster administrator for the right to list volumesnapshots and schedules in the whole cluster.",
            ));
        }
        // Who may not read the webhook's configuration sees by the ledgers that somebody counts.
        let recorded = || usages.iter().all(Usage::is_recorded).then_some(true);
        let enforced = facts::quota::is_enforced(&cluster).await?.or_else(recorded);
        let claims = match quota::is_full_of_snapshots(&usages) {
            true => facts::quota::claims(&cluster).await?,
            false => None,
        };
        self.show(context, &usages, enforced, &claims)?;
        doubts.iter().for_each(|doubt| context.ui.warning(doubt));
        for (resource, why) in facts::quota::not_kept(&cluster).await? {
            context.ui.warning(&format!("the limit of {resource} is not kept: {why}"));
        }
        facts::quota::nobody_answers(&cluster).await?.iter().for_each(|nobody| context.ui.warning(nobody));
        Ok(Exit::Done)
    }

    fn show(&self, context: &Context, usages: &[Usage], enforced: Option<bool>, claims: &Claims) -> Result<()> {
        let ui = &context.ui;
        match self.output.format() {
            OutputFormat::Name => ui.data(&quota::names(usages))?,
            format @ (OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Template(_)) => {
                print_object(ui, format, &quota::to_json(usages, enforced))?;
            }
            format @ (OutputFormat::Table | OutputFormat::Wide) => {
                ui.data(&quota::limits(usages).fitting(ui.columns()).render(false))?;
                let holders = quota::holders(usages, context.now());
                if !holders.is_empty() {
                    ui.data(&format!("\n{}", holders.fitting(ui.columns()).render(format == OutputFormat::Wide)))?;
                }
                for line in quota::advice(usages, claims) {
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
