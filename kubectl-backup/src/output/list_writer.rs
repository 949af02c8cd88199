//! Writes a list object by object, as kubectl would write it whole: thousands never stand in memory together.

use serde_json::{Value, json};

use super::{
    SortKey, Ui,
    objects::{json_text, print_kept, strip_managed_fields, yaml},
};
use crate::{
    args::{ListOutputArgs, OutputFormat},
    error::Result,
};

/// A list that is being written in a format for scripts.
pub struct ListWriter<'a> {
    ui: &'a Ui,
    flags: &'a ListOutputArgs,
    resource: &'a str,
    /// Whether just this one object was asked for: then it is written as itself, not as a list.
    single: bool,
    written: usize,
    /// What cannot be written before all is there.
    held: Vec<Value>,
    keys: Vec<SortKey>,
}

impl<'a> ListWriter<'a> {
    /// Starts a list of `resource.group` objects. Nothing is written before the first object, or the end.
    pub fn new(ui: &'a Ui, flags: &'a ListOutputArgs, resource: &'a str, single: bool) -> Self {
        Self { ui, flags, resource, single, written: 0, held: Vec::new(), keys: Vec::new() }
    }

    /// Writes an object.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn object(&mut self, mut object: Value) -> Result<()> {
        prepare(self.flags, &mut object);
        match &self.flags.sort_by {
            Some(by) if !self.single => self.keys.push(by.key(&object)?),
            _ if self.single || matches!(self.flags.format(), OutputFormat::Template(_)) => {}
            _ => return self.item(&object),
        }
        self.held.push(object);
        Ok(())
    }

    /// Returns whether there was no object yet.
    pub fn is_empty(&self) -> bool {
        self.written == 0 && self.held.is_empty()
    }

    fn item(&mut self, object: &Value) -> Result<()> {
        let first = self.written == 0;
        self.written += 1;
        self.ui.data(&match self.flags.format() {
            OutputFormat::Json => json_item(&json_text(object), first),
            OutputFormat::Yaml => yaml_item(&yaml(object)?, first),
            _ => name(self.resource, object),
        })
    }

    /// Writes the list's end.
    ///
    /// # Errors
    /// When stdout cannot be written, or what the user wrote cannot be applied.
    pub fn finish(mut self) -> Result<()> {
        let (format, mut held) = (self.flags.format(), std::mem::take(&mut self.held));
        if let (OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Template(_), true) = (format, self.single) {
            return held.iter().try_for_each(|object| print_kept(self.ui, format, object, !self.flags.no_headers));
        }
        if let (Some(by), false) = (&self.flags.sort_by, self.single) {
            let order = by.order(&self.keys)?;
            held = order.into_iter().filter_map(|index| held.get_mut(index).map(Value::take)).collect();
        }
        if let OutputFormat::Template(template) = format {
            let list = json!({"apiVersion": "v1", "items": held, "kind": "List", "metadata": {"resourceVersion": ""}});
            return self.ui.data_as_written(&template.print(&list, !self.flags.no_headers)?);
        }
        held.iter().try_for_each(|object| self.item(object))?;
        self.ui.data(end(format, self.written == 0))
    }
}

/// Writes objects as they come, each by itself.
pub struct ObjectWriter<'a> {
    ui: &'a Ui,
    flags: &'a ListOutputArgs,
    resource: &'a str,
    headers: bool,
}

impl<'a> ObjectWriter<'a> {
    /// Starts with nothing written.
    pub fn new(ui: &'a Ui, flags: &'a ListOutputArgs, resource: &'a str) -> Self {
        Self { ui, flags, resource, headers: !flags.no_headers }
    }

    /// Writes an object.
    ///
    /// # Errors
    /// When stdout cannot be written, or what the user wrote cannot be applied.
    pub fn object(&mut self, object: &Value) -> Result<()> {
        let format = self.flags.format();
        if format == OutputFormat::Name {
            return self.ui.data(&name(self.resource, object));
        }
        let mut object = object.clone();
        prepare(self.flags, &mut object);
        if format == OutputFormat::Yaml {
            self.ui.data("---\n")?;
        }
        // Columns have one header above all.
        print_kept(self.ui, format, &object, std::mem::take(&mut self.headers))
    }
}

fn name(resource: &str, object: &Value) -> String {
    format!("{resource}/{}\n", object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default())
}

/// What kubectl leaves out of whole objects; templates see all.
fn prepare(flags: &ListOutputArgs, object: &mut Value) {
    if matches!(flags.format(), OutputFormat::Json | OutputFormat::Yaml) && !flags.show_managed_fields {
        strip_managed_fields(object);
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
                OutputFormat::Json => json_item(&json_text(object), index == 0),
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
            assert_eq!(text, json_text(&whole));
            let text = written(OutputFormat::Yaml, &objects[..count]);
            assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), whole, "{text}");
        }
    }
}
