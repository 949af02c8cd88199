//! kubectl's dialect of JSONPath, as `-o jsonpath=…`, `custom-columns` and `--sort-by` take it: templates with
//! `{range}…{end}`, filters, unions and slices. No crate speaks it: it differs from RFC 9535 in its grammar and in what it
//! prints. What it means is held by the golden values in `output/golden`: real kubectl's answers.

mod compare;
mod go_text;
mod node;
mod parse;
mod quote;
mod relaxed;
mod walk;

use std::fmt;

use serde_json::Value;

pub use go_text::{json_indented, sprint};
pub use relaxed::relaxed;
pub use walk::Found;

use node::Piece;

/// Why a template is none, or gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPathError(String);

impl JsonPathError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for JsonPathError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for JsonPathError {}

/// A template that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    pieces: Vec<Piece>,
}

impl JsonPath {
    /// Parses a template.
    ///
    /// # Errors
    /// When it is no template.
    pub fn parse(text: &str) -> Result<Self, JsonPathError> {
        parse::template(text).map(|pieces| Self { pieces })
    }

    /// Returns what each part of the template finds: one list for a text, one for an action, those of its body for each
    /// turn of a range.
    ///
    /// # Errors
    /// When a part cannot be applied to what is there, such as an index behind the end.
    pub fn find<'a>(&'a self, object: &'a Value) -> Result<Vec<Vec<Found<'a>>>, JsonPathError> {
        walk::find(&self.pieces, object)
    }

    /// Returns the object as the template prints it.
    ///
    /// # Errors
    /// As [`JsonPath::find`] has them.
    pub fn print(&self, object: &Value) -> Result<String, JsonPathError> {
        let mut out = String::new();
        for results in self.find(object)? {
            for (index, found) in results.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(&go_text::printed(found));
            }
        }
        Ok(out)
    }
    /// Returns what the template finds as JSON: an array for each of its parts.
    ///
    /// # Errors
    /// As [`JsonPath::find`] has them.
    pub fn print_json(&self, object: &Value) -> Result<String, JsonPathError> {
        let part = |results: Vec<Found<'_>>| json_indented(&results.iter().map(Found::to_value).collect());
        Ok(self.find(object)?.into_iter().map(part).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_would_never_end_is_ended() {
        let mut object = json!({"a": [1, 2, 3]});
        for _ in 0..30 {
            object = json!({"a": [object, 1, "text"]});
        }
        for template in ["{range ..}".repeat(12), format!("{{{}}}", "['a','a'][0,0]".repeat(28))] {
            let error = JsonPath::parse(&template).and_then(|path| path.print(&object)).unwrap_err();
            assert!(error.to_string().contains("goes through more than"), "{template}: {error}");
        }
        assert!(JsonPath::parse(&"{range .a}".repeat(40)).unwrap_err().to_string().contains("more than 16"));
        assert!(JsonPath::parse(&format!("{{.a{}", "[?(@.a".repeat(40))).is_err());
    }

    proptest! {
        #[test]
        fn no_template_panics(text in "[-{}.*@$?()'\"<>=!:,0-3ab \\\\\\[\\]äend]{0,40}|(\\{(range )?[.@\\[\\]*:a0-9]{0,12}\\}){0,4}") {
            let object = json!({"a": [1, {"a": "b"}, null, [true, 1.5]], "b": "ä"});
            if let Ok(path) = JsonPath::parse(&text) {
                let _ = path.print(&object);
                let _ = path.print_json(&object);
            }
        }
    }
}
