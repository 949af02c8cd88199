//! Sends a new backup or restore, and follows it when that was asked for.

use std::{fmt::Debug, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Resource as _, ResourceExt as _, core::NamespaceResourceScope};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    follow::{Follow, follow},
    preflight::preflight,
};
use crate::{
    args::{DryRun, OutputFormat},
    client::{self, Cluster},
    context::Context,
    error::Result,
    exit::Exit,
    output::{Changed, print_changed},
    plan::{
        refusal,
        run::{Kind, Run},
        velero_namespace,
    },
};

/// What to start and how to show it.
pub struct Start<'a> {
    /// A backup or a restore.
    pub kind: Kind,
    /// Its name.
    pub name: &'a str,
    /// Velero's namespace.
    pub namespace: &'a str,
    /// What must be there before it: made first, and kept for others.
    pub needs: Option<ConfigMap>,
    /// What is really sent.
    pub dry_run: DryRun,
    /// How it is printed.
    pub format: OutputFormat,
    /// How long to follow it, zero for ever; `None` does not.
    pub wait: Option<Duration>,
}

/// Creates the object, says so, and follows it to its outcome.
///
/// # Errors
/// When the server refuses it, or the outcome is not a good one.
pub async fn start<K>(context: &Context, cluster: &Cluster, object: &K, start: &Start<'_>) -> Result<Exit>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Serialize + DeserializeOwned,
    K: Debug + Send + 'static,
    for<'r> Run: From<&'r K>,
{
    let Start { kind, name, namespace, ref needs, dry_run, format, wait } = *start;
    let ui = &context.ui;
    let noun = kind.noun();
    let resource = format!("{noun}.velero.io/{name}");
    let print = |object: &Value| {
        let changed = Changed { name: &resource, verb: "created", object };
        print_changed(ui, format, dry_run, &changed)
    };
    let object = json!(object);
    preflight(context, cluster, std::slice::from_ref(&object), needs.as_ref()).await?;
    if dry_run == DryRun::Client {
        match needs {
            Some(needs) if format.is_structured() => {
                print(&json!({"apiVersion": "v1", "kind": "List", "items": [needs, object]}))?;
            }
            _ => print(&object)?,
        }
        return Ok(Exit::Done);
    }
    if let Some(needs) = needs {
        prepare(context, cluster, needs, start).await?;
    }
    let path = K::url_path(&(), Some(namespace));
    let doing = format!("create {noun} {name:?} in namespace {namespace:?}");
    let created = client::create(cluster, &path, &object, dry_run, &doing)
        .await
        .map_err(velero_namespace::explain_missing)
        .map_err(|error| refusal::explain(error, &format!("{noun}s.velero.io"), name, namespace))?;
    let Some(timeout) = wait.filter(|_| dry_run == DryRun::None) else {
        print(&created)?;
        return Ok(Exit::Done);
    };
    if !format.is_structured() {
        print(&created)?;
    }
    let end = follow::<K>(ui, cluster, &Follow { kind, name, namespace, timeout }).await;
    if format.is_structured() {
        // However it ended, a script gets the object; as it was created when it cannot be read again.
        let doing = format!("get {noun} {name:?} in namespace {namespace:?}");
        print(&client::get(cluster, &format!("{path}/{name}"), &doing).await.unwrap_or(created))?;
    }
    ui.status(&end?);
    Ok(Exit::Done)
}

/// Makes what the object needs. Somebody else may just have made the same.
async fn prepare(context: &Context, cluster: &Cluster, needs: &ConfigMap, start: &Start<'_>) -> Result<()> {
    let Start { namespace, dry_run, .. } = *start;
    let name = needs.name_any();
    let path = ConfigMap::url_path(&(), Some(namespace));
    let doing = format!("create configmap {name:?} in namespace {namespace:?}");
    match client::create(cluster, &path, &json!(needs), dry_run, &doing).await {
        Ok(_) => {
            context.ui.status(&format!("configmap/{name} created{} in namespace {namespace:?}", dry_run.suffix()));
            Ok(())
        }
        Err(error) if error.reason.as_deref() == Some("AlreadyExists") => Ok(()),
        Err(error) => Err(refusal::explain(error, "configmaps", &name, namespace)),
    }
}
