//! An application with bytes in its volumes, on a cluster that runs pods.

use crate::{Claim, Namespace};

/// A Deployment `app` with one pod that mounts claims, each at `/NAME` as the volume `NAME-volume`. It writes random
/// bytes into `/NAME/file` unless the file is there.
pub struct App<'a> {
    namespace: &'a Namespace<'a>,
}

impl<'a> App<'a> {
    /// Makes the claims and the application, and waits until the bytes are written. `claims` are names with their storage
    /// class; `annotation` is the value of Velero's `backup-volumes`.
    #[track_caller]
    pub fn start(namespace: &'a Namespace<'a>, claims: &[(&str, &str)], annotation: Option<&str>) -> Self {
        let cluster = namespace.cluster();
        for (name, class) in claims {
            cluster.create(&Claim::manifest(namespace.name(), name, class));
        }
        let names: Vec<&str> = claims.iter().map(|(name, _)| *name).collect();
        cluster.create(&deployment(namespace.name(), &names, annotation));
        let app = Self { namespace };
        app.ready();
        app
    }

    /// The same application in another namespace, where something else made it. Waits until it runs.
    #[track_caller]
    pub fn restored(namespace: &'a Namespace<'a>) -> Self {
        let app = Self { namespace };
        app.ready();
        app
    }

    /// The SHA-256 of the bytes in a claim's volume, computed in the pod.
    #[track_caller]
    pub fn checksum(&self, claim: &str) -> String {
        let line = self.exec(&format!("sha256sum /{claim}/file"));
        line.split_whitespace().next().unwrap_or_default().to_owned()
    }

    /// Runs a shell command in the pod.
    #[track_caller]
    pub fn exec(&self, command: &str) -> String {
        self.namespace.kubectl(&["exec", "deployment/app", "--", "sh", "-c", command])
    }

    #[track_caller]
    fn ready(&self) {
        self.namespace.kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);
    }
}

fn deployment(namespace: &str, claims: &[&str], annotation: Option<&str>) -> String {
    let mounts: Vec<_> = claims
        .iter()
        .map(|claim| serde_json::json!({"name": format!("{claim}-volume"), "mountPath": format!("/{claim}")}))
        .collect();
    let volumes: Vec<_> = claims
        .iter()
        .map(|claim| {
            serde_json::json!({"name": format!("{claim}-volume"), "persistentVolumeClaim": {"claimName": claim}})
        })
        .collect();
    let write: String = claims
        .iter()
        .map(|claim| format!("[ -e /{claim}/file ] || head -c 2097152 /dev/urandom > /{claim}/file; "))
        .collect();
    let annotations = match annotation {
        Some(value) => serde_json::json!({"backup.velero.io/backup-volumes": value}),
        None => serde_json::json!({}),
    };
    serde_json::json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "app", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": "app"}},
            "template": {
                "metadata": {"labels": {"app": "app"}, "annotations": annotations},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [{
                        "name": "app", "image": test_cluster::BUSYBOX,
                        "command": ["sh", "-c", format!("{write}touch /tmp/ready; exec sleep 86400")],
                        "readinessProbe": {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1},
                        "volumeMounts": mounts,
                    }],
                    "volumes": volumes,
                },
            },
        },
    })
    .to_string()
}
