//! A YAML document as Go reads it into a struct: what is absent or null is empty, and a plain value is a text where one is
//! wanted.

use std::fmt;

use serde_json::{Map, Value};

/// A part of a document, and where it stands.
#[derive(Clone)]
pub(super) struct Part<'a> {
    value: &'a Value,
    path: String,
}

/// What is wrong, and where.
pub(super) type Fault = String;

/// Reads the first document of a text.
///
/// # Errors
/// When it is no YAML.
pub(super) fn read(text: &str) -> Result<Value, Fault> {
    let begins = |line: &str| line.trim_end() == "---" || line.starts_with("--- ");
    let lines: Vec<_> = text.lines().collect();
    let skipped = usize::from(lines.first().is_some_and(|line| begins(line)));
    let first: Vec<_> = lines.into_iter().skip(skipped).take_while(|line| !begins(line)).collect();
    // Our parser takes this for blank space; Velero's does not.
    if first.iter().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with('\t')) {
        return Err("it is no YAML: a line is indented with a tab".to_owned());
    }
    serde_saphyr::from_str(&first.join("\n")).map_err(|error| {
        let error = error.to_string();
        let error = error.strip_prefix("error: ").unwrap_or(&error);
        format!("it is no YAML: {}", error.lines().next().unwrap_or_default())
    })
}

impl<'a> Part<'a> {
    /// The whole document.
    pub fn whole(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    /// A fault at this place.
    pub fn fault(&self, what: impl fmt::Display) -> Fault {
        if self.path.is_empty() { what.to_string() } else { format!("{}: {what}", self.path) }
    }

    /// Whether nothing stands here.
    pub fn is_null(&self) -> bool {
        self.value.is_null()
    }

    /// Whether a text stands here, and not something that is read as one.
    pub fn is_text(&self) -> bool {
        self.value.is_string()
    }

    /// The fields of a mapping that has none but these.
    pub fn fields(&self, known: &[&str]) -> Result<Fields<'a>, Fault> {
        let fields = self.mapping()?;
        if let Some(unknown) =
            fields.map.into_iter().flatten().map(|(key, _)| key).find(|key| !known.contains(&key.as_str()))
        {
            return Err(self.fault(format!("there is no field {unknown:?}; it knows {}", known.join(", "))));
        }
        Ok(fields)
    }

    /// The same where Go reads JSON, which takes fields in any case.
    pub fn fields_in_any_case(&self, known: &[&str]) -> Result<Fields<'a>, Fault> {
        let fields = self.mapping()?;
        let is_known = |key: &String| known.iter().any(|known| known.eq_ignore_ascii_case(key));
        if let Some(unknown) = fields.map.into_iter().flatten().map(|(key, _)| key).find(|key| !is_known(key)) {
            return Err(self.fault(format!("there is no field {unknown:?}; it knows {}", known.join(", "))));
        }
        Ok(Fields { any_case: true, ..fields })
    }

    /// A mapping with whatever keys.
    pub fn mapping(&self) -> Result<Fields<'a>, Fault> {
        match self.value {
            Value::Null => Ok(Fields { map: None, path: self.path.clone(), any_case: false }),
            Value::Object(map) => Ok(Fields { map: Some(map), path: self.path.clone(), any_case: false }),
            _ => Err(self.fault("a mapping is wanted")),
        }
    }

    /// The entries of a list.
    pub fn list(&self) -> Result<Vec<Self>, Fault> {
        let entry = |(index, value)| Part { value, path: format!("{}[{index}]", self.path) };
        match self.value {
            Value::Null => Ok(Vec::new()),
            Value::Array(entries) => Ok(entries.iter().enumerate().map(entry).collect()),
            _ => Err(self.fault("a list is wanted")),
        }
    }

    /// A text.
    pub fn text(&self) -> Result<String, Fault> {
        match self.value {
            Value::Null => Ok(String::new()),
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(truth) => Ok(truth.to_string()),
            _ => Err(self.fault("a text is wanted")),
        }
    }

    /// A list of texts.
    pub fn texts(&self) -> Result<Vec<String>, Fault> {
        self.list()?.iter().map(Self::text).collect()
    }
}

/// The fields of a mapping.
pub(super) struct Fields<'a> {
    map: Option<&'a Map<String, Value>>,
    path: String,
    any_case: bool,
}

impl<'a> Fields<'a> {
    /// What stands in a field.
    pub fn get(&self, name: &str) -> Part<'a> {
        self.find(name).unwrap_or_else(|| Part { value: &Value::Null, path: self.below(name) })
    }

    /// The same, when the field is there at all.
    pub fn find(&self, name: &str) -> Option<Part<'a>> {
        let fits = |key: &str| key == name || (self.any_case && key.eq_ignore_ascii_case(name));
        let value = self.map?.iter().find(|(key, _)| fits(key))?.1;
        Some(Part { value, path: self.below(name) })
    }

    /// All of them.
    pub fn parts(&self) -> Vec<Part<'a>> {
        let part = |(key, value): (&String, &'a Value)| Part { value, path: self.below(key) };
        self.map.into_iter().flatten().map(part).collect()
    }

    fn below(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}
