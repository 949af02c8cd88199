//! Makes a PVC that is filled from a snapshot or another PVC, and waits until it is bound.

use std::time::Duration;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{Resource as _, ResourceExt as _};
use serde_json::{Value, json};

use super::{bound::until_bound, preflight::preflight};
use crate::{
    args::{DryRun, OutputFormat},
    client::{self, Cluster},
    context::Context,
    error::Result,
    exit::Exit,
    facts,
    output::{Changed, print_changed},
    plan::refusal,
};

/// What to make and how to show it.
pub struct Make<'a> {
    /// The claim.
    pub claim: &'a PersistentVolumeClaim,
    /// Whether its class binds only once a pod uses it: that is not waited for.
    pub binds_late: bool,
    /// How long to wait, zero for ever; `None` does not.
    pub wait: Option<Duration>,
    /// What is really sent.
    pub dry_run: DryRun,
    /// How it is printed.
    pub format: OutputFormat,
}

/// Creates the claim, says so, and waits until it is bound.
///
/// # Errors
/// When the server refuses it, or it cannot be filled.
pub async fn make_claim(context: &Context, cluster: &Cluster, make: &Make<'_>) -> Result<Exit> {
    let Make { claim, binds_late, wait, dry_run, format } = *make;
    let (ui, name) = (&context.ui, claim.name_any());
    preflight(context, cluster, &[json!(claim)], None).await?;
    let object = match dry_run {
        DryRun::Client => json!(claim),
        DryRun::None | DryRun::Server => create(cluster, claim, &name, dry_run).await?,
    };
    let full_name = format!("persistentvolumeclaim/{name}");
    let report =
        |object: &Value| print_changed(ui, format, dry_run, &Changed { name: &full_name, verb: "created", object });
    let Some(timeout) = wait.filter(|_| dry_run == DryRun::None && !binds_late) else {
        report(&object)?;
        if binds_late && dry_run == DryRun::None {
            ui.status(&format!(
                "PVC {name} is not waited for: its storage class makes the volume when the first pod uses it"
            ));
        }
        return Ok(Exit::Done);
    };
    // Whoever reads objects wants the one that is bound; whoever reads lines wants to know what was made by now.
    if !format.is_structured() {
        report(&object)?;
    }
    let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
    until_bound(context, cluster, &name, uid, timeout).await?;
    if format.is_structured() {
        report(&facts::claim::read_as_is(cluster, &name).await?)?;
    }
    Ok(Exit::Done)
}

async fn create(cluster: &Cluster, claim: &PersistentVolumeClaim, name: &str, dry_run: DryRun) -> Result<Value> {
    let namespace = &cluster.namespace;
    let path = PersistentVolumeClaim::url_path(&(), Some(namespace));
    let doing = format!("create PVC {name:?} in namespace {namespace:?}");
    client::create(cluster, &path, &json!(claim), dry_run, &doing)
        .await
        .map_err(|error| refusal::explain(error, "persistentvolumeclaims", name, namespace))
}
