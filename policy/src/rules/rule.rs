//! What a rule is made of.

use crate::{Config, Facts, Severity, Subject, pod::Pod};

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its code, as in `BKP101`; never used again for another rule.
    pub code: &'static str,
    /// What becomes of an object that breaks it, unless the policy says otherwise.
    pub severity: Severity,
    /// What it asks for, in one line.
    pub title: &'static str,
    /// How it is checked.
    pub check: Check,
}

/// How a rule looks at a subject.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// A rule about pods and pod templates; it needs nothing but the object.
    Pod(fn(&Pod<'_>) -> Vec<Violation>),
    /// A rule about an object and the cluster around it.
    Subject(fn(&Config, &Subject<'_>, &Facts) -> Outcome),
}

/// What a rule found, or what it would have had to know.
pub type Outcome = Result<Vec<Violation>, Missing>;

/// A fact that a rule lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing(pub &'static str);

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the object, as a path.
    pub field: String,
    /// The value, what is wrong with it and the way out.
    pub message: String,
    /// Whether nothing is lost by it, so that its author is told and not refused, whatever the rule's severity.
    pub harmless: bool,
}
