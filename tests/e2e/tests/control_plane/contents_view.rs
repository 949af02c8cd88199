//! Least privilege: the role for contents shows the storage's side of snapshots, and gives nothing else.

use std::collections::BTreeMap;

use e2e_tests::{Claim, Person, TestCluster};
use serde_json::json;

const UNKNOWN: &str = "<unknown>";

/// The cells of a table's only row, by column.
fn cells(table: &str) -> BTreeMap<String, String> {
    let split = |line: &str| -> Vec<String> {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    let [header, row] = table.lines().map(split).collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{table}"));
    assert_eq!(header.len(), row.len(), "{table}");
    header.into_iter().zip(row).collect()
}

/// The fields of a description about the content.
fn fields(described: &str) -> BTreeMap<String, String> {
    const NAMED: [&str; 5] = ["Content", "Driver", "Handle", "Volume mode", "Deletion policy"];
    let fields = described.lines().filter_map(|line| line.split_once(':'));
    let named = fields.filter(|(field, _)| NAMED.contains(field));
    named.map(|(field, value)| (field.to_owned(), value.trim().to_owned())).collect()
}

fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[test]
fn h7_h8_the_role_for_contents_shows_driver_handle_and_fate_and_they_are_unknown_without() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("contents"), cluster.namespace("contents"));
    Claim::block(&shop, "data");
    for name in ["older", "snap"] {
        shop.plugin(&["snapshot", "create", "data", "--name", name]).ok();
    }
    let contents = shop.contents();
    let content = contents.iter().find(|it| it["spec"]["volumeSnapshotRef"]["name"] == "snap").expect("a content");
    let text = |pointer: &str| content.pointer(pointer).and_then(|it| it.as_str()).expect("a text");
    let (name, driver) = (text("/metadata/name"), text("/spec/driver"));
    let handle = text("/status/snapshotHandle");
    // Under way for as long as no pod uses it.
    let into = ["--to", "later", "--to-namespace", depot.name(), "--storage-class", "test-block-wait"];
    shop.plugin(&[&["snapshot", "restore", "snap"], &into[..]].concat()).ok();

    let person = Person::new(&shop);
    person.may("snapshot-view").may("snapshot-delete");
    let listed = || {
        let row = cells(&person.asks(&["snapshot", "list", "snap", "-o", "wide"]).ok().stdout);
        ["CONTENT", "HANDLE", "DRIVER"].map(|column| row[column].clone())
    };
    let described = || person.asks(&["snapshot", "describe", "snap"]).ok().stdout;
    let under_way = format!("later in namespace {} (under way)", depot.name());
    let told_of = |fate: &str| {
        let run = person.asks(&["snapshot", "delete", "older", "--dry-run=client"]).ok();
        run.says(&format!("snapshot older of PVC data: {fate}\n"));
    };
    let prune = || person.asks(&["snapshot", "prune", "--keep", "1", "--dry-run=client"]).ok();

    assert_eq!(listed(), [name, UNKNOWN, UNKNOWN]);
    let hidden = format!("{name} (may not be read)");
    let text = described();
    assert_eq!(fields(&text), map([("Content", &hidden)]));
    assert!(!text.contains(&under_way), "{text}");
    told_of("what becomes of the storage's copy is not known: the content may not be read");
    prune().says("whether the storage keeps its copy is not known, since contents may not be read, of: older\n");

    let _contents = person.may_in_cluster("contents-view");
    assert_eq!(listed(), [name, handle, driver]);
    let shown = map([
        ("Content", name),
        ("Driver", driver),
        ("Handle", handle),
        ("Volume mode", "Filesystem"),
        ("Deletion policy", "Delete (the storage's copy goes with this snapshot)"),
    ]);
    let text = described();
    assert_eq!(fields(&text), shown);
    assert!(text.contains(&under_way), "{text}");
    told_of("the storage's copy is deleted too");
    assert!(!prune().stderr.contains("the storage keeps its copy"));
    let lent = person.runs(&["snapshot", "delete", "snap", "--yes"]).ends_with(1);
    lent.says(&format!("being restored into another namespace, to PVC {}/later", depot.name()));

    let content =
        shop.kubectl(&["get", "volumesnapshot", "older", "-o", "jsonpath={.status.boundVolumeSnapshotContentName}"]);
    let policy = |policy: &str| {
        let patch = json!({"spec": {"deletionPolicy": policy}}).to_string();
        cluster.kubectl(&["patch", "volumesnapshotcontent", &content, "--type=merge", "-p", &patch]);
    };
    policy("Retain");
    told_of("the storage keeps its copy (deletion policy Retain)");
    prune().says("the storage keeps its copy (deletion policy Retain) of: older\n");
    policy("Delete");
    depot.kubectl(&["delete", "pvc", "later", "--wait=true"]);
    depot.plugin(&["snapshot", "delete", "--all", "--yes"]).ok();
}

#[test]
fn h7_the_role_for_contents_changes_none_and_shows_nothing_else() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("contents");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let mut content = shop.contents().pop().expect("a content");
    let name = content["metadata"]["name"].as_str().expect("a name").to_owned();
    let person = Person::new(&shop);
    let _contents = person.may_in_cluster("contents-view");
    let tries = |args: &[&str]| cluster.try_kubectl(&[args, &["--as", person.name()]].concat());
    tries(&["get", "volumesnapshotcontent", &name]).ok();
    let refused = |verb: &str| format!("cannot {verb} resource \"volumesnapshotcontents\"");
    tries(&["delete", "volumesnapshotcontent", &name, "--wait=false"]).ends_with(1).says(&refused("delete"));
    let patch = r#"{"spec":{"deletionPolicy":"Retain"}}"#;
    tries(&["patch", "volumesnapshotcontent", &name, "--type=merge", "-p", patch]).ends_with(1).says(&refused("patch"));
    // Through a content of one's own every snapshot of the storage can be read.
    content["metadata"] = json!({"name": shop.name()});
    let create = ["create", "--validate=false", "--as", person.name(), "-f", "-"];
    cluster.try_kubectl_with(&create, &content.to_string()).ends_with(1).says(&refused("create"));

    let may = |verb: &str, resource: &str, flags: &[&str]| {
        let run = tries(&[&["auth", "can-i", verb, resource, "--all-namespaces"], flags].concat());
        match run.stdout.trim() {
            "yes" => true,
            "no" => false,
            _ => panic!("{}: {}{}", run.command, run.stdout, run.stderr),
        }
    };
    let contents = "volumesnapshotcontents.snapshot.storage.k8s.io";
    assert!(may("get", contents, &[]) && may("list", contents, &[]));
    for verb in ["watch", "create", "update", "patch", "delete", "deletecollection"] {
        assert!(!may(verb, contents, &[]), "{verb}");
    }
    for verb in ["get", "update", "patch"] {
        assert!(!may(verb, contents, &["--subresource=status"]), "{verb}");
    }
    let snapshots = ["volumesnapshots.snapshot.storage.k8s.io", "volumesnapshotclasses.snapshot.storage.k8s.io"];
    for resource in snapshots.into_iter().chain(["persistentvolumeclaims", "persistentvolumes", "secrets", "events"]) {
        assert!(!may("get", resource, &[]) && !may("list", resource, &[]), "{resource}");
    }
    person.asks(&["snapshot", "list"]).ends_with(1).says("cannot list resource \"volumesnapshots\"");
}
