//! `kubectl backup policy uninstall`

use serde_json::Value;

use crate::{
    args::{DryRun, DryRunArgs},
    client,
    context::Context,
    error::Result,
    exit::Exit,
    plan::{
        grant,
        install::{self, Choices},
    },
};

/// Take the admission webhook away
///
/// First the configurations, so that from the first moment on API servers ask nobody and nothing is refused; then the
/// webhook and its rights. The policy and the ledgers stay, unless --crds is given: a webhook that is installed again
/// goes on with them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Delete the types too, and with them the policy and the ledgers
    #[arg(long)]
    crds: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
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
            let kept = if self.crds { "the policy and the ledgers go too" } else { "the policy and the ledgers stay" };
            let question = format!(
                "Take the webhook away from cluster {:?} ({kept})? Limits, locks and rules hold no longer.",
                cluster.context
            );
            context.ui.confirm(&question, "--yes")?;
        }
        let mut found = false;
        for object in &objects {
            let name = install::name(object);
            if client::delete(&cluster, object, dry_run, &format!("delete {name}")).await? {
                found = true;
                say(object)?;
            }
        }
        if !found {
            context.ui.status("No webhook is installed in this cluster.");
        }
        Ok(Exit::Done)
    }
}
