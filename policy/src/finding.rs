//! What a rule has to say about an object.

use std::{fmt, str::FromStr};

use crate::{FieldPath, Fix};

/// How much a finding weighs, from nothing to refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The rule is not evaluated at all.
    Off,
    /// The object is accepted and nobody is told; it is counted, logged and written to the audit log.
    Audit,
    /// The object is accepted and its author told.
    Warn,
    /// The object is refused.
    Deny,
}

impl Severity {
    /// Every severity, the lightest first.
    pub const ALL: [Self; 4] = [Self::Off, Self::Audit, Self::Warn, Self::Deny];

    /// The name that policies and people use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "Off",
            Self::Audit => "Audit",
            Self::Warn => "Warn",
            Self::Deny => "Deny",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|severity| severity.name() == text).ok_or(UnknownSeverity)
    }
}

/// A text that names no severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownSeverity;

impl fmt::Display for UnknownSeverity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a severity is one of Off, Audit, Warn and Deny")
    }
}

impl std::error::Error for UnknownSeverity {}

/// One thing that is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's code, as in `BKP101`.
    pub code: &'static str,
    /// What becomes of the object.
    pub severity: Severity,
    /// Where in the object.
    pub path: FieldPath,
    /// The value, what is wrong with it and the way out.
    pub message: String,
    /// The way out as a change, where there is exactly one.
    pub fix: Option<Fix>,
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
        write!(out, "{} {}: {}", self.code, self.path, self.message)
    }
}

impl fmt::Display for NotEvaluated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} was not evaluated: {} not known", self.code, self.missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_ordered_and_read_by_name() {
        assert!(Severity::ALL.is_sorted());
        for severity in Severity::ALL {
            assert_eq!(severity.to_string().parse(), Ok(severity));
        }
        assert_eq!("deny".parse::<Severity>(), Err(UnknownSeverity));
    }
}
