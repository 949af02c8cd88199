//! From the claims to the snapshots that are to be made of them.

use std::collections::BTreeMap;

use backup_api::labels;
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use super::{Args, choose::choose};
use crate::{
    apply::snapshot_class::{Classes, by_admission},
    args::DryRun,
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    facts,
    plan::snapshot::{
        batch,
        create::{self, Plan},
    },
};

/// Claims looked at at a time.
const AT_ONCE: usize = 16;

impl Args {
    /// Plans a snapshot of each claim, and names their group if they are one.
    ///
    /// # Errors
    /// When nothing is found, or the server cannot be asked. What cannot be snapshotted is an error in the answer.
    pub(super) async fn draft(
        &self,
        context: &Context,
        cluster: &Cluster,
    ) -> Result<(Vec<Result<Plan>>, Option<String>)> {
        let (chosen, classes) = tokio::join!(choose(self, context, cluster), Classes::read(cluster));
        let (chosen, now) = (chosen?, context.now());
        let classes = classes?;
        if classes.listed.is_none() && self.class.is_some() {
            context.ui.warning("the cluster's VolumeSnapshotClasses may not be listed: --class is not checked");
        }
        let stem = self.app.as_ref().unwrap_or(&cluster.namespace);
        let is_one = chosen.len() == 1 && !self.claims.is_empty();
        let group = self.group.clone().or_else(|| (!is_one).then(|| batch::group(stem, now)));
        let found: Vec<String> = chosen.iter().flatten().filter_map(|claim| claim.metadata.name.clone()).collect();
        if self.group.is_some() {
            check_new(cluster, group.as_deref().unwrap_or_default(), &found).await?;
        }
        let names = self.name.as_ref().map_or_else(|| batch::names(&found, now), |name| vec![name.clone()]);
        let names: BTreeMap<String, String> = found.into_iter().zip(names).collect();
        let mut labels = self.labels.0.clone();
        labels.extend(group.clone().map(|group| (labels::GROUP.to_owned(), group)));
        let drafts = chosen.into_iter().map(async |claim| {
            let claim = claim?;
            let name = claim.metadata.name.as_ref().and_then(|claim| names.get(claim)).cloned().unwrap_or_default();
            self.one(cluster, &claim, &name, &labels, &classes).await
        });
        Ok((stream::iter(drafts).buffered(AT_ONCE).collect().await, group))
    }

    async fn one(
        &self,
        cluster: &Cluster,
        claim: &PersistentVolumeClaim,
        name: &str,
        labels: &BTreeMap<String, String>,
        classes: &Classes,
    ) -> Result<Plan> {
        facts::claim::require_bound(cluster, claim).await?;
        let provisioned = facts::claim::provisioned(cluster, claim).await?;
        let mut request = create::Request {
            name,
            namespace: &cluster.namespace,
            class: self.class.as_deref().map(create::Named::ByUser),
            labels,
            annotations: &self.annotations.0,
        };
        let admitted;
        if !classes.are_chosen_here() && self.class.is_none() {
            let asked = match self.dry_run.dry_run {
                DryRun::Client => None,
                _ => Some(by_admission(cluster, &request, claim).await),
            };
            request.class = match asked {
                None => Some(create::Named::LeftOpen),
                // Told later, once for all of them.
                Some(Err(error)) if batch::is_of_quota(&error) => Some(create::Named::LeftOpen),
                Some(asked) => {
                    admitted = asked?;
                    admitted.as_deref().map(create::Named::ByAdmission)
                }
            };
        }
        classes.plan(&request, claim, &provisioned)
    }
}

/// A group has one snapshot of a claim at most: else nobody could say which to restore.
async fn check_new(cluster: &Cluster, group: &str, claims: &[String]) -> Result<()> {
    let namespace = &cluster.namespace;
    for snapshot in facts::snapshots::in_group(cluster, group).await? {
        let of = snapshot.spec.source.persistent_volume_claim_name.as_ref();
        if let Some(claim) = of.filter(|claim| claims.contains(claim)) {
            let name = snapshot.metadata.name.as_deref().unwrap_or_default();
            return Err(CliError::new(format!("group {group:?} has a snapshot of PVC {claim:?} already: {name}"))
                .hint("Choose another name for the group.")
                .hint(format!("See it with: kubectl backup snapshot list --group {group} -n {namespace}")));
        }
    }
    Ok(())
}
