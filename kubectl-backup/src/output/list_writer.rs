//! Writes a list object by object, as kubectl would write it whole: thousands never stand in memory together.

use serde_json::Value;

use super::{
    Ui,
    objects::{json_text, strip_managed_fields, yaml},
};
use crate::{args::OutputFormat, error::Result};

/// A list that is being written, as JSON, YAML or names.
pub struct ListWriter<'a> {
    ui: &'a Ui,
    format: OutputFormat,
    resource: &'a str,
    written: usize,
}

impl<'a> ListWriter<'a> {
    /// Starts a list of `resource.group` objects. Nothing is written before the first object, or the end.
    pub fn new(ui: &'a Ui, format: OutputFormat, resource: &'a str) -> Self {
        Self { ui, format, resource, written: 0 }
    }

    /// Writes an object.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn object(&mut self, mut object: Value) -> Result<()> {
        strip_managed_fields(&mut object);
        let text = match self.format {
            OutputFormat::Json => json_item(&json_text(&object)?, self.written == 0),
            OutputFormat::Yaml => yaml_item(&yaml(&object)?, self.written == 0),
            _ => {
                let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                format!("{}/{name}\n", self.resource)
            }
        };
        self.written += 1;
        self.ui.data(&text)
    }

    /// Writes the list's end.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn finish(self) -> Result<()> {
        self.ui.data(end(self.format, self.written == 0))
    }
}

fn json_item(text: &str, first: bool) -> String {
    let mut out = String::from(if first { "{\n    \"apiVersion\": \"v1\",\n    \"items\": [" } else { "," });
    // A line break inside a string is written as \n: every line of the text may be moved to the right.
    for line in text.lines() {
        out.push_str("\n        ");
        out.push_str(line);
    }
    out
}

fn yaml_item(text: &str, first: bool) -> String {
    let mut out = String::from(if first { "apiVersion: v1\nitems:\n" } else { "" });
    for (index, line) in text.lines().enumerate() {
        out.push_str(match (index, line.is_empty()) {
            (0, _) => "- ",
            (_, true) => "",
            _ => "  ",
        });
        out.push_str(line);
        out.push('\n');
    }
    out
}

fn end(format: OutputFormat, empty: bool) -> &'static str {
    match (format, empty) {
        (OutputFormat::Json, true) => {
            "{\n    \"apiVersion\": \"v1\",\n    \"items\": [],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
        }
        (OutputFormat::Json, false) => {
            "\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"
        }
        (OutputFormat::Yaml, true) => "apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: \"\"\n",
        (OutputFormat::Yaml, false) => "kind: List\nmetadata:\n  resourceVersion: \"\"\n",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(format: OutputFormat, objects: &[Value]) -> String {
        let mut out = String::new();
        for (index, object) in objects.iter().enumerate() {
            out.push_str(&match format {
                OutputFormat::Json => json_item(&json_text(object).unwrap(), index == 0),
                _ => yaml_item(&yaml(object).unwrap(), index == 0),
            });
        }
        out + end(format, objects.is_empty())
    }

    #[test]
    fn what_is_written_piece_by_piece_reads_as_one_list() {
        let objects = [
            json!({"metadata": {"name": "a", "annotations": {"n": "l1\n\nl2\n", "x": "a: b # c", "e": ""}}, "spec": {}}),
            json!({"metadata": {"name": "b"}, "list": [[], {"k": null}, "- x"], "long": "word ".repeat(60)}),
        ];
        for count in 0..=objects.len() {
            let whole = json!({"apiVersion": "v1", "kind": "List", "items": objects[..count], "metadata": {"resourceVersion": ""}});
            let text = written(OutputFormat::Json, &objects[..count]);
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), whole);
            assert_eq!(text, json_text(&whole).unwrap());
            let text = written(OutputFormat::Yaml, &objects[..count]);
            assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), whole, "{text}");
        }
    }
}
