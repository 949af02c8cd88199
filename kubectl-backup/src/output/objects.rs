//! Objects as JSON, YAML, names or `TYPE/NAME verbed`.

use serde::Serialize;
use serde_json::Value;

use super::{Ui, escape};
use crate::{
    args::{DryRun, OutputFormat},
    error::{CliError, Result},
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
        OutputFormat::Json | OutputFormat::Yaml => print_object(ui, format, changed.object),
    }
}

/// Prints one object as JSON or YAML.
///
/// # Errors
/// When stdout cannot be written.
pub fn print_object(ui: &Ui, format: OutputFormat, object: &Value) -> Result<()> {
    let mut object = object.clone();
    strip_nested(&mut object);
    ui.data(&match format {
        OutputFormat::Yaml => yaml(&object)?,
        _ => json_text(&object)?,
    })
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

pub(super) fn json_text(object: &Value) -> Result<String> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    object
        .serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))
        .map_err(|error| CliError::new(format!("failed to write JSON: {error}")))?;
    bytes.push(b'\n');
    let text = String::from_utf8(bytes).map_err(|error| CliError::new(format!("failed to write JSON: {error}")))?;
    Ok(escape::json(text))
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
