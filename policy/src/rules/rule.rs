//! What a rule is made of.

use crate::{
    Config, Facts, FieldPath, Fix, Operation, Severity, Subject,
    pod::Pod,
    vap::{CelCheck, Scope},
};

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its code, as in `BKP101`; never used again for another rule.
    pub code: &'static str,
    /// What becomes of an object that breaks it, unless the policy says otherwise.
    pub severity: Severity,
    /// What it asks for, in one line.
    pub title: &'static str,
    /// What there is to read about it.
    pub page: Page,
    /// How it is checked.
    pub check: Check,
    /// How an API server can check it by itself.
    pub cel: Cel,
}

/// Rules that keep deletion locks and the mark of exempt accounts from being passed: who could weaken them in the policy
/// would pass every lock and every quota, and an exemption is there to be seen.
const FIXED: [&str; 6] = ["BKP350", "BKP351", "BKP352", "BKP353", "BKP355", "BKP401"];

impl Rule {
    /// Whether no policy changes its severity.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        FIXED.contains(&self.code)
    }
}

/// What there is to read about a rule; its examples are tested.
#[derive(Debug)]
pub struct Page {
    /// One paragraph: what happens otherwise, and where in Velero or Kubernetes.
    pub why: &'static str,
    /// A manifest that breaks the rule, as YAML.
    pub bad: &'static str,
    /// The same manifest, put right.
    pub good: &'static str,
    /// What the examples are done with: made, changed to, or deleted.
    pub operation: Operation,
    /// What the rule must know beside the object, in words.
    pub facts: &'static [&'static str],
    /// What is known while the examples are judged.
    pub given: fn() -> Facts,
}

/// How a rule looks at a subject.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// A rule about pods and pod templates that are made or changed; it needs nothing but the object.
    Pod(fn(&Pod<'_>) -> Vec<Violation>),
    /// The same about a pod and the cluster around it.
    PodAround(fn(&Pod<'_>, &Facts) -> Outcome),
    /// A rule about an object that is made or changed, and the cluster around it.
    Subject(fn(&Config, &Subject<'_>, &Facts) -> Outcome),
    /// The same, asked about deletions as well: see [`Subject::operation`].
    Operation(fn(&Config, &Subject<'_>, &Facts) -> Outcome),
}

/// A rule in the API server's own expression language.
#[derive(Debug, Clone, Copy)]
pub enum Cel {
    /// Conditions about a pod or a pod template, which together find what the rule finds.
    Pod(fn(Scope) -> Vec<CelCheck>),
    /// It is left out of generated policies, for this reason.
    LeftOut(&'static str),
}

/// What a rule found, or what it would have had to know.
pub type Outcome = Result<Vec<Violation>, Missing>;

/// A fact that a rule lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing(pub &'static str);

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the object.
    pub path: FieldPath,
    /// The value, what is wrong with it and the way out.
    pub message: String,
    /// Whether nothing is lost by it, so that its author is told and not refused, whatever the rule's severity.
    pub harmless: bool,
    /// The way out as a change, where there is exactly one.
    pub fix: Option<Fix>,
}

impl Violation {
    /// A breach at a place.
    #[must_use]
    pub fn at(path: FieldPath, message: impl Into<String>) -> Self {
        Self { path, message: message.into(), harmless: false, fix: None }
    }

    /// Says that nothing is lost by it.
    #[must_use]
    pub fn harmless(self) -> Self {
        Self { harmless: true, ..self }
    }

    /// Gives the one right answer, when there is one.
    #[must_use]
    pub fn fixed_by(self, fix: impl Into<Option<Fix>>) -> Self {
        Self { fix: fix.into(), ..self }
    }
}
