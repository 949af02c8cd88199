//! Follows a backup or restore by watch until its outcome is known.

use std::{fmt::Debug, time::Duration};

use backup_api::velero::Backup;
use kube::{Api, core::NamespaceResourceScope};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    client::{self, Cluster, ListRequest},
    error::{CliError, Result},
    output::Ui,
    plan::run::{Kind, Run, Standing, Step, end, standing_of, step},
};

/// How long nothing may happen before we wonder aloud why.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is followed.
pub struct Follow<'a> {
    /// A backup or a restore.
    pub kind: Kind,
    /// Its name.
    pub name: &'a str,
    /// Velero's namespace.
    pub namespace: &'a str,
    /// How long to wait; zero waits for ever.
    pub timeout: Duration,
}

/// Follows the object, showing progress, until it ends. Returns the closing sentence.
///
/// # Errors
/// When it ended badly or was deleted, or the time is up.
pub async fn follow<K>(ui: &Ui, cluster: &Cluster, follow: &Follow<'_>) -> Result<String>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + 'static,
    for<'r> Run: From<&'r K>,
{
    let Follow { kind, name, namespace, timeout } = *follow;
    let noun = kind.noun();
    let api: Api<K> = Api::namespaced(cluster.client.clone(), namespace);
    let look = format!("It goes on without this command; look again with: {}", kind.look(name));
    ui.on_interrupt(Some(format!("The {noun} {name:?} goes on; look again with: {}", kind.look(name))));
    let progress = ui.progress(&format!("{noun} {name}"));
    let (stands, standing) = tokio::sync::watch::channel(Standing::Unseen);
    let ended = {
        let doing = format!("watch {noun} {name:?} in namespace {namespace:?}");
        let watched = client::until(api, name, timeout, &doing, |object: Option<K>| {
            let Some(object) = object else {
                return Err(CliError::new(format!("the {noun} {name:?} was deleted while it was followed"))
                    .hint(format!("See what is left with: {}", kind.list())));
            };
            let run = Run::from(&object);
            let ended = end(kind, &run);
            match step(&run) {
                _ if ended.is_some() => {}
                Step::NotSeen => progress.say("waiting for Velero"),
                Step::Text(text) => progress.say(&text),
                Step::Items(done, all) => progress.count(done, all, "items"),
            }
            stands.send_replace(standing_of(&run));
            Ok(ended)
        });
        let wonder = wonder(ui, cluster, follow, standing);
        tokio::pin!(watched);
        tokio::select! {
            ended = &mut watched => ended,
            () = wonder => watched.await,
        }
    };
    drop(progress);
    ui.on_interrupt(None);
    match ended {
        Ok(Some(end)) => end,
        Ok(None) => Err(CliError::timeout(format!("the {noun} {name:?} did not end within {timeout:?}")).hint(look)),
        Err(error) if error.exit == crate::exit::Exit::Error && error.code.is_none() => Err(error),
        Err(error) => Err(error.hint(format!("The {noun} {name:?} was created. {look}"))),
    }
}

/// Warns when nothing has happened for a while, and there is a likely reason.
async fn wonder(ui: &Ui, cluster: &Cluster, follow: &Follow<'_>, mut standing: tokio::sync::watch::Receiver<Standing>) {
    let Follow { kind, namespace, .. } = *follow;
    let noun = kind.noun();
    if tokio::time::timeout(PATIENCE, standing.wait_for(|now| *now == Standing::Running)).await.is_ok() {
        return;
    }
    let now = *standing.borrow();
    match now {
        Standing::Running => {}
        Standing::Unseen => ui.warning(&format!(
            "Velero has not taken up the {noun} for {PATIENCE:?}; is it running? See: kubectl -n {namespace} get deployments,pods"
        )),
        // Velero 1.18 never gets back the place in its queue that a running backup held whose object was deleted.
        Standing::Queued => {
            if any_running(cluster, namespace).await == Some(false) {
                ui.warning(&format!(
                    "Velero's queue has not moved for {PATIENCE:?} though no backup is running. It does not recover when the \
                     object of a running backup was deleted; restart it: kubectl -n {namespace} rollout restart deployment velero"
                ));
            }
        }
    }
}

/// Returns whether Velero works on any backup; `None` when that cannot be read.
async fn any_running(cluster: &Cluster, namespace: &str) -> Option<bool> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Row {
        status: Status,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Status {
        phase: Option<String>,
    }
    let mut running = false;
    let each = |row: Row| {
        let run = Run { phase: row.status.phase, ..Run::default() };
        running |= end(Kind::Backup, &run).is_none() && standing_of(&run) == Standing::Running;
    };
    client::list(cluster, &ListRequest::of::<Backup>(Some(namespace), None), "list backups", each).await.ok()?;
    Some(running)
}
