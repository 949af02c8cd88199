//! Waits for a claim to be bound.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim};
use kube::Api;

use crate::{
    client::{Cluster, until},
    context::Context,
    error::{CliError, Result},
    facts::events::{self, At},
    plan::{claim, snapshot::driver_error},
};

/// What ended the wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It has its volume.
    Bound,
    /// Its storage class waits for the first pod.
    FirstConsumer,
    /// The driver refused; in its own words.
    Failed(String),
    /// Time was up.
    TimedOut,
}

/// Waits until a claim is bound. `uid` is the claim's: an earlier one of the same name may have left events of its own failure.
/// `from` says which of the driver's refusals count: all of them for a claim that was just created; only what it says from now
/// on for one that was there, and may have failed, before: what was wrong was mended since, or nobody would wait.
///
/// # Errors
/// When the claim is deleted or loses its volume, or may not be watched.
pub async fn until_bound(
    context: &Context,
    cluster: &Cluster,
    (name, uid): (&str, Option<&str>),
    from: At,
    timeout: Duration,
) -> Result<End> {
    let namespace = &cluster.namespace;
    let describe = format!("kubectl describe pvc {name} -n {namespace}");
    let subject = format!("PVC {name:?} in namespace {namespace:?}");
    let started = context.now();
    let progress = context.ui.progress(&format!("pvc {name}"));
    progress.say("waiting for the driver");
    let api: Api<PersistentVolumeClaim> = Api::namespaced(cluster.client.clone(), namespace);
    let judge = |found: Option<PersistentVolumeClaim>| match found {
        None => Err(CliError::new(format!("{subject} was deleted by somebody else before it was bound"))),
        Some(found) if claim::phase(&found) == "Lost" => {
            Err(CliError::new(format!("{subject} has lost its volume")).hint(format!("Look with: {describe}")))
        }
        Some(found) => Ok(claim::is_bound(&found).then_some(())),
    };
    let about = events::About { kind: "PersistentVolumeClaim", namespace, name, uid };
    let doing = format!("watch PVC {name:?} in namespace {namespace:?}");
    let failure = events::first_at(cluster, about, |event, at| match event_says(event) {
        Said::Failed(message) if counts(at, from) => Some(End::Failed(message)),
        Said::FirstConsumer => Some(End::FirstConsumer),
        Said::Failed(message) | Said::TriedAgain(message) => {
            progress.say(&format!("tried again after: {message}"));
            None
        }
        Said::Nothing => None,
    });
    let end = tokio::select! {
        // A claim that is bound counts more than an event of an earlier try.
        biased;
        bound = until(api, name, timeout, &doing, judge) => bound
            .map_err(|error| if error.code.is_some() {
                error.hint(format!("{subject} was created; --no-wait does not watch it. Look with: {describe}"))
            } else { error })?
            .map_or(End::TimedOut, |()| End::Bound),
        end = failure => end,
    };
    drop(progress);
    if end == End::Bound {
        let seconds = context.now().duration_since(started).as_secs();
        context.ui.status(&format!("PVC {name} is bound (after {seconds}s)"));
    }
    Ok(end)
}

/// The error of a claim that is not bound in time.
pub fn timed_out(name: &str, namespace: &str, timeout: Duration) -> CliError {
    CliError::timeout(format!("PVC {name:?} in namespace {namespace:?} is not bound after {timeout:?}")).hint(format!(
        "It is still being filled, or its storage class waits for the first pod; look with: kubectl describe pvc {name} -n {namespace}"
    ))
}

/// What is said of a claim that nobody has to wait for.
pub fn filled_later(name: &str) -> String {
    format!(
        "PVC {name} is not waited for: its storage class makes the volume when the first pod uses it. It holds nothing until then"
    )
}

fn counts(at: At, from: At) -> bool {
    from == At::Before || at == At::Since
}

enum Said {
    Failed(String),
    FirstConsumer,
    TriedAgain(String),
    Nothing,
}

fn event_says(event: &Event) -> Said {
    let message = event.message.as_deref().unwrap_or_default().trim().to_owned();
    match event.reason.as_deref().unwrap_or_default() {
        "WaitForFirstConsumer" => Said::FirstConsumer,
        "ProvisioningFailed" if !driver_error::is_passing(&message) => Said::Failed(message),
        "ProvisioningFailed" => Said::TriedAgain(message),
        _ => Said::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_refusal_counts_only_for_a_claim_that_was_just_made() {
        assert!(counts(At::Before, At::Before) && counts(At::Since, At::Before));
        assert!(!counts(At::Before, At::Since) && counts(At::Since, At::Since));
    }
}
