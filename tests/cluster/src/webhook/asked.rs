//! Whether the API servers ask the webhook.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::Cluster;

/// How long the webhook may take to be ready, and then the API servers to see the configuration.
const LIMIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(100);

/// What the validating side must refuse: Velero would look for a volume named " b".
const VALIDATED: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"webhook-probe","namespace":"default",
"annotations":{"backup.velero.io/backup-volumes":"a, b"}},"spec":{"containers":[{"name":"c","image":"none"}]}}"#;
/// What the mutating side must mark, when Velero makes it.
const MUTATED: &str = r#"{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshot",
"metadata":{"name":"webhook-probe","namespace":"default"},"spec":{"source":{"persistentVolumeClaimName":"none"}}}"#;

/// A new configuration reaches each API server a moment late, and nothing says when: so each is asked for what only the
/// webhook does, until it does it.
pub fn until_asked(cluster: &Cluster) -> Result<()> {
    let contexts = cluster.kubectl(&["config", "get-contexts", "--output=name"], "")?;
    for context in contexts.lines() {
        let create = ["--context", context, "create", "--dry-run=server", "--output=json", "--filename=-"];
        until("an API server does not ask the webhook to validate", || {
            Ok(match cluster.kubectl(&create, VALIDATED) {
                Err(refusal) if format!("{refusal:#}").contains("BKP101") => Ok(()),
                Err(other) => Err(format!("{other:#}")),
                Ok(_) => Err("a wrong pod was taken".to_owned()),
            })
        })?;
        let snapshots =
            cluster.kubectl(&["--context", context, "api-resources", "--api-group=snapshot.storage.k8s.io"], "")?;
        if !snapshots.contains("VolumeSnapshot") {
            continue;
        }
        // With all rights: a cluster without Velero gives its account none.
        let velero = ["--as=system:serviceaccount:velero:velero", "--as-group=system:masters"];
        let as_velero = [&create[..], &velero].concat();
        until("an API server does not ask the webhook to mutate", || {
            Ok(match cluster.kubectl(&as_velero, MUTATED) {
                Ok(object) if object.contains("quota-exempt") => Ok(()),
                Ok(_) => Err("Velero's snapshot was not marked".to_owned()),
                Err(error) => Err(format!("{error:#}")),
            })
        })?;
    }
    Ok(())
}

pub(super) fn until(not_yet: &str, mut look: impl FnMut() -> Result<Result<(), String>>) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match look()? {
            Ok(()) => return Ok(()),
            Err(state) if Instant::now() > deadline => bail!("{not_yet} after {LIMIT:?}: {state}"),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}
