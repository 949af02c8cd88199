//! In which containers the hooks around a cut run.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, Pod};

use super::app::mounted;
use crate::{
    args::Hook,
    error::{CliError, Result},
};

/// A container in which a command is run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its pod.
    pub pod: String,
    /// Its pod's uid: a StatefulSet's next pod has the same name.
    pub uid: String,
    /// Its name.
    pub container: String,
}

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    /// What pauses the application.
    pub pause: Vec<Hook>,
    /// What resumes it.
    pub resume: Vec<Hook>,
    /// The volumes that are cut.
    pub claims: BTreeSet<String>,
}

/// What to do around the cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// For each pause hook where it runs.
    pub pause: Vec<(Hook, Vec<Target>)>,
    /// For each resume hook where it runs.
    pub resume: Vec<(Hook, Vec<Target>)>,
    /// Pods that write to the volumes and are not paused.
    pub unpaused: Vec<String>,
}

/// Plans the hooks for the pods that mount the claims. Without such a pod there is nothing to pause.
///
/// # Errors
/// When no pod has a container that a hook names.
pub fn plan(hooks: &Hooks, pods: &[Pod]) -> Result<Plan> {
    let Hooks { pause, resume, claims } = hooks;
    let writers: Vec<&Pod> = pods.iter().filter(|pod| phase(pod) == "Running" && mounts(pod, claims)).collect();
    if writers.is_empty() {
        return Ok(Plan::default());
    }
    let plan = Plan {
        pause: pause.iter().map(|hook| aim(hook, &writers)).collect::<Result<_>>()?,
        resume: resume.iter().map(|hook| aim(hook, &writers)).collect::<Result<_>>()?,
        unpaused: Vec::new(),
    };
    let paused: BTreeSet<&str> =
        plan.pause.iter().flat_map(|(_, targets)| targets).map(|target| target.pod.as_str()).collect();
    let unpaused = writers.iter().map(|pod| name(pod)).filter(|pod| !paused.contains(pod)).map(str::to_owned).collect();
    Ok(Plan { unpaused, ..plan })
}

/// Plans what is still to be paused once the pods with these uids are: pods go, and others take their places.
///
/// # Errors
/// When one of them is gone and its successor is about to write, where no hook can run yet.
pub fn rest(hooks: &Hooks, pods: &[Pod], paused: &BTreeSet<String>, gone: &BTreeSet<String>) -> Result<Plan> {
    let starting: Vec<&str> =
        pods.iter().filter(|pod| phase(pod) == "Pending" && mounts(pod, &hooks.claims)).map(name).collect();
    if !gone.is_empty() && !starting.is_empty() {
        return Err(moving(gone).hint(format!("Starting, with the volumes: pod {}.", starting.join(", "))));
    }
    let mut plan = plan(hooks, pods)?;
    for (_, targets) in plan.pause.iter_mut().chain(&mut plan.resume) {
        targets.retain(|target| !paused.contains(&target.uid));
    }
    plan.pause.retain(|(_, targets)| !targets.is_empty());
    plan.resume.retain(|(_, targets)| !targets.is_empty());
    Ok(plan)
}

/// The error of an application whose pods change while it is to be paused.
pub fn moving(gone: &BTreeSet<String>) -> CliError {
    let named = gone.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    CliError::new(format!("pod {named} was replaced before it was paused; no snapshot was taken"))
        .hint("Try again once the application's pods stay.")
}

fn aim(hook: &Hook, writers: &[&Pod]) -> Result<(Hook, Vec<Target>)> {
    let targets: Vec<Target> = writers
        .iter()
        .filter(|pod| containers(pod).any(|container| container.name == hook.container))
        .map(|pod| Target { pod: name(pod).to_owned(), uid: uid(pod).to_owned(), container: hook.container.clone() })
        .collect();
    if !targets.is_empty() {
        return Ok((hook.clone(), targets));
    }
    let there: Vec<String> = writers
        .iter()
        .map(|pod| {
            let names: Vec<&str> = containers(pod).map(|container| container.name.as_str()).collect();
            format!("{} ({})", name(pod), names.join(", "))
        })
        .collect();
    Err(CliError::usage(format!("no pod that mounts the volumes has a container {:?}", hook.container))
        .hint(format!("The pods that mount them, with their containers: {}", there.join("; "))))
}

fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    let spec = pod.spec.as_ref();
    // An init container that is always started again runs beside the others.
    let sidecars = spec.and_then(|spec| spec.init_containers.as_ref()).into_iter().flatten();
    let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    spec.map(|spec| spec.containers.iter()).into_iter().flatten().chain(sidecars)
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

fn mounts(pod: &Pod, claims: &BTreeSet<String>) -> bool {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
    volumes.into_iter().flatten().filter_map(|volume| mounted(volume, name(pod))).any(|claim| claims.contains(&claim))
}

fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, phase: &str, containers: &[&str], claim: &str) -> Pod {
        let containers: Vec<_> = containers.iter().map(|name| json!({"name": name})).collect();
        serde_json::from_value(json!({
            "metadata": {"name": name, "uid": format!("{name}-uid")},
            "spec": {"containers": containers, "initContainers": [{"name": "once"}, {"name": "side", "restartPolicy": "Always"}],
                "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]},
            "status": {"phase": phase},
        }))
        .unwrap()
    }

    fn hooks(texts: &[&str]) -> Vec<Hook> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn planned(pause: &[&str], pods: &[Pod]) -> Result<String> {
        told(&plan(&wanted(pause), pods)?)
    }

    fn wanted(pause: &[&str]) -> Hooks {
        let claims = BTreeSet::from(["data".to_owned(), "files".to_owned()]);
        Hooks { pause: hooks(pause), resume: hooks(&["db: resume"]), claims }
    }

    fn told(plan: &Plan) -> Result<String> {
        let aims = |aims: &[(Hook, Vec<Target>)]| -> Vec<String> {
            aims.iter()
                .map(|(hook, targets)| {
                    let targets: Vec<_> = targets.iter().map(|at| format!("{}/{}", at.pod, at.container)).collect();
                    format!("{} in {}", hook.text, targets.join("+"))
                })
                .collect()
        };
        Ok(format!(
            "{} | {} | unpaused {}",
            aims(&plan.pause).join(", "),
            aims(&plan.resume).join(", "),
            plan.unpaused.join(",")
        ))
    }

    #[test]
    fn hooks_run_in_the_running_pods_that_mount_the_volumes() {
        let pods = [
            pod("db-0", "Running", &["db", "metrics"], "data"),
            pod("db-1", "Pending", &["db"], "data"),
            pod("web", "Running", &["web"], "files"),
            pod("other", "Running", &["db"], "else"),
        ];
        assert_eq!(planned(&["db: pause"], &pods).unwrap(), "pause in db-0/db | resume in db-0/db | unpaused web");
        assert_eq!(
            planned(&["db: pause", "side: x"], &pods).unwrap(),
            "pause in db-0/db, x in db-0/side+web/side | resume in db-0/db | unpaused "
        );
        assert_eq!(planned(&["db: pause"], &pods[3..]).unwrap(), " |  | unpaused ");
    }

    #[test]
    fn who_took_the_place_of_a_pod_that_is_gone_is_paused_too() {
        let set = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<String>>();
        let rest = |pods: &[Pod], paused: &[&str], gone: &[&str]| {
            let plan = rest(&wanted(&["db: pause"]), pods, &set(paused), &set(gone));
            plan.and_then(|plan| told(&plan))
                .map_err(|error| format!("{} | {}", error.message, error.hints.join(" | ")))
        };
        let (zero, one) = (pod("db-0", "Running", &["db"], "data"), pod("db-1", "Running", &["db"], "data"));
        let both = [zero.clone(), one];
        assert_eq!(rest(&both, &["db-0-uid", "db-1-uid"], &[]).unwrap(), " |  | unpaused ");
        assert_eq!(rest(&both, &["db-0-uid"], &[]).unwrap(), "pause in db-1/db | resume in db-1/db | unpaused ");
        // A StatefulSet's next pod has the name of the last.
        let mut next = zero.clone();
        next.metadata.uid = Some("another".to_owned());
        assert_eq!(rest(&[next], &["db-0-uid"], &[]).unwrap(), "pause in db-0/db | resume in db-0/db | unpaused ");
        // It is gone, and nobody took its place.
        assert_eq!(rest(&[], &[], &["db-0"]).unwrap(), " |  | unpaused ");
        let pending = pod("db-0", "Pending", &["db"], "data");
        insta::assert_snapshot!(rest(std::slice::from_ref(&pending), &[], &["db-0"]).unwrap_err(), @"pod db-0 was replaced before it was paused; no snapshot was taken | Try again once the application's pods stay. | Starting, with the volumes: pod db-0.");
        // One that never started writes nothing, as before.
        assert_eq!(rest(&[zero, pending], &["db-0-uid"], &[]).unwrap(), " |  | unpaused ");
    }

    #[test]
    fn a_container_that_no_pod_has_is_refused_with_those_there_are() {
        let error = planned(&["once: pause"], &[pod("db-0", "Running", &["db", "metrics"], "data")]).unwrap_err();
        insta::assert_snapshot!(format!("{} | {}", error.message, error.hints.join(" | ")), @r#"no pod that mounts the volumes has a container "once" | The pods that mount them, with their containers: db-0 (db, metrics, side)"#);
    }
}
