//! H7: output formats are kubectl's, to the byte.

use e2e_tests::{Claim, Namespace, TestCluster, serve};
use serde_json::{Value, json};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../kubectl-backup/src/output/golden");

/// The unit tests of the plugin rest on these answers; here they are asked for again. With `KUBECTL_BACKUP_WRITE_GOLDEN`
/// set they are written anew.
#[test]
#[allow(clippy::disallowed_methods, reason = "whether the answers are written anew is said by the environment")]
fn h7_the_golden_answers_are_kubectls() {
    let cluster = TestCluster::control_plane();
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(format!("{GOLDEN}/{name}")).unwrap()).unwrap()
    };
    let server = serve(read("things.json"));
    let recorded = read("answers.json");
    let ask = |answer: &Value| {
        let args = answer["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap());
        let line: Vec<&str> = ["--server", &server, "-n", "shop", "get", "things"].into_iter().chain(args).collect();
        let run = cluster.try_kubectl(&line);
        let mut answer = json!({"args": answer["args"]});
        if run.code != 0 {
            answer["error"] = reason(&run.stderr).into();
        } else if !run.stdout.is_empty() {
            answer["stdout"] = run.stdout.into();
        }
        answer
    };
    let asked: Vec<Value> = recorded.as_array().unwrap().iter().map(ask).collect();
    if std::env::var_os("KUBECTL_BACKUP_WRITE_GOLDEN").is_some() {
        let lines: Vec<String> = asked.iter().map(Value::to_string).collect();
        std::fs::write(format!("{GOLDEN}/answers.json"), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
    let differ: Vec<_> =
        asked.iter().zip(recorded.as_array().unwrap()).filter(|(asked, recorded)| asked != recorded).collect();
    assert!(differ.is_empty(), "kubectl answers {} otherwise than recorded: {differ:#?}", differ.len());
}

/// What kubectl says, without what only this run has in it.
fn reason(stderr: &str) -> &str {
    let inner = stderr.split_once("Error executing template: ").map(|(_, rest)| rest);
    let inner = inner.and_then(|rest| rest.split_once(". Printing more")).map(|(inner, _)| inner);
    let said = inner.unwrap_or_else(|| stderr.trim().trim_start_matches("error: "));
    said.split(", allowed formats").next().unwrap_or_default()
}

/// Formats that make sense for any object.
const FORMATS: [&str; 15] = [
    "name",
    "json",
    "jsonpath={.items[*].metadata.name}",
    "jsonpath={range .items[*]}{.metadata.name}{\"\\t\"}{.metadata.creationTimestamp}{\"\\n\"}{end}",
    "jsonpath={.items[?(@.metadata.labels.tier==\"gold\")].metadata.name}",
    "jsonpath={.items[-1:].spec}",
    "jsonpath={.items[*].status}",
    "jsonpath={.items[0].metadata.managedFields[*].manager}",
    "jsonpath={.metadata}{.kind}",
    "jsonpath={.items[7].metadata.name}",
    "jsonpath-as-json={.items[*].metadata.labels}",
    "custom-columns=NAME:.metadata.name,TIER:.metadata.labels.tier",
    "custom-columns=NAME:.metadata.name,SPEC:.spec,STATUS:.status",
    "custom-columns=N:.metadata.name,MISSING:.spec.nothing",
    "custom-columns=CREATED:.metadata.creationTimestamp,UID:.metadata.uid",
];

fn same(namespace: &Namespace<'_>, list: &[&str], get: &[&str], flags: &[&str]) {
    let ours = namespace.plugin(&[list, flags].concat());
    let theirs = namespace.try_kubectl(&[get, flags].concat());
    assert_eq!(ours.stdout, theirs.stdout, "{} and {}", ours.command, theirs.command);
    assert_eq!(
        ours.code == 0,
        theirs.code == 0,
        "{}: {}\n{}: {}",
        ours.command,
        ours.stderr,
        theirs.command,
        theirs.stderr
    );
}

#[test]
fn h7_lists_are_printed_as_kubectl_prints_them() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    Claim::block(&shop, "data");
    for (name, labels) in [("web-1", "tier=gold"), ("a-much-longer-name", "tier=tin,app=web"), ("web-2", "app=web")] {
        shop.plugin(&["snapshot", "create", "data", "--name", name, "--labels", labels]).ok();
    }
    let (list, get) = (["snapshot", "list"], ["get", "volumesnapshots"]);
    for format in FORMATS {
        same(&shop, &list, &get, &["-o", format]);
        same(&shop, &list, &get, &["-l", "tier=gold", "-o", format]);
        same(&shop, &list, &get, &["-l", "tier=none", "-o", format]);
        same(&shop, &list, &get, &["-o", format, "--no-headers"]);
        same(&shop, &list, &get, &["--sort-by", "{.metadata.uid}", "-o", format]);
        same(&shop, &list, &get, &["web-2", "web-1", "-o", format]);
        same(&shop, &list, &get, &["web-2", "-o", format]);
        same(&shop, &list, &get, &["web-2", "nosuch", "-o", format]);
        same(&shop, &list, &get, &["nosuch", "-o", format]);
        same(&shop, &list, &get, &["nosuch", "--ignore-not-found", "-o", format]);
    }
    same(&shop, &list, &get, &["-o", "jsonpath={.items[*]"]);
    same(&shop, &list, &get, &["-o", "json", "--show-managed-fields"]);
    same(&shop, &list, &get, &["--sort-by", ".spec.nothing", "-o", "name"]);
    for key in [".status.restoreSize", ".metadata.creationTimestamp", "metadata.name"] {
        same(&shop, &list, &get, &["--sort-by", key, "-o", "jsonpath={.items[*].metadata.uid}"]);
    }
    // Columns of our own, kubectl's flags about them.
    let header = |flags: &[&str]| shop.plugin(&[&list, flags].concat()).ok().stdout.lines().next().unwrap().to_owned();
    assert!(header(&["--show-labels"]).ends_with("LABELS"));
    let labels = header(&["-L", "tier,example.org/app"]);
    assert!(labels.split_whitespace().collect::<Vec<_>>().ends_with(&["TIER", "APP"]), "{labels}");
    assert!(!header(&["--no-headers"]).contains("NAME"));
    let table = shop.plugin(&["snapshot", "list", "--sort-by", ".metadata.name", "-L", "tier"]).ok().stdout;
    let names: Vec<&str> = table.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["a-much-longer-name", "web-1", "web-2"]);
    assert!(table.lines().any(|line| line.starts_with("web-1") && line.ends_with("gold")), "{table}");
    shop.plugin(&["snapshot", "list", "--show-labels", "-o", "json"]).ends_with(2).says("--show-labels");
}

#[test]
fn h7_c17_all_names_that_are_missing_are_told() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    Claim::block(&shop, "data");
    shop.plugin(&["snapshot", "create", "data", "--name", "here"]).ok();
    let run = shop.plugin(&["snapshot", "list", "gone-1", "here", "gone-2"]).ends_with(1);
    assert!(run.stdout.contains("here"), "{}", run.stdout);
    run.says("\"gone-1\" not found").says("\"gone-2\" not found").says("Error from server (NotFound)");
    shop.plugin(&["snapshot", "list", "here", "-A"]).ends_with(2).says("across all namespaces");
    let backup = shop.name();
    cluster.plugin(&["create", backup, "--namespaces", backup, "--volumes", "none"]).ok();
    let run = cluster.plugin(&["list", backup, "gone-1", "gone-2"]).ends_with(1);
    assert!(run.stdout.contains(backup), "{}", run.stdout);
    run.says("\"gone-1\" not found").says("\"gone-2\" not found");
    // It is there, only not about that namespace.
    let run = cluster.plugin(&["list", backup, "-n", "default"]).ends_with(1);
    run.says("is there").says("-A");
    cluster.plugin(&["list", backup, "-n", "default", "-A"]).ok();
    let get = ["get", "backups.velero.io", "-n", "velero"];
    for format in FORMATS {
        let ours = cluster.plugin(&["list", backup, "-o", format]);
        let theirs = cluster.try_kubectl(&[&get[..], &[backup, "-o", format]].concat());
        assert_eq!(ours.stdout, theirs.stdout, "{format}");
    }
    cluster.plugin(&["delete", backup, "--yes"]).ok();
}

#[test]
fn h7_reports_have_no_name_and_no_wider_table() {
    let cluster = TestCluster::control_plane();
    let shop = cluster.namespace("h7");
    for format in ["name", "wide", "custom-columns=A:.a"] {
        for command in [&["snapshot", "describe", "x"][..], &["describe", "x"], &["version"]] {
            shop.plugin(&[command, &["-o", format]].concat()).ends_with(2).says("allowed formats are");
        }
    }
    let version = cluster.plugin(&["version", "--client", "-o", "jsonpath={.clientVersion.version}"]).ok().stdout;
    assert_eq!(version, concat!("v", env!("CARGO_PKG_VERSION")));
    let limits = cluster.plugin(&["quota", "-o", "json"]).ok().json();
    assert!(limits.is_object(), "{limits}");
    cluster.plugin(&["policy", "show", "--built-in", "-o", "jsonpath={.}"]).ok();
    assert_eq!(cluster.plugin(&["explain", "BKP104", "-o", "jsonpath={.code}"]).ok().stdout, "BKP104");
}
