//! Says why nothing happens to a backup or restore that is followed.

use std::{collections::BTreeSet, time::Duration};

use backup_api::velero::{Backup, Restore};
use serde::Deserialize;
use tokio::sync::watch::Receiver;

use super::follow::Follow;
use crate::{
    client::{self, Cluster, ListRequest},
    output::Ui,
    plan::{
        run::{Kind, Standing},
        standstill::{self, LOOKS, Look, Stall},
    },
};

/// How long nothing may happen before the first look.
const PATIENCE: Duration = Duration::from_secs(30);

/// The time between looks. What Velero does by itself shows between the first and the third.
const BETWEEN: Duration = Duration::from_secs(150);

/// Warns when nothing has happened for a while and there is a likely reason, each reason once. Ends when Velero begins.
pub async fn wonder(ui: &Ui, cluster: &Cluster, follow: &Follow<'_>, mut standing: Receiver<Standing>) {
    let Follow { kind, namespace, .. } = *follow;
    let mut patience = PATIENCE;
    let mut looks: Vec<Look> = Vec::new();
    let mut said = BTreeSet::new();
    loop {
        if tokio::time::timeout(patience, standing.wait_for(|now| *now == Standing::Running)).await.is_ok() {
            return;
        }
        patience = BETWEEN;
        let seen = look(cluster, namespace, kind).await;
        let now = *standing.borrow();
        let text = match now {
            Standing::Running => return,
            Standing::Unseen => Some(standstill::unseen_words(kind, &seen.unwrap_or_default(), namespace)),
            Standing::Queued => {
                let Some(seen) = seen else { return };
                if looks.len() == LOOKS {
                    looks.remove(0);
                }
                looks.push(seen);
                match standstill::stall(&looks) {
                    None => None,
                    Some(stall) => {
                        let restores = match stall {
                            Stall::Idle => look(cluster, namespace, Kind::Restore).await.unwrap_or_default().running,
                            Stall::Ready(_) => BTreeSet::new(),
                        };
                        Some(standstill::words(&stall, &restores, namespace))
                    }
                }
            }
        };
        if let Some(text) = text
            && said.insert(text.clone())
        {
            ui.warning(&text);
        }
    }
}

/// Looks at all backups, or all restores; `None` when they cannot be read.
async fn look(cluster: &Cluster, namespace: &str, kind: Kind) -> Option<Look> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Row {
        metadata: Metadata,
        status: Status,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Metadata {
        name: String,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Status {
        phase: Option<String>,
    }
    let request = match kind {
        Kind::Backup => ListRequest::of::<Backup>(Some(namespace), None),
        Kind::Restore => ListRequest::of::<Restore>(Some(namespace), None),
    };
    let mut look = Look::default();
    let doing = format!("list {}s", kind.noun());
    client::list(cluster, &request, &doing, |row: Row| look.add(row.metadata.name, row.status.phase.as_deref()))
        .await
        .ok()?;
    Some(look)
}
