//! Whoever may read neither the quota nor what is held of it is refused all of several snapshots before the first, too.

use e2e_tests::{Claim, Namespace, Person, Run};
use serde_json::{Value, json};

use super::{
    quota::wait_for_slots,
    webhook::{Guarded, cluster, snapshot},
};

const SNAPSHOTS: &str = "/apis/snapshot.storage.k8s.io/v1";

/// What is made in a namespace from a moment on, also what is gone again.
struct Since<'a>(&'a Namespace<'a>, String);

impl<'a> Since<'a> {
    fn now(shop: &'a Namespace<'a>) -> Self {
        let path = format!("{SNAPSHOTS}/namespaces/{}/volumesnapshots", shop.name());
        let list = shop.try_kubectl(&["get", "--raw", &path]).ok().json();
        Self(shop, list["metadata"]["resourceVersion"].as_str().expect("a version").to_owned())
    }

    /// The snapshots that were made, up to this one, which is made for it.
    #[track_caller]
    fn is_only(&self, last: &Value) {
        let Self(shop, version) = self;
        let mut last = last.clone();
        last["metadata"]["namespace"] = json!(shop.name());
        shop.cluster().try_create(&last.to_string()).ok();
        let from = format!("watch=1&timeoutSeconds=2&resourceVersion={version}");
        let path = format!("{SNAPSHOTS}/namespaces/{}/volumesnapshots?{from}", shop.name());
        let events = shop.try_kubectl(&["get", "--raw", &path]).ok().stdout;
        let events = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
        let added = events.filter(|event| event["type"] == "ADDED");
        let names: Vec<Value> = added.map(|event| event["object"]["metadata"]["name"].clone()).collect();
        assert_eq!(names, [last["metadata"]["name"].clone()]);
    }
}

/// What kubectl is told about a dry run for so many.
fn asked(guarded: &Guarded, count: &str) -> Run {
    let mut object = snapshot("asked", "disk");
    object["metadata"]["annotations"] = json!({"kubectl-backup.dev/batch": count});
    guarded.cluster.try_kubectl_with(&["create", "--dry-run=server", "-f", "-"], &object.to_string())
}

#[test]
fn h3_h6_h10_who_may_not_read_the_quota_is_refused_several_snapshots_before_the_first() {
    let guarded = cluster();
    let cluster = &guarded.cluster;
    wait_for_slots(&guarded, 0);
    let (shop, depot) = (cluster.namespace("unread"), cluster.namespace("unread"));
    for claim in ["a", "b", "c"] {
        Claim::block(&shop, claim);
    }
    Claim::block(&depot, "data");
    for n in 1..=5 {
        guarded.snapshot(&format!("s{n}"), "disk").ok();
    }
    shop.plugin(&["snapshot", "create", "a", "b", "c", "--group", "trio"]).ok();
    wait_for_slots(&guarded, 8);

    // The role alone: neither the policy, nor the ledger, nor others' snapshots, nor the webhook's configuration.
    let person = Person::new(&shop);
    person.may("snapshot-create");
    let (here, there) = (Since::now(&shop), Since::now(&depot));
    let create = ["snapshot", "create", "a", "b", "c"];
    let room = "the cluster's quota of volumesnapshots has room for 2 of the 3 that are asked for (8 of 10 used): nothing \
                was created";
    // While a slot is free it is not told what others hold.
    let own = format!("oldest first: {}/a-", shop.name());
    let run = person.runs(&create).ends_with(1).says(room).says(&own).says(", and 5 in other namespaces");
    let run = run.says("kubectl backup snapshot delete a-").says("--partial takes as many as fit");
    assert!(!run.stderr.contains("default/"), "{}", run.stderr);
    let elsewhere = person.may_in_cluster("elsewhere");
    let into = ["--to-namespace", depot.name()];
    let restore = [&["snapshot", "restore", "--group", "trio"][..], &into].concat();
    let run = person.runs(&restore).ends_with(1).says(room).says("needs one slot for a while");
    let run = run.says("The slots are held in other namespaces");
    assert!(!run.stderr.contains(&format!("{}/", shop.name())), "{}", run.stderr);

    // By hand: so many, more than the limit, no number, and more than any quota has.
    let run =
        asked(&guarded, "3").ends_with(1).says("(Forbidden)").says("8/10 used, room for 2 of 3. Holders: default/s1 (");
    run.says(", and 3 in other namespaces. Free one, for example: kubectl backup snapshot delete s1 -n default");
    asked(&guarded, "11").ends_with(1).says("(Forbidden)").says("room for at most 10, and 11 are asked for");
    for count in ["2", "0", "2001", "many"] {
        asked(&guarded, count).ok();
    }
    wait_for_slots(&guarded, 8);

    // Nothing was made, not even for a moment. What is made is decided for itself, whatever it says.
    let mut marked = snapshot("last", "a");
    marked["metadata"]["annotations"] = json!({"kubectl-backup.dev/batch": "3"});
    here.is_only(&marked);
    let clone = [&["clone", "a", "two"][..], &into].concat();
    person.runs(&clone).ends_with(1).says("room for 1 of the 2").says("needs two slots for a while");
    there.is_only(&snapshot("last", "data"));
    let none = "no room for any of the 3 that are asked for (10 of 10 used): nothing was created";
    for part in [&[][..], &["--partial"]] {
        let run = person.runs(&[&create[..], part].concat()).ends_with(1).says(none);
        let run = run.says("default/s1 (");
        assert!(!run.stderr.contains("admission webhook"), "once for all: {}", run.stderr);
    }
    drop(elsewhere);

    // A part that will do is taken, and an account that the quota does not bind is let through.
    shop.plugin(&["snapshot", "delete", "last", "--yes"]).ok();
    wait_for_slots(&guarded, 9);
    person.runs(&[&create[..], &["--partial"]].concat()).ends_with(10);
    wait_for_slots(&guarded, 10);
    let exempt = json!({"users": [person.name()]});
    let policy = json!({"apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "default"},
        "spec": {"quotas": [{"resource": "volumesnapshots.snapshot.storage.k8s.io", "limit": 10, "exempt": exempt}]}});
    cluster.create(&policy.to_string());
    cluster.wait_for("default", "backuppolicy/default", "jsonpath={.status.observedGeneration}=1", 60);
    person.runs(&create).ok();
    wait_for_slots(&guarded, 10);
}
