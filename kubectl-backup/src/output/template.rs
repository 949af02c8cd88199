//! Formats that a user writes: `jsonpath=…`, `custom-columns=…` and their kin.

use std::{fs::File, io::Read as _};

use serde_json::Value;

use super::custom_columns::CustomColumns;
use crate::{
    error::{CliError, Result},
    jsonpath::JsonPath,
};

/// Largest file with a template.
const LARGEST: u64 = 1 << 20;

/// A format that a user wrote.
#[derive(Clone, Debug, PartialEq)]
pub enum Template {
    /// Text with paths in it.
    JsonPath {
        /// As it was written.
        text: String,
        /// As it was understood.
        path: JsonPath,
        /// Whether what is found is printed as JSON.
        as_json: bool,
    },
    /// A table of the user's own.
    Columns(CustomColumns),
}

impl Template {
    /// The formats, as they are written before `=`.
    pub const FORMATS: [&'static str; 5] =
        ["jsonpath", "jsonpath-as-json", "jsonpath-file", "custom-columns", "custom-columns-file"];

    /// Parses `FORMAT=TEMPLATE`; `None` when the format is none of these.
    ///
    /// # Errors
    /// When the template is none, or its file cannot be read.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        let (format, rest) = text.split_once('=').unwrap_or((text, ""));
        if !Self::FORMATS.contains(&format) {
            return None;
        }
        Some(match format {
            _ if rest.is_empty() && format.starts_with("jsonpath") => {
                Err(format!("template format specified but no template given: write {format}=…"))
            }
            "custom-columns" => CustomColumns::parse(rest).map(Self::Columns),
            "custom-columns-file" => read(rest).and_then(|text| CustomColumns::parse_file(&text)).map(Self::Columns),
            "jsonpath-file" => read(rest).and_then(|text| Self::json_path(text, false)),
            _ => Self::json_path(rest.to_owned(), format == "jsonpath-as-json"),
        })
    }

    fn json_path(text: String, as_json: bool) -> Result<Self, String> {
        match JsonPath::parse(&text) {
            Ok(path) => Ok(Self::JsonPath { text, path, as_json }),
            Err(error) => Err(format!("error parsing jsonpath {text}, {error}")),
        }
    }

    /// Returns an object, or a list of some, as the user wants it.
    ///
    /// # Errors
    /// When the template cannot be applied to it.
    pub fn print(&self, object: &Value, headers: bool) -> Result<String> {
        match self {
            Self::JsonPath { text, path, as_json } => {
                let printed = if *as_json { path.print_json(object) } else { path.print(object) };
                printed.map_err(|error| {
                    CliError::new(format!("error executing jsonpath {text:?}: Error executing template: {error}"))
                })
            }
            Self::Columns(columns) => {
                let list = object.as_array().or_else(|| object.get("items")?.as_array());
                let items = list.map_or(std::slice::from_ref(object), Vec::as_slice);
                columns.print(items.iter(), headers).map_err(|error| CliError::new(error.to_string()))
            }
        }
    }
}

fn read(name: &str) -> Result<String, String> {
    let mut text = String::new();
    let read = File::open(name).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text));
    match read {
        Err(error) => Err(format!("error reading template {name}: {error}")),
        Ok(length) if length as u64 > LARGEST => Err(format!("the template {name} is larger than {LARGEST} bytes")),
        Ok(_) => Ok(text),
    }
}
