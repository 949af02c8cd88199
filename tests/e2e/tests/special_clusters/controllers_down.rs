//! Controllers that do not answer: every verb ends in time and names what is left; when they are back, it goes on.

use std::{thread, time::Duration};

use e2e_tests::{Claim, Namespace, Run, TestCluster};
use test_cluster::Options;

/// Until when a command has ended that waits for 4 s, and one that has something to undo or several steps to wait for.
const IN_TIME: Duration = Duration::from_secs(4 + 60);
const WITH_UNDO: Duration = Duration::from_secs(4 + 90);
const ROLLBACK: [&str; 4] = ["snapshot", "rollback", "snap", "--yes"];

/// A PVC of a storage family with other bytes than its snapshot `snap`, and another namespace.
struct Shop<'a> {
    cluster: &'a TestCluster,
    family: &'static str,
    shop: Namespace<'a>,
    depot: Namespace<'a>,
}

impl<'a> Shop<'a> {
    fn open(cluster: &'a TestCluster, family: &'static str) -> Self {
        let [shop, depot] = ["down", "down"].map(|prefix| cluster.namespace(prefix));
        let data = if family == "block" { Claim::block(&shop, "data") } else { Claim::files(&shop, "data") };
        data.write("ledger", b"good");
        shop.plugin(&["snapshot", "create", "data", "--name", "snap"]).ok();
        data.write("ledger", b"bad");
        Self { cluster, family, shop, depot }
    }

    fn runs(&self, args: &[&str]) -> Run {
        self.shop.plugin(&[args, &["--timeout", "4s"]].concat())
    }

    /// A restore into the other namespace, as PVC `x`.
    fn restores_elsewhere(&self) -> Run {
        self.runs(&["snapshot", "restore", "snap", "--to", "x", "--to-namespace", self.depot.name()])
    }

    /// Freezes one of the family's components meanwhile.
    fn without(&self, component: &str, meanwhile: impl FnOnce()) {
        without(self.cluster, &format!("{component}-{}", self.family), meanwhile);
    }

    fn until_ready(&self, snapshot: &str) {
        let snapshot = format!("volumesnapshot/{snapshot}");
        self.cluster.wait_for(self.shop.name(), &snapshot, "jsonpath={.status.readyToUse}=true", 120);
    }

    /// While the snapshot controller is down.
    fn no_snapshot_is_taken_up(&self) {
        let run = self.runs(&["snapshot", "create", "data", "--name", "a"]).ends_in(124, IN_TIME);
        run.says("waiting for the controller");
        let run = self.restores_elsewhere().ends_in(124, WITH_UNDO);
        run.says("is not ready after 4s").says("What was made was removed again");
        assert_eq!(self.depot.kubectl(&["get", "pvc,volumesnapshots", "-o", "name"]), "");
    }

    fn no_snapshot_is_taken(&self) {
        self.until_ready("a");
        self.without("csi-snapshotter", || {
            let run = self.runs(&["snapshot", "create", "data", "--name", "b"]).ends_in(124, IN_TIME);
            run.says("is not ready after 4s");
            let run = self.runs(&["snapshot", "delete", "a", "--yes"]).ends_in(124, IN_TIME);
            run.says("is still being deleted").says("holds its slot");
        });
        self.shop.kubectl(&["wait", "volumesnapshot/a", "--for=delete", "--timeout=120s"]);
    }

    fn nothing_is_filled(&self) {
        self.without("csi-provisioner", || {
            let late = |run: Run, within| run.ends_in(124, within).says("is not bound after 4s");
            late(self.runs(&["snapshot", "restore", "snap", "--to", "y"]), IN_TIME);
            late(self.runs(&["clone", "data", "z"]), IN_TIME);
            // Time enough for the snapshot controller, which does its part.
            let elsewhere = ["snapshot", "restore", "snap", "--to", "x", "--to-namespace", self.depot.name()];
            let run = self.shop.plugin(&[&elsewhere[..], &["--timeout", "20s"]].concat()).ends_in(124, WITH_UNDO);
            run.says("is not bound after 20s").says("until it is filled");
            let stopped = self.runs(&[&ROLLBACK[..], &["--safety", "volume"]].concat()).ends_in(124, WITH_UNDO);
            stopped.says("--continue").says("--undo");
        });
        for (namespace, claim) in [(&self.shop, "y"), (&self.shop, "z"), (&self.depot, "x")] {
            let claim = format!("pvc/{claim}");
            self.cluster.wait_for(namespace.name(), &claim, "jsonpath={.status.phase}=Bound", 120);
        }
        self.shop.plugin(&[&ROLLBACK[..], &["--continue"]].concat()).ok();
        for (namespace, claim) in [(&self.shop, "data"), (&self.depot, "x")] {
            assert_eq!(Claim::existing(namespace, claim, self.family).read("ledger"), b"good");
        }
    }

    /// The API server is the driver's last word: without the driver nothing moves, and nothing is lost.
    fn nothing_moves(&self) {
        self.without("csi-driver", || {
            self.runs(&["snapshot", "create", "data", "--name", "c"]).ends_in(124, IN_TIME);
            self.runs(&["clone", "data", "w"]).ends_in(124, IN_TIME).says("kubectl describe pvc w");
        });
        self.until_ready("c");
    }
}

fn without(cluster: &TestCluster, component: &str, meanwhile: impl FnOnce()) {
    let component = cluster.cluster().component(component).unwrap_or_else(|error| panic!("{error:?}"));
    component.freeze().expect("freeze");
    meanwhile();
    component.thaw().expect("thaw");
}

/// Does it in all shops at the same time.
fn in_each<'a>(shops: &'a [Shop<'a>], work: impl Fn(&'a Shop<'a>) + Sync) {
    thread::scope(|scope| {
        for shop in shops {
            let work = &work;
            scope.spawn(move || work(shop));
        }
    });
}

#[test]
fn h1_h4_h6_h7_h9_with_controllers_down_every_verb_ends_in_time() {
    let options = Options { name: format!("down-{}", std::process::id()), ..Options::default() };
    let cluster = TestCluster::own(&options);
    let shops = ["block", "files"].map(|family| Shop::open(&cluster, family));
    // There is one controller for all drivers.
    without(&cluster, "snapshot-controller", || in_each(&shops, Shop::no_snapshot_is_taken_up));
    in_each(&shops, |shop| {
        shop.no_snapshot_is_taken();
        shop.nothing_is_filled();
        shop.nothing_moves();
    });
    drop(shops);
    cluster.down();
}
