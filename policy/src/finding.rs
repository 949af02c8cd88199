//! What a rule has to say about an object.

use std::fmt;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The object is accepted and its author told.
    Warn,
    /// The object is refused.
    Deny,
}

/// One thing that is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's code, as in `BKP101`.
    pub code: &'static str,
    /// What becomes of the object.
    pub severity: Severity,
    /// Where in the object, as a path.
    pub field: String,
    /// The value, what is wrong with it and the way out.
    pub message: String,
}

/// A rule that could not be applied, because something was not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotEvaluated {
    /// The rule's code, as in `BKP101`.
    pub code: &'static str,
    /// What would have had to be known.
    pub missing: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}: {}", self.code, self.field, self.message)
    }
}

impl fmt::Display for NotEvaluated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} was not evaluated: {} not known", self.code, self.missing)
    }
}
