//! Objects as JSON, YAML, names or `TYPE/NAME verbed`.

use serde_json::Value;

use super::{Ui, escape};
use crate::{
    args::{DryRun, OutputFormat},
    error::{CliError, Result},
    jsonpath,
};

/// An object that a command made, changed or removed.
pub struct Changed<'a> {
    /// `resource.group/name`, such as `volumesnapshot.snapshot.storage.k8s.io/web`.
    pub name: &'a str,
    /// `created`, `deleted` …
    pub verb: &'a str,
    /// What was or would be sent, or what the server answered.
    pub object: &'a Value,
}

/// Prints what was changed in the format that was asked for.
///
/// # Errors
/// When stdout cannot be written.
pub fn print_changed(ui: &Ui, format: OutputFormat, dry_run: DryRun, changed: &Changed<'_>) -> Result<()> {
    match format {
        OutputFormat::Table | OutputFormat::Wide => {
            ui.data(&format!("{} {}{}\n", changed.name, changed.verb, dry_run.suffix()))
        }
        OutputFormat::Name => ui.data(&format!("{}\n", changed.name)),
        OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Template(_) => print_object(ui, format, changed.object),
    }
}

/// Prints one object as JSON, as YAML, or as the user's template has it.
///
/// # Errors
/// When stdout cannot be written, or the template cannot be applied.
pub fn print_object(ui: &Ui, format: OutputFormat, object: &Value) -> Result<()> {
    if matches!(format, OutputFormat::Template(_)) {
        return print_kept(ui, format, object, true);
    }
    let mut object = object.clone();
    strip_nested(&mut object);
    print_kept(ui, format, &object, true)
}

/// Prints one object with all that it has.
pub(super) fn print_kept(ui: &Ui, format: OutputFormat, object: &Value, headers: bool) -> Result<()> {
    match format {
        OutputFormat::Template(template) => ui.data_as_written(&template.print(object, headers)?),
        OutputFormat::Yaml => ui.data(&yaml(object)?),
        _ => ui.data(&json_text(object)),
    }
}

/// kubectl leaves these out unless asked: they bury the rest.
pub(super) fn strip_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// Some answers hold objects: in members, or in lists of them.
fn strip_nested(value: &mut Value) {
    strip_managed_fields(value);
    match value {
        Value::Object(members) => members.values_mut().for_each(strip_nested),
        Value::Array(items) => items.iter_mut().for_each(strip_nested),
        _ => {}
    }
}

pub(super) fn json_text(object: &Value) -> String {
    escape::json(jsonpath::json_indented(object))
}

pub(super) fn yaml(object: &Value) -> Result<String> {
    let mut text =
        serde_saphyr::to_string(object).map_err(|error| CliError::new(format!("failed to write YAML: {error}")))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_reads_back_as_the_same_object() {
        let object = json!({"metadata": {"name": "n", "annotations": {"a": "yes", "b": "1.0", "c": "x: y", "d": "l1\nl2\n", "e": ""}},
            "spec": {"list": ["a, b", "- c"], "n": 1, "t": true, "none": null}});
        let text = yaml(&object).unwrap();
        let back: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(back, object, "{text}");
    }
}
