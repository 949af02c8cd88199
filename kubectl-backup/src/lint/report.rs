//! What was found, in what, and where.

use std::ops::Range;

use backup_policy::{Fix, Severity};

use super::{
    object::Name,
    source::{Position, Source},
};

/// Everything that there is to say.
#[derive(Debug, Default)]
pub struct Report {
    /// The texts that findings point into.
    pub sources: Vec<Source>,
    /// What is wrong.
    pub findings: Vec<Found>,
    /// Rules that could not be applied.
    pub not_evaluated: Vec<Skipped>,
    /// Objects that the rules looked at.
    pub judged: usize,
    /// Objects of kinds that no rule knows.
    pub passed_over: usize,
}

/// A finding.
#[derive(Clone, Debug)]
pub struct Found {
    /// The rule's code.
    pub code: &'static str,
    /// What becomes of the object.
    pub severity: Severity,
    /// What is wrong, and the way out.
    pub message: String,
    /// The field, as Kubernetes writes paths; empty for the text as a whole.
    pub field: String,
    /// The object; nothing when the text could not be read.
    pub object: Option<Name>,
    /// Where it stands; nothing for an object that lives in a cluster.
    pub spot: Option<Spot>,
    /// The value that stands there, of an object that lives in a cluster.
    pub value: Option<String>,
    /// The one right answer, when there is one.
    pub fix: Option<Fix>,
}

/// A place in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The number of the source.
    pub source: usize,
    /// The number of the document in the source.
    pub document: usize,
    /// The object's place in the document, as a JSON pointer.
    pub object: String,
    /// The bytes.
    pub span: Range<usize>,
}

/// A rule that could not be applied to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The rule's code.
    pub code: &'static str,
    /// What would have had to be known.
    pub missing: &'static str,
    /// The object.
    pub object: Name,
}

impl Report {
    /// Whether there was nothing to judge, and nothing to say.
    pub fn is_empty(&self) -> bool {
        self.judged + self.passed_over == 0 && self.findings.is_empty()
    }

    /// The source of a finding, with its first and last place.
    pub fn place(&self, found: &Found) -> Option<(&Source, Position, Position)> {
        let spot = found.spot.as_ref()?;
        let source = self.sources.get(spot.source)?;
        Some((source, source.position(spot.span.start), source.position(spot.span.end)))
    }

    /// Leaves out what weighs less, and brings the rest into the order of the texts.
    pub fn keep(&mut self, at_least: Severity) {
        self.findings.retain(|found| found.severity >= at_least);
        self.findings.sort_by_key(|found| {
            let spot = found.spot.as_ref().map(|spot| (spot.source, spot.span.start));
            (spot, found.object.clone(), found.code)
        });
    }

    /// The objects with findings, each once, as kubectl names them.
    pub fn names(&self) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let names = self.findings.iter().filter_map(|found| found.object.as_ref());
        names.filter(|name| seen.insert(*name)).map(Name::resource).collect()
    }

    /// Whether anything weighs that much.
    pub fn has(&self, at_least: Severity) -> bool {
        self.findings.iter().any(|found| found.severity >= at_least)
    }

    /// How many findings weigh exactly that much.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|found| found.severity == severity).count()
    }
}
