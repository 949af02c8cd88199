//! `kubectl backup restore create`

use backup_api::{
    labels::{VELERO_SCHEDULE_NAME, velero_label_value},
    velero::{Backup, Restore},
};
use kube::{Api, ResourceExt as _, api::ListParams};

use crate::{
    apply::start::{Start, start},
    args::{
        DryRun, DryRunArgs, Labels, NamespaceMapping, OutputArgs, Selector, WaitArgs, parse_backup_name, parse_name,
        parse_namespace_pattern, parse_restore_name,
    },
    client::Cluster,
    context::Context,
    error::{CliError, Doing as _, Result},
    exit::Exit,
    facts::{file_copies, target, velero},
    plan::{
        location,
        name::{Named, check_name},
        overwritten::{self, Written},
        restore::{self, Existing, Request},
        run::Kind,
        velero_namespace,
    },
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup restore nightly --namespace-mappings shop:shop-copy
  kubectl backup restore create nightly --include-resources configmaps,secrets -l app=web
  kubectl backup restore create --from-schedule nightly --existing=update";

/// Restore what a backup holds, or a part of it
///
/// Objects that exist already are left as they are, unless --existing=update; none is ever deleted. Restore into other
/// namespaces with --namespace-mappings. -n restores only that namespace of the backup. Then waits until the restore has
/// ended; Ctrl-C stops the waiting, not the restore.
///
/// Volumes: a PVC that exists is left as it is, but files that were copied from it are written back into it when its pod
/// is restored, over those that it holds. Such PVCs are named, and you are asked first, unless --yes.
///
/// Ends with 0 when the restore completed, 10 when it partially failed, 11 when it failed, 12 when Velero refused it, and
/// 124 when --timeout passed first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["backup", "from_backup", "from_schedule"])))]
pub struct Args {
    /// The backup to restore
    #[arg(value_parser = parse_backup_name)]
    backup: Option<String>,
    /// The backup to restore
    #[arg(long, value_name = "BACKUP", value_parser = parse_backup_name)]
    from_backup: Option<String>,
    /// Restore the newest completed backup of this schedule
    #[arg(long, value_name = "SCHEDULE", value_parser = parse_name)]
    from_schedule: Option<String>,
    /// Name of the restore; BACKUP-TIME (UTC) when absent
    #[arg(long, value_parser = parse_restore_name)]
    name: Option<String>,
    /// Namespaces of the backup to restore, separated by commas; all when absent
    #[arg(long, value_name = "NAMES", value_parser = parse_namespace_pattern, value_delimiter = ',')]
    namespaces: Vec<String>,
    /// Namespaces of the backup to leave out, separated by commas
    #[arg(long, value_name = "NAMES", value_parser = parse_namespace_pattern, value_delimiter = ',')]
    exclude_namespaces: Vec<String>,
    /// Namespaces to restore into others, such as shop:shop-test,pay:pay-test
    #[arg(long, value_name = "FROM:TO")]
    namespace_mappings: Option<NamespaceMapping>,
    /// Restore only objects with these labels, such as app=web
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<Selector>,
    /// Resources to restore, separated by commas, such as deployments.apps,configmaps; all when absent
    #[arg(long, value_name = "RESOURCES", value_delimiter = ',')]
    include_resources: Vec<String>,
    /// Resources to leave out, separated by commas
    #[arg(long, value_name = "RESOURCES", value_delimiter = ',')]
    exclude_resources: Vec<String>,
    /// What happens to objects that exist already; left as they are when absent
    #[arg(long, value_enum, value_name = "WHAT")]
    existing: Option<Existing>,
    /// Labels of the restore itself, such as why=drill
    #[arg(long, value_name = "LABELS")]
    labels: Option<Labels>,
    /// Do not ask before files in volumes that exist may be overwritten
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    wait: WaitArgs<0>,
    #[command(flatten)]
    dry_run: DryRunArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let ui = &context.ui;
        let format = self.output.format();
        let (wait, dry_run) = (self.wait.limit(), self.dry_run.dry_run);
        self.name.as_deref().map_or(Ok(()), check_name)?;
        let cluster = context.cluster().await?;
        let namespace = velero::namespace(&cluster).await?;
        let backup = self.backup(context, &cluster, &namespace).await?;
        let named = self.name.clone().map_or_else(|| Named::derived(&backup.name_any(), context.now()), Named::Given);
        let asks = dry_run == DryRun::None && !self.yes;
        let request = self.request(&backup, context.connection.namespace.as_deref())?;
        let name = preflight(context, &cluster, &namespace, &request, &backup, named, asks).await?;
        let restore = request.object(&name, &namespace);
        ui.status(&format!("Restoring from backup {:?}: {}", request.backup, request.words(&backup)));
        let what =
            Start { kind: Kind::Restore, name: &name, namespace: &namespace, needs: None, dry_run, format, wait };
        start(context, &cluster, &restore, &what).await
    }

    /// Reads the backup that was named, or the newest completed one of the schedule.
    async fn backup(&self, context: &Context, cluster: &Cluster, namespace: &str) -> Result<Backup> {
        let api: Api<Backup> = Api::namespaced(cluster.client.clone(), namespace);
        if let Some(schedule) = &self.from_schedule {
            let label = format!("{VELERO_SCHEDULE_NAME}={}", velero_label_value(schedule));
            let list = api
                .list(&ListParams::default().labels(&label))
                .await
                .doing(|| format!("list backups of schedule {schedule:?} in namespace {namespace:?}"))
                .map_err(|error| velero_namespace::explain(error, Some(namespace)))?;
            let count = list.items.len();
            let newest = restore::newest_completed(list.items).ok_or_else(|| {
                CliError::new(format!(
                    "schedule {schedule:?} has no completed backup to restore ({count} backups in all)"
                ))
                .hint(format!("See: kubectl backup list -l {label}"))
            })?;
            context
                .ui
                .status(&format!("The newest completed backup of schedule {schedule:?} is {:?}", newest.name_any()));
            return Ok(newest);
        }
        let name = self.backup.as_deref().or(self.from_backup.as_deref()).unwrap_or_default();
        velero::backup(cluster, namespace, name).await
    }

    fn request(self, backup: &Backup, given_namespace: Option<&str>) -> Result<Request> {
        let namespaces = match given_namespace {
            Some(_) if !self.namespaces.is_empty() => {
                return Err(CliError::usage("--namespace and --namespaces cannot be used together")
                    .hint("Name all of them with --namespaces a,b"));
            }
            Some(only) => vec![only.to_owned()],
            None => self.namespaces,
        };
        Ok(Request {
            backup: backup.name_any(),
            namespaces,
            except: self.exclude_namespaces,
            mapping: self.namespace_mappings.unwrap_or_default().0,
            selector: self.selector.map(|selector| selector.0),
            resources: self.include_resources,
            except_resources: self.exclude_resources,
            existing: self.existing,
            labels: self.labels.unwrap_or_default().0,
        })
    }
}

/// Checks what the server would find out only after the restore is created, or never.
async fn preflight(
    context: &Context,
    cluster: &Cluster,
    namespace: &str,
    request: &Request,
    backup: &Backup,
    named: Named,
    asks: bool,
) -> Result<String> {
    let ui = &context.ui;
    if let Some(warning) = restore::check_backup(backup)? {
        ui.warning(&warning);
    }
    restore::check_namespaces(request, backup)?;
    let restores: Api<Restore> = Api::namespaced(cluster.client.clone(), namespace);
    let (locations, name, copies) = tokio::try_join!(
        velero::locations(cluster, namespace),
        velero::free_name(&restores, Kind::Restore, named, namespace),
        file_copies::of(cluster, namespace, &request.backup),
    )?;
    location::check_available(location::choose(&locations, backup.spec.storage_location.as_deref(), namespace)?)?;
    let written = Written::by(request, copies.as_deref());
    let known = request.targets(backup);
    let seen = known.is_some();
    let mut targets: Vec<String> = known.unwrap_or_else(|| request.mapping.clone()).into_values().collect();
    targets.extend(written.namespaces().cloned());
    targets.sort();
    targets.dedup();
    let occupied = target::occupied(cluster, &targets).await?;
    for warning in overwritten::warnings(&occupied, request.existing, &written) {
        ui.warning(&warning);
    }
    if let Some(question) = overwritten::question(&occupied, seen, &written, &cluster.context).filter(|_| asks) {
        ui.confirm(&question, "--yes").await?;
    }
    Ok(name)
}
