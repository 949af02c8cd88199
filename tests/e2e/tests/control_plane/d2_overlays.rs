//! D2: every overlay and every component that the webhook comes with is built as kubectl builds it.

use std::{collections::BTreeSet, fs, path::Path};

use e2e_tests::TestCluster;
use serde_json::Value;

const WEBHOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/webhook");
const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/overlays");

/// The objects that a folder stands for.
fn built(cluster: &TestCluster, folder: &Path) -> Vec<Value> {
    let text = cluster.kubectl(&["kustomize", &folder.to_string_lossy()]);
    let objects = serde_saphyr::from_multiple::<Value>(&text).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    objects.into_iter().filter(|object| !object.is_null()).collect()
}

fn folders(of: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(of).unwrap_or_else(|error| panic!("{of}: {error}"));
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The entries of the webhook that API servers ask to judge.
fn entries(objects: &[Value]) -> BTreeSet<String> {
    let configurations = of_kind(objects, "ValidatingWebhookConfiguration");
    let entries = configurations.iter().flat_map(|it| it["webhooks"].as_array().into_iter().flatten());
    entries.map(|entry| entry["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn d2_every_overlay_and_component_is_built_and_changes_what_it_says() {
    let cluster = TestCluster::control_plane();
    let base = built(&cluster, &Path::new(WEBHOOK).join("base"));
    let all = entries(&base);
    assert!(all.contains("volumes.kubectl-backup.dev") && all.contains("quota.kubectl-backup.dev"), "{all:?}");
    let replicas = |objects: &[Value]| of_kind(objects, "Deployment")[0]["spec"]["replicas"].clone();
    assert_eq!(replicas(&base), 3);

    for overlay in folders(&format!("{WEBHOOK}/overlays")) {
        let objects = built(&cluster, &Path::new(WEBHOOK).join("overlays").join(&overlay));
        assert_eq!(entries(&objects), all, "{overlay}");
        match overlay.as_str() {
            "one-replica" => assert_eq!(replicas(&objects), 1),
            "cert-manager" => assert!(!of_kind(&objects, "Certificate").is_empty()),
            other => panic!("say here what {other} is for"),
        }
    }

    // Components are built with the base, as a user's own overlay has them.
    let mut named = BTreeSet::new();
    for overlay in folders(OWN) {
        let text = fs::read_to_string(Path::new(OWN).join(&overlay).join("kustomization.yaml")).expect("an overlay");
        let overlay_of: Value = serde_saphyr::from_str(&text).expect("YAML");
        let components = overlay_of["components"].as_array().into_iter().flatten().filter_map(Value::as_str);
        named.extend(components.filter_map(|path| Some(path.rsplit_once('/')?.1.to_owned())));
        let objects = built(&cluster, &Path::new(OWN).join(&overlay));
        let mut expected = all.clone();
        if overlay == "without-pods" {
            expected.remove("volumes.kubectl-backup.dev");
        }
        assert_eq!(entries(&objects), expected, "{overlay}");
    }
    assert_eq!(named, folders(&format!("{WEBHOOK}/components")), "a component that nobody builds");
}
