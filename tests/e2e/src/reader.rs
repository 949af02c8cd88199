//! A pod that reads a claim.

use crate::Namespace;

impl Namespace<'_> {
    /// The SHA-256 of the claim's file, computed by a pod of its own that mounts it at `/data`.
    #[track_caller]
    pub fn checksum_in_new_pod(&self, claim: &str) -> String {
        let name = format!("read-{claim}");
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": self.name()},
            "spec": {
                "restartPolicy": "Never",
                "containers": [{
                    "name": "reader", "image": test_cluster::BUSYBOX, "command": ["sha256sum", "/data/file"],
                    "volumeMounts": [{"name": "volume", "mountPath": "/data", "readOnly": true}],
                }],
                "volumes": [{"name": "volume", "persistentVolumeClaim": {"claimName": claim}}],
            },
        });
        self.cluster().create(&pod.to_string());
        self.cluster().wait_for(self.name(), &format!("pod/{name}"), "jsonpath={.status.phase}=Succeeded", 120);
        let line = self.kubectl(&["logs", &name]);
        line.split_whitespace().next().unwrap_or_default().to_owned()
    }
}
