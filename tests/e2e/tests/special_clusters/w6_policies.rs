//! W6: the generated ValidatingAdmissionPolicies on a real API server, beside the rules themselves.

mod chosen;

use std::{collections::BTreeSet, time::Duration};

use backup_policy::{
    Config, Facts, Severity, Subject, evaluate,
    rules::{CATALOGUE, Cel, by_code},
};
use e2e_tests::{Run, TestCluster, until};
use serde_json::{Value, json};
use test_cluster::Options;

use crate::parity::case::{Case, Door};

const MINUTE: Duration = Duration::from_secs(60);
const LIST: &str = "backup.velero.io/backup-volumes";
const EXCLUDES: &str = "backup.velero.io/backup-volumes-excludes";

fn cluster() -> TestCluster {
    let options = Options { name: format!("policies-{}", std::process::id()), ..Options::default() };
    let cluster = TestCluster::own(&options);
    // Some of the objects that cases change are such as the policies refuse.
    for old in Case::all().iter().filter(|case| of_pods(case)).filter_map(|case| case.old.as_ref()) {
        cluster.kubectl(&["create", "-f", &old.to_string_lossy()]);
    }
    let policies = cluster.plugin(&["policy", "show", "--format", "vap", "--built-in"]).ok().stdout;
    cluster.create(&policies);
    // An API server learns of policies by and by; a second that is idle more or less would prove nothing.
    let bad = pod(&json!({LIST: "nope"}));
    until("a bad pod is refused", MINUTE, || dry_run(&cluster, &bad).code != 0);
    let warned = workload("apps/v1", "Deployment", &json!({}), &json!({LIST: "scratch"}));
    until("a doubtful Deployment is warned of", MINUTE, || dry_run(&cluster, &warned).stderr.contains("BKP112"));
    cluster
}

fn dry_run(cluster: &TestCluster, object: &Value) -> Run {
    cluster.try_create_with(&["--dry-run=server"], &object.to_string())
}

fn template(annotations: &Value) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}, "annotations": annotations},
        "spec": {
            "restartPolicy": "Always",
            "containers": [
                {"name": "web", "image": "registry.example.org/web:1", "volumeMounts": [
                    {"name": "data", "mountPath": "/data"}, {"name": "config", "mountPath": "/config"},
                    {"name": "host", "mountPath": "/host"}, {"name": "scratch", "mountPath": "/scratch"},
                    {"name": "default-token-1", "mountPath": "/token"},
                ], "volumeDevices": [{"name": "raw", "devicePath": "/dev/raw"}]},
                {"name": "side", "image": "registry.example.org/side:1"},
            ],
            "initContainers": [{"name": "first", "image": "registry.example.org/first:1", "volumeMounts": [
                {"name": "early", "mountPath": "/early"},
            ]}],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}},
                {"name": "raw", "persistentVolumeClaim": {"claimName": "web-raw"}},
                {"name": "early", "persistentVolumeClaim": {"claimName": "web-early"}},
                {"name": "config", "configMap": {"name": "web"}},
                {"name": "host", "hostPath": {"path": "/srv"}},
                {"name": "scratch"},
                {"name": "default-token-1", "nfs": {"server": "nfs.example.org", "path": "/"}},
            ],
        },
    })
}

fn pod(annotations: &Value) -> Value {
    let mut object = template(annotations);
    object["apiVersion"] = json!("v1");
    object["kind"] = json!("Pod");
    object["metadata"]["name"] = json!("web");
    object
}

/// A workload with annotations of its own and of its template.
fn workload(api_version: &str, kind: &str, own: &Value, annotations: &Value) -> Value {
    let mut template = template(annotations);
    let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}});
    match kind {
        "StatefulSet" => {
            spec["serviceName"] = json!("web");
            // One that takes the place of a volume of the template, and one of its own.
            let claim = |name: &str| {
                json!({"metadata": {"name": name}, "spec": {
                    "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}},
                }})
            };
            spec["volumeClaimTemplates"] = json!([claim("scratch"), claim("kept")]);
            template["spec"]["containers"][1]["volumeMounts"] = json!([{"name": "kept", "mountPath": "/kept"}]);
        }
        "ReplicationController" => spec["selector"] = json!({"app": "web"}),
        "Job" => spec = json!({}),
        _ => {}
    }
    if ["Job", "CronJob"].contains(&kind) {
        template["spec"]["restartPolicy"] = json!("Never");
    }
    spec["template"] = template;
    if kind == "CronJob" {
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("selector");
        }
        spec = json!({"schedule": "@daily", "jobTemplate": {"metadata": {"annotations": own}, "spec": spec}});
    }
    json!({
        "apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "annotations": own}, "spec": spec,
    })
}

/// Objects of every kind, right and wrong in every way that the rules know.
fn cases() -> Vec<Value> {
    let none = json!({});
    let hook = "pre.hook.backup.velero.io";
    let after = "post.hook.restore.velero.io";
    let init = "init.hook.restore.velero.io";
    let many = |count: usize| vec!["data"; count].join(",");
    let annotations = [
        json!({}),
        json!({LIST: "data"}),
        json!({LIST: ""}),
        json!({LIST: " "}),
        json!({LIST: "data, raw,,early,data"}),
        json!({LIST: "data;config|host\u{a0}scratch\n"}),
        json!({LIST: "[\"data\", 'default-token-1']"}),
        json!({LIST: "web-data,kept,default-token-1"}),
        json!({LIST: "data\u{2003},daten\u{fc}"}),
        json!({EXCLUDES: "nope,config, data"}),
        json!({LIST: "data", EXCLUDES: "data"}),
        json!({LIST: (many(257)), EXCLUDES: (many(256))}),
        json!({LIST: "x".repeat(16_385)}),
        json!({LIST: "data", "backup.velero.io/backup-volume": "x", "backups.velero.io/y": "x", "velero.io/z": "x"}),
        json!({format!("{hook}/container"): "web", format!("{after}/wait-for-ready"): "true"}),
        json!({format!("{hook}/command"): "/bin/x y", format!("{hook}/container"): "first", "hook.backup.velero.io/command": "z"}),
        json!({format!("{hook}/command"): "[\"a\\u00e9\\n\", null]\n", format!("{hook}/on-error"): "continue", format!("{hook}/timeout"): "30"}),
        json!({format!("{hook}/command"): "[]", format!("{hook}/timeout"): "-5s"}),
        json!({format!("{hook}/command"): "['a']", format!("{hook}/timeout"): "1h2.5m.3s"}),
        json!({format!("{after}/command"): "[\"a\",]", format!("{after}/exec-timeout"): "5 m", format!("{after}/wait-timeout"): "1d", format!("{after}/wait-for-ready"): "yes"}),
        json!({"hook.backup.velero.io/command": "x", "hook.backup.velero.io/container": "side", "hook.backup.velero.io/timeout": "+0"}),
        json!({format!("{init}/container-image"): "x"}),
        json!({format!("{init}/command"): "a b", format!("{init}/timeout"): "5m"}),
        json!({format!("{init}/container-image"): "x", format!("{init}/command"): "a b", format!("{init}/container-name"): "first"}),
        json!({format!("{init}/container-image"): "x", format!("{init}/command"): "a", format!("{init}/container-name"): "Bad_"}),
    ];
    let mut cases: Vec<_> = annotations.iter().map(pod).collect();
    cases.extend(annotations.iter().map(|it| workload("apps/v1", "StatefulSet", &none, it)));
    for (api_version, kind) in [
        ("apps/v1", "Deployment"),
        ("apps/v1", "DaemonSet"),
        ("apps/v1", "ReplicaSet"),
        ("v1", "ReplicationController"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
    ] {
        for (own, inner) in [
            (json!({LIST: "data", "example.org/x": "y"}), json!({})),
            (json!({LIST: "data"}), json!({LIST: "data,nope"})),
            (json!({}), json!({LIST: "early,scratch"})),
        ] {
            cases.push(workload(api_version, kind, &own, &inner));
        }
    }
    let mut excluded = pod(&json!({LIST: "data"}));
    excluded["metadata"]["labels"]["velero.io/exclude-from-backup"] = json!("true");
    cases.push(excluded);
    cases
}

/// What the rules say that policies can say: what is refused, and what is told.
fn expected(object: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let subject = Subject::read(object, None).expect("a known kind");
    let facts = Facts { requester_exempt: Some(false), ..Facts::default() };
    let findings = evaluate(&Config::default(), &subject, &facts).findings;
    let of = |severity| {
        let found = findings.iter().filter(move |finding| finding.severity == severity);
        found
            .filter(|it| by_code(it.code).is_some_and(|rule| matches!(rule.cel, Cel::Pod(_))))
            .map(|it| it.code.to_owned())
    };
    (of(Severity::Deny).collect(), of(Severity::Warn).collect())
}

/// The codes in the lines that kubectl prints: of the refusal, and of the warnings.
fn seen(run: &Run) -> (BTreeSet<String>, BTreeSet<String>) {
    let codes = |line: &str| {
        let found = line.match_indices("BKP").filter_map(|(at, _)| line.get(at..at + 6)).map(str::to_owned);
        found.take(1).collect::<Vec<_>>()
    };
    let (told, refused): (Vec<_>, Vec<_>) = run.stderr.lines().partition(|line| line.starts_with("Warning:"));
    (refused.into_iter().flat_map(codes).collect(), told.into_iter().flat_map(codes).collect())
}

#[test]
fn w6_policies_judge_like_the_rules() {
    let cluster = cluster();
    for object in cases() {
        let (refused, told) = expected(&object);
        let run = dry_run(&cluster, &object);
        let (seen_refused, seen_told) = seen(&run);
        let shown = format!("{object}\n{}", run.stderr);
        assert_eq!(run.code != 0, !refused.is_empty(), "rules refuse for {refused:?}, tell {told:?}; {shown}");
        // An API server names the first breach of a policy that refuses, and all of those that warn.
        assert!(seen_refused.is_subset(&refused), "rules refuse for {refused:?}; {shown}");
        assert_eq!(seen_refused.is_empty(), refused.is_empty(), "{shown}");
        assert_eq!(seen_told, told, "{shown}");
    }
    every_rule_is_kept_and_broken();
    the_corpus_of_all_doors_is_judged_alike(&cluster);
    w6_types_are_right(&cluster);
    an_update_is_judged_by_what_it_changes(&cluster);
    large_pods_stay_within_the_cost_limits(&cluster);
    cluster.down();
}

/// Whether a case is about a pod or a template. Claims, whose annotations the webhook tells of, are not the policies' matter.
fn of_pods(case: &Case) -> bool {
    let folder = case.name.split('/').next().unwrap_or_default();
    let pods =
        ["pod", "deployment", "statefulset", "daemonset", "replicaset", "replicationcontroller", "job", "cronjob"];
    folder != "persistentvolumeclaim" && (pods.contains(&folder) || !codes_of_pods(case).is_empty())
}

/// What a case expects by rules that policies have.
fn codes_of_pods(case: &Case) -> BTreeSet<&String> {
    let has_policy = |code: &&String| {
        let rule = code.split(' ').nth(1).and_then(by_code);
        rule.is_some_and(|rule| matches!(rule.cel, Cel::Pod(_)))
    };
    case.expected(Door::Apply).codes.iter().filter(has_policy).collect()
}

/// The manifests that all other doors are tried with, as far as they are about pods and templates.
fn the_corpus_of_all_doors_is_judged_alike(cluster: &TestCluster) {
    let (mut tried, mut changes, mut differing) = (0, 0, Vec::new());
    for case in Case::all().iter().filter(|case| of_pods(case)) {
        let codes = codes_of_pods(case);
        if case.expected(Door::Apply).refused.is_some() {
            continue;
        }
        tried += 1;
        changes += usize::from(case.old.is_some());
        let verb = if case.old.is_some() { "replace" } else { "create" };
        let file = case.file.to_string_lossy();
        let (refused, told) = seen(&cluster.try_kubectl(&[verb, "--dry-run=server", "-f", &file]));
        let of = |severity: &str| -> BTreeSet<String> {
            let codes = codes.iter().filter_map(|code| code.strip_prefix(severity));
            codes.map(|code| code.trim().to_owned()).collect()
        };
        let (deny, warn) = (of("Deny"), of("Warn"));
        // An API server names the first breach of a policy that refuses.
        if refused.is_empty() != deny.is_empty() || !refused.is_subset(&deny) || told != warn {
            differing.push(format!("{}: refused for {refused:?}, told {told:?}, expected {codes:?}", case.name));
        }
    }
    assert!(differing.is_empty(), "{} of {tried} differ:\n{}", differing.len(), differing.join("\n"));
    assert!(tried >= 100 && changes >= 8, "only {tried} cases, {changes} of them changes");
}

/// The cases leave no rule untried.
fn every_rule_is_kept_and_broken() {
    let broken: BTreeSet<_> = cases()
        .iter()
        .flat_map(|object| {
            let (a, b) = expected(object);
            a.into_iter().chain(b)
        })
        .collect();
    let all: BTreeSet<_> =
        CATALOGUE.iter().filter(|rule| matches!(rule.cel, Cel::Pod(_))).map(|rule| rule.code.to_owned()).collect();
    assert_eq!(broken, all);
}

fn w6_types_are_right(cluster: &TestCluster) {
    // A policy that is wrong on purpose: without its warning the silence about ours would mean nothing.
    cluster.create(
        &json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "wrong"},
            "spec": {
                "matchConstraints": {"resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
                ]},
                "validations": [{"expression": "object.spec.replicas > 1"}],
            },
        })
        .to_string(),
    );
    let policies = || -> Vec<Value> {
        let text = cluster.kubectl(&["get", "validatingadmissionpolicies", "-o", "json"]);
        let list: Value = serde_json::from_str(&text).expect("JSON");
        list["items"].as_array().expect("a list").clone()
    };
    let checked = |policy: &Value| policy["status"]["observedGeneration"] == policy["metadata"]["generation"];
    until("all policies are type-checked", MINUTE, || policies().iter().all(checked));
    for policy in policies() {
        let warnings = policy["status"]["typeChecking"]["expressionWarnings"].as_array().map_or(0, Vec::len);
        let wrong = policy["metadata"]["name"] == "wrong";
        assert_eq!(warnings > 0, wrong, "{}", policy["status"]);
    }
}

fn an_update_is_judged_by_what_it_changes(cluster: &TestCluster) {
    // Made in a namespace that the policies leave alone until it is labelled like any other: older than the rule.
    let mut old = workload("apps/v1", "Deployment", &json!({}), &json!({LIST: "nope"}));
    old["metadata"]["namespace"] = json!("kube-system");
    cluster.create(&old.to_string());
    let scope = |values: &str| {
        let patch = format!(
            r#"{{"spec":{{"matchConstraints":{{"namespaceSelector":{{"matchExpressions":[{{"key":"kubernetes.io/metadata.name","operator":"NotIn","values":[{values}]}}]}}}}}}}}"#
        );
        cluster.kubectl(&[
            "patch",
            "validatingadmissionpolicy",
            "pod-templates-deny.kubectl-backup.dev",
            "--type=merge",
            "-p",
            &patch,
        ]);
    };
    scope(r#""none""#);
    let set = |path: &str, value: &str| {
        let patch = format!(r#"[{{"op":"add","path":"{path}","value":{value}}}]"#);
        cluster.try_kubectl(&[
            "patch",
            "deployment",
            "web",
            "-n",
            "kube-system",
            "--type=json",
            "-p",
            &patch,
            "--dry-run=server",
        ])
    };
    until("the policy knows its new scope", MINUTE, || {
        set("/spec/template/metadata/annotations/backup.velero.io~1backup-volumes", r#""nopf""#).code != 0
    });
    set("/spec/replicas", "3").ok();
    set("/spec/template/spec/containers/0/image", r#""registry.example.org/web:2""#).ok();
    set("/spec/template/metadata/annotations/example.org~1x", r#""y""#).ok();
    set("/spec/template/metadata/annotations/backup.velero.io~1backup-volumes", r#""data""#).ok();
    set("/spec/template/spec/volumes/-", r#"{"name":"more","nfs":{"server":"a","path":"/"}}"#).ends_with(1);
}

fn large_pods_stay_within_the_cost_limits(cluster: &TestCluster) {
    let name = |n: usize| format!("v{n:0>62}");
    let volumes = 250;
    let names: Vec<_> = (0..volumes).map(name).collect();
    let mounts: Vec<_> = names.iter().map(|name| json!({"name": name, "mountPath": format!("/{name}")})).collect();
    let object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "large", "annotations": {
            LIST: names.join(","), EXCLUDES: (0..200).map(|n| format!("x{n}")).collect::<Vec<_>>().join(","),
        }},
        "spec": {
            "containers": (0..20).map(|n| json!({"name": format!("c{n}"), "image": "x", "volumeMounts": mounts})).collect::<Vec<_>>(),
            "volumes": names.iter().map(|name| json!({"name": name, "nfs": {"server": "a", "path": "/"}})).collect::<Vec<_>>(),
        },
    });
    let run = dry_run(cluster, &object).ok();
    assert_eq!(seen(&run).1, BTreeSet::from(["BKP104".to_owned()]), "{}", run.stderr);
}
