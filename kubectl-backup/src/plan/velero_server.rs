//! How Velero's server is set up, as far as its command line tells: what a backup gets that does not say otherwise.

use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt as _;

/// The name that Velero's installer gives the server's Deployment.
const NAME: &str = "velero";
/// Labels of the Deployment; Helm's chart names it after the release.
const LABELS: [(&str, &str); 2] = [("component", "velero"), ("app.kubernetes.io/name", "velero")];
/// The feature without which Velero passes CSI volumes over.
const CSI_FEATURE: &str = "EnableCSI";

/// The server's settings for volume data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// CSI snapshots are taken.
    pub csi: bool,
    /// Volumes are copied file by file unless a pod opts out.
    pub files_by_default: bool,
    /// The data of snapshots are moved to the storage location.
    pub moves_data: bool,
}

/// Finds the server among the Deployments of Velero's namespace; `None` when none of them runs it.
pub fn find(deployments: &[Deployment]) -> Option<Server> {
    deployments.iter().filter(|deployment| is_velero(deployment)).find_map(|deployment| {
        let pod = deployment.spec.as_ref()?.template.spec.as_ref()?;
        pod.containers.iter().find_map(|container| {
            let words: Vec<&str> =
                container.command.iter().chain(&container.args).flatten().map(String::as_str).collect();
            words.contains(&"server").then(|| settings(&words))
        })
    })
}

fn is_velero(deployment: &Deployment) -> bool {
    let labelled = |(key, value): &(&str, &str)| deployment.labels().get(*key).is_some_and(|found| found == value);
    deployment.name_any() == NAME || LABELS.iter().any(labelled)
}

fn settings(words: &[&str]) -> Server {
    let features = value(words, "--features").unwrap_or_default();
    Server {
        csi: features.split(',').any(|feature| feature == CSI_FEATURE),
        files_by_default: is_set(words, "--default-volumes-to-fs-backup"),
        moves_data: is_set(words, "--default-snapshot-move-data"),
    }
}

/// The value of a flag: behind `=` or in the next word. The last one counts.
fn value<'a>(words: &[&'a str], flag: &str) -> Option<&'a str> {
    words.iter().enumerate().rev().find_map(|(index, word)| match word.strip_prefix(flag)? {
        "" => words.get(index + 1).copied(),
        rest => rest.strip_prefix('='),
    })
}

/// Whether a switch is on. Unlike other flags it takes its value only behind `=`.
fn is_set(words: &[&str], flag: &str) -> bool {
    let last = words
        .iter()
        .rev()
        .find_map(|word| word.strip_prefix(flag).filter(|rest| matches!(rest.chars().next(), None | Some('='))));
    last.is_some_and(|rest| rest.is_empty() || matches!(rest, "=1" | "=t" | "=T" | "=true" | "=TRUE" | "=True"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(name: &str, labels: &serde_json::Value, args: &[&str]) -> Deployment {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"selector": {}, "template": {"spec": {"containers": [
                {"name": "sidecar", "args": ["proxy"]},
                {"name": "velero", "command": ["/velero"], "args": args},
            ]}}},
        }))
        .unwrap()
    }

    fn server(args: &[&str]) -> Server {
        find(&[deployment("velero", &json!({}), args)]).unwrap()
    }

    #[test]
    fn the_server_is_found_whatever_helm_calls_it() {
        let helm = json!({"app.kubernetes.io/name": "velero"});
        let args = ["server", "--features=EnableCSI"];
        assert!(find(&[deployment("ui", &json!({}), &args), deployment("prod-velero", &helm, &args)]).unwrap().csi);
        assert!(find(&[deployment("v", &json!({"component": "velero"}), &args)]).unwrap().csi);
        assert_eq!(find(&[deployment("ui", &json!({}), &args)]), None);
        assert_eq!(find(&[deployment("velero", &json!({}), &["repo-maintenance"])]), None);
    }

    #[test]
    fn switches_are_read_as_the_server_reads_them() {
        assert_eq!(server(&["server"]), Server::default());
        assert!(server(&["server", "--features=Other,EnableCSI"]).csi);
        assert!(server(&["server", "--features", "EnableCSI"]).csi);
        assert!(!server(&["server", "--features=EnableCSIX"]).csi);
        assert!(server(&["server", "--default-volumes-to-fs-backup"]).files_by_default);
        assert!(!server(&["server", "--default-volumes-to-fs-backup=false"]).files_by_default);
        assert!(
            !server(&["server", "--default-volumes-to-fs-backup", "--default-volumes-to-fs-backup=0"]).files_by_default
        );
        assert!(server(&["server", "--default-snapshot-move-data=true"]).moves_data);
        assert!(!server(&["server", "--default-snapshot-move-data-x"]).moves_data);
    }
}
