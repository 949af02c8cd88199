//! `kubectl backup delete`

use std::collections::BTreeSet;

use backup_api::velero::{Backup, DeleteBackupRequest, Restore};
use futures::{StreamExt as _, stream::FuturesUnordered};
use kube::Resource as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    apply::backup_deletion::until_deleted,
    args::{DryRun, DryRunArgs, OutputArgs, WaitArgs, parse_backup_name, parse_selector},
    client::{self, Cluster, ListRequest},
    context::Context,
    error::Result,
    exit::Exit,
    facts::velero,
    output::{Changed, print_changed},
    plan::{
        backup_deletion::{self, Candidate},
        refusal, velero_namespace,
    },
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup delete nightly
  kubectl backup delete -l team=shop --yes
  kubectl backup delete --all -n shop";

/// Delete cold backups with all data that were stored for them
///
/// Restores made from a backup are deleted with it: the records, not what they restored. All backups are checked before
/// the first is deleted: none is when a lock keeps one of them. Then waits until Velero has done it, and shows what it could
/// not do. With -n, --all and -l mean the backups that hold that namespace and no other.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct Args {
    /// The backups to delete
    #[arg(value_name = "BACKUP", value_parser = parse_backup_name, group = "which")]
    names: Vec<String>,
    /// Delete those that the label selector selects
    #[arg(short = 'l', long, value_name = "SELECTOR", group = "which", value_parser = parse_selector)]
    selector: Option<String>,
    /// Delete all
    #[arg(long, group = "which")]
    all: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    wait: WaitArgs<10>,
    #[command(flatten)]
    dry_run: DryRunArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let cluster = context.cluster().await?;
        let namespace = velero::namespace(&cluster).await?;
        let (candidates, locations) =
            tokio::try_join!(self.read(&cluster, &namespace), velero::locations(&cluster, &namespace))?;
        let (candidates, spared) = match &context.connection.namespace {
            Some(holding) if self.names.is_empty() => backup_deletion::of_namespace(candidates, holding),
            _ => (candidates, None),
        };
        if let Some(spared) = &spared {
            context.ui.warning(spared);
        }
        let backups = backup_deletion::pick(candidates, &self.names, &namespace)?;
        if backups.is_empty() {
            context.ui.status("No backups to delete were found.");
            return Ok(Exit::Done);
        }
        backup_deletion::check(&backups, &locations, &namespace)?;
        self.check_locks(context, &cluster, &namespace, &backups).await?;
        if self.dry_run.dry_run == DryRun::None && !self.yes {
            let restores = restores_of(&cluster, &namespace, &backups).await?;
            let question = backup_deletion::question(&backups, restores, &cluster.context, &namespace);
            context.ui.confirm(&question, "--yes").await?;
        }
        self.delete(context, &cluster, &namespace, &backups).await
    }

    async fn read(&self, cluster: &Cluster, namespace: &str) -> Result<Vec<Candidate>> {
        let request = ListRequest::of::<Backup>(Some(namespace), self.selector.as_deref());
        let doing = format!("list backups in namespace {namespace:?}");
        let mut candidates = Vec::new();
        client::list(cluster, &request, &doing, |candidate| candidates.push(candidate))
            .await
            .map_err(|error| velero_namespace::explain(error, Some(namespace)))?;
        Ok(candidates)
    }

    /// Finds out about locks before the first is deleted. Only the server knows whom they bind.
    async fn check_locks(
        &self,
        context: &Context,
        cluster: &Cluster,
        namespace: &str,
        backups: &[Candidate],
    ) -> Result<()> {
        let now = context.now();
        let asked = self.dry_run.dry_run != DryRun::Client;
        let (mut kept, mut free) = (Vec::new(), Vec::new());
        for backup in backups.iter().filter(|backup| backup.may_be_kept()) {
            let end = backup.lock_end(now);
            let answer = if asked { send(cluster, namespace, backup, DryRun::Server).await.err() } else { None };
            match answer {
                None => free.extend(end.map(|end| (backup, end))),
                Some(error) => match backup_deletion::kept_by_lock(&error, end) {
                    Some(why) => kept.push((backup, why)),
                    None => return Err(backup_deletion::not_tried(error)),
                },
            }
        }
        if !kept.is_empty() {
            return Err(backup_deletion::kept_by_locks(&kept, backups.len()));
        }
        for (backup, end) in free {
            context.ui.warning(&backup_deletion::lock_warning(backup, end, asked));
        }
        Ok(())
    }

    /// Sends all requests, then follows all; what failed does not keep the others.
    async fn delete(
        &self,
        context: &Context,
        cluster: &Cluster,
        namespace: &str,
        backups: &[Candidate],
    ) -> Result<Exit> {
        let dry_run = self.dry_run.dry_run;
        let mut errors = Vec::new();
        let mut going = Vec::new();
        for backup in backups {
            match send(cluster, namespace, backup, dry_run).await {
                Ok(request) => going.push((backup, request)),
                Err(error) => errors.push(error),
            }
        }
        let Some(timeout) = self.wait.limit().filter(|_| dry_run == DryRun::None) else {
            let verb = if dry_run == DryRun::None { "deletion requested" } else { "deleted" };
            for (backup, request) in going {
                self.report(context, backup, verb, &request)?;
            }
            return context.ui.all_but_last(errors);
        };
        context.ui.on_interrupt(Some("the deletion goes on; look with: kubectl backup list".to_owned()));
        let mut waits: FuturesUnordered<_> = going
            .into_iter()
            .map(|(backup, request)| async move {
                let deleted = until_deleted(context, cluster, namespace, backup.name(), &request, timeout).await;
                (backup, request, deleted)
            })
            .collect();
        while let Some((backup, request, deleted)) = waits.next().await {
            match deleted {
                Ok(()) => self.report(context, backup, "deleted", &request)?,
                Err(error) => errors.push(error),
            }
        }
        context.ui.on_interrupt(None);
        context.ui.all_but_last(errors)
    }

    fn report(&self, context: &Context, backup: &Candidate, verb: &str, request: &Value) -> Result<()> {
        let name = format!("backup.velero.io/{}", backup.name());
        let changed = Changed { name: &name, verb, object: request };
        print_changed(&context.ui, self.output.format(), self.dry_run.dry_run, &changed)
    }
}

/// Creates the request, or returns what would be created.
async fn send(cluster: &Cluster, namespace: &str, backup: &Candidate, dry_run: DryRun) -> Result<Value> {
    let request = json!(backup.request(namespace));
    if dry_run == DryRun::Client {
        return Ok(request);
    }
    let path = DeleteBackupRequest::url_path(&(), Some(namespace));
    let name = backup.name();
    let doing = format!("create a deletebackuprequest for backup {name:?} in namespace {namespace:?}");
    client::create(cluster, &path, &request, dry_run, &doing)
        .await
        .map_err(velero_namespace::explain_missing)
        .map_err(|error| refusal::explain(error, "deletebackuprequests.velero.io", name, namespace))
}

/// Counts the restores made from the backups: Velero deletes them too.
async fn restores_of(cluster: &Cluster, namespace: &str, backups: &[Candidate]) -> Result<usize> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Row {
        spec: Spec,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Spec {
        backup_name: String,
    }
    let names: BTreeSet<&str> = backups.iter().map(Candidate::name).collect();
    let mut count = 0;
    let doing = format!("list restores in namespace {namespace:?}");
    let each = |row: Row| count += usize::from(names.contains(row.spec.backup_name.as_str()));
    client::list(cluster, &ListRequest::of::<Restore>(Some(namespace), None), &doing, each).await?;
    Ok(count)
}
