//! Least privilege: each group of verbs works with exactly its role, and says what is missing without.

use e2e_tests::{Claim, Person, Refusal, Run, TestCluster};

#[test]
fn h1_h4_h5_h7_h8_each_verb_works_with_its_role_and_names_what_is_missing_without() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("roles");
    Claim::block(&shop, "data");
    let person = Person::new(&shop);
    let lacks = |run: Run, what: &str| drop(run.ends_with(1).says("is forbidden").says(what));

    lacks(
        person.runs(&["snapshot", "create", "data", "--name", "snap"]),
        "cannot get resource \"persistentvolumeclaims\"",
    );
    let classes = person.may_in_cluster("classes");
    person.may("snapshot-create");
    person.runs(&["snapshot", "create", "data", "--name", "snap"]).ok();
    person.may_no_more();

    lacks(person.asks(&["snapshot", "list"]), "cannot list resource \"volumesnapshots\"");
    person.may("snapshot-view");
    assert!(person.asks(&["snapshot", "list"]).ok().stdout.contains("snap"));
    person.asks(&["snapshot", "describe", "snap"]).ok();
    // A listing of the whole cluster says how to list what one may.
    person.asks(&["snapshot", "list", "-A"]).ends_with(1).says("at the cluster scope").says("choose it with -n");
    lacks(
        person.runs(&["snapshot", "restore", "snap", "--to", "x"]),
        "cannot create resource \"persistentvolumeclaims\"",
    );
    lacks(person.runs(&["clone", "data", "x"]), "cannot create resource \"persistentvolumeclaims\"");
    lacks(person.runs(&["snapshot", "delete", "snap", "--yes"]), "cannot delete resource \"volumesnapshots\"");
    person.may_no_more();

    person.may("snapshot-restore");
    person.runs(&["snapshot", "restore", "snap", "--to", "restored"]).ok();
    person.runs(&["clone", "data", "cloned"]).ok();
    person.may_no_more();
    // Classes only make the checks better.
    drop(classes);
    person.may("snapshot-restore");
    person.runs(&["clone", "data", "unchecked"]).ok();
    person.may_no_more();

    shop.plugin(&["snapshot", "create", "data", "--name", "newer"]).ok();
    person.may("snapshot-delete");
    person.runs(&["snapshot", "prune", "--keep", "1", "--yes"]).ok();
    shop.try_kubectl(&["get", "volumesnapshot", "snap"]).ends_with(1).says("not found");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    person.runs(&["snapshot", "delete", "snap", "--yes"]).ok();
    let quota = person.asks(&["quota"]).ends_with(1);
    quota.says("you may not list their objects in all namespaces").says("-n ");
    let _quota = person.may_in_cluster("quota-view");
    person.asks(&["quota"]).ok();
    person.asks(&["snapshot", "list", "-A"]).ok();
}

#[test]
fn h3_who_may_create_may_undo_and_who_may_not_is_told_what_stayed() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("roles");
    for claim in ["a", "b"] {
        Claim::block(&shop, claim);
    }
    let person = Person::new(&shop);
    let _classes = person.may_in_cluster("classes");
    let names = || shop.kubectl(&["get", "volumesnapshots", "-o", "jsonpath={.items[*].metadata.name}"]);
    person.may("snapshot-create");
    shop.kubectl(&["create", "deployment", "web", "--image=none", "--replicas=0"]);
    let volumes =
        r#"{"spec":{"template":{"spec":{"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"a"}}]}}}}"#;
    shop.kubectl(&["patch", "deployment", "web", "-p", volumes]);
    let run = person.runs(&["snapshot", "create", "--app", "web", "--group", "g"]).ok();
    assert!(!run.stderr.contains("may not be listed"), "{}", run.stderr);
    shop.plugin(&["snapshot", "delete", "--group", "g", "--yes"]).ok();

    // What is refused beforehand needs no undo.
    let key = "count/volumesnapshots.snapshot.storage.k8s.io";
    shop.kubectl(&["create", "quota", "few", &format!("--hard={key}=1")]);
    let hard = format!("jsonpath={{.status.hard.{}}}=1", key.replace('.', r"\."));
    cluster.wait_for(shop.name(), "resourcequota/few", &hard, 120);
    person.runs(&["snapshot", "create", "a", "b"]).ends_with(1).says("room for 1 of the 2").says("nothing was created");
    assert_eq!(names(), "");
    shop.kubectl(&["delete", "quota", "few"]);

    // Whoever may not read the policy asks admission for the class, and hears of a refusal before anything is made.
    let _refusal = Refusal::of_claim(&shop, "b");
    person.runs(&["snapshot", "create", "a", "b"]).ends_with(1).says("refused by the test");
    assert_eq!(names(), "");
    let _policy = person.may_in_cluster("quota-view");
    let run = person.runs(&["snapshot", "create", "a", "b"]).ends_with(1).says("refused by the test");
    // Whoever may not touch contents waits for one that the snapshotter forgot until it looks again.
    shop.takes_back(&run, "a-");

    // The right to delete is missing: what stays is named, and the command.
    person.may_no_more();
    shop.kubectl(&[
        "create",
        "role",
        "maker",
        "--verb=create,get,list,watch",
        "--resource=volumesnapshots,persistentvolumeclaims",
    ]);
    shop.kubectl(&["create", "rolebinding", "maker", "--role=maker", &format!("--user={}", person.name())]);
    person.wait_for(shop.name(), "role/maker");
    let run = person.runs(&["snapshot", "create", "a", "b", "--group", "g"]).ends_with(1);
    let stayed = names();
    assert!(stayed.starts_with("a-") && !stayed.contains(' '), "{stayed}");
    let run = run.says("could not be deleted again").says("cannot delete resource \"volumesnapshots\"");
    let run = run.says(&format!("kubectl backup snapshot delete {stayed} -n {}", shop.name()));
    assert!(!run.stderr.contains("Nothing was taken"), "{}", run.stderr);
}

#[test]
fn h9_a_rollback_names_all_rights_that_are_missing_before_it_begins() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("roles");
    let data = Claim::block(&shop, "data");
    data.write("ledger", b"good");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    data.write("ledger", b"bad");
    let person = Person::new(&shop);
    let _classes = person.may_in_cluster("classes");
    let rollback = ["snapshot", "rollback", "snap", "--yes"];
    person.may("snapshot-rollback");
    person.runs(&rollback).ends_with(1).says("cannot get resource \"persistentvolumes\"");
    person.may_no_more();
    let _volumes = person.may_in_cluster("volumes");
    person.may("snapshot-view");
    // Pods are looked for first; what may be looked at and not changed is named in one go.
    shop.kubectl(&["create", "role", "pods", "--verb=list", "--resource=pods"]);
    shop.kubectl(&["create", "rolebinding", "pods", "--role=pods", &format!("--user={}", person.name())]);
    person.wait_for(shop.name(), "role/pods");
    let run = person.runs(&rollback).ends_with(1).says("Nothing was changed");
    let run = run.says(
        "patch volumesnapshots.snapshot.storage.k8s.io; create persistentvolumeclaims; delete persistentvolumeclaims",
    );
    drop(run);
    person.may_no_more();
    person.may("snapshot-rollback");
    person.runs(&rollback).ok();
    assert_eq!(Claim::existing(&shop, "data", "block").read("ledger"), b"good");
    person.runs(&["snapshot", "rollback", "snap", "--undo", "--yes"]).ok();
    assert_eq!(Claim::existing(&shop, "data", "block").read("ledger"), b"bad");
}

#[test]
fn h6_the_role_for_other_namespaces_suffices_for_both_ways() {
    let cluster = TestCluster::control_plane();
    let (shop, depot) = (cluster.namespace("roles"), cluster.namespace("roles"));
    Claim::files(&shop, "data").write("ledger", b"kept");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let person = Person::new(&shop);
    let _rights = [person.may_in_cluster("elsewhere"), person.may_in_cluster("classes")];
    person.runs(&["snapshot", "restore", "snap", "--to", "restored", "--to-namespace", depot.name()]).ok();
    person.runs(&["clone", "data", "cloned", "--to-namespace", depot.name()]).ok();
    for name in ["restored", "cloned"] {
        assert_eq!(Claim::existing(&depot, name, "files").read("ledger"), b"kept");
    }
    assert_eq!(depot.kubectl(&["get", "volumesnapshots", "-o", "name"]), "");
}

#[test]
fn h10_every_reading_command_says_how_to_ask_for_less() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("roles");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
    let person = Person::new(&shop);
    let asks = |args: &[&str]| cluster.plugin(&[args, &["--as", person.name()]].concat());

    // Nothing at all: whatever lists the whole cluster says how to list less.
    for format in ["wide", "json", "name", "jsonpath={.items}", "custom-columns=N:.metadata.name"] {
        asks(&["snapshot", "list", "-A", "-o", format]).ends_with(1).says("cluster scope").says("choose it with -n");
    }
    asks(&["snapshot", "list", "-A", "--watch"]).ends_with(1).says("cluster scope").says("choose it with -n");
    asks(&["lint", "-A"]).ends_with(1).says("in all namespaces").says("choose it with -n");
    asks(&["quota"]).ends_with(1).says("kubectl backup snapshot list -n");
    for command in [&["list", "-A"][..], &["list"], &["list", "-w"], &["restore", "list", "-A"], &["describe", "x"]] {
        asks(command).ends_with(1).says("cluster scope").says("--velero-namespace");
    }
    assert!(asks(&["version"]).ok().stdout.contains("--velero-namespace"));
    asks(&["policy", "show"]).ok().says("kubectl-backup-quota-view");
    asks(&["policy", "show", "--format", "vap"]).ends_with(1).says("--built-in");
    for command in [&["snapshot", "list"][..], &["snapshot", "list", "snap"], &["snapshot", "describe", "snap"]] {
        person.asks(command).ends_with(1).says(&format!("in the namespace \"{}\"", shop.name()));
    }
    person.asks(&["lint"]).ends_with(1).says("kubectl auth can-i --list -n");

    // Rights in one namespace: there it works, and only there.
    person.may("snapshot-view");
    for command in [&["snapshot", "list"][..], &["snapshot", "list", "snap"], &["snapshot", "describe", "snap"]] {
        person.asks(command).ok();
    }
    asks(&["snapshot", "list", "-A"]).ends_with(1).says("choose it with -n");
    let user = format!("--user={}", person.name());
    shop.kubectl(&["create", "rolebinding", "views", "--clusterrole=view", &user]);
    person.wait_for(shop.name(), "clusterrole/view");
    person.asks(&["lint"]).ok();
    asks(&["lint", "-A"]).ends_with(1).says("choose it with -n");

    // Rights in Velero's namespace: with its name.
    person.may_in("velero", "velero-view");
    for command in [&["list"][..], &["list", "-A"], &["restore", "list", "-A"], &["restore", "list", "-o", "name"]] {
        asks(&[command, &["--velero-namespace", "velero"]].concat()).ok();
    }
    asks(&["list", "-A"]).ends_with(1).says("--velero-namespace");
    person.may_no_more_in("velero", "velero-view");

    // Rights in the cluster.
    let _quota = person.may_in_cluster("quota-view");
    asks(&["quota"]).ok();
    asks(&["snapshot", "list", "-A"]).ok();
    let shown = asks(&["policy", "show"]).ok();
    assert!(!shown.stderr.contains("you may not read the cluster's BackupPolicy"), "{}", shown.stderr);
}

#[test]
fn c1_c13_cold_backups_need_rights_in_veleros_namespace_only() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("roles");
    shop.kubectl(&["create", "configmap", "thing"]);
    let person = Person::new(&shop);
    let backup = shop.name();
    let velero = ["--velero-namespace", "velero"];
    let asks = |args: &[&str]| cluster.plugin(&[args, &velero, &["--as", person.name()]].concat());
    let runs = |args: &[&str]| asks(&[args, &["--timeout", "120s"]].concat());
    let steps: [(&str, &dyn Fn() -> Run); 4] = [
        ("velero-backup", &|| runs(&["create", backup, "--namespaces", backup, "--volumes", "none"])),
        ("velero-view", &|| asks(&["list"])),
        ("velero-restore", &|| runs(&["restore", backup, "--namespace-mappings", &format!("{backup}:{backup}-copy")])),
        ("velero-delete", &|| runs(&["delete", backup, "--yes"])),
    ];
    for (role, step) in steps {
        step().ends_with(1).says("is forbidden").says("in the namespace \"velero\"");
        person.may_in("velero", role);
        step().ok();
        person.may_no_more_in("velero", role);
    }
    // Velero is only looked for where everything may be listed.
    person.asks(&["list"]).ends_with(1).says("name it with --velero-namespace");
    cluster.try_kubectl(&["delete", "namespace", &format!("{backup}-copy"), "--wait=false"]);
}
