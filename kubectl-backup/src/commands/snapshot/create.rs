//! `kubectl backup snapshot create`

use backup_api::snapshot::VolumeSnapshot;
use backup_policy::Config;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Resource as _;
use serde_json::Value;

use super::RESOURCE;
use crate::{
    apply::{preflight::preflight, ready::until_ready},
    args::{DryRun, DryRunArgs, Labels, OutputArgs, WaitArgs, parse_claim_name, parse_name, parse_snapshot_name},
    client::{self, Cluster},
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    output::{Changed, print_changed},
    plan::{
        refusal,
        snapshot::{create, name},
    },
};

/// Derived names that are tried before giving up: as many as a second may bring forth.
const ATTEMPTS: u32 = 20;

/// Take a snapshot of a volume and wait until it is ready
///
/// The snapshot class follows from the volume's storage class; --class names another. What a later restore needs to
/// know of the PVC is kept with the snapshot.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The PVC to snapshot
    #[arg(value_name = "PVC", value_parser = parse_claim_name)]
    claim: String,
    /// The snapshot's name; made of the PVC's name and the time when absent
    #[arg(long, value_parser = parse_snapshot_name)]
    name: Option<String>,
    /// The VolumeSnapshotClass; chosen by the storage class when absent
    #[arg(long, value_parser = parse_name)]
    class: Option<String>,
    /// Labels for the snapshot
    #[arg(long, value_name = "KEY=VALUE,…", default_value = "", hide_default_value = true)]
    labels: Labels,
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
        let cluster = context.cluster().await?;
        let ui = &context.ui;
        let mut plan = self.plan(context, &cluster).await?;
        match &plan.snapshot.spec.volume_snapshot_class_name {
            Some(class) => ui.status(&format!("using VolumeSnapshotClass {class:?} ({})", plan.why)),
            None => ui.status(&format!("VolumeSnapshotClass {}", plan.why)),
        }
        preflight(context, &cluster, &[as_sent(&plan.snapshot)?], None).await?;
        let (format, dry_run) = (self.output.format(), self.dry_run.dry_run);
        let object = match dry_run {
            DryRun::Client => as_sent(&plan.snapshot)?,
            DryRun::None | DryRun::Server => {
                create_under_free_name(&cluster, &mut plan.snapshot, self.name.is_none(), dry_run).await?
            }
        };
        let name = plan.snapshot.metadata.name.clone().unwrap_or_default();
        let full_name = format!("{RESOURCE}/{name}");
        let report =
            |object: &Value| print_changed(ui, format, dry_run, &Changed { name: &full_name, verb: "created", object });
        let Some(timeout) = self.wait.limit().filter(|_| dry_run == DryRun::None) else {
            report(&object)?;
            return Ok(Exit::Done);
        };
        // Whoever reads objects wants the one that is ready; whoever reads lines wants to know what was made by now.
        if format.is_structured() {
            until_ready(context, &cluster, &name, timeout).await?;
            report(&facts::snapshots::read_as_is(&cluster, &name).await?)?;
        } else {
            report(&object)?;
            until_ready(context, &cluster, &name, timeout).await?;
        }
        Ok(Exit::Done)
    }

    async fn plan(&self, context: &Context, cluster: &Cluster) -> Result<create::Plan> {
        let (claim, classes) =
            tokio::join!(facts::claim::read(cluster, &self.claim), facts::snapshots::classes(cluster));
        let claim = claim?;
        facts::claim::require_bound(cluster, &claim).await?;
        let classes = classes?;
        let provisioned = facts::claim::provisioned(cluster, &claim).await?;
        if classes.is_none() && self.class.is_some() {
            context.ui.warning("the cluster's VolumeSnapshotClasses may not be listed: --class is not checked");
        }
        let name = self.name.clone().unwrap_or_else(|| name::derive(&self.claim, context.now()));
        let mut request = create::Request {
            name: &name,
            namespace: &cluster.namespace,
            class: self.class.as_deref().map(create::Named::ByUser),
            labels: &self.labels.0,
        };
        let admitted;
        if classes.is_none() && self.class.is_none() {
            if self.dry_run.dry_run == DryRun::Client {
                request.class = Some(create::Named::LeftOpen);
            } else {
                admitted = class_by_admission(cluster, &request, &claim).await?;
                request.class = admitted.as_deref().map(create::Named::ByAdmission);
            }
        }
        let facts = create::Facts { claim: &claim, provisioned: &provisioned, classes: classes.as_deref() };
        create::plan(&Config::default(), &request, &facts)
    }
}

/// Whoever may not see the classes asks the server: a trial without a class comes back with the one that the admission
/// webhook fills in.
async fn class_by_admission(
    cluster: &Cluster,
    request: &create::Request<'_>,
    claim: &PersistentVolumeClaim,
) -> Result<Option<String>> {
    let trial = as_sent(&create::object(request, claim, None))?;
    let answer = create(cluster, &trial, request.name, DryRun::Server).await?;
    Ok(answer.pointer("/spec/volumeSnapshotClassName").and_then(Value::as_str).map(str::to_owned))
}

/// Creates the snapshot; where its name was derived and is taken, under the next one.
async fn create_under_free_name(
    cluster: &Cluster,
    snapshot: &mut VolumeSnapshot,
    is_derived: bool,
    dry_run: DryRun,
) -> Result<Value> {
    let first = snapshot.metadata.name.clone().unwrap_or_default();
    let mut attempt = 1;
    loop {
        let name = name::again(&first, attempt);
        snapshot.metadata.name = Some(name.clone());
        match create(cluster, &as_sent(snapshot)?, &name, dry_run).await {
            Err(error) if is_derived && attempt < ATTEMPTS && error.reason.as_deref() == Some("AlreadyExists") => {
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn as_sent(snapshot: &VolumeSnapshot) -> Result<Value> {
    serde_json::to_value(snapshot)
        .map_err(|error| CliError::new(format!("failed to write the volumesnapshot: {error}")))
}

/// Sends the object and returns the server's answer as it is: fields that our types do not know must not get lost.
async fn create(cluster: &Cluster, snapshot: &Value, name: &str, dry_run: DryRun) -> Result<Value> {
    let namespace = &cluster.namespace;
    let doing = format!("create volumesnapshot {name:?} in namespace {namespace:?}");
    let path = VolumeSnapshot::url_path(&(), Some(namespace));
    client::create(cluster, &path, snapshot, dry_run, &doing)
        .await
        .map_err(|error| refusal::explain(facts::snapshots::explain(error), "volumesnapshots", name, namespace))
}
