//! The application of the demo: a pod with two volumes. It writes random bytes into each, once.

/// Its manifests. `data` is on block storage and annotated for file-system backup; `media` is on file storage and is not.
pub const MANIFESTS: &str = r#"
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec: {storageClassName: test-block-std, accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: media, namespace: shop}
spec: {storageClassName: test-files-std, accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {backup.velero.io/backup-volumes: database}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: kubectl-backup.test/busybox:1
        command: [sh, -c]
        args:
        - |
          for f in /data/orders /media/pictures; do
            [ -e $f ] || head -c 4194304 /dev/urandom > $f
          done
          touch /tmp/ready
          exec sleep 86400
        readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1}
        volumeMounts:
        - {name: database, mountPath: /data}
        - {name: pictures, mountPath: /media}
      volumes:
      - {name: database, persistentVolumeClaim: {claimName: data}}
      - {name: pictures, persistentVolumeClaim: {claimName: media}}
"#;

/// A pod that reads a claim: `reader(namespace, claim)`.
pub fn reader(namespace: &str, claim: &str) -> String {
    format!(
        r#"
apiVersion: v1
kind: Pod
metadata: {{name: read-{claim}, namespace: {namespace}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: reader
    image: kubectl-backup.test/busybox:1
    command: [sleep, "86400"]
    volumeMounts: [{{name: volume, mountPath: /data}}]
  volumes: [{{name: volume, persistentVolumeClaim: {{claimName: {claim}}}}}]
"#
    )
}

/// A pod annotation with a blank after the comma: Velero would pass over the second volume without a word.
pub const BAD_ANNOTATION: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: careless
  namespace: shop
  annotations: {backup.velero.io/backup-volumes: "a, b"}
spec:
  containers: [{name: c, image: "kubectl-backup.test/busybox:1", volumeMounts: [{name: a, mountPath: /a}, {name: b, mountPath: /b}]}]
  volumes: [{name: a, emptyDir: {}}, {name: b, emptyDir: {}}]
"#;
