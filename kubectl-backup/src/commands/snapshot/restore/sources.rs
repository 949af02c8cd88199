//! Plans the PVCs: everything is checked before the first is made.

use std::collections::BTreeSet;

use backup_api::snapshot::VolumeSnapshot;
use backup_policy::config::resource::VOLUME_SNAPSHOTS;
use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};

use super::Args;
use crate::{
    apply::{
        quota_room::{self, Wanted},
        restoration::Restoration,
    },
    client::Cluster,
    context::Context,
    error::{CliError, Result},
    facts,
    plan::{
        claim::{absent, kept_labels, waits_for_pod},
        snapshot::{
            content::Content,
            filled_from, name,
            origin::{self, Standing},
            preprovisioned, restore,
        },
    },
};

/// Where the snapshots are and where the PVCs are to be.
pub struct Sources<'a> {
    pub context: &'a Context,
    /// The snapshots' namespace.
    pub cluster: &'a Cluster,
    /// The PVCs' namespace.
    pub there: &'a Cluster,
    pub args: &'a Args,
}

impl Sources<'_> {
    /// Plans a PVC from each snapshot.
    pub async fn plan(&self, wanted: Vec<(VolumeSnapshot, String)>) -> Result<Vec<Restoration>> {
        let elsewhere = self.there.namespace != self.cluster.namespace;
        let classes = facts::claim::storage_classes(self.cluster).await?;
        let mut items = Vec::new();
        for (snapshot, target) in wanted {
            items.push(self.one(&snapshot, &target, classes.as_deref(), elsewhere).await?);
        }
        if elsewhere {
            facts::target_namespace::require_rights(self.there).await?;
        }
        let claims: Vec<PersistentVolumeClaim> = items.iter().map(|item| item.claim.clone()).collect();
        let pairs = items.iter().filter(|item| item.pair.is_some()).count();
        facts::target_namespace::require_room(self.there, &claims, pairs).await?;
        // The first object of each is the content: the server refuses only the second.
        if let Some(pair) = items.iter().find_map(|item| item.pair.as_ref()) {
            let room = facts::quota::room(self.there, VOLUME_SNAPSHOTS).await?;
            let dry_run = self.args.dry_run.dry_run;
            let wanted = Wanted { one: &pair.snapshot, count: pairs, partial: None, dry_run };
            quota_room::fitting(self.context, self.there, room, &wanted)
                .await
                .map_err(|error| error.hint("Each restore into another namespace needs one slot for a while."))?;
        }
        Ok(items)
    }

    async fn one(
        &self,
        snapshot: &VolumeSnapshot,
        target: &str,
        classes: Option<&[StorageClass]>,
        elsewhere: bool,
    ) -> Result<Restoration> {
        let ui = &self.context.ui;
        let own = snapshot.metadata.name.as_deref().unwrap_or_default();
        self.warn_of_lost_backup(snapshot, own).await;
        absent(target, &self.there.namespace, facts::claim::read_opt(self.there, target).await?.as_ref())?;
        let content = facts::snapshots::content(self.cluster, snapshot).await?;
        if let Content::Gone(name) = &content {
            return Err(CliError::new(format!(
                "nothing can be restored from VolumeSnapshot {own:?}: its content {name:?} is gone"
            )));
        }
        let source = match snapshot.spec.source.persistent_volume_claim_name.as_deref() {
            Some(name) => facts::claim::read_opt(self.cluster, name).await?,
            None => None,
        };
        let request = restore::Request {
            target,
            storage_class: self.args.storage_class.as_deref(),
            size: self.args.size.as_deref(),
            access_modes: &self.args.access_modes,
        };
        let facts = restore::Facts { snapshot, content: content.found(), source: source.as_ref(), classes };
        let plan = restore::plan(&request, &facts)?;
        plan.remarks.iter().for_each(|remark| ui.warning(remark));
        let mut claim = plan.claim;
        if self.args.keep_labels {
            match &source {
                Some(source) => claim.metadata.labels = Some(kept_labels(source)),
                None => ui.warning(&format!(
                    "the PVC of snapshot {own} is gone or may not be read: its labels are not known"
                )),
            }
        }
        let binds_late = waits_for_pod(&claim, classes);
        if !elsewhere {
            return Ok(Restoration { pair: None, claim, binds_late });
        }
        filled_from::note(&mut claim, snapshot);
        let name = name::derive(&format!("{target}-restore"), self.context.now());
        let (pair, claim) = preprovisioned::through(snapshot, &content, &name, claim, &self.there.namespace)?;
        Ok(Restoration { pair: Some(pair), claim, binds_late })
    }

    /// What Velero restored goes with its backup.
    async fn warn_of_lost_backup(&self, snapshot: &VolumeSnapshot, name: &str) {
        let Some(restored) = origin::restored(snapshot) else { return };
        let standing = facts::backup_standing::of(self.cluster, BTreeSet::from([restored.backup])).await;
        let standing = standing.get(restored.backup).copied().unwrap_or_default();
        if standing == Standing::Gone {
            self.context.ui.warning(&format!("snapshot {name} was {}", restored.words(standing)));
        }
    }
}
