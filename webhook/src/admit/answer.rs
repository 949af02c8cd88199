//! Our answer, in the API server's words.

use backup_policy::{Finding, Verdict};
use json_patch::Patch;
use kube::core::{
    DynamicObject, Status,
    admission::{AdmissionResponse, AdmissionReview, SerializePatchError},
    response::{StatusCause, StatusDetails},
};

use super::{Malformed, Request};

/// API servers cut each warning to this length once all of them are longer than the other.
const WARNING_LENGTH: usize = 256;
const WARNINGS_LENGTH: usize = 4096;
/// What says that there are more.
const MORE: &str = "there are more warnings than fit here: kubectl backup lint shows all";

/// An answer, before it is put into a review.
#[derive(Debug, Default)]
pub struct Answer {
    /// Why the object is refused, when it is.
    pub refusal: Option<Status>,
    /// What to change in the object.
    pub patch: Option<Patch>,
    /// What its author is told.
    pub warnings: Vec<String>,
    /// The codes of all findings, for the audit log.
    pub codes: Vec<&'static str>,
    /// The codes of the rules that lacked a fact, for the audit log: they have not passed.
    pub not_evaluated: Vec<&'static str>,
    /// Whether a quota was asked, for the audit log.
    pub counted: bool,
    /// What became of the request, for the metrics.
    pub verdict: &'static str,
}

impl Answer {
    /// Yes.
    pub fn allowed() -> Self {
        Self { verdict: "allowed", ..Self::default() }
    }

    /// Yes, with these changes; none are no answer of its own.
    pub fn patched(patch: Patch) -> Self {
        if patch.0.is_empty() {
            return Self::allowed();
        }
        Self { patch: Some(patch), verdict: "patched", ..Self::default() }
    }

    /// What the rules found.
    pub fn judged(request: &Request, verdict: &Verdict) -> Self {
        let denials: Vec<_> = verdict.denials().collect();
        Self {
            refusal: (!denials.is_empty()).then(|| invalid(request, &denials)),
            patch: None,
            warnings: warnings(verdict.warnings().map(ToString::to_string)),
            codes: verdict.findings.iter().map(|finding| finding.code).collect(),
            not_evaluated: verdict.not_evaluated.iter().map(|rule| rule.code).collect(),
            counted: false,
            verdict: if denials.is_empty() { "allowed" } else { "denied" },
        }
    }

    /// What follows was decided by a quota, or would have been but for an exemption.
    pub fn counted(mut self) -> Self {
        self.counted = true;
        self
    }

    /// No, because there is no room. The reason is not Invalid: kubectl would then show the causes and not the message.
    pub fn full(mut self, request: &Request, message: &str) -> Self {
        let details = details(request, Vec::new(), 0);
        self.refusal = Some(Status::failure(message, "Forbidden").with_code(403).with_details(details));
        self.verdict = "refused";
        self
    }

    /// Not now: clients come back by themselves after so many seconds.
    pub fn later(mut self, request: &Request, message: &str, retry_after: u32) -> Self {
        let details = details(request, Vec::new(), retry_after);
        self.refusal = Some(Status::failure(message, "TooManyRequests").with_code(429).with_details(details));
        self.verdict = "later";
        self
    }

    /// No, because the name is taken: what the store would say, so that clients understand it as that.
    pub fn exists(mut self, request: &Request) -> Self {
        let name = request.metadata("name").unwrap_or(&request.name);
        let message = format!("{} {name:?} already exists", request.resource_name());
        let details = details(request, Vec::new(), 0);
        self.refusal = Some(Status::failure(&message, "AlreadyExists").with_code(409).with_details(details));
        self.verdict = "exists";
        self
    }

    /// Yes, and with these words.
    pub fn saying(text: &str) -> Self {
        Self { warnings: vec![warning(text)], ..Self::allowed() }
    }

    /// The same, and with these words besides.
    pub fn warn(&mut self, texts: impl Iterator<Item = String>) {
        self.warnings = warnings(std::mem::take(&mut self.warnings).into_iter().chain(texts));
    }

    /// No, because the object lacks what it is counted by.
    pub fn nameless(mut self) -> Self {
        let message = "the object has no name or no uid, so that it cannot be counted";
        self.refusal = Some(Status::failure(message, "BadRequest").with_code(400));
        self.verdict = "failed";
        self
    }

    /// No, because the question cannot be understood.
    pub fn malformed(malformed: &Malformed) -> Self {
        let refusal = Status::failure(&malformed.to_string(), "BadRequest").with_code(400);
        Self { refusal: Some(refusal), verdict: "failed", ..Self::default() }
    }

    /// The review that answers the call of that uid.
    pub fn into_review(self, uid: &str) -> Result<AdmissionReview<DynamicObject>, SerializePatchError> {
        // The only constructor that wants no typed request; all its fields are set anew.
        let mut response = AdmissionResponse::invalid("");
        uid.clone_into(&mut response.uid);
        response.allowed = self.refusal.is_none();
        response.result = self.refusal.unwrap_or_default();
        response.warnings = (!self.warnings.is_empty()).then_some(self.warnings);
        for (key, codes) in [("findings", self.codes), ("not-evaluated", self.not_evaluated)] {
            if !codes.is_empty() {
                response.audit_annotations.insert(key.to_owned(), codes.join(","));
            }
        }
        if self.counted {
            response.audit_annotations.insert("decision".to_owned(), self.verdict.to_owned());
        }
        match self.patch {
            Some(patch) => Ok(response.with_patch(patch)?.into_review()),
            None => Ok(response.into_review()),
        }
    }
}

fn invalid(request: &Request, denials: &[&Finding]) -> Status {
    let causes = denials.iter().map(|finding| StatusCause {
        reason: "FieldValueInvalid".to_owned(),
        message: format!("{} [{}]", finding.message, finding.code),
        field: finding.path.to_string(),
    });
    let message = denials.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Status::failure(&message, "Invalid").with_code(422).with_details(details(request, causes.collect(), 0))
}

fn details(request: &Request, causes: Vec<StatusCause>, retry_after_seconds: u32) -> StatusDetails {
    let name =
        if request.name.is_empty() { request.metadata("generateName").unwrap_or_default() } else { &request.name };
    StatusDetails {
        name: name.to_owned(),
        group: request.kind.group.clone(),
        kind: request.kind.kind.clone(),
        uid: String::new(),
        causes,
        retry_after_seconds,
    }
}

/// As many warnings as an API server passes on uncut.
fn warnings(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut left = WARNINGS_LENGTH - MORE.len();
    let mut lines = Vec::new();
    for line in texts.map(|text| warning(&text)) {
        // API servers drop what is said twice.
        if lines.contains(&line) {
            continue;
        }
        let length = line.chars().count();
        if length > left {
            lines.push(MORE.to_owned());
            break;
        }
        left -= length;
        lines.push(line);
    }
    lines
}

/// A text that survives as an HTTP header: one line, not too long.
fn warning(text: &str) -> String {
    let mut line: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    if let Some((end, _)) = line.char_indices().nth(WARNING_LENGTH) {
        line.truncate(end);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_fit_into_a_header() {
        assert_eq!(warning("a\nb"), "a b");
        assert_eq!(warning(&"ü".repeat(300)).chars().count(), 256);
    }

    #[test]
    fn all_warnings_together_fit_and_who_is_left_out_is_told() {
        let many = warnings((0..40).map(|n| format!("{n} {}", "x".repeat(200))));
        assert!(many.iter().map(|line| line.chars().count()).sum::<usize>() <= WARNINGS_LENGTH);
        assert_eq!((many.len(), many.last().map(String::as_str)), (20, Some(MORE)));
        let few = warnings(["a", "b", "a"].map(str::to_owned).into_iter());
        assert_eq!(few, ["a", "b"]);
    }

    #[test]
    fn no_change_is_no_patch() {
        assert!(Answer::patched(Patch::default()).patch.is_none());
    }
}
