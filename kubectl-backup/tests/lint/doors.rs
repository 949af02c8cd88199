//! Every way that a manifest can be handed over.

use crate::process::{BAD_POD, Folder};

/// The place in [`BAD_POD`].
const PLACE: &str = "7:38";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("shop/base/web.yaml", BAD_POD);
    folder.write("shop/notes.txt", "not read");
    folder
}

#[test]
fn a_folder_within_a_folder_is_read_with_r() {
    let folder = folder();
    let run = folder.lint(&["-R", "-f", "shop"]).ends_with(3).says("1 finding (1 to be refused) in 1 object.");
    assert!(run.stdout.contains("error[BKP104]"), "{}", run.stdout);
    assert!(run.stdout.contains(&format!("--> shop/base/web.yaml:{PLACE}")), "{}", run.stdout);
    folder.lint(&["-f", "shop"]).ends_with(1).says("shop has no manifests").says("read with -R");
}

#[test]
fn what_is_piped_in_is_judged_alike() {
    let run = folder().lint_with(&["-f", "-"], BAD_POD.as_bytes()).ends_with(3);
    assert!(
        run.stdout.contains("error[BKP104]") && run.stdout.contains(&format!("--> <stdin>:{PLACE}")),
        "{}",
        run.stdout
    );
}

/// A list of all that was named, once each, in the order of the arguments.
#[test]
fn several_are_judged_together() {
    let folder = folder();
    folder.write("good.json", r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}"#);
    let names = |args: &[&str]| folder.lint_with(args, BAD_POD.as_bytes()).ends_with(3).stdout;
    assert_eq!(names(&["-f", "good.json", "-f", "-", "-o", "name"]), "pod/web\n");
    folder
        .lint_with(&["-f", "good.json", "-f", "-", "-f", "shop", "-R"], BAD_POD.as_bytes())
        .ends_with(3)
        .says("2 findings (2 to be refused) in 2 objects; 1 object of another kind was passed over.");
}

#[test]
fn sarif_names_file_and_line() {
    let log = folder().lint(&["-R", "-f", "shop", "-o", "sarif"]).ends_with(3).json();
    let read: serde_sarif::sarif::Sarif = serde_json::from_value(log.clone()).unwrap();
    assert_eq!(read.runs.len(), 1);
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "BKP104");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "shop/base/web.yaml");
    assert_eq!((&place["region"]["startLine"], &place["region"]["startColumn"]), (&7.into(), &38.into()));
}

/// What needs a cluster to be known has not passed.
#[test]
fn offline_some_rules_are_not_evaluated() {
    let folder = Folder::new();
    let velero = "apiVersion: velero.io/v1\nkind: Backup\nmetadata: {name: a, namespace: velero}\nspec: {storageLocation: nosuch}\n\
                  ---\napiVersion: velero.io/v1\nkind: Restore\nmetadata: {name: a, namespace: velero}\nspec: {backupName: nosuch}\n";
    folder.write("velero.yaml", velero);
    let run = folder.lint(&["-f", "velero.yaml"]).ends_with(0).says("Not evaluated: ").says("--live asks the cluster");
    let run = run.says("BKP314 for 1 object").says("BKP331 for 1 object");
    assert_eq!(run.stdout, "");
}
