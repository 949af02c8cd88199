//! Whether the cluster's quota has room for all of several snapshots, before the first of them is made.

use backup_api::snapshot::VolumeSnapshot;
use kube::Resource as _;

use super::snapshot_creation::as_sent;
use crate::{
    args::DryRun,
    client::{self, Cluster},
    context::Context,
    error::{CliError, Result},
    facts::quota::Room,
    plan::snapshot::batch,
};

/// The snapshots that are about to be made.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// One of them, in the namespace of the cluster handle.
    pub one: &'a VolumeSnapshot,
    /// How many they are.
    pub count: usize,
    /// Whether a part will do, where that can be said.
    pub partial: Option<bool>,
    /// What is really sent.
    pub dry_run: DryRun,
}

/// How many of them fit. Whoever may not read what is held has the server asked, by a dry run of one for all of them. Where it
/// does not know now, and where an older webhook answers for the one alone, the server decides on each as it is made.
///
/// # Errors
/// When none does, or not all do and a part will not do. The error names who holds the slots.
pub async fn fitting(context: &Context, cluster: &Cluster, room: Room, wanted: &Wanted<'_>) -> Result<usize> {
    let Wanted { one, count, partial, dry_run } = *wanted;
    match room {
        Room::Read(usage) => batch::fitting(count, &usage, partial, context.now()),
        Room::Unread if dry_run != DryRun::Client => {
            // With a part that will do, one is enough.
            let asked = if partial == Some(true) { 1 } else { count };
            let said = refusal(cluster, &batch::trial(one, asked)).await?;
            said.and_then(|said| batch::refused(count, said, partial)).map_or(Ok(count), Err)
        }
        Room::Unread | Room::Unlimited => Ok(count),
    }
}

/// What the quota says against a dry run. Whatever else may be wrong with it is left to the create.
async fn refusal(cluster: &Cluster, trial: &VolumeSnapshot) -> Result<Option<CliError>> {
    let (name, namespace) = (trial.metadata.name.as_deref().unwrap_or_default(), &cluster.namespace);
    let path = VolumeSnapshot::url_path(&(), Some(namespace));
    let doing = format!("try to create volumesnapshot {name:?} in namespace {namespace:?}");
    let answer = client::create(cluster, &path, &as_sent(trial)?, DryRun::Server, &doing).await;
    Ok(answer.err().filter(batch::is_of_quota))
}
