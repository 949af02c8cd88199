//! `-o custom-columns=NAME:.metadata.name,…`

use serde_json::Value;

use super::aligned::aligned;
use crate::jsonpath::{Found, JsonPath, JsonPathError, relaxed, sprint};

/// Columns that a user chose.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomColumns {
    columns: Vec<(String, JsonPath)>,
}

impl CustomColumns {
    /// Parses `HEADER:PATH,HEADER:PATH`.
    ///
    /// # Errors
    /// When it is not that.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("custom-columns format specified but no custom columns given".to_owned());
        }
        let split = |part: &str| {
            let (header, path) = part
                .split_once(':')
                .ok_or_else(|| format!("unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"))?;
            column(header, path)
        };
        text.split(',').map(split).collect::<Result<_, _>>().map(|columns| Self { columns })
    }

    /// Parses a file of two lines: headers, and below them their paths.
    ///
    /// # Errors
    /// When it is not that.
    pub fn parse_file(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let mut line = |what: &str| {
            lines.next().ok_or_else(|| {
                format!("invalid template, missing {what} line. Expected format is one line of space separated headers, one line of space separated column specs.")
            })
        };
        let headers: Vec<&str> = line("header")?.split_whitespace().collect();
        let paths: Vec<&str> = line("spec")?.split_whitespace().collect();
        if headers.len() != paths.len() {
            return Err(format!(
                "number of headers ({}) and field specifications ({}) don't match",
                headers.len(),
                paths.len()
            ));
        }
        headers
            .iter()
            .zip(paths)
            .map(|(header, path)| column(header, path))
            .collect::<Result<_, _>>()
            .map(|columns| Self { columns })
    }

    /// Returns the rows under their headers.
    ///
    /// # Errors
    /// When a path cannot be applied to an object.
    pub fn print<'a>(&self, objects: impl Iterator<Item = &'a Value>, headers: bool) -> Result<String, JsonPathError> {
        let mut rows = Vec::new();
        if headers {
            rows.push(self.columns.iter().map(|(header, _)| header.clone()).collect());
        }
        for object in objects {
            rows.push(self.columns.iter().map(|(_, path)| cell(path, object)).collect::<Result<_, _>>()?);
        }
        Ok(aligned(&rows))
    }
}

fn column(header: &str, path: &str) -> Result<(String, JsonPath), String> {
    let path = relaxed(path).and_then(|path| JsonPath::parse(&path)).map_err(|error| error.to_string())?;
    Ok((header.to_owned(), path))
}

fn cell(path: &JsonPath, object: &Value) -> Result<String, JsonPathError> {
    let found = path.find(object)?;
    let mut texts = Vec::new();
    if found.first().is_none_or(Vec::is_empty) {
        texts.push("<none>".to_owned());
    }
    // What kubectl does not let through to the terminal.
    let escaped = |found: &Found<'_>| sprint(found).replace('\x1b', "^[").replace('\r', "\\r");
    texts.extend(found.iter().flatten().map(escaped));
    Ok(texts.join(","))
}
