//! What a rollback is going to do, and how it ended, in words.

use super::{Journal, Workload};
use crate::error::CliError;

/// How a rollback that stopped on its way goes on.
pub fn go_on(snapshot: &str, namespace: &str) -> String {
    format!("Go on with: kubectl backup snapshot rollback {snapshot} --continue -n {namespace}")
}

/// Adds both ways out of a rollback that is under way.
pub fn both_ways(error: CliError, snapshot: &str, namespace: &str) -> CliError {
    error
        .hint(go_on(snapshot, namespace))
        .hint(format!("Go back with: kubectl backup snapshot rollback {snapshot} --undo -n {namespace}"))
}

/// What will be done, a line each, in order.
pub fn describe_plan(journal: &Journal, snapshot: &str) -> Vec<String> {
    let claim = journal.claim();
    let volume = &journal.kept.volume;
    let mut lines = Vec::new();
    if let Some(safety) = &journal.safety {
        lines.push(format!("take snapshot {safety} of the data as they are"));
    }
    lines.push(format!("keep volume {volume} with the data as they are"));
    for workload in running(journal) {
        lines.push(format!("scale {workload} from {} to 0 and wait until its pods are gone", workload.replicas));
    }
    lines.push(format!("replace PVC {claim} by one of the same name, filled from snapshot {snapshot}"));
    for workload in running(journal) {
        lines.push(format!("scale {workload} to {} and wait until its pods are ready", workload.replicas));
    }
    lines
}

fn running(journal: &Journal) -> impl Iterator<Item = &Workload> {
    journal.workloads.iter().filter(|workload| workload.replicas > 0)
}

/// What is said at the end of a rollback.
pub fn done(journal: &Journal, snapshot: &str, namespace: &str) -> Vec<String> {
    let also = journal.safety.as_ref().map(|safety| format!(" and in snapshot {safety}")).unwrap_or_default();
    vec![
        format!("The data before are kept in volume {}{also}.", journal.kept.volume),
        format!("Go back to them with: kubectl backup snapshot rollback {snapshot} --undo -n {namespace}"),
        format!("Let go of the volume with: kubectl backup snapshot rollback {snapshot} --finish -n {namespace}"),
    ]
}

/// What is said when the old data are back; `left` is the volume with the data that were there meanwhile.
pub fn undone(journal: &Journal, left: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(volume) = left {
        lines.push(format!(
            "What was written meanwhile is kept in volume {volume}; delete it with: kubectl delete pv {volume}"
        ));
    }
    if let Some(safety) = &journal.safety {
        lines.push(format!("Snapshot {safety} stays; it holds a slot of the quota."));
    }
    lines
}

/// What is said when the old volume was let go.
pub fn finished(journal: &Journal) -> String {
    let volume = &journal.kept.volume;
    match journal.kept.reclaim_policy.as_str() {
        "Delete" => format!("Volume {volume} is deleted by its driver now."),
        policy => format!(
            "Volume {volume} stays, as its reclaim policy {policy} says; delete it with: kubectl delete pv {volume}"
        ),
    }
}
