//! What Velero would fail is refused when it is written, and what its author left open is filled in.

use std::time::Duration;

use e2e_tests::{Claim, until};
use serde_json::{Value, json};

use super::{VELERO, backup, cluster, first_backup_of, object, own, schedule, snapshot};

#[test]
fn w5_what_velero_would_fail_is_refused_when_it_is_written() {
    let guarded = cluster();
    let velero = "--resource=backups.velero.io,restores.velero.io";
    guarded.cluster.kubectl(&["create", "clusterrole", "operator", "--verb=create", velero]);
    guarded.cluster.kubectl(&["create", "clusterrolebinding", "operator", "--clusterrole=operator", "--user=operator"]);
    let long = "a".repeat(64);
    for (code, object) in [
        ("BKP301", schedule("s", "0 3 * *", json!({}))),
        ("BKP303", schedule("s", "0 3 30 2 *", json!({}))),
        ("BKP305", backup("b", json!({"ttl": "30d"}))),
        ("BKP306", backup("b", json!({"ttl": "-1h"}))),
        ("BKP308", backup("b", json!({"includedResources": ["pods"], "excludedClusterScopedResources": ["nodes"]}))),
        ("BKP309", backup("b", json!({"excludedNamespaces": ["default"]}))),
        ("BKP310", object("Backup", "b", json!({"includedNamespaces": ["a**"]}))),
        ("BKP311", backup("b", json!({"labelSelector": {}, "orLabelSelectors": [{}]}))),
        ("BKP313", schedule(&long, "@daily", json!({}))),
        ("BKP314", backup("b", json!({"storageLocation": "nowhere"}))),
        ("BKP316", backup("b", json!({"volumeSnapshotLocations": ["nowhere"]}))),
        ("BKP330", object("Restore", "r", json!({"backupName": "b", "scheduleName": "s"}))),
        ("BKP331", object("Restore", "r", json!({"backupName": "nothing"}))),
        ("BKP332", object("Restore", "r", json!({"scheduleName": "nothing"}))),
        ("BKP333", object("Restore", "r", json!({"backupName": "b", "existingResourcePolicy": "recreate"}))),
        ("BKP335", object("Restore", "r", json!({"backupName": "b", "includedResources": ["nodes"]}))),
        ("BKP340", object("DeleteBackupRequest", "d", json!({"backupName": "nothing"}))),
    ] {
        guarded.asked(&object).ends_with(1).says(&format!("[{code}]"));
    }
    for (code, object) in [
        ("BKP302", schedule("s", "0 3 1 * 1", json!({}))),
        ("BKP304", schedule("s", "* * * * *", json!({}))),
        ("BKP307", schedule("s", "@weekly", json!({"ttl": "24h"}))),
        ("BKP314", schedule("s", "@daily", json!({"storageLocation": "nowhere"}))),
        ("BKP319", backup("b", json!({"snapshotMoveData": true}))),
        ("BKP320", backup("b", json!({"snapshotMoveData": true, "snapshotVolumes": false, "datamover": "other"}))),
    ] {
        guarded.asked(&object).ok().says(&format!("Warning: {code}"));
    }
    guarded.asked(&backup("b", json!({"ttl": "24h"}))).ok();
    let mut kept = begun(backup("b", json!({})), "Completed");
    kept["metadata"]["annotations"] = json!({"kubectl-backup.dev/locked-until": "2999-01-01T00:00:00Z"});
    for history in [
        begun(backup("b", json!({})), "Completed"),
        kept,
        begun(object("Restore", "r", json!({"backupName": "b"})), "Failed"),
    ] {
        // An administrator brings it back as it was; whoever else makes such an object waits for a backup in vain.
        guarded.asked(&history).ok().says("Warning: BKP321");
        let asked = guarded.cluster.try_create_with(&["--dry-run=server", "--as=operator"], &history.to_string());
        asked.ends_with(1).says("[BKP321]");
    }
    let request = object("DeleteBackupRequest", "d", json!({"backupName": "nothing"}));
    guarded.asked(&begun(request, "Processed")).ends_with(1).says("[BKP321]");
    guarded.cluster.kubectl(&["delete", "clusterrolebinding,clusterrole", "operator"]);
    guarded.asked(&schedule("s", "CRON_TZ=Europe/Berlin 30 2 * * *", json!({"ttl": "720h"}))).ok();
}

/// With the component that lets the webhook read the ConfigMaps; without it these rules are not evaluated.
#[test]
fn w5_volume_policies_and_resource_modifiers_are_read_as_velero_reads_them() {
    let guarded = cluster();
    let map = |name: &str, text: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "velero"}, "data": {"it": text}});
    let policy = "version: v1\nvolumePolicies:\n- conditions: {}\n  action: {type: ";
    let modifier = "version: v1\nresourceModifierRules:\n- conditions: {groupResource: pods}\n  patches: [{operation: ";
    let maps = [
        ("sound", format!("{policy}skip}}\n")),
        ("unsound", format!("{policy}forget}}\n")),
        ("sound-modifier", format!("{modifier}remove, path: /spec/nodeName}}]\n")),
        ("unsound-modifier", format!("{modifier}forget, path: /spec/nodeName}}]\n")),
    ];
    for (name, text) in &maps {
        guarded.cluster.create(&map(name, text).to_string());
    }
    let chosen = |name: &str| backup("b", json!({"resourcePolicy": {"kind": "configmap", "name": name}}));
    let modified = |name: &str| {
        object(
            "Restore",
            "r",
            json!({"backupName": "nothing", "resourceModifier": {"kind": "ConfigMap", "name": name}}),
        )
    };
    // Without the right to read them nothing is refused that may be sound.
    guarded.asked(&chosen("unsound")).ok();
    let component =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/webhook/components/velero-config-maps/rights.yaml");
    guarded.cluster.kubectl(&["apply", "-f", component]);
    until("the right is seen", Duration::from_secs(120), || guarded.asked(&chosen("unsound")).code != 0);
    guarded.asked(&chosen("unsound")).ends_with(1).says("[BKP322]");
    guarded.asked(&chosen("sound")).ok();
    guarded.asked(&chosen("nowhere")).ends_with(1).says("[BKP317]");
    guarded.asked(&modified("unsound-modifier")).ends_with(1).says("[BKP338]");
    let sound = guarded.asked(&modified("sound-modifier")).ends_with(1).says("[BKP331]");
    assert!(!sound.stderr.contains("BKP338"), "{}", sound.stderr);
    guarded.asked(&modified("nowhere")).ends_with(1).says("[BKP336]");
    guarded.cluster.kubectl(&["delete", "-f", component]);
    for (name, _) in maps {
        guarded.cluster.kubectl(&["delete", "configmap", name, "-n", "velero"]);
    }
}

/// The webhook and the plugin each have a reader of their own for what they know of the cluster.
#[test]
fn w5_locations_that_cannot_be_used_and_claims_without_a_class_are_told_by_the_webhook_and_by_lint() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    // Nobody runs Velero there, so that locations stay as they are written.
    let places = cluster.namespace("places");
    let there = |mut object: Value| {
        object["metadata"]["namespace"] = json!(places.name());
        object
    };
    for (name, mode, phase) in
        [("open", "ReadWrite", "Available"), ("closed", "ReadOnly", "Available"), ("down", "ReadWrite", "Unavailable")]
    {
        let spec = json!({"provider": "aws", "accessMode": mode, "objectStorage": {"bucket": "backups"}});
        cluster.create(&there(begun(object("BackupStorageLocation", name, spec), phase)).to_string());
        let kept = backup(&format!("in-{name}"), json!({"storageLocation": name}));
        cluster.create(&there(begun(kept, "Completed")).to_string());
    }
    for object in Claim::in_node_directory(places.name(), "shelf", "/nonexistent") {
        cluster.create(&object.to_string());
    }
    let into = |location: &str| there(backup("b", json!({"storageLocation": location})));
    let from = |location: &str| there(object("Restore", "r", json!({"backupName": format!("in-{location}")})));
    let mut unclassed = snapshot(places.name(), "s", &json!({}));
    unclassed["spec"]["source"]["persistentVolumeClaimName"] = json!("shelf");
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("a path");
    let codes = ["BKP315", "BKP337", "BKP201"];
    for (object, refused, told) in [
        (into("open"), "", ""),
        (into("closed"), "BKP315", ""),
        (into("down"), "BKP315", ""),
        (from("open"), "", ""),
        (from("closed"), "", ""),
        (from("down"), "BKP337", ""),
        (unclassed, "", "BKP201"),
    ] {
        let asked = guarded.asked(&object);
        std::fs::write(path, object.to_string()).expect("it is written");
        let linted = cluster.plugin(&["lint", "--live", "-f", path]);
        assert_eq!(asked.code != 0, !refused.is_empty(), "{object}: {}", asked.stderr);
        assert_eq!(linted.code, if refused.is_empty() { 0 } else { 3 }, "{object}: {linted:?}");
        for code in codes {
            let expected = [refused, told].contains(&code);
            assert_eq!(asked.stderr.contains(code), expected, "{code} for {object}: {}", asked.stderr);
            assert_eq!(linted.stdout.contains(code), expected, "{code} for {object}: {linted:?}");
        }
    }
}

/// The object as a manifest has it that was read from a cluster.
fn begun(mut object: Value, phase: &str) -> Value {
    object["status"] = json!({"phase": phase});
    object
}

#[test]
fn w5_an_old_mistake_does_not_hold_up_another_change() {
    let guarded = cluster();
    // Velero's own account is told, and never refused.
    let made = guarded.cluster.try_create_as(VELERO, &schedule("old", "0 3 30 2 *", json!({})).to_string());
    made.ok();
    let patch = |patch: &str| {
        guarded.cluster.try_kubectl(&[
            "patch",
            "schedule.velero.io",
            "old",
            "-n",
            "velero",
            "--type=merge",
            "-p",
            patch,
        ])
    };
    patch(r#"{"spec":{"paused":true}}"#).ok();
    patch(r#"{"spec":{"schedule":"0 3 31 2 *"}}"#).ok().says("Warning: BKP303");
    patch(r#"{"spec":{"paused":false}}"#).ends_with(1).says("[BKP303]");
    patch(r#"{"spec":{"schedule":"0 3 28 2 *"}}"#).ok();
    guarded.cluster.kubectl(&["delete", "schedule.velero.io", "old", "-n", "velero"]);
}

/// Without our webhook: what the rules say of Velero is true of the Velero that runs here.
#[test]
fn w5_velero_itself_fails_what_the_rules_refuse() {
    let cluster = own("velero-alone");
    for (name, spec, error) in [
        (
            "mixed",
            json!({"includedResources": ["pods"], "excludedClusterScopedResources": ["nodes"]}),
            "They cannot be used together",
        ),
        ("placeless", json!({"storageLocation": "nowhere"}), "nowhere"),
        ("twice", json!({"labelSelector": {}, "orLabelSelectors": [{}]}), "only one can be specified"),
    ] {
        cluster.create(&backup(name, spec).to_string());
        let object = format!("backup.velero.io/{name}");
        cluster.wait_for("velero", &object, "jsonpath={.status.phase}=FailedValidation", 120);
        let errors = cluster.kubectl(&["get", &object, "-n", "velero", "-o", "jsonpath={.status.validationErrors}"]);
        assert!(errors.contains(error), "{errors}");
    }
    cluster.create(&schedule("unread", "0 3 * *", json!({})).to_string());
    cluster.wait_for("velero", "schedule.velero.io/unread", "jsonpath={.status.phase}=FailedValidation", 120);
    cluster.create(&schedule("never", "0 3 30 2 *", json!({})).to_string());
    first_backup_of(&cluster, "never");
    cluster.kubectl(&["delete", "schedule.velero.io", "never", "-n", "velero"]);

    // One text that is no duration, and Velero sees no backup any more.
    cluster.create(&backup("unreadable", json!({"ttl": "30d"})).to_string());
    cluster.create(&backup("unseen", json!({})).to_string());
    let phase = ["wait", "--for=jsonpath={.status.phase}", "backup.velero.io/unseen", "-n", "velero", "--timeout=20s"];
    cluster.try_kubectl(&phase).ends_with(1).says("timed out");
    cluster.kubectl(&["delete", "backup.velero.io", "unreadable", "-n", "velero"]);
    cluster.wait_for("velero", "backup.velero.io/unseen", "jsonpath={.status.phase}=Completed", 180);
    cluster.down();
}

#[test]
fn w4_what_a_backup_leaves_open_comes_from_the_policy_and_what_it_says_stays() {
    let guarded = cluster();
    let defaults =
        json!({"backupTTL": "48h", "scheduleTTL": "72h", "storageLocation": "default", "labels": {"team": "shop"}});
    let policy = json!({
        "apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {"defaults": defaults},
    });
    guarded.cluster.create(&policy.to_string());
    let filled = |object: &Value| {
        let create = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
        guarded.cluster.try_kubectl_with(&create, &object.to_string()).ok().json()
    };
    until("the policy is followed", Duration::from_secs(120), || {
        filled(&backup("b", json!({})))["spec"]["ttl"] == "48h0m0s"
    });
    let open = filled(&schedule("s", "@daily", json!({})));
    assert_eq!(open["spec"]["template"]["ttl"], "72h0m0s");
    assert_eq!(open["spec"]["template"]["storageLocation"], "default");
    assert_eq!(open["metadata"]["labels"], json!({"team": "shop"}));
    let mut said = backup("b", json!({"ttl": "24h"}));
    said["metadata"]["labels"] = json!({"team": "db", "tier": "gold"});
    let said = filled(&said);
    assert_eq!(said["spec"]["ttl"], "24h");
    assert_eq!(said["metadata"]["labels"], json!({"team": "db", "tier": "gold"}));
    // Velero's own account gets what it wrote.
    let velero = ["create", "--dry-run=server", "-o", "json", "-f", "-", &format!("--as={VELERO}")];
    let own = guarded.cluster.try_kubectl_with(&velero, &backup("b", json!({})).to_string()).ok().json();
    assert!(own["spec"].get("ttl").is_none() && own["metadata"].get("labels").is_none(), "{own}");
    guarded.forget_policy(|| filled(&backup("b", json!({})))["spec"]["ttl"] == "48h0m0s");
}
