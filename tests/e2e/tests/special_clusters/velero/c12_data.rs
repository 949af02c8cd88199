//! Which data belongs to a backup is said by Velero alone: what somebody else wrote would be deleted with a backup of theirs.

use e2e_tests::{Person, Run, TestCluster, until_granted};
use serde_json::{Value, json};

use super::{VELERO, cluster};

const INFO: &str = "velero.io/data-upload-snapshot-info";

/// What Velero notes down for itself before it deletes moved data.
fn info(namespace: &str, name: &str, labels: &Value) -> String {
    let data = json!({"snapshotID": "k1", "volumeNamespace": "shop", "repositoryType": "kopia"});
    let metadata = json!({"name": name, "namespace": namespace, "labels": labels});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}).to_string()
}

fn of_backup(kind: &str, version: &str, namespace: &str, name: &str, spec: &Value) -> String {
    let metadata = json!({"name": name, "namespace": namespace, "labels": {"velero.io/backup-name": "mine"}});
    let (version, status) = (format!("velero.io/{version}"), json!({"snapshotID": "k1"}));
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec, "status": status}).to_string()
}

/// Changes an object, as whoever may change everything unless an account is named.
fn patch(cluster: &TestCluster, namespace: &str, object: &str, account: &[&str], patch: &str) -> Run {
    cluster.try_kubectl(&[&["patch", object, "-n", namespace, "--type=merge", "-p", patch], account].concat())
}

#[test]
fn c12_nobody_plants_what_velero_notes_down_while_it_deletes() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    let shop = cluster.namespace("noted");
    let person = Person::new(&shop);
    person.may_in("velero", "velero-backup").may_in("velero", "velero-delete");
    let labels = json!({"velero.io/backup-name": "mine", INFO: "true"});
    let planted = info("velero", "planted", &labels);
    let refused = |run: Run| {
        run.ends_with(1)
            .says("ValidatingAdmissionPolicy 'snapshot-infos.kubectl-backup.dev'")
            .says("leave the label out");
    };
    refused(cluster.try_create_as(person.name(), &planted));
    refused(cluster.try_create(&planted));
    // Other ConfigMaps are everybody's, and none of them becomes one.
    let other = info("velero", "other", &json!({"velero.io/backup-name": "mine"}));
    cluster.try_create_as(person.name(), &other).ok();
    let change = |name: &str, account: &[&str], text: &str| {
        patch(cluster, "velero", &format!("configmap/{name}"), account, text)
    };
    refused(change("other", &[], r#"{"metadata":{"labels":{"velero.io/data-upload-snapshot-info":"true"}}}"#));
    change("other", &[], r#"{"metadata":{"labels":{"velero.io/backup-name":"yours"}},"data":{"snapshotID":"k2"}}"#)
        .ok();

    cluster.try_create_as(VELERO, &planted).ok();
    refused(change("planted", &[], r#"{"data":{"snapshotID":"k2"}}"#));
    refused(change("planted", &[], r#"{"metadata":{"labels":{"velero.io/backup-name":"yours"}}}"#));
    refused(change("planted", &[], r#"{"metadata":{"labels":{"velero.io/data-upload-snapshot-info":null}}}"#));
    change("planted", &[], r#"{"metadata":{"annotations":{"note":"mine"}}}"#).ok();
    change("planted", &["--as", VELERO], r#"{"data":{"snapshotID":"k2"}}"#).ok();
    cluster.kubectl(&["delete", "configmap", "planted", "other", "-n", "velero"]);

    // A Velero by another name and with fewer rights works all the same, and it is not who merely runs beside it.
    let beside = |account: &str, role: &str, rights: &[&str]| {
        shop.kubectl(&["create", "serviceaccount", account]);
        shop.kubectl(&[&["create", "role", role], rights].concat());
        let user = format!("system:serviceaccount:{}:{account}", shop.name());
        shop.kubectl(&["create", "rolebinding", role, "--role", role, "--user", &user]);
        until_granted(cluster, &user, shop.name(), &format!("role/{role}"));
        user
    };
    let maps = beside("ci", "maps", &["--verb=create", "--resource=configmaps"]);
    refused(cluster.try_create_as(&maps, &info(shop.name(), "planted", &labels)));
    let server =
        beside("backups", "server", &["--verb=create,update", "--resource=configmaps,podvolumebackups.velero.io"]);
    cluster.try_create_as(&server, &info(shop.name(), "planted", &labels)).ok();
    let role = "kubectl-backup-velero-backup";
    cluster.kubectl(&["create", "rolebinding", "beside", "-n", "velero", "--clusterrole", role, "--user", &server]);
    until_granted(cluster, &server, "velero", &format!("clusterrole/{role}"));
    refused(cluster.try_create_as(&server, &planted));
}

#[test]
fn c12_nobody_gives_the_data_of_a_backup_to_another() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    // No Velero looks there, so that everything stays as it is written.
    let shop = cluster.namespace("given");
    let volume = json!({"node": "n", "pod": {"namespace": "shop", "name": "web"}, "volume": "data",
        "backupStorageLocation": "default", "repoIdentifier": "", "uploaderType": "kopia"});
    let moved = |mover: &str| {
        json!({"snapshotType": "CSI", "sourcePVC": "data", "sourceNamespace": "shop", "datamover": mover,
        "backupStorageLocation": "default", "operationTimeout": "1h", "csiSnapshot": null})
    };
    let upload = |name: &str, mover: &str| of_backup("DataUpload", "v2alpha1", shop.name(), name, &moved(mover));
    for (object, manifest, namespace_of_data) in [
        (
            "podvolumebackups.velero.io/own",
            of_backup("PodVolumeBackup", "v1", shop.name(), "own", &volume),
            r#"{"spec":{"pod":{"namespace":"yours"}}}"#,
        ),
        ("datauploads.velero.io/own", upload("own", "velero"), r#"{"spec":{"sourceNamespace":"yours"}}"#),
    ] {
        let resource = object.split('.').next().expect("a resource");
        let refused = |run: Run| {
            run.ends_with(1)
                .says(&format!("ValidatingAdmissionPolicy '{resource}.kubectl-backup.dev'"))
                .says("only Velero makes");
        };
        refused(cluster.try_create(&manifest));
        cluster.try_create_as(VELERO, &manifest).ok();
        let change = |account: &[&str], text: &str| patch(cluster, shop.name(), object, account, text);
        for guarded in [
            r#"{"metadata":{"labels":{"velero.io/backup-name":"yours"}}}"#,
            r#"{"metadata":{"labels":{"velero.io/backup-name":null}}}"#,
            r#"{"status":{"snapshotID":"k2"}}"#,
            namespace_of_data,
        ] {
            refused(change(&[], guarded));
            change(&["--as", VELERO], guarded).ok();
        }
        change(&[], r#"{"metadata":{"labels":{"mine":"yes"}},"spec":{"cancel":true}}"#).ok();
    }
    // Movers of others have accounts of their own, and write the status of what Velero made for them.
    cluster.try_create_as(VELERO, &upload("theirs", "theirs")).ok();
    let change = |text: &str| patch(cluster, shop.name(), "datauploads.velero.io/theirs", &[], text);
    change(r#"{"status":{"snapshotID":"k2"}}"#).ok();
    change(r#"{"spec":{"datamover":"velero"}}"#).ends_with(1).says("only Velero makes DataUploads");
}
