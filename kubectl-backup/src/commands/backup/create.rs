//! `kubectl backup create`

use std::time::Duration;

use backup_api::velero::Backup;
use kube::{Api, ResourceExt as _};

use crate::{
    apply::start::{Start, start},
    args::{
        DryRun, DryRunArgs, Labels, OutputArgs, Selector, WaitArgs, parse_lock, parse_namespace_pattern,
        parse_retention,
    },
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts::{self, policy::policy_in_force, served::served, velero},
    plan::{
        backup::{Request, Scope, Volumes},
        backup_terms::{self, Asked, Keeper, Terms},
        backup_volumes::{self, Judgement},
        location,
        name::Named,
        run::Kind,
        selector_words,
    },
};

/// The kind of the cluster's policy, which is installed with the webhook.
const POLICIES: &str = "backuppolicies.kubectl-backup.dev";
/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup create -n shop
  kubectl backup create nightly --namespaces shop,pay --volumes copy --retention 30d
  kubectl backup create before-upgrade -n shop --plan nightly
  kubectl backup create everything --all-namespaces --wait=false
  kubectl backup create -n shop --dry-run=client -o yaml";

/// Back up a namespace, or the whole cluster, with Velero
///
/// Saves the namespace of -n, else of the current context. Name several with --namespaces, or say --all-namespaces for
/// the whole cluster. What Velero cannot do now (storage location unavailable, namespace missing, name taken) is said
/// before anything is created. Then waits until the backup has ended; Ctrl-C stops the waiting, not the backup.
///
/// Volumes: without --volumes Velero decides as its server is set up: as a rule volumes that pods name in the
/// annotation backup.velero.io/backup-volumes are copied, and others get a CSI snapshot if CSI is switched on.
///
/// A plan of the cluster's policy (see: kubectl backup policy show) gives the backup its retention and its deletion lock;
/// --retention wins over the plan's, and of two locks the longer one holds. A plan's schedule makes no backups: one is made,
/// now. A locked backup cannot be deleted before its lock ends, where the admission webhook keeps locks.
///
/// Ends with 0 when the backup completed, 10 when it partially failed, 11 when it failed, 12 when Velero refused it, and
/// 124 when --timeout passed first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Name of the backup, at most 63 characters; NAMESPACE-TIME (UTC) when absent
    name: Option<String>,
    /// Namespaces to save, separated by commas, instead of one; patterns such as team-* mean those that exist now
    #[arg(long, value_name = "NAMES", value_parser = parse_namespace_pattern, value_delimiter = ',', conflicts_with = "all_namespaces")]
    namespaces: Vec<String>,
    /// Save the whole cluster: all namespaces and all cluster-scoped objects
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Namespaces to leave out, separated by commas; may have *; needs --all-namespaces
    #[arg(long, value_name = "NAMES", value_parser = parse_namespace_pattern, value_delimiter = ',', requires = "all_namespaces")]
    exclude_namespaces: Vec<String>,
    /// Save only objects with these labels, such as app=web,tier!=cache
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<Selector>,
    /// Labels of the backup itself, such as team=shop,why=upgrade
    #[arg(long, value_name = "LABELS")]
    labels: Option<Labels>,
    /// How volumes are saved; as Velero's server is set up when absent
    #[arg(long, value_enum, value_name = "HOW")]
    volumes: Option<Volumes>,
    /// Keep and lock the backup as this plan of the cluster's policy says, and label it with the plan's name
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// How long nobody may delete the backup, from its start on, such as 168h; never shorter than the plan says
    #[arg(long, value_name = "DURATION", value_parser = parse_lock)]
    lock: Option<Duration>,
    /// How long the backup is kept, such as 30d or 12h; the plan, the cluster's policy or Velero's server decides when absent
    #[arg(long, value_name = "DURATION", value_parser = parse_retention)]
    retention: Option<Duration>,
    /// Storage location; the default one when absent
    #[arg(long, value_name = "NAME")]
    location: Option<String>,
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
        let given_namespace = context.connection.namespace.clone();
        let cluster = context.cluster().await?;
        let (plan, lock) = (self.plan.clone(), self.lock);
        let mut request = self.request(given_namespace.as_deref(), &cluster.namespace)?;
        let named = request.name(context.now())?;
        request.terms = terms(&cluster, plan.as_deref(), lock, request.terms.retention).await?;
        request.terms.warnings.iter().for_each(|warning| ui.warning(warning));
        request.scope = velero::resolved(&cluster, request.scope).await?;
        let namespace = velero::namespace(&cluster).await?;
        let Checked { name, location, volumes } = preflight(context, &cluster, &namespace, &request, named).await?;
        let backup = request.object(&name, &namespace);
        ui.status(&format!("Backing up {} to location {location:?}", request.scope.words()));
        if let Some(terms) = request.terms.told() {
            ui.status(&terms);
        }
        let what = Start {
            kind: Kind::Backup,
            name: &name,
            namespace: &namespace,
            needs: facts::backup_volumes::missing_policy(&cluster, &namespace, &request).await?,
            dry_run,
            format,
            wait,
        };
        let ended = start(context, &cluster, &backup, &what).await;
        let has_ended = match &ended {
            Ok(_) => wait.is_some() && dry_run == DryRun::None,
            Err(error) => error.exit == Exit::PartiallyFailed,
        };
        if let Some(afterwards) = volumes.afterwards.filter(|_| has_ended) {
            ui.warning(&afterwards);
        }
        ended
    }

    fn request(self, given_namespace: Option<&str>, context_namespace: &str) -> Result<Request> {
        let scope = if self.all_namespaces {
            Scope::Cluster { except: self.exclude_namespaces }
        } else if self.namespaces.is_empty() {
            Scope::Namespaces(vec![context_namespace.to_owned()])
        } else if given_namespace.is_some() {
            return Err(CliError::usage("--namespace and --namespaces cannot be used together")
                .hint("Name all of them with --namespaces a,b"));
        } else {
            Scope::of_names(self.namespaces)
        };
        Ok(Request {
            name: self.name,
            scope,
            selector: self.selector.map(|selector| selector.0),
            labels: self.labels.unwrap_or_default().0,
            volumes: self.volumes,
            terms: Terms { retention: self.retention, ..Terms::default() },
            location: self.location,
        })
    }
}

/// How long the backup is kept and locked. The policy, and whether anything keeps locks, are read only where they have a say.
async fn terms(
    cluster: &Cluster,
    plan: Option<&str>,
    lock: Option<Duration>,
    retention: Option<Duration>,
) -> Result<Terms> {
    let has_a_say = plan.is_some() || (lock.is_some() && retention.is_none());
    let policy = if has_a_say { Some(policy_in_force(cluster).await?) } else { None };
    let found = plan.zip(policy.as_ref()).map(|(name, policy)| backup_terms::find(policy, name)).transpose()?;
    let default_ttl = policy.as_ref().and_then(backup_terms::default_ttl);
    let is_locked = lock.is_some() || found.is_some_and(|plan| plan.lock.is_some());
    let keeper = if is_locked { keeper(cluster).await } else { Keeper::None };
    backup_terms::decide(&Asked { plan: found, retention, lock, default_ttl, keeper })
}

/// Who keeps locks here. Whoever may not read the webhook's configuration sees by the policy's kind that it was installed.
async fn keeper(cluster: &Cluster) -> Keeper {
    match facts::quota::keeps_locks(cluster).await {
        Some(true) => Keeper::Webhook,
        Some(false) => Keeper::None,
        None => match served(cluster, POLICIES).await {
            Ok(Some(_)) => Keeper::Webhook,
            _ => Keeper::Unknown,
        },
    }
}

/// What the checks have found out.
struct Checked {
    /// The backup's name.
    name: String,
    /// The location's name.
    location: String,
    /// What becomes of volume data.
    volumes: Judgement,
}

/// Checks what the server would find out only after the backup is created.
async fn preflight(
    context: &Context,
    cluster: &Cluster,
    namespace: &str,
    request: &Request,
    named: Named,
) -> Result<Checked> {
    let ui = &context.ui;
    let backups: Api<Backup> = Api::namespaced(cluster.client.clone(), namespace);
    let wanted = request.scope.named();
    let (locations, missing, name, volumes) = tokio::try_join!(
        velero::locations(cluster, namespace),
        velero::missing_namespaces(cluster, &wanted),
        velero::free_name(&backups, Kind::Backup, named, namespace),
        facts::backup_volumes::read(cluster, namespace, request),
    )?;
    if let Some(selector) = &request.selector
        && facts::selected::nothing(cluster, &request.scope, selector).await?
    {
        ui.warning(&format!(
            "nothing in {} fits the selector {} among pods, workloads, services, PVCs, config maps and secrets: unless \
             objects of other kinds do, the backup will hold nothing",
            request.scope.words(),
            selector_words::words(Some(selector), None)
        ));
    }
    let (missing, unknown) = missing;
    if let Some(warning) = request.scope.judge_missing(&missing)? {
        ui.warning(&warning);
    }
    if !unknown.is_empty() {
        ui.warning(&format!("you may not look whether these namespaces exist: {}", unknown.join(", ")));
    }
    let location = location::choose(&locations, request.location.as_deref(), namespace)?;
    location::check_writable(location)?;
    let volumes = backup_volumes::judge(request.volumes, &volumes)?;
    volumes.warnings.iter().for_each(|warning| ui.warning(warning));
    Ok(Checked { name, location: location.name_any(), volumes })
}
