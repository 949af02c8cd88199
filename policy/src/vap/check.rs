//! A rule's condition in CEL, as the rule itself gives it.

use crate::{
    FieldPath,
    names::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES},
};

/// One condition that must hold.
///
/// It may use the variables that [`super::variables`] defines, and nothing else of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CelCheck {
    /// True when the object keeps the rule.
    pub expression: String,
    /// Where the fault is.
    pub path: FieldPath,
    /// What is wrong, whatever the value.
    pub message: String,
    /// An expression for a message with the value in it; the API server falls back on `message` where it is too long or
    /// has more than one line.
    pub detail: Option<String>,
    /// Whether nothing is lost by it, so that its author is told and not refused, whatever the rule's severity.
    pub harmless: bool,
}

impl CelCheck {
    /// A condition about what stands at a path.
    #[must_use]
    pub fn new(path: FieldPath, expression: impl Into<String>, message: impl Into<String>) -> Self {
        Self { expression: expression.into(), path, message: message.into(), detail: None, harmless: false }
    }

    /// Gives an expression for the message.
    #[must_use]
    pub fn saying(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Says whether nothing is lost by it.
    #[must_use]
    pub fn harmless(self, harmless: bool) -> Self {
        Self { harmless, ..self }
    }
}

/// Where a pod lies in the objects that a generated policy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The fields that lead to the pod.
    pub template: &'static [&'static str],
}

impl Scope {
    /// The path of one of the pod's annotations.
    #[must_use]
    pub fn annotation_path(self, name: &'static str) -> FieldPath {
        FieldPath::of(self.template).annotation(name)
    }
}

/// One of the two lists of volumes, by the variables that hold it.
#[derive(Debug)]
pub struct ListVariables {
    /// The annotation.
    pub annotation: &'static str,
    /// Its text; nothing when it is too long.
    pub text: &'static str,
    /// The text cut at commas.
    pub entries: &'static str,
    /// The names that its author can only have meant.
    pub names: &'static str,
    /// Whether it is longer than any that makes sense.
    pub too_long: &'static str,
}

/// The volumes to back up.
pub const INCLUDED: ListVariables = ListVariables {
    annotation: BACKUP_VOLUMES,
    text: "variables.includedText",
    entries: "variables.includedEntries",
    names: "variables.included",
    too_long: "variables.includedTooLong",
};
/// The volumes to leave out.
pub const EXCLUDED: ListVariables = ListVariables {
    annotation: BACKUP_VOLUMES_EXCLUDES,
    text: "variables.excludedText",
    entries: "variables.excludedEntries",
    names: "variables.excluded",
    too_long: "variables.excludedTooLong",
};
/// Both lists.
pub const LISTS: [&ListVariables; 2] = [&INCLUDED, &EXCLUDED];

/// An annotation's text, empty when there is none.
#[must_use]
pub fn text_of(annotation: &str) -> String {
    format!("variables.annotations[?{}].orValue('')", literal(annotation))
}

/// A text as CEL writes it.
#[must_use]
pub fn literal(text: &str) -> String {
    let mut quoted = String::from("'");
    for char in text.chars() {
        match char {
            '\'' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            ' '..='~' => quoted.push(char),
            other => quoted.push_str(&format!("\\u{:04x}", u32::from(other))),
        }
    }
    quoted.push('\'');
    quoted
}

/// A list of texts as CEL writes it.
#[must_use]
pub fn literals<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    format!("[{}]", texts.into_iter().map(literal).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_survive_being_quoted() {
        assert_eq!(literal("a'b\\c\n\u{a0}\""), r#"'a\'b\\c\n\u00a0"'"#);
        assert_eq!(literals(["a", "b"]), "['a', 'b']");
    }
}
