//! What this crate makes of the ConfigMaps that Velero reads, beside what Velero itself makes of them.
//!
//! `tests/golden/config_maps/main.go` says how `golden.json` is made anew.

use serde_json::Value;

use super::{resource_modifiers, volume_policies, volume_policies::Use};

fn golden() -> Vec<Value> {
    serde_json::from_str(include_str!("../../tests/golden/config_maps/golden.json")).expect("JSON")
}

#[test]
fn what_velero_takes_is_taken_and_what_it_refuses_is_refused() {
    let (mut differing, mut refused) = (Vec::new(), 0);
    let golden = golden();
    for case in &golden {
        let text = |field: &str| case[field].as_str().expect("a text");
        let ours = match text("for") {
            "backup" => volume_policies::check(text("text"), Use::Backup),
            "restore" => volume_policies::check(text("text"), Use::Restore),
            _ => resource_modifiers::check(text("text")),
        };
        refused += usize::from(ours.is_err());
        if ours.is_ok() != text("error").is_empty() {
            differing.push(format!("{case}\n  {ours:?}"));
        }
    }
    assert!(differing.is_empty(), "{} of {} differ:\n{}", differing.len(), golden.len(), differing.join("\n"));
    assert!(golden.len() > 300 && refused > 150, "{} cases, {refused} refused", golden.len());
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let policies = |text: &str| volume_policies::check(text, Use::Backup);
    let policy = |conditions: &str| {
        policies(&format!("version: v1\nvolumePolicies:\n- conditions: {conditions}\n  action: {{type: skip}}\n"))
    };
    insta::assert_snapshot!(policy("{storageclass: [gp2]}").expect_err("refused"), @r#"volumePolicies[0].conditions: there is no field "storageclass"; it knows capacity, storageClass, nfs, csi, volumeTypes, pvcLabels, pvcPhase, pvcVolumeMode, pvcAccessModes"#);
    insta::assert_snapshot!(policy("{capacity: 10Gi}").expect_err("refused"), @r#"volumePolicies[0].conditions.capacity: "10Gi" is no range of sizes; write two, as in "10Gi,100Gi", or "10Gi,""#);
    insta::assert_snapshot!(policies("version: [").expect_err("refused"), @"it is no YAML: line 1 column 10: unclosed bracket '['");
    insta::assert_snapshot!(policy("{volumeTypes: [EmptyDir]}").expect("taken").join("; "), @r#"volumePolicies[0].conditions.volumeTypes: no volume is of type "EmptyDir""#);
    let first = "version: v1\nvolumePolicies:\n- action: {type: skip}\n- action: {type: snapshot}\n";
    insta::assert_snapshot!(policies(first).expect("taken").join("; "), @"volumePolicies[0] has no condition and takes every volume: those after it never count");
    let modifiers = "version: v1\nresourceModifierRules:\n- conditions: {groupResource: pods}\n";
    insta::assert_snapshot!(resource_modifiers::check(modifiers).expect("taken").join("; "), @"resourceModifierRules[0]: it changes nothing: every object that it fits is an error of the restore");
}
