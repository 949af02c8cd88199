//! The resource modifiers that a restore names, as Velero reads them.
//!
//! Golden values made by Velero itself are compared in `config_maps`.

use super::{
    document::{Fault, Part, read},
    label_selector,
};

const OPERATIONS: [&str; 6] = ["add", "remove", "replace", "test", "move", "copy"];
const PATCHES: [&str; 3] = ["patches", "mergePatches", "strategicPatches"];

/// Reads them.
///
/// Returns what would fail on every object that a rule fits.
///
/// # Errors
/// For what reason Velero would not take them.
pub fn check(text: &str) -> Result<Vec<String>, String> {
    let document = read(text)?;
    let whole = Part::whole(&document).fields_in_any_case(&["version", "resourceModifierRules"])?;
    let rules = whole.get("resourceModifierRules");
    let list = rules.list()?;
    let mut doubts = Vec::new();
    for rule in &list {
        modifier(rule, &mut doubts)?;
    }
    let version = whole.get("version");
    if !version.text()?.eq_ignore_ascii_case("v1") {
        return Err(version.fault("Velero knows version v1 only"));
    }
    if list.is_empty() {
        return Err(rules.fault("there is no rule"));
    }
    Ok(doubts)
}

fn modifier(rule: &Part<'_>, doubts: &mut Vec<String>) -> Result<(), Fault> {
    let fields = rule.fields_in_any_case(&[&["conditions"][..], &PATCHES].concat())?;
    conditions(&fields.get("conditions"), doubts)?;
    let mut given = 0;
    for name in PATCHES {
        let patches = fields.get(name).list()?;
        given += usize::from(!patches.is_empty());
        for patch in &patches {
            if name == "patches" { json_patch(patch)? } else { merge_patch(patch)? }
        }
    }
    if given > 1 {
        return Err(rule.fault(format!("only one of {} can be given", PATCHES.join(", "))));
    }
    if given == 0 {
        doubts.push(rule.fault("it changes nothing: every object that it fits is an error of the restore"));
    }
    Ok(())
}

fn conditions(part: &Part<'_>, doubts: &mut Vec<String>) -> Result<(), Fault> {
    let known = ["namespaces", "groupResource", "resourceNameRegex", "labelSelector", "matches"];
    let fields = part.fields_in_any_case(&known)?;
    fields.get("namespaces").texts()?;
    fields.get("resourceNameRegex").text()?;
    label_selector::check(&fields.get("labelSelector"), true)?;
    for rule in fields.get("matches").list()? {
        let fields = rule.fields_in_any_case(&["path", "value"])?;
        fields.get("value").text()?;
        if fields.get("path").text()?.is_empty() {
            doubts.push(rule.fault("without a path it fits nothing, and every object is an error of the restore"));
        }
    }
    let resource = fields.get("groupResource");
    if resource.text()?.is_empty() {
        return Err(resource.fault("name the resource, as in persistentvolumeclaims or deployments.apps"));
    }
    Ok(())
}

fn json_patch(patch: &Part<'_>) -> Result<(), Fault> {
    let fields = patch.fields_in_any_case(&["operation", "from", "path", "value"])?;
    for name in ["from", "value"] {
        fields.get(name).text()?;
    }
    let (operation, path) = (fields.get("operation"), fields.get("path"));
    let text = operation.text()?;
    if !OPERATIONS.contains(&text.to_ascii_lowercase().as_str()) {
        return Err(operation.fault(format!("an operation is one of {}, and not {text:?}", OPERATIONS.join(", "))));
    }
    if path.text()?.is_empty() {
        return Err(path.fault("a path is wanted, as in /spec/storageClassName"));
    }
    Ok(())
}

fn merge_patch(patch: &Part<'_>) -> Result<(), Fault> {
    patch.fields_in_any_case(&["patchData"])?.get("patchData").text().map(drop)
}
